use axum::extract::State;
use deskbell_protocol::command::CommandsResponse;

use super::extract::Json;
use crate::auth::Caller;
use crate::commands::{Commands, carry_out};
use crate::problem::Answer;
use crate::serve::Backend;

/// `POST` [`deskbell_protocol::route::COMMANDS`].
pub(super) async fn commands(
    State(backend): State<Backend>,
    caller: Caller,
    Json(request): Json<Commands>,
) -> Answer<Json<CommandsResponse>> {
    carry_out(&backend, &caller, request).await.map(Json)
}
