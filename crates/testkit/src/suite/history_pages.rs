//! Promises about older messages and gaps.

use deskbell_protocol::limits::NEWEST_MESSAGES;
use deskbell_protocol::sync::{Item, ItemOp};
use deskbell_sync::{Store, StoreStep, Views};

use super::{AS_OF, Bench, at, changed, done, filled, follow, messages, thread};
use crate::fixtures::{
    conversation, frame, history, inbound_body, leave, message, put_conversation, put_message, token,
};

/// The `n`th message of the second conversation: the higher, the later.
fn text(n: u32, version: u64) -> Item {
    put_message(
        message(100 + n),
        version,
        &inbound_body(conversation(2), &format!("text {n}"), at(i64::from(n))),
    )
}

/// A store where the second conversation has entered at 11 with messages 41 to 60, and a gap before them.
async fn with_gap<B: Bench>(bench: &B) -> B::Store {
    let store = filled(bench).await;
    let mut items = vec![put_conversation(conversation(2), 11, &changed(2, 60, |_| {}))];
    items.extend((41..=60).map(|n| text(n, 11)));
    assert_eq!(items.len(), NEWEST_MESSAGES + 1);
    let mut frame = frame(AS_OF, 11, items);
    frame.history = vec![history(conversation(2), Some("before 41"))];
    follow(&store, frame).await;
    store
}

async fn fill(store: &impl Store, asked: &str, from: u32, to: u32, older: Option<&str>) {
    let items = (from..=to).rev().map(|n| text(n, 11)).collect();
    let history = history(conversation(2), older);
    done(store, StoreStep::ApplyHistory { asked: token(asked), items, history }).await;
}

async fn shown(store: &impl Views) -> (u32, u32, bool) {
    let thread = thread(store, 2).await.unwrap();
    let number = |index: Option<&deskbell_sync::view::ThreadMessage>| {
        index.map_or(0, |message| u32::from(message.id.as_bytes()[15]) - 100)
    };
    let (first, last) = (number(thread.messages.first()), number(thread.messages.last()));
    assert_eq!(thread.messages.len(), usize::try_from(last - first).unwrap() + 1, "no hole");
    (first, last, thread.has_older)
}

/// A page moves the gap; the last one closes it.
pub async fn older_messages_fill_the_gap<B: Bench>(bench: &B) {
    let store = with_gap(bench).await;
    assert_eq!(shown(&store).await, (41, 60, true));
    assert_eq!(store.gap(conversation(2)).await.unwrap(), Some(token("before 41")));
    fill(&store, "before 41", 21, 40, Some("before 21")).await;
    drop(store);
    let store = bench.open().await;
    assert_eq!(shown(&store).await, (21, 60, true));
    assert_eq!(store.gap(conversation(2)).await.unwrap(), Some(token("before 21")));
    fill(&store, "before 21", 1, 20, None).await;
    assert_eq!(shown(&store).await, (1, 60, false));
    assert_eq!(store.gap(conversation(2)).await.unwrap(), None);
}

/// A page that comes twice, or for a gap of before, changes nothing.
pub async fn a_page_asked_for_with_another_token_is_ignored<B: Bench>(bench: &B) {
    let store = with_gap(bench).await;
    fill(&store, "before 99", 1, 20, None).await;
    assert_eq!(shown(&store).await, (41, 60, true));
    fill(&store, "before 41", 21, 40, Some("before 21")).await;
    fill(&store, "before 41", 21, 40, Some("before 21")).await;
    assert_eq!(shown(&store).await, (21, 60, true));
}

/// A page that arrives after its conversation left brings nothing back.
pub async fn history_of_a_conversation_that_left_is_ignored<B: Bench>(bench: &B) {
    let store = with_gap(bench).await;
    follow(&store, frame(11, 12, vec![leave(conversation(2), 12, ItemOp::Remove)])).await;
    fill(&store, "before 41", 21, 40, None).await;
    assert!(thread(&store, 2).await.is_none());
    assert_eq!(store.gap(conversation(2)).await.unwrap(), None);
    let purged = done(&store, StoreStep::PurgeRoots(vec![super::entity(conversation(2))])).await.purged;
    assert_eq!(purged, 0, "nothing came back");
}

/// A conversation that enters the view again begins anew: changes of its older messages may have been missed.
pub async fn a_conversation_that_enters_again_begins_anew<B: Bench>(bench: &B) {
    let store = with_gap(bench).await;
    fill(&store, "before 41", 21, 40, Some("before 21")).await;
    let mut items = vec![put_conversation(conversation(2), 15, &changed(2, 61, |_| {}))];
    items.extend((42..=61).map(|n| text(n, 15)));
    let mut again = frame(11, 15, items);
    again.history = vec![history(conversation(2), Some("before 42"))];
    follow(&store, again).await;
    assert_eq!(shown(&store).await, (42, 61, true));
    fill(&store, "before 42", 22, 41, None).await;
    assert_eq!(shown(&store).await, (22, 61, false));
}

/// A receipt of an old message does not put it after a silent hole, not even in the batch that brings the gap.
pub async fn a_change_behind_the_gap_is_shown_when_history_reaches_it<B: Bench>(bench: &B) {
    let store = with_gap(bench).await;
    follow(&store, frame(11, 12, vec![text(7, 12)])).await;
    assert_eq!(shown(&store).await, (41, 60, true));

    let mut items = vec![put_conversation(conversation(2), 15, &changed(2, 60, |_| {}))];
    items.extend((41..=60).chain([7]).map(|n| text(n, 15)));
    let mut again = frame(12, 15, items);
    again.history = vec![history(conversation(2), Some("before 41"))];
    follow(&store, again).await;
    assert_eq!(shown(&store).await, (41, 60, true));
    assert_eq!(messages(&store, 2).await.len(), 20);

    fill(&store, "before 41", 1, 40, None).await;
    assert_eq!(shown(&store).await, (1, 60, false));
}
