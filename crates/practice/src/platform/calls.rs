//! The Graph API's routes, who may call them, and the record of calls.

use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::{HeaderMap, Method, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde::Serialize;

use super::errors::Refusal;
use super::{BusinessNumber, Shared, control, messages, nodes};
use crate::limits::CALL_BYTES_MAX;

/// A call of the Graph API.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Call {
    /// `GET`, `POST` or `DELETE`.
    pub method: String,
    /// The path, version included.
    pub path: String,
    /// HTTP status of the answer; none while there is no answer, or if there never was.
    pub status: Option<u16>,
    /// Code of the refusal, if it was one.
    pub code: Option<i64>,
}

pub(super) fn router(shared: Arc<Shared>) -> Router {
    let graph = Router::new()
        .route("/{version}/debug_token", get(nodes::debug_token))
        .route("/{version}/{id}", get(nodes::node).delete(nodes::delete))
        .route("/{version}/{id}/messages", post(messages::send))
        .route("/{version}/{id}/phone_numbers", get(nodes::phone_numbers))
        .route(
            "/{version}/{id}/subscribed_apps",
            get(nodes::subscriptions).post(nodes::subscribe).delete(nodes::subscribe),
        )
        .route("/attachments/{key}", get(nodes::attachment))
        .fallback(|| async { Refusal::with_details(100, "Unknown path components.") })
        .layer(middleware::from_fn_with_state(Arc::clone(&shared), recorded))
        .layer(DefaultBodyLimit::max(CALL_BYTES_MAX));
    let router = if shared.control_secret.is_some() { graph.merge(control::router(&shared)) } else { graph };
    router.with_state(shared)
}

/// The code of a refusal, on its way to the record.
#[derive(Debug, Clone, Copy)]
pub(super) struct Code(pub(super) i64);

/// Records a call, and refuses it if that was asked for.
async fn recorded(State(shared): State<Arc<Shared>>, request: Request, next: Next) -> Response {
    let call = Call {
        method: method(request.method()),
        path: request.uri().path().to_owned(),
        status: None,
        code: None,
    };
    let (position, fault) = {
        let mut state = shared.lock();
        state.calls.push(call);
        (state.calls.len() - 1, state.faults.call())
    };
    let response = match fault {
        Some(code) => Refusal::new(code).into_response(),
        None => next.run(request).await,
    };
    if let Some(call) = shared.lock().calls.get_mut(position) {
        call.status = Some(response.status().as_u16());
        call.code = response.extensions().get::<Code>().map(|code| code.0);
    }
    response
}

fn method(method: &Method) -> String {
    method.as_str().to_owned()
}

/// The token of a call.
pub(super) fn bearer(headers: &HeaderMap) -> Option<&str> {
    headers.get(header::AUTHORIZATION)?.to_str().ok()?.strip_prefix("Bearer ")
}

/// The numbers that the call's token is good for; there is at least one.
pub(super) fn authorised<'a>(
    shared: &'a Shared,
    headers: &HeaderMap,
) -> Result<Vec<&'a BusinessNumber>, Refusal> {
    let Some(token) = bearer(headers) else {
        return Err(Refusal::with_details(190, "An access token is required to request this resource."));
    };
    let own: Vec<_> = shared.config.numbers.iter().filter(|number| number.token.expose() == token).collect();
    if own.is_empty() {
        return Err(Refusal::with_details(190, "Invalid OAuth access token."));
    }
    let state = shared.lock();
    let good: Vec<_> =
        own.into_iter().filter(|number| !state.token_expired(&number.phone_number_id)).collect();
    // Meta's subcode 463: the token was good once.
    if good.is_empty() { Err(Refusal::with_subcode(190, 463)) } else { Ok(good) }
}

/// The number of this id, if the call's token is good for it.
pub(super) fn authorised_for<'a>(
    shared: &'a Shared,
    headers: &HeaderMap,
    phone_number_id: &str,
) -> Result<&'a BusinessNumber, Refusal> {
    let good = authorised(shared, headers)?;
    if let Some(number) = good.into_iter().find(|number| number.phone_number_id == phone_number_id) {
        return Ok(number);
    }
    Err(Refusal::new(if shared.number(phone_number_id).is_some() { 10 } else { 33 }))
}
