use axum::extract::State;

use crate::auth::{Caller, session};
use crate::problem::Answer;
use crate::serve::Backend;

/// `DELETE` [`deskbell_protocol::route::SESSION`].
pub(in crate::http) async fn sign_out(State(backend): State<Backend>, caller: Caller) -> Answer<()> {
    session::sign_out(&backend, &caller).await
}
