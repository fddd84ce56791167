//! The commands that wait, by lane, and what is being done with each.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use deskbell_domain::{CommandId, ConversationId, EpochId, Open, UtcMs};
use deskbell_protocol::command::{Act, RejectCode};
use deskbell_protocol::sync::Seq;

use crate::store::{CommandState, OutboxItem};

/// What is being done with a command right now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flight {
    /// Nothing.
    Free,
    /// The store is told that it is about to be sent, or asked whether its window is closed.
    Checking,
    /// A request with it is in flight.
    Asked,
    /// Its outcome is on the way to the store.
    Writing,
    /// It is refused, carries no text, and is on the way out.
    Dropping(Open<RejectCode>),
    /// It is settled and on the way out; whether the cache lists it.
    Leaving { listed: bool },
    /// The user takes it back, or puts another in its place.
    TakingBack,
}

/// A command, as stored, and what is being done with it.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) item: OutboxItem,
    /// Its place among all.
    pub(super) order: u64,
    pub(super) flight: Flight,
    pub(super) not_before: Option<UtcMs>,
    pub(super) attempts: u32,
    /// Sent alone, because a request with others was refused as a whole.
    pub(super) alone: bool,
}

impl Entry {
    pub(super) fn is_waiting(&self) -> bool {
        self.item.is_pending() && !matches!(self.flight, Flight::Leaving { .. })
    }

    /// When it may be sent; `None` is at once.
    pub(super) fn due(&self) -> Option<UtcMs> {
        self.item.send_after.max(self.not_before)
    }

    pub(super) fn is_due(&self, now: UtcMs) -> bool {
        self.due().is_none_or(|due| due <= now)
    }
}

/// All commands that are not settled.
#[derive(Debug, Default)]
pub(in crate::engine) struct Outbox {
    pub(super) entries: BTreeMap<CommandId, Entry>,
    /// Commands without an outcome, by conversation, in order.
    pub(super) lanes: BTreeMap<ConversationId, VecDeque<CommandId>>,
    /// On their way into the store for the first time.
    pub(super) enqueuing: BTreeSet<CommandId>,
    pub(super) next_order: u64,
    pub(super) reported: Option<(usize, usize)>,
}

impl Outbox {
    pub(super) fn add(&mut self, item: OutboxItem, flight: Flight) {
        let order = self.next_order;
        self.next_order += 1;
        let (id, lane) = (item.id(), item.lane());
        let waits =
            flight == Flight::Free && matches!(item.state, CommandState::Ready | CommandState::Sending);
        self.entries.insert(id, Entry { item, order, flight, not_before: None, attempts: 0, alone: false });
        if waits {
            self.join_lane(lane, id, order);
        }
    }

    pub(super) fn join_lane(&mut self, lane: ConversationId, id: CommandId, order: u64) {
        let Self { entries, lanes, .. } = self;
        let lane = lanes.entry(lane).or_default();
        let place = lane.partition_point(|other| entries.get(other).is_some_and(|entry| entry.order < order));
        lane.insert(place, id);
    }

    pub(super) fn leave_lane(&mut self, lane: ConversationId, id: CommandId) {
        if let Some(waiting) = self.lanes.get_mut(&lane) {
            waiting.retain(|other| *other != id);
            if waiting.is_empty() {
                self.lanes.remove(&lane);
            }
        }
    }

    pub(super) fn remove(&mut self, id: CommandId) -> Option<Entry> {
        let entry = self.entries.remove(&id)?;
        self.leave_lane(entry.item.lane(), id);
        Some(entry)
    }

    /// Commands without an outcome that the cache shows. Read marks do not count: nobody waits for them.
    pub(in crate::engine) fn waiting(&self) -> usize {
        let is_awaited = |act: &Act| !matches!(act, Act::MarkRead { .. });
        let waiting = self.entries.values().filter(|entry| entry.is_waiting());
        waiting.filter(|entry| is_awaited(&entry.item.command.act)).count()
    }

    pub(super) fn refused(&self) -> usize {
        self.entries.values().filter(|entry| !entry.item.is_pending()).count()
    }

    /// Whether only refused commands are left.
    pub(in crate::engine) fn is_drained(&self) -> bool {
        self.enqueuing.is_empty() && self.entries.values().all(|entry| !entry.item.is_pending())
    }

    /// The commands whose effects the cache shows once it stands at `to`: those the frame lists, and those whose answer
    /// named a place up to there.
    pub(in crate::engine) fn settled_by(
        &self,
        listed: &[CommandId],
        epoch: EpochId,
        to: Seq,
    ) -> Vec<CommandId> {
        let is_settled = |entry: &Entry| match entry.item.state {
            CommandState::Applied { epoch: at, seq } => at == epoch && seq <= to,
            CommandState::Ready | CommandState::Sending => listed.contains(&entry.item.id()),
            CommandState::Refused { .. } => false,
        };
        let leaves = |entry: &Entry| matches!(entry.flight, Flight::Leaving { .. });
        let mut settled: Vec<CommandId> = self
            .entries
            .values()
            .filter(|entry| !leaves(entry) && is_settled(entry))
            .map(|entry| entry.item.id())
            .collect();
        settled.extend(listed.iter().filter(|id| {
            self.entries.get(id).is_some_and(|entry| {
                matches!(entry.item.state, CommandState::Applied { .. }) && !leaves(entry)
            })
        }));
        settled.sort_unstable();
        settled.dedup();
        settled
    }

    /// Commands whose outcome belongs to another lineage of the log: it may have been lost with a restore.
    pub(in crate::engine) fn applied_elsewhere(&self, epoch: EpochId) -> Vec<CommandId> {
        let elsewhere = |state| matches!(state, CommandState::Applied { epoch: at, .. } if at != epoch);
        self.entries
            .values()
            .filter(|entry| entry.flight == Flight::Free && elsewhere(entry.item.state))
            .map(|entry| entry.item.id())
            .collect()
    }

    /// The requests in flight were given up: what they carried is sent again.
    pub(in crate::engine) fn requests_given_up(&mut self) {
        for entry in self.entries.values_mut().filter(|entry| entry.flight == Flight::Asked) {
            entry.flight = Flight::Free;
        }
    }

    pub(in crate::engine) fn due(&self) -> Option<UtcMs> {
        let heads = self.lanes.values().filter_map(|lane| self.entries.get(lane.front()?));
        heads.filter(|entry| entry.flight == Flight::Free).filter_map(Entry::due).min()
    }
}
