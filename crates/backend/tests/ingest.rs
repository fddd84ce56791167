//! WhatsApp in: what Meta sends is there once, for the right tenant, whatever happens on the way.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    reason = "functions that tests share are tests too"
)]

mod desk;

use std::collections::BTreeSet;

use deskbell_backend::ingest::{Delivery, Gate, Refused};
use deskbell_backend::storage::channel_account::{self, AccountStatus};
use deskbell_backend::storage::directory::{NewMetaApp, Route};
use deskbell_backend::storage::{contact, conversation, message};
use deskbell_domain::{
    ChannelAccountId, ConversationStatus, DeliveryStatus, Direction, FailureCode, MessageKind, Origin,
    Sensitive, UtcMs,
};
use deskbell_meta::signature;
use deskbell_meta::webhook::{Event, EventKind, split};
use serde_json::{Value, json};

use desk::*;

fn at(after_s: i64) -> UtcMs {
    UtcMs::from_ms((START + after_s) * 1000)
}

#[tokio::test]
async fn a_webhook_that_is_not_meta_s_is_refused_recorded_and_changes_nothing() {
    for place in places().await {
        let desk = Desk::on(place).await;
        let good = text_of_ada("wamid.1", 0, "Hello").to_string().into_bytes();
        let signed = signature::sign(&good, &SECRET.into());

        // Forged: another secret, a changed byte, no signature.
        let other = signature::sign(&good, &"another secret".into());
        let mut changed = good.clone();
        changed[40] ^= 1;
        for (body, header) in
            [(&good, Some(other.as_str())), (&changed, Some(signed.as_str())), (&good, None)]
        {
            let refused = desk.deliver_signed(body, header).await.unwrap_err();
            assert_eq!(refused.problem().status(), 401, "{}", desk.place.engine);
        }
        // Truncated, though signed.
        let refused = desk.deliver(&good[..good.len() - 5]).await.unwrap_err();
        assert_eq!(refused.problem().status(), 400);
        // Too large, though signed.
        let large = vec![b' '; 3 * 1024 * 1024 + 1];
        assert_eq!(desk.deliver(&large).await.unwrap_err().problem().status(), 413);
        desk.gate.too_large(APP, None, None).await;

        let counts = desk.db.arrivals().counts().await.unwrap();
        assert_eq!((counts.rejected, counts.staged), (6, 0), "{}", desk.place.engine);
        desk.catch_up().await;
        assert_eq!(desk.threads().await, []);

        // Control: the same body with its own signature is taken.
        desk.deliver_signed(&good, Some(&signed)).await.unwrap();
        desk.catch_up().await;
        assert_eq!(desk.texts().await, ["Hello"]);
    }
}

#[tokio::test]
async fn an_app_that_is_not_known_gets_no_answer_about_secrets() {
    let desk = Desk::on(Place::sqlite()).await;
    let delivery =
        Delivery { app: "stranger", signature: None, body: bytes::Bytes::from_static(b"{}"), sender: None };
    let refused = desk.gate.accept(delivery).await.unwrap_err();
    assert_eq!(refused.problem().status(), 404);
    assert_eq!(desk.db.arrivals().counts().await.unwrap().rejected, 1);
}

#[tokio::test]
async fn while_a_secret_is_replaced_both_are_good_and_then_only_the_new_one() {
    let desk = Desk::on(Place::sqlite()).await;
    let app = |secret: &str, previous: Option<&str>| NewMetaApp {
        app: APP.to_owned(),
        secret: secret.into(),
        previous_secret: previous.map(Sensitive::from),
        verify_token: VERIFY.into(),
    };
    let body = text_of_ada("wamid.1", 0, "Hello").to_string().into_bytes();
    let signed = |secret: &str| signature::sign(&body, &secret.into());

    desk.db.directory().put_meta_app(&app("new", Some(SECRET))).await.unwrap();
    desk.deliver_signed(&body, Some(&signed("new"))).await.unwrap();
    desk.deliver_signed(&body, Some(&signed(SECRET))).await.unwrap();

    desk.db.directory().put_meta_app(&app("new", None)).await.unwrap();
    desk.clock.advance(5_000);
    assert!(desk.deliver_signed(&body, Some(&signed(SECRET))).await.is_err());
    desk.deliver_signed(&body, Some(&signed("new"))).await.unwrap();
}

#[tokio::test]
async fn the_subscription_is_verified_by_the_agreed_token_alone() {
    let desk = Desk::on(Place::sqlite()).await;
    let verify = async |app: &str, mode: &str, token: &str| {
        desk.gate.verify(app, Some(mode), Some(token), Some("1158201444")).await
    };
    assert_eq!(verify(APP, "subscribe", VERIFY).await.unwrap(), "1158201444");
    assert!(matches!(verify(APP, "subscribe", "another").await, Err(Refused::BadToken)));
    assert!(matches!(verify(APP, "unsubscribe", VERIFY).await, Err(Refused::BadToken)));
    assert!(matches!(verify("stranger", "subscribe", VERIFY).await, Err(Refused::UnknownApp)));
}

#[tokio::test]
async fn more_than_can_wait_is_asked_to_come_back() {
    let desk = Desk::on(Place::sqlite()).await;
    let gate = Gate::with_backlog(desk.db.clone(), 2);
    let deliver = async |wamid: &str| {
        let body = bytes::Bytes::from(text_of_ada(wamid, 1, "Hello").to_string());
        let signature = signature::sign(&body, &SECRET.into());
        let delivery = Delivery { app: APP, signature: Some(&signature), body, sender: None };
        let taken = gate.accept(delivery).await;
        // How much waits is looked at once a second.
        desk.clock.advance(1_000);
        taken.map_err(|refused| refused.problem().status())
    };
    assert_eq!(deliver("wamid.1").await, Ok(()));
    assert_eq!(deliver("wamid.2").await, Ok(()));
    assert_eq!(deliver("wamid.3").await, Err(503));
    desk.catch_up().await;
    // Meta sends it again.
    assert_eq!(deliver("wamid.3").await, Ok(()));
    desk.catch_up().await;
    assert_eq!(desk.texts().await.len(), 3);
}

#[tokio::test]
async fn a_customers_message_opens_a_thread_and_its_window() {
    for place in places().await {
        let desk = Desk::on(place).await;
        desk.takes_in(&[text_of_ada("wamid.1", 5, "Hello")]).await;
        let thread = desk.thread().await;
        assert_eq!(thread.status, ConversationStatus::Open);
        assert_eq!((thread.account, thread.queue), (desk.account, desk.queue));
        assert_eq!(thread.last_customer_message_at, Some(at(5)), "Meta's clock decides");
        assert_eq!(thread.waiting_since, Some(at(5)));
        assert_eq!(thread.last_message_at, at(5));

        let [message] = &desk.messages(&thread).await[..] else { panic!("one message") };
        assert_eq!((message.kind, message.direction), (MessageKind::Text, Direction::Inbound));
        assert_eq!((message.origin, message.at), (Origin::Customer, at(5)));
        assert_eq!(text(message).as_deref(), Some("Hello"));

        let mut read = desk.db.tenant(desk.tenant).read().await.unwrap();
        let [card] = &contact::cards(&mut read, &[thread.contact]).await.unwrap()[..] else { panic!() };
        assert_eq!(card.name, Some("Ada".into()));
        assert_eq!(card.phone.as_ref().unwrap().expose(), ADA);
        drop(read);
        let raw = desk.raw_events(&thread).await;
        assert_eq!(raw.len(), 1);
        assert_eq!(raw[0]["entry"][0]["changes"][0]["value"]["messages"][0]["id"], "wamid.1");
    }
}

#[tokio::test]
async fn repeated_reordered_and_batched_messages_are_there_once() {
    for place in places().await {
        let desk = Desk::on(place).await;
        let one = |n: i64| text_of_ada(&format!("wamid.{n}"), n, &format!("Message {n}"));
        let batch: Vec<Value> =
            (0..300).map(|n| message_of(ADA, &format!("wamid.{n}"), n, &format!("Message {n}"))).collect();
        let batch =
            webhook(&json!({"contacts": [{"profile": {"name": "Ada"}, "wa_id": ADA}], "messages": batch}));
        // The end first, repeated; then all in one body, more than a transaction holds; then single ones again.
        desk.takes_in(&[one(299), one(298), one(299), batch.clone()]).await;
        desk.takes_in(&[batch, one(7), one(0)]).await;
        let expected: Vec<String> = (0..300).map(|n| format!("Message {n}")).collect();
        assert_eq!(desk.texts().await, expected, "{}", desk.place.engine);
        let thread = desk.thread().await;
        assert_eq!(thread.last_customer_message_at, Some(at(299)));
        assert_eq!(desk.raw_events(&thread).await.len(), 300);
        let counts = desk.db.arrivals().counts().await.unwrap();
        assert_eq!((counts.staged, counts.quarantined), (0, 0));
    }
}

#[tokio::test]
async fn a_message_that_bears_no_id_is_there_once_too() {
    let desk = Desk::on(Place::sqlite()).await;
    let mut message = message_of(ADA, "", 3, "No id");
    message.as_object_mut().unwrap().remove("id");
    let body = webhook(&json!({"messages": [message]}));
    desk.takes_in(&[body.clone(), body]).await;
    assert_eq!(desk.texts().await, ["No id"]);
}

#[tokio::test]
async fn one_body_for_two_tenants_gives_each_its_own() {
    for place in places().await {
        let desk = Desk::on(place).await;
        let (other, _, other_queue) = tenant(&desk.db, "200000000000002", "300000000000003").await;
        let body = json!({"object": "whatsapp_business_account", "entry": [
            {"id": WABA, "changes": [change(NUMBER, &ada_writes("wamid.1", 1, "For the first"))]},
            {"id": "300000000000003", "changes": [
                change("200000000000002", &ada_writes("wamid.2", 2, "For the second"))]},
        ]});
        desk.takes_in(&[body]).await;
        assert_eq!(desk.texts().await, ["For the first"]);
        let [theirs] = &threads(&desk.db, other, other_queue).await[..] else { panic!("one thread") };
        let theirs = messages(&desk.db, other, theirs).await;
        assert_eq!(theirs.iter().filter_map(text).collect::<Vec<_>>(), ["For the second"]);
    }
}

#[tokio::test]
async fn what_cannot_be_split_or_routed_is_put_aside_and_harms_nothing_else() {
    for place in places().await {
        let desk = Desk::on(place).await;
        let mixed = body_of(
            WABA,
            &[
                change(NUMBER, &ada_writes("wamid.1", 1, "Mine")),
                change("999999999999999", &ada_writes("wamid.2", 2, "Nobody's")),
            ],
        );
        let nobody = webhook(
            &json!({"messages": [{"id": "wamid.3", "type": "text", "text": {"body": "From whom?"}}]}),
        );
        desk.takes_in(&[
            json!({"no": "entry"}),
            json!([1, 2]),
            mixed,
            nobody,
            text_of_ada("wamid.4", 4, "Also mine"),
        ])
        .await;
        assert_eq!(desk.texts().await, ["Mine", "Also mine"], "{}", desk.place.engine);
        let counts = desk.db.arrivals().counts().await.unwrap();
        assert_eq!((counts.staged, counts.quarantined), (0, 4), "{}", desk.place.engine);
    }
}

#[tokio::test]
async fn what_is_not_known_is_shown_as_unsupported_and_kept_raw() {
    let desk = Desk::on(Place::sqlite()).await;
    let message = |wamid: &str, kind: &str, after_s: i64| {
        json!({"from": ADA, "id": wamid, "timestamp": (START + after_s).to_string(), "type": kind,
               kind: {"secret_field": 41}})
    };
    desk.takes_in(&[
        webhook(&json!({"messages": [message("wamid.1", "hologram", 1)]})),
        webhook(&json!({"messages": [message("wamid.2", "edit", 2), message("wamid.3", "revoke", 3)]})),
        webhook(&json!({"telepathy": [{"from": ADA}]})),
    ])
    .await;
    let thread = desk.thread().await;
    let messages = desk.messages(&thread).await;
    assert!(messages.iter().all(|message| message.kind == MessageKind::Unsupported));
    let words: Vec<_> = messages.iter().filter_map(|message| content(message).unsupported_type).collect();
    assert_eq!(words, ["hologram", "edit", "revoke"]);
    let raw = desk.raw_events(&thread).await;
    let kept = |event: &Value| {
        event["entry"][0]["changes"][0]["value"]["messages"][0]["hologram"]["secret_field"] == 41
    };
    assert_eq!((raw.len(), raw.iter().filter(|event| kept(event)).count()), (3, 1));
    assert_eq!(desk.db.arrivals().counts().await.unwrap().quarantined, 0);
    // Only the first is something that the customer said.
    assert_eq!(thread.last_customer_message_at, Some(at(1)));
}

#[tokio::test]
async fn a_quoted_message_is_known_by_our_own_id() {
    let desk = Desk::on(Place::sqlite()).await;
    let mut answer = message_of(ADA, "wamid.2", 2, "That one");
    answer["context"] = json!({"from": BUSINESS, "id": "wamid.1"});
    desk.takes_in(&[text_of_ada("wamid.1", 1, "First")]).await;
    desk.takes_in(&[webhook(&json!({"messages": [answer]}))]).await;
    let messages = desk.messages(&desk.thread().await).await;
    assert_eq!(content(&messages[1]).about, Some(messages[0].id));
}

#[tokio::test]
async fn a_resolved_thread_is_opened_by_words_and_not_by_a_thumb() {
    let desk = Desk::on(Place::sqlite()).await;
    desk.takes_in(&[text_of_ada("wamid.1", 1, "Hello")]).await;
    let before = desk.thread().await;
    let mut tx = desk.db.tenant(desk.tenant).begin().await.unwrap();
    let resolved =
        conversation::Conversation { status: ConversationStatus::Resolved, waiting_since: None, ..before };
    conversation::save(&mut tx, &before, &resolved).await.unwrap();
    tx.commit().await.unwrap();

    let thumb = json!({"from": ADA, "id": "wamid.2", "timestamp": (START + 2).to_string(), "type": "reaction",
        "reaction": {"message_id": "wamid.1", "emoji": "👍"}});
    desk.takes_in(&[webhook(&json!({"messages": [thumb]}))]).await;
    let thread = desk.thread().await;
    assert_eq!((thread.status, thread.waiting_since), (ConversationStatus::Resolved, None));
    assert_eq!(thread.last_customer_message_at, Some(at(2)));

    desk.takes_in(&[text_of_ada("wamid.3", 3, "One more thing")]).await;
    let thread = desk.thread().await;
    assert_eq!((thread.status, thread.waiting_since), (ConversationStatus::Open, Some(at(3))));
}

#[tokio::test]
async fn what_the_business_wrote_on_its_phone_answers_and_opens_no_window() {
    let desk = Desk::on(Place::sqlite()).await;
    let echo = |wamid: &str, after_s: i64| {
        let message = json!({"from": BUSINESS, "to": ADA, "id": wamid, "type": "text",
            "timestamp": (START + after_s).to_string(), "text": {"body": "From the phone"}});
        let mut change = change(NUMBER, &json!({"message_echoes": [message]}));
        change["field"] = "smb_message_echoes".into();
        body_of(WABA, &[change])
    };
    desk.takes_in(&[echo("wamid.1", 1)]).await;
    let thread = desk.thread().await;
    assert_eq!((thread.last_customer_message_at, thread.waiting_since), (None, None));

    desk.takes_in(&[text_of_ada("wamid.2", 2, "Thanks")]).await;
    assert_eq!(desk.thread().await.waiting_since, Some(at(2)));
    desk.takes_in(&[echo("wamid.3", 3), echo("wamid.3", 3)]).await;
    let thread = desk.thread().await;
    assert_eq!((thread.last_customer_message_at, thread.waiting_since), (Some(at(2)), None));
    let messages = desk.messages(&thread).await;
    let echoed: Vec<_> = messages.iter().filter(|message| message.origin == Origin::Phone).collect();
    assert_eq!(echoed.len(), 2);
    assert!(echoed.iter().all(|message| message.direction == Direction::Outbound));
}

#[tokio::test]
async fn history_fills_a_thread_and_asks_for_nothing() {
    let desk = Desk::on(Place::sqlite()).await;
    let said = |from: &str, wamid: &str, before_s: i64| {
        json!({"from": from, "to": if from == ADA { BUSINESS } else { ADA }, "id": wamid, "type": "text",
               "timestamp": (START - before_s).to_string(), "text": {"body": wamid},
               "history_context": {"status": "READ"}})
    };
    let part = json!({"metadata": {"phase": 0, "chunk_order": 1, "progress": 55}, "threads": [
        {"id": ADA, "messages": [said(BUSINESS, "wamid.2", 100), said(ADA, "wamid.1", 200)]}]});
    let mut change = change(NUMBER, &json!({"history": [part]}));
    change["field"] = "history".into();
    let body = body_of(WABA, &[change]);
    desk.takes_in(&[body.clone(), body]).await;
    let thread = desk.thread().await;
    assert_eq!(thread.status, ConversationStatus::Resolved);
    assert_eq!((thread.last_customer_message_at, thread.waiting_since), (None, None));
    assert_eq!(thread.last_message_at, at(-100));
    let messages = desk.messages(&thread).await;
    let seen: Vec<_> = messages.iter().map(|m| (text(m).unwrap(), m.direction, m.origin, m.status)).collect();
    assert_eq!(
        seen,
        [
            ("wamid.1".to_owned(), Direction::Inbound, Origin::History, None),
            ("wamid.2".to_owned(), Direction::Outbound, Origin::History, Some(DeliveryStatus::Read)),
        ]
    );

    // The same customer writes: now it is a live thread.
    desk.takes_in(&[text_of_ada("wamid.3", 1, "Again")]).await;
    let thread = desk.thread().await;
    assert_eq!((thread.status, thread.waiting_since), (ConversationStatus::Open, Some(at(1))));
}

#[tokio::test]
async fn a_customer_is_one_contact_by_user_id_and_by_number() {
    let desk = Desk::on(Place::sqlite()).await;
    let by_id = |wamid: &str, contact: Value, from: Value| {
        let mut message = json!({"id": wamid, "timestamp": START.to_string(), "type": "text",
            "from_user_id": "US.13491208655302741918", "text": {"body": "Hi"}});
        if !from.is_null() {
            message["from"] = from;
        }
        webhook(&json!({"contacts": [contact], "messages": [message]}))
    };
    let nameless =
        json!({"profile": {"name": "Sheena", "username": "@sheena"}, "user_id": "US.13491208655302741918"});
    let full = json!({"profile": {"name": "Sheena"}, "user_id": "US.13491208655302741918", "wa_id": ADA});
    desk.takes_in(&[by_id("wamid.1", nameless, Value::Null)]).await;
    desk.takes_in(&[by_id("wamid.2", full, ADA.into())]).await;
    desk.takes_in(&[text_of_ada("wamid.3", 9, "By number alone")]).await;
    let thread = desk.thread().await;
    assert_eq!(desk.messages(&thread).await.len(), 3);
    let mut read = desk.db.tenant(desk.tenant).read().await.unwrap();
    let [card] = &contact::cards(&mut read, &[thread.contact]).await.unwrap()[..] else { panic!() };
    assert_eq!(card.username, Some("sheena".into()));
}

#[tokio::test]
async fn an_account_that_meta_takes_away_loses_its_token_and_one_that_pauses_keeps_it() {
    for place in places().await {
        let desk = Desk::on(place).await;
        let event = |event: &str| {
            let value = json!({"event": event, "phone_number": BUSINESS, "waba_info": {"waba_id": WABA}});
            json!({"object": "whatsapp_business_account", "entry": [{"id": WABA, "time": START,
                "changes": [{"field": "account_update", "value": value}]}]})
        };
        let account = async || {
            let mut read = desk.db.tenant(desk.tenant).read().await.unwrap();
            channel_account::by_id(&mut read, desk.account).await.unwrap().unwrap()
        };
        desk.takes_in(&[event("ACCOUNT_OFFBOARDED")]).await;
        let paused = account().await;
        assert_eq!(paused.status, AccountStatus::Paused, "{}", desk.place.engine);
        assert!(paused.token.is_some());
        desk.takes_in(&[event("ACCOUNT_RECONNECTED")]).await;
        assert_eq!(account().await.status, AccountStatus::Connected);
        desk.takes_in(&[event("PARTNER_REMOVED")]).await;
        let gone = account().await;
        assert_eq!(gone.status, AccountStatus::Disconnected);
        assert!(gone.token.is_none());
        // What comes later does not bring it back, and harms nothing.
        desk.takes_in(&[event("PARTNER_REMOVED"), event("ACCOUNT_RECONNECTED")]).await;
        assert_eq!(account().await.status, AccountStatus::Disconnected);
        assert_eq!(desk.db.arrivals().counts().await.unwrap().quarantined, 0);
    }
}

#[tokio::test]
async fn a_body_whose_processor_died_is_taken_up_by_the_next() {
    for place in places().await {
        let desk = Desk::on(place).await;
        desk.arrives(&text_of_ada("wamid.1", 1, "Hello")).await;
        // A process takes it up and dies before anything is in.
        assert_eq!(desk.db.arrivals().lease(10, 30_000).await.unwrap().len(), 1);
        let desk = desk.restart().await;
        desk.clock.advance(30_001);
        desk.catch_up().await;
        assert_eq!(desk.texts().await, ["Hello"], "{}", desk.place.engine);

        // A process dies after everything is in and before the body is deleted.
        desk.arrives(&text_of_ada("wamid.1", 1, "Hello")).await;
        desk.catch_up().await;
        assert_eq!(desk.texts().await, ["Hello"], "{}", desk.place.engine);
    }
}

#[tokio::test]
async fn killed_again_and_again_while_it_works_everything_is_there_once() {
    for place in places().await {
        let mut desk = Desk::on(place).await;
        let expected: BTreeSet<String> = (0..200).map(|n| format!("Message {n}")).collect();
        for n in 0..200 {
            desk.arrives(&text_of_ada(&format!("wamid.{n}"), n, &format!("Message {n}"))).await;
        }
        let mut kills = 0_u32;
        loop {
            let worker = desk.work("http://127.0.0.1:9").await;
            let before = desk.db.arrivals().counts().await.unwrap().staged;
            if before == 0 {
                worker.stop().await;
                break;
            }
            // Each life twice as long as the one before, so that early and late steps are met and the end is reached.
            tokio::time::sleep(std::time::Duration::from_millis(5 << kills.min(12))).await;
            worker.abort().await;
            kills += 1;
            desk = desk.restart().await;
            desk.clock.advance(30_001);
        }
        assert!(kills > 1, "it was killed while it worked");
        let texts = desk.texts().await;
        assert_eq!(texts.len(), expected.len(), "{}", desk.place.engine);
        assert_eq!(texts.into_iter().collect::<BTreeSet<_>>(), expected);
        assert_eq!(desk.raw_events(&desk.thread().await).await.len(), expected.len());
        assert_eq!(desk.db.arrivals().counts().await.unwrap().quarantined, 0);
    }
}

#[tokio::test]
async fn an_event_that_cannot_go_in_keeps_no_other_out() {
    for place in places().await {
        let desk = Desk::on(place).await;
        // A route that leads to an account that is not there.
        let ghost = Route { tenant: desk.tenant, account: ChannelAccountId::from_bytes([7; 16]) };
        desk.db.directory().add_phone_number("555000555", WABA, ghost).await.unwrap();
        let mut bodies: Vec<Value> = (0..9).map(|n| text_of_ada(&format!("wamid.{n}"), n, "Good")).collect();
        bodies.insert(4, body_of(WABA, &[change("555000555", &ada_writes("wamid.x", 1, "Bad"))]));
        desk.takes_in(&bodies).await;
        assert_eq!(desk.texts().await, ["Good"; 9], "{}", desk.place.engine);
        let counts = desk.db.arrivals().counts().await.unwrap();
        assert_eq!((counts.staged, counts.quarantined), (0, 1), "{}", desk.place.engine);
    }
}

#[tokio::test]
async fn statuses_of_messages_that_others_sent_are_kept_with_their_customer() {
    let desk = Desk::on(Place::sqlite()).await;
    desk.takes_in(&[text_of_ada("wamid.1", 1, "Hello"), status("wamid.foreign", "delivered", None)]).await;
    let thread = desk.thread().await;
    assert_eq!(desk.messages(&thread).await.len(), 1);
    assert_eq!(desk.raw_events(&thread).await.len(), 2);
}

#[tokio::test]
async fn statuses_move_forward_in_whatever_order_they_come() {
    for place in places().await {
        let desk = Desk::on(place).await;
        desk.takes_in(&[text_of_ada("wamid.0", 0, "Hello")]).await;
        let orders: [&[&str]; 4] = [
            &["sent", "delivered", "read"],
            &["read", "delivered", "sent"],
            &["delivered", "sent", "read", "delivered"],
            &["failed", "read"],
        ];
        for (n, order) in orders.iter().enumerate() {
            let wamid = format!("wamid.out.{n}");
            let thread = desk.thread().await;
            let id = insert_reply(&desk, &thread, &format!("Reply {n}"), Some(&wamid)).await;
            let bodies: Vec<Value> = order.iter().map(|word| status(&wamid, word, None)).collect();
            desk.takes_in(&bodies).await;
            let messages = desk.messages(&thread).await;
            let message = messages.iter().find(|message| message.id == id).unwrap();
            assert_eq!(message.status, Some(DeliveryStatus::Read), "{} {order:?}", desk.place.engine);
            assert_eq!(message.failure, None, "{order:?}");
        }
    }
}

#[tokio::test]
async fn a_failure_that_comes_later_has_its_reason() {
    let desk = Desk::on(Place::sqlite()).await;
    desk.takes_in(&[text_of_ada("wamid.0", 0, "Hello")]).await;
    let thread = desk.thread().await;
    let id = insert_reply(&desk, &thread, "Too late", Some("wamid.out")).await;
    let mut failed = status("wamid.out", "failed", None);
    failed["entry"][0]["changes"][0]["value"]["statuses"][0]["errors"] =
        json!([{"code": 131047, "title": "Re-engagement message"}]);
    desk.takes_in(&[status("wamid.out", "sent", None), failed]).await;
    let messages = desk.messages(&thread).await;
    let message = messages.iter().find(|message| message.id == id).unwrap();
    assert_eq!(message.status, Some(DeliveryStatus::Failed));
    assert_eq!(message.failure, Some(FailureCode::WindowClosed));
}

#[tokio::test]
async fn all_of_metas_own_samples_go_in_without_loss() {
    let Some(samples) = meta_samples() else { return };
    assert_eq!(samples.len(), 88);
    for place in places().await {
        let desk = Desk::on(place).await;
        // Every number and business account that the samples name is connected. Some name none.
        let mut numbers = BTreeSet::new();
        let mut nameless = 0;
        for (_, body) in &samples {
            let targets: Vec<_> = split(body).unwrap().into_iter().map(|event| target_of(&event)).collect();
            nameless += usize::from(targets.iter().any(Option::is_none));
            numbers.extend(targets.into_iter().flatten());
        }
        for (number, waba) in numbers {
            connect(&desk.db, desk.tenant, desk.queue, &number, &waba).await;
        }
        for (_, body) in &samples {
            desk.deliver(body).await.unwrap();
        }
        desk.catch_up().await;
        // What names nobody's account is put aside, and nothing else is.
        let counts = desk.db.arrivals().counts().await.unwrap();
        assert_eq!((counts.staged, counts.quarantined), (0, nameless as i64), "{}", desk.place.engine);

        let mut shown = 0;
        let mut read = desk.db.tenant(desk.tenant).read().await.unwrap();
        for (file, body) in &samples {
            for event in split(body).unwrap() {
                let message = match &event.kind {
                    EventKind::Message(message) if message.group_id.is_none() => message,
                    EventKind::Echo(echo) => &echo.message,
                    _ => continue,
                };
                let (Some(wamid), Some(_)) = (&message.id, target_of(&event)) else { continue };
                let found = message::by_wamid(&mut read, wamid).await.unwrap();
                assert!(found.is_some(), "{}: {file}", desk.place.engine);
                shown += 1;
            }
        }
        drop(read);
        assert!(shown >= 30, "{shown} messages");

        // Once more: nothing is new.
        let before = total(&desk).await;
        for (_, body) in &samples {
            desk.deliver(body).await.unwrap();
        }
        desk.catch_up().await;
        assert_eq!(total(&desk).await, before);
    }
}

/// The number and business account to connect so that an event finds its tenant.
fn target_of(event: &Event) -> Option<(String, String)> {
    let digits = |id: &Option<String>| id.clone().filter(|id| id.bytes().all(|byte| byte.is_ascii_digit()));
    match (digits(&event.target.phone_number_id), digits(&event.target.waba_id)) {
        (Some(number), waba) => Some((number, waba.unwrap_or_else(|| WABA.to_owned()))),
        (None, Some(waba)) => Some((format!("77{waba}"), waba)),
        (None, None) => None,
    }
}

async fn total(desk: &Desk) -> usize {
    let mut total = 0;
    for thread in desk.threads().await {
        total += desk.messages(&thread).await.len();
    }
    total
}
