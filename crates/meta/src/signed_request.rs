//! `signed_request`: what Meta posts to the deauthorize and data-deletion callbacks.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use deskbell_domain::{Sensitive, UtcMs};
use serde_json::Value;

use crate::signature;
use crate::webhook::json;

/// What a callback says, once its signature was checked.
///
/// There is no nonce in it: (`user_id`, `issued_at`) is what makes a repeated callback recognisable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedRequest {
    /// Position of the secret that fitted, among those given.
    pub secret: usize,
    /// App-scoped id of the person who once connected an account.
    pub user_id: Sensitive<String>,
    /// When Meta wrote the request.
    pub issued_at: Option<UtcMs>,
    /// When it ends to be valid, where Meta says so.
    pub expires: Option<UtcMs>,
}

/// Why a callback is not trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SignedRequestError {
    /// Not two parts of base64 with JSON in the second.
    #[error("not a signed request")]
    Malformed,
    /// No secret gives this signature over this payload.
    #[error("the signature does not fit the request")]
    Signature,
    /// The payload names another algorithm than HMAC-SHA256.
    #[error("the request is signed with an algorithm that is not accepted")]
    Algorithm,
    /// The payload names no person.
    #[error("the request names no user")]
    NoUser,
}

/// Reads a `signed_request` and checks it against the app's secrets, several while one is being rotated.
///
/// # Errors
/// When it is not in Meta's form, no secret fits, or it names another algorithm or no user.
pub fn parse(text: &str, secrets: &[Sensitive<String>]) -> Result<SignedRequest, SignedRequestError> {
    let (signature, payload) = text.trim().split_once('.').ok_or(SignedRequestError::Malformed)?;
    let signature = base64(signature)?;
    // The signature covers the payload as it is encoded. It is checked before the payload is read.
    let secret = signature::fitting_secret(&signature, payload.as_bytes(), secrets)
        .ok_or(SignedRequestError::Signature)?;
    let payload: Value =
        serde_json::from_slice(&base64(payload)?).map_err(|_| SignedRequestError::Malformed)?;
    let algorithm = json::text(&payload, "algorithm").unwrap_or_default();
    if !algorithm.eq_ignore_ascii_case("HMAC-SHA256") {
        return Err(SignedRequestError::Algorithm);
    }
    Ok(SignedRequest {
        secret,
        user_id: json::secret(&payload, "user_id").ok_or(SignedRequestError::NoUser)?,
        issued_at: json::time(&payload, "issued_at"),
        expires: json::time(&payload, "expires"),
    })
}

/// Meta's base64: the URL alphabet, with or without padding.
fn base64(text: &str) -> Result<Vec<u8>, SignedRequestError> {
    URL_SAFE_NO_PAD.decode(text.trim_end_matches('=')).map_err(|_| SignedRequestError::Malformed)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "the-app-secret";

    fn signed(payload: &str) -> String {
        let payload = URL_SAFE_NO_PAD.encode(payload);
        let signature = signature::digest(&SECRET.into(), payload.as_bytes());
        format!("{}.{payload}", URL_SAFE_NO_PAD.encode(signature))
    }

    fn read(text: &str) -> Result<SignedRequest, SignedRequestError> {
        parse(text, &["another-secret".into(), SECRET.into()])
    }

    #[test]
    fn a_request_names_the_person_and_the_time() {
        let request =
            read(&signed(r#"{"algorithm":"hmac-sha256","user_id":9007199254740993,"issued_at":1790000000}"#))
                .unwrap();
        assert_eq!(request.user_id.expose(), "9007199254740993");
        assert_eq!(request.issued_at, Some(UtcMs::from_ms(1_790_000_000_000)));
        assert_eq!((request.expires, request.secret), (None, 1));
    }

    #[test]
    fn padding_makes_no_difference() {
        let text = signed(r#"{"algorithm":"HMAC-SHA256","user_id":"41"}"#);
        let (signature, payload) = text.split_once('.').unwrap();
        assert!(read(&format!("{signature}=.{payload}")).is_ok());
    }

    #[test]
    fn what_is_not_signed_by_us_is_refused_before_it_is_read() {
        assert_eq!(parse(&signed("nonsense"), &["other".into()]), Err(SignedRequestError::Signature));
        assert_eq!(read(&signed("nonsense")), Err(SignedRequestError::Malformed));
        assert_eq!(read("no dot"), Err(SignedRequestError::Malformed));
        assert_eq!(read("."), Err(SignedRequestError::Signature));
    }

    #[test]
    fn a_request_of_another_algorithm_or_of_nobody_is_refused() {
        let other = signed(r#"{"algorithm":"none","user_id":"41"}"#);
        assert_eq!(read(&other), Err(SignedRequestError::Algorithm));
        let nobody = signed(r#"{"algorithm":"HMAC-SHA256"}"#);
        assert_eq!(read(&nobody), Err(SignedRequestError::NoUser));
    }
}
