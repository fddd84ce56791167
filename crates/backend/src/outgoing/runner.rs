use std::sync::Arc;

use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::job::SEND_MESSAGE;
use super::limits::{SEND_LEASE_MS, STOP_WAIT};
use super::sender::Sender;
use crate::ingest::limits::LOOK_EVERY;
use crate::storage::Db;

/// Takes jobs up as they are due, several at a time, and stops in good order.
pub(crate) struct Runner {
    pub(crate) db: Db,
    pub(crate) sender: Arc<Sender>,
    /// Messages on their way at a time.
    pub(crate) at_once: usize,
}

impl Runner {
    /// Works until `stop` says true, then waits for what is under way.
    pub(crate) async fn run(self, mut stop: watch::Receiver<bool>) {
        let mut running = JoinSet::new();
        while !*stop.borrow() {
            while running.try_join_next().is_some() {}
            let jobs = self.db.jobs();
            let free = self.at_once.saturating_sub(running.len());
            let taken = if free == 0 {
                Ok(Vec::new())
            } else {
                jobs.lease(&[SEND_MESSAGE], i64::try_from(free).unwrap_or(i64::MAX), SEND_LEASE_MS).await
            };
            match taken {
                Ok(taken) => {
                    for job in taken {
                        running.spawn(Arc::clone(&self.sender).run(job));
                    }
                }
                Err(error) => tracing::warn!(%error, "jobs could not be taken up"),
            }
            tokio::select! {
                () = jobs.woken() => {}
                () = sleep(LOOK_EVERY) => {}
                // A place is free, and the next job of that conversation may go.
                Some(_) = running.join_next() => {}
                _ = stop.changed() => {}
            }
        }
        let done = timeout(STOP_WAIT, async { while running.join_next().await.is_some() {} }).await;
        if done.is_err() {
            tracing::warn!(
                "messages were still on their way to Meta when time ran out: they will be uncertain"
            );
        }
    }
}
