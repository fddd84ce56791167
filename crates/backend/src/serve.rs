//! The process that serves: what requests can reach, and the connections they come on.

use std::future::Future;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::ConnectInfo;
use deskbell_domain::TenantId;
use deskbell_protocol::limits::{DEAD_MS, PING_MS};
use deskbell_seal::Key;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tower_service::Service as _;

use crate::auth::password::PasswordError;
use crate::auth::{AttemptLimits, Attempts, Passwords};
use crate::http;
use crate::ingest::Gate;
use crate::limits::{CONNECTIONS_MAX, HEAD_TIME, LEASE_MS, STOP_TIME};
use crate::storage::{self, Db};
use crate::sync::Tokens;
use crate::worker::HealthProbe;

/// What an operator decides about serving.
#[derive(Debug, Clone)]
pub struct ServeSettings {
    /// How long a console's cache may be shown without contact, in milliseconds.
    pub lease_ms: i64,
    /// Whether a proxy of the operator's stands before the backend and says who connects.
    pub trust_forwarded_for: bool,
    /// Limits on attempts to sign in.
    pub attempts: AttemptLimits,
    /// Time between pings on a socket.
    pub ping: Duration,
    /// Silence after which a socket is dead.
    pub dead: Duration,
}

impl Default for ServeSettings {
    fn default() -> Self {
        Self {
            lease_ms: LEASE_MS,
            trust_forwarded_for: false,
            attempts: AttemptLimits::default(),
            ping: Duration::from_millis(PING_MS),
            dead: Duration::from_millis(DEAD_MS),
        }
    }
}

/// What requests can reach. Clones share one.
#[derive(Clone)]
pub struct Backend(Arc<Inner>);

struct Inner {
    db: Db,
    settings: ServeSettings,
    passwords: Passwords,
    attempts: Attempts,
    gate: Gate,
    health: HealthProbe,
    sessions: watch::Sender<u64>,
    stopping: watch::Sender<bool>,
}

impl Backend {
    /// A backend on this storage, whose work is watched by `health`. Takes tens of milliseconds: it hashes a password.
    ///
    /// # Errors
    /// When the machine has no randomness.
    pub fn new(db: Db, settings: ServeSettings, health: HealthProbe) -> Result<Self, PasswordError> {
        Ok(Self(Arc::new(Inner {
            attempts: Attempts::new(settings.attempts),
            passwords: Passwords::new()?,
            gate: Gate::new(db.clone()),
            health,
            sessions: watch::Sender::new(0),
            stopping: watch::Sender::new(false),
            settings,
            db,
        })))
    }

    /// The storage.
    pub fn db(&self) -> &Db {
        &self.0.db
    }

    /// What the operator decided.
    pub fn settings(&self) -> &ServeSettings {
        &self.0.settings
    }

    /// Compares passwords.
    pub fn passwords(&self) -> &Passwords {
        &self.0.passwords
    }

    /// Limits sign-ins.
    pub fn attempts(&self) -> &Attempts {
        &self.0.attempts
    }

    /// Where webhooks come in.
    pub fn gate(&self) -> &Gate {
        &self.0.gate
    }

    /// How the work behind the requests is doing.
    pub fn health(&self) -> &HealthProbe {
        &self.0.health
    }

    /// Has every socket look at once whether its session still holds.
    pub fn sessions_changed(&self) {
        self.0.sessions.send_modify(|changes| *changes = changes.wrapping_add(1));
    }

    pub(crate) fn watch_sessions(&self) -> watch::Receiver<u64> {
        self.0.sessions.subscribe()
    }

    fn end_sockets(&self) {
        self.0.stopping.send_replace(true);
    }

    /// Turns true when the process stops.
    pub(crate) fn stopping(&self) -> watch::Receiver<bool> {
        self.0.stopping.subscribe()
    }

    /// The key of a tenant's cursors, page tokens and command digests.
    pub(crate) async fn token_key(&self, tenant: TenantId) -> storage::Result<Key> {
        self.0.db.keys().token_key(tenant).await
    }

    pub(crate) async fn tokens(&self, tenant: TenantId) -> storage::Result<Tokens> {
        Ok(Tokens::new(tenant, self.token_key(tenant).await?))
    }
}

/// Serves until `stop` is done; then ends sockets, lets open requests finish for [`STOP_TIME`], and returns.
///
/// # Errors
/// When no connection can be accepted any more.
pub async fn serve(
    listener: TcpListener,
    backend: Backend,
    stop: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    let router = http::router(backend.clone());
    let room = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    // When this future is dropped instead of being stopped, what it began ends with it.
    let _end = EndSockets(&backend);
    let mut connections = JoinSet::new();
    let mut stop = pin!(stop);
    loop {
        // A connection is accepted when there is room for it: until then it waits in the system's queue.
        let accepted = async {
            let Ok(room) = Arc::clone(&room).acquire_owned().await else {
                return std::future::pending().await;
            };
            (listener.accept().await, room)
        };
        tokio::select! {
            () = &mut stop => break,
            (accepted, room) = accepted => match accepted {
                Ok((stream, peer)) => {
                    while connections.try_join_next().is_some() {}
                    connections.spawn(connection(&backend, &router, stream, peer, room));
                }
                // The client is gone, or the process has too many files open, which passes.
                Err(error) if is_of_one_connection(&error) => {}
                Err(error) => {
                    tracing::warn!(kind = %error.kind(), "a connection could not be accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
        }
    }
    drop(listener);
    backend.end_sockets();
    let all_ended = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(STOP_TIME, all_ended).await.is_err() {
        tracing::warn!("connections were cut: they did not end in time");
    }
    Ok(())
}

/// How long to wait when the process has too many files open: asking at once would only burn a core.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

fn is_of_one_connection(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

/// Has sockets end when it is dropped: they belong to no connection any more.
struct EndSockets<'a>(&'a Backend);

impl Drop for EndSockets<'_> {
    fn drop(&mut self) {
        self.0.end_sockets();
    }
}

/// Serves one connection to its end.
fn connection(
    backend: &Backend,
    router: &axum::Router,
    stream: TcpStream,
    peer: SocketAddr,
    room: OwnedSemaphorePermit,
) -> impl Future<Output = ()> + Send + use<> {
    // A frame is one small packet that somebody waits for: it may not wait for another.
    let _best_effort = stream.set_nodelay(true);
    let router = router.clone();
    let answer = service_fn(move |mut request: hyper::Request<Incoming>| {
        request.extensions_mut().insert(ConnectInfo(peer));
        let mut router = router.clone();
        async move { router.call(request).await }
    });
    let mut stopping = backend.stopping();
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIME)
        .serve_connection(TokioIo::new(stream), answer)
        .with_upgrades();
    async move {
        let mut connection = pin!(connection);
        let stopped = async move { stopping.wait_for(|stopping| *stopping).await.is_ok() };
        // A connection that breaks has nobody to be told.
        let _broken = tokio::select! {
            ended = &mut connection => ended,
            _ = stopped => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        drop(room);
    }
}
