use axum::extract::State;
use deskbell_protocol::sync::{PageQuery, SnapshotPage};

use crate::auth::Caller;
use crate::http::extract::{Json, Query};
use crate::problem::Answer;
use crate::serve::Backend;
use crate::sync;

/// `GET` [`deskbell_protocol::route::SNAPSHOT`].
pub(in crate::http) async fn snapshot(
    State(backend): State<Backend>,
    caller: Caller,
    Query(request): Query<PageQuery>,
) -> Answer<Json<SnapshotPage>> {
    sync::snapshot(&backend, &caller, &request).await.map(Json)
}
