use std::fmt;

use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::cipher::{Form, VERSION, after_version, decrypt, encrypt};
use crate::fixed::{fixed_bytes, from_text, to_text};
use crate::hash::sha256;
use crate::limits::{NONCE_BYTES, SECRET_TOKEN_BYTES, TAG_BYTES, TOKEN_CONTENT_BYTES_MAX};
use crate::{Aad, Key, SealError, random};

/// Makes a text that only the holder of `key` can read or make: a cursor, a page token.
///
/// # Errors
/// [`SealError::TooLong`] beyond [`TOKEN_CONTENT_BYTES_MAX`]; [`SealError::NoRandomness`].
pub fn token_seal(key: &Key, aad: &Aad, content: &[u8]) -> Result<String, SealError> {
    token_seal_with_nonce(key, &random()?, aad, content)
}

pub(crate) fn token_seal_with_nonce(
    key: &Key,
    nonce: &[u8; NONCE_BYTES],
    aad: &Aad,
    content: &[u8],
) -> Result<String, SealError> {
    if content.len() > TOKEN_CONTENT_BYTES_MAX {
        return Err(SealError::TooLong);
    }
    let sealed = encrypt(Form::Token, key, nonce, aad, content)?;
    Ok(to_text(&[&[VERSION], nonce.as_slice(), &sealed].concat()))
}

/// Reads what [`token_seal`] made. A token that comes back from outside is not to be trusted before this.
///
/// # Errors
/// [`SealError::Refused`], when it was made with another key or for another purpose; [`SealError::Malformed`] or
/// [`SealError::NewerFormat`], when it is no token of this version.
pub fn token_open(key: &Key, aad: &Aad, token: &str) -> Result<Vec<u8>, SealError> {
    if token.len() > TOKEN_TEXT_BYTES_MAX {
        return Err(SealError::TooLong);
    }
    let bytes = from_text(token)?;
    let (nonce, sealed) = after_version(&bytes)?.split_first_chunk().ok_or(SealError::Malformed)?;
    decrypt(Form::Token, key, nonce, aad, sealed)
}

/// The longest text that can be a token: four characters for every three bytes.
const TOKEN_TEXT_BYTES_MAX: usize = (1 + NONCE_BYTES + TOKEN_CONTENT_BYTES_MAX + TAG_BYTES).div_ceil(3) * 4;

/// A random text that proves who holds it: an access token, a link in an invitation. It cannot be printed.
#[derive(Clone)]
pub struct SecretToken(Zeroizing<String>);

impl SecretToken {
    /// A new token of 256 bits.
    ///
    /// # Errors
    /// [`SealError::NoRandomness`].
    pub fn random() -> Result<Self, SealError> {
        let bytes = Zeroizing::new(random::<SECRET_TOKEN_BYTES>()?);
        Ok(Self(Zeroizing::new(to_text(bytes.as_slice()))))
    }

    /// The text, to be handed to its holder once.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// What is stored in its place.
    pub fn hash(&self) -> TokenHash {
        TokenHash::of(&self.0)
    }
}

impl fmt::Debug for SecretToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretToken(•••)")
    }
}

fixed_bytes! {
    /// The hash of a secret token: it finds and proves the token, and does not give it away.
    TokenHash, 32
}

impl TokenHash {
    /// The hash of a token as it came in. Only for texts of [`SecretToken`]'s strength, never for passwords.
    pub fn of(token: &str) -> Self {
        Self::from_bytes(sha256(token.as_bytes()))
    }

    /// Whether `token` is the one this hash was made of; takes the same time either way.
    pub fn matches(&self, token: &str) -> bool {
        self.as_bytes().ct_eq(Self::of(token).as_bytes()).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn aad() -> Aad {
        Aad::purpose("test/cursor", &[&[1; 16]])
    }

    #[test]
    fn a_token_comes_back_for_its_own_purpose() {
        let key = Key::random().unwrap();
        let token = token_seal(&key, &aad(), b"seq 41").unwrap();
        assert_eq!(token_open(&key, &aad(), &token).unwrap(), b"seq 41");
        assert!(token.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_'));
    }

    #[test]
    fn a_token_of_another_key_or_purpose_is_refused() {
        let key = Key::random().unwrap();
        let token = token_seal(&key, &aad(), b"seq 41").unwrap();
        let other = Aad::purpose("test/cursor", &[&[2; 16]]);
        assert_eq!(token_open(&Key::random().unwrap(), &aad(), &token), Err(SealError::Refused));
        assert_eq!(token_open(&key, &other, &token), Err(SealError::Refused));
    }

    #[test]
    fn what_came_from_outside_and_is_no_token_is_refused() {
        let key = Key::random().unwrap();
        assert_eq!(token_open(&key, &aad(), ""), Err(SealError::Malformed));
        assert_eq!(token_open(&key, &aad(), "%%%"), Err(SealError::Malformed));
        assert_eq!(token_open(&key, &aad(), "AQ"), Err(SealError::Malformed));
        assert_eq!(token_open(&key, &aad(), &"A".repeat(1 << 20)), Err(SealError::TooLong));
    }

    #[test]
    fn the_longest_token_opens_and_a_longer_one_is_not_made() {
        let key = Key::random().unwrap();
        let longest = vec![7; TOKEN_CONTENT_BYTES_MAX];
        let token = token_seal(&key, &aad(), &longest).unwrap();
        assert_eq!(token_open(&key, &aad(), &token).unwrap(), longest);
        assert_eq!(token_seal(&key, &aad(), &[7; TOKEN_CONTENT_BYTES_MAX + 1]), Err(SealError::TooLong));
    }

    #[test]
    fn an_envelope_under_the_same_key_does_not_pass_for_a_token() {
        let key = Key::random().unwrap();
        let envelope = crate::seal(&key, &[0; 16], &aad(), b"seq 41").unwrap();
        let as_token = [&[VERSION], &envelope[17..]].concat();
        assert_eq!(token_open(&key, &aad(), &to_text(&as_token)), Err(SealError::Refused));
    }

    #[test]
    fn a_secret_token_matches_its_own_hash_alone() {
        let (token, other) = (SecretToken::random().unwrap(), SecretToken::random().unwrap());
        assert!(token.hash().matches(token.expose()));
        assert!(!token.hash().matches(other.expose()));
        assert_eq!(token.expose().len(), 43);
        assert_eq!(format!("{token:?}"), "SecretToken(•••)");
    }
}
