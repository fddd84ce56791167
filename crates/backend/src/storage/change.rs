//! The log: ordered, per tenant, ids only. Content is read at delivery.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use deskbell_domain::{
    ChannelAccountId, ConversationId, EpochId, MessageId, QueueId, Scope, TenantId, UserId,
};
use serde::{Deserialize, Serialize};

use super::statement::{Statement, sql};
use super::value::{Stored, Value, values};
use super::{Read, Result, StorageError};
use crate::limits::CHANGE_PAGE_MIN;

/// What kind of thing changed. The words are those of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EntityKind {
    /// A conversation with its contact's card.
    Conversation,
    /// A message or note.
    Message,
    /// A member of staff.
    User,
    /// A queue.
    Queue,
    /// A channel account.
    ChannelAccount,
    /// The tenant itself.
    Tenant,
    /// How far one member of staff has read one conversation. Its id is the conversation's.
    ReadMark,
}

/// What happened to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Op {
    /// It is new, or another than before.
    Put,
    /// It left the scope, or was deleted.
    Remove,
    /// It entered the scope: it arrives like a page of a snapshot.
    Scope,
    /// It was erased, for good and everywhere.
    Erase,
}

/// A thing the log speaks of, with the root whose scopes it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Entity {
    /// What it is.
    pub kind: EntityKind,
    /// Its id.
    pub id: [u8; 16],
    /// The id of what it belongs to: a message's conversation; for roots their own id.
    pub root: [u8; 16],
}

impl Entity {
    /// A conversation.
    pub const fn conversation(id: ConversationId) -> Self {
        Self { kind: EntityKind::Conversation, id: *id.as_bytes(), root: *id.as_bytes() }
    }

    /// A message of a conversation.
    pub const fn message(id: MessageId, conversation: ConversationId) -> Self {
        Self { kind: EntityKind::Message, id: *id.as_bytes(), root: *conversation.as_bytes() }
    }

    /// A member of staff.
    pub const fn user(id: UserId) -> Self {
        Self { kind: EntityKind::User, id: *id.as_bytes(), root: *id.as_bytes() }
    }

    /// A queue.
    pub const fn queue(id: QueueId) -> Self {
        Self { kind: EntityKind::Queue, id: *id.as_bytes(), root: *id.as_bytes() }
    }

    /// A channel account.
    pub const fn channel_account(id: ChannelAccountId) -> Self {
        Self { kind: EntityKind::ChannelAccount, id: *id.as_bytes(), root: *id.as_bytes() }
    }

    /// How far a member of staff has read a conversation. Whose it is, its scope says.
    pub const fn read_mark(conversation: ConversationId) -> Self {
        Self { kind: EntityKind::ReadMark, id: *conversation.as_bytes(), root: *conversation.as_bytes() }
    }

    /// The tenant itself.
    pub const fn tenant(id: TenantId) -> Self {
        Self { kind: EntityKind::Tenant, id: *id.as_bytes(), root: *id.as_bytes() }
    }
}

/// One line of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Change {
    /// Its number.
    pub seq: i64,
    /// Who sees it.
    pub scope: Scope,
    /// What it speaks of.
    pub entity: Entity,
    /// What happened.
    pub op: Op,
}

/// Where a tenant's log stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogClock {
    /// The lineage; a restored copy starts another.
    pub epoch: EpochId,
    /// The last number used.
    pub head: i64,
    /// Cursors below this one are too old.
    pub floor: i64,
}

/// The changes in (from, to] that some scopes see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangePage {
    /// Where it begins: not included.
    pub from: i64,
    /// Where it ends: included, and always the end of a transaction.
    pub to: i64,
    /// Whether the log went on when this was read.
    pub more: bool,
    /// The changes, in order.
    pub changes: Vec<Change>,
}

const CLOCK: Statement = sql("SELECT epoch, seq, floor_seq FROM tenant_clock WHERE tenant_id = $1");
const LIST: Statement = sql("SELECT seq, scope, kind, entity_id, root, op FROM change
     WHERE tenant_id = $1 AND seq > $2 AND seq <= $3 AND scope IN ({list}) ORDER BY seq LIMIT $4");
const LAST_END: Statement = sql("SELECT COALESCE(MAX(seq), 0) FROM change
     WHERE tenant_id = $1 AND seq > $2 AND seq <= $3 AND tx_end = 1");

const NEXT_END: Statement =
    sql("SELECT MIN(seq) FROM change WHERE tenant_id = $1 AND seq >= $2 AND tx_end = 1");

/// Most scopes of one page; staff have a few dozen. One statement has to hold them, for the order's sake.
const SCOPES_MAX: usize = crate::limits::STATEMENT_LIST_MAX;

/// Where the log stands.
///
/// # Errors
/// Those of the engine.
pub async fn clock(read: &mut Read) -> Result<LogClock> {
    let mut row = read.one(&CLOCK, values![]).await?;
    Ok(LogClock {
        epoch: row.take("tenant_clock.epoch")?,
        head: row.take("tenant_clock.seq")?,
        floor: row.take("tenant_clock.floor_seq")?,
    })
}

/// The changes after `from` that `scopes` see, at most `limit` of them (at least [`CHANGE_PAGE_MIN`]), cut between
/// two transactions.
///
/// # Errors
/// Those of the engine; [`StorageError::Shape`] for more than a statement's scopes.
pub async fn page(read: &mut Read, from: i64, scopes: &[Scope], limit: i64) -> Result<ChangePage> {
    if scopes.len() > SCOPES_MAX {
        return Err(StorageError::Shape("a set of scopes"));
    }
    let head = clock(read).await?.head;
    let limit = limit.max(CHANGE_PAGE_MIN);
    let list: Vec<Value> = scopes.iter().map(Value::from_scope).collect();
    let mut changes = Vec::new();
    for mut row in read.all_in(&LIST, values![from, head, limit], &list).await? {
        changes.push(Change {
            seq: row.take("change.seq")?,
            scope: scope_of(&row.take::<Vec<u8>>("change.scope")?)?,
            entity: Entity {
                kind: row.word("change.kind")?,
                id: row.take("change.entity_id")?,
                root: row.take("change.root")?,
            },
            op: row.word("change.op")?,
        });
    }
    let full = i64::try_from(changes.len()).unwrap_or(i64::MAX) >= limit;
    let mut to = head;
    if let (true, Some(last)) = (full, changes.last()) {
        // The last transaction may be cut: the page ends before it. One transaction is never longer than a page.
        to = last_end(read, from, last.seq).await?;
        changes.retain(|change| change.seq <= to);
    }
    Ok(ChangePage { from, to, more: to < head, changes })
}

/// The end of the last transaction in (after, up_to]; `after` when none ends there.
///
/// # Errors
/// Those of the engine.
pub async fn last_end(read: &mut Read, after: i64, up_to: i64) -> Result<i64> {
    let end: i64 = read.one(&LAST_END, values![after, up_to]).await?.take("change.seq")?;
    Ok(end.max(after))
}

/// The end of the first transaction at or after `at`: a page that cannot hold a whole transaction still ends there.
/// The head, where the log holds none.
///
/// # Errors
/// Those of the engine.
pub async fn next_end(read: &mut Read, at: i64) -> Result<i64> {
    let end: Option<i64> = read.one(&NEXT_END, values![at]).await?.take("change.seq")?;
    match end {
        Some(end) => Ok(end),
        None => Ok(clock(read).await?.head),
    }
}

/// What runs for every event or page, for the test that looks at the plans.
#[cfg(test)]
pub(super) const HOT: &[&Statement] = &[&LIST, &LAST_END, &NEXT_END, &CLOCK];

/// What a transaction will put into the log.
#[derive(Default)]
pub(super) struct Changes {
    ordered: Vec<(Entity, Scope, Op)>,
    places: HashMap<(Entity, Scope), usize>,
}

impl Changes {
    pub(super) fn len(&self) -> usize {
        self.ordered.len()
    }

    /// One row per entity and scope: what happened last is what counts.
    pub(super) fn record(&mut self, entity: Entity, op: Op, scopes: &[Scope]) {
        for scope in scopes {
            match self.places.get(&(entity, *scope)).and_then(|place| self.ordered.get_mut(*place)) {
                Some((_, _, before)) => *before = before.then(op),
                None => {
                    self.places.insert((entity, *scope), self.ordered.len());
                    self.ordered.push((entity, *scope, op));
                }
            }
        }
    }

    /// The rows, numbered from `before` + 1 to `head`.
    pub(super) fn rows(&self, before: i64, head: i64) -> Vec<Vec<Value>> {
        let row = |(seq, (entity, scope, op)): (i64, &(Entity, Scope, Op))| {
            values![
                seq,
                Value::from_scope(scope),
                Value::word(&entity.kind),
                entity.id,
                entity.root,
                Value::word(op),
                seq == head,
            ]
        };
        (before + 1..).zip(&self.ordered).map(row).collect()
    }

    /// The ids of what changed, by kind, each once.
    pub(super) fn ids(&self) -> BTreeMap<EntityKind, Vec<Value>> {
        let mut ids: BTreeMap<EntityKind, BTreeSet<[u8; 16]>> = BTreeMap::new();
        for (entity, _, _) in &self.ordered {
            ids.entry(entity.kind).or_default().insert(entity.id);
        }
        ids.into_iter().map(|(kind, ids)| (kind, ids.into_iter().map(Value::from).collect())).collect()
    }
}

impl Op {
    /// What two acts on the same thing in one transaction are together.
    const fn then(self, next: Self) -> Self {
        match (self, next) {
            (Self::Erase, _) => Self::Erase,
            (Self::Scope, Self::Put) => Self::Scope,
            (_, next) => next,
        }
    }
}

const TENANT_TAG: u8 = 0;
const QUEUE_TAG: u8 = 1;
const USER_TAG: u8 = 2;

impl Value {
    /// A scope as it is stored: a tag and an id.
    pub(super) fn from_scope(scope: &Scope) -> Self {
        let (tag, id): (u8, &[u8]) = match scope {
            Scope::Tenant => (TENANT_TAG, &[]),
            Scope::Queue(id) => (QUEUE_TAG, id.as_bytes()),
            Scope::User(id) => (USER_TAG, id.as_bytes()),
        };
        [&[tag], id].concat().to_value()
    }
}

fn scope_of(bytes: &[u8]) -> Result<Scope> {
    let shape = || StorageError::Shape("change.scope");
    match bytes.split_first() {
        Some((&TENANT_TAG, [])) => Ok(Scope::Tenant),
        Some((&QUEUE_TAG, id)) => QueueId::from_slice(id).map(Scope::Queue).map_err(|_| shape()),
        Some((&USER_TAG, id)) => UserId::from_slice(id).map(Scope::User).map_err(|_| shape()),
        _ => Err(shape()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(n: u8) -> Entity {
        Entity::message(MessageId::from_bytes([n; 16]), ConversationId::from_bytes([9; 16]))
    }

    #[test]
    fn a_thing_that_changes_twice_is_logged_once_per_scope() {
        let (a, b) = (Scope::Queue(QueueId::from_bytes([1; 16])), Scope::User(UserId::from_bytes([2; 16])));
        let mut changes = Changes::default();
        changes.record(message(1), Op::Put, &[a, b]);
        changes.record(message(1), Op::Put, &[a]);
        changes.record(message(2), Op::Put, &[a]);
        assert_eq!(changes.len(), 3);
        let rows = changes.rows(40, 43);
        let ends = |row: &Vec<Value>| row.last() == Some(&Value::from(true));
        assert_eq!(rows.iter().map(ends).collect::<Vec<_>>(), [false, false, true]);
        assert!(changes.ids()[&EntityKind::Message] == values![message(1).id, message(2).id]);
    }

    #[test]
    fn entering_a_scope_is_not_undone_by_a_later_put_and_erasing_by_nothing() {
        assert_eq!(Op::Scope.then(Op::Put), Op::Scope);
        assert_eq!(Op::Scope.then(Op::Remove), Op::Remove);
        assert_eq!(Op::Put.then(Op::Scope), Op::Scope);
        for op in [Op::Put, Op::Remove, Op::Scope] {
            assert_eq!(Op::Erase.then(op), Op::Erase);
        }
    }

    #[test]
    fn a_scope_survives_its_stored_form() {
        for scope in [
            Scope::Tenant,
            Scope::Queue(QueueId::from_bytes([1; 16])),
            Scope::User(UserId::from_bytes([2; 16])),
        ] {
            let stored = Vec::from_value(Value::from_scope(&scope)).unwrap();
            assert_eq!(scope_of(&stored).unwrap(), scope);
        }
        assert!(scope_of(&[]).is_err());
        assert!(scope_of(&[1, 2]).is_err());
        assert!(scope_of(&[7]).is_err());
    }
}
