use std::error::Error;

use deskbell_domain::Open;
use deskbell_protocol::problem::{Problem, ProblemCode};
use deskbell_sync::{Failure, FailureKind};
use reqwest::Response;
use serde::de::DeserializeOwned;

use super::body;
use crate::api::{ApiError, ApiErrorCode};

/// Why signing in failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SignInFailure {
    /// The backend's certificate is not trusted.
    Certificate,
    /// The backend could not be reached, or what came back was no answer.
    Answered(Failure),
}

impl SignInFailure {
    /// What a failed connection was about.
    pub(super) fn of_transport(error: &reqwest::Error) -> Self {
        let mut source: Option<&(dyn Error + 'static)> = Some(error);
        while let Some(error) = source {
            if is_certificate(error) {
                return Self::Certificate;
            }
            source = error.source();
        }
        Self::Answered(Failure::UNREACHABLE)
    }
}

fn is_certificate(error: &(dyn Error + 'static)) -> bool {
    let in_io = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
    let tls = error
        .downcast_ref::<rustls::Error>()
        .or_else(|| in_io.and_then(|inner| inner.downcast_ref::<rustls::Error>()));
    matches!(tls, Some(rustls::Error::InvalidCertificate(_)))
}

impl From<SignInFailure> for ApiError {
    fn from(failure: SignInFailure) -> Self {
        let failure = match failure {
            SignInFailure::Certificate => return Self::new(ApiErrorCode::Certificate),
            SignInFailure::Answered(failure) => failure,
        };
        let code = match failure.kind {
            FailureKind::Unreachable => ApiErrorCode::Unreachable,
            FailureKind::Malformed => ApiErrorCode::NotABackend,
            FailureKind::Refused(ProblemCode::WrongCredentials) => ApiErrorCode::WrongCredentials,
            FailureKind::Refused(ProblemCode::TooManyRequests) => ApiErrorCode::TooManyAttempts,
            FailureKind::Refused(ProblemCode::UpdateNeeded) => ApiErrorCode::UpdateNeeded,
            FailureKind::Refused(_) | FailureKind::RefusedUnknown => ApiErrorCode::BackendBusy,
        };
        Self { code, retry_after_ms: failure.retry_after_ms }
    }
}

/// The body of a good answer.
pub(super) async fn read<T: DeserializeOwned>(response: Response) -> Result<T, Failure> {
    let bytes = check(response).await?;
    serde_json::from_slice(&bytes).map_err(|_| Failure::new(FailureKind::Malformed))
}

/// The bytes of a good answer, or what a problem document says.
pub(super) async fn check(response: Response) -> Result<Vec<u8>, Failure> {
    let good = response.status().is_success();
    let bytes = body(response).await?;
    if good {
        return Ok(bytes);
    }
    // A page of a proxy in between is no problem document.
    let problem: Problem =
        serde_json::from_slice(&bytes).map_err(|_| Failure::new(FailureKind::Malformed))?;
    let kind = match problem.code {
        Open::Known(code) => FailureKind::Refused(code),
        Open::Unknown(_) => FailureKind::RefusedUnknown,
    };
    Err(Failure { kind, retry_after_ms: problem.retry_after_ms })
}
