use deskbell_backend::storage::conversation::{self, Conversation, Position, Stage};
use deskbell_backend::storage::message::{self, Inserted, Place, StatusNews, StatusTarget};
use deskbell_backend::storage::{Entity, Op, change, queue, raw_event, staff};
use deskbell_domain::{
    ConversationId, ConversationStatus, DeliveryStatus, FailureCode, MessageId, Scope, Sensitive,
};

use crate::harness::{Office, World, agent, engines, inbound, outbound};

/// A message of this customer, in a transaction of its own.
async fn receive(office: &Office, number: &str, text: &str, wamid: &str) -> (ConversationId, Inserted) {
    let mut tx = office.tenant.begin().await.unwrap();
    let (contact, before) = office.customer(&mut tx, number).await;
    let new = inbound(&tx, text, wamid);
    let inserted = message::insert(&mut tx, &contact, &before, &new).await.unwrap();
    let after = Conversation { last_message_at: new.at, last_customer_message_at: Some(new.at), ..before };
    conversation::save(&mut tx, &before, &after).await.unwrap();
    tx.commit().await.unwrap();
    (before.id, inserted)
}

/// An answer of the agent, queued.
async fn reply(office: &Office, number: &str, text: &str) -> (MessageId, i64) {
    let mut tx = office.tenant.begin().await.unwrap();
    let (contact, conversation) = office.customer(&mut tx, number).await;
    let new = outbound(&tx, office.agent, text);
    message::insert(&mut tx, &contact, &conversation, &new).await.unwrap();
    (new.id, tx.commit().await.unwrap().head.unwrap())
}

async fn advance(office: &Office, target: StatusTarget, status: DeliveryStatus) -> Option<message::Advanced> {
    let mut tx = office.tenant.begin().await.unwrap();
    let failure = (status == DeliveryStatus::Failed).then_some(FailureCode::Undeliverable);
    let news = StatusNews { status, at: tx.now(), failure };
    let advanced = message::advance_status(&mut tx, target, &news).await.unwrap();
    tx.commit().await.unwrap();
    advanced
}

async fn stored(office: &Office, id: MessageId) -> message::Message {
    let mut read = office.tenant.read().await.unwrap();
    message::read_many(&mut read, &[id]).await.unwrap().remove(0)
}

async fn head(world: &World, office: &Office) -> i64 {
    let mut read = world.db.tenant(office.id()).read().await.unwrap();
    change::clock(&mut read).await.unwrap().head
}

engines! {
    a_message_comes_back_as_it_was_written(world) {
        let office = world.office("one").await;
        let (conversation, inserted) = receive(&office, "34600000001", "hello", "wamid.1").await;
        let Inserted::New(id) = inserted else { panic!("known") };
        let message = stored(&office, id).await;
        assert_eq!(message.body, Some(Sensitive::from("{\"text\":\"hello\"}")));
        assert_eq!(message.wamid, Some(Sensitive::from("wamid.1")));
        assert_eq!((message.conversation, message.status, message.author), (conversation, None, None));
    }

    a_message_that_meta_sends_again_is_there_once(world) {
        let office = world.office("one").await;
        let (conversation, first) = receive(&office, "34600000001", "hello", "wamid.1").await;
        let before = head(&world, &office).await;
        let (_, again) = receive(&office, "34600000001", "hello", "wamid.1").await;
        let Inserted::New(id) = first else { panic!("known") };
        assert_eq!(again, Inserted::Known(id));
        assert_eq!(head(&world, &office).await, before, "nothing changed");
        let mut read = office.tenant.read().await.unwrap();
        let thread = message::page_before(&mut read, conversation, None, 10).await.unwrap();
        assert_eq!(thread.len(), 1);
    }

    the_same_id_at_meta_is_another_message_of_another_tenant(world) {
        let (one, other) = (world.office("one").await, world.office("other").await);
        assert!(matches!(receive(&one, "34600000001", "a", "wamid.1").await.1, Inserted::New(_)));
        assert!(matches!(receive(&other, "34600000001", "b", "wamid.1").await.1, Inserted::New(_)));
    }

    a_message_that_a_device_sends_again_is_there_once(world) {
        let office = world.office("one").await;
        let mut tx = office.tenant.begin().await.unwrap();
        let (contact, conversation) = office.customer(&mut tx, "34600000001").await;
        let new = outbound(&tx, office.agent, "hello");
        let first = message::insert(&mut tx, &contact, &conversation, &new).await.unwrap();
        let again = message::insert(&mut tx, &contact, &conversation, &new).await.unwrap();
        assert_eq!((first, again), (Inserted::New(new.id), Inserted::Known(new.id)));
    }

    ticks_only_move_forward_in_whatever_order_they_come(world) {
        let office = world.office("one").await;
        let (id, _) = reply(&office, "34600000001", "hello").await;
        let mut tx = office.tenant.begin().await.unwrap();
        assert!(message::set_wamid(&mut tx, id, &Sensitive::from("wamid.out")).await.unwrap());
        assert!(!message::set_wamid(&mut tx, id, &Sensitive::from("wamid.other")).await.unwrap(), "once");
        tx.commit().await.unwrap();
        let by_wamid = || StatusTarget::Wamid(Sensitive::from("wamid.out"));

        let read = advance(&office, by_wamid(), DeliveryStatus::Read).await.unwrap();
        assert_eq!((read.before, read.after), (Some(DeliveryStatus::Queued), DeliveryStatus::Read));
        assert_eq!(advance(&office, by_wamid(), DeliveryStatus::Delivered).await, None);
        assert_eq!(advance(&office, StatusTarget::Message(id), DeliveryStatus::Failed).await, None);
        let message = stored(&office, id).await;
        assert_eq!((message.status, message.failure), (Some(DeliveryStatus::Read), None));
        let unknown = StatusTarget::Wamid(Sensitive::from("wamid.nobody"));
        assert_eq!(advance(&office, unknown, DeliveryStatus::Read).await, None);
    }

    a_failure_says_why_until_the_message_arrives_after_all(world) {
        let office = world.office("one").await;
        let (id, _) = reply(&office, "34600000001", "hello").await;
        advance(&office, StatusTarget::Message(id), DeliveryStatus::Failed).await.unwrap();
        assert_eq!(stored(&office, id).await.failure, Some(FailureCode::Undeliverable));
        advance(&office, StatusTarget::Message(id), DeliveryStatus::Delivered).await.unwrap();
        let message = stored(&office, id).await;
        assert_eq!((message.status, message.failure), (Some(DeliveryStatus::Delivered), None));
    }

    pacing_counts_what_was_tried_and_not_what_waits(world) {
        let office = world.office("one").await;
        let (first, _) = reply(&office, "34600000001", "one").await;
        let (second, _) = reply(&office, "34600000001", "two").await;
        reply(&office, "34600000001", "three").await;
        let start = world.db.now();
        advance(&office, StatusTarget::Message(first), DeliveryStatus::Sent).await.unwrap();
        world.clock.forward(6_000);
        advance(&office, StatusTarget::Message(second), DeliveryStatus::Uncertain).await.unwrap();
        world.clock.forward(6_000);
        advance(&office, StatusTarget::Message(first), DeliveryStatus::Read).await.unwrap();
        let conversation = stored(&office, first).await.conversation;
        let mut read = office.tenant.read().await.unwrap();
        let times = message::outbound_times(&mut read, conversation, 10).await.unwrap();
        assert_eq!(times, [start.plus_ms(6_000), start], "ticks do not move them");
        assert_eq!(message::outbound_times(&mut read, conversation, 1).await.unwrap().len(), 1);
    }

    a_colleague_s_answer_is_noticed_and_its_ticks_are_not(world) {
        let office = world.office("one").await;
        let (id, seen) = reply(&office, "34600000001", "by alice").await;
        let conversation = stored(&office, id).await.conversation;
        let mut tx = office.tenant.begin().await.unwrap();
        let bob = staff::create(&mut tx, &agent("Bob", "bob@one.example")).await.unwrap();
        tx.commit().await.unwrap();
        advance(&office, StatusTarget::Message(id), DeliveryStatus::Read).await.unwrap();
        receive(&office, "34600000001", "thanks", "wamid.1").await;
        let answered = async |author, version| {
            let mut read = office.tenant.read().await.unwrap();
            message::answered_by_others(&mut read, conversation, version, author).await.unwrap()
        };
        assert!(!answered(bob, seen).await, "ticks and the customer's own words are no answer");
        assert!(answered(bob, seen - 1).await);
        assert!(!answered(office.agent, seen - 1).await, "one's own answer is not a colleague's");
    }

    a_thread_is_read_page_by_page_newest_first(world) {
        let office = world.office("one").await;
        let mut conversation = None;
        for n in 0..7 {
            conversation = Some(receive(&office, "34600000001", &n.to_string(), &format!("wamid.{n}")).await.0);
            // Two of each time: the id decides between them.
            world.clock.forward(n % 2);
        }
        let conversation = conversation.unwrap();
        let mut read = office.tenant.read().await.unwrap();
        let whole = message::page_before(&mut read, conversation, None, 50).await.unwrap();
        let mut paged = Vec::new();
        let mut before = None;
        loop {
            let page = message::page_before(&mut read, conversation, before, 3).await.unwrap();
            let Some(last) = page.last() else { break };
            before = Some(Place { at: last.at, id: last.id });
            paged.extend(page.iter().map(|message| message.id));
        }
        assert_eq!(paged, whole.iter().map(|message| message.id).collect::<Vec<_>>());
        assert_eq!(paged.len(), 7);
        assert!(whole.windows(2).all(|pair| (pair[0].at, pair[0].id) > (pair[1].at, pair[1].id)));
    }

    a_list_shows_what_the_scopes_see_newest_first(world) {
        let office = world.office("one").await;
        let mut tx = office.tenant.begin().await.unwrap();
        let hidden_queue = queue::create(&mut tx, "Complaints").await.unwrap();
        tx.commit().await.unwrap();
        let mut ids = Vec::new();
        for n in 0..6 {
            world.clock.forward(10);
            ids.push(receive(&office, &format!("3460000000{n}"), "hi", &format!("wamid.{n}")).await.0);
        }
        let mut tx = office.tenant.begin().await.unwrap();
        for (id, assignee, status) in [
            (ids[0], None, ConversationStatus::Open),
            (ids[1], Some(office.agent), ConversationStatus::Snoozed),
        ] {
            let before = conversation::lock(&mut tx, id).await.unwrap().unwrap();
            let after = Conversation { queue: hidden_queue, assignee, status, ..before };
            conversation::save(&mut tx, &before, &after).await.unwrap();
        }
        let before = conversation::lock(&mut tx, ids[2]).await.unwrap().unwrap();
        let after = Conversation { status: ConversationStatus::Resolved, ..before };
        conversation::save(&mut tx, &before, &after).await.unwrap();
        tx.commit().await.unwrap();

        let mut read = office.tenant.read().await.unwrap();
        let scopes = staff::scopes_of(&mut read, office.agent).await.unwrap();
        let mut seen = Vec::new();
        let mut before = None;
        loop {
            let page = conversation::page(&mut read, &scopes, Stage::Unresolved, before, 2).await.unwrap();
            let Some(last) = page.last() else { break };
            before = Some(Position { at: last.last_message_at, id: last.id });
            seen.extend(page.iter().map(|conversation| conversation.id));
        }
        assert_eq!(seen, [ids[5], ids[4], ids[3], ids[1]], "its queue's and its own, nobody else's");
        let resolved = conversation::page(&mut read, &scopes, Stage::Resolved, None, 9).await.unwrap();
        assert_eq!(resolved.iter().map(|conversation| conversation.id).collect::<Vec<_>>(), [ids[2]]);
        let nothing = conversation::page(&mut read, &[Scope::Tenant], Stage::Unresolved, None, 9).await.unwrap();
        assert!(nothing.is_empty());
    }

    a_raw_event_is_kept_with_its_contact_or_its_account(world) {
        let office = world.office("one").await;
        let json = |text: &str| Sensitive::new(serde_json::json!({ "text": text }));
        let mut tx = office.tenant.begin().await.unwrap();
        let (contact, _) = office.customer(&mut tx, "34600000001").await;
        raw_event::insert(&mut tx, &contact, "message", None, &json("hello")).await.unwrap();
        raw_event::insert_for_account(&mut tx, office.account, "template", &json("approved")).await.unwrap();
        tx.commit().await.unwrap();
        let mut read = office.tenant.read().await.unwrap();
        let kept = raw_event::of_contact(&mut read, contact.id()).await.unwrap();
        assert_eq!(kept, [Sensitive::from("{\"text\":\"hello\"}")]);
        drop(read);
        let mut tx = office.tenant.begin().await.unwrap();
        let cut = tx.now().plus_ms(1);
        assert_eq!(raw_event::forget_before(&mut tx, cut).await.unwrap(), 2);
    }

    a_new_message_is_logged_with_its_conversation(world) {
        let office = world.office("one").await;
        let start = head(&world, &office).await;
        let (conversation, inserted) = receive(&office, "34600000001", "hello", "wamid.1").await;
        let Inserted::New(id) = inserted else { panic!("known") };
        let mut read = office.tenant.read().await.unwrap();
        let page = change::page(&mut read, start, &[Scope::Queue(office.queue)], 500).await.unwrap();
        let lines: Vec<_> = page.changes.iter().map(|change| (change.entity, change.op)).collect();
        assert_eq!(lines, [
            (Entity::conversation(conversation), Op::Scope),
            (Entity::message(id, conversation), Op::Put),
        ]);
    }
}
