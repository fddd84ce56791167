//! Conversations: the thread between a contact and one channel account. They are the roots that have scopes.

use deskbell_domain::{
    ChannelAccountId, ContactId, ConversationId, ConversationStatus, Priority, QueueId, Scope, UserId, UtcMs,
};

use super::change::{Entity, Op};
use super::contact::WritableContact;
use super::statement::{Statement, pair, sql};
use super::value::{Row, Value, list_of, values};
use super::{Read, Result, StorageError, Tx, fresh};

/// A conversation, without what its contact is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Conversation {
    /// Its id.
    pub id: ConversationId,
    /// With whom.
    pub contact: ContactId,
    /// Through which account.
    pub account: ChannelAccountId,
    /// Which department works it.
    pub queue: QueueId,
    /// Who has it.
    pub assignee: Option<UserId>,
    /// Where it stands.
    pub status: ConversationStatus,
    /// How urgent it is.
    pub priority: Priority,
    /// Until when it is put aside.
    pub snoozed_until: Option<UtcMs>,
    /// The customer's newest message, on Meta's clock: it opens the window.
    pub last_customer_message_at: Option<UtcMs>,
    /// The newest message of either side: its place in the list.
    pub last_message_at: UtcMs,
    /// Since when the customer waits for an answer.
    pub waiting_since: Option<UtcMs>,
    /// When it began.
    pub created_at: UtcMs,
    /// The place of its last change in the log.
    pub version: i64,
}

impl Conversation {
    /// Who sees it: those who work its queue, and who has it.
    pub fn scopes(&self) -> Vec<Scope> {
        let mut scopes = vec![Scope::Queue(self.queue)];
        scopes.extend(self.assignee.map(Scope::User));
        scopes
    }
}

/// A place in the list, newest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// The newest message's time.
    pub at: UtcMs,
    /// The conversation there.
    pub id: ConversationId,
}

/// Which part of the list a page is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// What somebody still has to act on: open and snoozed.
    Unresolved,
    /// What is done.
    Resolved,
}

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT id, contact_id, account_id, queue_id, assignee_id, status, priority, snoozed_until,
               last_customer_message_at, last_message_at, waiting_since, created_at, version
             FROM conversation WHERE tenant_id = $1 AND ",
            $rest
        )
    };
}

const INSERT: Statement = sql("INSERT INTO conversation
       (tenant_id, id, contact_id, account_id, queue_id, assignee_id, status, priority, snoozed_until,
        last_customer_message_at, last_message_at, waiting_since, created_at, version)
     VALUES ($1, $2, $3, $4, $5, NULL, 'open', 'normal', NULL, NULL, $6, NULL, $6, 0)
     ON CONFLICT (tenant_id, contact_id, account_id) DO NOTHING");
const FIND: Statement = pair(
    select!("contact_id = $2 AND account_id = $3"),
    select!("contact_id = $2 AND account_id = $3 FOR UPDATE"),
);
const LOCK: Statement = pair(select!("id = $2"), select!("id = $2 FOR UPDATE"));
const READ: Statement = sql(select!("id IN ({list})"));
const OF_CONTACT: Statement = sql(select!("contact_id = $2"));
const SAVE: Statement = sql(
    "UPDATE conversation SET queue_id = $3, assignee_id = $4, status = $5, priority = $6, snoozed_until = $7,
       last_customer_message_at = $8, last_message_at = $9, waiting_since = $10
     WHERE tenant_id = $1 AND id = $2",
);
// An id names a queue or a person, never both: one list serves both columns.
const PAGE_UNRESOLVED: Statement = sql(select!(
    "status IN ('open', 'snoozed') AND (last_message_at, id) < ($2, $3)
     AND (queue_id IN ({list}) OR assignee_id IN ({list})) ORDER BY last_message_at DESC, id DESC LIMIT $4"
));
const PAGE_RESOLVED: Statement = sql(select!(
    "status = 'resolved' AND (last_message_at, id) < ($2, $3)
     AND (queue_id IN ({list}) OR assignee_id IN ({list})) ORDER BY last_message_at DESC, id DESC LIMIT $4"
));

/// Most scopes of one page: one statement has to hold them, for the order's sake.
const SCOPES_MAX: usize = crate::limits::STATEMENT_LIST_MAX;

/// The conversation of a contact with an account, locked; a new one, in `queue`, when there is none. `at` is the time
/// of the message that opens it.
///
/// # Errors
/// Those of the engine.
pub async fn find_or_create(
    tx: &mut Tx,
    contact: &WritableContact,
    account: ChannelAccountId,
    queue: QueueId,
    at: UtcMs,
) -> Result<Conversation> {
    if !contact.is_new()
        && let Some(row) = tx.first(&FIND, values![contact.id(), account]).await?
    {
        return conversation(row);
    }
    let id = fresh::conversation_id(tx.now())?;
    let inserted = tx.execute(&INSERT, values![id, contact.id(), account, queue, at]).await?;
    let conversation = conversation(tx.one(&FIND, values![contact.id(), account]).await?)?;
    if inserted == 1 {
        tx.changed(Entity::conversation(conversation.id), Op::Scope, &conversation.scopes());
    }
    Ok(conversation)
}

/// Locks a conversation; `None` when there is none of this id.
///
/// # Errors
/// Those of the engine.
pub async fn lock(tx: &mut Tx, id: ConversationId) -> Result<Option<Conversation>> {
    tx.first(&LOCK, values![id]).await?.map(conversation).transpose()
}

/// Writes what changed between the locked conversation and what it is to be, and records it: a put where it stays
/// visible, an entry where it becomes so, a removal where it no longer is.
///
/// # Errors
/// [`StorageError::Shape`] when `after` is another conversation; those of the engine.
pub async fn save(tx: &mut Tx, before: &Conversation, after: &Conversation) -> Result<()> {
    if before.id != after.id || before.contact != after.contact || before.account != after.account {
        return Err(StorageError::Shape("a conversation that became another"));
    }
    if before == after {
        return Ok(());
    }
    let values = values![
        after.id,
        after.queue,
        after.assignee,
        Value::word(&after.status),
        Value::word(&after.priority),
        after.snoozed_until,
        after.last_customer_message_at,
        after.last_message_at,
        after.waiting_since,
    ];
    tx.execute(&SAVE, values).await?;
    let entity = Entity::conversation(after.id);
    let (was, is) = (before.scopes(), after.scopes());
    let (lost, _): (Vec<Scope>, Vec<Scope>) = was.iter().partition(|scope| !is.contains(scope));
    let (kept, gained): (Vec<Scope>, Vec<Scope>) = is.iter().partition(|scope| was.contains(scope));
    tx.changed(entity, Op::Remove, &lost);
    tx.changed(entity, Op::Put, &kept);
    tx.changed(entity, Op::Scope, &gained);
    Ok(())
}

/// Conversations by their ids, in no order. What is not there is left out.
///
/// # Errors
/// Those of the engine.
pub async fn read_many(read: &mut Read, ids: &[ConversationId]) -> Result<Vec<Conversation>> {
    read.all_in(&READ, values![], &list_of(ids)).await?.into_iter().map(conversation).collect()
}

/// Conversations that `scopes` see, the newest first, after `before` in that order.
///
/// # Errors
/// [`StorageError::Shape`] for more scopes than a statement takes; those of the engine.
pub async fn page(
    read: &mut Read,
    scopes: &[Scope],
    stage: Stage,
    before: Option<Position>,
    limit: i64,
) -> Result<Vec<Conversation>> {
    if scopes.len() > SCOPES_MAX {
        return Err(StorageError::Shape("a set of scopes"));
    }
    let list: Vec<Value> = scopes
        .iter()
        .filter_map(|scope| match scope {
            Scope::Tenant => None,
            Scope::Queue(id) => Some(Value::from(*id)),
            Scope::User(id) => Some(Value::from(*id)),
        })
        .collect();
    let (at, id) = before.map_or((i64::MAX, [0xff; 16]), |before| (before.at.as_ms(), *before.id.as_bytes()));
    let statement = match stage {
        Stage::Unresolved => &PAGE_UNRESOLVED,
        Stage::Resolved => &PAGE_RESOLVED,
    };
    let rows = read.all_in(statement, values![at, id, limit], &list).await?;
    rows.into_iter().map(conversation).collect()
}

/// What runs for every event or page, for the test that looks at the plans.
#[cfg(test)]
pub(super) const HOT: &[&Statement] =
    &[&FIND, &LOCK, &READ, &SAVE, &PAGE_UNRESOLVED, &PAGE_RESOLVED, &OF_CONTACT];

/// A contact's card is part of its conversations: they changed.
pub(super) async fn card_changed(tx: &mut Tx, contact: ContactId) -> Result<()> {
    for row in tx.all(&OF_CONTACT, values![contact]).await? {
        let conversation = conversation(row)?;
        tx.changed(Entity::conversation(conversation.id), Op::Put, &conversation.scopes());
    }
    Ok(())
}

fn conversation(mut row: Row) -> Result<Conversation> {
    Ok(Conversation {
        id: row.take("conversation.id")?,
        contact: row.take("conversation.contact_id")?,
        account: row.take("conversation.account_id")?,
        queue: row.take("conversation.queue_id")?,
        assignee: row.take("conversation.assignee_id")?,
        status: row.word("conversation.status")?,
        priority: row.word("conversation.priority")?,
        snoozed_until: row.take("conversation.snoozed_until")?,
        last_customer_message_at: row.take("conversation.last_customer_message_at")?,
        last_message_at: row.take("conversation.last_message_at")?,
        waiting_since: row.take("conversation.waiting_since")?,
        created_at: row.take("conversation.created_at")?,
        version: row.take("conversation.version")?,
    })
}
