//! Meta's webhooks: the handlers are thin, the gate decides.

use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::header::CONTENT_LENGTH;
use deskbell_domain::Sensitive;
use deskbell_protocol::problem::ProblemCode;
use serde::Deserialize;

use super::extract::{Body, Named, Query, Sender};
use crate::ingest::{Delivery, Refused};
use crate::limits::BUSY_RETRY_MS;
use crate::problem::{Answer, Failure};
use crate::serve::Backend;

/// Meta's question whether this address is the tenant's.
#[derive(Deserialize)]
pub(super) struct Verification {
    #[serde(rename = "hub.mode")]
    mode: Option<String>,
    #[serde(rename = "hub.verify_token")]
    token: Option<Sensitive<String>>,
    #[serde(rename = "hub.challenge")]
    challenge: Option<String>,
}

/// `GET` [`deskbell_protocol::route::WHATSAPP_WEBHOOK`].
pub(super) async fn verify(
    State(backend): State<Backend>,
    Named(app): Named,
    Query(query): Query<Verification>,
) -> Answer<String> {
    let token = query.token.as_ref().map(|token| token.expose().as_str());
    let challenge = query.challenge.as_deref();
    Ok(backend.gate().verify(&app, query.mode.as_deref(), token, challenge).await?)
}

/// `POST` [`deskbell_protocol::route::WHATSAPP_WEBHOOK`].
pub(super) async fn take(
    State(backend): State<Backend>,
    Named(app): Named,
    Sender(sender): Sender,
    headers: HeaderMap,
    body: Answer<Body>,
) -> Answer<()> {
    let body = match body {
        Ok(Body(body)) => body,
        Err(failure) => {
            if failure.code() == ProblemCode::TooLarge {
                let bytes = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
                backend.gate().too_large(&app, bytes, sender).await;
            }
            return Err(failure);
        }
    };
    let signature =
        headers.get(deskbell_meta::signature::HEADER).and_then(|signature| signature.to_str().ok());
    Ok(backend.gate().accept(Delivery { app: &app, signature, body, sender }).await?)
}

impl From<Refused> for Failure {
    fn from(refused: Refused) -> Self {
        match refused.problem() {
            ProblemCode::Busy => Self::retry(ProblemCode::Busy, BUSY_RETRY_MS),
            ProblemCode::Internal => Self::internal(refused.to_string()),
            code => code.into(),
        }
    }
}
