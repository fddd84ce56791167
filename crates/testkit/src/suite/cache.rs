//! Promises of the cache: rows, cursor, purge.

use deskbell_domain::{Entity, Scope};
use deskbell_protocol::entity::Kind;
use deskbell_protocol::sync::{ItemOp, Seq};
use deskbell_sync::store::{CommandState, Position, StoreError};
use deskbell_sync::view::ListView;
use deskbell_sync::{Store, StoreStep, Views};
use serde_json::json;

use super::{
    AS_OF, Bench, ME, at, changed, done, enqueue, filled, follow, listed, messages, refused, reply, thread,
    waiting,
};
use crate::fixtures::{
    self, command_id, conversation, cursor, epoch, frame, inbound_body, leave, message, put_conversation,
    put_message, queue, user,
};

fn position(seq: u64) -> Option<Position> {
    Some(Position { epoch: epoch(1), seq: Seq(seq), cursor: cursor(seq) })
}

/// A frame's rows, cursor and settled commands are there together after a crash.
pub async fn a_frame_brings_rows_cursor_and_settled_commands_at_once<B: Bench>(bench: &B) {
    let store = filled(bench).await;
    let frame = frame(AS_OF, 12, waiting(2, 500, 12).to_vec());
    done(&store, StoreStep::ApplyFrame { frame: Box::new(frame), settled: vec![command_id(1)] }).await;
    drop(store);
    let store = bench.open().await;
    let restored = store.restore().await.unwrap();
    assert_eq!(restored.position, position(12));
    assert_eq!(restored.settled, [command_id(1)]);
    assert_eq!(restored.scopes.len(), 3);
    assert_eq!(messages(&store, 2).await, [message(2)]);
}

/// A frame that begins elsewhere, or in another lineage, is refused as a whole.
pub async fn a_frame_that_does_not_follow_is_refused_and_changes_nothing<B: Bench>(bench: &B) {
    let store = filled(bench).await;
    let mut elsewhere = frame(AS_OF, 12, waiting(2, 500, 12).to_vec());
    elsewhere.epoch = epoch(2);
    let gap = frame(AS_OF + 1, 12, waiting(2, 500, 12).to_vec());
    let old = frame(AS_OF - 1, 12, waiting(2, 500, 12).to_vec());
    for frame in [elsewhere, gap, old] {
        let step = StoreStep::ApplyFrame { frame: Box::new(frame), settled: vec![command_id(1)] };
        assert_eq!(refused(&store, step).await, StoreError::Conflict);
    }
    let restored = store.restore().await.unwrap();
    assert_eq!(restored.position, position(AS_OF));
    assert!(restored.settled.is_empty());
    assert!(thread(&store, 2).await.is_none());
}

/// A lower version never replaces a higher one; the same and a higher one do.
pub async fn the_highest_version_wins<B: Bench>(bench: &B) {
    let store = filled(bench).await;
    let put = |version, text| put_message(message(1), version, &inbound_body(conversation(1), text, at(0)));
    for (seq, version, text, shown) in [
        (11, 20, "newest", "newest"),
        (12, 11, "older", "newest"),
        (13, 20, "same", "same"),
        (14, 21, "new", "new"),
    ] {
        follow(&store, frame(seq - 1, seq, vec![put(version, text)])).await;
        let thread = thread(&store, 1).await.unwrap();
        assert_eq!(thread.messages[0].body.content.text.as_ref().unwrap().expose(), shown);
    }
}

/// A remove that is older than the row came too late.
pub async fn a_remove_older_than_the_row_changes_nothing<B: Bench>(bench: &B) {
    let store = filled(bench).await;
    follow(&store, frame(AS_OF, 11, waiting(2, 0, 30).to_vec())).await;
    follow(&store, frame(11, 12, vec![leave(conversation(2), 29, ItemOp::Remove)])).await;
    assert_eq!(messages(&store, 2).await, [message(2)]);
}

async fn with_read_mark<B: Bench>(bench: &B) -> B::Store {
    let store = filled(bench).await;
    let mark = fixtures::read_mark_body(conversation(1), at(0));
    let mark = fixtures::put_root(Kind::ReadMark, conversation(1).entity(), 11, &mark);
    follow(&store, frame(AS_OF, 11, vec![mark])).await;
    store
}

/// A conversation that leaves takes its messages along. The read mark is the user's own, and counts when it is back.
pub async fn a_conversation_that_leaves_takes_its_messages_along_and_leaves_the_read_mark<B: Bench>(
    bench: &B,
) {
    let store = with_read_mark(bench).await;
    follow(&store, frame(11, 12, vec![leave(conversation(1), 12, ItemOp::Remove)])).await;
    assert!(thread(&store, 1).await.is_none());
    assert!(listed(&store, ListView::All).await.is_empty());

    let body = changed(1, 0, |_| {});
    follow(&store, frame(12, 13, vec![put_conversation(conversation(1), 13, &body)])).await;
    assert!(messages(&store, 1).await.is_empty(), "its messages went with it");

    let text = inbound_body(conversation(1), "message 1", at(0));
    follow(&store, frame(13, 14, vec![put_message(message(1), 14, &text)])).await;
    assert_eq!(thread(&store, 1).await.unwrap().row.unread, 0, "the read mark stayed");
}

/// An erase leaves nothing, whatever the versions.
pub async fn an_erase_takes_the_read_mark_too<B: Bench>(bench: &B) {
    let store = with_read_mark(bench).await;
    follow(&store, frame(11, 12, vec![leave(conversation(1), 2, ItemOp::Erase)])).await;
    assert!(thread(&store, 1).await.is_none());
    let purged = done(&store, StoreStep::PurgeRoots(vec![conversation(1).entity()])).await.purged;
    assert_eq!(purged, 0, "nothing of it is left");
}

/// Unknown kinds, and bodies that cannot be read, disturb no view, and go with their root.
pub async fn what_this_version_does_not_know_is_kept_and_purged_with_its_root<B: Bench>(bench: &B) {
    let store = filled(bench).await;
    let root = conversation(1).entity();
    let whisper = fixtures::id(0xb0, 1);
    let pack = fixtures::id(0xa0, 1);
    follow(
        &store,
        frame(
            AS_OF,
            11,
            vec![
                fixtures::put(fixtures::unknown_kind("whisper"), whisper, root, 11, json!({"text": "psst"})),
                fixtures::put(fixtures::unknown_kind("sticker_pack"), pack, pack, 11, json!([1, 2])),
                fixtures::put(Kind::Message.into(), message(7).entity(), root, 11, json!({"shape": "new"})),
            ],
        ),
    )
    .await;
    assert_eq!(messages(&store, 1).await, [message(1)]);
    assert_eq!(done(&store, StoreStep::PurgeRoots(vec![pack])).await.purged, 1);
    // The conversation, its message, the unreadable one, and the unknown one.
    assert_eq!(done(&store, StoreStep::PurgeRoots(vec![root])).await.purged, 4);
    assert!(thread(&store, 1).await.is_none());
}

/// Nothing would ever purge a message whose conversation is not there.
pub async fn a_message_without_its_conversation_is_left_out<B: Bench>(bench: &B) {
    let store = filled(bench).await;
    let [header, text] = waiting(2, 0, 11);
    follow(&store, frame(AS_OF, 11, vec![text.clone()])).await;
    assert_eq!(done(&store, StoreStep::PurgeRoots(vec![conversation(2).entity()])).await.purged, 0);
    // In one batch their order does not matter.
    follow(&store, frame(11, 12, vec![text, header])).await;
    assert_eq!(messages(&store, 2).await, [message(2)]);
}

/// The list of settled commands grows with frames, and shrinks when told.
pub async fn settled_commands_are_listed_until_forgotten<B: Bench>(bench: &B) {
    let store = filled(bench).await;
    for (seq, n) in [(11, 1), (12, 2)] {
        let frame = Box::new(frame(seq - 1, seq, Vec::new()));
        done(&store, StoreStep::ApplyFrame { frame, settled: vec![command_id(n)] }).await;
    }
    done(&store, StoreStep::ForgetSettled(vec![command_id(1), command_id(9)])).await;
    drop(store);
    assert_eq!(bench.open().await.restore().await.unwrap().settled, [command_id(2)]);
}

/// A conversation of another queue goes when the scopes are set, unless it is the user's own; the cursor stays.
pub async fn what_lies_outside_the_scopes_is_purged<B: Bench>(bench: &B) {
    let store = filled(bench).await;
    let mut items = Vec::new();
    for n in 2..=4 {
        items.extend(waiting(n, i64::from(n), 11));
    }
    follow(&store, frame(AS_OF, 11, items)).await;
    let moved = [
        put_conversation(conversation(2), 12, &changed(2, 2, |body| body.queue = Some(queue(2)))),
        put_conversation(
            conversation(3),
            12,
            &changed(3, 3, |body| {
                body.queue = Some(queue(2));
                body.assignee = Some(user(ME));
            }),
        ),
    ];
    follow(&store, frame(11, 12, moved.to_vec())).await;
    let step = StoreStep::SetScopes { scopes: super::scopes(), restart: false };
    assert_eq!(done(&store, step).await.purged, 2, "the row and its message");
    assert_eq!(listed(&store, ListView::All).await, [1, 3, 4].map(conversation));
    assert_eq!(store.restore().await.unwrap().position, position(12));

    let scopes = vec![Scope::User(user(ME))];
    done(&store, StoreStep::SetScopes { scopes: scopes.clone(), restart: true }).await;
    drop(store);
    let store = bench.open().await;
    assert_eq!(listed(&store, ListView::All).await, [conversation(3)]);
    assert!(store.user(user(1)).await.unwrap().is_none(), "staff is of the tenant's scope");
    let restored = store.restore().await.unwrap();
    assert_eq!((restored.position, restored.scopes), (None, scopes));
}

/// A read mark that is not the user's to see goes alone; a conversation that leaves the scopes leaves its mark.
pub async fn a_read_mark_and_its_conversation_are_judged_apart<B: Bench>(bench: &B) {
    let store = with_read_mark(bench).await;
    let scopes = vec![Scope::Tenant, Scope::Queue(queue(1))];
    assert_eq!(done(&store, StoreStep::SetScopes { scopes, restart: false }).await.purged, 1);
    let shown = thread(&store, 1).await.unwrap();
    assert_eq!((shown.messages.len(), shown.row.unread), (1, 1), "the mark went, and nothing else");

    let mark = fixtures::read_mark_body(conversation(1), at(0));
    let mark = fixtures::put_root(Kind::ReadMark, conversation(1).entity(), 12, &mark);
    follow(&store, frame(11, 12, vec![mark])).await;
    let scopes = vec![Scope::User(user(ME))];
    done(&store, StoreStep::SetScopes { scopes, restart: false }).await;
    assert!(thread(&store, 1).await.is_none());
    let left = done(&store, StoreStep::PurgeRoots(vec![conversation(1).entity()])).await.purged;
    assert_eq!(left, 1, "the mark");
}

/// Roots of unknown kinds stay while the scopes are what they were.
pub async fn what_cannot_be_judged_is_purged_when_the_scopes_changed<B: Bench>(bench: &B) {
    let store = filled(bench).await;
    let pack = fixtures::id(0xa0, 1);
    let item = fixtures::put(fixtures::unknown_kind("sticker_pack"), pack, pack, 11, json!(null));
    follow(&store, frame(AS_OF, 11, vec![item])).await;
    let set = |restart| StoreStep::SetScopes { scopes: super::scopes(), restart };
    assert_eq!(done(&store, set(false)).await.purged, 0);
    assert_eq!(done(&store, set(true)).await.purged, 1);
}

/// A lost cache costs no command and no draft.
pub async fn dropping_the_cache_keeps_the_outbox<B: Bench>(bench: &B) {
    let store = filled(bench).await;
    enqueue(&store, reply(1)).await;
    done(&store, StoreStep::SaveDraft { conversation: conversation(1), text: "typed".into() }).await;
    let settled = vec![command_id(9)];
    let frame = Box::new(frame(AS_OF, 11, Vec::new()));
    done(&store, StoreStep::ApplyFrame { frame, settled }).await;
    done(&store, StoreStep::DropCache).await;
    drop(store);
    let store = bench.open().await;
    let restored = store.restore().await.unwrap();
    assert_eq!((restored.position, restored.snapshot), (None, None));
    assert!(restored.scopes.is_empty() && restored.settled.is_empty());
    assert_eq!(restored.outbox.len(), 1);
    assert_eq!(restored.outbox[0].state, CommandState::Ready);
    assert_eq!(store.draft(conversation(1)).await.unwrap().expose(), "typed");
    assert!(thread(&store, 1).await.is_none());
    assert!(store.tenant().await.unwrap().is_none());
}
