use axum::extract::State;
use deskbell_protocol::session::{RefreshRequest, RefreshResponse};

use crate::auth::session;
use crate::http::extract::Json;
use crate::problem::Answer;
use crate::serve::Backend;

/// `POST` [`deskbell_protocol::route::SESSION_REFRESH`].
pub(in crate::http) async fn refresh(
    State(backend): State<Backend>,
    Json(request): Json<RefreshRequest>,
) -> Answer<Json<RefreshResponse>> {
    session::refresh(&backend, &request).await.map(Json)
}
