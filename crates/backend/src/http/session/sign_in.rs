use std::net::{IpAddr, Ipv4Addr};

use axum::extract::State;
use deskbell_protocol::session::{SignInRequest, SignInResponse};

use crate::auth::session;
use crate::http::extract::{Json, Sender};
use crate::problem::Answer;
use crate::serve::Backend;

/// `POST` [`deskbell_protocol::route::SESSION`].
pub(in crate::http) async fn sign_in(
    State(backend): State<Backend>,
    Sender(sender): Sender,
    Json(request): Json<SignInRequest>,
) -> Answer<Json<SignInResponse>> {
    // Without a known address all share one limit.
    let sender = sender.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
    session::sign_in(&backend, sender, request).await.map(Json)
}
