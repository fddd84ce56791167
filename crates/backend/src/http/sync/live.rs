use axum::extract::State;
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::response::Response;
use deskbell_protocol::problem::ProblemCode;

use crate::auth::Caller;
use crate::limits::SOCKET_MESSAGE_BYTES_MAX;
use crate::problem::{Answer, Failure};
use crate::serve::Backend;
use crate::sync;

/// `GET` [`deskbell_protocol::route::LIVE`].
pub(in crate::http) async fn live(
    State(backend): State<Backend>,
    caller: Caller,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Answer<Response> {
    let upgrade = upgrade.map_err(|_| Failure::new(ProblemCode::BadRequest))?;
    Ok(upgrade
        .max_message_size(SOCKET_MESSAGE_BYTES_MAX)
        .max_frame_size(SOCKET_MESSAGE_BYTES_MAX)
        .on_upgrade(move |socket| sync::live(backend, caller, socket)))
}
