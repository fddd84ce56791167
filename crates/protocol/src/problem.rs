//! Errors over HTTP: RFC 9457 problem documents with a stable code.

use deskbell_domain::Open;
use serde::{Deserialize, Serialize};

/// The media type of a problem document.
pub const PROBLEM_MEDIA_TYPE: &str = "application/problem+json";

/// What a program decides by. A code exists when somebody does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProblemCode {
    /// The request is not of the documented form.
    BadRequest,
    /// No valid access token. Renew it, once.
    Unauthorized,
    /// E-mail or password are wrong, or the account is not active: one answer for all three.
    WrongCredentials,
    /// The refresh token was used before: the device is revoked.
    DeviceRevoked,
    /// The role does not include the permission.
    Forbidden,
    /// There is no such thing for this tenant and these scopes.
    NotFound,
    /// The body is too large.
    TooLarge,
    /// The webhook's signature does not fit its body.
    BadSignature,
    /// A limit on attempts or requests was reached.
    TooManyRequests,
    /// The backend has too much to do.
    Busy,
    /// The log no longer reaches back to the cursor: take a snapshot.
    CursorTooOld,
    /// The cursor is ahead of the log: the backend was restored without saying so.
    CursorAhead,
    /// The log has another epoch: take a snapshot.
    EpochChanged,
    /// The scopes are not those of the page token: begin again.
    ScopesChanged,
    /// No protocol is spoken by both.
    UpdateNeeded,
    /// A bug or a fault of the backend; the request id finds it in the log.
    Internal,
}

impl ProblemCode {
    /// The HTTP status that goes with the code.
    pub const fn status(self) -> u16 {
        match self {
            Self::BadRequest => 400,
            Self::Unauthorized | Self::WrongCredentials | Self::DeviceRevoked | Self::BadSignature => 401,
            Self::Forbidden => 403,
            Self::NotFound => 404,
            Self::CursorAhead | Self::EpochChanged | Self::ScopesChanged => 409,
            Self::CursorTooOld => 410,
            Self::TooLarge => 413,
            Self::UpdateNeeded => 426,
            Self::TooManyRequests => 429,
            Self::Internal => 500,
            Self::Busy => 503,
        }
    }

    /// The code in plain words.
    pub const fn title(self) -> &'static str {
        match self {
            Self::BadRequest => "The request is not of the documented form",
            Self::Unauthorized => "A valid access token is needed",
            Self::WrongCredentials => "E-mail or password are wrong",
            Self::DeviceRevoked => "This device was signed out",
            Self::Forbidden => "The role does not allow this",
            Self::NotFound => "There is no such thing here",
            Self::TooLarge => "The body is too large",
            Self::BadSignature => "The signature does not fit the body",
            Self::TooManyRequests => "Too many requests",
            Self::Busy => "The backend has too much to do",
            Self::CursorTooOld => "The log no longer reaches back to the cursor",
            Self::CursorAhead => "The cursor is ahead of the log",
            Self::EpochChanged => "The log has another epoch",
            Self::ScopesChanged => "The scopes have changed",
            Self::UpdateNeeded => "No protocol version is spoken by both",
            Self::Internal => "Something failed in the backend",
        }
    }
}

/// A problem document. It names no person, and repeats nothing of the request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// Always `about:blank`: the code says more than a page would.
    #[serde(rename = "type")]
    pub kind: String,
    /// The code in plain words.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What a program decides by.
    pub code: Open<ProblemCode>,
    /// When trying again makes sense, in milliseconds from now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<i64>,
    /// Finds the request in the backend's log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
}

impl Problem {
    /// The document of a code.
    pub fn new(code: ProblemCode) -> Self {
        Self {
            kind: "about:blank".to_owned(),
            title: code.title().to_owned(),
            status: code.status(),
            code: code.into(),
            retry_after_ms: None,
            request_id: None,
        }
    }
}
