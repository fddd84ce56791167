//! Runs the engine: one task owns it, gives it events, and carries its actions out.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use deskbell_domain::{Clock as _, CommandId, ConversationId, SystemClock, UtcMs};
use deskbell_protocol::socket::ClientMessage;
use deskbell_protocol::sync::PageToken;
use deskbell_sync::action::{Action, Changed, Report, Request, RequestId};
use deskbell_sync::event::{Answer, EnqueueError, Event, Failure, FailureKind, NewCommand};
use deskbell_sync::{Engine, Store as _};
use tokio::sync::{mpsc, oneshot};

use crate::api::View;
use crate::limits::EVENTS_WAITING_MAX;
use crate::session::Session;
use crate::transport::Socket;

/// What the driver is told: what happened, or what the user wants and waits for.
pub(crate) enum Input {
    Event(Event),
    Enqueue(NewCommand, oneshot::Sender<Result<(), EnqueueError>>),
    TakeBack(CommandId, oneshot::Sender<Result<(), EnqueueError>>),
    FillGap(ConversationId, PageToken, oneshot::Sender<Result<(), Failure>>),
    Stop,
}

/// Where inputs go.
pub(crate) type Inputs = mpsc::Sender<Input>;

/// A channel for inputs: bounded, so that the socket is read only as fast as the store takes.
pub(crate) fn inputs() -> (Inputs, mpsc::Receiver<Input>) {
    mpsc::channel(EVENTS_WAITING_MAX)
}

/// The engine and all it waits for.
pub(crate) struct Driver {
    engine: Engine,
    session: Arc<Session>,
    inputs: mpsc::Receiver<Input>,
    timer: Option<UtcMs>,
    /// Messages for the open socket; dropped to close it.
    socket: Option<mpsc::UnboundedSender<ClientMessage>>,
    enqueued: HashMap<CommandId, oneshot::Sender<Result<(), EnqueueError>>>,
    taken_back: HashMap<CommandId, oneshot::Sender<Result<(), EnqueueError>>>,
    gaps: HashMap<ConversationId, Vec<oneshot::Sender<Result<(), Failure>>>>,
}

impl Driver {
    pub(crate) fn new(engine: Engine, session: Arc<Session>, inputs: mpsc::Receiver<Input>) -> Self {
        Self {
            engine,
            session,
            inputs,
            timer: None,
            socket: None,
            enqueued: HashMap::new(),
            taken_back: HashMap::new(),
            gaps: HashMap::new(),
        }
    }

    /// Runs until told to stop. What is in the outbox stays there.
    pub(crate) async fn run(mut self, access_ms: Option<i64>) {
        self.handle(Event::Started { access_ms });
        loop {
            let input = tokio::select! {
                input = self.inputs.recv() => input,
                () = sleep_until(self.timer) => {
                    self.timer = None;
                    Some(Input::Event(Event::Timer))
                }
            };
            match input {
                Some(Input::Event(event)) => self.handle(event),
                Some(Input::Enqueue(command, answer)) => {
                    self.enqueued.insert(command.command.id, answer);
                    self.handle(Event::Enqueue(command));
                }
                Some(Input::TakeBack(command, answer)) => {
                    self.taken_back.insert(command, answer);
                    self.handle(Event::TakeBack(command));
                }
                Some(Input::FillGap(conversation, token, answer)) => {
                    self.gaps.entry(conversation).or_default().push(answer);
                    self.handle(Event::FillGap { conversation, token });
                }
                Some(Input::Stop) | None => return,
            }
        }
    }

    fn handle(&mut self, event: Event) {
        for action in self.engine.handle(event, SystemClock.now()) {
            self.act(action);
        }
    }

    fn act(&mut self, action: Action) {
        match action {
            Action::Step(id, step) => {
                let session = Arc::clone(&self.session);
                tokio::spawn(async move {
                    let done = session.storage.apply(&step).await;
                    session.tell(Event::StepDone(id, done)).await;
                });
            }
            Action::Request(id, request) => {
                let session = Arc::clone(&self.session);
                tokio::spawn(async move {
                    let answer = ask(&session, id, request).await;
                    session.tell(answer).await;
                });
            }
            Action::OpenSocket => {
                let (sender, receiver) = mpsc::unbounded_channel();
                self.socket = Some(sender);
                tokio::spawn(run_socket(Arc::clone(&self.session), receiver));
            }
            Action::Send(message) => {
                if let Some(socket) = &self.socket {
                    // A socket that is going away says so itself.
                    let _ = socket.send(message);
                }
            }
            Action::CloseSocket => self.socket = None,
            Action::SetTimer(at) => self.timer = Some(at),
            // Purged; the signed proof needs the rewrite of the files, which this version does not do. The backend
            // goes on counting this device as not confirmed, which is true.
            Action::Prove { erasure, rows } => {
                tracing::warn!(%erasure, rows, "purged, and not proved: this version cannot rewrite its files");
            }
            Action::Report(report) => self.report(report),
        }
    }

    fn report(&mut self, report: Report) {
        let status = &self.session.status;
        match report {
            Report::Connection(state) => status.connection(state),
            Report::InStep => status.in_step(SystemClock.now()),
            Report::Outbox { waiting, refused } => status.outbox(waiting, refused),
            Report::Changed(Changed::Conversations(conversations)) => {
                let threads = conversations.into_iter().map(|conversation| View::Thread { conversation });
                status.announcer().changed(std::iter::once(View::List).chain(threads));
            }
            Report::Changed(Changed::Everything) => status.announcer().changed([View::Everything]),
            Report::Enqueued(command, result) => answer(self.enqueued.remove(&command), result),
            Report::TakenBack(command, result) => answer(self.taken_back.remove(&command), result),
            Report::GapFilled(conversation, result) => {
                for waiting in self.gaps.remove(&conversation).unwrap_or_default() {
                    answer(Some(waiting), result);
                }
            }
            Report::Settled(_) | Report::Refused(..) => {}
            Report::Storage(error) => {
                tracing::error!(%error, "a step could not be stored; it is tried again")
            }
            Report::Alarm(alarm) => tracing::warn!(?alarm, "something is not as it should be"),
        }
    }
}

/// Answers whoever waits. A caller that went away needs no answer.
fn answer<T>(waiting: Option<oneshot::Sender<T>>, result: T) {
    if let Some(waiting) = waiting {
        let _ = waiting.send(result);
    }
}

async fn sleep_until(at: Option<UtcMs>) {
    match at {
        Some(at) => {
            let ms = u64::try_from(at.since(SystemClock.now())).unwrap_or(0);
            tokio::time::sleep(Duration::from_millis(ms)).await;
        }
        None => std::future::pending().await,
    }
}

async fn ask(session: &Session, id: RequestId, request: Request) -> Event {
    let answer = match request {
        Request::Renew { refresh_id } => {
            session.renew(refresh_id).await.map(|access_ms| Answer::Renewed { access_ms })
        }
        request => match session.access_token() {
            Some(access) => session.transport.ask(request, &access).await,
            None => Err(unauthorized()),
        },
    };
    Event::Answered(id, answer)
}

/// What the backend would say without a token; the engine renews the session then.
const fn unauthorized() -> Failure {
    Failure::new(FailureKind::Refused(deskbell_protocol::problem::ProblemCode::Unauthorized))
}

/// Opens a socket and carries its messages, until either side closes it. Says once that it is closed.
async fn run_socket(session: Arc<Session>, mut outgoing: mpsc::UnboundedReceiver<ClientMessage>) {
    let opened = match session.access_token() {
        Some(access) => tokio::select! {
            opened = session.transport.open_socket(&access) => opened.ok(),
            // Given up before it was open: the channel has no other use while nothing can be sent.
            _ = outgoing.recv() => None,
        },
        None => None,
    };
    if let Some(Socket { mut reader, mut writer }) = opened {
        session.tell(Event::SocketOpened).await;
        loop {
            tokio::select! {
                message = reader.next() => match message {
                    Some(message) => session.tell(Event::SocketMessage(message)).await,
                    None => break,
                },
                message = outgoing.recv() => match message {
                    Some(message) => if !writer.send(&message).await { break },
                    None => break,
                },
            }
        }
        writer.close().await;
    }
    session.tell(Event::SocketClosed).await;
}
