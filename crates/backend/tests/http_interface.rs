//! The interface as a whole: the table of routes, who may use what, the document, errors, headers.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    reason = "the whole program is a test"
)]

mod common;

use std::collections::BTreeSet;

use deskbell_backend::http::openapi::document;
use deskbell_backend::http::{Needs, ROUTES};
use deskbell_domain::{ConversationStatus, MessageId, Permission, Role, UtcMs};
use deskbell_protocol::command::{Act, Outcome, RejectCode, Seen};
use deskbell_protocol::route;
use deskbell_protocol::sync::Seq;
use reqwest::Method;
use serde_json::json;

use common::console::{Console, command};
use common::engine::Engine;
use common::{TestBackend, on_each_engine};

fn method(word: &str) -> Method {
    word.parse().unwrap()
}

/// A body that the route understands, as far as it has one.
fn body(name: &str) -> serde_json::Value {
    match name {
        "hello" => json!(common::console::hello(None)),
        "commands" => json!({ "commands": [] }),
        _ => json!({}),
    }
}

async fn call(console: &Console, route: &deskbell_backend::http::Route) -> common::console::Answer {
    let path = route.path.replace("{app}", "main");
    match route.body {
        Some(_) => console.call(method(route.verb.as_str()), &path, Some(&body(route.name))).await,
        None => console.get_or_delete(route.verb.as_str(), &path).await,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_route_lets_in_whom_the_table_says_and_nobody_else() {
    on_each_engine(async |backend| {
        let stranger = backend.console();
        for route in ROUTES {
            let answer = call(&stranger, route).await;
            let open = route.needs == Needs::Nothing;
            assert_eq!(answer.status == 401 && answer.problem() == "unauthorized", !open, "{}", route.name);
        }
        for role in Role::ALL {
            // The last route that a session is used on ends it.
            let mut routes: Vec<_> = ROUTES.iter().filter(|route| route.needs != Needs::Nothing).collect();
            routes.sort_by_key(|route| route.name == "sign_out");
            let console = backend.signed_in(role, &[backend.sales]).await;
            for route in routes {
                let answer = call(&console, route).await;
                assert_ne!(answer.status, 401, "{role:?} {}", route.name);
                let refused = answer.status == 403;
                let expected = match route.needs {
                    Needs::Permission(permission) => !role.may(permission),
                    Needs::Session | Needs::Nothing => false,
                };
                assert_eq!(refused, expected, "{role:?} {}", route.name);
            }
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_act_is_done_by_the_roles_that_have_its_permission_and_refused_to_others() {
    on_each_engine(async |backend| {
        for role in Role::ALL {
            let console = backend.signed_in(role, &[backend.sales]).await;
            let (conversation, _) =
                backend.customer_writes(&format!("3460000000{}", role as u8), "Hello").await;
            let seen =
                Seen { version: Seq(u64::MAX >> 1), assignee: None, status: ConversationStatus::Open.into() };
            let acts = [
                (Permission::ReadConversations, Act::MarkRead { conversation, through: UtcMs::from_ms(1) }),
                (Permission::WorkConversations, Act::Claim { conversation }),
                (Permission::WorkConversations, Act::Release { conversation }),
                (Permission::WorkConversations, Act::Resolve { conversation }),
                (Permission::WorkConversations, Act::Reopen { conversation }),
                (
                    Permission::Reply,
                    Act::SendText {
                        conversation,
                        message: MessageId::from_bytes(deskbell_seal::random().unwrap()),
                        text: "Hi".into(),
                    },
                ),
            ];
            for (permission, act) in acts {
                let word = format!("{role:?} {permission:?}");
                let outcome = console.command(&command(act, Some(seen))).await;
                if role.may(permission) {
                    assert!(matches!(outcome, Outcome::Applied { .. }), "{word}: {outcome:?}");
                } else {
                    assert_eq!(outcome, Outcome::Rejected { code: RejectCode::Forbidden.into() }, "{word}");
                }
            }
        }
        backend.take_send_jobs().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_tenant_s_ids_and_tokens_name_nothing_here() {
    on_each_engine(async |backend| {
        let other = common::new_tenant(backend.db(), "Another").await;
        let queue = deskbell_backend::setup::create_queue(backend.db(), other, "Sales").await.unwrap();
        let account = common::number(backend.db(), other, queue, "206540352242922").await;
        let mut theirs = None;
        for n in 0..30 {
            let text = format!("secret of the other {n}");
            theirs = Some(backend.customer_writes_to(other, account, queue, "34611111111", &text).await.0);
        }
        let conversation = theirs.unwrap();
        let member = backend.member_of(other, Role::Agent, &[queue]).await;
        let colleague = backend.signed_in_as(&member).await;
        let their_pages = colleague.snapshot().await;
        let their_history = their_pages.iter().flat_map(|page| &page.history).next().unwrap();

        let agent = backend.signed_in(Role::Administrator, &[backend.sales, backend.service]).await;
        for act in [
            Act::Claim { conversation },
            Act::Resolve { conversation },
            Act::MarkRead { conversation, through: UtcMs::from_ms(1) },
        ] {
            let outcome = agent.command(&command(act, None)).await;
            assert_eq!(outcome, Outcome::Rejected { code: RejectCode::NotFound.into() });
        }
        let answers = [
            agent.try_changes(&their_pages[0].cursor).await,
            agent.try_page(route::SNAPSHOT, their_pages[0].next.as_ref()).await,
            agent.try_page(route::HISTORY, their_history.older.as_ref()).await,
        ];
        for answer in answers {
            assert_eq!((answer.status, answer.problem().as_str()), (409, "epoch_changed"));
        }
        let mine = format!("{:?}", agent.snapshot().await);
        assert!(!mine.contains(&conversation.to_string()) && !mine.contains("secret of the other"));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_document_names_every_route_of_the_router_and_no_other() {
    let backend = TestBackend::start(Engine::Sqlite).await;
    let document = document();
    let documented: BTreeSet<(String, String)> = document["paths"]
        .as_object()
        .unwrap()
        .iter()
        .flat_map(|(path, operations)| {
            operations.as_object().unwrap().keys().map(|verb| (path.clone(), verb.to_uppercase()))
        })
        .collect();
    let paths: BTreeSet<&str> = documented.iter().map(|(path, _)| path.as_str()).collect();
    let known = [
        route::SESSION,
        route::SESSION_REFRESH,
        route::HELLO,
        route::CHANGES,
        route::SNAPSHOT,
        route::HISTORY,
        route::LIVE,
        route::COMMANDS,
        route::HEALTH,
        route::WHATSAPP_WEBHOOK,
        route::OPENAPI,
    ];
    assert_eq!(paths, BTreeSet::from(known), "and receipts come when something can produce them");

    // What the router answers itself is not found; what has a handler is anything else, or names an app.
    let console = backend.console();
    for path in paths {
        for verb in ["GET", "POST", "PUT", "PATCH", "DELETE"] {
            let answer = console.call(method(verb), &path.replace("{app}", "x"), Some(&json!({}))).await;
            let served = documented.contains(&(path.to_owned(), verb.to_owned()));
            if path == route::WHATSAPP_WEBHOOK && served {
                assert_eq!(answer.problem(), "not_found", "there is no app x");
            } else {
                assert_eq!(answer.status != 404, served, "{verb} {path}: {}", answer.status);
            }
        }
    }
    let served = console.get(route::OPENAPI).await;
    assert_eq!(served.json(), document);
    backend.finish().await;
}

#[test]
fn every_reference_of_the_document_leads_somewhere_and_every_schema_is_used() {
    let document = document();
    let text = document.to_string();
    let schemas = document["components"]["schemas"].as_object().unwrap();
    let mut used = BTreeSet::new();
    for part in text.split("#/components/schemas/").skip(1) {
        let name = part.split('"').next().unwrap();
        assert!(schemas.contains_key(name), "{name}");
        used.insert(name.to_owned());
    }
    // Those of the socket and of items' bodies are named in words; queries are written out as parameters.
    let in_words =
        |name: &str| name.ends_with("Body") || name.ends_with("Message") || name.ends_with("Query");
    for name in schemas.keys() {
        assert!(used.contains(name) || in_words(name) || name == "WebhookVerification", "{name} is not used");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_is_closed_to_caches_frames_and_guesses() {
    let backend = TestBackend::start(Engine::Sqlite).await;
    let console = backend.agent().await;
    for path in [route::SNAPSHOT, route::HEALTH, route::OPENAPI, "/nothing/here"] {
        let answer = console.get(path).await;
        assert_eq!(answer.headers["cache-control"], "no-store", "{path}");
        assert_eq!(answer.headers["x-content-type-options"], "nosniff");
        assert_eq!(answer.headers["referrer-policy"], "no-referrer");
        assert!(answer.headers["content-security-policy"].to_str().unwrap().contains("default-src 'none'"));
        assert!(answer.headers.contains_key("x-request-id"));
    }
    backend.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_beyond_its_route_s_limit_is_not_read() {
    let backend = TestBackend::start(Engine::Sqlite).await;
    let console = backend.agent().await;
    let answer = console.post(route::HELLO, &json!({ "console_version": "x".repeat(17 * 1024) })).await;
    assert_eq!((answer.status, answer.problem().as_str()), (413, "too_large"));
    let answer = console.post(route::COMMANDS, &json!({ "commands": ["x".repeat(2 * 1024 * 1024)] })).await;
    assert_eq!((answer.status, answer.problem().as_str()), (413, "too_large"));
    backend.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn health_says_that_the_backend_is_up_and_counts_without_content() {
    on_each_engine(async |backend| {
        backend.customer_writes("34600000001", "My daughter is ill").await;
        let answer = backend.console().get(route::HEALTH).await;
        assert_eq!(answer.json()["status"], "up");
        let only_counts = answer.json().as_object().unwrap().iter().all(|(name, value)| {
            value.is_number() || value.is_boolean() || name == "status" || name == "version"
        });
        assert!(only_counts, "{}", answer.text);
    })
    .await;
}
