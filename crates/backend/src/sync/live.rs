//! The socket: frames as they become, the session looked at with each.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::ws::{Message, WebSocket};
use deskbell_protocol::socket::{ClientMessage, RevokeReason, ServerMessage};
use deskbell_protocol::sync::{HelloRequest, ResyncReason};
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt as _, StreamExt as _};
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior};

use super::news::{News, Reporter};
use super::queue::{Full, SocketQueue};
use super::{Viewer, hello};
use crate::auth::Caller;
use crate::limits::SOCKET_HELLO_TIME;
use crate::problem::{Answer, Failure};
use crate::serve::Backend;

/// Serves one console until it goes, dies, or its session ends.
///
/// What is sent goes through a bounded queue to a task that waits for the network, so that a slow console delays
/// nobody and is told to pull when it has fallen behind.
pub(crate) async fn live(backend: Backend, caller: Caller, socket: WebSocket) {
    let (sink, mut stream) = socket.split();
    let queue = Arc::new(SocketQueue::default());
    let writer = tokio::spawn(write(sink, Arc::clone(&queue), backend.settings().dead));
    let last = match Socket::greet(&backend, &caller, &mut stream, &queue).await {
        Ok(Some(socket)) => socket.run(&mut stream).await,
        Ok(None) => None,
        Err(failure) => {
            report(&caller, &failure);
            None
        }
    };
    queue.close(last.as_ref().map(text_of));
    // The last message has as long as any other; the writer ends by itself after it.
    if let Err(error) = writer.await {
        tracing::error!(panicked = error.is_panic(), "a socket's writer ended badly");
    }
}

fn report(caller: &Caller, failure: &Failure) {
    let fault = failure.fault().unwrap_or_default();
    tracing::warn!(tenant = %caller.tenant, device = %caller.device(), fault, "a socket was closed by a fault");
}

fn text_of(message: &ServerMessage) -> String {
    // These types have no shape that JSON lacks.
    serde_json::to_string(message).unwrap_or_default()
}

/// Sends what is queued. A console that takes nothing for as long as `dead` is gone.
async fn write(mut sink: SplitSink<WebSocket, Message>, queue: Arc<SocketQueue>, dead: Duration) {
    while let Some(message) = queue.next().await {
        match tokio::time::timeout(dead, sink.send(Message::text(message))).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) | Err(_) => break,
        }
    }
    queue.close(None);
    // The other side may be gone already.
    let _gone = tokio::time::timeout(SOCKET_HELLO_TIME, sink.close()).await;
}

/// What a socket waits for.
enum Event {
    /// The console said something, or is gone.
    Heard(Option<Result<Message, axum::Error>>),
    /// The log moved or sessions changed; `false` when nobody is left to say so.
    News(bool),
    /// The process stops; `true` when nobody is left to say so.
    Stopping(bool),
    /// Time for a ping.
    Tick,
}

/// A console that has said hello.
struct Socket<'a> {
    caller: &'a Caller,
    queue: &'a SocketQueue,
    ping: Duration,
    dead: Duration,
    reporter: Reporter<'a>,
    head: watch::Receiver<i64>,
    sessions: watch::Receiver<u64>,
    stopping: watch::Receiver<bool>,
}

impl<'a> Socket<'a> {
    /// Reads and answers the hello. `None` where the console says something else, or no protocol is spoken by both.
    async fn greet(
        backend: &'a Backend,
        caller: &'a Caller,
        stream: &mut SplitStream<WebSocket>,
        queue: &'a SocketQueue,
    ) -> Answer<Option<Self>> {
        let Some(request) = read_hello(stream).await else { return Ok(None) };
        caller.seen(backend).await?;
        // Watched from before the hello is answered: what happens in between is news.
        let sessions = backend.watch_sessions();
        let stopping = backend.stopping();
        if *stopping.borrow() {
            return Ok(None);
        }
        let mut head = backend.db().tenant(caller.tenant).watch().await?;
        head.mark_changed();
        let tokens = backend.tokens(caller.tenant).await?;
        let mut read = backend.db().tenant(caller.tenant).read().await?;
        if let Some(reason) = caller.ended(&mut read).await? {
            queue.close(Some(text_of(&revoke(reason))));
            return Ok(None);
        }
        let viewer = Viewer::now(&mut read, caller).await?;
        let greeted = hello::hello(backend, &mut read, &tokens, viewer, &request).await?;
        let epoch = greeted.response.epoch;
        // The queue is empty: a hello always fits.
        let _fits = queue.push(text_of(&ServerMessage::Hello(greeted.response)));
        let Some(from) = greeted.from else { return Ok(None) };
        let reporter = Reporter::new(backend, caller, tokens, epoch, from);
        let (ping, dead) = (backend.settings().ping, backend.settings().dead);
        Ok(Some(Self { caller, queue, ping, dead, reporter, head, sessions, stopping }))
    }

    /// Runs until the end; answers the last message.
    async fn run(mut self, stream: &mut SplitStream<WebSocket>) -> Option<ServerMessage> {
        let mut ping = tokio::time::interval_at(Instant::now() + self.ping, self.ping);
        ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut heard = Instant::now();
        loop {
            let event = tokio::select! {
                message = stream.next() => Event::Heard(message),
                moved = self.head.changed() => Event::News(moved.is_ok()),
                changed = self.sessions.changed() => Event::News(changed.is_ok()),
                stopping = self.stopping.changed() => Event::Stopping(stopping.is_err()),
                _ = ping.tick() => Event::Tick,
            };
            let quietly = match event {
                Event::Heard(Some(Ok(Message::Close(_)) | Err(_)) | None) | Event::News(false) => {
                    return None;
                }
                Event::Heard(Some(Ok(message))) => {
                    heard = Instant::now();
                    self.hear(&message);
                    continue;
                }
                Event::Stopping(gone) => {
                    if gone || *self.stopping.borrow_and_update() {
                        return None;
                    }
                    continue;
                }
                Event::News(true) => true,
                Event::Tick => {
                    if heard.elapsed() >= self.dead {
                        return None;
                    }
                    self.send(text_of(&ServerMessage::Ping));
                    false
                }
            };
            match self.reporter.news(quietly).await {
                Ok(News::Nothing) => {}
                Ok(News::Frame(text)) => self.send(text),
                Ok(News::Head(seq)) => self.send(text_of(&ServerMessage::Head { seq })),
                Ok(News::Ended(reason)) => return Some(revoke(reason)),
                Ok(News::Another) => return Some(resync(ResyncReason::EpochChanged)),
                // The engine is busy: what is not reported now is reported with what comes next.
                Err(failure) if failure.retry_after_ms().is_some() => {
                    tokio::time::sleep(BUSY_PAUSE).await;
                    self.head.mark_changed();
                }
                Err(failure) => {
                    report(self.caller, &failure);
                    return None;
                }
            }
        }
    }

    /// What a console says after its hello. A newer one may say what this version does not know.
    fn hear(&self, message: &Message) {
        let Message::Text(text) = message else { return };
        if serde_json::from_str::<ClientMessage>(text).is_err() {
            tracing::debug!(device = %self.caller.device(), "a message of an unknown kind on a socket");
        }
    }

    /// Puts a message into the queue. Where the console is too slow for it, what waited is gone, and it is told so in
    /// its place.
    fn send(&self, text: String) {
        if self.queue.push(text) == Err(Full) {
            tracing::debug!(device = %self.caller.device(), "a socket lags");
            // The queue has just been emptied, so this fits.
            let _fits = self.queue.push(text_of(&resync(ResyncReason::Lagging)));
        }
    }
}

/// How long a socket waits before it asks a busy engine again.
const BUSY_PAUSE: Duration = Duration::from_millis(100);

fn revoke(reason: RevokeReason) -> ServerMessage {
    ServerMessage::Revoke { reason: reason.into() }
}

fn resync(reason: ResyncReason) -> ServerMessage {
    ServerMessage::Resync { reason: reason.into() }
}

async fn read_hello(stream: &mut SplitStream<WebSocket>) -> Option<HelloRequest> {
    let first = async {
        loop {
            match stream.next().await?.ok()? {
                Message::Text(text) => return Some(text),
                Message::Ping(_) | Message::Pong(_) => {}
                Message::Binary(_) | Message::Close(_) => return None,
            }
        }
    };
    let text = tokio::time::timeout(SOCKET_HELLO_TIME, first).await.ok()??;
    match serde_json::from_str(&text).ok()? {
        ClientMessage::Hello(request) => Some(request),
        ClientMessage::Pong | ClientMessage::Receipt(_) => None,
    }
}
