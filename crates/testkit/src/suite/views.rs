//! Promises of the views.

use deskbell_domain::{ConversationStatus, Entity};
use deskbell_protocol::command::{Act, RejectCode};
use deskbell_protocol::entity::{ConversationBody, Kind};
use deskbell_protocol::sync::{Item, Seq};
use deskbell_sync::store::Outcomes;
use deskbell_sync::view::{Counts, Group, ListQuery, ListView, MessageState, OlderQuery, ThreadQuery};
use deskbell_sync::{StoreStep, Views};

use super::{
    AS_OF, Bench, ME, at, changed, done, enqueue, filled, follow, listed, messages, reply, thread, waiting,
};
use crate::fixtures::{
    self, command, command_id, conversation, frame, history, inbound_body, message, page, put_conversation,
    put_message, queue, user,
};

/// Conversations 2 to 9 beside the first one, which waits since 0: two more that wait, three that do not, one of them
/// assigned to the user and one to a colleague, and two resolved ones.
fn many() -> Vec<Item> {
    let put = |n: u32, ms: i64, change: &dyn Fn(&mut ConversationBody)| {
        put_conversation(conversation(n), 11, &changed(n, ms, change))
    };
    let answered = |body: &mut ConversationBody| body.waiting_since = None;
    vec![
        put(2, 300, &|body| body.waiting_since = Some(at(-100))),
        put(3, 200, &|_| {}),
        put(4, 400, &answered),
        put(5, 600, &|body| {
            answered(body);
            body.assignee = Some(user(ME));
        }),
        put(6, 500, &|body| {
            answered(body);
            body.assignee = Some(user(2));
        }),
        put(7, 700, &|body| body.status = ConversationStatus::Resolved.into()),
        put(8, 800, &|body| {
            answered(body);
            body.status = ConversationStatus::Resolved.into();
            body.assignee = Some(user(ME));
        }),
    ]
}

async fn with_many<B: Bench>(bench: &B) -> B::Store {
    let store = filled(bench).await;
    follow(&store, frame(AS_OF, 11, many())).await;
    store
}

/// First who waits longest, then who was answered last.
pub async fn the_list_is_grouped_and_ordered<B: Bench>(bench: &B) {
    let store = with_many(bench).await;
    let query = ListQuery { view: ListView::All, offset: 0, limit: 100, me: user(ME) };
    let page = store.list(query).await.unwrap();
    let ids: Vec<_> = page.rows.iter().map(|row| row.header.id).collect();
    assert_eq!(ids, [2, 1, 3, 5, 6, 4].map(conversation));
    assert_eq!(page.groups, [(Group::NeedsReply, 3), (Group::WaitingOnCustomer, 3)]);

    let query = ListQuery { view: ListView::Resolved, ..query };
    let page = store.list(query).await.unwrap();
    assert_eq!(page.groups, [(Group::Resolved, 2)]);
    assert_eq!(listed(&store, ListView::Resolved).await, [8, 7].map(conversation));
}

/// Mine, nobody's, everybody's; the counts say the same whatever is listed.
pub async fn each_list_has_its_conversations<B: Bench>(bench: &B) {
    let store = with_many(bench).await;
    assert_eq!(listed(&store, ListView::Mine).await, [conversation(5)]);
    assert_eq!(listed(&store, ListView::Unassigned).await, [2, 1, 3, 4].map(conversation));
    for view in [ListView::Mine, ListView::Unassigned, ListView::All, ListView::Resolved] {
        let page = store.list(ListQuery { view, offset: 0, limit: 1, me: user(ME) }).await.unwrap();
        assert_eq!(page.counts, Counts { mine: 1, unassigned: 4, all: 6, unread: 1 });
    }
}

/// Whatever is asked for, with commands pending: rows and groups are those of the whole list.
pub async fn a_window_of_the_list_is_a_part_of_the_whole<B: Bench>(bench: &B) {
    let store = with_many(bench).await;
    let on = |n, act| command(command_id(n), at(10_000 + i64::from(n)), act);
    enqueue(&store, reply(1)).await;
    enqueue(&store, on(2, Act::Resolve { conversation: conversation(6) })).await;
    enqueue(&store, on(3, Act::Reopen { conversation: conversation(7) })).await;
    enqueue(&store, on(4, Act::Claim { conversation: conversation(3) })).await;
    for view in [ListView::Mine, ListView::Unassigned, ListView::All, ListView::Resolved] {
        let query = ListQuery { view, offset: 0, limit: 100, me: user(ME) };
        let whole = store.list(query).await.unwrap();
        let total: u32 = whole.groups.iter().map(|(_, rows)| rows).sum();
        assert_eq!(usize::try_from(total).unwrap(), whole.rows.len());
        for offset in 0..8 {
            for limit in 0..5 {
                let window = store.list(ListQuery { offset, limit, ..query }).await.unwrap();
                let expected: Vec<_> = whole.rows.iter().skip(offset).take(limit).cloned().collect();
                assert_eq!(window.rows, expected, "{view:?} {offset} {limit}");
                assert_eq!((&window.groups, window.counts), (&whole.groups, whole.counts));
            }
        }
    }
    assert_eq!(listed(&store, ListView::All).await, [2, 3, 7, 1, 5, 4].map(conversation));
    assert_eq!(listed(&store, ListView::Mine).await, [3, 5].map(conversation));
    assert_eq!(listed(&store, ListView::Resolved).await, [8, 6].map(conversation));
}

/// Each act shows its effect at once, and only on its own conversation.
pub async fn a_pending_command_is_laid_over_the_row<B: Bench>(bench: &B) {
    let store = with_many(bench).await;
    let header = async |n| store.header(conversation(n), user(ME)).await.unwrap().unwrap();
    let untouched = header(2).await;
    assert_eq!(header(1).await.version, Seq(6));

    let acts = [
        Act::Claim { conversation: conversation(1) },
        Act::Resolve { conversation: conversation(1) },
        Act::Reopen { conversation: conversation(8) },
        Act::Release { conversation: conversation(8) },
        Act::MarkRead { conversation: conversation(1), through: at(0) },
    ];
    for (n, act) in (11..).zip(acts) {
        enqueue(&store, command(command_id(n), at(20_000), act)).await;
    }
    let first = header(1).await;
    assert_eq!(first.body.assignee, Some(user(ME)));
    assert_eq!(first.body.status, ConversationStatus::Resolved.into());
    assert_eq!(first.version, Seq(6), "the version is the cache's");
    assert!(first.body.waiting_since.is_some());
    let eighth = header(8).await;
    assert_eq!((eighth.body.status, eighth.body.assignee), (ConversationStatus::Open.into(), None));
    assert_eq!(thread(&store, 1).await.unwrap().row.unread, 0);
    assert_eq!(header(2).await, untouched);

    enqueue(&store, fixtures::reply(command_id(20), conversation(2), message(20), "x", at(20_000))).await;
    let second = header(2).await;
    assert_eq!((second.body.waiting_since, second.body.last_message_at), (None, at(20_000)));
}

/// A reply is shown once: from the outbox until the cache has it, from the cache from then on, even while the outbox
/// still has it; and a command the cache lists as settled has no effect any more.
pub async fn a_reply_is_shown_once_wherever_it_is<B: Bench>(bench: &B) {
    let store = filled(bench).await;
    enqueue(&store, reply(1)).await;
    enqueue(&store, reply(2)).await;
    let shown = thread(&store, 1).await.unwrap();
    let ids: Vec<_> = shown.messages.iter().map(|message| message.id).collect();
    assert_eq!(ids, [message(1), message(101), message(102)]);
    assert_eq!(shown.messages[1].state, MessageState::Waiting { command: command_id(1) });
    assert_eq!(shown.messages[1].author.as_ref().unwrap().expose(), "Alice");
    let preview = shown.row.preview.unwrap();
    assert_eq!((preview.id, preview.body.at), (message(102), at(62_000)));

    let arrived = fixtures::outbound_body(conversation(1), user(ME), "reply 1", at(61_500));
    let newer = inbound_body(conversation(1), "and another thing", at(70_000));
    let body = changed(1, 70_000, |body| body.waiting_since = Some(at(70_000)));
    let items = vec![
        put_message(message(101), 11, &arrived),
        put_message(message(9), 12, &newer),
        put_conversation(conversation(1), 12, &body),
    ];
    follow(&store, frame(AS_OF, 12, items)).await;
    assert_eq!(messages(&store, 1).await, [message(1), message(101), message(9), message(102)]);

    let frame = Box::new(frame(12, 13, Vec::new()));
    let settled = vec![command_id(1), command_id(2)];
    done(&store, StoreStep::ApplyFrame { frame, settled }).await;
    let shown = thread(&store, 1).await.unwrap();
    assert_eq!(
        shown.messages.len(),
        3,
        "the second reply's message is told to have been carried out elsewhere"
    );
    assert_eq!(shown.row.header.body.waiting_since, Some(at(70_000)), "the customer wrote since");
    assert!(store.outbox().await.unwrap().is_empty());
}

/// A refused reply stays in its thread with the reason; the conversation is as if it had never been written.
pub async fn a_refused_reply_is_shown_with_its_reason_and_changes_nothing_else<B: Bench>(bench: &B) {
    let store = filled(bench).await;
    let before = store.header(conversation(1), user(ME)).await.unwrap();
    enqueue(&store, reply(1)).await;
    let code = RejectCode::ContextChanged.into();
    let refused = Outcomes { refused: vec![(command_id(1), code)], ..Outcomes::default() };
    done(&store, StoreStep::Outcomes(refused)).await;
    let shown = thread(&store, 1).await.unwrap();
    let last = shown.messages.last().unwrap();
    assert_eq!(last.state, MessageState::Refused { command: command_id(1), code });
    assert_eq!(last.body.content.text.as_ref().unwrap().expose(), "reply 1");
    assert_eq!(store.header(conversation(1), user(ME)).await.unwrap(), before);
    assert_eq!(store.outbox().await.unwrap().len(), 1);
}

/// The outbox brings the effect back when the cache is loaded again.
pub async fn the_overlay_stands_when_the_cache_is_lost<B: Bench>(bench: &B) {
    let store = filled(bench).await;
    enqueue(&store, reply(1)).await;
    done(&store, StoreStep::DropCache).await;
    assert!(thread(&store, 1).await.is_none());
    let mut page = page(30, waiting(1, 0, 6).to_vec(), None);
    page.history = vec![history(conversation(1), None)];
    done(&store, StoreStep::ApplySnapshotPage { begins: true, page: Box::new(page) }).await;
    assert_eq!(messages(&store, 1).await, [message(1), message(101)]);
    let header = store.header(conversation(1), user(ME)).await.unwrap().unwrap();
    assert_eq!(header.body.waiting_since, None);
}

/// Names of queue, assignee, author and tenant are those of the cache, and change with it.
pub async fn names_come_from_the_cache<B: Bench>(bench: &B) {
    let store = filled(bench).await;
    assert_eq!(store.tenant().await.unwrap().unwrap().name.expose(), "Corner Shop");
    assert_eq!(store.user(user(2)).await.unwrap().unwrap().name.expose(), "Bob");
    let mine = changed(1, 0, |body| body.assignee = Some(user(2)));
    let sent = fixtures::outbound_body(conversation(1), user(2), "hi", at(5));
    let items = vec![
        put_conversation(conversation(1), 11, &mine),
        put_message(message(5), 11, &sent),
        fixtures::put_root(Kind::Queue, queue(1).entity(), 11, &fixtures::queue_body("Sales & Co")),
    ];
    follow(&store, frame(AS_OF, 11, items)).await;
    let shown = thread(&store, 1).await.unwrap();
    assert_eq!(shown.row.header.queue.unwrap().expose(), "Sales & Co");
    assert_eq!(shown.row.header.assignee.unwrap().expose(), "Bob");
    assert_eq!(shown.messages[0].author, None);
    assert_eq!(shown.messages[1].author.as_ref().unwrap().expose(), "Bob");
}

/// Unread is what the customer wrote after the mark; a pending mark counts, an older one does not.
pub async fn unread_messages_are_those_after_the_read_mark<B: Bench>(bench: &B) {
    let store = filled(bench).await;
    let text = |n, ms| put_message(message(n), 11, &inbound_body(conversation(1), "x", at(ms)));
    let own = fixtures::outbound_body(conversation(1), user(ME), "own", at(40));
    let items = vec![text(11, 10), text(12, 20), text(13, 30), put_message(message(14), 11, &own)];
    follow(&store, frame(AS_OF, 11, items)).await;
    let seen = async || {
        let thread = thread(&store, 1).await.unwrap();
        (thread.row.unread, thread.first_unread)
    };
    assert_eq!(seen().await, (4, Some(message(1))));

    let mark = fixtures::read_mark_body(conversation(1), at(10));
    let mark = fixtures::put_root(Kind::ReadMark, conversation(1).entity(), 12, &mark);
    follow(&store, frame(11, 12, vec![mark])).await;
    assert_eq!(seen().await, (2, Some(message(12))));

    let read = |n, ms| {
        command(command_id(n), at(50), Act::MarkRead { conversation: conversation(1), through: at(ms) })
    };
    enqueue(&store, read(1, 20)).await;
    assert_eq!(seen().await, (1, Some(message(13))));
    enqueue(&store, read(2, 5)).await;
    assert_eq!(seen().await, (1, Some(message(13))));
    enqueue(&store, read(3, 99)).await;
    assert_eq!(seen().await, (0, None));
    let query = ListQuery { view: ListView::All, offset: 0, limit: 0, me: user(ME) };
    assert_eq!(store.list(query).await.unwrap().counts.unread, 0);
}

/// A thread is read from its end, and then backwards; messages of one time are ordered by their ids.
pub async fn a_thread_gives_its_newest_messages_and_then_older_ones<B: Bench>(bench: &B) {
    let store = filled(bench).await;
    // Messages 11 to 19, two of them at each time.
    let items = (11..=19).rev().map(|n| {
        let time = at(10 + i64::from(n / 2));
        put_message(message(n), 11, &inbound_body(conversation(1), "x", time))
    });
    follow(&store, frame(AS_OF, 11, items.collect())).await;
    let query = ThreadQuery { conversation: conversation(1), limit: 4, me: user(ME) };
    let newest = store.thread(query).await.unwrap().unwrap();
    let ids: Vec<_> = newest.messages.iter().map(|message| message.id).collect();
    assert_eq!(ids, [16, 17, 18, 19].map(message));
    assert!(newest.has_older);

    let older = OlderQuery { conversation: conversation(1), before: message(16), limit: 4 };
    let page = store.older(older).await.unwrap();
    let ids: Vec<_> = page.messages.iter().map(|message| message.id).collect();
    assert_eq!(ids, [12, 13, 14, 15].map(message));
    assert!(page.has_older && page.gap.is_none());

    let page = store.older(OlderQuery { before: message(12), ..older }).await.unwrap();
    let ids: Vec<_> = page.messages.iter().map(|message| message.id).collect();
    assert_eq!(ids, [1, 11].map(message));
    assert!(!page.has_older && page.gap.is_none());
}
