use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::calls::Code;

/// A refusal in Meta's shape.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) code: i64,
    subcode: Option<i64>,
    details: Option<String>,
}

impl Refusal {
    pub(super) const fn new(code: i64) -> Self {
        Self { code, subcode: None, details: None }
    }

    pub(super) fn with_details(code: i64, details: impl Into<String>) -> Self {
        Self { code, subcode: None, details: Some(details.into()) }
    }

    pub(super) const fn with_subcode(code: i64, subcode: i64) -> Self {
        Self { code, subcode: Some(subcode), details: None }
    }
}

/// HTTP status, title and details of a code, as Meta's table of errors has them.
pub(super) const fn row(code: i64) -> (u16, &'static str, &'static str) {
    match code {
        0 => (401, "AuthException", "We were unable to authenticate the app user."),
        1 => (400, "API Unknown", "Invalid request or possible server error."),
        2 => (503, "API Service", "Temporary due to downtime or due to being overloaded."),
        3 => (500, "API Method", "Capability or permissions issue."),
        4 => (400, "API Too Many Calls", "The app has reached its API call rate limit."),
        10 | 200..=299 => (403, "Permission Denied", "Permission is either not granted or has been removed."),
        33 => (400, "Parameter value is not valid", "The business phone number has been deleted."),
        100 => (
            400,
            "Invalid parameter",
            "The request included one or more unsupported or misspelled parameters.",
        ),
        190 => (401, "Error validating access token", "Your access token has expired or is not valid."),
        368 => (403, "Temporarily blocked for policies violations", "The account has been restricted."),
        80_007 => (400, "Rate limit issues", "The WhatsApp Business Account has reached its rate limit."),
        130_429 => (400, "Rate limit hit", "Cloud API message throughput has been reached."),
        130_472 => {
            (400, "User's number is part of an experiment", "Message was not sent as part of an experiment.")
        }
        130_497 => {
            (403, "Business account is restricted", "Restricted from messaging users in this country.")
        }
        131_000 => (500, "Something went wrong", "Message failed to send due to an unknown error."),
        131_005 => (403, "Access denied", "Permission is either not granted or has been removed."),
        131_008 => (400, "Required parameter is missing", "The request is missing a required parameter."),
        131_009 => (400, "Parameter value is not valid", "One or more parameter values are invalid."),
        131_016 => (500, "Service unavailable", "A service is temporarily unavailable."),
        131_021 => (400, "Recipient cannot be sender", "Sender and recipient phone number is the same."),
        131_026 => (400, "Message undeliverable", "Unable to deliver message."),
        131_031 => (403, "Account has been locked", "The account has been restricted or disabled."),
        131_037 => (400, "Display name approval needed", "The display name of the number is not approved."),
        131_042 => {
            (400, "Business eligibility payment issue", "There was an error related to your payment method.")
        }
        131_045 => (500, "Incorrect certificate", "Message failed due to a phone number registration error."),
        131_047 => (
            400,
            "Re-engagement message",
            "More than 24 hours have passed since the recipient last replied to the sender number.",
        ),
        131_048 => (400, "Spam rate limit hit", "There are restrictions on how many messages can be sent."),
        131_049 => {
            (400, "Not delivered", "This message was not delivered to maintain healthy ecosystem engagement.")
        }
        131_050 => (400, "User has stopped marketing messages", "The recipient chose not to receive them."),
        131_051 => (400, "Unsupported message type", "Message type is currently not supported."),
        131_052 => (400, "Media download error", "Unable to download the media sent by the user."),
        131_053 => (400, "Media upload error", "Unable to upload the media used in the message."),
        131_056 => (
            400,
            "(Business Account, Consumer Account) pair rate limit hit",
            "Too many messages sent from the sender phone number to the same recipient phone number.",
        ),
        131_057 => (500, "Account in maintenance mode", "Business Account is in maintenance mode."),
        131_062 => (400, "Parameter value is not valid", "This message cannot be sent to a user id."),
        132_000 => (400, "Template param count mismatch", "The number of variable values does not match."),
        132_001 => (404, "Template does not exist", "The template does not exist in the specified language."),
        132_015 => (400, "Template is paused", "Template is paused due to low quality."),
        133_010 => (400, "Phone number not registered", "Phone number not registered on the platform."),
        _ => (400, "Something else", "An error that the practice platform has no words for."),
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let (http, title, usual) = row(self.code);
        let details = self.details.as_deref().unwrap_or(usual);
        // Errors of messaging carry their explanation apart, older ones in the message alone.
        let messaging = self.code >= 130_000;
        let message =
            if messaging { format!("(#{}) {title}", self.code) } else { format!("{title}: {details}") };
        let mut error = json!({
            "message": message,
            "type": "OAuthException",
            "code": self.code,
            "fbtrace_id": "Aprac-ticeplatform0000",
        });
        if let Some(error) = error.as_object_mut() {
            if messaging {
                error.insert(
                    "error_data".into(),
                    json!({"messaging_product": "whatsapp", "details": details}),
                );
            }
            if let Some(subcode) = self.subcode {
                error.insert("error_subcode".into(), subcode.into());
            }
        }
        let status = StatusCode::from_u16(http).unwrap_or(StatusCode::BAD_REQUEST);
        let mut response = (status, Json(json!({"error": error}))).into_response();
        response.extensions_mut().insert(Code(self.code));
        response
    }
}
