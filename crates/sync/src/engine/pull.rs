//! Following the log: frames in order, gaps pulled.
//!
//! A frame covers (`from`, `to`]. It applies where `from` is the cursor, is old news where `to` is not beyond it, and
//! else shows a gap, which is pulled. So what the socket loses, doubles or turns around does not matter.

use std::collections::VecDeque;

use deskbell_domain::{EpochId, Open, Scope, UtcMs};
use deskbell_protocol::problem::ProblemCode;
use deskbell_protocol::sync::{ChangesQuery, Frame, ItemOp, ResyncReason, Seq};

use super::hello::is_it;
use super::{Engine, Purpose};
use crate::action::{Changed, Report, Request};
use crate::event::{Failure, FailureKind};
use crate::limits::{FRAME_GRACE_MS, FRAMES_WAITING_MAX};
use crate::store::{Position, SnapshotProgress, StoreStep};

/// Where the cache stands, and what is known to lie beyond.
#[derive(Debug, Default)]
pub(super) struct Log {
    /// As stored.
    pub(super) position: Option<Position>,
    /// As stored.
    pub(super) snapshot: Option<SnapshotProgress>,
    /// As stored.
    pub(super) scopes: Vec<Scope>,
    /// What the last hello said the device may see.
    pub(super) known_scopes: Option<Vec<Scope>>,
    /// The lineage of the last hello.
    pub(super) epoch: Option<EpochId>,
    /// The newest place heard of.
    head: Seq,
    /// A place that a frame should bring soon, and when to stop waiting for it.
    expected: Option<(Seq, UtcMs)>,
    /// Frames that wait for the store.
    frames: VecDeque<Frame>,
    /// Whether something was missed.
    pub(super) must_pull: bool,
    /// Not before this time.
    not_before: Option<UtcMs>,
    attempts: u32,
    /// Why the cache is about to be dropped, where the backend said so.
    pub(super) drop_reason: Option<Open<ResyncReason>>,
    /// Whether the cache reached the head since the console was last away. Nothing queued goes out before.
    pub(super) level: bool,
}

impl Log {
    pub(super) fn new(
        position: Option<Position>,
        snapshot: Option<SnapshotProgress>,
        mut scopes: Vec<Scope>,
    ) -> Self {
        scopes.sort_unstable();
        Self { position, snapshot, scopes, ..Self::default() }
    }

    /// The place the cache stands for, or will when its snapshot is complete.
    pub(super) fn stands_for(&self) -> Option<&Position> {
        self.position.as_ref().or_else(|| self.snapshot.as_ref().map(|progress| &progress.at))
    }

    pub(super) const fn has_begun(&self) -> bool {
        self.position.is_some() || self.snapshot.is_some()
    }

    pub(super) fn greet(&mut self, epoch: EpochId, head: Seq) {
        if self.epoch == Some(epoch) {
            self.head = self.head.max(head);
        } else {
            self.epoch = Some(epoch);
            self.head = head;
            self.expected = None;
            self.frames.clear();
        }
    }

    /// Before the cache is dropped: nothing that is under way will be finished.
    pub(super) fn abandon(&mut self) {
        self.frames.clear();
        self.level = false;
    }

    /// The cache is empty.
    pub(super) fn forget(&mut self) {
        self.scopes.clear();
        self.begin_again();
    }

    /// The cache has no place any more.
    pub(super) fn begin_again(&mut self) {
        self.position = None;
        self.snapshot = None;
        self.frames.clear();
        self.must_pull = false;
        self.expected = None;
        self.level = false;
    }

    /// A place that a frame should bring soon.
    pub(super) fn expect(&mut self, seq: Seq, now: UtcMs) {
        let later = self.expected.is_none_or(|(known, _)| seq > known);
        if later && self.position.as_ref().is_none_or(|position| position.seq < seq) {
            self.expected = Some((seq, now.plus_ms(FRAME_GRACE_MS)));
        }
    }

    pub(super) const fn retry_now(&mut self) {
        self.not_before = None;
        self.attempts = 0;
    }

    pub(super) const fn wait_until(&mut self, at: UtcMs) -> u32 {
        self.not_before = Some(at);
        self.attempts = self.attempts.saturating_add(1);
        self.attempts
    }

    pub(super) const fn attempts(&self) -> u32 {
        self.attempts
    }

    pub(super) fn is_waiting(&self, now: UtcMs) -> bool {
        self.not_before.is_some_and(|at| now < at)
    }

    pub(super) fn due(&self) -> Option<UtcMs> {
        let expected = self.expected.map(|(_, until)| until);
        [self.not_before, expected].into_iter().flatten().min()
    }

    fn is_behind(&self, position: &Position) -> bool {
        self.must_pull || self.head > position.seq
    }
}

impl Engine {
    /// Whether the backend may be asked about the log: a hello was answered, and the store knows what it said.
    pub(super) fn is_greeted(&self) -> bool {
        self.connection.has_contact() && !self.is_cache_changing()
    }

    /// Whether the cache is about to get other bounds, or to be dropped. Nothing is written into it meanwhile.
    pub(super) fn is_cache_changing(&self) -> bool {
        self.steps.has(|step| matches!(step, StoreStep::SetScopes { .. } | StoreStep::DropCache))
    }

    /// Whether a frame or page is on its way to the store. The next one waits, because it builds on it.
    pub(super) fn is_applying(&self) -> bool {
        self.steps.has(|step| {
            matches!(
                step,
                StoreStep::ApplyFrame { .. }
                    | StoreStep::ApplySnapshotPage { .. }
                    | StoreStep::FinishSnapshot { .. }
            )
        })
    }

    /// Whether the cache holds everything heard of.
    pub(super) fn is_in_step(&self) -> bool {
        let Some(position) = &self.log.position else { return false };
        self.is_greeted()
            && !self.is_applying()
            && self.log.frames.is_empty()
            && !self.log.is_behind(position)
            && !self.requests.has(|purpose| *purpose == Purpose::Pull)
    }

    pub(super) fn head_announced(&mut self, seq: Seq) {
        self.log.head = self.log.head.max(seq);
    }

    pub(super) fn socket_frame(&mut self, frame: Frame) {
        if self.log.epoch != Some(frame.epoch) {
            // Another lineage: a hello tells what to do.
            return self.link_lost();
        }
        self.log.head = self.log.head.max(frame.to);
        // While a snapshot is loaded its changes are pulled afterwards; beyond the bound they are pulled too.
        if self.log.position.is_some() && self.log.frames.len() < FRAMES_WAITING_MAX {
            self.log.frames.push_back(frame);
        }
    }

    pub(super) fn pulled(&mut self, frame: Frame) {
        let Some(position) = &self.log.position else { return };
        if self.is_cache_changing() {
            return;
        }
        if frame.epoch != position.epoch {
            return self.link_lost();
        }
        let at = position.seq;
        if frame.from > at || frame.to < frame.from {
            return self.pull_failed(Failure::new(FailureKind::Malformed));
        }
        self.log.retry_now();
        let head = self.log.head;
        if !frame.more && frame.to < head && frame.to <= at {
            // The backend's own news has not reached the part of it that answered.
            self.log.not_before = Some(self.now.plus_ms(FRAME_GRACE_MS));
        }
        self.log.head = head.max(frame.to);
        self.log.must_pull = frame.more;
        self.log.frames.push_front(frame);
    }

    pub(super) fn begin_frame(&mut self) {
        while !self.is_applying() && !self.is_cache_changing() {
            let Some(position) = &self.log.position else { return };
            let Some(frame) = self.log.frames.pop_front() else { return };
            if frame.to <= position.seq || frame.epoch != position.epoch {
                continue;
            }
            if frame.from != position.seq {
                self.log.must_pull = true;
                continue;
            }
            self.apply_frame(frame);
        }
    }

    fn apply_frame(&mut self, frame: Frame) {
        let erased: Vec<_> =
            frame.items.iter().filter(|item| item.op == ItemOp::Erase).map(|item| item.root).collect();
        if !erased.is_empty() {
            // The outbox first: if the second step is lost, the frame comes again and both are done again.
            self.steps.push(StoreStep::PurgeOutbox(erased));
        }
        // A page of history that was read before a conversation left the view must not follow it back in.
        self.give_up_history(|conversation| {
            frame.items.iter().any(|item| item.op != ItemOp::Put && is_it(item.root, conversation))
                || frame.history.iter().any(|start| start.conversation == conversation)
        });
        let settled = self.outbox.settled_by(&frame.settled, frame.epoch, frame.to);
        self.steps.push(StoreStep::ApplyFrame { frame: Box::new(frame), settled });
    }

    pub(super) fn frame_applied(&mut self, frame: &Frame, settled: &[deskbell_domain::CommandId]) {
        self.log.position =
            Some(Position { epoch: frame.epoch, seq: frame.to, cursor: frame.cursor.clone() });
        self.log.expected = self.log.expected.filter(|(seq, _)| *seq > frame.to);
        if let Some(changed) = changed(frame) {
            self.report(Report::Changed(changed));
        }
        self.settle(settled);
        if self.log.level && self.is_in_step() {
            self.report(Report::InStep);
        }
    }

    pub(super) fn begin_pull(&mut self) {
        if self.log.expected.is_some_and(|(_, until)| until <= self.now)
            && let Some((seq, _)) = self.log.expected.take()
        {
            self.log.head = self.log.head.max(seq);
        }
        self.notice_level();
        let may = self.is_greeted()
            && !self.is_applying()
            && self.log.frames.is_empty()
            && !self.log.is_waiting(self.now)
            && !self.steps.is_clogged()
            && !self.requests.has(|purpose| *purpose == Purpose::Pull);
        let Some(position) =
            self.log.position.as_ref().filter(|position| may && self.log.is_behind(position))
        else {
            return;
        };
        let cursor = position.cursor.clone();
        self.ask(Purpose::Pull, Request::Changes(ChangesQuery { cursor }));
    }

    fn notice_level(&mut self) {
        if !self.log.level && self.is_in_step() {
            self.log.level = true;
            self.report(Report::InStep);
        }
    }

    pub(super) fn pull_failed(&mut self, failure: Failure) {
        let at = self.retry_at(self.log.attempts(), failure);
        self.log.wait_until(at);
        match failure.kind {
            FailureKind::Refused(ProblemCode::CursorTooOld) => {
                self.recover(Some(ResyncReason::CursorTooOld.into()));
            }
            FailureKind::Refused(ProblemCode::EpochChanged) => {
                self.recover_with_hello(ResyncReason::EpochChanged);
            }
            FailureKind::Refused(ProblemCode::CursorAhead) => {
                self.recover_with_hello(ResyncReason::CursorAhead);
            }
            // A cursor that the backend cannot read stands for nothing.
            FailureKind::Refused(ProblemCode::BadRequest) => self.recover(None),
            FailureKind::Refused(ProblemCode::ScopesChanged) => self.link_lost(),
            _ => {}
        }
    }

    /// The backend is another than at the last hello: drop the cache, and say hello before the snapshot.
    pub(super) fn recover_with_hello(&mut self, reason: ResyncReason) {
        self.log.known_scopes = None;
        self.recover(Some(reason.into()));
        self.link_lost();
    }
}

/// The views a frame touches.
fn changed(frame: &Frame) -> Option<Changed> {
    use deskbell_domain::{ConversationId, Entity};
    use deskbell_protocol::entity::Kind;

    let mut conversations = Vec::new();
    for item in &frame.items {
        match item.kind.known() {
            Some(Kind::Conversation | Kind::Message | Kind::ReadMark) => {
                conversations.push(ConversationId::of(item.root));
            }
            Some(Kind::Tenant | Kind::User | Kind::Queue) => return Some(Changed::Everything),
            None => {}
        }
    }
    conversations.extend(frame.history.iter().map(|start| start.conversation));
    conversations.sort_unstable();
    conversations.dedup();
    (!conversations.is_empty()).then_some(Changed::Conversations(conversations))
}
