//! The socket: news as it becomes, and the end of a session.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    reason = "the whole program is a test"
)]

mod common;

use std::time::Duration;

use deskbell_backend::serve::ServeSettings;
use deskbell_backend::storage::contact::{self, Alias, Profile};
use deskbell_backend::storage::staff::{self, UserStatus};
use deskbell_backend::storage::{conversation, message};
use deskbell_domain::{MessageId, PhoneNumber, Role};
use deskbell_protocol::limits::{ACCESS_TOKEN_MS, FRAME_BYTES_MAX};
use deskbell_protocol::route;
use deskbell_protocol::socket::{ClientMessage, RevokeReason, ServerMessage};
use deskbell_protocol::sync::{Frame, ResyncReason};
use reqwest::Method;
use tokio_tungstenite::tungstenite;

use common::console::is;
use common::engine::Engine;
use common::live::Live;
use common::{TestBackend, no_limits, on_each_engine, text_message};

async fn frame(live: &mut Live) -> Frame {
    match live.news().await {
        Some(ServerMessage::Frame(frame)) => frame,
        other => panic!("no frame: {other:?}"),
    }
}

/// Messages of 4,000 characters in one transaction.
async fn burst(backend: &TestBackend, phone: &str, count: usize) {
    let alias = Alias::Phone(PhoneNumber::parse(phone).unwrap());
    let mut tx = backend.data().begin().await.unwrap();
    let now = tx.now();
    let person = contact::find_or_create(&mut tx, &[alias], &Profile::default()).await.unwrap();
    let of =
        conversation::find_or_create(&mut tx, &person, backend.account, backend.sales, now).await.unwrap();
    for _ in 0..count {
        let id = MessageId::new(now, deskbell_seal::random().unwrap());
        message::insert(&mut tx, &person, &of, &text_message(id, now, &"z".repeat(4_000))).await.unwrap();
    }
    tx.commit().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn news_arrives_as_a_frame_that_follows_the_one_before() {
    on_each_engine(async |backend| {
        let agent = backend.agent().await;
        let cursor = agent.cursor().await;
        let (mut live, hello) = Live::greet(&agent, Some(&cursor)).await;
        assert_eq!(hello.resync, None);
        let mut place = hello.head;
        for text in ["one", "two", "three"] {
            let (_, id) = backend.customer_writes("34600000001", text).await;
            let frame = frame(&mut live).await;
            assert_eq!(frame.from, place);
            assert!(frame.items.iter().any(|item| item.id.as_bytes() == id.as_bytes()), "{text}");
            place = frame.to;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_happened_before_the_hello_comes_first() {
    on_each_engine(async |backend| {
        let agent = backend.agent().await;
        let cursor = agent.cursor().await;
        let (_, id) = backend.customer_writes("34600000001", "while you were away").await;
        let (mut live, hello) = Live::greet(&agent, Some(&cursor)).await;
        let frame = frame(&mut live).await;
        assert!(frame.from < hello.head && frame.to == hello.head);
        assert!(frame.items.iter().any(|item| item.id.as_bytes() == id.as_bytes()));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_others_see_makes_no_frame_and_no_gap() {
    on_each_engine(async |backend| {
        let agent = backend.agent().await;
        let (mut live, hello) = Live::greet(&agent, Some(&agent.cursor().await)).await;
        for _ in 0..3 {
            backend
                .customer_writes_to(
                    backend.tenant,
                    backend.account,
                    backend.service,
                    "34600000002",
                    "not yours",
                )
                .await;
        }
        backend.customer_writes("34600000001", "yours").await;
        let frame = frame(&mut live).await;
        assert_eq!(frame.from, hello.head, "the stretch of the others is covered");
        assert!(!serde_json::to_string(&frame).unwrap().contains("not yours"));
        assert_eq!(frame.items.iter().filter(|item| is(item, "conversation")).count(), 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_without_a_cursor_is_told_to_begin_again_and_hears_what_follows() {
    on_each_engine(async |backend| {
        let agent = backend.agent().await;
        let (mut live, hello) = Live::greet(&agent, None).await;
        assert_eq!(hello.resync.and_then(|reason| reason.known()), Some(ResyncReason::NoCursor));
        backend.customer_writes("34600000001", "hello").await;
        assert_eq!(frame(&mut live).await.from, hello.head);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn news_too_large_for_a_frame_is_announced_and_pulled() {
    on_each_engine(async |backend| {
        let agent = backend.agent().await;
        let cursor = agent.cursor().await;
        let (mut live, _) = Live::greet(&agent, Some(&cursor)).await;
        burst(backend, "34600000001", 30).await;
        let Some(ServerMessage::Head { seq }) = live.news().await else { panic!("no head") };
        let pulled = agent.changes(&cursor).await;
        assert_eq!(pulled.to, seq);
        assert!(serde_json::to_string(&pulled).unwrap().len() > FRAME_BYTES_MAX);
        backend.customer_writes("34600000001", "short").await;
        assert_eq!(frame(&mut live).await.from, seq, "and frames go on from there");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_socket_opens_for_a_valid_token_alone() {
    on_each_engine(async |backend| {
        let mut console = backend.agent().await;
        let status = |error| match error {
            tungstenite::Error::Http(response) => response.status().as_u16(),
            other => panic!("{other}"),
        };
        let mut stranger = backend.console();
        assert_eq!(status(Live::connect(&stranger).await.err().unwrap()), 401);
        stranger.access = "nonsense".to_owned();
        assert_eq!(status(Live::connect(&stranger).await.err().unwrap()), 401);
        backend.clock.advance(ACCESS_TOKEN_MS);
        assert_eq!(status(Live::connect(&console).await.err().unwrap()), 401);
        console.refresh(common::console::refresh_id(1)).await;
        Live::greet(&console, None).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_says_anything_before_hello_is_not_listened_to() {
    let backend = TestBackend::start(Engine::Sqlite).await;
    let agent = backend.agent().await;
    for first in ["{\"type\":\"pong\"}", "nonsense", "{\"type\":\"subscribe\"}"] {
        let mut live = Live::connect(&agent).await.unwrap();
        live.say_text(first).await;
        assert_eq!(live.next().await, None, "{first}");
    }
    // Once it has said hello, a newer console may say what this version does not know.
    let (mut live, _) = Live::greet(&agent, None).await;
    live.say_text("{\"type\":\"typing\"}").await;
    backend.customer_writes("34600000001", "hello").await;
    frame(&mut live).await;
    backend.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_ends_closes_its_sockets_at_once_and_says_why() {
    on_each_engine(async |backend| {
        for expected in [
            RevokeReason::DeviceRevoked,
            RevokeReason::UserInactive,
            RevokeReason::RightsChanged,
            RevokeReason::TokenExpired,
        ] {
            let member = backend.member(Role::Agent, &[backend.sales]).await;
            let console = backend.signed_in_as(&member).await;
            let (mut live, _) = Live::greet(&console, Some(&console.cursor().await)).await;
            match expected {
                RevokeReason::DeviceRevoked => {
                    console.call::<()>(Method::DELETE, route::SESSION, None).await;
                }
                RevokeReason::UserInactive => {
                    let mut tx = backend.data().begin().await.unwrap();
                    staff::set_status(&mut tx, member.user, UserStatus::Suspended).await.unwrap();
                    tx.commit().await.unwrap();
                }
                RevokeReason::RightsChanged => {
                    let mut tx = backend.data().begin().await.unwrap();
                    staff::set_queues(&mut tx, member.user, &[backend.service]).await.unwrap();
                    tx.commit().await.unwrap();
                }
                RevokeReason::TokenExpired => {
                    backend.clock.advance(ACCESS_TOKEN_MS);
                    // The next frame is not sent with a token that is over.
                    backend.customer_writes("34600000001", "too late").await;
                }
            }
            let Some(ServerMessage::Revoke { reason }) = live.news().await else { panic!("{expected:?}") };
            assert_eq!(reason.known(), Some(expected));
            assert_eq!(live.next().await, None, "and it closes");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_sent_to_a_device_that_was_shut_out() {
    on_each_engine(async |backend| {
        let member = backend.member(Role::Agent, &[backend.sales]).await;
        let console = backend.signed_in_as(&member).await;
        let (mut live, _) = Live::greet(&console, Some(&console.cursor().await)).await;
        // One transaction shuts the device out and another brings news right behind it.
        let mut tx = backend.data().begin().await.unwrap();
        staff::set_status(&mut tx, member.user, UserStatus::Suspended).await.unwrap();
        tx.commit().await.unwrap();
        backend.customer_writes("34600000001", "after that").await;
        assert!(matches!(live.news().await, Some(ServerMessage::Revoke { .. })));
        assert_eq!(live.next().await, None);
    })
    .await;
}

/// Settings under which a test need not wait a minute.
fn quick() -> ServeSettings {
    ServeSettings {
        attempts: no_limits(),
        ping: Duration::from_millis(100),
        dead: Duration::from_millis(1_500),
        ..ServeSettings::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_console_is_cut_off_and_one_that_answers_is_not() {
    let backend = TestBackend::start_with(Engine::Sqlite, quick()).await;
    let agent = backend.agent().await;
    let (mut silent, _) = Live::greet(&agent, None).await;
    let (mut answering, _) = Live::greet(&agent, None).await;
    let mut pings = 0;
    while let Some(message) = silent.next().await {
        assert_eq!(message, ServerMessage::Ping);
        pings += 1;
        assert_eq!(answering.next().await, Some(ServerMessage::Ping));
        answering.say(&ClientMessage::Pong).await;
    }
    assert!(pings >= 2, "{pings}");
    backend.customer_writes("34600000001", "still there?").await;
    frame(&mut answering).await;
    backend.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ping_looks_at_the_session_and_takes_the_place_forward() {
    let backend = TestBackend::start_with(Engine::Sqlite, quick()).await;
    let agent = backend.agent().await;
    let (mut live, hello) = Live::greet(&agent, Some(&agent.cursor().await)).await;
    backend
        .customer_writes_to(backend.tenant, backend.account, backend.service, "34600000002", "not yours")
        .await;
    let quiet = frame(&mut live).await;
    assert!(quiet.items.is_empty() && quiet.from == hello.head && quiet.to > quiet.from);
    // Nothing moves in the log: the ping finds it out.
    backend.clock.advance(ACCESS_TOKEN_MS);
    let Some(ServerMessage::Revoke { reason }) = live.news().await else { panic!("no revoke") };
    assert_eq!(reason.known(), Some(RevokeReason::TokenExpired));
    backend.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_console_that_is_too_slow_is_told_to_pull_and_misses_nothing() {
    let backend = TestBackend::start_narrow(Engine::Sqlite).await;
    let agent = backend.agent().await;
    backend.customer_writes("34600000001", "hello").await;
    let mut cursor = agent.cursor().await;
    let (mut slow, hello) = Live::greet_slowly(&agent, Some(&cursor)).await;
    let (mut quick, _) = Live::greet(&agent, Some(&cursor)).await;
    // More than the queue holds, while the slow console reads nothing.
    for _ in 0..100 {
        burst(&backend, "34600000001", 5).await;
        assert!(matches!(quick.news().await, Some(ServerMessage::Frame(_) | ServerMessage::Head { .. })));
    }
    let mut place = hello.head;
    let lagging = loop {
        match slow.news().await {
            Some(ServerMessage::Frame(frame)) => {
                assert_eq!(frame.from, place);
                place = frame.to;
            }
            Some(ServerMessage::Head { seq }) => place = seq,
            Some(ServerMessage::Resync { reason }) => break reason,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(lagging.known(), Some(ResyncReason::Lagging));
    let mut messages = 0;
    loop {
        let frame = agent.changes(&cursor).await;
        messages += frame.items.iter().filter(|item| is(item, "message")).count();
        cursor = frame.cursor;
        if !frame.more {
            break;
        }
    }
    assert_eq!(messages, 500);
    backend.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn stopping_the_backend_closes_its_sockets() {
    let backend = TestBackend::start(Engine::Sqlite).await;
    let agent = backend.agent().await;
    let (mut live, _) = Live::greet(&agent, None).await;
    backend.finish().await;
    assert_eq!(live.next().await, None);
}
