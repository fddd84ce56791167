//! What screens read.

mod list;
mod names;
mod row;
mod thread;

use std::collections::HashSet;

use deskbell_domain::{ConversationId, MessageId, UserId, UtcMs};
use deskbell_protocol::entity::{ConversationBody, MessageBody, TenantBody, UserBody};
use deskbell_protocol::sync::{PageToken, Seq};
use deskbell_sync::view::{Boundary, Group, Header};
use deskbell_sync::{OutboxItem, StoreError};
use serde::de::DeserializeOwned;
use sqlx::Row as _;
use sqlx::sqlite::{SqliteConnection, SqliteRow};

use self::names::Names;
use super::pending::Pending;
use super::{Cache, failed, state};
use crate::ids::hex_list;

/// A group as it is stored and sorted by.
pub(super) const fn group_number(group: Group) -> i64 {
    match group {
        Group::NeedsReply => 0,
        Group::WaitingOnCustomer => 1,
        Group::Resolved => 2,
    }
}

/// A conversation that can be read, as it is stored or with pending commands laid over it.
pub(super) struct Conversation {
    pub id: ConversationId,
    pub version: Seq,
    pub body: ConversationBody,
    pub read_through: Option<UtcMs>,
    /// Messages of the customer behind that, of those known without a hole.
    pub unread: u32,
}

/// A message that can be read, as it is stored.
struct StoredMessage {
    conversation: ConversationId,
    id: MessageId,
    body: MessageBody,
}

/// A gap as it is stored.
pub(super) struct StoredGap {
    pub token: PageToken,
    pub edge: Option<Boundary>,
}

impl StoredGap {
    /// Whether a message at this place is known without a hole.
    fn hides(&self, place: Boundary) -> bool {
        self.edge.is_none_or(|edge| place < edge)
    }
}

impl Cache {
    pub(crate) async fn header(
        &self,
        conversation: ConversationId,
        pending: &Pending,
        me: UserId,
    ) -> Result<Option<Header>, StoreError> {
        let mut tx = self.reading().await?;
        let settled = state::settled(&mut tx).await?.into_iter().collect();
        let lanes = pending.by_conversation(&settled);
        let mut found = conversations(&mut tx, &[conversation]).await?;
        row::lay_over(&mut tx, &mut found, &lanes, me).await?;
        let Some(found) = found.pop() else { return Ok(None) };
        let names = Names::of(&mut tx, [&found.body], []).await?;
        Ok(Some(names.head(found)))
    }

    pub(crate) async fn gap(&self, conversation: ConversationId) -> Result<Option<PageToken>, StoreError> {
        let mut tx = self.reading().await?;
        Ok(stored_gap(&mut tx, conversation).await?.map(|gap| gap.token))
    }

    pub(crate) async fn user(&self, user: UserId) -> Result<Option<UserBody>, StoreError> {
        const USER: &str = "SELECT body FROM entity WHERE kind = 'user' AND id = $1";
        let mut tx = self.reading().await?;
        let query = sqlx::query(USER).bind(user.as_bytes().as_slice());
        Ok(query.fetch_optional(&mut *tx).await.map_err(failed)?.and_then(|row| parsed(&row, 0)))
    }

    pub(crate) async fn tenant(&self) -> Result<Option<TenantBody>, StoreError> {
        const TENANT: &str = "SELECT body FROM entity WHERE kind = 'tenant' ORDER BY id";
        let mut tx = self.reading().await?;
        let rows = sqlx::query(TENANT).fetch_all(&mut *tx).await.map_err(failed)?;
        Ok(rows.iter().find_map(|row| parsed(row, 0)))
    }

    /// The items of the outbox, without those the cache shows already.
    pub(crate) async fn not_settled(&self, pending: Pending) -> Result<Vec<OutboxItem>, StoreError> {
        let mut tx = self.reading().await?;
        let settled = state::settled(&mut tx).await?.into_iter().collect();
        Ok(pending.without(&settled))
    }
}

/// A body in a column; nothing where this version cannot read it.
fn parsed<T: DeserializeOwned>(row: &SqliteRow, column: usize) -> Option<T> {
    let text: &str = row.try_get(column).ok()?;
    serde_json::from_str(text).ok()
}

/// The bytes of an id in a column.
pub(super) fn bytes(row: &SqliteRow, column: usize) -> Result<[u8; 16], StoreError> {
    let bytes: &[u8] = row.try_get(column).map_err(failed)?;
    bytes.try_into().map_err(|_| StoreError::CacheDamaged)
}

/// A number of rows in a column.
fn count(row: &SqliteRow, column: usize) -> Result<u32, StoreError> {
    let stored: i64 = row.try_get(column).map_err(failed)?;
    u32::try_from(stored).map_err(|_| StoreError::CacheDamaged)
}

/// These conversations, as far as they are here and can be read, in no order.
pub(super) async fn conversations(
    tx: &mut SqliteConnection,
    ids: &[ConversationId],
) -> Result<Vec<Conversation>, StoreError> {
    const CONVERSATIONS: &str = "SELECT id, version, body, read_through, unread FROM entity
        WHERE kind = 'conversation' AND list_group IS NOT NULL AND id IN (SELECT unhex(value) FROM json_each($1))";
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let wanted = hex_list(ids.iter().map(|id| *id.as_bytes()));
    let rows = sqlx::query(CONVERSATIONS).bind(wanted).fetch_all(tx).await.map_err(failed)?;
    rows.iter().map(conversation).collect()
}

/// A row of id, version, body, read_through, unread.
fn conversation(row: &SqliteRow) -> Result<Conversation, StoreError> {
    let version: i64 = row.try_get(1).map_err(failed)?;
    let read_through: Option<i64> = row.try_get(3).map_err(failed)?;
    Ok(Conversation {
        id: ConversationId::from_bytes(bytes(row, 0)?),
        version: Seq(u64::try_from(version).map_err(|_| StoreError::CacheDamaged)?),
        body: parsed(row, 2).ok_or(StoreError::CacheDamaged)?,
        read_through: read_through.map(UtcMs::from_ms),
        unread: count(row, 4)?,
    })
}

/// A row of conversation, id, body.
fn message(row: &SqliteRow) -> Result<StoredMessage, StoreError> {
    Ok(StoredMessage {
        conversation: ConversationId::from_bytes(bytes(row, 0)?),
        id: MessageId::from_bytes(bytes(row, 1)?),
        body: parsed(row, 2).ok_or(StoreError::CacheDamaged)?,
    })
}

pub(super) async fn stored_gap(
    tx: &mut SqliteConnection,
    conversation: ConversationId,
) -> Result<Option<StoredGap>, StoreError> {
    const GAP: &str = "SELECT edge_id, edge_at, token FROM gap WHERE conversation = $1";
    let query = sqlx::query(GAP).bind(conversation.as_bytes().as_slice());
    let Some(row) = query.fetch_optional(tx).await.map_err(failed)? else { return Ok(None) };
    let at: Option<i64> = row.try_get(1).map_err(failed)?;
    let edge = match at {
        Some(at) => Some(Boundary { at: UtcMs::from_ms(at), id: MessageId::from_bytes(bytes(&row, 0)?) }),
        None => None,
    };
    Ok(Some(StoredGap { token: PageToken(row.try_get(2).map_err(failed)?), edge }))
}

/// Which of these messages the cache has, and can read: a command that writes one of them has nothing to add.
async fn arrived(
    tx: &mut SqliteConnection,
    messages: &[MessageId],
) -> Result<HashSet<MessageId>, StoreError> {
    const ARRIVED: &str =
        "SELECT id FROM message WHERE at IS NOT NULL AND id IN (SELECT unhex(value) FROM json_each($1))";
    if messages.is_empty() {
        return Ok(HashSet::new());
    }
    let messages = hex_list(messages.iter().map(|id| *id.as_bytes()));
    let rows = sqlx::query(ARRIVED).bind(messages).fetch_all(tx).await.map_err(failed)?;
    rows.iter().map(|row| bytes(row, 0).map(MessageId::from_bytes)).collect()
}

#[cfg(test)]
mod tests;
