use axum::extract::State;
use deskbell_protocol::sync::{HistoryPage, PageQuery};

use crate::auth::Caller;
use crate::http::extract::{Json, Query};
use crate::problem::Answer;
use crate::serve::Backend;
use crate::sync;

/// `GET` [`deskbell_protocol::route::HISTORY`].
pub(in crate::http) async fn history(
    State(backend): State<Backend>,
    caller: Caller,
    Query(request): Query<PageQuery>,
) -> Answer<Json<HistoryPage>> {
    sync::history(&backend, &caller, &request).await.map(Json)
}
