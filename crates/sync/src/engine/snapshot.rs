//! Loading everything: page by page, from wherever the last run stopped.

use deskbell_domain::CommandId;
use deskbell_protocol::problem::ProblemCode;
use deskbell_protocol::sync::{PageQuery, ResyncReason, SnapshotPage};

use super::{Engine, Purpose};
use crate::action::{Changed, Report, Request};
use crate::event::{Failure, FailureKind};
use crate::store::{Position, SnapshotProgress, StoreStep};

impl Engine {
    pub(super) fn begin_snapshot(&mut self) {
        let may = self.is_greeted()
            && self.log.position.is_none()
            && !self.is_applying()
            && !self.log.is_waiting(self.now)
            && !self.steps.is_clogged()
            && !self.requests.has(|purpose| matches!(purpose, Purpose::Snapshot(_)));
        if !may {
            return;
        }
        let page = match &self.log.snapshot {
            None => None,
            Some(SnapshotProgress { next: Some(next), .. }) => Some(next.clone()),
            Some(SnapshotProgress { next: None, at }) => {
                let settled = self.outbox.settled_by(&[], at.epoch, at.seq);
                return self.steps.push(StoreStep::FinishSnapshot { settled });
            }
        };
        self.ask(Purpose::Snapshot(page.clone()), Request::Snapshot(PageQuery { page }));
    }

    pub(super) fn snapshot_pulled(&mut self, begins: bool, page: SnapshotPage) {
        if self.is_cache_changing() || self.log.position.is_some() {
            return;
        }
        if self.log.epoch != Some(page.epoch) {
            return self.link_lost();
        }
        let belongs = match &self.log.snapshot {
            None => begins,
            Some(progress) => !begins && progress.at.epoch == page.epoch && progress.at.seq == page.as_of,
        };
        if !belongs {
            return self.snapshot_failed(!begins, Failure::new(FailureKind::Malformed));
        }
        self.log.retry_now();
        self.steps.push(StoreStep::ApplySnapshotPage { begins, page: Box::new(page) });
    }

    pub(super) fn page_applied(&mut self, page: &SnapshotPage) {
        let at = Position { epoch: page.epoch, seq: page.as_of, cursor: page.cursor.clone() };
        self.log.snapshot = Some(SnapshotProgress { at, next: page.next.clone() });
        if !page.items.is_empty() {
            self.report(Report::Changed(Changed::Everything));
        }
    }

    pub(super) fn snapshot_finished(&mut self, settled: &[CommandId]) {
        let Some(progress) = self.log.snapshot.take() else { return };
        self.log.position = Some(progress.at);
        // The changes since the place the snapshot stands for: rows that were read later are met again.
        self.log.must_pull = true;
        self.report(Report::Changed(Changed::Everything));
        self.settle(settled);
    }

    /// `resuming` says whether the page that failed was not the first.
    pub(super) fn snapshot_failed(&mut self, resuming: bool, failure: Failure) {
        let at = self.retry_at(self.log.attempts(), failure);
        self.log.wait_until(at);
        match failure.kind {
            FailureKind::Refused(ProblemCode::EpochChanged) => {
                self.recover_with_hello(ResyncReason::EpochChanged);
            }
            FailureKind::Refused(ProblemCode::CursorTooOld | ProblemCode::CursorAhead) => self.recover(None),
            FailureKind::Refused(ProblemCode::ScopesChanged) => {
                self.log.snapshot = None;
                self.link_lost();
            }
            // The token is not understood any more, or the pages do not fit together: begin anew. The rows stay until
            // the sweep.
            FailureKind::Refused(ProblemCode::BadRequest | ProblemCode::NotFound)
            | FailureKind::Malformed
                if resuming =>
            {
                self.log.snapshot = None;
            }
            _ => {}
        }
    }
}
