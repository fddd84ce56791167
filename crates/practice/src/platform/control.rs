//! Control over HTTP, for those who run the platform in another process. Guarded by a secret of this run.

use std::sync::Arc;

use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};
use subtle::ConstantTimeEq;

use super::calls::bearer;
use super::{Fault, Shared};
use crate::customer::{Customer, Habits, Received};

pub(super) fn router(shared: &Arc<Shared>) -> Router<Arc<Shared>> {
    Router::new()
        .route("/_practice/state", get(state))
        .route("/_practice/calls", get(calls))
        .route("/_practice/faults", post(fault))
        .route("/_practice/webhook", post(webhook))
        .route("/_practice/customers/{index}/writes", post(writes))
        .route("/_practice/customers/{index}/received", get(received))
        .route("/_practice/customers/{index}/habits", post(habits))
        .layer(middleware::from_fn_with_state(Arc::clone(shared), guarded))
}

async fn guarded(
    State(shared): State<Arc<Shared>>,
    request: Request,
    next: Next,
) -> Result<Response, StatusCode> {
    let given = bearer(request.headers()).unwrap_or_default();
    let known = shared.control_secret.as_ref().is_some_and(|secret| {
        let secret: &str = secret.expose();
        bool::from(secret.as_bytes().ct_eq(given.as_bytes()))
    });
    if known { Ok(next.run(request).await) } else { Err(StatusCode::UNAUTHORIZED) }
}

async fn state(State(shared): State<Arc<Shared>>) -> Json<Value> {
    let customers: Vec<Value> = shared
        .people
        .iter()
        .enumerate()
        .map(|(index, person)| json!({"index": index, "person": person, "received": shared.received(index).len()}))
        .collect();
    let numbers: Vec<Value> = shared
        .config
        .numbers
        .iter()
        .map(|number| {
            json!({"waba_id": number.waba_id, "phone_number_id": number.phone_number_id,
            "display_phone_number": number.display_phone_number})
        })
        .collect();
    let deliveries = shared.lock().deliveries;
    let pending = *shared.pending.borrow();
    Json(json!({"customers": customers, "numbers": numbers, "deliveries": deliveries, "pending": pending}))
}

async fn calls(State(shared): State<Arc<Shared>>) -> Json<Value> {
    Json(json!(shared.lock().calls))
}

async fn fault(State(shared): State<Arc<Shared>>, Json(fault): Json<Fault>) -> StatusCode {
    shared.inject(fault);
    StatusCode::NO_CONTENT
}

/// Where webhooks go.
#[derive(Deserialize)]
struct Webhook {
    url: String,
}

async fn webhook(State(shared): State<Arc<Shared>>, Json(webhook): Json<Webhook>) -> StatusCode {
    shared.webhook_url.send_replace(Some(webhook.url));
    StatusCode::NO_CONTENT
}

/// What a customer writes.
#[derive(Deserialize)]
struct Text {
    text: String,
    /// How long the message was on its way, in milliseconds.
    #[serde(default)]
    ago_ms: i64,
}

async fn writes(
    State(shared): State<Arc<Shared>>,
    Path(index): Path<usize>,
    Json(text): Json<Text>,
) -> Result<Json<Value>, StatusCode> {
    let customer = customer(&shared, index)?;
    Ok(Json(json!({"id": customer.wrote(&text.text, text.ago_ms).await})))
}

async fn received(
    State(shared): State<Arc<Shared>>,
    Path(index): Path<usize>,
) -> Result<Json<Vec<Received>>, StatusCode> {
    Ok(Json(customer(&shared, index)?.received()))
}

async fn habits(
    State(shared): State<Arc<Shared>>,
    Path(index): Path<usize>,
    Json(habits): Json<Habits>,
) -> Result<StatusCode, StatusCode> {
    let customer = customer(&shared, index)?;
    customer.set_online(habits.online);
    customer.set_reads(habits.reads);
    Ok(StatusCode::NO_CONTENT)
}

fn customer(shared: &Arc<Shared>, index: usize) -> Result<Customer, StatusCode> {
    if index < shared.people.len() {
        Ok(Customer::new(Arc::clone(shared), index))
    } else {
        Err(StatusCode::NOT_FOUND)
    }
}
