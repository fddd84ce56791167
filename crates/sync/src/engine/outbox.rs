//! Commands on their way out.
//!
//! A lane per conversation keeps order; lanes run side by side. A request carries at most one command of a lane, because
//! the second must not be carried out where the first was not. A command is marked before it is sent for the first time:
//! one that never left can be taken back, one that may have arrived cannot. Nothing leaves before the cache has reached
//! the head of the log after an absence. A refused command is final, and its lane goes on.

use std::collections::{BTreeMap, BTreeSet};

use deskbell_domain::{CommandId, ConversationId, Open};
use deskbell_protocol::command::{Act, CommandsRequest, CommandsResponse, Outcome, RejectCode};
use deskbell_protocol::limits::COMMANDS_MAX;
use deskbell_protocol::problem::ProblemCode;
use deskbell_protocol::sync::Seq;

use super::{Engine, Purpose};
use crate::action::{Changed, Report, Request};
use crate::event::{EnqueueError, Failure, FailureKind, NewCommand};
use crate::limits::{COMMAND_REQUESTS_MAX, OUTBOX_ITEMS_MAX};
use crate::store::{CommandState, OutboxItem, Outcomes, StoreError, StoreStep};

mod lanes;

use lanes::Flight;
pub(super) use lanes::Outbox;

impl Engine {
    /// Takes over what the store has, and takes out of the outbox what the cache lists as settled: a crash came between
    /// the two files.
    pub(super) fn restore_outbox(&mut self, items: Vec<OutboxItem>, settled: Vec<CommandId>) {
        let covered = |state| match (state, &self.log.position) {
            (CommandState::Applied { epoch, seq }, Some(at)) => epoch == at.epoch && seq <= at.seq,
            _ => false,
        };
        let mut removed = Vec::new();
        let mut forgotten: BTreeSet<CommandId> = settled.into_iter().collect();
        for item in items {
            let listed = forgotten.remove(&item.id());
            let flight = if listed || covered(item.state) {
                removed.push(item.id());
                Flight::Leaving { listed }
            } else {
                Flight::Free
            };
            self.outbox.add(item, flight);
        }
        if !removed.is_empty() {
            self.steps.push(StoreStep::Outcomes(Outcomes { removed, ..Outcomes::default() }));
        }
        if !forgotten.is_empty() {
            self.steps.push(StoreStep::ForgetSettled(forgotten.into_iter().collect()));
        }
    }

    pub(super) fn report_outbox(&mut self) {
        let counts = (self.outbox.waiting(), self.outbox.refused());
        if self.outbox.reported != Some(counts) {
            self.outbox.reported = Some(counts);
            self.report(Report::Outbox { waiting: counts.0, refused: counts.1 });
        }
    }

    fn report_lanes(&mut self, mut lanes: Vec<ConversationId>) {
        lanes.sort_unstable();
        lanes.dedup();
        if !lanes.is_empty() {
            self.report(Report::Changed(Changed::Conversations(lanes)));
        }
        self.report_outbox();
    }

    pub(super) fn enqueue(&mut self, new: NewCommand) {
        let NewCommand { command, send_after, not_after, replaces } = new;
        let id = command.id;
        if let Err(error) = self.may_enqueue(id, replaces) {
            return self.report(Report::Enqueued(id, Err(error)));
        }
        if let Some(replaced) = replaces.and_then(|replaced| self.outbox.entries.get_mut(&replaced)) {
            replaced.flight = Flight::TakingBack;
        }
        self.outbox.enqueuing.insert(id);
        let item = Box::new(OutboxItem { command, state: CommandState::Ready, send_after, not_after });
        self.steps.push(StoreStep::Enqueue { item, replaces });
    }

    fn may_enqueue(&self, id: CommandId, replaces: Option<CommandId>) -> Result<(), EnqueueError> {
        if self.outbox.entries.contains_key(&id) || self.outbox.enqueuing.contains(&id) {
            return Err(EnqueueError::Duplicate);
        }
        if self.outbox.entries.len() + self.outbox.enqueuing.len() >= OUTBOX_ITEMS_MAX {
            return Err(EnqueueError::Full);
        }
        let is_refused = |replaced: CommandId| {
            self.outbox
                .entries
                .get(&replaced)
                .is_some_and(|entry| !entry.item.is_pending() && entry.flight == Flight::Free)
        };
        if replaces.is_none_or(is_refused) { Ok(()) } else { Err(EnqueueError::WrongState) }
    }

    pub(super) fn enqueued(&mut self, item: &OutboxItem, replaces: Option<CommandId>) {
        self.outbox.enqueuing.remove(&item.id());
        if let Some(replaced) = replaces {
            self.outbox.remove(replaced);
        }
        self.outbox.add(item.clone(), Flight::Free);
        self.report(Report::Enqueued(item.id(), Ok(())));
        self.report_lanes(vec![item.lane()]);
    }

    pub(super) fn take_back(&mut self, id: CommandId) {
        let entry = self.outbox.entries.get_mut(&id).filter(|entry| {
            entry.flight == Flight::Free
                && matches!(entry.item.state, CommandState::Ready | CommandState::Refused { .. })
        });
        let Some(entry) = entry else {
            return self.report(Report::TakenBack(id, Err(EnqueueError::WrongState)));
        };
        entry.flight = Flight::TakingBack;
        self.steps.push(StoreStep::TakeBack(id));
    }

    pub(super) fn taken_back(&mut self, id: CommandId) {
        let lane = self.outbox.remove(id).map(|entry| entry.item.lane());
        self.report(Report::TakenBack(id, Ok(())));
        self.report_lanes(lane.into_iter().collect());
    }

    pub(super) fn users_step_refused(&mut self, step: &StoreStep, error: StoreError) {
        match step {
            StoreStep::Enqueue { item, replaces } => {
                self.outbox.enqueuing.remove(&item.id());
                if let Some(replaced) = replaces.and_then(|id| self.outbox.entries.get_mut(&id)) {
                    replaced.flight = Flight::Free;
                }
                self.report(Report::Enqueued(item.id(), Err(error.into())));
            }
            StoreStep::TakeBack(id) => {
                if let Some(entry) = self.outbox.entries.get_mut(id) {
                    entry.flight = Flight::Free;
                }
                self.report(Report::TakenBack(*id, Err(error.into())));
            }
            _ => {}
        }
    }

    /// Whether commands may leave: the backend is reached, and after an absence the cache has reached the head.
    pub(super) fn may_release(&self) -> bool {
        self.is_greeted() && self.log.level && self.session.is_good(self.now) && !self.steps.is_clogged()
    }

    pub(super) fn release_lanes(&mut self) {
        let in_flight = self.requests.count(|purpose| matches!(purpose, Purpose::Commands(_)));
        let mut requests_left = COMMAND_REQUESTS_MAX.saturating_sub(in_flight);
        if requests_left == 0 || !self.may_release() {
            return;
        }
        let (mut expire, mut mark, mut send, mut alone) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for lane in self.outbox.lanes.values() {
            let Some(entry) = lane.front().and_then(|id| self.outbox.entries.get_mut(id)) else { continue };
            if entry.flight != Flight::Free || !entry.is_due(self.now) {
                continue;
            }
            let id = entry.item.id();
            if entry.item.state == CommandState::Sending {
                if entry.alone { &mut alone } else { &mut send }.push(id);
            } else if entry.item.not_after.is_some_and(|end| end <= self.now) {
                entry.flight = Flight::Checking;
                expire.push(id);
            } else if mark.len() < COMMANDS_MAX {
                entry.flight = Flight::Checking;
                mark.push(id);
            }
        }
        if !expire.is_empty() {
            self.steps.push(StoreStep::Expire { ids: expire, now: self.now });
        }
        if !mark.is_empty() {
            self.steps.push(StoreStep::MarkSending(mark));
        }
        let batches = send.chunks(COMMANDS_MAX).chain(alone.chunks(1));
        for batch in batches {
            if requests_left == 0 {
                break;
            }
            requests_left -= 1;
            self.send(batch);
        }
    }

    fn send(&mut self, ids: &[CommandId]) {
        let mut commands = Vec::with_capacity(ids.len());
        for id in ids {
            if let Some(entry) = self.outbox.entries.get_mut(id) {
                entry.flight = Flight::Asked;
                commands.push(entry.item.command.clone());
            }
        }
        self.ask(Purpose::Commands(ids.to_vec()), Request::Commands(CommandsRequest { commands }));
    }

    pub(super) fn marked_sending(&mut self, ids: &[CommandId]) {
        for id in ids {
            if let Some(entry) = self.outbox.entries.get_mut(id) {
                entry.item.state = CommandState::Sending;
                entry.flight = Flight::Free;
            }
        }
    }

    /// What is not among the expired has a customer who wrote again: the backend decides.
    pub(super) fn expired(&mut self, asked: &[CommandId], expired: &[CommandId]) {
        let mut lanes = Vec::new();
        for id in asked {
            let Some(entry) = self.outbox.entries.get_mut(id) else { continue };
            entry.flight = Flight::Free;
            if expired.contains(id) {
                let code = RejectCode::WindowClosed.into();
                entry.item.state = CommandState::Refused { code };
                let lane = entry.item.lane();
                lanes.push(lane);
                self.outbox.leave_lane(lane, *id);
                self.report(Report::Refused(*id, code));
            } else {
                entry.item.not_after = None;
            }
        }
        self.report_lanes(lanes);
    }

    pub(super) fn commands_answered(&mut self, ids: &[CommandId], response: &CommandsResponse) {
        let outcomes: BTreeMap<_, _> =
            response.results.iter().map(|result| (result.id, result.outcome)).collect();
        let mut stored = Outcomes::default();
        let mut lanes = Vec::new();
        for id in ids {
            let asked = self.outbox.entries.get(id).filter(|entry| entry.flight == Flight::Asked);
            let Some(lane) = asked.map(|entry| entry.item.lane()) else { continue };
            match outcomes.get(id) {
                Some(Outcome::Applied { seq }) if self.covers(*seq) => {
                    self.leave(*id, false);
                    lanes.push(lane);
                    stored.removed.push(*id);
                }
                Some(Outcome::Applied { seq }) => {
                    let Some(epoch) = self.log.epoch else { continue };
                    self.set_flight(*id, Flight::Writing);
                    stored.applied.push((*id, epoch, *seq));
                }
                Some(Outcome::Rejected { code }) => self.refuse(*id, *code, &mut stored),
                Some(Outcome::Retry { after_ms }) => self.postpone(*id, *after_ms),
                None => self.postpone(*id, 0),
            }
        }
        if !stored.is_empty() {
            self.steps.push(StoreStep::Outcomes(stored));
        }
        self.report_lanes(lanes);
    }

    /// Whether the cache shows what happened up to this place of the backend's log.
    fn covers(&self, seq: Seq) -> bool {
        self.log
            .position
            .as_ref()
            .is_some_and(|position| Some(position.epoch) == self.log.epoch && seq <= position.seq)
    }

    fn set_flight(&mut self, id: CommandId, flight: Flight) {
        if let Some(entry) = self.outbox.entries.get_mut(&id) {
            entry.flight = flight;
        }
    }

    fn refuse(&mut self, id: CommandId, code: Open<RejectCode>, stored: &mut Outcomes) {
        let Some(entry) = self.outbox.entries.get_mut(&id) else { return };
        // An erasure goes before what was typed.
        let keeps_text = matches!(entry.item.command.act, Act::SendText { .. })
            && code.known() != Some(RejectCode::Erased);
        if keeps_text {
            entry.flight = Flight::Writing;
            stored.refused.push((id, code));
        } else {
            entry.flight = Flight::Dropping(code);
            stored.removed.push(id);
        }
    }

    fn postpone(&mut self, id: CommandId, after_ms: i64) {
        let attempts = self.outbox.entries.get(&id).map_or(0, |entry| entry.attempts);
        let not_before = self.now.plus_ms(self.pause_ms(attempts).max(after_ms));
        if let Some(entry) = self.outbox.entries.get_mut(&id) {
            entry.flight = Flight::Free;
            entry.attempts = attempts.saturating_add(1);
            entry.not_before = Some(not_before);
        }
    }

    pub(super) fn commands_failed(&mut self, ids: &[CommandId], failure: Failure) {
        let is_ours =
            matches!(failure.kind, FailureKind::Refused(ProblemCode::BadRequest | ProblemCode::TooLarge));
        if let ([id], true) = (ids, is_ours) {
            // Nothing but the command can be meant. It must not stop its lane for ever.
            let mut stored = Outcomes::default();
            self.refuse(*id, RejectCode::BadCommand.into(), &mut stored);
            if !stored.is_empty() {
                self.steps.push(StoreStep::Outcomes(stored));
            }
            return;
        }
        let renewed_first = failure.kind == FailureKind::Refused(ProblemCode::Unauthorized);
        let after_ms = failure.retry_after_ms.unwrap_or(0);
        for id in ids {
            if self.outbox.entries.get(id).is_none_or(|entry| entry.flight != Flight::Asked) {
                continue;
            }
            if is_ours || renewed_first {
                self.set_flight(*id, Flight::Free);
            } else {
                self.postpone(*id, after_ms);
            }
            if let Some(entry) = self.outbox.entries.get_mut(id) {
                entry.alone |= is_ours;
            }
        }
    }

    pub(super) fn outcomes_stored(&mut self, outcomes: &Outcomes) {
        let mut lanes = Vec::new();
        for (id, epoch, seq) in &outcomes.applied {
            let Some(entry) = self.outbox.entries.get_mut(id) else { continue };
            if entry.flight == Flight::Writing {
                entry.flight = Flight::Free;
            }
            entry.item.state = CommandState::Applied { epoch: *epoch, seq: *seq };
            let lane = entry.item.lane();
            self.outbox.leave_lane(lane, *id);
            self.log.expect(*seq, self.now);
        }
        for (id, code) in &outcomes.refused {
            let Some(entry) = self.outbox.entries.get_mut(id) else { continue };
            entry.flight = Flight::Free;
            entry.item.state = CommandState::Refused { code: *code };
            let lane = entry.item.lane();
            lanes.push(lane);
            self.outbox.leave_lane(lane, *id);
            self.report(Report::Refused(*id, *code));
        }
        let mut forget = Vec::new();
        for id in &outcomes.removed {
            let Some(entry) = self.outbox.remove(*id) else { continue };
            lanes.push(entry.item.lane());
            match entry.flight {
                Flight::Dropping(code) => self.report(Report::Refused(*id, code)),
                Flight::Leaving { listed: true } => forget.push(*id),
                _ => {}
            }
        }
        if !forget.is_empty() {
            self.steps.push(StoreStep::ForgetSettled(forget));
        }
        for id in &outcomes.resend {
            let Some(entry) = self.outbox.entries.get_mut(id) else { continue };
            if matches!(entry.item.state, CommandState::Applied { .. }) {
                entry.item.state = CommandState::Sending;
                let (lane, order) = (entry.item.lane(), entry.order);
                self.outbox.join_lane(lane, *id, order);
            }
        }
        self.settle_what_is_covered();
        self.report_lanes(lanes);
    }

    /// An outcome may be stored after the frame that shows its effects: the frame could not settle it.
    fn settle_what_is_covered(&mut self) {
        let Some(position) = &self.log.position else { return };
        let (epoch, seq) = (position.epoch, position.seq);
        let removed = self.outbox.settled_by(&[], epoch, seq);
        if removed.is_empty() {
            return;
        }
        for id in &removed {
            self.leave(*id, false);
        }
        self.steps.push(StoreStep::Outcomes(Outcomes { removed, ..Outcomes::default() }));
    }

    /// Takes out of the outbox what the cache has just listed as settled.
    pub(super) fn settle(&mut self, ids: &[CommandId]) {
        let mut removed = Vec::new();
        let mut forgotten = Vec::new();
        for id in ids {
            if self.leave(*id, true) { &mut removed } else { &mut forgotten }.push(*id);
        }
        if !removed.is_empty() {
            self.steps.push(StoreStep::Outcomes(Outcomes { removed, ..Outcomes::default() }));
        }
        if !forgotten.is_empty() {
            self.steps.push(StoreStep::ForgetSettled(forgotten));
        }
        self.report_outbox();
    }

    /// Notes that a command is on its way out. False where it is not in the outbox any more.
    fn leave(&mut self, id: CommandId, listed: bool) -> bool {
        let Some(entry) = self.outbox.entries.get_mut(&id) else { return false };
        entry.flight = Flight::Leaving { listed };
        let lane = entry.item.lane();
        self.outbox.leave_lane(lane, id);
        self.report(Report::Settled(id));
        true
    }

    pub(super) fn outbox_purged(&mut self, dropped: &[CommandId]) {
        for id in dropped {
            self.outbox.remove(*id);
        }
        self.report_outbox();
    }
}
