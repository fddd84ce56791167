//! What each step writes.

use deskbell_domain::EntityId;
use deskbell_protocol::sync::{Frame, HistoryStart, Item, PageToken, SnapshotPage};
use deskbell_sync::view::boundary;
use deskbell_sync::{Position, SnapshotProgress, StoreError, StoreStep};
use sqlx::sqlite::SqliteConnection;

use super::{batch, purge, read, state};

/// Writes a step, and says how many rows a purge or a sweep took.
pub(super) async fn write(tx: &mut SqliteConnection, step: &StoreStep) -> Result<u64, StoreError> {
    match step {
        StoreStep::ApplyFrame { frame, settled } => {
            apply_frame(tx, frame).await?;
            state::list_settled(tx, settled).await?;
            Ok(0)
        }
        StoreStep::ForgetSettled(ids) => state::forget_settled(tx, ids).await.map(|()| 0),
        StoreStep::ApplySnapshotPage { begins, page } => apply_page(tx, *begins, page).await.map(|()| 0),
        StoreStep::FinishSnapshot { settled } => {
            let purged = finish_snapshot(tx).await?;
            state::list_settled(tx, settled).await?;
            Ok(purged)
        }
        StoreStep::ApplyHistory { asked, items, history } => {
            apply_history(tx, asked, items, history).await.map(|()| 0)
        }
        StoreStep::SetScopes { scopes, restart } => {
            let purged = purge::outside(tx, scopes, *restart).await?;
            state::set_scopes(tx, scopes).await?;
            if *restart {
                state::set_position(tx, None).await?;
                state::set_snapshot(tx, None).await?;
            }
            Ok(purged)
        }
        StoreStep::PurgeRoots(roots) => purge_roots(tx, roots).await,
        StoreStep::DropCache => purge::everything(tx).await.map(|()| 0),
        // The others are the outbox's; the caller has told them apart by `StoreStep::is_cache`.
        _ => Err(StoreError::Conflict),
    }
}

async fn apply_frame(tx: &mut SqliteConnection, frame: &Frame) -> Result<(), StoreError> {
    let state = state::read(tx).await?;
    let follows = state.position.is_some_and(|at| at.epoch == frame.epoch && at.seq == frame.from);
    if !follows || frame.to < frame.from {
        return Err(StoreError::Conflict);
    }
    batch::write(tx, &frame.items, &frame.history, state.generation).await?;
    let position = Position { epoch: frame.epoch, seq: frame.to, cursor: frame.cursor.clone() };
    state::set_position(tx, Some(&position)).await
}

async fn apply_page(tx: &mut SqliteConnection, begins: bool, page: &SnapshotPage) -> Result<(), StoreError> {
    let state = state::read(tx).await?;
    let follows = state.snapshot.is_some_and(|run| run.at.epoch == page.epoch && run.at.seq == page.as_of);
    if !begins && !follows {
        return Err(StoreError::Conflict);
    }
    let generation = if begins { state.generation + 1 } else { state.generation };
    if begins {
        state::set_generation(tx, generation).await?;
        state::set_position(tx, None).await?;
    }
    batch::write(tx, &page.items, &page.history, generation).await?;
    let at = Position { epoch: page.epoch, seq: page.as_of, cursor: page.cursor.clone() };
    state::set_snapshot(tx, Some(&SnapshotProgress { at, next: page.next.clone() })).await
}

async fn finish_snapshot(tx: &mut SqliteConnection) -> Result<u64, StoreError> {
    let state = state::read(tx).await?;
    let Some(SnapshotProgress { at, next: None }) = state.snapshot else { return Err(StoreError::Conflict) };
    let purged = purge::older_generations(tx, state.generation).await?;
    state::set_position(tx, Some(&at)).await?;
    state::set_snapshot(tx, None).await?;
    Ok(purged)
}

/// A page of older messages joins the thread where its token came from, or nowhere.
async fn apply_history(
    tx: &mut SqliteConnection,
    asked: &PageToken,
    items: &[Item],
    history: &HistoryStart,
) -> Result<(), StoreError> {
    let gap = read::stored_gap(tx, history.conversation).await?;
    let Some(gap) = gap.filter(|gap| gap.token == *asked) else { return Ok(()) };
    let generation = state::read(tx).await?.generation;
    batch::write_items(tx, items, generation).await?;
    let edge = boundary(items, history.conversation, false).or(gap.edge);
    batch::set_gaps(tx, [(history, edge)].into_iter()).await?;
    batch::derive_anew(tx, items, std::slice::from_ref(history)).await
}

async fn purge_roots(tx: &mut SqliteConnection, roots: &[EntityId]) -> Result<u64, StoreError> {
    let mut purged = 0;
    for root in roots {
        purged += purge::root(tx, *root, purge::Reach::Everything).await?;
    }
    Ok(purged)
}
