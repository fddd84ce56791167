use std::sync::Arc;
use std::sync::atomic::Ordering;

use serde::Serialize;

use crate::outgoing::SendCounts;
use crate::storage::{Db, Result};

/// How the work goes. Counts and ages only: nobody and nothing can be known from it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Health {
    /// Webhook bodies that are stored and not yet taken apart.
    pub webhooks_waiting: i64,
    /// How long the oldest of them has waited, in milliseconds.
    pub webhook_lag_ms: i64,
    /// Webhook bodies that could not be taken apart or belong to nobody.
    pub webhooks_quarantined: i64,
    /// Webhooks that were refused.
    pub webhooks_rejected: i64,
    /// Jobs that wait, or are under way.
    pub jobs_waiting: i64,
    /// Jobs that were given up.
    pub jobs_dead: i64,
    /// Messages that Meta has taken on, since the process began.
    pub sends_accepted: u64,
    /// Messages that failed, since the process began.
    pub sends_failed: u64,
    /// Messages whose sending ended without an answer, since the process began.
    pub sends_uncertain: u64,
    /// Tenants that were found to be restored copies when the process began.
    pub tenants_restored: usize,
    /// One physical backup covers data and keys: a restored backup brings erased data back.
    pub one_backup: bool,
}

/// Reads the health. Cheap to clone.
#[derive(Clone)]
pub struct HealthProbe {
    db: Db,
    sends: Arc<SendCounts>,
}

impl HealthProbe {
    /// A probe of this storage, in a process that sends nothing itself.
    pub fn new(db: Db) -> Self {
        Self::with_sends(db, Arc::default())
    }

    pub(super) const fn with_sends(db: Db, sends: Arc<SendCounts>) -> Self {
        Self { db, sends }
    }

    /// The health now.
    ///
    /// # Errors
    /// When the storage cannot be asked, which is the worst health.
    pub async fn read(&self) -> Result<Health> {
        let arrivals = self.db.arrivals().counts().await?;
        let jobs = self.db.jobs().counts().await?;
        let report = self.db.start_report();
        Ok(Health {
            webhooks_waiting: arrivals.staged,
            webhook_lag_ms: arrivals.oldest.map_or(0, |oldest| self.db.now().since(oldest).max(0)),
            webhooks_quarantined: arrivals.quarantined,
            webhooks_rejected: arrivals.rejected,
            jobs_waiting: jobs.waiting,
            jobs_dead: jobs.dead,
            sends_accepted: self.sends.accepted.load(Ordering::Relaxed),
            sends_failed: self.sends.failed.load(Ordering::Relaxed),
            sends_uncertain: self.sends.uncertain.load(Ordering::Relaxed),
            tenants_restored: report.restored.len(),
            one_backup: report.one_backup,
        })
    }
}
