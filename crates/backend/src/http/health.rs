use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value, json};

use super::extract::Json;
use crate::serve::Backend;

/// `GET` [`deskbell_protocol::route::HEALTH`]: counts without content. It answers 503 while the storage does not, so
/// that whoever watches needs to look at the status only.
pub(super) async fn health(State(backend): State<Backend>) -> Response {
    let work = backend.health().read().await;
    let up = work.is_ok();
    let mut document =
        json!({ "status": if up { "up" } else { "down" }, "version": env!("CARGO_PKG_VERSION") });
    match work.map(serde_json::to_value) {
        Ok(Ok(Value::Object(counts))) => {
            if let Some(fields) = document.as_object_mut() {
                fields.extend(counts);
            }
        }
        Ok(_) => {}
        Err(error) => tracing::error!(%error, "the storage does not answer"),
    }
    let status = if up { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(document)).into_response()
}
