//! Keyed digests that Meta uses: the signature of a webhook, and the proof that a caller holds the app secret.

use deskbell_domain::Sensitive;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// Name of the header that carries a webhook's signature.
pub const HEADER: &str = "X-Hub-Signature-256";

const PREFIX: &str = "sha256=";

/// Why a webhook is not trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// The header does not read `sha256=` and 64 hexadecimal digits.
    #[error("the signature is missing or not in Meta's form")]
    Malformed,
    /// No secret gives this signature over this body.
    #[error("the signature does not fit the body")]
    Mismatch,
}

/// Checks a webhook's signature over its raw bytes, before anything parses them.
///
/// `secrets` are the app's secrets, several while one is being rotated. Returns the position of the secret that
/// fits, so that the end of an old one's use can be seen.
///
/// # Errors
/// When the header is not in Meta's form, or no secret fits.
pub fn verify(header: &str, body: &[u8], secrets: &[Sensitive<String>]) -> Result<usize, SignatureError> {
    let digits = header.trim().strip_prefix(PREFIX).ok_or(SignatureError::Malformed)?;
    let mut given = [0_u8; 32];
    hex::decode_to_slice(digits, &mut given).map_err(|_| SignatureError::Malformed)?;
    fitting_secret(&given, body, secrets).ok_or(SignatureError::Mismatch)
}

/// The header's value for a body, as Meta writes it.
pub fn sign(body: &[u8], secret: &Sensitive<String>) -> String {
    format!("{PREFIX}{}", hex::encode(digest(secret, body)))
}

/// The `appsecret_proof` of a call with this token.
pub fn appsecret_proof(token: &Sensitive<String>, secret: &Sensitive<String>) -> Sensitive<String> {
    Sensitive::new(hex::encode(digest(secret, token.expose().as_bytes())))
}

/// Position of the secret whose digest over `message` is `given`. Every secret is tried and compared in constant
/// time, so that timing tells neither how much of a digest fits nor which secret.
pub(crate) fn fitting_secret(given: &[u8], message: &[u8], secrets: &[Sensitive<String>]) -> Option<usize> {
    use subtle::ConstantTimeEq;
    let mut found = None;
    for (position, secret) in secrets.iter().enumerate() {
        let fits = bool::from(digest(secret, message).ct_eq(given));
        if fits && found.is_none() {
            found = Some(position);
        }
    }
    found
}

/// HMAC-SHA256 of `message`.
pub(crate) fn digest(secret: &Sensitive<String>, message: &[u8]) -> [u8; 32] {
    let key = secret.expose().as_bytes();
    // HMAC takes keys of any length: the error exists for other constructions.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else { unreachable!("HMAC takes any key") };
    mac.update(message);
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: &[u8] = b"{\"object\":\"whatsapp_business_account\",\"entry\":[{\"id\":\"77\"}]}";

    fn secrets(all: &[&str]) -> Vec<Sensitive<String>> {
        all.iter().map(|&secret| secret.into()).collect()
    }

    #[test]
    fn a_body_is_accepted_under_each_secret_while_rotating() {
        let secrets = secrets(&["new-secret", "old-secret"]);
        assert_eq!(verify(&sign(BODY, &secrets[0]), BODY, &secrets), Ok(0));
        assert_eq!(verify(&sign(BODY, &secrets[1]), BODY, &secrets), Ok(1));
        assert_eq!(verify(&sign(BODY, &"gone".into()), BODY, &secrets), Err(SignatureError::Mismatch));
        assert_eq!(verify(&sign(BODY, &"new-secret".into()), BODY, &[]), Err(SignatureError::Mismatch));
    }

    #[test]
    fn one_changed_byte_is_noticed_wherever_it_is() {
        let secrets = secrets(&["a-secret"]);
        let header = sign(BODY, &secrets[0]);
        for at in 0..BODY.len() {
            let mut forged = BODY.to_vec();
            forged[at] ^= 1;
            assert_eq!(verify(&header, &forged, &secrets), Err(SignatureError::Mismatch));
        }
        assert_eq!(verify(&header, &BODY[..BODY.len() - 1], &secrets), Err(SignatureError::Mismatch));
    }

    #[test]
    fn a_header_in_another_form_is_refused() {
        let secrets = secrets(&["a-secret"]);
        let good = sign(BODY, &secrets[0]);
        for header in
            ["", "sha256=", "sha1=00", &good[..70], &format!("{good}00"), &good.replace("256=", "256:")]
        {
            assert_eq!(verify(header, BODY, &secrets), Err(SignatureError::Malformed), "{header}");
        }
        assert_eq!(verify(&good.to_uppercase().replace("SHA", "sha"), BODY, &secrets), Ok(0));
    }
}
