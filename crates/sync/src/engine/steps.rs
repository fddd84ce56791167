//! One durable step at a time.
//!
//! Steps run in the order in which they were decided; a user's own step goes first, because somebody waits for it and
//! no other step depends on it. What a step changes is taken over here, when it is done.

use std::collections::VecDeque;
use std::sync::Arc;

use deskbell_domain::{ErasureId, UtcMs};

use super::Engine;
use crate::action::{Action, Alarm, Changed, Report, StepId};
use crate::limits::{STEP_RETRY_MS, STEPS_WAITING_MAX};
use crate::store::{Applied, StoreError, StoreStep};

/// A step, and the erasure it proves, if it does.
#[derive(Debug, Clone)]
struct Planned {
    step: Arc<StoreStep>,
    erasure: Option<ErasureId>,
}

/// What waits for the store, and what it is doing.
#[derive(Debug, Default)]
pub(super) struct Steps {
    next: u64,
    running: Option<(StepId, Planned)>,
    users: VecDeque<Planned>,
    waiting: VecDeque<Planned>,
    /// Until when a refused step pauses. Users' own steps go on.
    pause_until: Option<UtcMs>,
}

impl Steps {
    pub(super) fn push(&mut self, step: StoreStep) {
        let planned = Planned { step: Arc::new(step), erasure: None };
        if planned.step.is_users() {
            self.users.push_back(planned);
        } else {
            self.waiting.push_back(planned);
        }
    }

    pub(super) fn push_proof(&mut self, step: StoreStep, erasure: ErasureId) {
        self.waiting.push_back(Planned { step: Arc::new(step), erasure: Some(erasure) });
    }

    pub(super) fn is_idle(&self) -> bool {
        self.running.is_none() && self.users.is_empty() && self.waiting.is_empty()
    }

    /// Whether the store is behind: the backend is asked for nothing more until it has caught up.
    pub(super) fn is_clogged(&self) -> bool {
        self.waiting.len() >= STEPS_WAITING_MAX
    }

    /// Whether a step of that kind waits or runs; not one of a user's own.
    pub(super) fn has(&self, wanted: impl Fn(&StoreStep) -> bool) -> bool {
        let running = self.running.iter().map(|(_, planned)| planned);
        running.chain(&self.waiting).any(|planned| wanted(&planned.step))
    }

    /// Drops what was planned for a cache that is about to go. A purge stays: it is owed a proof.
    pub(super) fn forget_cache_steps(&mut self) {
        self.waiting.retain(|planned| !planned.step.is_cache() || planned.erasure.is_some());
    }

    /// Drops everything that waits, and gives back what users wait for.
    pub(super) fn forget_waiting(&mut self) -> Vec<Arc<StoreStep>> {
        self.waiting.clear();
        self.users.drain(..).map(|planned| planned.step).collect()
    }

    pub(super) fn due(&self) -> Option<UtcMs> {
        self.pause_until.filter(|_| self.running.is_none() && !self.waiting.is_empty())
    }

    fn take(&mut self, now: UtcMs) -> Option<Planned> {
        if self.running.is_some() {
            return None;
        }
        if let Some(users) = self.users.pop_front() {
            return Some(users);
        }
        if self.pause_until.is_some_and(|until| now < until) {
            return None;
        }
        self.pause_until = None;
        self.waiting.pop_front()
    }
}

impl Engine {
    pub(super) fn begin_step(&mut self) {
        let Some(planned) = self.steps.take(self.now) else { return };
        let id = StepId(self.steps.next);
        self.steps.next += 1;
        self.actions.push(Action::Step(id, Arc::clone(&planned.step)));
        self.steps.running = Some((id, planned));
    }

    pub(super) fn step_done(&mut self, id: StepId, result: Result<Applied, StoreError>) {
        let Some((_, planned)) = self.steps.running.take_if(|(running, _)| *running == id) else { return };
        match result {
            Ok(applied) => self.applied(&planned, &applied),
            Err(error) => self.refused(planned, error),
        }
    }

    fn applied(&mut self, planned: &Planned, applied: &Applied) {
        match &*planned.step {
            StoreStep::Enqueue { item, replaces } => self.enqueued(item, *replaces),
            StoreStep::MarkSending(ids) => self.marked_sending(ids),
            StoreStep::Outcomes(outcomes) => self.outcomes_stored(outcomes),
            StoreStep::Expire { ids, .. } => self.expired(ids, &applied.expired),
            StoreStep::TakeBack(id) => self.taken_back(*id),
            StoreStep::BeginRenewal(refresh_id) => self.renewal_stored(*refresh_id),
            StoreStep::EndRenewal => self.session.renewal_forgotten(),
            StoreStep::PurgeOutbox(_) => self.outbox_purged(&applied.dropped),
            StoreStep::ApplyFrame { frame, settled } => self.frame_applied(frame, settled),
            StoreStep::ApplySnapshotPage { page, .. } => self.page_applied(page),
            StoreStep::FinishSnapshot { settled } => self.snapshot_finished(settled),
            StoreStep::ApplyHistory { history, .. } => self.history_applied(history.conversation),
            StoreStep::SetScopes { scopes, restart } => self.scopes_set(scopes, *restart, applied.purged),
            StoreStep::DropCache => self.cache_dropped(),
            StoreStep::PurgeRoots(_) => self.roots_purged(planned.erasure, applied.purged),
            StoreStep::ForgetSettled(_) | StoreStep::NoteTime { .. } | StoreStep::SaveDraft { .. } => {}
        }
    }

    fn refused(&mut self, planned: Planned, error: StoreError) {
        self.report(Report::Storage(error));
        if planned.step.is_users() {
            return self.users_step_refused(&planned.step, error);
        }
        let cache_is_lost = matches!(error, StoreError::CacheDamaged | StoreError::Conflict)
            && planned.step.is_cache()
            && *planned.step != StoreStep::DropCache;
        if cache_is_lost {
            if planned.erasure.is_some() {
                // Done again on the cache that replaces this one: an erasure is owed its proof.
                self.steps.waiting.push_front(planned);
            }
            return self.recover(None);
        }
        self.steps.waiting.push_front(planned);
        self.steps.pause_until = Some(self.now.plus_ms(STEP_RETRY_MS));
    }

    fn roots_purged(&mut self, erasure: Option<ErasureId>, purged: u64) {
        if purged > 0 {
            self.report(Report::Changed(Changed::Everything));
        }
        if let Some(erasure) = erasure {
            self.actions.push(Action::Prove { erasure, rows: purged });
        }
    }

    fn cache_dropped(&mut self) {
        let reason = self.log.drop_reason.take();
        self.log.forget();
        self.report(Report::Alarm(Alarm::CacheDropped { reason }));
        self.report(Report::Changed(Changed::Everything));
    }
}
