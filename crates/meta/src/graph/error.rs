use std::fmt;
use std::time::Duration;

use deskbell_domain::Sensitive;
use serde_json::Value;

use crate::limits::{MAINTENANCE_WAIT, PAIR_RETRY_BASE_S, PAIR_RETRY_EXPONENT_MAX};
use crate::webhook::json;

/// Why a call has no good answer. Shows codes only: no token, number, message id or text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GraphError {
    /// Nothing reached Meta: the call may be made again.
    #[error("not sent: {0}")]
    NotSent(#[from] NotSent),
    /// Meta may or may not have acted. Making the call again could act twice.
    #[error("outcome unknown: {0}")]
    Uncertain(#[from] Uncertain),
    /// Meta said no.
    #[error("refused by Meta: {0}")]
    Refused(#[from] Refusal),
}

/// Why nothing reached Meta.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotSent {
    /// No connection.
    #[error("no connection")]
    Connect,
    /// The request could not be written: a token or id with impossible characters.
    #[error("the request is not valid")]
    Request,
    /// The medium's address is not one of Meta's. The token is not shown to other hosts.
    #[error("the address is not one of Meta's")]
    ForeignHost,
}

/// Why it is not known what Meta did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Uncertain {
    /// No answer in time.
    #[error("no answer in time")]
    Timeout,
    /// The connection ended before the answer did.
    #[error("the connection was lost")]
    ConnectionLost,
    /// The answer is none that Meta gives.
    #[error("the answer could not be read (HTTP {0})")]
    Unreadable(u16),
    /// The answer is longer than the limit.
    #[error("the answer is too long (HTTP {0})")]
    TooLong(u16),
}

/// Meta's answer that it will not do something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Number in Meta's error table; absent where something on the way answered in Meta's place.
    pub code: Option<i64>,
    /// Finer number, about tokens mostly. Nothing is decided by it.
    pub subcode: Option<i64>,
    /// HTTP status.
    pub http_status: u16,
    /// Meta says that it is temporary.
    pub transient: bool,
    /// How long Meta asks to wait.
    pub retry_after: Option<Duration>,
    /// What went wrong, in Meta's sentence. It may quote a number.
    pub details: Option<Sensitive<String>>,
    /// What Meta's support asks for.
    pub trace_id: Option<String>,
}

/// What to do about one of Meta's error codes, whether it came as an answer or in a `failed` status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Temporary: again, later and later.
    Retry,
    /// Again after this time.
    RetryAfter(Duration),
    /// Too much to this customer: again after [`pair_wait`], for this pair only.
    RetryPair,
    /// Too much from this number: again later, and slower.
    SlowNumber,
    /// Too many calls of the app or account: all of them wait.
    SlowAccount,
    /// Meta counts the messages as spam: slower, and somebody must know.
    SlowAndAlert,
    /// The token is no longer good: the account must be connected again, and its queue stops.
    Reconnect,
    /// A permission is missing: nothing helps but granting it.
    CheckPermission,
    /// The number is gone or no longer ours: look before going on.
    CheckConnection,
    /// Meta blocks the account: sending pauses, and somebody must know.
    PauseAccount,
    /// Payment, display name or terms: the administrator has to act at Meta.
    TellAdministrator,
    /// The number is not registered with the platform.
    RegisterNumber,
    /// The window is closed: only a template may be sent.
    OfferTemplate,
    /// The customer wants no marketing: remember it, never again.
    OptOut,
    /// Meta chose not to deliver this marketing to this customer: not before another day.
    NotToday,
    /// The medium did not come through: fetch or upload it again.
    RefetchMedia,
    /// Only the business's phone can show it.
    LookInApp,
    /// This message needs the customer's phone number.
    AskForPhone,
    /// The call does not fit the template.
    FixTemplate,
    /// The template may not be used now.
    HideTemplate,
    /// Part of connecting a number: the set-up shows it.
    Onboarding,
    /// It will not go, however often it is tried.
    Refuse,
}

/// What to do about an error code. A code that is not in the table is refused: trying the unknown again and again is
/// how numbers get blocked.
pub const fn action(code: i64) -> Action {
    match code {
        1 | 2 | 131_000 | 131_016 | 133_004 => Action::Retry,
        131_057 => Action::RetryAfter(MAINTENANCE_WAIT),
        131_056 => Action::RetryPair,
        130_429 => Action::SlowNumber,
        4 | 80_007 => Action::SlowAccount,
        131_048 => Action::SlowAndAlert,
        0 | 190 => Action::Reconnect,
        3 | 10 | 200..=299 | 131_005 => Action::CheckPermission,
        33 => Action::CheckConnection,
        368 | 131_031 => Action::PauseAccount,
        131_037 | 131_042 | 131_063 | 131_064 | 134_011 => Action::TellAdministrator,
        131_045 => Action::RegisterNumber,
        131_047 => Action::OfferTemplate,
        131_050 => Action::OptOut,
        131_049 => Action::NotToday,
        131_052 | 131_053 => Action::RefetchMedia,
        131_060 => Action::LookInApp,
        131_062 => Action::AskForPhone,
        132_000 | 132_001 | 132_005 | 132_007 | 132_008 | 132_012 => Action::FixTemplate,
        132_015 | 132_016 => Action::HideTemplate,
        133_000..=133_016 | 2_593_107..=2_593_109 => Action::Onboarding,
        _ => Action::Refuse,
    }
}

/// How long to wait before the next message to a customer after Meta's pair limit; `attempt` counts from 0.
pub const fn pair_wait(attempt: u32) -> Duration {
    let exponent = if attempt < PAIR_RETRY_EXPONENT_MAX { attempt } else { PAIR_RETRY_EXPONENT_MAX };
    Duration::from_secs(PAIR_RETRY_BASE_S.pow(exponent))
}

impl Refusal {
    /// Reads an answer that is not a success.
    pub(super) fn read(http_status: u16, retry_after: Option<Duration>, answer: &Value) -> Option<Self> {
        let error = answer.get("error").filter(|error| error.is_object())?;
        let details = error.get("error_data").and_then(|data| json::secret(data, "details"));
        Some(Self {
            code: json::whole(error, "code"),
            subcode: json::whole(error, "error_subcode"),
            http_status,
            transient: json::flag(error, "is_transient"),
            retry_after,
            details: details.or_else(|| json::secret(error, "message")),
            trace_id: json::word(error, "fbtrace_id"),
        })
    }

    /// An answer without Meta's error in it, from something on the way.
    pub(super) const fn without_code(http_status: u16, retry_after: Option<Duration>) -> Self {
        Self {
            code: None,
            subcode: None,
            http_status,
            transient: http_status == 429,
            retry_after,
            details: None,
            trace_id: None,
        }
    }

    /// What to do about it: by the code; for a code that is not in the table, by whether Meta calls it temporary.
    pub fn action(&self) -> Action {
        let known = self.code.map_or(Action::Refuse, action);
        match (known, self.retry_after) {
            (Action::Retry, Some(wait)) => Action::RetryAfter(wait),
            (Action::Refuse, Some(wait)) if self.transient => Action::RetryAfter(wait),
            (Action::Refuse, None) if self.transient => Action::Retry,
            (known, _) => known,
        }
    }
}

impl std::error::Error for Refusal {}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.code {
            Some(code) => write!(f, "error {code} (HTTP {})", self.http_status),
            None => write!(f, "HTTP {}", self.http_status),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn decisions_follow_the_code_and_not_the_http_status() {
        let refusal = |code: i64, http| {
            Refusal::read(http, None, &json!({"error": {"code": code, "message": "x"}})).unwrap().action()
        };
        for http in [400, 403, 500] {
            assert_eq!(refusal(131_047, http), Action::OfferTemplate);
            assert_eq!(refusal(131_056, http), Action::RetryPair);
            assert_eq!(refusal(190, http), Action::Reconnect);
            assert_eq!(refusal(131_016, http), Action::Retry);
        }
        assert_eq!(refusal(250, 403), Action::CheckPermission);
        assert_eq!(refusal(999_999, 500), Action::Refuse);
    }

    #[test]
    fn an_unknown_code_is_tried_again_only_if_meta_calls_it_temporary() {
        let answer = json!({"error": {"code": 999_999, "is_transient": true}});
        let refusal = Refusal::read(500, None, &answer).unwrap();
        assert_eq!(refusal.action(), Action::Retry);
        let patient = Refusal { retry_after: Some(Duration::from_secs(9)), ..refusal };
        assert_eq!(patient.action(), Action::RetryAfter(Duration::from_secs(9)));
        assert_eq!(Refusal::without_code(429, None).action(), Action::Retry);
        assert_eq!(Refusal::without_code(404, None).action(), Action::Refuse);
    }

    #[test]
    fn waits_for_a_pair_grow_by_four_and_end_somewhere() {
        assert_eq!([0, 1, 2, 3].map(|attempt| pair_wait(attempt).as_secs()), [1, 4, 16, 64]);
        assert_eq!(pair_wait(u32::MAX), pair_wait(PAIR_RETRY_EXPONENT_MAX));
    }
}
