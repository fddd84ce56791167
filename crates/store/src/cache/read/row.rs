//! A conversation as the list shows it.

use std::collections::HashMap;

use deskbell_domain::{ConversationId, UserId};
use deskbell_sync::view::{ListRow, ThreadMessage, pending_message, preview_of};
use deskbell_sync::{OutboxItem, StoreError, overlay};
use serde_json::{Value, json};
use sqlx::sqlite::SqliteConnection;

use super::names::Names;
use super::{Conversation, StoredMessage, arrived, bytes, count, message};
use crate::cache::failed;
use crate::cache::pending::Lanes;
use crate::ids::{hex, hex_list};

/// The newest message of each conversation; none where even that lies before the gap's edge.
pub(super) const NEWEST: &str =
    "SELECT message.conversation, message.id, message.body FROM json_each($1) AS wanted
    JOIN message ON message.id = (SELECT newest.id FROM message AS newest
        WHERE newest.conversation = unhex(wanted.value) AND newest.at IS NOT NULL
        ORDER BY newest.at DESC, newest.id DESC LIMIT 1)
    LEFT JOIN gap ON gap.conversation = message.conversation
    WHERE gap.conversation IS NULL OR (message.at, message.id) >= (gap.edge_at, gap.edge_id)";

/// Unread messages of conversations, as if they were read up to other times than they are.
pub(super) const UNREAD: &str = "SELECT unhex(value->>'id'), (SELECT count(*) FROM message
        WHERE message.conversation = unhex(value->>'id') AND message.inbound = 1 AND message.at > value->>'through'
        AND NOT EXISTS (SELECT 1 FROM gap WHERE gap.conversation = message.conversation
            AND (gap.edge_at IS NULL OR (message.at, message.id) < (gap.edge_at, gap.edge_id))))
    FROM json_each($1)";

/// Lays the pending commands over these conversations, as they are stored.
pub(super) async fn lay_over(
    tx: &mut SqliteConnection,
    stored: &mut [Conversation],
    lanes: &Lanes<'_>,
    me: UserId,
) -> Result<(), StoreError> {
    let ids: Vec<ConversationId> = stored.iter().map(|row| row.id).collect();
    let arrived = arrived(tx, &lanes.messages(&ids)).await?;
    let mut read_on = Vec::new();
    for row in stored.iter_mut() {
        let items = lanes.of(row.id);
        let is_stored = |message| arrived.contains(&message);
        row.body = overlay::conversation(&row.body, items.iter().copied(), is_stored, me);
        let read_through = overlay::read_through(row.read_through, items.iter().copied());
        if let Some(through) = read_through.filter(|_| read_through != row.read_through) {
            read_on.push(json!({ "id": hex(row.id.as_bytes()), "through": through.as_ms() }));
        }
        row.read_through = read_through;
    }
    let unread = unread(tx, read_on).await?;
    for row in stored {
        row.unread = unread.get(&row.id).copied().unwrap_or(row.unread);
    }
    Ok(())
}

async fn unread(
    tx: &mut SqliteConnection,
    read_on: Vec<Value>,
) -> Result<HashMap<ConversationId, u32>, StoreError> {
    if read_on.is_empty() {
        return Ok(HashMap::new());
    }
    let query = sqlx::query(UNREAD).bind(Value::Array(read_on).to_string());
    let rows = query.fetch_all(tx).await.map_err(failed)?;
    rows.iter().map(|row| Ok((ConversationId::from_bytes(bytes(row, 0)?), count(row, 1)?))).collect()
}

/// Conversations, with pending commands laid over them, as rows of a list, in the same order. The drafts are the
/// outbox's to add.
pub(super) async fn rows(
    tx: &mut SqliteConnection,
    shown: Vec<Conversation>,
    lanes: &Lanes<'_>,
    me: UserId,
) -> Result<Vec<ListRow>, StoreError> {
    let ids: Vec<ConversationId> = shown.iter().map(|row| row.id).collect();
    let mut newest = newest(tx, &ids).await?;
    let arrived = arrived(tx, &lanes.messages(&ids)).await?;
    let mut unsent: HashMap<ConversationId, ThreadMessage> = HashMap::new();
    for id in ids {
        let waiting = unsent_messages(lanes.of(id), me).filter(|message| !arrived.contains(&message.id));
        unsent.extend(waiting.last().map(|message| (id, message)));
    }
    let authors =
        newest.values().map(|message| &message.body).chain(unsent.values().map(|message| &message.body));
    let authors: Vec<UserId> = authors.filter_map(|body| body.author).collect();
    let names = Names::of(tx, shown.iter().map(|row| &row.body), authors).await?;
    let rows = shown.into_iter().map(|row| {
        let stored = newest.remove(&row.id).map(|message| names.sign(message));
        let unsent = unsent.remove(&row.id).map(|message| names.sign_unsent(message));
        let unread = row.unread;
        ListRow { header: names.head(row), preview: preview_of(stored, unsent), draft: None, unread }
    });
    Ok(rows.collect())
}

/// What these items write, in their order.
pub(super) fn unsent_messages(items: &[&OutboxItem], me: UserId) -> impl Iterator<Item = ThreadMessage> {
    items.iter().filter_map(move |item| pending_message(item, me))
}

async fn newest(
    tx: &mut SqliteConnection,
    ids: &[ConversationId],
) -> Result<HashMap<ConversationId, StoredMessage>, StoreError> {
    let wanted = hex_list(ids.iter().map(|id| *id.as_bytes()));
    let rows = sqlx::query(NEWEST).bind(wanted).fetch_all(tx).await.map_err(failed)?;
    rows.iter().map(|row| message(row).map(|found| (found.conversation, found))).collect()
}
