//! What must hold: at every step, and at rest.

use std::collections::{BTreeMap, BTreeSet};

use deskbell_domain::{CommandId, ConversationId, Entity, EntityId, MessageId, Open};
use deskbell_protocol::command::{Act, Outcome};
use deskbell_protocol::entity::Kind;
use deskbell_protocol::sync::{Item, ItemOp, Seq};
use deskbell_sync::store::CommandState;
use deskbell_sync::view::ThreadQuery;
use deskbell_sync::{Restored, Store, StoreStep, Views};

use super::device::Record;
use super::{Broken, Stores, World};

/// More messages than any conversation of a run has.
const ALL: usize = 10_000;

impl<S: Stores> World<S> {
    /// Before a step: nothing leaves the outbox whose effects the cache does not show.
    pub(super) async fn check_before(&self, device: usize, step: &StoreStep) -> Result<(), Broken> {
        let StoreStep::Outcomes(outcomes) = step else { return Ok(()) };
        let one = &self.devices[device];
        let restored = restored(&one.store).await?;
        for id in &outcomes.removed {
            let item = restored.outbox.iter().find(|item| item.id() == *id);
            let Some(item) = item.filter(|item| item.is_pending()) else { continue };
            // A lineage that is gone has no outcomes to compare with.
            let current = restored.position.as_ref().filter(|at| at.epoch == self.backend.epoch());
            if let (Some(at), Some((Outcome::Applied { .. }, seq))) = (current, self.backend.outcome(*id))
                && at.seq < seq
            {
                let lane = item.lane();
                return Err(Broken(format!(
                    "{}: {id} of {lane} leaves the outbox at {} before the cache is at {seq}",
                    one.name, at.seq
                )));
            }
        }
        Ok(())
    }

    /// After a step: no foreign content, no cursor that moved back, nothing shown twice or not at all.
    pub(super) async fn check_after(&mut self, device: usize, step: &StoreStep) -> Result<(), Broken> {
        match step {
            StoreStep::ApplyFrame { frame, .. } if frame.epoch == self.backend.epoch() => {
                self.check_is_ours(device, &frame.items)?;
            }
            StoreStep::ApplySnapshotPage { page, .. } if page.epoch == self.backend.epoch() => {
                self.check_is_ours(device, &page.items)?;
            }
            StoreStep::ApplyHistory { items, .. } => self.check_is_ours(device, items)?,
            // Known by the step, not by the report: the device may die in between.
            StoreStep::Outcomes(outcomes) => {
                for id in &outcomes.removed {
                    if let Some(record) = self.devices[device].ledger.get_mut(id) {
                        record.left = true;
                    }
                }
            }
            StoreStep::TakeBack(id) => {
                if let Some(record) = self.devices[device].ledger.get_mut(id) {
                    record.taken_back = true;
                }
            }
            _ => {}
        }
        let restored = restored(&self.devices[device].store).await?;
        self.check_cursor(device, &restored)?;
        let lanes: BTreeSet<ConversationId> = restored.outbox.iter().map(|item| item.lane()).collect();
        for conversation in lanes {
            self.check_overlay(device, conversation, &restored).await?;
        }
        Ok(())
    }

    fn check_cursor(&mut self, device: usize, restored: &Restored) -> Result<(), Broken> {
        let one = &mut self.devices[device];
        let Some(at) = &restored.position else { return Ok(()) };
        let highest = one.highest.entry(at.epoch).or_insert(at.seq);
        if at.seq < *highest {
            return Err(Broken(format!("{}: the cursor moved back from {highest} to {}", one.name, at.seq)));
        }
        *highest = at.seq;
        Ok(())
    }

    fn check_is_ours(&self, device: usize, items: &[Item]) -> Result<(), Broken> {
        let one = &self.devices[device];
        for item in items.iter().filter(|item| item.op == ItemOp::Put) {
            let shown = self.backend.shown_up_to(one.user, &word(item), item.root);
            if let Some(shown) = shown.filter(|shown| item.version > *shown)
                && !self.backend.erased().contains(&item.root)
            {
                return Err(Broken(format!(
                    "{}: foreign content: {} {} at {}, shown up to {shown}",
                    one.name,
                    word(item),
                    item.id,
                    item.version
                )));
            }
        }
        Ok(())
    }

    /// A reply in the outbox is in its thread exactly once.
    async fn check_overlay(
        &self,
        device: usize,
        conversation: ConversationId,
        restored: &Restored,
    ) -> Result<(), Broken> {
        let one = &self.devices[device];
        let query = ThreadQuery { conversation, limit: ALL, me: one.user };
        let thread = one.store.thread(query).await.map_err(|error| Broken(format!("thread: {error}")))?;
        let Some(thread) = thread else { return Ok(()) };
        for item in restored.outbox.iter().filter(|item| item.lane() == conversation) {
            let Act::SendText { message, .. } = item.command.act else { continue };
            let times = thread.messages.iter().filter(|shown| shown.id == message).count();
            let hidden = restored.settled.contains(&item.id());
            if times > 1 || (times == 0 && !hidden) {
                return Err(Broken(format!("{}: {message} is shown {times} times", one.name)));
            }
        }
        Ok(())
    }

    /// At rest.
    pub(super) async fn check_at_rest(&mut self) -> Result<(), Broken> {
        for device in 0..self.devices.len() {
            let one = &self.devices[device];
            let name = one.name;
            let restored = restored(&one.store).await?;
            let at = restored.position.as_ref().map(|at| (at.epoch, at.seq));
            if at != Some((self.backend.epoch(), self.backend.head())) {
                return Err(Broken(format!("{name}: stands at {at:?}, not at {}", self.backend.head())));
            }
            self.check_rows(device).await?;
            self.check_threads(device).await?;
            self.check_commands(device, &restored).await?;
        }
        Ok(())
    }

    /// A device holds what the backend has for its scopes, nothing else, and nothing that was erased.
    async fn check_rows(&self, device: usize) -> Result<(), Broken> {
        let one = &self.devices[device];
        let name = one.name;
        let items = self.stores.rows(&one.store).await.map_err(|error| Broken(format!("rows: {error}")))?;
        let mut visible: BTreeMap<(String, EntityId), _> =
            self.backend.visible(one.user).into_iter().map(|(key, row)| ((key.kind, key.id), row)).collect();
        let erased = self.backend.erased();
        for item in &items {
            let what = format!("{} {}", word(item), item.id);
            if erased.contains(&item.root) || erased.contains(&item.id) {
                return Err(Broken(format!("{name}: erased, but here: {what}")));
            }
            let Some(row) = visible.remove(&(word(item), item.id)) else {
                return Err(Broken(format!("{name}: not to be seen, but here: {what}")));
            };
            if row.version != item.version || Some(&row.body) != item.body.as_ref() {
                return Err(Broken(format!(
                    "{name}: {what} is at {}, at the backend at {}",
                    item.version, row.version
                )));
            }
        }
        // Older messages may be missing, where the thread says so.
        let missing = visible.into_iter().find(|((kind, _), _)| kind != Kind::Message.as_str());
        missing.map_or(Ok(()), |((kind, id), _)| Err(Broken(format!("{name}: missing: {kind} {id}"))))
    }

    /// A thread has no silent hole: it ends where history says it goes on.
    async fn check_threads(&self, device: usize) -> Result<(), Broken> {
        let one = &self.devices[device];
        for (key, _) in self.backend.visible(one.user) {
            if key.kind != Kind::Conversation.as_str() {
                continue;
            }
            let conversation = ConversationId::of(key.id);
            let query = ThreadQuery { conversation, limit: ALL, me: one.user };
            let thread = one.store.thread(query).await.map_err(|error| Broken(format!("thread: {error}")))?;
            let Some(thread) = thread else {
                return Err(Broken(format!("{}: no thread of {conversation}", one.name)));
            };
            let shown: Vec<MessageId> = thread
                .messages
                .iter()
                .filter(|message| message.state == deskbell_sync::view::MessageState::Stored)
                .map(|message| message.id)
                .collect();
            let all: Vec<MessageId> =
                self.backend.messages(conversation).iter().map(|(key, _)| MessageId::of(key.id)).collect();
            if !all.ends_with(&shown) {
                return Err(Broken(format!("{}: {conversation} has a hole", one.name)));
            }
            if (shown.len() < all.len()) != thread.has_older {
                return Err(Broken(format!("{}: {conversation} ends in silence", one.name)));
            }
        }
        Ok(())
    }

    /// Every command that its user was told is kept took effect once, or was refused, and the lanes kept their order.
    async fn check_commands(&mut self, device: usize, restored: &Restored) -> Result<(), Broken> {
        let one = &self.devices[device];
        let name = one.name;
        let mut lanes: BTreeMap<ConversationId, Vec<(usize, Seq, CommandId)>> = BTreeMap::new();
        let (mut applied, mut refused) = (0, 0);
        for (id, record) in &one.ledger {
            if self.backend.effects(*id) > 1 {
                return Err(Broken(format!("{name}: {id} took effect {} times", self.backend.effects(*id))));
            }
            let lane = record.command.act.conversation();
            let is_erased = self.backend.erased().contains(&lane.entity());
            let outcome = self.backend.outcome(*id);
            if let Some((Outcome::Applied { .. }, seq)) = outcome {
                applied += 1;
                lanes.entry(lane).or_default().push((record.order, seq, *id));
            } else if record.confirmed && !record.taken_back && !is_erased {
                refused += 1;
                self.check_refused(name, *id, record, outcome.is_some(), restored)?;
            }
        }
        let waits = restored.outbox.iter().find(|item| item.is_pending());
        if let Some(item) = waits {
            return Err(Broken(format!("{name}: {} still waits: {:?}", item.id(), item.state)));
        }
        for (lane, mut done) in lanes {
            done.retain(|(order, ..)| *order != usize::MAX);
            done.sort_unstable();
            // After a restore, what was lost with it is carried out again, later than what came after it.
            let in_order = done.windows(2).all(|two| two[0].1 <= two[1].1);
            if !in_order && !self.restored {
                return Err(Broken(format!("{name}: the lane {lane} lost its order: {done:?}")));
            }
        }
        self.story.applied += applied;
        self.story.refused += refused;
        Ok(())
    }

    fn check_refused(
        &self,
        name: &str,
        id: CommandId,
        record: &Record,
        backend_refused: bool,
        restored: &Restored,
    ) -> Result<(), Broken> {
        let lost_with_restore = self.restored && record.left;
        if lost_with_restore {
            return Ok(());
        }
        let is_text = record.command.act.is_customer_visible();
        let item = restored.outbox.iter().find(|item| item.id() == id);
        let kept = item.is_some_and(|item| matches!(item.state, CommandState::Refused { .. }));
        // Without a text nothing is kept; the backend must have refused it then.
        if kept || (!is_text && backend_refused) || (!is_text && record.refused) {
            return Ok(());
        }
        Err(Broken(format!("{name}: {id} is lost: neither carried out nor refused")))
    }
}

async fn restored(store: &impl Store) -> Result<Restored, Broken> {
    store.restore().await.map_err(|error| Broken(format!("restore: {error}")))
}

/// A kind's word on the wire.
fn word(item: &Item) -> String {
    match &item.kind {
        Open::Known(kind) => kind.as_str().to_owned(),
        Open::Unknown(word) => word.as_str().to_owned(),
    }
}
