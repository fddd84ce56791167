//! A store in memory: for tests and simulation, and for computers without a keychain, where nothing may rest on disk.
//!
//! It is the reference for what the steps and views mean. A clone is another handle on the same contents, as a second
//! opening of the same files would be: [`MemoryStore::restore`](crate::Store::restore) after a "crash" sees exactly the
//! steps that were applied.

use std::sync::{Arc, Mutex, MutexGuard};

use deskbell_domain::{Entity, RefreshId, UtcMs};
use deskbell_protocol::sync::Item;

use crate::store::{Applied, Restored, Store, StoreError, StoreStep};

mod cache;
mod outbox;
mod views;

use cache::Cache;
use outbox::OutboxFile;

/// A store in memory.
#[derive(Debug, Clone, Default)]
pub struct MemoryStore(Arc<Mutex<Contents>>);

/// Two "files".
#[derive(Debug, Default)]
struct Contents {
    cache: Cache,
    outbox: OutboxFile,
    times: Times,
}

#[derive(Debug, Default)]
struct Times {
    highest: Option<UtcMs>,
    lease_until: Option<UtcMs>,
    renewal: Option<RefreshId>,
}

impl MemoryStore {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    /// Every row of the cache, as the item it came as: for proofs.
    ///
    /// # Errors
    /// [`StoreError::Closed`] where a thread died inside a step.
    pub fn rows(&self) -> Result<Vec<Item>, StoreError> {
        Ok(self.lock()?.cache.items())
    }

    fn lock(&self) -> Result<MutexGuard<'_, Contents>, StoreError> {
        // A thread that panicked inside a step may have left half of it.
        self.0.lock().map_err(|_| StoreError::Closed)
    }
}

impl Store for MemoryStore {
    async fn restore(&self) -> Result<Restored, StoreError> {
        let contents = self.lock()?;
        let Contents { cache, outbox, times } = &*contents;
        Ok(Restored {
            position: cache.position.clone(),
            snapshot: cache.progress.clone(),
            scopes: cache.scopes.clone(),
            settled: cache.settled.iter().copied().collect(),
            outbox: outbox.items.clone(),
            renewal: times.renewal,
            highest_time: times.highest,
            lease_until: times.lease_until,
            cache_is_new: !cache.was_written,
        })
    }

    async fn apply(&self, step: &StoreStep) -> Result<Applied, StoreError> {
        self.lock()?.apply(step)
    }
}

impl Contents {
    fn apply(&mut self, step: &StoreStep) -> Result<Applied, StoreError> {
        let Self { cache, outbox, times } = self;
        let mut applied = Applied::default();
        match step {
            StoreStep::Enqueue { item, replaces } => outbox.enqueue(item, *replaces)?,
            StoreStep::MarkSending(ids) => outbox.mark_sending(ids),
            StoreStep::Outcomes(outcomes) => outbox.store(outcomes),
            StoreStep::Expire { ids, now } => {
                applied.expired = outbox.expire(ids, |lane| cache.is_window_closed(lane, *now));
            }
            StoreStep::TakeBack(id) => outbox.take_back(*id),
            StoreStep::SaveDraft { conversation, text } => outbox.save_draft(*conversation, text),
            StoreStep::BeginRenewal(id) => times.renewal = Some(*id),
            StoreStep::EndRenewal => times.renewal = None,
            StoreStep::NoteTime { highest_time, lease_until } => {
                times.highest = times.highest.max(Some(*highest_time));
                times.lease_until = lease_until.or(times.lease_until);
            }
            StoreStep::PurgeOutbox(roots) => {
                applied.dropped = outbox.purge(|lane| roots.contains(&lane.entity()));
            }
            StoreStep::ApplyFrame { frame, settled } => cache.apply_frame(frame, settled)?,
            StoreStep::ForgetSettled(ids) => cache.settled.retain(|id| !ids.contains(id)),
            StoreStep::ApplySnapshotPage { begins, page } => cache.apply_page(*begins, page)?,
            StoreStep::FinishSnapshot { settled } => applied.purged = cache.finish_snapshot(settled)?,
            StoreStep::ApplyHistory { asked, items, history } => cache.apply_history(asked, items, history),
            StoreStep::SetScopes { scopes, restart } => applied.purged = cache.set_scopes(scopes, *restart),
            StoreStep::PurgeRoots(roots) => {
                applied.purged = roots.iter().map(|root| cache.purge_root(*root)).sum();
            }
            StoreStep::DropCache => *cache = Cache::default(),
        }
        cache.was_written |= step.is_cache();
        Ok(applied)
    }
}
