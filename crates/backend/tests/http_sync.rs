//! The log as a console sees it: snapshot, changes, history.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    reason = "the whole program is a test"
)]

mod common;

use std::collections::{BTreeMap, BTreeSet};

use deskbell_backend::storage::contact::{self, Alias};
use deskbell_backend::storage::conversation;
use deskbell_backend::storage::{message, staff};
use deskbell_domain::{ConversationId, ConversationStatus, MessageId, PhoneNumber, Role, UtcMs};
use deskbell_protocol::command::{Act, Outcome};
use deskbell_protocol::limits::{NEWEST_MESSAGES, PULL_BYTES_MAX, PULL_ITEMS_MAX};
use deskbell_protocol::route;
use deskbell_protocol::sync::{Cursor, Frame, Item, ItemOp, PageToken, ResyncReason, Seq, SnapshotPage};

use common::console::{Console, command, is};
use common::{TestBackend, on_each_engine, text_message};

/// All that a console has after applying pages and frames: the highest version of each entity.
#[derive(Debug, Default, Clone, PartialEq)]
struct Cache(BTreeMap<(String, String), Item>);

impl Cache {
    fn apply(&mut self, items: &[Item]) {
        for item in items {
            let kind = serde_json::to_value(item.kind).unwrap().as_str().unwrap().to_owned();
            let key = (kind, item.id.to_string());
            if self.0.get(&key).is_some_and(|known| known.version > item.version) {
                continue;
            }
            match item.op {
                ItemOp::Put => drop(self.0.insert(key, item.clone())),
                ItemOp::Remove | ItemOp::Erase => {
                    self.0.retain(|_, known| known.id != item.id && known.root != item.id);
                }
            }
        }
    }

    fn of(pages: &[SnapshotPage]) -> Self {
        let mut cache = Self::default();
        for page in pages {
            cache.apply(&page.items);
        }
        cache
    }

    fn ids(&self, kind: &str) -> BTreeSet<String> {
        self.0.keys().filter(|(of, _)| of == kind).map(|(_, id)| id.clone()).collect()
    }

    fn has(&self, kind: &str, id: impl ToString) -> bool {
        self.0.contains_key(&(kind.to_owned(), id.to_string()))
    }
}

/// Pulls until there is no more. Every frame follows the one before.
async fn pull(console: &Console, cursor: &Cursor, cache: &mut Cache) -> (Cursor, Vec<Frame>) {
    let mut frames: Vec<Frame> = Vec::new();
    let mut cursor = cursor.clone();
    loop {
        let frame = console.changes(&cursor).await;
        if let Some(before) = frames.last() {
            assert_eq!(frame.from, before.to);
        }
        let ids: BTreeSet<_> = frame.items.iter().map(|item| (format!("{:?}", item.kind), item.id)).collect();
        assert_eq!(ids.len(), frame.items.len(), "at most one item per entity");
        cache.apply(&frame.items);
        cursor = frame.cursor.clone();
        let more = frame.more;
        frames.push(frame);
        if !more {
            return (cursor, frames);
        }
    }
}

/// Many messages of the same customer, `per_tx` of them in each transaction.
async fn many(backend: &TestBackend, phone: &str, count: usize, per_tx: usize, text: &str) -> Vec<MessageId> {
    let (conversation, first) = backend.customer_writes(phone, "first").await;
    let mut ids = vec![first];
    let start = backend.conversation(conversation).await.last_message_at;
    for chunk in 0..count.div_ceil(per_tx) {
        let mut tx = backend.data().begin().await.unwrap();
        let alias = Alias::Phone(PhoneNumber::parse(phone).unwrap());
        let person = contact::find_or_create(&mut tx, &[alias], &contact::Profile::default()).await.unwrap();
        let before = conversation::lock(&mut tx, conversation).await.unwrap().unwrap();
        let mut after = before;
        for n in chunk * per_tx..count.min((chunk + 1) * per_tx) {
            let at = start.plus_ms(1 + n as i64);
            let id = MessageId::new(at, deskbell_seal::random().unwrap());
            message::insert(&mut tx, &person, &before, &text_message(id, at, text)).await.unwrap();
            after.last_message_at = at;
            ids.push(id);
        }
        conversation::save(&mut tx, &before, &after).await.unwrap();
        tx.commit().await.unwrap();
    }
    ids
}

fn text_of(items: &[Item]) -> String {
    serde_json::to_string(items).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_sees_what_its_scopes_hold_and_nothing_else() {
    on_each_engine(async |backend| {
        let (sales, service) =
            (backend.agent().await, backend.signed_in(Role::Agent, &[backend.service]).await);
        let (sales_start, service_start) = (sales.cursor().await, service.cursor().await);
        let (mine, message) = backend.customer_writes("34600000001", "about a car").await;
        let (theirs, their_message) = backend
            .customer_writes_to(backend.tenant, backend.account, backend.service, "34600000002", "a repair")
            .await;

        let mut pulled = Cache::default();
        pull(&sales, &sales_start, &mut pulled).await;
        let fresh = Cache::of(&sales.snapshot().await);
        for cache in [&pulled, &fresh] {
            assert!(cache.has("conversation", mine) && cache.has("message", message));
            assert!(!cache.has("conversation", theirs) && !cache.has("message", their_message));
        }
        let mut pulled = Cache::default();
        pull(&service, &service_start, &mut pulled).await;
        assert!(pulled.has("conversation", theirs) && !pulled.has("conversation", mine));
        assert!(!format!("{:?}", service.snapshot().await).contains("about a car"));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn delivery_looks_at_the_scopes_as_they_are_now() {
    on_each_engine(async |backend| {
        let sales = backend.agent().await;
        let start = sales.cursor().await;
        let (conversation, _) = backend.customer_writes("34600000001", "for another department").await;
        // The log says that this was put into Sales; when it is delivered, it is there no more.
        backend.change(conversation, |conversation| conversation.queue = backend.service).await;
        let frame = sales.changes(&start).await;
        assert_eq!(frame.items.len(), 1, "{:?}", frame.items);
        assert_eq!((frame.items[0].op, frame.items[0].body.is_none()), (ItemOp::Remove, true));
        assert_eq!(frame.items[0].id.as_bytes(), conversation.as_bytes());
        assert!(frame.history.is_empty());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conversation_that_enters_brings_its_newest_messages_and_where_older_ones_begin() {
    on_each_engine(async |backend| {
        let ids = many(backend, "34600000001", 130, 65, "and another thing").await;
        let bob = backend.signed_in(Role::Agent, &[backend.service]).await;
        let start = bob.cursor().await;
        let conversation = {
            let mut read = backend.data().read().await.unwrap();
            message::read_many(&mut read, &ids[..1]).await.unwrap()[0].conversation
        };
        backend.change(conversation, |conversation| conversation.queue = backend.service).await;

        let frame = bob.changes(&start).await;
        let messages: Vec<_> = frame.items.iter().filter(|item| is(item, "message")).collect();
        assert_eq!(messages.len(), NEWEST_MESSAGES);
        assert_eq!(messages[0].id.as_bytes(), ids[130].as_bytes(), "the newest first");
        assert_eq!(frame.history.len(), 1);

        // Older ones come on demand, each once, until there are none.
        let mut seen: Vec<_> = messages.iter().map(|item| *item.id.as_bytes()).collect();
        let mut older = frame.history[0].older.clone();
        while let Some(page) = older {
            let page = bob.history(&page).await;
            seen.extend(page.items.iter().map(|item| *item.id.as_bytes()));
            older = page.history.older;
        }
        let all: Vec<_> = ids.iter().rev().map(|id| *id.as_bytes()).collect();
        assert_eq!(seen, all);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_assignee_outside_the_queue_sees_the_conversation_until_it_is_released() {
    on_each_engine(async |backend| {
        let bob = backend.signed_in(Role::Agent, &[backend.service]).await;
        let (conversation, message) = backend.customer_writes("34600000001", "hello").await;
        let mut cache = Cache::of(&bob.snapshot().await);
        assert!(!cache.has("conversation", conversation));
        let start = bob.cursor().await;
        backend.change(conversation, |conversation| conversation.assignee = bob.user).await;
        let (cursor, _) = pull(&bob, &start, &mut cache).await;
        assert!(cache.has("conversation", conversation) && cache.has("message", message));
        backend.change(conversation, |conversation| conversation.assignee = None).await;
        pull(&bob, &cursor, &mut cache).await;
        assert!(!cache.has("conversation", conversation) && !cache.has("message", message));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conversation_that_was_in_view_goes_on_when_its_viewer_claims_it() {
    on_each_engine(async |backend| {
        let agent = backend.agent().await;
        let (conversation, _) = backend.customer_writes("34600000001", "hello").await;
        let start = agent.cursor().await;
        assert!(matches!(
            agent.command(&command(Act::Claim { conversation }, None)).await,
            Outcome::Applied { .. }
        ));
        let (_, message) = backend.customer_writes("34600000001", "and more").await;
        let frame = agent.changes(&start).await;
        assert!(frame.history.is_empty(), "what the device has of it is not begun anew");
        let messages: Vec<_> = frame.items.iter().filter(|item| is(item, "message")).collect();
        assert_eq!(messages.len(), 1);
        assert_eq!(messages[0].id.as_bytes(), message.as_bytes());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn history_is_for_those_who_see_the_conversation_now() {
    on_each_engine(async |backend| {
        many(backend, "34600000001", 40, 40, "confidential").await;
        let agent = backend.agent().await;
        let pages = agent.snapshot().await;
        let start = pages.iter().flat_map(|page| &page.history).next().unwrap().clone();
        let older = start.older.unwrap();
        assert_eq!(agent.history(&older).await.items.len(), 21);
        backend.change(start.conversation, |conversation| conversation.queue = backend.service).await;
        let answer = agent.try_page(route::HISTORY, Some(&older)).await;
        assert_eq!((answer.status, answer.problem().as_str()), (404, "not_found"));
        assert!(!answer.text.contains("confidential"));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_stretch_is_cut_between_transactions() {
    on_each_engine(async |backend| {
        let agent = backend.agent().await;
        backend.customer_writes("34600000001", "before").await;
        let start = agent.cursor().await;
        let ids = many(backend, "34600000001", 900, 300, "x").await;
        let mut cache = Cache::default();
        let (_, frames) = pull(&agent, &start, &mut cache).await;
        // Transactions of 301 changes: two do not fit into 500 items.
        assert!(frames.len() >= 3, "{}", frames.len());
        for frame in &frames {
            assert!(frame.items.len() <= PULL_ITEMS_MAX);
            let messages = frame.items.iter().filter(|item| is(item, "message")).count();
            assert!([0, 1, 300, 301].contains(&messages), "a transaction was cut: {messages}");
        }
        assert_eq!(cache.ids("message").len(), ids.len());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_heavy_stretch_is_cut_by_its_bytes() {
    on_each_engine(async |backend| {
        let agent = backend.agent().await;
        backend.customer_writes("34600000001", "before").await;
        let start = agent.cursor().await;
        let text = "y".repeat(4_000);
        let ids = many(backend, "34600000001", 200, 10, &text).await;
        let mut cache = Cache::default();
        let (_, frames) = pull(&agent, &start, &mut cache).await;
        assert!(frames.len() >= 3, "{}", frames.len());
        for frame in &frames {
            assert!(text_of(&frame.items).len() <= PULL_BYTES_MAX + 1024, "{}", text_of(&frame.items).len());
        }
        assert_eq!(cache.ids("message").len(), ids.len());

        // A transaction is never cut, so one that is too much by itself travels alone.
        let start = agent.cursor().await;
        many(backend, "34600000001", 100, 100, &text).await;
        let (_, frames) = pull(&agent, &start, &mut cache).await;
        let heavy = frames.iter().find(|frame| frame.items.len() > 100).expect("one frame with all of it");
        assert!(text_of(&heavy.items).len() > PULL_BYTES_MAX);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_and_the_changes_after_it_are_a_snapshot_of_later() {
    on_each_engine(async |backend| {
        let agent = backend.agent().await;
        let mut conversations = Vec::new();
        for n in 0..8 {
            conversations.push(backend.customer_writes(&format!("3460000000{n}"), "hello").await.0);
        }
        let pages = agent.snapshot().await;
        let mut cache = Cache::of(&pages);
        let cursor = pages.last().unwrap().cursor.clone();

        backend.customer_writes("34600000001", "again").await;
        backend.customer_writes("34600000020", "new here").await;
        backend.change(conversations[2], |conversation| conversation.queue = backend.service).await;
        backend.change(conversations[3], |conversation| conversation.assignee = agent.user).await;
        backend.change(conversations[3], |conversation| conversation.queue = backend.service).await;
        backend
            .change(conversations[4], |conversation| conversation.status = ConversationStatus::Resolved)
            .await;
        let read = Act::MarkRead { conversation: conversations[5], through: UtcMs::from_ms(i64::MAX) };
        assert!(matches!(agent.command(&command(read, None)).await, Outcome::Applied { .. }));
        backend.member(Role::Manager, &[]).await;

        pull(&agent, &cursor, &mut cache).await;
        let later = Cache::of(&agent.snapshot().await);
        assert_eq!(cache, later);
        assert_eq!(later.ids("conversation").len(), 8, "one left, one came");
        assert_eq!(later.ids("read_mark").len(), 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_begins_with_what_an_agent_needs_first() {
    on_each_engine(async |backend| {
        let agent = backend.agent().await;
        let mut written = Vec::new();
        for n in 0..4 {
            backend.clock.advance(1_000);
            written.push(backend.customer_writes(&format!("3460000000{n}"), "hello").await.0);
        }
        backend.change(written[3], |conversation| conversation.status = ConversationStatus::Resolved).await;
        let items: Vec<Item> = agent.snapshot().await.into_iter().flat_map(|page| page.items).collect();
        let roots: Vec<&str> = items
            .iter()
            .filter(|item| !is(item, "message"))
            .map(|item| item.kind.known().unwrap().as_str())
            .collect();
        let expected = [
            "tenant",
            "user",
            "queue",
            "queue",
            "conversation",
            "conversation",
            "conversation",
            "conversation",
        ];
        assert_eq!(roots, expected);
        let order: Vec<ConversationId> = items
            .iter()
            .filter(|item| is(item, "conversation"))
            .map(|item| ConversationId::from_bytes(*item.id.as_bytes()))
            .collect();
        assert_eq!(
            order,
            [written[2], written[1], written[0], written[3]],
            "newest first, the resolved last"
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_moves_while_a_snapshot_is_taken_is_not_missed() {
    on_each_engine(async |backend| {
        let agent = backend.agent().await;
        let mut conversations = Vec::new();
        for n in 10..70 {
            backend.clock.advance(1_000);
            conversations.push(backend.customer_writes(&format!("346000000{n}"), "hello").await.0);
        }
        let mut pages: Vec<SnapshotPage> = Vec::new();
        let mut next: Option<PageToken> = None;
        loop {
            let page: SnapshotPage = agent.try_page(route::SNAPSHOT, next.as_ref()).await.ok();
            next = page.next.clone();
            pages.push(page);
            if pages.len() == 2 {
                // The oldest conversation, far from being delivered, moves to the front, past the pages taken.
                backend.clock.advance(1_000);
                backend.customer_writes("34600000010", "still there?").await;
            }
            if next.is_none() {
                break;
            }
        }
        assert!(pages.len() > 4, "{}", pages.len());
        let cache = Cache::of(&pages);
        assert_eq!(cache.ids("conversation").len(), 60);
        let moved = pages
            .iter()
            .flat_map(|page| &page.history)
            .filter(|start| start.conversation == conversations[0]);
        assert_eq!(moved.count(), 1, "with where its messages begin");
        assert_eq!(cache.ids("message").len(), 61);
        assert!(pages.iter().all(|page| page.as_of == pages[0].as_of && page.items.len() <= PULL_ITEMS_MAX));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_token_holds_while_the_scopes_are_the_same_and_for_its_user() {
    on_each_engine(async |backend| {
        let member = backend.member(Role::Agent, &[backend.sales]).await;
        let agent = backend.signed_in_as(&member).await;
        let first: SnapshotPage = agent.try_page(route::SNAPSHOT, None).await.ok();
        let next = first.next.unwrap();
        assert_eq!(agent.try_page(route::SNAPSHOT, Some(&next)).await.status, 200);
        assert_eq!(agent.try_page(route::SNAPSHOT, Some(&next)).await.status, 200, "and again");
        let colleague = backend.agent().await;
        assert_eq!(colleague.try_page(route::SNAPSHOT, Some(&next)).await.problem(), "scopes_changed");

        let mut tx = backend.data().begin().await.unwrap();
        staff::set_queues(&mut tx, member.user, &[backend.sales, backend.service]).await.unwrap();
        tx.commit().await.unwrap();
        let agent = backend.signed_in_as(&member).await;
        let answer = agent.try_page(route::SNAPSHOT, Some(&next)).await;
        assert_eq!((answer.status, answer.problem().as_str()), (409, "scopes_changed"));
        let other = if &next.0[40..41] == "A" { "B" } else { "A" };
        let forged = PageToken(format!("{}{other}{}", &next.0[..40], &next.0[41..]));
        assert_eq!(agent.try_page(route::SNAPSHOT, Some(&forged)).await.problem(), "epoch_changed");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn hello_tells_where_a_device_stands() {
    on_each_engine(async |backend| {
        let agent = backend.agent().await;
        let first = agent.hello(None).await;
        assert_eq!(first.resync.and_then(|reason| reason.known()), Some(ResyncReason::NoCursor));
        assert_eq!((first.protocol, Some(first.user)), (Some(1), agent.user));
        assert_eq!(first.scopes.len(), 3, "the tenant, one queue, oneself");

        let cursor = agent.cursor().await;
        backend.customer_writes("34600000001", "hello").await;
        let hello = agent.hello(Some(&cursor)).await;
        assert_eq!(hello.resync, None);
        assert!(hello.head > first.head && hello.epoch == first.epoch);

        let forged = Cursor("A".repeat(80));
        let hello = agent.hello(Some(&forged)).await;
        assert_eq!(hello.resync.and_then(|reason| reason.known()), Some(ResyncReason::EpochChanged));
        assert_eq!(agent.try_changes(&forged).await.problem(), "epoch_changed");

        let mut request = common::console::hello(Some(&cursor));
        request.protocol.min = 2;
        request.protocol.max = 3;
        let hello: deskbell_protocol::sync::HelloResponse = agent.post(route::HELLO, &request).await.ok();
        assert_eq!(hello.protocol, None, "and the frozen core is all there is");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn numbers_arrive_masked_and_nowhere_else() {
    on_each_engine(async |backend| {
        let agent = backend.agent().await;
        let start = agent.cursor().await;
        let (id, _) = backend.customer_writes("34612345678", "hello").await;
        let (_, body) = agent.conversation(id).await.unwrap();
        assert_eq!(body.contact.masked_number.unwrap().expose(), "••• 5678");
        let everything = agent.get(route::SNAPSHOT).await.text + &agent.try_changes(&start).await.text;
        assert!(!everything.contains("3461234567"));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frame_names_the_commands_of_its_device_whose_effects_it_holds() {
    on_each_engine(async |backend| {
        let (ana, bob) = (backend.agent().await, backend.agent().await);
        let (conversation, _) = backend.customer_writes("34600000001", "hello").await;
        let (ana_start, bob_start) = (ana.cursor().await, bob.cursor().await);
        let claim = command(Act::Claim { conversation }, None);
        let Outcome::Applied { seq } = ana.command(&claim).await else { panic!("refused") };
        let frame = ana.changes(&ana_start).await;
        assert_eq!(frame.settled, [claim.id]);
        assert!(frame.from < seq && seq <= frame.to, "{seq} in ({}, {}]", frame.from, frame.to);
        assert!(bob.changes(&bob_start).await.settled.is_empty());
        let later = ana.changes(&frame.cursor).await;
        assert!(later.settled.is_empty() && later.items.is_empty());
        assert!(seq > Seq(0));
    })
    .await;
}
