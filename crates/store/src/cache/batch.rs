//! Writing a batch of items by the rules of [`deskbell_sync::row`], in a few statements whatever their number.

use std::collections::{BTreeMap, BTreeSet};

use deskbell_domain::{ConversationId, Direction, Entity as _, EntityId, Open};
use deskbell_protocol::entity::Kind;
use deskbell_protocol::sync::{HistoryStart, Item, ItemOp};
use deskbell_sync::StoreError;
use deskbell_sync::row::Body;
use deskbell_sync::view::{Boundary, boundary, sort_key};
use serde_json::{Value, json};
use sqlx::sqlite::SqliteConnection;

use super::read::group_number;
use super::state::stored_seq;
use super::{failed, purge};
use crate::ids::{hex, hex_list};

/// A frame's or a page's items and history starts.
pub(super) async fn write(
    tx: &mut SqliteConnection,
    items: &[Item],
    history: &[HistoryStart],
    generation: i64,
) -> Result<(), StoreError> {
    write_items(tx, items, generation).await?;
    begin_anew(tx, history, items).await?;
    derive_anew(tx, items, history).await
}

/// Puts, then removes and erases.
pub(super) async fn write_items(
    tx: &mut SqliteConnection,
    items: &[Item],
    generation: i64,
) -> Result<(), StoreError> {
    put(tx, items, generation).await?;
    for item in items {
        match item.op {
            ItemOp::Put => {}
            ItemOp::Remove => purge::removed(tx, item).await?,
            ItemOp::Erase => purge::erased(tx, item).await?,
        }
    }
    Ok(())
}

/// Writes rows where there are none or where the stored version is not higher, and stamps all with the generation.
async fn put(tx: &mut SqliteConnection, items: &[Item], generation: i64) -> Result<(), StoreError> {
    // Entities before messages: a message without its conversation is left out, because nothing would ever purge it.
    const ENTITIES: &str = "INSERT INTO entity
            (kind, id, version, root, generation, body, assignee, list_group, list_key, read_through)
        SELECT value->>'kind', unhex(value->>'id'), value->>'version', unhex(value->>'root'), $2, value->'body',
            unhex(value->>'assignee'), value->>'group', value->>'key', value->>'through'
        FROM json_each($1) WHERE true
        ON CONFLICT (kind, id) DO UPDATE SET version = excluded.version, root = excluded.root, body = excluded.body,
            assignee = excluded.assignee, list_group = excluded.list_group, list_key = excluded.list_key,
            read_through = excluded.read_through
        WHERE excluded.version >= version";
    const STAMP_ENTITIES: &str = "UPDATE entity SET generation = $2 WHERE generation <> $2 AND (kind, id) IN
        (SELECT value->>'kind', unhex(value->>'id') FROM json_each($1))";
    const MESSAGES: &str = "INSERT INTO message (id, conversation, version, generation, at, inbound, body)
        SELECT unhex(value->>'id'), unhex(value->>'root'), value->>'version', $2, value->>'at', value->>'inbound',
            value->'body'
        FROM json_each($1)
        WHERE EXISTS (SELECT 1 FROM entity WHERE kind = 'conversation' AND id = unhex(value->>'root'))
        ON CONFLICT (id) DO UPDATE SET conversation = excluded.conversation, version = excluded.version,
            at = excluded.at, inbound = excluded.inbound, body = excluded.body
        WHERE excluded.version >= version";
    const STAMP_MESSAGES: &str = "UPDATE message SET generation = $2 WHERE generation <> $2 AND id IN
        (SELECT unhex(value->>'id') FROM json_each($1))";

    let puts = items.iter().filter(|item| item.op == ItemOp::Put);
    let (messages, entities): (Vec<&Item>, Vec<&Item>) = puts.partition(|item| is_message(item));
    let entities = Value::Array(entities.into_iter().map(entity_row).collect()).to_string();
    let messages = Value::Array(messages.into_iter().map(message_row).collect()).to_string();
    for (statement, rows) in [
        (ENTITIES, &entities),
        (STAMP_ENTITIES, &entities),
        (MESSAGES, &messages),
        (STAMP_MESSAGES, &messages),
    ] {
        sqlx::query(statement).bind(rows).bind(generation).execute(&mut *tx).await.map_err(failed)?;
    }
    Ok(())
}

/// A row of `entity`.
fn entity_row(item: &Item) -> Value {
    let body = item.body.as_ref().unwrap_or(&Value::Null);
    let mut assignee = None;
    let mut place = None;
    let mut through = None;
    match Body::read(item.kind, body) {
        Body::Conversation(conversation) => {
            assignee = conversation.assignee.map(|id| hex(id.as_bytes()));
            place = Some(sort_key(ConversationId::of(item.id), &conversation));
        }
        Body::ReadMark(mark) => through = Some(mark.through.as_ms()),
        _ => {}
    }
    json!({
        "kind": kind_word(item),
        "id": hex(item.id.as_bytes()),
        "version": stored_seq(item.version),
        "root": hex(item.root.as_bytes()),
        "body": body,
        "assignee": assignee,
        "group": place.map(|place| group_number(place.group)),
        "key": place.map(|place| place.key),
        "through": through,
    })
}

/// A row of `message`.
fn message_row(item: &Item) -> Value {
    let body = item.body.as_ref().unwrap_or(&Value::Null);
    let (at, inbound) = match Body::read(item.kind, body) {
        Body::Message(message) => {
            (Some(message.at.as_ms()), message.direction == Open::Known(Direction::Inbound))
        }
        _ => (None, false),
    };
    json!({
        "id": hex(item.id.as_bytes()),
        "root": hex(item.root.as_bytes()),
        "version": stored_seq(item.version),
        "at": at,
        "inbound": i64::from(inbound),
        "body": body,
    })
}

/// The word of a kind, known or not.
pub(super) fn kind_word(item: &Item) -> &str {
    match &item.kind {
        Open::Known(kind) => kind.as_str(),
        Open::Unknown(word) => word.as_str(),
    }
}

/// Whether the item lies in `message`; all others lie in `entity`.
pub(super) fn is_message(item: &Item) -> bool {
    item.kind.known() == Some(Kind::Message)
}

/// Conversations that entered the view begin anew with what the batch brings: of what they had before, changes may
/// have been missed.
async fn begin_anew(
    tx: &mut SqliteConnection,
    history: &[HistoryStart],
    items: &[Item],
) -> Result<(), StoreError> {
    const MESSAGES: &str = "DELETE FROM message
        WHERE conversation IN (SELECT unhex(value) FROM json_each($1))
        AND id NOT IN (SELECT unhex(value) FROM json_each($2))";
    const OTHERS: &str = "DELETE FROM entity
        WHERE root IN (SELECT unhex(value) FROM json_each($1)) AND id <> root
        AND id NOT IN (SELECT unhex(value) FROM json_each($2))";
    if history.is_empty() {
        return Ok(());
    }
    let begun = hex_list(history.iter().map(|start| *start.conversation.as_bytes()));
    let puts = items.iter().filter(|item| item.op == ItemOp::Put);
    let brought = hex_list(puts.map(|item| *item.id.as_bytes()));
    for statement in [MESSAGES, OTHERS] {
        sqlx::query(statement).bind(&begun).bind(&brought).execute(&mut *tx).await.map_err(failed)?;
    }
    let edges = history.iter().map(|start| (start, boundary(items, start.conversation, true)));
    set_gaps(tx, edges).await
}

/// Conversations have the gaps the backend says; where it says none, there is none. A conversation that is not here
/// has no gap.
pub(super) async fn set_gaps(
    tx: &mut SqliteConnection,
    edges: impl Iterator<Item = (&HistoryStart, Option<Boundary>)>,
) -> Result<(), StoreError> {
    const CLOSE: &str = "DELETE FROM gap
        WHERE conversation IN (SELECT unhex(value->>'conversation') FROM json_each($1))";
    const OPEN: &str = "INSERT INTO gap (conversation, token, edge_at, edge_id)
        SELECT unhex(value->>'conversation'), value->>'token', value->>'at', unhex(value->>'id')
        FROM json_each($1) WHERE value->>'token' IS NOT NULL
        AND EXISTS (SELECT 1 FROM entity WHERE kind = 'conversation' AND id = unhex(value->>'conversation'))";
    // The last one of a conversation counts.
    let edges: BTreeMap<ConversationId, Value> =
        edges.map(|(start, edge)| (start.conversation, gap_row(start, edge))).collect();
    let rows = Value::Array(edges.into_values().collect()).to_string();
    for statement in [CLOSE, OPEN] {
        sqlx::query(statement).bind(&rows).execute(&mut *tx).await.map_err(failed)?;
    }
    Ok(())
}

/// A row of `gap`; without a token there is none.
fn gap_row(start: &HistoryStart, edge: Option<Boundary>) -> Value {
    json!({
        "conversation": hex(start.conversation.as_bytes()),
        "token": start.older.as_ref().map(|token| token.0.as_str()),
        "at": edge.map(|edge| edge.at.as_ms()),
        "id": edge.map(|edge| hex(edge.id.as_bytes())),
    })
}

/// Derives anew what the list shows of every conversation that a batch may have touched.
pub(super) async fn derive_anew(
    tx: &mut SqliteConnection,
    items: &[Item],
    history: &[HistoryStart],
) -> Result<(), StoreError> {
    let roots = items.iter().map(|item| item.root);
    let begun = history.iter().map(|start| start.conversation.entity());
    derive(tx, &roots.chain(begun).collect()).await
}

/// Derives anew how far these conversations are read, and how many messages that leaves. Roots that are no
/// conversations are passed over.
pub(super) async fn derive(tx: &mut SqliteConnection, roots: &BTreeSet<EntityId>) -> Result<(), StoreError> {
    // Both values are computed from the rows as they were before the statement, so the mark is looked up twice. $2 is
    // earlier than every message.
    const DERIVE: &str = "UPDATE entity SET
            read_through = (SELECT mark.read_through FROM entity AS mark
                WHERE mark.kind = 'read_mark' AND mark.id = entity.id),
            unread = (SELECT count(*) FROM message
                WHERE message.conversation = entity.id AND message.inbound = 1
                AND message.at > coalesce((SELECT mark.read_through FROM entity AS mark
                    WHERE mark.kind = 'read_mark' AND mark.id = entity.id), $2)
                AND NOT EXISTS (SELECT 1 FROM gap WHERE gap.conversation = message.conversation
                    AND (gap.edge_at IS NULL OR (message.at, message.id) < (gap.edge_at, gap.edge_id))))
        WHERE kind = 'conversation' AND id IN (SELECT unhex(value) FROM json_each($1))";
    let roots = hex_list(roots.iter().map(|id| *id.as_bytes()));
    sqlx::query(DERIVE).bind(roots).bind(i64::MIN).execute(tx).await.map_err(failed)?;
    Ok(())
}
