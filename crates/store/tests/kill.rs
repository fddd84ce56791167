//! What a kill or a power cut leaves behind.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "the whole program is a test"
)]

mod common;

use common::{Place, apply, enqueue, everything, frame_step, me, one_conversation, reply, scopes, snapshot};
use deskbell_domain::{ConversationStatus, Entity as _, Sensitive};
use deskbell_protocol::command::Act;
use deskbell_protocol::sync::Seq;
use deskbell_store::SealedStore;
use deskbell_sync::view::{ListPage, Thread, ThreadQuery};
use deskbell_sync::{Restored, Store, StoreError, StoreStep, Views};
use deskbell_testkit::fixtures as fx;

#[tokio::test]
async fn a_reply_is_shown_once_wherever_the_program_is_killed_on_its_way() {
    // Given a conversation, and the steps a reply takes from the keyboard to rest.
    let place = Place::new();
    let store = place.open().await;
    let scopes = StoreStep::SetScopes { scopes: scopes(), restart: true };
    apply(&store, scopes).await.unwrap();
    snapshot(&store, 5, one_conversation("¿Está listo?"), Vec::new()).await;
    let item = reply(1, "Sí, puede pasar");
    let id = item.id();
    let Act::SendText { message, .. } = item.command.act else { panic!("a reply sends a text") };
    let stored = fx::outbound_body(fx::conversation(1), me(), "Sí, puede pasar", fx::EPOCH_START.plus_ms(1));
    let mut frame = fx::frame(5, 6, vec![fx::put_message(message, 6, &stored)]);
    frame.settled = vec![id];
    let outcomes = |outcomes| StoreStep::Outcomes(outcomes);
    let applied = deskbell_sync::Outcomes { applied: vec![(id, fx::epoch(1), Seq(6))], ..Default::default() };
    let removed = deskbell_sync::Outcomes { removed: vec![id], ..Default::default() };
    let steps = [
        enqueue(item),
        StoreStep::MarkSending(vec![id]),
        outcomes(applied),
        frame_step(frame),
        outcomes(removed),
        StoreStep::ForgetSettled(vec![id]),
    ];

    for (number, step) in steps.into_iter().enumerate() {
        apply(&store, step).await.unwrap();
        // When the program is killed here and starts again.
        let killed = place.image();
        let after = killed.open().await;

        // Then the reply is there once, and a command that is still to be followed has left no effect in the cache.
        let query = ThreadQuery { conversation: fx::conversation(1), limit: 50, me: me() };
        let thread = after.thread(query).await.unwrap().unwrap();
        let copies = thread.messages.iter().filter(|shown| shown.id == message).count();
        assert_eq!(copies, 1, "after step {number}");
        assert_eq!(thread.row.header.body.waiting_since.is_none(), number < 3, "after step {number}");
        let restored = after.restore().await.unwrap();
        let (waits, settled) =
            (restored.outbox.iter().any(|item| item.id() == id), restored.settled.contains(&id));
        let expected =
            [(true, false), (true, false), (true, false), (true, true), (false, true), (false, false)];
        assert_eq!((waits, settled), expected[number], "after step {number}");
        let seq = restored.position.unwrap().seq;
        assert_eq!(seq, if number < 3 { Seq(5) } else { Seq(6) }, "after step {number}");
        assert_eq!(after.outbox().await.unwrap().is_empty(), number >= 3, "after step {number}");
    }
}

#[tokio::test]
async fn a_snapshot_goes_on_where_a_kill_stopped_it() {
    let place = Place::new();
    let store = place.open().await;
    let first = fx::page(9, one_conversation("Hola"), Some("page 2"));
    apply(&store, StoreStep::ApplySnapshotPage { begins: true, page: Box::new(first) }).await.unwrap();

    let killed = place.image();
    let store = killed.open().await;
    let run = store.restore().await.unwrap().snapshot.unwrap();
    assert_eq!((run.at.seq, run.next), (Seq(9), Some(fx::token("page 2"))));
    assert_eq!(apply(&store, StoreStep::FinishSnapshot { settled: vec![] }).await, Err(StoreError::Conflict));
    let last = fx::page(9, Vec::new(), None);
    apply(&store, StoreStep::ApplySnapshotPage { begins: false, page: Box::new(last) }).await.unwrap();
    apply(&store, StoreStep::FinishSnapshot { settled: vec![] }).await.unwrap();

    assert_eq!(store.restore().await.unwrap().position.unwrap().seq, Seq(9));
    assert_eq!(store.list(everything()).await.unwrap().rows.len(), 1);
}

/// All that a store shows of one conversation.
type Picture = (Restored, ListPage, Option<Thread>, Sensitive<String>);

async fn picture(store: &SealedStore) -> Picture {
    let query = ThreadQuery { conversation: fx::conversation(1), limit: 50, me: me() };
    let restored = Restored { cache_is_new: false, ..store.restore().await.unwrap() };
    let page = store.list(everything()).await.unwrap();
    let draft = store.draft(fx::conversation(1)).await.unwrap();
    (restored, page, store.thread(query).await.unwrap(), draft)
}

/// Takes these steps; then cuts the log of one file at every place, throws the other file away, and looks.
async fn cut_everywhere(name: &str, other: &str, steps: Vec<StoreStep>) {
    // Given the picture after each of some steps, and a file with all of them still in its log.
    let place = Place::new();
    let store = place.open().await;
    let mut pictures = vec![picture(&store).await];
    for step in steps {
        apply(&store, step).await.unwrap();
        pictures.push(picture(&store).await);
    }
    let log = format!("{name}-wal");
    let mut reached = 0;
    for cut in cuts(place.read(&log).len()) {
        // When the log ends there.
        let killed = place.image();
        killed.cut(&log, cut);
        killed.remove(other);
        let found = picture(&killed.open().await).await;

        // Then the file is as one of the steps left it, and a longer log never shows less.
        let step = (reached..pictures.len()).find(|step| pictures[*step] == found);
        reached = step.unwrap_or_else(|| panic!("{name} cut at {cut}: {found:#?}"));
    }
    assert_eq!(reached, pictures.len() - 1, "the whole log holds the last step");
}

#[tokio::test]
async fn a_step_on_the_cache_happened_whole_or_not_at_all_wherever_its_write_was_cut_off() {
    let mut resolved = fx::conversation_body(1, fx::queue(1), fx::EPOCH_START);
    resolved.status = ConversationStatus::Resolved.into();
    let changed = vec![
        fx::put_conversation(fx::conversation(1), 6, &resolved),
        fx::put_message(
            fx::message(2),
            6,
            &fx::inbound_body(fx::conversation(1), "Gracias", fx::EPOCH_START),
        ),
    ];
    let page = fx::page(5, one_conversation("Hola"), None);
    let steps = vec![
        StoreStep::SetScopes { scopes: scopes(), restart: true },
        StoreStep::ApplySnapshotPage { begins: true, page: Box::new(page) },
        StoreStep::FinishSnapshot { settled: vec![fx::command_id(7)] },
        frame_step(fx::frame(5, 6, changed)),
        StoreStep::PurgeRoots(vec![fx::conversation(1).entity()]),
    ];
    cut_everywhere("cache-1.db", "outbox-1.db", steps).await;
}

#[tokio::test]
async fn a_step_on_the_outbox_happened_whole_or_not_at_all_wherever_its_write_was_cut_off() {
    let steps = vec![
        enqueue(reply(1, "Voy")),
        enqueue(reply(2, "Enseguida")),
        StoreStep::MarkSending(vec![fx::command_id(1), fx::command_id(2)]),
        StoreStep::TakeBack(fx::command_id(1)),
        StoreStep::BeginRenewal(fx::id(0xa0, 1)),
        StoreStep::PurgeOutbox(vec![fx::conversation(1).entity()]),
    ];
    cut_everywhere("outbox-1.db", "cache-1.db", steps).await;
}

/// The ends of all frames of a log, the middles between them, and the log's own end.
fn cuts(length: usize) -> impl Iterator<Item = usize> {
    const HEADER: usize = 32;
    const FRAME: usize = 24 + 4096;
    (HEADER..=length).step_by(FRAME / 2)
}
