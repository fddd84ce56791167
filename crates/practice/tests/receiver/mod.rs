//! A receiver of webhooks as Meta asks for one, with a memory.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::get;
use deskbell_domain::Sensitive;
use deskbell_meta::signature;
use deskbell_meta::webhook::{Event, split};
use serde::Deserialize;
use tokio::net::TcpListener;
use tokio::sync::watch;

struct Memory {
    secrets: [Sensitive<String>; 1],
    verify_token: Sensitive<String>,
    bodies: Mutex<Vec<Vec<u8>>>,
    forged: watch::Sender<usize>,
    refuse: Mutex<usize>,
    changes: watch::Sender<usize>,
}

pub(crate) struct Receiver {
    pub(crate) url: String,
    memory: Arc<Memory>,
}

impl Receiver {
    pub(crate) async fn start(secret: Sensitive<String>, verify_token: Sensitive<String>) -> Self {
        let memory = Arc::new(Memory {
            secrets: [secret],
            verify_token,
            bodies: Mutex::default(),
            forged: watch::Sender::new(0),
            refuse: Mutex::default(),
            changes: watch::Sender::new(0),
        });
        let router = Router::new().route("/hook", get(verify).post(take)).with_state(Arc::clone(&memory));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { url, memory }
    }

    /// The bodies that were accepted, in the order in which they came.
    pub(crate) fn bodies(&self) -> Vec<Vec<u8>> {
        self.memory.bodies.lock().unwrap().clone()
    }

    /// Their events.
    pub(crate) fn events(&self) -> Vec<Event> {
        self.bodies().iter().flat_map(|body| split(body).unwrap()).collect()
    }

    /// How many had a signature that does not fit.
    pub(crate) fn forged(&self) -> usize {
        *self.memory.forged.borrow()
    }

    /// Answers the next ones with 503.
    pub(crate) fn refuse_next(&self, count: usize) {
        *self.memory.refuse.lock().unwrap() = count;
    }

    /// Waits until this is so, looking whenever something came.
    pub(crate) async fn until(&self, so: impl Fn(&Self) -> bool) {
        let mut changes = self.memory.changes.subscribe();
        let waited = changes.wait_for(|_| so(self));
        tokio::time::timeout(Duration::from_secs(20), waited).await.unwrap().unwrap();
    }
}

#[derive(Deserialize)]
struct Challenge {
    #[serde(rename = "hub.challenge")]
    challenge: String,
    #[serde(rename = "hub.verify_token")]
    verify_token: String,
}

async fn verify(State(memory): State<Arc<Memory>>, Query(asked): Query<Challenge>) -> (StatusCode, String) {
    if &asked.verify_token == memory.verify_token.expose() {
        (StatusCode::OK, asked.challenge)
    } else {
        (StatusCode::FORBIDDEN, String::new())
    }
}

async fn take(State(memory): State<Arc<Memory>>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let status = judge(&memory, &headers, &body);
    memory.changes.send_modify(|changes| *changes += 1);
    status
}

fn judge(memory: &Memory, headers: &HeaderMap, body: &Bytes) -> StatusCode {
    let header = headers.get(signature::HEADER).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if signature::verify(header, body, &memory.secrets).is_err() {
        memory.forged.send_modify(|forged| *forged += 1);
        return StatusCode::UNAUTHORIZED;
    }
    let mut refuse = memory.refuse.lock().unwrap();
    if *refuse > 0 {
        *refuse -= 1;
        return StatusCode::SERVICE_UNAVAILABLE;
    }
    memory.bodies.lock().unwrap().push(body.to_vec());
    StatusCode::OK
}
