//! A Graph API for tests: it accepts messages and does with each call what the test says.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::Notify;

/// What the platform does with a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Play {
    /// Takes the message on and says so.
    Accept,
    /// Refuses with this number of the error table.
    Refuse(i64),
    /// Takes the message on and never answers.
    ActAndBeSilent,
    /// Takes the message on and answers with something on the way's error page.
    ActAndBreak,
}

/// A message that reached the customer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AtCustomer {
    pub(crate) to: String,
    pub(crate) text: String,
    pub(crate) callback_data: String,
    pub(crate) wamid: String,
}

/// The platform.
#[derive(Clone)]
pub(crate) struct FakeGraph {
    inner: Arc<Inner>,
    pub(crate) base_url: String,
}

struct Inner {
    plays: Mutex<VecDeque<Play>>,
    calls: Mutex<usize>,
    customer: Mutex<Vec<AtCustomer>>,
    changed: Notify,
}

impl FakeGraph {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base_url = format!("http://{}", listener.local_addr().unwrap());
        let inner = Arc::new(Inner {
            plays: Mutex::default(),
            calls: Mutex::default(),
            customer: Mutex::default(),
            changed: Notify::new(),
        });
        let router = Router::new()
            .route("/{version}/{number}/messages", post(messages))
            .with_state(Arc::clone(&inner));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { inner, base_url }
    }

    /// Says what the next calls meet; after them everything is accepted.
    pub(crate) fn next(&self, plays: &[Play]) {
        self.inner.plays.lock().unwrap().extend(plays);
    }

    /// How many calls came.
    pub(crate) fn calls(&self) -> usize {
        *self.inner.calls.lock().unwrap()
    }

    /// What reached customers.
    pub(crate) fn at_customer(&self) -> Vec<AtCustomer> {
        self.inner.customer.lock().unwrap().clone()
    }

    /// Waits until a number of calls came.
    pub(crate) async fn until_calls(&self, count: usize) {
        let come = async {
            loop {
                let changed = self.inner.changed.notified();
                if self.calls() >= count {
                    return;
                }
                changed.await;
            }
        };
        tokio::time::timeout(std::time::Duration::from_secs(20), come).await.expect("calls come in time");
    }
}

async fn messages(
    State(inner): State<Arc<Inner>>,
    Path((_version, number)): Path<(String, String)>,
    headers: HeaderMap,
    Json(body): Json<Value>,
) -> Response {
    assert!(headers["authorization"].to_str().unwrap().starts_with("Bearer "));
    let play = inner.plays.lock().unwrap().pop_front().unwrap_or(Play::Accept);
    let call = {
        let mut calls = inner.calls.lock().unwrap();
        *calls += 1;
        *calls
    };
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let wamid = format!("wamid.{number}.{call}");
    if !matches!(play, Play::Refuse(_)) {
        let to = if body["to"].is_string() { text(&body["to"]) } else { text(&body["recipient"]) };
        inner.customer.lock().unwrap().push(AtCustomer {
            to,
            text: text(&body["text"]["body"]),
            callback_data: text(&body["biz_opaque_callback_data"]),
            wamid: wamid.clone(),
        });
    }
    inner.changed.notify_waiters();
    match play {
        Play::Accept => Json(json!({"messaging_product": "whatsapp",
            "contacts": [{"input": body["to"], "wa_id": text(&body["to"]).trim_start_matches('+')}],
            "messages": [{"id": wamid}]}))
        .into_response(),
        Play::Refuse(code) => {
            let error = json!({"error": {"message": "refused", "type": "OAuthException", "code": code,
                "error_data": {"messaging_product": "whatsapp", "details": "refused"}, "fbtrace_id": "A"}});
            (StatusCode::BAD_REQUEST, Json(error)).into_response()
        }
        Play::ActAndBeSilent => std::future::pending().await,
        Play::ActAndBreak => (StatusCode::BAD_GATEWAY, "<html>bad gateway</html>").into_response(),
    }
}
