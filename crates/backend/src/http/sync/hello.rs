use axum::extract::State;
use deskbell_protocol::sync::{HelloRequest, HelloResponse};

use crate::auth::Caller;
use crate::http::extract::Json;
use crate::problem::Answer;
use crate::serve::Backend;
use crate::sync;

/// `POST` [`deskbell_protocol::route::HELLO`].
pub(in crate::http) async fn hello(
    State(backend): State<Backend>,
    caller: Caller,
    Json(request): Json<HelloRequest>,
) -> Answer<Json<HelloResponse>> {
    sync::hello(&backend, &caller, &request).await.map(Json)
}
