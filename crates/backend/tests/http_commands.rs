//! What users do, and what becomes of it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    reason = "the whole program is a test"
)]

mod common;

use deskbell_backend::storage::contact;
use deskbell_backend::storage::message::{self, StatusNews, StatusTarget};
use deskbell_backend::storage::{channel_account, conversation};
use deskbell_domain::{
    ConversationId, ConversationStatus, DeliveryStatus, MessageId, Role, TEXT_CHARS_MAX, UserId, UtcMs,
    WINDOW_MARGIN_MS, WINDOW_MS,
};
use deskbell_protocol::command::{Act, Command, Outcome, RejectCode, Seen};
use deskbell_protocol::limits::COMMANDS_MAX;
use deskbell_protocol::route;
use serde_json::{Value, json};

use common::console::{Console, command, command_id};
use common::{JOB_KIND, TestBackend, on_each_engine, text_message};

const PHONE: &str = "34600000001";

fn rejected(code: RejectCode) -> Outcome {
    Outcome::Rejected { code: code.into() }
}

fn applied(outcome: Outcome) -> bool {
    matches!(outcome, Outcome::Applied { .. })
}

fn message_id() -> MessageId {
    MessageId::from_bytes(deskbell_seal::random().unwrap())
}

fn send(conversation: ConversationId, text: &str, seen: Seen) -> Command {
    command(Act::SendText { conversation, message: message_id(), text: text.into() }, Some(seen))
}

/// What the console shows of a conversation at this moment.
async fn look(console: &Console, id: ConversationId) -> Seen {
    let (item, body) = console.conversation(id).await.unwrap();
    Seen { version: item.version, assignee: body.assignee, status: body.status }
}

async fn messages(backend: &TestBackend, id: ConversationId) -> Vec<message::Message> {
    message::page_before(&mut backend.data().read().await.unwrap(), id, None, 1_000).await.unwrap()
}

/// A colleague, or the phone of the business, writes to the customer.
async fn answer_of(backend: &TestBackend, id: ConversationId, author: Option<UserId>) -> MessageId {
    let mut tx = backend.data().begin().await.unwrap();
    let now = tx.now();
    let before = conversation::lock(&mut tx, id).await.unwrap().unwrap();
    let person = contact::writable(&mut tx, before.contact).await.unwrap().unwrap();
    let new = message::NewMessage { author, ..text_message(message_id(), now, "On it") };
    message::insert(&mut tx, &person, &before, &new).await.unwrap();
    let after = conversation::Conversation { last_message_at: now, waiting_since: None, ..before };
    conversation::save(&mut tx, &before, &after).await.unwrap();
    tx.commit().await.unwrap();
    new.id
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reply_becomes_a_queued_message_and_one_durable_job() {
    on_each_engine(async |backend| {
        let agent = backend.agent().await;
        let (conversation, _) = backend.customer_writes(PHONE, "Is it still there?").await;
        assert!(backend.conversation(conversation).await.waiting_since.is_some());
        backend.clock.advance(5_000);
        let reply = send(conversation, "It is.", look(&agent, conversation).await);
        assert!(applied(agent.command(&reply).await));

        let Act::SendText { message, .. } = reply.act else { unreachable!() };
        let newest = &messages(backend, conversation).await[0];
        assert_eq!(newest.id, message, "under the id that its author's device made");
        assert_eq!((newest.status, newest.author), (Some(DeliveryStatus::Queued), agent.user));
        let after = backend.conversation(conversation).await;
        assert_eq!(after.assignee, None, "answering takes nothing from anybody");
        assert_eq!((after.waiting_since, after.last_message_at), (None, newest.at));

        let jobs = backend.db().jobs().lease(&[JOB_KIND], 10, 1).await.unwrap();
        assert_eq!(jobs.len(), 1);
        let ids = json!({ "message": message, "conversation": conversation });
        assert_eq!(jobs[0].args, ids, "and nothing but ids");
        backend.clock.advance(10);
        assert_eq!(backend.take_send_jobs().await, 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_sent_twice_is_carried_out_once_and_answered_alike() {
    on_each_engine(async |backend| {
        let agent = backend.agent().await;
        let (conversation, _) = backend.customer_writes(PHONE, "hello").await;
        let reply = send(conversation, "hi", look(&agent, conversation).await);
        let first = agent.command(&reply).await;
        assert!(applied(first));
        backend.customer_writes(PHONE, "more").await;
        assert_eq!(agent.command(&reply).await, first);
        // Two copies at once: one carries it out, both are told the same.
        let reply = send(conversation, "again", look(&agent, conversation).await);
        let (one, other) = tokio::join!(agent.command(&reply), agent.command(&reply));
        assert!(applied(one) && one == other, "{one:?} {other:?}");
        assert_eq!(messages(backend, conversation).await.len(), 4);
        assert_eq!(backend.take_send_jobs().await, 1, "one lane: the second waits for the first");
        assert_eq!(backend.take_send_jobs().await, 1);

        // A refusal is final too.
        let late = send(
            conversation,
            "x",
            Seen { version: deskbell_protocol::sync::Seq(0), ..look(&agent, conversation).await },
        );
        answer_of(backend, conversation, None).await;
        let refused = agent.command(&late).await;
        assert_eq!(refused, rejected(RejectCode::ContextChanged));
        assert_eq!(agent.command(&late).await, refused);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_id_is_for_one_command_of_one_user() {
    on_each_engine(async |backend| {
        let (ana, bob) = (backend.agent().await, backend.agent().await);
        let (conversation, _) = backend.customer_writes(PHONE, "hello").await;
        let claim = command(Act::Claim { conversation }, None);
        assert!(applied(ana.command(&claim).await));
        let other_body = Command { act: Act::Resolve { conversation }, ..claim.clone() };
        assert_eq!(ana.command(&other_body).await, rejected(RejectCode::CommandIdReused));
        assert_eq!(bob.command(&claim).await, rejected(RejectCode::CommandIdReused));
        assert_eq!(backend.conversation(conversation).await.status, ConversationStatus::Open);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_customer_may_be_written_to_for_a_day_after_their_last_message() {
    on_each_engine(async |backend| {
        let member = backend.member(Role::Agent, &[backend.sales]).await;
        let (conversation, _) = backend.customer_writes(PHONE, "hello").await;
        backend.clock.advance(WINDOW_MS - WINDOW_MARGIN_MS - 1);
        let agent = backend.signed_in_as(&member).await;
        let seen = look(&agent, conversation).await;
        assert!(applied(agent.command(&send(conversation, "in time", seen)).await));
        backend.take_send_jobs().await;
        backend.clock.advance(1);
        let late = send(conversation, "too late", look(&agent, conversation).await);
        assert_eq!(agent.command(&late).await, rejected(RejectCode::WindowClosed));
        backend.customer_writes(PHONE, "hello again").await;
        let seen = look(&agent, conversation).await;
        assert!(applied(agent.command(&send(conversation, "in time again", seen)).await));
        backend.take_send_jobs().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_its_author_could_not_know_stops_a_reply() {
    on_each_engine(async |backend| {
        let (ana, bob) = (backend.agent().await, backend.agent().await);
        let changes: [(&str, bool); 7] = [
            ("a colleague answered", true),
            ("the business answered on its phone", true),
            ("it went to a colleague", true),
            ("a colleague resolved it", true),
            ("its author answered on another device", false),
            ("its author took it", false),
            ("the customer wrote more", false),
        ];
        for (n, (what, stops)) in changes.into_iter().enumerate() {
            let phone = format!("3460000010{n}");
            let (id, _) = backend.customer_writes(&phone, "hello").await;
            let reply = send(id, "hi", look(&ana, id).await);
            match n {
                0 => drop(answer_of(backend, id, bob.user).await),
                1 => drop(answer_of(backend, id, None).await),
                2 => backend.change(id, |conversation| conversation.assignee = bob.user).await,
                3 => {
                    backend
                        .change(id, |conversation| conversation.status = ConversationStatus::Resolved)
                        .await
                }
                4 => drop(answer_of(backend, id, ana.user).await),
                5 => backend.change(id, |conversation| conversation.assignee = ana.user).await,
                _ => drop(backend.customer_writes(&phone, "and another thing").await),
            }
            let outcome = ana.command(&reply).await;
            if stops {
                assert_eq!(outcome, rejected(RejectCode::ContextChanged), "{what}");
                // Whoever has seen it may answer all the same.
                let again = send(id, "hi", look(&ana, id).await);
                assert!(applied(ana.command(&again).await), "{what}");
            } else {
                assert!(applied(outcome), "{what}: {outcome:?}");
            }
        }
        assert_eq!(backend.take_send_jobs().await, 7);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receipt_for_a_colleague_s_older_answer_is_no_answer() {
    on_each_engine(async |backend| {
        let (ana, bob) = (backend.agent().await, backend.agent().await);
        let (conversation, _) = backend.customer_writes(PHONE, "hello").await;
        let answer = answer_of(backend, conversation, bob.user).await;
        let reply = send(conversation, "and also", look(&ana, conversation).await);
        let mut tx = backend.data().begin().await.unwrap();
        let news = StatusNews { status: DeliveryStatus::Read, at: tx.now(), failure: None };
        let moved = message::advance_status(&mut tx, StatusTarget::Message(answer), &news).await.unwrap();
        assert!(moved.is_some());
        tx.commit().await.unwrap();
        assert!(applied(ana.command(&reply).await));
        backend.take_send_jobs().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_user_does_not_see_is_not_there() {
    on_each_engine(async |backend| {
        let agent = backend.agent().await;
        let (theirs, _) = backend
            .customer_writes_to(backend.tenant, backend.account, backend.service, PHONE, "hello")
            .await;
        let seen = Seen {
            version: deskbell_protocol::sync::Seq(1_000),
            assignee: None,
            status: ConversationStatus::Open.into(),
        };
        let nowhere = ConversationId::from_bytes([7; 16]);
        for conversation in [theirs, nowhere] {
            let commands = [
                send(conversation, "hi", seen),
                command(Act::MarkRead { conversation, through: UtcMs::from_ms(1) }, None),
                command(Act::Claim { conversation }, None),
                command(Act::Release { conversation }, None),
                command(Act::Resolve { conversation }, None),
                command(Act::Reopen { conversation }, None),
            ];
            for outcome in agent.commands(&commands).await {
                assert_eq!(outcome, rejected(RejectCode::NotFound));
            }
        }
        assert_eq!(messages(backend, theirs).await.len(), 1);
        // A right that was lost since the sign-in is lost.
        let (mine, _) = backend.customer_writes("34600000002", "hello").await;
        backend.change(mine, |conversation| conversation.queue = backend.service).await;
        assert_eq!(
            agent.command(&command(Act::Claim { conversation: mine }, None)).await,
            rejected(RejectCode::NotFound)
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_who_claim_one_wins_and_the_other_is_told() {
    on_each_engine(async |backend| {
        let (ana, bob) = (backend.agent().await, backend.agent().await);
        for n in 0..5 {
            let (conversation, _) = backend.customer_writes(&format!("3460000000{n}"), "hello").await;
            let claims =
                [command(Act::Claim { conversation }, None), command(Act::Claim { conversation }, None)];
            let (one, other) = tokio::join!(ana.command(&claims[0]), bob.command(&claims[1]));
            let winner = backend.conversation(conversation).await.assignee;
            let (won, lost) = if winner == ana.user { (one, other) } else { (other, one) };
            assert!(winner == ana.user || winner == bob.user);
            assert!(applied(won), "{won:?}");
            assert_eq!(lost, rejected(RejectCode::TakenByOther));
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conversation_is_claimed_released_resolved_and_opened_again() {
    on_each_engine(async |backend| {
        let (ana, bob) = (backend.agent().await, backend.agent().await);
        let (conversation, _) = backend.customer_writes(PHONE, "hello").await;
        let does = async |console: &Console, act: Act| console.command(&command(act, None)).await;
        assert!(applied(does(&ana, Act::Claim { conversation }).await));
        assert!(applied(does(&ana, Act::Claim { conversation }).await), "what is mine stays mine");
        assert_eq!(does(&bob, Act::Release { conversation }).await, rejected(RejectCode::TakenByOther));
        assert!(applied(does(&ana, Act::Resolve { conversation }).await));
        let resolved = backend.conversation(conversation).await;
        assert_eq!((resolved.status, resolved.assignee), (ConversationStatus::Resolved, ana.user));
        assert_eq!(resolved.waiting_since, None);
        assert!(applied(does(&bob, Act::Reopen { conversation }).await));
        assert!(applied(does(&ana, Act::Release { conversation }).await));
        let free = backend.conversation(conversation).await;
        assert_eq!((free.status, free.assignee), (ConversationStatus::Open, None));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_mark_moves_forward_and_not_beyond_what_was_written() {
    on_each_engine(async |backend| {
        let agent = backend.agent().await;
        let (conversation, _) = backend.customer_writes(PHONE, "hello").await;
        let written = backend.conversation(conversation).await.last_message_at;
        let mark = async |through: i64| {
            let act = Act::MarkRead { conversation, through: UtcMs::from_ms(through) };
            assert!(applied(agent.command(&command(act, None)).await));
            let items = agent.snapshot().await.into_iter().flat_map(|page| page.items);
            let mark = items.into_iter().find(|item| common::console::is(item, "read_mark")).unwrap();
            mark.body.unwrap()["through"].as_i64().unwrap()
        };
        assert_eq!(mark(written.as_ms() - 10).await, written.as_ms() - 10);
        assert_eq!(mark(written.as_ms() - 20).await, written.as_ms() - 10, "never back");
        assert_eq!(mark(i64::MAX).await, written.as_ms(), "a wrong clock reads nothing ahead");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_cannot_send_refuses_replies() {
    on_each_engine(async |backend| {
        let agent = backend.agent().await;
        let (conversation, _) = backend.customer_writes(PHONE, "hello").await;
        let mut tx = backend.data().begin().await.unwrap();
        channel_account::disconnect(&mut tx, backend.account).await.unwrap();
        tx.commit().await.unwrap();
        let reply = send(conversation, "hi", look(&agent, conversation).await);
        assert_eq!(agent.command(&reply).await, rejected(RejectCode::AccountDisconnected));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_this_version_does_not_know_is_refused_and_the_rest_is_done() {
    on_each_engine(async |backend| {
        let agent = backend.agent().await;
        let (conversation, _) = backend.customer_writes(PHONE, "hello").await;
        let seen = look(&agent, conversation).await;
        let unknown =
            json!({ "id": command_id(), "created_at": 1, "act": "praise", "conversation": conversation });
        let request = json!({ "commands": [
            unknown,
            send(conversation, "", seen),
            send(conversation, &"x".repeat(TEXT_CHARS_MAX + 1), seen),
            command(Act::SendText { conversation, message: message_id(), text: "unseen".into() }, None),
            command(Act::Claim { conversation }, None),
        ] });
        let response: Value = agent.post(route::COMMANDS, &request).await.ok();
        let outcome = |n: usize| &response["results"][n];
        for n in 0..4 {
            assert_eq!(outcome(n)["code"], "bad_command", "{n}");
        }
        assert_eq!(outcome(0)["id"], request["commands"][0]["id"]);
        assert_eq!(outcome(4)["status"], "applied");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_id_is_used_once() {
    on_each_engine(async |backend| {
        let agent = backend.agent().await;
        let (conversation, inbound) = backend.customer_writes(PHONE, "hello").await;
        let act = Act::SendText { conversation, message: inbound, text: "over it".into() };
        let seen = look(&agent, conversation).await;
        assert_eq!(agent.command(&command(act, Some(seen))).await, rejected(RejectCode::BadCommand));
        assert_eq!(messages(backend, conversation).await.len(), 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_is_too_long_or_names_no_command_does_nothing() {
    on_each_engine(async |backend| {
        let agent = backend.agent().await;
        let (conversation, _) = backend.customer_writes(PHONE, "hello").await;
        let claim = command(Act::Claim { conversation }, None);
        for request in [
            json!({ "commands": vec![claim.clone(); COMMANDS_MAX + 1] }),
            json!({ "commands": [claim, { "act": "claim", "conversation": conversation }] }),
            json!({ "commands": 7 }),
        ] {
            let answer = agent.post(route::COMMANDS, &request).await;
            assert_eq!((answer.status, answer.problem().as_str()), (400, "bad_request"));
        }
        assert_eq!(backend.conversation(conversation).await.assignee, None);
    })
    .await;
}
