//! Sessions: signing in, renewing, signing out, and what ends them.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    reason = "the whole program is a test"
)]

mod common;

use deskbell_backend::auth::AttemptLimits;
use deskbell_backend::auth::attempts::Limit;
use deskbell_backend::serve::ServeSettings;
use deskbell_backend::setup;
use deskbell_backend::storage::staff::{self, UserStatus};
use deskbell_domain::{Role, TenantId};
use deskbell_protocol::limits::{ACCESS_TOKEN_MS, REFRESH_REPEAT_MS};
use deskbell_protocol::route;
use deskbell_protocol::session::RefreshResponse;
use reqwest::Method;
use serde_json::{Value, json};

use common::console::{Console, refresh_id};
use common::engine::Engine;
use common::{PASSWORD, TestBackend, no_limits, on_each_engine};

/// Whether the console's access token holds.
async fn holds(console: &Console) -> bool {
    let answer = console.post(route::HELLO, &common::console::hello(None)).await;
    assert!([200, 401].contains(&answer.status), "{}", answer.text);
    answer.status == 200
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_signs_in_and_is_told_who_they_are() {
    on_each_engine(async |backend| {
        let member = backend.member(Role::Agent, &[backend.sales]).await;
        let mut console = backend.console();
        let session = console.sign_in(&member.email, PASSWORD).await;
        assert_eq!(session.tenant, backend.tenant);
        assert_eq!(session.tenant_name.expose(), "Harbour Motors");
        assert_eq!((session.user, session.device), (member.user, console.device));
        assert_eq!(session.role.known(), Some(Role::Agent));
        assert_eq!(session.access.expires_at.since(session.server_time), ACCESS_TOKEN_MS);
        assert!(holds(&console).await);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_an_unknown_user_and_a_suspended_one_get_the_same_answer_and_the_same_work() {
    on_each_engine(async |backend| {
        let member = backend.member(Role::Agent, &[]).await;
        let suspended = backend.member(Role::Agent, &[]).await;
        let mut tx = backend.data().begin().await.unwrap();
        staff::set_status(&mut tx, suspended.user, UserStatus::Suspended).await.unwrap();
        tx.commit().await.unwrap();

        let cases = [
            (&member.email, "a wrong password"),
            (&"nobody@x.example".to_owned(), PASSWORD),
            (&suspended.email, PASSWORD),
        ];
        let mut answers = Vec::new();
        for (email, password) in cases {
            let before = backend.backend.passwords().compared();
            let answer = backend.console().try_sign_in(email, password).await;
            assert_eq!(
                backend.backend.passwords().compared() - before,
                1,
                "one password is hashed, whoever asks"
            );
            assert_eq!((answer.status, answer.problem().as_str()), (401, "wrong_credentials"));
            let mut document = answer.json();
            document.as_object_mut().unwrap().remove("request_id");
            answers.push(document);
        }
        assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn attempts_on_one_address_are_limited_whether_or_not_it_is_somebody_s() {
    let few = Limit { burst: 2, per_ms: 20_000 };
    let settings =
        ServeSettings { attempts: AttemptLimits { email: few, ..no_limits() }, ..ServeSettings::default() };
    let backend = TestBackend::start_with(Engine::Sqlite, settings).await;
    let member = backend.member(Role::Agent, &[]).await;
    for email in [member.email.as_str(), "nobody@x.example"] {
        for _ in 0..2 {
            assert_eq!(backend.console().try_sign_in(email, "wrong").await.problem(), "wrong_credentials");
        }
        let before = backend.backend.passwords().compared();
        let answer = backend.console().try_sign_in(email, PASSWORD).await;
        assert_eq!((answer.status, answer.problem().as_str()), (429, "too_many_requests"));
        assert_eq!(answer.json()["retry_after_ms"], 10_000);
        assert_eq!(answer.headers["retry-after"], "10");
        assert_eq!(backend.backend.passwords().compared(), before, "a refused attempt costs nothing");
    }
    backend.clock.advance(10_000);
    for _ in 0..5 {
        assert_eq!(
            backend.console().try_sign_in(&member.email, PASSWORD).await.status,
            200,
            "success is given back"
        );
    }
    backend.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_finds_both_turns_taken_is_told_to_come_back() {
    let backend = TestBackend::start(Engine::Sqlite).await;
    let member = backend.member(Role::Agent, &[]).await;
    let turns = backend.backend.passwords().turns().acquire_many(2).await.unwrap();
    let answer = backend.console().try_sign_in(&member.email, PASSWORD).await;
    assert_eq!((answer.status, answer.problem().as_str()), (503, "busy"));
    drop(turns);
    assert_eq!(backend.console().try_sign_in(&member.email, PASSWORD).await.status, 200);
    backend.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_access_token_ends_after_fifteen_minutes_and_is_renewed() {
    on_each_engine(async |backend| {
        let mut console = backend.agent().await;
        backend.clock.advance(ACCESS_TOKEN_MS - 1);
        assert!(holds(&console).await);
        backend.clock.advance(1);
        assert!(!holds(&console).await);
        let (before, access) = (console.refresh.clone(), console.access.clone());
        console.refresh(refresh_id(1)).await;
        assert_ne!((&console.refresh, &console.access), (&before, &access));
        assert!(holds(&console).await);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_answer_to_a_renewal_that_was_lost_is_given_again() {
    on_each_engine(async |backend| {
        let mut console = backend.agent().await;
        let old = console.refresh.clone();
        let lost: RefreshResponse = console.try_refresh(&old, refresh_id(1)).await.ok();
        backend.clock.advance(REFRESH_REPEAT_MS - 1);
        let again: RefreshResponse = console.try_refresh(&old, refresh_id(1)).await.ok();
        assert_eq!(again.refresh_token, lost.refresh_token, "the same successor");
        console.access = again.access.token.into_exposed();
        assert!(holds(&console).await);
        console.refresh = again.refresh_token.into_exposed();
        console.refresh(refresh_id(2)).await;
        assert!(holds(&console).await, "still signed in");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_token_that_comes_back_in_another_way_revokes_the_device() {
    on_each_engine(async |backend| {
        // A thief uses a token that its owner has used: another request.
        let mut console = backend.agent().await;
        let stolen = console.refresh.clone();
        console.refresh(refresh_id(1)).await;
        assert!(holds(&console).await);
        let answer = console.try_refresh(&stolen, refresh_id(9)).await;
        assert_eq!((answer.status, answer.problem().as_str()), (401, "device_revoked"));
        assert!(!holds(&console).await, "the device is shut out at once");
        let answer = console.try_refresh(&console.refresh, refresh_id(2)).await;
        assert_eq!(answer.status, 401);

        // The same request, but the successor was used and the minute is over.
        let mut console = backend.agent().await;
        let old = console.refresh.clone();
        console.refresh(refresh_id(1)).await;
        assert!(holds(&console).await);
        backend.clock.advance(REFRESH_REPEAT_MS + 1);
        let answer = console.try_refresh(&old, refresh_id(1)).await;
        assert_eq!(answer.problem(), "device_revoked");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn signing_out_ends_the_device_s_tokens_and_nobody_else_s() {
    on_each_engine(async |backend| {
        let member = backend.member(Role::Agent, &[]).await;
        let (laptop, desktop) = (backend.signed_in_as(&member).await, backend.signed_in_as(&member).await);
        assert_eq!(laptop.call::<()>(Method::DELETE, route::SESSION, None).await.status, 200);
        assert!(!holds(&laptop).await);
        assert_eq!(laptop.try_refresh(&laptop.refresh, refresh_id(1)).await.status, 401);
        assert!(holds(&desktop).await);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_password_role_or_status_ends_all_sessions_at_once() {
    on_each_engine(async |backend| {
        for change in ["password", "role", "status"] {
            let member = backend.member(Role::Agent, &[]).await;
            let consoles = [backend.signed_in_as(&member).await, backend.signed_in_as(&member).await];
            if change == "password" {
                setup::set_password(backend.db(), backend.tenant, member.user, "another harbour".into())
                    .await
                    .unwrap();
            } else {
                let mut tx = backend.data().begin().await.unwrap();
                if change == "role" {
                    staff::set_role(&mut tx, member.user, Role::Manager).await.unwrap();
                } else {
                    staff::set_status(&mut tx, member.user, UserStatus::Suspended).await.unwrap();
                }
                tx.commit().await.unwrap();
            }
            for console in consoles {
                assert!(!holds(&console).await, "{change}");
                assert_eq!(
                    console.try_refresh(&console.refresh, refresh_id(1)).await.status,
                    401,
                    "{change}"
                );
            }
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_signs_in_again_as_itself_and_never_as_another_user_s() {
    on_each_engine(async |backend| {
        let (ana, eve) = (backend.member(Role::Agent, &[]).await, backend.member(Role::Agent, &[]).await);
        let mut first = backend.signed_in_as(&ana).await;
        let before = first.clone();
        first.sign_in(&ana.email, PASSWORD).await;
        assert!(holds(&first).await);
        assert!(!holds(&before).await, "what was left of the last session is over");

        let mut thief = backend.console();
        thief.device = first.device;
        let answer = thief.try_sign_in(&eve.email, PASSWORD).await;
        assert_eq!(answer.problem(), "bad_request");
        assert!(holds(&first).await, "and its owner is not signed out");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_token_of_this_backend_in_the_header_lets_in() {
    on_each_engine(async |backend| {
        let console = backend.agent().await;
        let mut stranger = backend.console();
        let addresses = [
            format!("{}?access_token={}", route::SNAPSHOT, console.access),
            format!("{}?token={}", route::LIVE, console.access),
        ];
        for address in addresses {
            let answer = stranger.get(&address).await;
            assert_eq!((answer.status, answer.problem().as_str()), (401, "unauthorized"));
            assert_eq!(answer.headers["www-authenticate"], "Bearer");
        }
        // The same secret under another tenant's name, under that of none, and what is no token at all.
        let other = common::new_tenant(backend.db(), "Another").await;
        for tenant in [other, TenantId::from_bytes([9; 16])] {
            use base64::Engine as _;
            let base64 = base64::engine::general_purpose::URL_SAFE_NO_PAD;
            let mut bytes = base64.decode(&console.access).unwrap();
            bytes[..16].copy_from_slice(tenant.as_bytes());
            stranger.access = base64.encode(bytes);
            assert!(!holds(&stranger).await);
        }
        for nonsense in ["x", "ÿ", &console.refresh] {
            stranger.access = nonsense.to_owned();
            assert!(!holds(&stranger).await, "{nonsense}");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_no_console_sends_is_refused_before_any_work() {
    let backend = TestBackend::start(Engine::Sqlite).await;
    let console = backend.console();
    let member = backend.member(Role::Agent, &[]).await;
    let request = |change: &dyn Fn(&mut Value)| {
        let mut request = json!(console.sign_in_request(&member.email, PASSWORD));
        change(&mut request);
        request
    };
    let bad = [
        request(&|request| request["device"]["public_key"] = json!("short")),
        request(&|request| request["device"]["name"] = json!("x".repeat(300))),
        request(&|request| request["email"] = json!("x".repeat(300))),
        request(&|request| request["password"] = json!("x".repeat(2_000))),
        request(&|request| request["device"]["id"] = json!("7")),
        json!([1]),
    ];
    let before = backend.backend.passwords().compared();
    for body in bad {
        let answer = console.post(route::SESSION, &body).await;
        assert_eq!((answer.status, answer.problem().as_str()), (400, "bad_request"), "{body}");
    }
    let answer = console.post(route::SESSION, &json!({ "email": "x".repeat(20_000) })).await;
    assert_eq!((answer.status, answer.problem().as_str()), (413, "too_large"));
    assert_eq!(backend.backend.passwords().compared(), before);
    backend.finish().await;
}
