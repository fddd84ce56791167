//! Promises about snapshots.

use deskbell_protocol::sync::Seq;
use deskbell_sync::store::{Position, SnapshotProgress, StoreError};
use deskbell_sync::view::ListView;
use deskbell_sync::{Store, StoreStep};

use super::{AS_OF, Bench, done, filled, follow, listed, messages, refused, waiting};
use crate::fixtures::{
    conversation, cursor, epoch, frame, history, inbound_body, message, page, put_message, token,
};

fn step(begins: bool, page: deskbell_protocol::sync::SnapshotPage) -> StoreStep {
    StoreStep::ApplySnapshotPage { begins, page: Box::new(page) }
}

fn progress(as_of: u64, next: Option<&str>) -> Option<SnapshotProgress> {
    let at = Position { epoch: epoch(1), seq: Seq(as_of), cursor: cursor(as_of) };
    Some(SnapshotProgress { at, next: next.map(token) })
}

/// After a crash the store knows the next page; what came before it is shown already.
pub async fn a_snapshot_goes_on_where_it_stopped<B: Bench>(bench: &B) {
    let store = bench.open().await;
    assert!(store.restore().await.unwrap().position.is_none());
    done(&store, step(true, page(20, waiting(1, 1, 5).to_vec(), Some("second")))).await;
    drop(store);
    let store = bench.open().await;
    let restored = store.restore().await.unwrap();
    assert_eq!((restored.position, restored.snapshot), (None, progress(20, Some("second"))));
    assert_eq!(listed(&store, ListView::All).await, [conversation(1)]);

    done(&store, step(false, page(20, waiting(2, 2, 6).to_vec(), None))).await;
    assert_eq!(store.restore().await.unwrap().snapshot, progress(20, None));
    done(&store, StoreStep::FinishSnapshot { settled: vec![crate::fixtures::command_id(1)] }).await;
    drop(store);
    let store = bench.open().await;
    let restored = store.restore().await.unwrap();
    assert_eq!(restored.position.map(|at| (at.seq, at.cursor)), Some((Seq(20), cursor(20))));
    assert_eq!(restored.snapshot, None);
    assert_eq!(restored.settled, [crate::fixtures::command_id(1)]);
    assert_eq!(listed(&store, ListView::All).await, [conversation(1), conversation(2)]);
}

/// Pages of two snapshots do not make one.
pub async fn a_page_of_another_snapshot_is_refused<B: Bench>(bench: &B) {
    let store = bench.open().await;
    let early = refused(&store, step(false, page(20, Vec::new(), None))).await;
    assert_eq!(early, StoreError::Conflict);
    done(&store, step(true, page(20, Vec::new(), Some("second")))).await;
    let other = refused(&store, step(false, page(21, waiting(1, 1, 5).to_vec(), None))).await;
    assert_eq!(other, StoreError::Conflict);
    assert_eq!(store.restore().await.unwrap().snapshot, progress(20, Some("second")));
    assert!(listed(&store, ListView::All).await.is_empty());
}

/// A snapshot with pages to come gives no cursor.
pub async fn a_snapshot_that_is_not_complete_is_not_finished<B: Bench>(bench: &B) {
    let store = bench.open().await;
    let finish = StoreStep::FinishSnapshot { settled: Vec::new() };
    assert_eq!(refused(&store, finish.clone()).await, StoreError::Conflict);
    done(&store, step(true, page(20, Vec::new(), Some("second")))).await;
    assert_eq!(refused(&store, finish).await, StoreError::Conflict);
    assert_eq!(store.restore().await.unwrap().position, None);
}

/// Rows of before are shown while a snapshot loads; those it did not bring, and old messages too, go at its end.
pub async fn what_a_snapshot_does_not_bring_stays_until_its_end_and_goes_then<B: Bench>(bench: &B) {
    let store = filled(bench).await;
    let mut items = waiting(2, 2, 11).to_vec();
    items.push(put_message(message(50), 11, &inbound_body(conversation(1), "old", super::at(-5))));
    follow(&store, frame(AS_OF, 11, items)).await;

    let mut first = page(30, waiting(1, 0, 6).to_vec(), Some("second"));
    first.history = vec![history(conversation(1), Some("older"))];
    done(&store, step(true, first)).await;
    assert_eq!(listed(&store, ListView::All).await, [conversation(1), conversation(2)]);
    done(&store, step(false, page(30, waiting(3, 3, 12).to_vec(), None))).await;
    done(&store, StoreStep::FinishSnapshot { settled: Vec::new() }).await;
    assert_eq!(listed(&store, ListView::All).await, [conversation(1), conversation(3)]);
    assert_eq!(messages(&store, 1).await, [message(1)]);
    let purged = done(&store, StoreStep::PurgeRoots(vec![super::entity(conversation(2))])).await.purged;
    assert_eq!(purged, 0, "nothing of it is left");
}

/// A snapshot that begins again sweeps what only its first try brought; a row met again with its old version stays.
pub async fn a_snapshot_that_begins_again_counts_from_its_beginning<B: Bench>(bench: &B) {
    let store = bench.open().await;
    let mut first = waiting(1, 1, 5).to_vec();
    first.extend(waiting(2, 2, 5));
    done(&store, step(true, page(20, first, Some("second")))).await;
    done(&store, step(true, page(25, waiting(1, 1, 5).to_vec(), None))).await;
    done(&store, StoreStep::FinishSnapshot { settled: Vec::new() }).await;
    assert_eq!(listed(&store, ListView::All).await, [conversation(1)]);
    assert_eq!(store.restore().await.unwrap().position.map(|at| at.seq), Some(Seq(25)));
}

/// A snapshot that brings a read mark and not its conversation sweeps the conversation with its messages.
pub async fn a_read_mark_keeps_nothing_of_a_conversation_that_was_swept<B: Bench>(bench: &B) {
    let store = filled(bench).await;
    let mark = crate::fixtures::read_mark_body(conversation(1), super::at(0));
    let root = super::entity(conversation(1));
    let mark = crate::fixtures::put_root(deskbell_protocol::entity::Kind::ReadMark, root, 7, &mark);
    done(&store, step(true, page(30, vec![mark], None))).await;
    done(&store, StoreStep::FinishSnapshot { settled: Vec::new() }).await;
    assert!(listed(&store, ListView::All).await.is_empty());
    let left = done(&store, StoreStep::PurgeRoots(vec![root])).await.purged;
    assert_eq!(left, 1, "the mark");
}
