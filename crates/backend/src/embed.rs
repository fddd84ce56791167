//! The whole backend in this process: what `deskbell-backend serve` runs, and what a practice tenant embeds.

use std::net::SocketAddr;
use std::sync::Arc;

use deskbell_domain::Clock;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use crate::auth::password::PasswordError;
use crate::config::{Config, ConfigError};
use crate::serve::{self, Backend, ServeSettings};
use crate::storage::Db;
use crate::worker::{HealthProbe, Worker, WorkerError, WorkerOptions};

/// Why the backend does not run.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The configuration, or the storage that it names.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Somebody else listens there, or nobody may.
    #[error("cannot listen on {address}: {error}")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// Why not.
        error: std::io::Error,
    },
    /// The machine gives no randomness.
    #[error(transparent)]
    Password(#[from] PasswordError),
    /// The work.
    #[error(transparent)]
    Worker(#[from] WorkerError),
}

/// A backend that runs. Dropped, it ends at once, as if the process had died.
pub struct Running {
    address: SocketAddr,
    db: Db,
    worker: Worker,
    stop: oneshot::Sender<()>,
    server: JoinSet<std::io::Result<()>>,
}

/// Starts a backend: storage, work, interface.
///
/// # Errors
/// When the configuration cannot hold, the storage refuses, or the address is taken.
pub async fn embed(config: Config, clock: Arc<dyn Clock>) -> Result<Running, StartError> {
    let options = WorkerOptions::from_config(&config);
    embed_with(config, options, clock).await
}

/// Starts a backend whose work is done as `options` say.
///
/// # Errors
/// As [`embed`].
pub async fn embed_with(
    config: Config,
    options: WorkerOptions,
    clock: Arc<dyn Clock>,
) -> Result<Running, StartError> {
    let db = config.open(clock).await?;
    for restored in &db.start_report().restored {
        tracing::error!(
            tenant = %restored.tenant,
            epoch = %restored.epoch,
            "the data is a restored copy: consoles begin anew"
        );
    }
    let listen = |error| StartError::Listen { address: config.listen, error };
    let listener = TcpListener::bind(config.listen).await.map_err(listen)?;
    let address = listener.local_addr().map_err(listen)?;
    let worker = Worker::start(&db, options).await?;
    let settings =
        ServeSettings { trust_forwarded_for: config.trust_forwarded_for, ..ServeSettings::default() };
    let backend = Backend::new(db.clone(), settings, worker.probe())?;
    let (stop, stopped) = oneshot::channel();
    // A set, because it takes its task with it when it is dropped.
    let mut server = JoinSet::new();
    server.spawn(serve::serve(listener, backend, async move {
        // A sender that is gone means the same.
        let _ = stopped.await;
    }));
    tracing::info!(%address, "listening");
    Ok(Running { address, db, worker, stop, server })
}

impl Running {
    /// Where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its storage.
    pub const fn db(&self) -> &Db {
        &self.db
    }

    /// How its work goes.
    pub fn health(&self) -> HealthProbe {
        self.worker.probe()
    }

    /// Takes nothing more, ends what is under way, and closes the storage.
    ///
    /// # Errors
    /// When the listener had failed before.
    pub async fn stop(mut self) -> std::io::Result<()> {
        let _ = self.stop.send(());
        let served = match self.server.join_next().await {
            Some(served) => served.unwrap_or_else(|error| Err(std::io::Error::other(error))),
            None => Ok(()),
        };
        self.worker.stop().await;
        self.db.close().await;
        served
    }
}

impl std::fmt::Debug for Running {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Running").field("address", &self.address).finish_non_exhaustive()
    }
}
