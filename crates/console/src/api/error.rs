use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// Why a command failed. The window finds the words for each code in its catalogue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum ApiErrorCode {
    /// The request does not fit the command list.
    BadRequest,
    /// Nobody is signed in.
    SignedOut,
    /// E-mail or password are wrong, or the account is not active.
    WrongCredentials,
    /// Too many attempts; `retry_after_ms` says when to try again.
    TooManyAttempts,
    /// The backend's address is not one, or is not https.
    BadBackendAddress,
    /// The backend cannot be reached.
    Unreachable,
    /// The backend's certificate is not trusted.
    Certificate,
    /// What answered is not a Deskbell backend.
    NotABackend,
    /// The backend needs a newer console, or this console a newer backend.
    UpdateNeeded,
    /// The backend cannot do it now.
    BackendBusy,
    /// The computer has no keychain. The console works online, in memory.
    NoKeychain,
    /// The keychain is locked or its prompt was dismissed.
    KeychainLocked,
    /// The keychain did not answer in time.
    KeychainTimeout,
    /// The keys of the cache are gone from the keychain.
    KeyGone,
    /// The conversation or message is not in the cache.
    NotFound,
    /// The text is empty.
    EmptyText,
    /// The text is longer than WhatsApp allows.
    TextTooLong,
    /// Only templates may be sent: the customer last wrote more than 24 hours ago.
    WindowClosed,
    /// The message cannot be taken back or sent again in its state.
    WrongState,
    /// Another Deskbell uses the same data folder.
    AlreadyRunning,
    /// The disk is full or refuses to be written to.
    Storage,
    /// A bug. The log has the place, and no content.
    Internal,
}

/// A failed command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS, thiserror::Error)]
#[error("{code:?}")]
pub struct ApiError {
    /// What somebody decides by.
    pub code: ApiErrorCode,
    /// When trying again makes sense, in milliseconds from now.
    #[ts(type = "number | null")]
    pub retry_after_ms: Option<i64>,
}

impl ApiError {
    /// An error with this code, for which there is no set time to try again.
    pub const fn new(code: ApiErrorCode) -> Self {
        Self { code, retry_after_ms: None }
    }

    pub(crate) const fn bad_request() -> Self {
        Self::new(ApiErrorCode::BadRequest)
    }

    pub(crate) const fn internal() -> Self {
        Self::new(ApiErrorCode::Internal)
    }
}

impl From<ApiErrorCode> for ApiError {
    fn from(code: ApiErrorCode) -> Self {
        Self::new(code)
    }
}
