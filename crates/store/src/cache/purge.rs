//! Taking rows out of the cache.

use std::collections::BTreeSet;

use deskbell_domain::{EntityId, Open, Scope};
use deskbell_protocol::entity::Kind;
use deskbell_protocol::sync::Item;
use deskbell_sync::StoreError;
use deskbell_sync::row::{Body, is_root, is_visible};
use sqlx::Row as _;
use sqlx::sqlite::{SqliteConnection, SqliteRow};

use super::batch::{derive, is_message, kind_word};
use super::failed;
use super::read::bytes;
use super::state::stored_seq;
use crate::limits::ROOTS_AT_ONCE;

/// What goes with a root.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach {
    /// What follows it. The user's own read mark stays: the conversation may come back.
    Followers,
    /// All that has to do with it.
    Everything,
}

/// An item that left the view. A remove older than the stored row changes nothing.
pub(super) async fn removed(tx: &mut SqliteConnection, item: &Item) -> Result<(), StoreError> {
    const ENTITY: &str = "SELECT 1 FROM entity WHERE id = $1 AND version > $2 AND kind = $3";
    const MESSAGE: &str = "SELECT 1 FROM message WHERE id = $1 AND version > $2";
    let newer = sqlx::query(if is_message(item) { MESSAGE } else { ENTITY })
        .bind(item.id.as_bytes().as_slice())
        .bind(stored_seq(item.version))
        .bind(kind_word(item))
        .fetch_optional(&mut *tx)
        .await
        .map_err(failed)?;
    if newer.is_some() {
        return Ok(());
    }
    one(tx, item).await?;
    if is_root(item) && item.kind.known() != Some(Kind::ReadMark) {
        root(tx, item.root, Reach::Followers).await?;
    }
    Ok(())
}

/// An item that was erased, whatever its version.
pub(super) async fn erased(tx: &mut SqliteConnection, item: &Item) -> Result<(), StoreError> {
    one(tx, item).await?;
    if is_root(item) {
        root(tx, item.root, Reach::Everything).await?;
    }
    Ok(())
}

/// The row of the item itself.
async fn one(tx: &mut SqliteConnection, item: &Item) -> Result<(), StoreError> {
    const ENTITY: &str = "DELETE FROM entity WHERE id = $1 AND kind = $2";
    const MESSAGE: &str = "DELETE FROM message WHERE id = $1";
    sqlx::query(if is_message(item) { MESSAGE } else { ENTITY })
        .bind(item.id.as_bytes().as_slice())
        .bind(kind_word(item))
        .execute(tx)
        .await
        .map_err(failed)?;
    Ok(())
}

/// A root with what goes with it, and its gap. Gives the number of rows.
pub(super) async fn root(tx: &mut SqliteConnection, root: EntityId, reach: Reach) -> Result<u64, StoreError> {
    const FOLLOWERS: &str = "DELETE FROM entity WHERE root = $1 AND kind <> 'read_mark'";
    const EVERYTHING: &str = "DELETE FROM entity WHERE root = $1";
    const MESSAGES: &str = "DELETE FROM message WHERE conversation = $1";
    const GAP: &str = "DELETE FROM gap WHERE conversation = $1";
    let entities = match reach {
        Reach::Followers => FOLLOWERS,
        Reach::Everything => EVERYTHING,
    };
    let root = root.as_bytes().as_slice();
    let mut purged = 0;
    for statement in [entities, MESSAGES] {
        let done = sqlx::query(statement).bind(root).execute(&mut *tx).await.map_err(failed)?;
        purged += done.rows_affected();
    }
    sqlx::query(GAP).bind(root).execute(tx).await.map_err(failed)?;
    Ok(purged)
}

/// Every row a finished snapshot did not bring, and what followed those. Gives the number of rows.
pub(super) async fn older_generations(tx: &mut SqliteConnection, generation: i64) -> Result<u64, StoreError> {
    const TOUCHED: &str = "SELECT id FROM entity WHERE kind = 'read_mark' AND generation < $1
        UNION SELECT conversation FROM message WHERE generation < $1";
    const ENTITIES: &str = "DELETE FROM entity WHERE generation < $1";
    // A read mark keeps nothing else: it outlives its conversation.
    const ORPHANS: &str = "DELETE FROM entity WHERE id <> root
        AND root NOT IN (SELECT id FROM entity WHERE id = root AND kind <> 'read_mark')";
    const MESSAGES: &str = "DELETE FROM message WHERE generation < $1
        OR conversation NOT IN (SELECT id FROM entity WHERE kind = 'conversation')";
    const GAPS: &str =
        "DELETE FROM gap WHERE conversation NOT IN (SELECT id FROM entity WHERE kind = 'conversation')";
    let rows = sqlx::query(TOUCHED).bind(generation).fetch_all(&mut *tx).await.map_err(failed)?;
    let touched = rows.iter().map(|row| bytes(row, 0).map(EntityId::from_bytes)).collect::<Result<_, _>>()?;
    let mut purged = 0;
    for statement in [ENTITIES, ORPHANS, MESSAGES] {
        let done = sqlx::query(statement).bind(generation).execute(&mut *tx).await.map_err(failed)?;
        purged += done.rows_affected();
    }
    sqlx::query(GAPS).execute(&mut *tx).await.map_err(failed)?;
    derive(tx, &touched).await?;
    Ok(purged)
}

/// Every root outside the scopes, with what follows it. Of what this version cannot read nobody knows, so it goes when
/// a snapshot follows that would bring it again. Gives the number of rows.
pub(super) async fn outside(
    tx: &mut SqliteConnection,
    scopes: &[Scope],
    snapshot_follows: bool,
) -> Result<u64, StoreError> {
    const ROOTS: &str = "SELECT kind, id, body FROM entity
        WHERE id = root AND (kind, id) > ($1, $2) ORDER BY kind, id LIMIT $3";
    const MARK: &str = "DELETE FROM entity WHERE kind = 'read_mark' AND id = $1";
    let mut purged = 0;
    let mut unmarked = BTreeSet::new();
    let mut last = (String::new(), EntityId::from_bytes([0; 16]));
    loop {
        let rows = sqlx::query(ROOTS)
            .bind(&last.0)
            .bind(last.1.as_bytes().as_slice())
            .bind(ROOTS_AT_ONCE)
            .fetch_all(&mut *tx)
            .await
            .map_err(failed)?;
        let Some(end) = rows.last() else { break };
        last = place(end)?;
        for row in &rows {
            let (word, id) = place(row)?;
            let kind: Open<Kind> =
                serde_json::from_value(word.into()).map_err(|_| StoreError::CacheDamaged)?;
            let body: &str = row.try_get(2).map_err(failed)?;
            let body = serde_json::from_str(body).map_err(|_| StoreError::CacheDamaged)?;
            if is_visible(&Body::read(kind, &body), scopes).unwrap_or(!snapshot_follows) {
                continue;
            }
            if kind.known() == Some(Kind::ReadMark) {
                // The conversation has scopes of its own.
                let id = id.as_bytes().as_slice();
                let done = sqlx::query(MARK).bind(id).execute(&mut *tx).await.map_err(failed)?;
                purged += done.rows_affected();
            } else {
                purged += root(tx, id, Reach::Followers).await?;
            }
            unmarked.insert(id);
        }
    }
    derive(tx, &unmarked).await?;
    Ok(purged)
}

/// The primary key of a row that begins with it.
fn place(row: &SqliteRow) -> Result<(String, EntityId), StoreError> {
    Ok((row.try_get(0).map_err(failed)?, EntityId::from_bytes(bytes(row, 1)?)))
}

/// All rows, and where the cache stands.
pub(super) async fn everything(tx: &mut SqliteConnection) -> Result<(), StoreError> {
    const ALL: [&str; 5] = [
        "DELETE FROM entity",
        "DELETE FROM message",
        "DELETE FROM gap",
        "DELETE FROM settled",
        "UPDATE state SET epoch = NULL, seq = NULL, cursor = NULL, snapshot_epoch = NULL, snapshot_seq = NULL,
            snapshot_cursor = NULL, snapshot_next = NULL, scopes = '[]', generation = 0",
    ];
    for statement in ALL {
        sqlx::query(statement).execute(&mut *tx).await.map_err(failed)?;
    }
    Ok(())
}
