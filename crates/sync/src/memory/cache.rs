//! The cache "file": rows by [`crate::row`]'s rules.

use std::collections::{BTreeMap, BTreeSet};

use deskbell_domain::{
    CommandId, ConversationId, Entity, EntityId, MessageId, Open, Scope, ServiceWindow, UtcMs, WindowState,
};
use deskbell_protocol::entity::Kind;
use deskbell_protocol::sync::{Frame, HistoryStart, Item, ItemOp, PageToken, Seq, SnapshotPage};
use serde_json::Value;

use crate::row::{Body, is_root, is_visible};
use crate::store::{Position, SnapshotProgress, StoreError};
use crate::view::{Boundary, boundary};

/// Rows lie with their root, a root's own row among them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    pub(super) root: EntityId,
    kind: String,
    id: EntityId,
}

impl Key {
    fn of(item: &Item) -> Self {
        let kind = match &item.kind {
            Open::Known(kind) => kind.as_str().to_owned(),
            Open::Unknown(word) => word.as_str().to_owned(),
        };
        Self { root: item.root, kind, id: item.id }
    }

    fn conversation(id: ConversationId) -> Self {
        Self { root: id.entity(), kind: Kind::Conversation.as_str().to_owned(), id: id.entity() }
    }

    fn first_of(root: EntityId) -> Self {
        Self { root, kind: String::new(), id: EntityId::from_bytes([0; 16]) }
    }

    fn is_root(&self) -> bool {
        self.root == self.id
    }

    fn is_read_mark(&self) -> bool {
        self.kind == Kind::ReadMark.as_str()
    }
}

#[derive(Debug, Clone)]
pub(super) struct Row {
    kind: Open<Kind>,
    pub(super) version: Seq,
    pub(super) body: Body,
    /// As it came: what a later version may be able to read.
    raw: Value,
    generation: u64,
}

#[derive(Debug, Clone)]
pub(super) struct Gap {
    pub(super) token: PageToken,
    /// Messages before it are not shown. `None` hides all: the batch with the token brought none.
    pub(super) boundary: Option<Boundary>,
}

#[derive(Debug, Default)]
pub(super) struct Cache {
    pub(super) position: Option<Position>,
    pub(super) progress: Option<SnapshotProgress>,
    pub(super) scopes: Vec<Scope>,
    pub(super) settled: BTreeSet<CommandId>,
    pub(super) rows: BTreeMap<Key, Row>,
    pub(super) gaps: BTreeMap<ConversationId, Gap>,
    pub(super) was_written: bool,
    /// Raised with each snapshot; what it does not bring has a lower one.
    generation: u64,
}

impl Cache {
    pub(super) fn apply_frame(&mut self, frame: &Frame, settled: &[CommandId]) -> Result<(), StoreError> {
        let follows = self
            .position
            .as_ref()
            .is_some_and(|at| at.epoch == frame.epoch && at.seq == frame.from && frame.from <= frame.to);
        if !follows {
            return Err(StoreError::Conflict);
        }
        self.write(&frame.items);
        self.begin_histories(&frame.items, &frame.history);
        self.position = Some(Position { epoch: frame.epoch, seq: frame.to, cursor: frame.cursor.clone() });
        self.settled.extend(settled);
        Ok(())
    }

    pub(super) fn apply_page(&mut self, begins: bool, page: &SnapshotPage) -> Result<(), StoreError> {
        if begins {
            self.generation += 1;
            self.position = None;
        } else {
            let follows = self
                .progress
                .as_ref()
                .is_some_and(|progress| progress.at.epoch == page.epoch && progress.at.seq == page.as_of);
            if !follows {
                return Err(StoreError::Conflict);
            }
        }
        self.write(&page.items);
        self.begin_histories(&page.items, &page.history);
        let at = Position { epoch: page.epoch, seq: page.as_of, cursor: page.cursor.clone() };
        self.progress = Some(SnapshotProgress { at, next: page.next.clone() });
        Ok(())
    }

    pub(super) fn finish_snapshot(&mut self, settled: &[CommandId]) -> Result<u64, StoreError> {
        let complete = self.progress.take_if(|progress| progress.next.is_none());
        let Some(progress) = complete else { return Err(StoreError::Conflict) };
        let before = self.rows.len();
        let generation = self.generation;
        self.rows.retain(|_, row| row.generation == generation);
        self.drop_orphans();
        self.position = Some(progress.at);
        self.settled.extend(settled);
        Ok(count(before - self.rows.len()))
    }

    pub(super) fn apply_history(&mut self, asked: &PageToken, items: &[Item], history: &HistoryStart) {
        let conversation = history.conversation;
        let Some(gap) = self.gaps.get(&conversation).filter(|gap| gap.token == *asked) else { return };
        let edge = boundary(items, conversation, false).or(gap.boundary);
        self.write(items);
        match history.older.clone() {
            Some(token) => self.gaps.insert(conversation, Gap { token, boundary: edge }),
            None => self.gaps.remove(&conversation),
        };
    }

    pub(super) fn set_scopes(&mut self, scopes: &[Scope], restart: bool) -> u64 {
        if restart {
            self.position = None;
            self.progress = None;
        }
        self.scopes = scopes.to_vec();
        let outside: Vec<Key> = self
            .rows
            .iter()
            .filter(|(key, row)| key.is_root() && !is_visible(&row.body, scopes).unwrap_or(!restart))
            .map(|(key, _)| key.clone())
            .collect();
        let mut purged = 0;
        for key in outside {
            // A read mark has its conversation's id. Each of the two has scopes of its own.
            purged += if key.is_read_mark() {
                u64::from(self.rows.remove(&key).is_some())
            } else {
                self.remove_root(key.root, false)
            };
        }
        purged
    }

    pub(super) fn purge_root(&mut self, root: EntityId) -> u64 {
        self.remove_root(root, true)
    }

    pub(super) fn is_window_closed(&self, conversation: ConversationId, now: UtcMs) -> bool {
        let row = self.rows.get(&Key::conversation(conversation));
        let Some(Body::Conversation(body)) = row.map(|row| &row.body) else { return false };
        let window = ServiceWindow::since(body.last_customer_message_at);
        matches!(window.at(now), WindowState::Closed { .. })
    }

    /// A conversation's rows, its own and its read mark's among them.
    pub(super) fn of_root(&self, root: EntityId) -> impl Iterator<Item = (&Key, &Row)> {
        self.rows.range(Key::first_of(root)..).take_while(move |(key, _)| key.root == root)
    }

    /// Where the messages of a conversation begin to be shown.
    pub(super) fn is_shown(&self, conversation: ConversationId, place: Boundary) -> bool {
        self.gaps.get(&conversation).is_none_or(|gap| gap.boundary.is_some_and(|boundary| place >= boundary))
    }

    pub(super) fn conversation_row(&self, id: ConversationId) -> Option<&Row> {
        self.rows.get(&Key::conversation(id))
    }

    /// Every row, as the item it came as.
    pub(super) fn items(&self) -> Vec<Item> {
        let item = |(key, row): (&Key, &Row)| Item {
            kind: row.kind,
            id: key.id,
            version: row.version,
            root: key.root,
            op: ItemOp::Put,
            body: Some(row.raw.clone()),
        };
        self.rows.iter().map(item).collect()
    }

    fn write(&mut self, items: &[Item]) {
        for item in items.iter().filter(|item| item.op == ItemOp::Put && is_root(item)) {
            self.put(item);
        }
        for item in items.iter().filter(|item| item.op == ItemOp::Put && !is_root(item)) {
            let is_orphan = item.kind.known() == Some(Kind::Message)
                && self.conversation_row(ConversationId::of(item.root)).is_none();
            if !is_orphan {
                self.put(item);
            }
        }
        for item in items {
            match item.op {
                ItemOp::Put => {}
                ItemOp::Remove => self.remove(item),
                ItemOp::Erase => {
                    self.rows.remove(&Key::of(item));
                    if is_root(item) {
                        self.remove_root(item.root, true);
                    }
                }
            }
        }
    }

    fn put(&mut self, item: &Item) {
        let generation = self.generation;
        let stored = self.rows.get_mut(&Key::of(item));
        if let Some(stored) = stored
            && stored.version > item.version
        {
            stored.generation = generation;
            return;
        }
        let raw = item.body.clone().unwrap_or(Value::Null);
        let body = Body::read(item.kind, &raw);
        self.rows
            .insert(Key::of(item), Row { kind: item.kind, version: item.version, body, raw, generation });
    }

    fn remove(&mut self, item: &Item) {
        let key = Key::of(item);
        if self.rows.get(&key).is_some_and(|row| row.version > item.version) {
            return;
        }
        self.rows.remove(&key);
        if is_root(item) && !key.is_read_mark() {
            self.remove_root(item.root, false);
        }
    }

    fn remove_root(&mut self, root: EntityId, read_mark_too: bool) -> u64 {
        let keys: Vec<Key> = self
            .of_root(root)
            .map(|(key, _)| key.clone())
            .filter(|key| read_mark_too || !key.is_read_mark())
            .collect();
        for key in &keys {
            self.rows.remove(key);
        }
        self.gaps.remove(&ConversationId::of(root));
        count(keys.len())
    }

    fn begin_histories(&mut self, items: &[Item], history: &[HistoryStart]) {
        for HistoryStart { conversation, older } in history {
            let brought: BTreeSet<EntityId> = items
                .iter()
                .filter(|item| item.root == conversation.entity() && item.op == ItemOp::Put)
                .map(|item| item.id)
                .collect();
            let missed: Vec<Key> = self
                .of_root(conversation.entity())
                .map(|(key, _)| key.clone())
                .filter(|key| !key.is_root() && !brought.contains(&key.id))
                .collect();
            for key in missed {
                self.rows.remove(&key);
            }
            let is_here = self.conversation_row(*conversation).is_some();
            match older.clone().filter(|_| is_here) {
                Some(token) => {
                    let boundary = boundary(items, *conversation, true);
                    self.gaps.insert(*conversation, Gap { token, boundary })
                }
                None => self.gaps.remove(conversation),
            };
        }
    }

    /// Followers and gaps of roots that went.
    fn drop_orphans(&mut self) {
        // A read mark is a root with its conversation's id, and keeps nothing of it.
        let roots: BTreeSet<EntityId> =
            self.rows.keys().filter(|key| key.is_root() && !key.is_read_mark()).map(|key| key.root).collect();
        self.rows.retain(|key, _| key.is_root() || roots.contains(&key.root));
        let rows = &self.rows;
        self.gaps.retain(|conversation, _| rows.contains_key(&Key::conversation(*conversation)));
    }
}

/// The place of a message in its thread.
pub(super) fn place(key: &Key, row: &Row) -> Option<Boundary> {
    match &row.body {
        Body::Message(body) => Some(Boundary { at: body.at, id: MessageId::of(key.id) }),
        _ => None,
    }
}

fn count(rows: usize) -> u64 {
    u64::try_from(rows).unwrap_or(u64::MAX)
}
