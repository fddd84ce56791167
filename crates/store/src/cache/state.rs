//! Where the cache stands.

use deskbell_domain::{CommandId, EpochId, Scope};
use deskbell_protocol::sync::{Cursor, PageToken, Seq};
use deskbell_sync::{Position, SnapshotProgress, StoreError};
use sqlx::Row as _;
use sqlx::sqlite::{SqliteConnection, SqliteRow};

use super::failed;
use crate::ids::hex_list;

/// The one row of `state`.
pub(super) struct State {
    pub position: Option<Position>,
    pub snapshot: Option<SnapshotProgress>,
    pub scopes: Vec<Scope>,
    pub generation: i64,
}

pub(super) async fn read(tx: &mut SqliteConnection) -> Result<State, StoreError> {
    const STATE: &str =
        "SELECT epoch, seq, cursor, snapshot_epoch, snapshot_seq, snapshot_cursor, snapshot_next,
        scopes, generation FROM state";
    let row = sqlx::query(STATE).fetch_one(tx).await.map_err(failed)?;
    let scopes: &str = row.try_get(7).map_err(failed)?;
    let next: Option<String> = row.try_get(6).map_err(failed)?;
    Ok(State {
        position: position(&row, 0)?,
        snapshot: position(&row, 3)?.map(|at| SnapshotProgress { at, next: next.map(PageToken) }),
        scopes: serde_json::from_str(scopes).map_err(|_| StoreError::CacheDamaged)?,
        generation: row.try_get(8).map_err(failed)?,
    })
}

/// The position in three columns from this one on.
fn position(row: &SqliteRow, first: usize) -> Result<Option<Position>, StoreError> {
    let epoch: Option<&[u8]> = row.try_get(first).map_err(failed)?;
    let seq: Option<i64> = row.try_get(first + 1).map_err(failed)?;
    let cursor: Option<String> = row.try_get(first + 2).map_err(failed)?;
    let (Some(epoch), Some(seq), Some(cursor)) = (epoch, seq, cursor) else { return Ok(None) };
    Ok(Some(Position {
        epoch: EpochId::from_slice(epoch).map_err(|_| StoreError::CacheDamaged)?,
        seq: Seq(u64::try_from(seq).map_err(|_| StoreError::CacheDamaged)?),
        cursor: Cursor(cursor),
    }))
}

/// A place as it is stored: SQLite's integers are signed.
pub(super) fn stored_seq(seq: Seq) -> i64 {
    i64::try_from(seq.0).unwrap_or(i64::MAX)
}

pub(super) async fn set_position(
    tx: &mut SqliteConnection,
    position: Option<&Position>,
) -> Result<(), StoreError> {
    const SET: &str = "UPDATE state SET epoch = $1, seq = $2, cursor = $3";
    set(tx, SET, position).await
}

pub(super) async fn set_snapshot(
    tx: &mut SqliteConnection,
    progress: Option<&SnapshotProgress>,
) -> Result<(), StoreError> {
    const SET: &str = "UPDATE state SET snapshot_epoch = $1, snapshot_seq = $2, snapshot_cursor = $3";
    const NEXT: &str = "UPDATE state SET snapshot_next = $1";
    set(tx, SET, progress.map(|progress| &progress.at)).await?;
    let next = progress.and_then(|progress| progress.next.as_ref()).map(|token| token.0.as_str());
    sqlx::query(NEXT).bind(next).execute(tx).await.map_err(failed)?;
    Ok(())
}

async fn set(
    tx: &mut SqliteConnection,
    statement: &'static str,
    position: Option<&Position>,
) -> Result<(), StoreError> {
    sqlx::query(statement)
        .bind(position.map(|at| at.epoch.as_bytes().to_vec()))
        .bind(position.map(|at| stored_seq(at.seq)))
        .bind(position.map(|at| at.cursor.0.as_str()))
        .execute(tx)
        .await
        .map_err(failed)?;
    Ok(())
}

pub(super) async fn set_scopes(tx: &mut SqliteConnection, scopes: &[Scope]) -> Result<(), StoreError> {
    const SET: &str = "UPDATE state SET scopes = $1";
    let scopes = serde_json::to_string(scopes).map_err(|_| StoreError::Conflict)?;
    sqlx::query(SET).bind(scopes).execute(tx).await.map_err(failed)?;
    Ok(())
}

pub(super) async fn set_generation(tx: &mut SqliteConnection, generation: i64) -> Result<(), StoreError> {
    const SET: &str = "UPDATE state SET generation = $1";
    sqlx::query(SET).bind(generation).execute(tx).await.map_err(failed)?;
    Ok(())
}

pub(super) async fn settled(tx: &mut SqliteConnection) -> Result<Vec<CommandId>, StoreError> {
    const SETTLED: &str = "SELECT command FROM settled ORDER BY command";
    let rows = sqlx::query(SETTLED).fetch_all(tx).await.map_err(failed)?;
    let id = |row: &SqliteRow| {
        let bytes: &[u8] = row.try_get(0).map_err(failed)?;
        CommandId::from_slice(bytes).map_err(|_| StoreError::CacheDamaged)
    };
    rows.iter().map(id).collect()
}

pub(super) async fn list_settled(tx: &mut SqliteConnection, ids: &[CommandId]) -> Result<(), StoreError> {
    const LIST: &str = "INSERT INTO settled (command) SELECT unhex(value) FROM json_each($1) WHERE true
        ON CONFLICT DO NOTHING";
    if ids.is_empty() {
        return Ok(());
    }
    let ids = hex_list(ids.iter().map(|id| *id.as_bytes()));
    sqlx::query(LIST).bind(ids).execute(tx).await.map_err(failed)?;
    Ok(())
}

pub(super) async fn forget_settled(tx: &mut SqliteConnection, ids: &[CommandId]) -> Result<(), StoreError> {
    const FORGET: &str = "DELETE FROM settled WHERE command IN (SELECT unhex(value) FROM json_each($1))";
    let ids = hex_list(ids.iter().map(|id| *id.as_bytes()));
    sqlx::query(FORGET).bind(ids).execute(tx).await.map_err(failed)?;
    Ok(())
}
