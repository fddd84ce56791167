//! WhatsApp out: one reply is one message at the customer, or it is known that nobody knows.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    reason = "functions that tests share are tests too"
)]

mod desk;
mod fake_graph;

use std::sync::Arc;

use deskbell_backend::outgoing::{Checkpoint, Step};
use deskbell_backend::storage::channel_account::{self, AccountStatus};
use deskbell_backend::storage::conversation::Conversation;
use deskbell_backend::storage::message::Message;
use deskbell_domain::{DeliveryStatus, FailureCode, MessageId};
use serde_json::json;
use tokio::sync::Notify;

use desk::*;
use fake_graph::{FakeGraph, Play};

/// A desk that a customer has written to, and Meta.
async fn answering(place: Place) -> (Desk, Conversation, FakeGraph) {
    let desk = Desk::on(place).await;
    desk.takes_in(&[text_of_ada("wamid.in", 0, "Hello")]).await;
    let thread = desk.thread().await;
    (desk, thread, FakeGraph::start().await)
}

async fn message(desk: &Desk, id: MessageId) -> Message {
    let thread = desk.thread().await;
    desk.messages(&thread).await.into_iter().find(|message| message.id == id).unwrap()
}

async fn reaches(desk: &Desk, id: MessageId, status: DeliveryStatus) {
    until(async || message(desk, id).await.status == Some(status)).await;
}

/// Waits until every job has been put back for later.
async fn put_back(desk: &Desk) {
    until(async || desk.db.jobs().counts().await.unwrap().oldest_due > Some(desk.db.now())).await;
}

/// Waits until no job is left that could still do something now.
async fn no_jobs(desk: &Desk) {
    until(async || desk.db.jobs().counts().await.unwrap().waiting == 0).await;
    assert_eq!(desk.db.jobs().counts().await.unwrap().dead, 0);
}

#[tokio::test]
async fn replies_go_out_once_in_their_order_and_bear_our_id() {
    for place in places().await {
        let (desk, thread, graph) = answering(place).await;
        let mut ids = Vec::new();
        for n in 0..5 {
            ids.push(reply(&desk, &thread, &format!("Reply {n}")).await);
        }
        let worker = desk.work(&graph.base_url).await;
        no_jobs(&desk).await;
        worker.stop().await;
        let arrived = graph.at_customer();
        let texts: Vec<_> = arrived.iter().map(|message| message.text.as_str()).collect();
        assert_eq!(texts, ["Reply 0", "Reply 1", "Reply 2", "Reply 3", "Reply 4"], "{}", desk.place.engine);
        for (id, at_customer) in ids.iter().zip(&arrived) {
            assert_eq!(at_customer.callback_data, id.to_string());
            assert_eq!(at_customer.to, format!("+{ADA}"));
            let message = message(&desk, *id).await;
            assert_eq!(message.status, Some(DeliveryStatus::Sent));
            assert_eq!(message.wamid.unwrap().expose(), &at_customer.wamid);
        }
    }
}

#[tokio::test]
async fn a_call_that_timed_out_after_meta_acted_is_uncertain_until_its_status() {
    for play in [Play::ActAndBeSilent, Play::ActAndBreak] {
        for place in places().await {
            let (desk, thread, graph) = answering(place).await;
            graph.next(&[play]);
            let id = reply(&desk, &thread, "Once").await;
            let worker = desk.work(&graph.base_url).await;
            reaches(&desk, id, DeliveryStatus::Uncertain).await;
            no_jobs(&desk).await;
            // However much later, it is not sent again by itself.
            desk.clock.advance(60 * 60 * 1000);
            let after = reply(&desk, &thread, "Another").await;
            reaches(&desk, after, DeliveryStatus::Sent).await;
            worker.stop().await;
            let texts: Vec<_> = graph.at_customer().into_iter().map(|message| message.text).collect();
            assert_eq!(texts, ["Once", "Another"]);
            assert_eq!(message(&desk, id).await.status, Some(DeliveryStatus::Uncertain));

            let wamid = graph.at_customer()[0].wamid.clone();
            desk.takes_in(&[status(&wamid, "delivered", Some(&id.to_string()))]).await;
            let message = message(&desk, id).await;
            assert_eq!(message.status, Some(DeliveryStatus::Delivered), "{} {play:?}", desk.place.engine);
            assert_eq!(message.wamid.unwrap().expose(), &wamid);
        }
    }
}

/// A checkpoint at which the process stands still for ever, and what tells that it was reached.
fn standing_still(at: Step) -> (Checkpoint, Arc<Notify>) {
    let reached = Arc::new(Notify::new());
    let tell = Arc::clone(&reached);
    let checkpoint = Checkpoint::at(move |step, _| {
        let tell = (step == at).then(|| Arc::clone(&tell));
        async move {
            if let Some(tell) = tell {
                tell.notify_one();
                std::future::pending::<()>().await;
            }
        }
    });
    (checkpoint, reached)
}

/// A process dies at this step of its first send, and another takes over.
async fn dying_at(place: Place, step: Step) -> (Desk, FakeGraph, MessageId) {
    let (desk, thread, graph) = answering(place).await;
    let id = reply(&desk, &thread, "Once").await;
    let (checkpoint, reached) = standing_still(step);
    let worker = desk.work_with(&graph.base_url, checkpoint).await;
    reached.notified().await;
    worker.abort().await;
    let desk = desk.restart().await;
    desk.clock.advance(60_000);
    let worker = desk.work(&graph.base_url).await;
    no_jobs(&desk).await;
    worker.stop().await;
    (desk, graph, id)
}

#[tokio::test]
async fn killed_before_the_call_is_recorded_the_reply_goes_out_once() {
    for place in places().await {
        let (desk, graph, id) = dying_at(place, Step::Taken).await;
        assert_eq!(graph.calls(), 1, "{}", desk.place.engine);
        assert_eq!(message(&desk, id).await.status, Some(DeliveryStatus::Sent));
    }
}

#[tokio::test]
async fn killed_between_record_and_call_the_reply_is_uncertain_and_not_sent_again() {
    for place in places().await {
        let (desk, graph, id) = dying_at(place, Step::Recorded).await;
        assert_eq!(graph.calls(), 0, "{}", desk.place.engine);
        assert_eq!(message(&desk, id).await.status, Some(DeliveryStatus::Uncertain));
    }
}

#[tokio::test]
async fn killed_between_answer_and_record_the_reply_is_uncertain_until_its_status() {
    for place in places().await {
        let (desk, graph, id) = dying_at(place, Step::Answered).await;
        assert_eq!(graph.calls(), 1, "{}", desk.place.engine);
        assert_eq!(message(&desk, id).await.status, Some(DeliveryStatus::Uncertain));
        let wamid = graph.at_customer()[0].wamid.clone();
        desk.takes_in(&[status(&wamid, "sent", Some(&id.to_string()))]).await;
        assert_eq!(message(&desk, id).await.status, Some(DeliveryStatus::Sent));
    }
}

#[tokio::test]
async fn a_status_that_comes_before_the_answer_is_not_taken_back_by_it() {
    let (desk, thread, graph) = answering(Place::sqlite()).await;
    let (reached, go_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (tell, wait) = (Arc::clone(&reached), Arc::clone(&go_on));
    let checkpoint = Checkpoint::at(move |step, _| {
        let pair = (step == Step::Answered).then(|| (Arc::clone(&tell), Arc::clone(&wait)));
        async move {
            if let Some((tell, wait)) = pair {
                tell.notify_one();
                wait.notified().await;
            }
        }
    });
    let id = reply(&desk, &thread, "Quick").await;
    let worker = desk.work_with(&graph.base_url, checkpoint).await;
    reached.notified().await;
    let wamid = graph.at_customer()[0].wamid.clone();
    desk.arrives(&status(&wamid, "delivered", Some(&id.to_string()))).await;
    reaches(&desk, id, DeliveryStatus::Delivered).await;
    go_on.notify_one();
    no_jobs(&desk).await;
    worker.stop().await;
    let message = message(&desk, id).await;
    assert_eq!(message.status, Some(DeliveryStatus::Delivered));
    assert_eq!(message.wamid.unwrap().expose(), &wamid);
}

#[tokio::test]
async fn after_the_window_the_reason_says_so() {
    let (desk, thread, graph) = answering(Place::sqlite()).await;
    graph.next(&[Play::Refuse(131_047)]);
    let id = reply(&desk, &thread, "Too late").await;
    let worker = desk.work(&graph.base_url).await;
    reaches(&desk, id, DeliveryStatus::Failed).await;
    no_jobs(&desk).await;
    assert_eq!(worker.probe().read().await.unwrap().sends_failed, 1);
    worker.stop().await;
    assert_eq!(message(&desk, id).await.failure, Some(FailureCode::WindowClosed));
    assert_eq!(graph.calls(), 1);
}

#[tokio::test]
async fn a_token_that_ran_out_stops_the_account_until_it_is_connected_again() {
    for place in places().await {
        let (desk, thread, graph) = answering(place).await;
        graph.next(&[Play::Refuse(190)]);
        let first = reply(&desk, &thread, "First").await;
        let second = reply(&desk, &thread, "Second").await;
        let worker = desk.work(&graph.base_url).await;
        no_jobs(&desk).await;
        for id in [first, second] {
            let message = message(&desk, id).await;
            assert_eq!(message.status, Some(DeliveryStatus::Failed), "{}", desk.place.engine);
            assert_eq!(message.failure, Some(FailureCode::AccountDisconnected));
        }
        assert_eq!(graph.calls(), 1, "no call is made with a token that is known to be dead");
        let mut read = desk.db.tenant(desk.tenant).read().await.unwrap();
        let account = channel_account::by_id(&mut read, desk.account).await.unwrap().unwrap();
        assert_eq!(account.status, AccountStatus::ReauthNeeded);
        drop(read);

        connect(&desk.db, desk.tenant, desk.queue, NUMBER, WABA).await;
        let third = reply(&desk, &thread, "Third").await;
        reaches(&desk, third, DeliveryStatus::Sent).await;
        worker.stop().await;
    }
}

#[tokio::test]
async fn what_was_certainly_not_sent_is_tried_again_until_it_is() {
    let (desk, thread, graph) = answering(Place::sqlite()).await;
    let id = reply(&desk, &thread, "Patience").await;
    // Nobody listens there.
    let worker = desk.work("http://127.0.0.1:9").await;
    put_back(&desk).await;
    worker.stop().await;
    assert_eq!(message(&desk, id).await.status, Some(DeliveryStatus::Queued));
    let worker = desk.work(&graph.base_url).await;
    desk.clock.advance(10_000);
    reaches(&desk, id, DeliveryStatus::Sent).await;
    worker.stop().await;
    assert_eq!(graph.calls(), 1);
}

#[tokio::test]
async fn what_does_not_pass_is_given_up_with_its_reason() {
    let (desk, thread, _) = answering(Place::sqlite()).await;
    let id = reply(&desk, &thread, "Patience").await;
    let worker = desk.work("http://127.0.0.1:9").await;
    put_back(&desk).await;
    desk.clock.advance(61 * 60 * 1000);
    reaches(&desk, id, DeliveryStatus::Failed).await;
    worker.stop().await;
    assert_eq!(message(&desk, id).await.failure, Some(FailureCode::Unavailable));
}

#[tokio::test]
async fn metas_limit_for_a_pair_is_waited_out_longer_and_longer() {
    let (desk, thread, graph) = answering(Place::sqlite()).await;
    graph.next(&[Play::Refuse(131_056), Play::Refuse(131_056), Play::Refuse(131_056)]);
    let id = reply(&desk, &thread, "Slowly").await;
    let worker = desk.work(&graph.base_url).await;
    for (calls, wait_ms) in [(1, 1_000), (2, 4_000), (3, 16_000)] {
        graph.until_calls(calls).await;
        until(async || {
            let due = desk.db.jobs().counts().await.unwrap().oldest_due;
            due == Some(desk.db.now().plus_ms(wait_ms))
        })
        .await;
        assert_eq!(graph.calls(), calls);
        desk.clock.advance(wait_ms);
    }
    reaches(&desk, id, DeliveryStatus::Sent).await;
    worker.stop().await;
    assert_eq!(graph.calls(), 4);
    assert_eq!(graph.at_customer().len(), 1);
}

#[tokio::test]
async fn a_burst_to_one_customer_ends_at_forty_five_and_goes_on_every_six_seconds() {
    let (desk, ada, graph) = answering(Place::sqlite()).await;
    let bo = "15550100002";
    desk.takes_in(&[webhook(&json!({"messages": [message_of(bo, "wamid.bo", 1, "Hello")]}))]).await;
    let threads = desk.threads().await;
    let other = threads.iter().find(|thread| thread.id != ada.id).unwrap();
    for n in 0..47 {
        reply(&desk, &ada, &format!("Reply {n}")).await;
    }
    let went = |to: &str| graph.at_customer().iter().filter(|sent| sent.to == format!("+{to}")).count();
    let worker = desk.work(&graph.base_url).await;
    for (n, burst) in [45, 46].into_iter().enumerate() {
        until(async || went(ADA) == burst).await;
        // A moment before the time: others are written to, this customer is not.
        desk.clock.advance(5_999);
        reply(&desk, other, "To somebody else").await;
        until(async || went(bo) == n + 1).await;
        assert_eq!(went(ADA), burst);
        desk.clock.advance(1);
    }
    no_jobs(&desk).await;
    worker.stop().await;
    assert_eq!(went(ADA), 47);
}

#[tokio::test]
async fn a_temporary_refusal_is_no_failure() {
    let (desk, thread, graph) = answering(Place::sqlite()).await;
    graph.next(&[Play::Refuse(131_016), Play::Refuse(130_429)]);
    let id = reply(&desk, &thread, "Again").await;
    let worker = desk.work(&graph.base_url).await;
    for calls in [1, 2] {
        graph.until_calls(calls).await;
        put_back(&desk).await;
        desk.clock.advance(60_000);
    }
    reaches(&desk, id, DeliveryStatus::Sent).await;
    worker.stop().await;
    assert_eq!(graph.at_customer().len(), 1);
}

#[tokio::test]
async fn while_the_account_pauses_replies_wait() {
    let (desk, thread, graph) = answering(Place::sqlite()).await;
    let set = async |status| {
        let mut tx = desk.db.tenant(desk.tenant).begin().await.unwrap();
        channel_account::set_status(&mut tx, desk.account, status).await.unwrap();
        tx.commit().await.unwrap();
    };
    set(AccountStatus::Paused).await;
    let id = reply(&desk, &thread, "Later").await;
    let worker = desk.work(&graph.base_url).await;
    put_back(&desk).await;
    assert_eq!((graph.calls(), message(&desk, id).await.status), (0, Some(DeliveryStatus::Queued)));
    set(AccountStatus::Connected).await;
    desk.clock.advance(30_000);
    reaches(&desk, id, DeliveryStatus::Sent).await;
    worker.stop().await;
}
