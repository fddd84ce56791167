//! No key, token, text, number or id of Meta's in any log, at any level, of ours or of what we are built on.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    reason = "the whole program is a test"
)]

mod common;
#[allow(dead_code, reason = "other tests use the rest of it")]
mod fake_graph;

use std::io::Write;
use std::sync::{Arc, Mutex};

use deskbell_backend::storage::directory::NewMetaApp;
use deskbell_backend::telemetry::{self, Format};
use deskbell_backend::worker::{Worker, WorkerOptions};
use deskbell_domain::{ConversationId, MessageId, Role, Sensitive};
use deskbell_meta::graph::GraphConfig;
use deskbell_meta::signature;
use deskbell_protocol::command::{Act, Outcome, Seen};
use deskbell_protocol::route;
use deskbell_protocol::socket::ServerMessage;
use reqwest::Method;
use serde_json::json;
use tracing::{Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::registry::LookupSpan;

use common::console::{command, is, refresh_id};
use common::engine::{Engine, MASTER_KEY};
use common::live::Live;
use common::{PASSWORD, TestBackend};
use fake_graph::FakeGraph;

const TEXT: &str = "my rash is back, canary-inbound";
const REPLY: &str = "so sorry to hear it, canary-outbound";
const NUMBER: &str = "34612345678";
const NAME: &str = "Canaria Plantada";
const WAMID: &str = "wamid.HBgLMzQ2MTIzNDU2NzgVAgASGBQzQUNBTkFSWQA=";
const SECRET: &str = "canary-app-secret";
const VERIFY_TOKEN: &str = "canary-verify-token";
const WRONG_PASSWORD: &str = "canary wrong password";
const PANIC: &str = "canary in a panic";

/// Lines, as they were written.
#[derive(Clone, Default)]
struct Capture(Arc<Mutex<Vec<u8>>>);

impl Capture {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap()).into_owned()
    }

    fn finds(&self, canaries: &[(&'static str, String)]) -> Vec<&'static str> {
        let text = self.text();
        canaries.iter().filter(|(_, canary)| text.contains(canary.as_str())).map(|(what, _)| *what).collect()
    }
}

impl Write for Capture {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Writes all lines into a capture.
fn lines<S: Subscriber + for<'a> LookupSpan<'a>>(capture: &Capture) -> impl Layer<S> {
    let capture = capture.clone();
    tracing_subscriber::fmt::layer().with_ansi(false).with_writer(move || capture.clone())
}

fn webhook(text: &str) -> Vec<u8> {
    let value = json!({
        "messaging_product": "whatsapp",
        "metadata": { "display_phone_number": "15550783881", "phone_number_id": "106540352242922" },
        "contacts": [{ "profile": { "name": NAME }, "wa_id": NUMBER }],
        "messages": [{ "from": NUMBER, "id": WAMID, "timestamp": "1763785000", "type": "text", "text": { "body": text } }],
    });
    let change = json!({ "field": "messages", "value": value });
    let entry = json!({ "id": "102290129340398", "changes": [change] });
    serde_json::to_vec(&json!({ "object": "whatsapp_business_account", "entry": [entry] })).unwrap()
}

async fn deliver(backend: &TestBackend, body: &[u8], secret: &str) -> u16 {
    reqwest::Client::builder()
        .no_proxy()
        .build()
        .unwrap()
        .post(backend.url("/webhooks/whatsapp/main"))
        .header(signature::HEADER, signature::sign(body, &secret.into()))
        .body(body.to_vec())
        .send()
        .await
        .unwrap()
        .status()
        .as_u16()
}

/// A message's whole way, and much that goes wrong beside it. Answers what must be in no log.
async fn a_round(backend: &TestBackend) -> Vec<(&'static str, String)> {
    let app = NewMetaApp {
        app: "main".to_owned(),
        secret: SECRET.into(),
        previous_secret: None,
        verify_token: VERIFY_TOKEN.into(),
    };
    backend.db().directory().put_meta_app(&app).await.unwrap();
    let graph = FakeGraph::start().await;
    let options = WorkerOptions {
        graph: GraphConfig { base_url: graph.base_url.clone(), ..GraphConfig::default() },
        messages_per_second: 50,
        bodies_at_once: 8,
        sends_at_once: 4,
        checkpoint: deskbell_backend::outgoing::Checkpoint::default(),
    };
    let worker = Worker::start(backend.db(), options).await.unwrap();

    let member = backend.member(Role::Agent, &[backend.sales]).await;
    let mut console = backend.signed_in_as(&member).await;
    let first = (console.access.clone(), console.refresh.clone());
    let (mut live, _) = Live::greet(&console, Some(&console.cursor().await)).await;

    assert_eq!(deliver(backend, &webhook(TEXT), "another secret").await, 401);
    assert_eq!(deliver(backend, b"{ canary-inbound", SECRET).await, 400);
    assert_eq!(deliver(backend, &webhook(TEXT), SECRET).await, 200);
    let verification = format!(
        "/webhooks/whatsapp/main?hub.mode=subscribe&hub.verify_token={VERIFY_TOKEN}&hub.challenge=15"
    );
    assert_eq!(console.get(&verification).await.text, "15");

    let item = loop {
        let Some(ServerMessage::Frame(frame)) = live.news().await else { panic!("no frame") };
        if let Some(item) = frame.items.into_iter().find(|item| is(item, "conversation")) {
            break item;
        }
    };
    let conversation = ConversationId::from_bytes(*item.id.as_bytes());
    let seen = Seen {
        version: item.version,
        assignee: None,
        status: deskbell_domain::ConversationStatus::Open.into(),
    };
    let message = MessageId::from_bytes(deskbell_seal::random().unwrap());
    let act = Act::SendText { conversation, message, text: REPLY.into() };
    let outcome = console.command(&command(act, Some(seen))).await;
    assert!(matches!(outcome, Outcome::Applied { .. }), "{outcome:?}");
    graph.until_calls(1).await;
    assert_eq!(graph.at_customer()[0].text, REPLY);

    assert_eq!(backend.console().try_sign_in(&member.email, WRONG_PASSWORD).await.status, 401);
    console.refresh(refresh_id(1)).await;
    console.cursor().await;
    assert_eq!(console.get(&format!("/v1/nowhere/{NUMBER}?q={NUMBER}")).await.status, 404);
    assert_eq!(console.try_refresh(&first.1, refresh_id(2)).await.status, 401);
    console.call::<()>(Method::DELETE, route::SESSION, None).await;
    let outgoing = graph.at_customer()[0].wamid.clone();
    worker.stop().await;

    let words = |what, text: &str| (what, text.to_owned());
    vec![
        words("text", "canary-inbound"),
        words("reply", "canary-outbound"),
        words("number", NUMBER),
        words("name", "Canaria"),
        words("wamid", "HBgLMzQ2MTIzNDU2NzgVAgASGBQzQUNBTkFSWQ"),
        words("our wamid", &outgoing),
        words("app secret", SECRET),
        words("verify token", VERIFY_TOKEN),
        words("account token", "EAAtest"),
        words("password", PASSWORD),
        words("wrong password", WRONG_PASSWORD),
        words("e-mail", &member.email),
        words("access token", &first.0),
        words("refresh token", &first.1),
        words("later access token", &console.access),
        words("later refresh token", &console.refresh),
        words("master key", MASTER_KEY),
        words("panic", PANIC),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn logs_hold_no_content_at_any_level_and_would_without_the_cap() {
    let (ours, capped, uncapped) = (Capture::default(), Capture::default(), Capture::default());
    let production = capped.clone();
    let subscriber = tracing_subscriber::registry()
        .with(lines(&ours).with_filter(Targets::new().with_target("deskbell", LevelFilter::TRACE)))
        .with(telemetry::layer(Format::Json, Level::TRACE, move || production.clone()))
        .with(lines(&uncapped).with_filter(LevelFilter::TRACE));
    tracing::subscriber::set_global_default(subscriber).unwrap();
    std::panic::set_hook(Box::new(telemetry::name_the_place));

    let backend = TestBackend::start(Engine::Sqlite).await;
    let canaries = a_round(&backend).await;
    let panicked = tokio::spawn(async { panic!("{PANIC}") }).await;
    assert!(panicked.unwrap_err().is_panic());
    // What a dependency does below the cap, and what somebody of ours may not do.
    tracing::debug!(target: "tungstenite::protocol", "frame {TEXT}");
    let careless = Sensitive::from(TEXT);
    tracing::info!(?careless, "a value that slipped into a line");

    assert!(ours.text().contains("answered") && capped.text().contains("/v1/session"), "lines are written");
    assert!(capped.text().contains("http_logs.rs"), "a panic names its place");
    assert_eq!(ours.finds(&canaries), Vec::<&str>::new(), "in our own lines");
    assert_eq!(capped.finds(&canaries), Vec::<&str>::new(), "in the lines of all");
    assert!(uncapped.finds(&canaries).contains(&"text"), "without the cap it is found");
    backend.finish().await;
}
