//! What surrounds every request: its id, its line in the log, headers, time, and who may pass.

use std::time::Instant;

use axum::body::Body;
use axum::extract::{MatchedPath, Request, State};
use axum::http::header::{self, HeaderMap, HeaderValue};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use deskbell_protocol::problem::{PROBLEM_MEDIA_TYPE, ProblemCode};

use super::route::{Needs, Route};
use crate::auth::Caller;
use crate::limits::{BUSY_RETRY_MS, REQUEST_TIME};
use crate::problem::Failure;
use crate::serve::Backend;

/// The header that names a request, so that a person's report finds its line in the log.
const REQUEST_ID: &str = "x-request-id";

/// For every answer. Nothing here is a page: it may not be cached, framed, sniffed, or lead anywhere.
const HEADERS: [(header::HeaderName, HeaderValue); 5] = [
    (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'")),
    (header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static("max-age=31536000")),
];

/// A route's own line would say nothing that a count does not say better.
#[derive(Clone, Copy)]
struct Quiet;

/// The outermost layer: writes problem documents, headers and the log.
///
/// The line in the log has the route's template and never the address that was asked for: what varies in it, and its
/// query, belong to the caller.
pub(super) async fn finish(request: Request, next: Next) -> Response {
    let began = Instant::now();
    let request_id = new_request_id();
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().cloned();
    let mut response = match tokio::time::timeout(REQUEST_TIME, next.run(request)).await {
        Ok(response) => response,
        Err(_) => Failure::retry(ProblemCode::Busy, BUSY_RETRY_MS).into_response(),
    };
    let quiet = response.extensions_mut().remove::<Quiet>().is_some() && response.status().is_success();
    let failure = response.extensions_mut().remove::<Failure>();
    if let Some(failure) = &failure {
        write_document(&mut response, failure, &request_id);
    }
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        headers.insert(name, value);
    }
    if let Ok(value) = HeaderValue::from_str(&request_id) {
        headers.insert(REQUEST_ID, value);
    }

    let route = route.as_ref().map_or("-", MatchedPath::as_str);
    let status = response.status().as_u16();
    let ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    if quiet {
        tracing::debug!(method = known_method(&method), route, status, ms, request = request_id, "answered");
    } else {
        tracing::info!(method = known_method(&method), route, status, ms, request = request_id, "answered");
    }
    if let Some(fault) = failure.as_ref().and_then(Failure::fault) {
        tracing::error!(route, request = request_id, fault, "a request met a fault");
    }
    response
}

/// A method is any word that a caller likes; only those of the interface are written down.
fn known_method(method: &axum::http::Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "DELETE" => "DELETE",
        _ => "-",
    }
}

fn write_document(response: &mut Response, failure: &Failure, request_id: &str) {
    let document = serde_json::to_vec(&failure.document(request_id.to_owned())).unwrap_or_default();
    *response.body_mut() = Body::from(document);
    let headers = response.headers_mut();
    headers.remove(header::CONTENT_LENGTH);
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(PROBLEM_MEDIA_TYPE));
    if failure.code() == ProblemCode::Unauthorized {
        headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    if let Some(ms) = failure.retry_after_ms() {
        let seconds = ms.max(0).saturating_add(999) / 1000;
        headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
}

fn new_request_id() -> String {
    deskbell_seal::random::<8>().map(hex::encode).unwrap_or_else(|_| "unknown".to_owned())
}

/// Lets a request pass to its handler when the caller shows what the table of routes says.
pub(super) async fn admit(
    State((backend, route)): State<(Backend, Route)>,
    mut request: Request,
    next: Next,
) -> Response {
    match caller(&backend, route.needs, request.headers()).await {
        Ok(Some(caller)) => {
            request.extensions_mut().insert(caller);
        }
        Ok(None) => {}
        Err(failure) => return failure.into_response(),
    }
    let mut response = next.run(request).await;
    if route.quiet {
        response.extensions_mut().insert(Quiet);
    }
    response
}

async fn caller(backend: &Backend, needs: Needs, headers: &HeaderMap) -> Result<Option<Caller>, Failure> {
    let permission = match needs {
        Needs::Nothing => return Ok(None),
        Needs::Session => None,
        Needs::Permission(permission) => Some(permission),
    };
    let caller = Caller::of_headers(backend, headers).await?;
    if let Some(permission) = permission {
        caller.require(permission)?;
    }
    Ok(Some(caller))
}
