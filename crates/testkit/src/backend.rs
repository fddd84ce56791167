//! A model of the backend: the log with ids only, scopes, frames, snapshots, history, commands with outcomes, sessions.
//!
//! It follows the protocol's words, not the backend's code, and holds everything in memory. No I/O, no clock: two equal
//! sequences of calls give two equal backends.

use std::collections::{BTreeMap, BTreeSet};

use deskbell_domain::{
    CommandId, ConversationId, Entity, EntityId, EpochId, ErasureId, MessageId, Open, QueueId, Scope, UserId,
    UtcMs,
};
use deskbell_protocol::command::Outcome;
use deskbell_protocol::entity::{ConversationBody, Kind, MessageBody};
use deskbell_protocol::sync::Seq;
use serde_json::Value;

use crate::fixtures::{self, json};

mod command;
mod deliver;
mod log;
mod session;

use log::{Change, Op};
pub use session::{Refreshed, Sessions};

/// A root's kind that no console knows.
pub const STICKER_PACK: &str = "sticker_pack";

/// A follower's kind that no console knows.
pub const WHISPER: &str = "whisper";

/// What an entity is found by. Read marks of two users have the same id.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    /// The kind's word.
    pub kind: String,
    /// The id.
    pub id: EntityId,
    /// Whose it is, where it is one user's own.
    pub owner: Option<UserId>,
}

impl Key {
    /// The key of an entity that all share.
    pub fn new(kind: &str, id: EntityId) -> Self {
        Self { kind: kind.to_owned(), id, owner: None }
    }

    fn conversation(id: ConversationId) -> Self {
        Self::new(Kind::Conversation.as_str(), id.entity())
    }

    fn message(id: MessageId) -> Self {
        Self::new(Kind::Message.as_str(), id.entity())
    }

    /// The kind, as it travels.
    pub fn kind(&self) -> Open<Kind> {
        serde_json::from_value(Value::from(self.kind.as_str())).expect("every word is a kind")
    }
}

/// An entity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The place of its last change.
    pub version: Seq,
    /// What decides over its visibility.
    pub root: Key,
    /// What it is like.
    pub body: Value,
    /// Who sees it; of roots only.
    pub scopes: BTreeSet<Scope>,
}

/// A carried-out or refused command.
#[derive(Debug, Clone)]
struct Done {
    user: UserId,
    act: Value,
    outcome: Outcome,
    /// The end of the transaction that stored the outcome.
    seq: Seq,
}

/// A user's rights.
#[derive(Debug, Clone, Default)]
struct Rights {
    queues: BTreeSet<QueueId>,
    /// Raised with each change: older access tokens end.
    version: u64,
}

/// What a restore brings back.
#[derive(Debug, Clone, Default)]
struct Data {
    head: Seq,
    /// The log reaches back to here.
    floor: Seq,
    rows: BTreeMap<Key, Row>,
    log: Vec<Change>,
    done: BTreeMap<CommandId, Done>,
    erased: BTreeMap<ErasureId, EntityId>,
}

/// The backend.
#[derive(Debug)]
pub struct Backend {
    epoch: EpochId,
    epochs: u32,
    data: Data,
    copy: Option<Data>,
    rights: BTreeMap<UserId, Rights>,
    /// Sessions are not restored: they lie in another place.
    pub sessions: Sessions,
    /// Changes looked at for one frame.
    pub frame_changes_max: usize,
    /// Roots on one page of a snapshot.
    pub page_roots_max: usize,
    /// Switched off for a negative control: whether delivery asks who may see an entity now.
    pub checks_scopes: bool,
    /// How often a command's effects were made.
    effects: BTreeMap<CommandId, u32>,
    /// The last place at which a user saw a root that they do not see now.
    last_seen: BTreeMap<(UserId, Key), Seq>,
    ids: u32,
}

impl Backend {
    /// A backend with a tenant and nothing else.
    pub fn new() -> Self {
        let mut backend = Self {
            epoch: fixtures::epoch(1),
            epochs: 1,
            data: Data::default(),
            copy: None,
            rights: BTreeMap::new(),
            sessions: Sessions::default(),
            frame_changes_max: 500,
            page_roots_max: 25,
            checks_scopes: true,
            effects: BTreeMap::new(),
            last_seen: BTreeMap::new(),
            ids: 0,
        };
        let tenant = Key::new(Kind::Tenant.as_str(), fixtures::id(0x01, 1));
        backend.put_root(tenant, json(&fixtures::tenant_body("Corner Shop")), [Scope::Tenant].into());
        backend
    }

    /// The newest place of the log.
    pub const fn head(&self) -> Seq {
        self.data.head
    }

    /// The log's lineage.
    pub const fn epoch(&self) -> EpochId {
        self.epoch
    }

    /// A new user who works these queues.
    pub fn add_user(&mut self, id: UserId, name: &str, queues: &[QueueId]) {
        let rights = Rights { queues: queues.iter().copied().collect(), version: 1 };
        self.rights.insert(id, rights);
        let key = Key::new(Kind::User.as_str(), id.entity());
        self.put_root(key, json(&fixtures::user_body(name)), [Scope::Tenant].into());
    }

    /// A new queue.
    pub fn add_queue(&mut self, id: QueueId, name: &str) {
        let key = Key::new(Kind::Queue.as_str(), id.entity());
        self.put_root(key, json(&fixtures::queue_body(name)), [Scope::Tenant].into());
    }

    /// A new conversation, begun by its customer.
    pub fn add_conversation(&mut self, id: ConversationId, n: u32, queue: QueueId, at: UtcMs) {
        let body = fixtures::conversation_body(n, queue, at);
        let scopes = conversation_scopes(&body);
        self.put_root(Key::conversation(id), json(&body), scopes);
        self.inbound(id, "hello", at);
    }

    /// The customer writes.
    pub fn inbound(&mut self, conversation: ConversationId, text: &str, at: UtcMs) {
        let id: MessageId = self.fresh(0x41);
        let message = fixtures::inbound_body(conversation, text, at);
        self.put_follower(Key::message(id), Key::conversation(conversation), json(&message));
        let Some(mut body) = self.conversation(conversation) else { return };
        body.last_message_at = at;
        body.last_customer_message_at = Some(at);
        body.waiting_since.get_or_insert(at);
        body.status = deskbell_domain::ConversationStatus::Open.into();
        self.save(conversation, &body, vec![Key::message(id)]);
    }

    /// A receipt for a message of a conversation: its status moves on. Picks the `n`th.
    pub fn advance_status(&mut self, conversation: ConversationId, n: u64) {
        use deskbell_domain::DeliveryStatus::{Delivered, Queued, Read, Sent};
        let places = self.places(conversation);
        let Some(index) = usize::try_from(n).ok().and_then(|n| n.checked_rem(places.len())) else { return };
        let key = places[index].1.clone();
        let mut body: MessageBody =
            serde_json::from_value(self.data.rows[&key].body.clone()).expect("a message");
        let next = match body.status.and_then(|status| status.known()) {
            Some(Queued) => Sent,
            Some(Sent) => Delivered,
            Some(Delivered) => Read,
            _ => return,
        };
        body.status = Some(next.into());
        self.put_follower(key.clone(), Key::conversation(conversation), json(&body));
        self.commit(&[(key, None)]);
    }

    /// A conversation goes to another queue.
    pub fn move_to(&mut self, conversation: ConversationId, queue: QueueId) {
        let Some(mut body) = self.conversation(conversation) else { return };
        body.queue = Some(queue);
        self.save(conversation, &body, Vec::new());
    }

    /// A conversation gets another assignee, by somebody's hand.
    pub fn assign(&mut self, conversation: ConversationId, assignee: Option<UserId>) {
        let Some(mut body) = self.conversation(conversation) else { return };
        body.assignee = assignee;
        self.save(conversation, &body, Vec::new());
    }

    /// A user gets other queues. Access tokens and sockets of before end.
    pub fn set_queues(&mut self, user: UserId, queues: &[QueueId]) {
        let roots: Vec<Key> = self.roots().cloned().collect();
        for root in &roots {
            self.note_who_sees(root);
        }
        let rights = self.rights.get_mut(&user).expect("a known user");
        rights.queues = queues.iter().copied().collect();
        rights.version += 1;
        for root in &roots {
            self.forget_who_sees(root);
        }
    }

    /// A root of a kind that consoles do not know, and one that follows a conversation.
    pub fn put_unknown(&mut self, n: u32, conversation: ConversationId) {
        let root = Key::new(STICKER_PACK, fixtures::id(0xa0, n));
        self.put_root(root, Value::from(format!("pack {n}")), [Scope::Tenant].into());
        if self.data.rows.contains_key(&Key::conversation(conversation)) {
            let follower = Key::new(WHISPER, fixtures::id(0xb0, n));
            self.put_follower(follower.clone(), Key::conversation(conversation), Value::from("psst"));
            self.commit(&[(follower, None)]);
        }
    }

    /// A customer's data is erased.
    pub fn erase(&mut self, conversation: ConversationId) -> Option<ErasureId> {
        let root = Key::conversation(conversation);
        self.data.rows.get(&root)?;
        self.note_who_sees(&root);
        let id: ErasureId = self.fresh(0x71);
        let entity = conversation.entity();
        self.data.rows.retain(|key, row| row.root.id != entity && key.id != entity);
        self.data.erased.insert(id, entity);
        self.data.log.retain(|change| change.root != entity);
        self.append(vec![(Scope::Tenant, root, entity, Op::Erase)]);
        Some(id)
    }

    /// The roots of all erasures.
    pub fn erased(&self) -> BTreeSet<EntityId> {
        self.data.erased.values().copied().collect()
    }

    /// All erasures.
    pub fn erasures(&self) -> Vec<ErasureId> {
        self.data.erased.keys().copied().collect()
    }

    /// All conversations.
    pub fn conversations(&self) -> Vec<ConversationId> {
        self.of_kind(Kind::Conversation.as_str()).map(|(key, _)| ConversationId::of(key.id)).collect()
    }

    /// Makes a backup.
    pub fn save_copy(&mut self) {
        self.copy = Some(self.data.clone());
    }

    /// Goes back to the backup, under a new lineage. Erasures of since are carried out again.
    pub fn restore_copy(&mut self) -> bool {
        let Some(copy) = self.copy.clone() else { return false };
        let erased = std::mem::replace(&mut self.data, copy).erased;
        self.epochs += 1;
        self.epoch = fixtures::epoch(self.epochs);
        let took_effect = self.data.done.iter().filter(|(_, done)| done.took_effect());
        self.effects = took_effect.map(|(id, _)| (*id, 1)).collect();
        for (id, root) in erased {
            if self.data.erased.contains_key(&id) {
                continue;
            }
            self.data.rows.retain(|key, row| row.root.id != root && key.id != root);
            self.data.erased.insert(id, root);
        }
        self.last_seen.clear();
        true
    }

    /// A conversation, where there is one.
    pub fn conversation(&self, id: ConversationId) -> Option<ConversationBody> {
        let row = self.data.rows.get(&Key::conversation(id))?;
        serde_json::from_value(row.body.clone()).ok()
    }

    /// A conversation's version.
    pub fn version(&self, id: ConversationId) -> Option<Seq> {
        self.data.rows.get(&Key::conversation(id)).map(|row| row.version)
    }

    /// A conversation's messages, oldest first.
    pub fn messages(&self, id: ConversationId) -> Vec<(Key, MessageBody)> {
        let body = |key: &Key| serde_json::from_value(self.data.rows[key].body.clone()).expect("a message");
        self.places(id).into_iter().map(|(_, key)| (key.clone(), body(key))).collect()
    }

    /// All a user may see, as items would show it.
    pub fn visible(&self, user: UserId) -> BTreeMap<Key, Row> {
        let rows = self.data.rows.iter().filter(|(key, _)| self.sees(user, key));
        rows.map(|(key, row)| (key.clone(), row.clone())).collect()
    }

    /// The highest version of what follows a root that this user can have been shown; `None` is any. A read mark has
    /// its conversation's id, and is asked for by its own kind.
    pub fn shown_up_to(&self, user: UserId, kind: &str, root: EntityId) -> Option<Seq> {
        let is_mark = kind == Kind::ReadMark.as_str();
        let is_it = |key: &Key| key.id == root && (key.kind == Kind::ReadMark.as_str()) == is_mark;
        let is_seen = |(key, row): (&Key, &Row)| is_it(key) && row.root == *key && self.sees(user, key);
        if self.data.rows.iter().any(is_seen) {
            return None;
        }
        let last = self.last_seen.iter().filter(|((seer, key), _)| *seer == user && is_it(key));
        Some(last.map(|(_, seq)| *seq).max().unwrap_or(Seq(0)))
    }

    /// How often a command took effect.
    pub fn effects(&self, id: CommandId) -> u32 {
        self.effects.get(&id).copied().unwrap_or(0)
    }

    /// What became of a command, and where.
    pub fn outcome(&self, id: CommandId) -> Option<(Outcome, Seq)> {
        self.data.done.get(&id).map(|done| (done.outcome, done.seq))
    }

    /// What a user may see.
    pub fn scopes(&self, user: UserId) -> Vec<Scope> {
        let queues = self.rights.get(&user).into_iter().flat_map(|rights| &rights.queues);
        [Scope::Tenant, Scope::User(user)]
            .into_iter()
            .chain(queues.map(|queue| Scope::Queue(*queue)))
            .collect()
    }

    /// The version of a user's rights.
    pub fn rights_version(&self, user: UserId) -> u64 {
        self.rights.get(&user).map_or(0, |rights| rights.version)
    }

    fn fresh<T: Entity>(&mut self, tag: u8) -> T {
        self.ids += 1;
        fixtures::id(tag, self.ids)
    }

    fn sees(&self, user: UserId, key: &Key) -> bool {
        let Some(row) = self.data.rows.get(key) else { return false };
        let Some(root) = self.data.rows.get(&row.root) else { return false };
        root.scopes.iter().any(|scope| match scope {
            Scope::Tenant => true,
            Scope::User(owner) => *owner == user,
            Scope::Queue(queue) => self.rights.get(&user).is_some_and(|rights| rights.queues.contains(queue)),
        })
    }

    fn put_root(&mut self, key: Key, body: Value, scopes: BTreeSet<Scope>) {
        self.note_who_sees(&key);
        let before = self.data.rows.get(&key).map(|row| row.scopes.clone()).unwrap_or_default();
        let row = Row { version: Seq(0), root: key.clone(), body, scopes };
        self.data.rows.insert(key.clone(), row);
        self.commit(&[(key.clone(), Some(before))]);
        self.forget_who_sees(&key);
    }

    /// Puts a follower in place; the caller commits.
    fn put_follower(&mut self, key: Key, root: Key, body: Value) {
        let row = Row { version: Seq(0), root, body, scopes: BTreeSet::new() };
        self.data.rows.insert(key, row);
    }

    /// Saves a conversation together with followers that changed.
    fn save(&mut self, id: ConversationId, body: &ConversationBody, followers: Vec<Key>) {
        let key = Key::conversation(id);
        self.note_who_sees(&key);
        let Some(row) = self.data.rows.get_mut(&key) else { return };
        let before = std::mem::replace(&mut row.scopes, conversation_scopes(body));
        row.body = json(body);
        let mut touched = vec![(key.clone(), Some(before))];
        touched.extend(followers.into_iter().map(|key| (key, None)));
        self.commit(&touched);
        self.forget_who_sees(&key);
    }

    fn roots(&self) -> impl Iterator<Item = &Key> {
        self.data.rows.iter().filter(|(key, row)| row.root == **key).map(|(key, _)| key)
    }

    /// All entities of a kind.
    fn of_kind(&self, kind: &'static str) -> impl Iterator<Item = (&Key, &Row)> {
        let first = Key::new(kind, EntityId::from_bytes([0; 16]));
        self.data.rows.range(first..).take_while(move |(key, _)| key.kind == kind)
    }

    /// The places of a conversation's messages, oldest first.
    fn places(&self, id: ConversationId) -> Vec<(UtcMs, &Key)> {
        let of_conversation =
            self.of_kind(Kind::Message.as_str()).filter(|(_, row)| row.root.id == id.entity());
        let at = |row: &Row| row.body.get("at").and_then(Value::as_i64).map(UtcMs::from_ms);
        let mut places: Vec<(UtcMs, &Key)> =
            of_conversation.filter_map(|(key, row)| Some((at(row)?, key))).collect();
        places.sort_unstable_by_key(|(at, key)| (*at, key.id));
        places
    }
}

impl Default for Backend {
    fn default() -> Self {
        Self::new()
    }
}

fn conversation_scopes(body: &ConversationBody) -> BTreeSet<Scope> {
    body.queue.map(Scope::Queue).into_iter().chain(body.assignee.map(Scope::User)).collect()
}
