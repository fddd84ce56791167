use axum::extract::State;
use deskbell_protocol::sync::{ChangesQuery, Frame};

use crate::auth::Caller;
use crate::http::extract::{Json, Query};
use crate::problem::Answer;
use crate::serve::Backend;
use crate::sync;

/// `GET` [`deskbell_protocol::route::CHANGES`].
pub(in crate::http) async fn changes(
    State(backend): State<Backend>,
    caller: Caller,
    Query(request): Query<ChangesQuery>,
) -> Answer<Json<Frame>> {
    sync::changes(&backend, &caller, &request).await.map(Json)
}
