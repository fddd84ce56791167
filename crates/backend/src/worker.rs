//! The work behind the interface: webhooks are taken apart, messages are sent.

mod health;
mod sweep;

use std::sync::Arc;

use deskbell_meta::graph::{Graph, GraphConfig, SetupError};
use tokio::sync::watch;
use tokio::task::JoinHandle;

pub use health::{Health, HealthProbe};

use crate::config::Config;
use crate::ingest::Processor;
use crate::outgoing::{Checkpoint, Runner, SendCounts, Sender};
use crate::storage::{Db, StorageError};

/// How the work is done.
#[derive(Debug, Clone)]
pub struct WorkerOptions {
    /// How Meta is reached.
    pub graph: GraphConfig,
    /// Messages per second and number that this process sends at most.
    pub messages_per_second: u32,
    /// Webhook bodies taken up together.
    pub bodies_at_once: usize,
    /// Messages on their way to Meta at a time.
    pub sends_at_once: usize,
    /// Where faults are injected. Empty in ordinary runs.
    pub checkpoint: Checkpoint,
}

impl WorkerOptions {
    /// What the configuration says.
    pub fn from_config(config: &Config) -> Self {
        Self {
            graph: GraphConfig {
                base_url: config.graph.base_url.clone(),
                version: config.graph.version.clone(),
                ..GraphConfig::default()
            },
            messages_per_second: config.graph.messages_per_second,
            bodies_at_once: config.work.bodies_at_once,
            sends_at_once: config.work.sends_at_once,
            checkpoint: Checkpoint::default(),
        }
    }
}

/// Why there is no work.
#[derive(Debug, thiserror::Error)]
pub enum WorkerError {
    /// The Graph client.
    #[error("the client of the Graph API cannot be set up: {0}")]
    Graph(#[from] SetupError),
    /// The storage.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// The work of this process. [`Worker::stop`] ends it in good order; dropped, it ends at its next pause, wherever that
/// is.
pub struct Worker {
    stop: watch::Sender<bool>,
    tasks: Vec<JoinHandle<()>>,
    probe: HealthProbe,
}

impl Worker {
    /// Begins to work.
    ///
    /// # Errors
    /// When the Graph client cannot be set up, or another process works on these SQLite files.
    pub async fn start(db: &Db, options: WorkerOptions) -> Result<Self, WorkerError> {
        let graph = Graph::new(options.graph)?;
        db.release_leases().await?;
        let (stop, stopping) = watch::channel(false);
        let sends = Arc::new(SendCounts::default());
        let processor = Processor::new(db.clone(), options.bodies_at_once);
        let sender = Sender::new(
            db.clone(),
            graph,
            options.messages_per_second,
            options.checkpoint,
            Arc::clone(&sends),
        );
        let runner = Runner { db: db.clone(), sender: Arc::new(sender), at_once: options.sends_at_once };
        let tasks = vec![
            tokio::spawn(processor.run(stopping.clone())),
            tokio::spawn(runner.run(stopping.clone())),
            tokio::spawn(sweep::run(db.clone(), stopping)),
        ];
        Ok(Self { stop, tasks, probe: HealthProbe::with_sends(db.clone(), sends) })
    }

    /// What health asks.
    pub fn probe(&self) -> HealthProbe {
        self.probe.clone()
    }

    /// Ends at once, wherever the work stands, as if the process had died.
    pub async fn abort(mut self) {
        for task in std::mem::take(&mut self.tasks) {
            task.abort();
            // It says that it was aborted, which is known.
            let _ = task.await;
        }
    }

    /// Takes up nothing more, and waits for what is under way.
    pub async fn stop(mut self) {
        // Nobody listens any more where the tasks have ended by themselves.
        let _ = self.stop.send(true);
        for task in std::mem::take(&mut self.tasks) {
            if let Err(error) = task.await {
                tracing::error!(%error, "a part of the work had ended before");
            }
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}
