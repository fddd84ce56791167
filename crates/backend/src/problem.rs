//! Errors over HTTP: one type, rendered as an RFC 9457 document at the edge, where the request's id is known.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use deskbell_protocol::problem::{Problem, ProblemCode};

use crate::limits::BUSY_RETRY_MS;
use crate::storage::StorageError;

/// Why a request was not answered as asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    code: ProblemCode,
    retry_after_ms: Option<i64>,
    fault: Option<String>,
}

/// What handlers answer.
pub type Answer<T> = Result<T, Failure>;

impl Failure {
    /// The failure of a code.
    pub const fn new(code: ProblemCode) -> Self {
        Self { code, retry_after_ms: None, fault: None }
    }

    /// A failure that passes by itself after this time.
    pub const fn retry(code: ProblemCode, after_ms: i64) -> Self {
        Self { code, retry_after_ms: Some(after_ms), fault: None }
    }

    /// A fault of the backend. The text goes into the log and to nobody else; it holds no content.
    pub fn internal(fault: impl Into<String>) -> Self {
        Self { code: ProblemCode::Internal, retry_after_ms: None, fault: Some(fault.into()) }
    }

    /// What a program decides by.
    pub const fn code(&self) -> ProblemCode {
        self.code
    }

    /// When trying again makes sense, in milliseconds.
    pub const fn retry_after_ms(&self) -> Option<i64> {
        self.retry_after_ms
    }

    /// What is to be logged of a fault of the backend.
    pub fn fault(&self) -> Option<&str> {
        self.fault.as_deref()
    }

    /// The document that the client gets.
    pub fn document(&self, request_id: String) -> Problem {
        Problem {
            retry_after_ms: self.retry_after_ms,
            request_id: Some(request_id),
            ..Problem::new(self.code)
        }
    }
}

impl From<ProblemCode> for Failure {
    fn from(code: ProblemCode) -> Self {
        Self::new(code)
    }
}

impl From<StorageError> for Failure {
    fn from(error: StorageError) -> Self {
        if error.is_retryable() {
            return Self { fault: Some(error.to_string()), ..Self::retry(ProblemCode::Busy, BUSY_RETRY_MS) };
        }
        Self::internal(error.to_string())
    }
}

impl IntoResponse for Failure {
    /// A response without a body that carries the failure to the edge, which writes the document.
    fn into_response(self) -> Response {
        let mut response = StatusCode::from_u16(self.code.status())
            .unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
            .into_response();
        response.extensions_mut().insert(self);
        response
    }
}
