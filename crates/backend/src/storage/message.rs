//! Messages. Content and Meta's ids are sealed under the contact's key; a message is found by the keyed hash of its
//! id at Meta.

use deskbell_domain::{
    ConversationId, DeliveryStatus, Direction, FailureCode, MessageId, MessageKind, Origin, Scope, Sensitive,
    UserId, UtcMs,
};

use super::change::{Entity, Op};
use super::contact::WritableContact;
use super::conversation::Conversation;
use super::sealing::{SealedColumn, sealed_column};
use super::statement::{Statement, pair, sql};
use super::value::{Row, Value, list_of, values};
use super::{Read, Result, Tx, contact};

/// A message to write down.
#[derive(Debug, Clone)]
pub struct NewMessage {
    /// Its id: fresh, or the one its author's device made.
    pub id: MessageId,
    /// What it is.
    pub kind: MessageKind,
    /// Which way it goes.
    pub direction: Direction,
    /// How it came to be.
    pub origin: Origin,
    /// Its place in the thread.
    pub at: UtcMs,
    /// Meta's time, for what came from there.
    pub provider_at: Option<UtcMs>,
    /// Which member of staff wrote it.
    pub author: Option<UserId>,
    /// How far it has come, for what goes out.
    pub status: Option<DeliveryStatus>,
    /// What it says, as JSON.
    pub body: Sensitive<String>,
    /// Its id at Meta, once there is one.
    pub wamid: Option<Sensitive<String>>,
}

/// A message.
#[derive(Debug, Clone)]
pub struct Message {
    /// Its id.
    pub id: MessageId,
    /// Which conversation it belongs to.
    pub conversation: ConversationId,
    /// What it is.
    pub kind: MessageKind,
    /// Which way it goes.
    pub direction: Direction,
    /// How it came to be.
    pub origin: Origin,
    /// Its place in the thread.
    pub at: UtcMs,
    /// Meta's time, for what came from there.
    pub provider_at: Option<UtcMs>,
    /// When it was written down here.
    pub created_at: UtcMs,
    /// Which member of staff wrote it.
    pub author: Option<UserId>,
    /// How far it has come, for what goes out.
    pub status: Option<DeliveryStatus>,
    /// When it came so far, on Meta's clock.
    pub status_at: Option<UtcMs>,
    /// Why it failed.
    pub failure: Option<FailureCode>,
    /// What it says, as JSON; `None` when its key was destroyed.
    pub body: Option<Sensitive<String>>,
    /// Its id at Meta, once there is one.
    pub wamid: Option<Sensitive<String>>,
    /// The place of its last change in the log.
    pub version: i64,
}

/// What became of a message to write down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Inserted {
    /// It is new.
    New(MessageId),
    /// It was here before, under this id: nothing was written.
    Known(MessageId),
}

/// Which message a status is of.
#[derive(Debug, Clone)]
pub enum StatusTarget {
    /// The one with our id.
    Message(MessageId),
    /// The one with this id at Meta.
    Wamid(Sensitive<String>),
}

/// What is heard of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StatusNews {
    /// How far it has come.
    pub status: DeliveryStatus,
    /// When, on Meta's clock where it is Meta's news.
    pub at: UtcMs,
    /// Why it failed.
    pub failure: Option<FailureCode>,
}

/// A status that moved forward.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Advanced {
    /// The message.
    pub message: MessageId,
    /// Its conversation.
    pub conversation: ConversationId,
    /// How far it had come.
    pub before: Option<DeliveryStatus>,
    /// How far it has come.
    pub after: DeliveryStatus,
}

/// A place in a thread, newest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The message's time.
    pub at: UtcMs,
    /// The message there.
    pub id: MessageId,
}

const BODY: SealedColumn = sealed_column!("message"."body");
const WAMID: SealedColumn = sealed_column!("message"."wamid");

/// What the hash of an id at Meta is made for. The erasure ledger uses it too.
pub const WAMID_PURPOSE: &str = "message.wamid";

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT id, conversation_id, kind, direction, origin, at, provider_at, created_at, author_id, status,
               status_at, failure, body, wamid, version
             FROM message WHERE tenant_id = $1 AND ",
            $rest
        )
    };
}

const INSERT: Statement = sql("INSERT INTO message
       (tenant_id, id, conversation_id, kind, direction, origin, at, provider_at, created_at, author_id, status,
        status_at, failure, left_at, body, wamid_hash, wamid, first_version, version)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, NULL, NULL, NULL, $12, $13, $14, 0, 0)
     ON CONFLICT DO NOTHING");
const BY_WAMID: Statement = sql("SELECT id FROM message WHERE tenant_id = $1 AND wamid_hash = $2");
const STATUS: Statement = pair(
    "SELECT m.status, m.conversation_id, c.queue_id, c.assignee_id FROM message m
     JOIN conversation c ON c.tenant_id = m.tenant_id AND c.id = m.conversation_id
     WHERE m.tenant_id = $1 AND m.id = $2",
    "SELECT m.status, m.conversation_id, c.queue_id, c.assignee_id FROM message m
     JOIN conversation c ON c.tenant_id = m.tenant_id AND c.id = m.conversation_id
     WHERE m.tenant_id = $1 AND m.id = $2 FOR UPDATE OF m",
);
const SET_STATUS: Statement = sql("UPDATE message SET status = $3, status_at = $4, failure = $5,
       left_at = COALESCE(left_at, $6)
     WHERE tenant_id = $1 AND id = $2");
const CONTACT: Statement = sql("SELECT c.contact_id FROM message m
     JOIN conversation c ON c.tenant_id = m.tenant_id AND c.id = m.conversation_id
     WHERE m.tenant_id = $1 AND m.id = $2");
const OUTBOUND_TIMES: Statement = sql("SELECT left_at FROM message
     WHERE tenant_id = $1 AND conversation_id = $2 AND direction = 'outbound' AND origin = 'agent'
       AND left_at IS NOT NULL
     ORDER BY first_version DESC LIMIT $3");
const SET_WAMID: Statement = sql("UPDATE message SET wamid_hash = $3, wamid = $4
     WHERE tenant_id = $1 AND id = $2 AND wamid_hash IS NULL");
const READ: Statement = sql(select!("id IN ({list})"));
const PAGE: Statement =
    sql(select!("conversation_id = $2 AND (at, id) < ($3, $4) ORDER BY at DESC, id DESC LIMIT $5"));
const ANSWERED: Statement = sql("SELECT COUNT(*) FROM message
     WHERE tenant_id = $1 AND conversation_id = $2 AND direction = 'outbound' AND origin <> 'history'
       AND first_version > $3
       AND (author_id IS NULL OR author_id <> $4)");

/// Writes a message down, once: what Meta sends twice is known by its id there, what a device sends twice by its own.
///
/// The conversation is not changed; the caller moves it and saves it.
///
/// # Errors
/// Those of the engine.
pub async fn insert(
    tx: &mut Tx,
    contact: &WritableContact,
    conversation: &Conversation,
    new: &NewMessage,
) -> Result<Inserted> {
    let row = new.id.as_bytes();
    let body = tx.seal(BODY, row, contact.key(), new.body.expose().as_bytes())?;
    let (mut hash, mut wamid) = (None, None);
    if let Some(id) = &new.wamid {
        hash = Some(wamid_hash(tx, id).await?);
        wamid = Some(tx.seal(WAMID, row, contact.key(), id.expose().as_bytes())?);
    }
    let values = values![
        new.id,
        conversation.id,
        Value::word(&new.kind),
        Value::word(&new.direction),
        Value::word(&new.origin),
        new.at,
        new.provider_at,
        tx.now(),
        new.author,
        Value::word_or_null(new.status.as_ref()),
        body,
        hash,
        wamid,
    ];
    if tx.execute(&INSERT, values).await? == 1 {
        tx.changed(Entity::message(new.id, conversation.id), Op::Put, &conversation.scopes());
        return Ok(Inserted::New(new.id));
    }
    match hash {
        Some(hash) => match tx.first(&BY_WAMID, values![hash]).await? {
            Some(mut row) => Ok(Inserted::Known(row.take("message.id")?)),
            None => Ok(Inserted::Known(new.id)),
        },
        None => Ok(Inserted::Known(new.id)),
    }
}

/// Moves a message's status forward, in whatever order news comes. `None` when nothing moved, or there is no such
/// message.
///
/// # Errors
/// Those of the engine.
pub async fn advance_status(
    tx: &mut Tx,
    target: StatusTarget,
    news: &StatusNews,
) -> Result<Option<Advanced>> {
    let message = match target {
        StatusTarget::Message(id) => id,
        StatusTarget::Wamid(wamid) => match by_wamid(tx, &wamid).await? {
            Some(id) => id,
            None => return Ok(None),
        },
    };
    let Some(mut row) = tx.first(&STATUS, values![message]).await? else { return Ok(None) };
    let before: Option<DeliveryStatus> = row.word_or_null("message.status")?;
    let conversation: ConversationId = row.take("message.conversation_id")?;
    let after = before.map_or(news.status, |before| before.merge(news.status));
    if before == Some(after) {
        return Ok(None);
    }
    let mut scopes = vec![Scope::Queue(row.take("conversation.queue_id")?)];
    scopes.extend(row.take::<Option<UserId>>("conversation.assignee_id")?.map(Scope::User));
    let failure = news.failure.filter(|_| after == DeliveryStatus::Failed);
    let left_at = Some(tx.now()).filter(|_| after != DeliveryStatus::Queued);
    let failure = Value::word_or_null(failure.as_ref());
    let values = values![message, Value::word(&after), news.at, failure, left_at];
    tx.execute(&SET_STATUS, values).await?;
    tx.changed(Entity::message(message, conversation), Op::Put, &scopes);
    Ok(Some(Advanced { message, conversation, before, after }))
}

/// Notes the id that Meta gave a message, once: from the answer to the call, or from its status when that was lost.
/// `false` when it has one already, or when its contact was erased.
///
/// # Errors
/// Those of the engine.
pub async fn set_wamid(tx: &mut Tx, message: MessageId, wamid: &Sensitive<String>) -> Result<bool> {
    let Some(mut row) = tx.first(&CONTACT, values![message]).await? else { return Ok(false) };
    let Some(contact) = contact::writable(tx, row.take("conversation.contact_id")?).await? else {
        return Ok(false);
    };
    let hash = wamid_hash(tx, wamid).await?;
    let sealed = tx.seal(WAMID, message.as_bytes(), contact.key(), wamid.expose().as_bytes())?;
    Ok(tx.execute(&SET_WAMID, values![message, hash, sealed]).await? == 1)
}

/// The message that has this id at Meta.
///
/// # Errors
/// Those of the engine.
pub async fn by_wamid(read: &mut Read, wamid: &Sensitive<String>) -> Result<Option<MessageId>> {
    let hash = wamid_hash(read, wamid).await?;
    match read.first(&BY_WAMID, values![hash]).await? {
        Some(mut row) => row.take("message.id").map(Some),
        None => Ok(None),
    }
}

/// Messages by their ids, in no order. What is not there is left out.
///
/// # Errors
/// Those of the engine.
pub async fn read_many(read: &mut Read, ids: &[MessageId]) -> Result<Vec<Message>> {
    let rows = read.all_in(&READ, values![], &list_of(ids)).await?;
    opened(read, rows).await
}

/// Messages of a conversation, the newest first, after `before` in that order.
///
/// # Errors
/// Those of the engine.
pub async fn page_before(
    read: &mut Read,
    conversation: ConversationId,
    before: Option<Place>,
    limit: i64,
) -> Result<Vec<Message>> {
    let (at, id) = before.map_or((i64::MAX, [0xff; 16]), |before| (before.at.as_ms(), *before.id.as_bytes()));
    let rows = read.all(&PAGE, values![conversation, at, id, limit]).await?;
    opened(read, rows).await
}

/// When the newest outgoing messages of staff were first tried, the latest first: what pacing counts.
///
/// # Errors
/// Those of the engine.
pub async fn outbound_times(
    read: &mut Read,
    conversation: ConversationId,
    newest: usize,
) -> Result<Vec<UtcMs>> {
    let newest = i64::try_from(newest).unwrap_or(i64::MAX);
    let rows = read.all(&OUTBOUND_TIMES, values![conversation, newest]).await?;
    let times = rows.into_iter().map(|mut row| row.take("message.left_at"));
    let mut times = times.collect::<Result<Vec<UtcMs>>>()?;
    times.sort_unstable_by(|one, other| other.cmp(one));
    Ok(times)
}

/// Whether anybody but `author` wrote to the customer after the log stood at `version`.
///
/// # Errors
/// Those of the engine.
pub async fn answered_by_others(
    read: &mut Read,
    conversation: ConversationId,
    version: i64,
    author: UserId,
) -> Result<bool> {
    let mut row = read.one(&ANSWERED, values![conversation, version, author]).await?;
    Ok(row.take::<i64>("message")? > 0)
}

/// What runs for every event or page, for the test that looks at the plans.
#[cfg(test)]
pub(super) const HOT: &[&Statement] =
    &[&BY_WAMID, &STATUS, &SET_STATUS, &READ, &PAGE, &ANSWERED, &OUTBOUND_TIMES, &CONTACT];

async fn wamid_hash(read: &Read, wamid: &Sensitive<String>) -> Result<[u8; 32]> {
    let hash = read.keys().lookup_hash(read.tenant(), WAMID_PURPOSE, wamid.expose().as_bytes()).await?;
    Ok(*hash.as_bytes())
}

async fn opened(read: &mut Read, rows: Vec<Row>) -> Result<Vec<Message>> {
    let sealed = rows.into_iter().map(sealed).collect::<Result<Vec<_>>>()?;
    read.load_keys(BODY, sealed.iter().map(|(_, body, _)| body.as_slice())).await?;
    let mut messages = Vec::with_capacity(sealed.len());
    for (mut message, body, wamid) in sealed {
        let place = *message.id.as_bytes();
        message.body = read.open_text(BODY, &place, Some(&body)).await?;
        message.wamid = read.open_text(WAMID, &place, wamid.as_deref()).await?;
        messages.push(message);
    }
    Ok(messages)
}

/// A row, with what is sealed still so.
fn sealed(mut row: Row) -> Result<(Message, Vec<u8>, Option<Vec<u8>>)> {
    let mut message = Message {
        id: row.take("message.id")?,
        conversation: row.take("message.conversation_id")?,
        kind: row.word("message.kind")?,
        direction: row.word("message.direction")?,
        origin: row.word("message.origin")?,
        at: row.take("message.at")?,
        provider_at: row.take("message.provider_at")?,
        created_at: row.take("message.created_at")?,
        author: row.take("message.author_id")?,
        status: row.word_or_null("message.status")?,
        status_at: row.take("message.status_at")?,
        failure: row.word_or_null("message.failure")?,
        body: None,
        wamid: None,
        version: 0,
    };
    let body = row.take("message.body")?;
    let wamid = row.take("message.wamid")?;
    message.version = row.take("message.version")?;
    Ok((message, body, wamid))
}
