//! A line between a console and its backend, which can be cut, and on which answers get lost.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Result;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::sleep;

/// Bytes read at once: an answer's head comes in one piece.
const PIECE_BYTES: usize = 64 * 1024;

/// A TCP line that can be broken. It ends when this is dropped.
pub struct Proxy {
    address: SocketAddr,
    line: Arc<Line>,
    _accepting: JoinSet<()>,
}

struct Line {
    to: SocketAddr,
    cut: watch::Sender<bool>,
    /// A request whose answer is to be lost, by a part of its first line.
    losing: Mutex<Option<String>>,
    lost: AtomicUsize,
    delay: Mutex<Duration>,
    /// What the backend has said.
    heard: Mutex<Vec<u8>>,
}

impl Proxy {
    /// A line to this address.
    ///
    /// # Errors
    /// When there is no free port.
    pub async fn to(to: SocketAddr) -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let line = Arc::new(Line {
            to,
            cut: watch::Sender::new(false),
            losing: Mutex::default(),
            lost: AtomicUsize::new(0),
            delay: Mutex::default(),
            heard: Mutex::default(),
        });
        let mut accepting = JoinSet::new();
        accepting.spawn(accept(listener, Arc::clone(&line)));
        Ok(Self { address, line, _accepting: accepting })
    }

    /// Where it is entered.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its address, as a console takes it.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Ends every connection, and lets none come about.
    pub fn cut(&self) {
        self.line.cut.send_replace(true);
    }

    /// Lets connections come about again.
    pub fn heal(&self) {
        self.line.cut.send_replace(false);
    }

    /// Loses the answer to the next request whose first line contains this: the backend acts, and the console never
    /// hears of it.
    pub fn lose_answer_to(&self, request: &str) {
        *lock(&self.line.losing) = Some(request.to_owned());
    }

    /// Answers lost so far.
    pub fn lost(&self) -> usize {
        self.line.lost.load(Ordering::SeqCst)
    }

    /// Holds back every piece of an answer for so long.
    pub fn delay_answers(&self, delay: Duration) {
        *lock(&self.line.delay) = delay;
    }

    /// Everything the backend has said on this line: what a thief would have who listened.
    pub fn heard(&self) -> String {
        String::from_utf8_lossy(&lock(&self.line.heard)).into_owned()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn accept(listener: TcpListener, line: Arc<Line>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => drop(connections.spawn(carry(stream, Arc::clone(&line)))),
                Err(_) => return,
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

/// Carries one connection until either end closes it, or the line is cut.
async fn carry(client: TcpStream, line: Arc<Line>) {
    let mut cut = line.cut.subscribe();
    if *cut.borrow() {
        return;
    }
    let Ok(server) = TcpStream::connect(line.to).await else { return };
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let losing = AtomicBool::new(false);
    tokio::select! {
        () = requests(from_client, to_server, &line, &losing) => {}
        () = answers(from_server, to_client, &line, &losing) => {}
        _ = cut.wait_for(|cut| *cut) => {}
    }
}

async fn requests(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, line: &Line, losing: &AtomicBool) {
    let mut piece = vec![0; PIECE_BYTES];
    while let Ok(read @ 1..) = from.read(&mut piece).await {
        let bytes = piece.get(..read).unwrap_or_default();
        let first_line = bytes.split(|byte| *byte == b'\r').next().unwrap_or_default();
        let first_line = String::from_utf8_lossy(first_line);
        let chosen = lock(&line.losing).take_if(|request| first_line.contains(request.as_str()));
        if chosen.is_some() {
            losing.store(true, Ordering::SeqCst);
        }
        if to.write_all(bytes).await.is_err() {
            return;
        }
    }
}

async fn answers(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, line: &Line, losing: &AtomicBool) {
    let mut piece = vec![0; PIECE_BYTES];
    while let Ok(read @ 1..) = from.read(&mut piece).await {
        let bytes = piece.get(..read).unwrap_or_default();
        if losing.load(Ordering::SeqCst) {
            line.lost.fetch_add(1, Ordering::SeqCst);
            return;
        }
        lock(&line.heard).extend_from_slice(bytes);
        let delay = *lock(&line.delay);
        if !delay.is_zero() {
            sleep(delay).await;
        }
        if to.write_all(bytes).await.is_err() {
            return;
        }
    }
}
