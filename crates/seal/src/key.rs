use std::fmt;

use subtle::ConstantTimeEq;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::aad::put;
use crate::cipher::{Form, VERSION, after_version, decrypt, encrypt};
use crate::fixed::fixed_bytes;
use crate::hash::hmac;
use crate::limits::{KEY_BYTES, NONCE_BYTES, WRAPPED_KEY_BYTES};
use crate::{Aad, SealError, random};

/// A symmetric key. It is wiped when dropped, compared in constant time, and cannot be printed.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct Key([u8; KEY_BYTES]);

impl Key {
    /// A new key.
    ///
    /// # Errors
    /// [`SealError::NoRandomness`].
    pub fn random() -> Result<Self, SealError> {
        random().map(Self)
    }

    /// The key with these bytes.
    pub const fn from_bytes(bytes: [u8; KEY_BYTES]) -> Self {
        Self(bytes)
    }

    /// The key held by a stored byte string.
    ///
    /// # Errors
    /// [`SealError::Malformed`], when it is not 32 bytes long.
    pub fn from_slice(bytes: &[u8]) -> Result<Self, SealError> {
        bytes.try_into().map(Self).map_err(|_| SealError::Malformed)
    }

    /// The bytes. Named so that each use can be found and questioned.
    pub const fn expose(&self) -> &[u8; KEY_BYTES] {
        &self.0
    }

    /// The bytes in hexadecimal, which is how a database takes a raw key.
    pub fn expose_hex(&self) -> Zeroizing<String> {
        Zeroizing::new(hex::encode(self.0))
    }

    /// The key that follows from all of `secrets`, for the purpose `label` alone. Whoever lacks one of them has
    /// nothing. This is HKDF (RFC 5869) with one block of output.
    pub fn derive(label: &str, secrets: &[&Key]) -> Self {
        let mut material = Zeroizing::new(Vec::with_capacity(secrets.len() * (8 + KEY_BYTES)));
        for secret in secrets {
            put(&mut material, secret.expose());
        }
        let extracted = Zeroizing::new(hmac(DERIVE_SALT, &[&material]));
        Self(hmac(&extracted, &[label.as_bytes(), &[1]]))
    }

    /// Wraps `key` under this one.
    ///
    /// # Errors
    /// [`SealError::NoRandomness`].
    pub fn wrap(&self, key: &Key, aad: &Aad) -> Result<WrappedKey, SealError> {
        self.wrap_with_nonce(key, &random()?, aad)
    }

    pub(crate) fn wrap_with_nonce(
        &self,
        key: &Key,
        nonce: &[u8; NONCE_BYTES],
        aad: &Aad,
    ) -> Result<WrappedKey, SealError> {
        let sealed = encrypt(Form::WrappedKey, self, nonce, aad, key.expose())?;
        WrappedKey::from_slice(&[&[VERSION], nonce.as_slice(), &sealed].concat())
    }

    /// Opens what [`Key::wrap`] made.
    ///
    /// # Errors
    /// [`SealError::Refused`], when it was wrapped under another key or for another purpose.
    pub fn unwrap(&self, wrapped: &WrappedKey, aad: &Aad) -> Result<Key, SealError> {
        let (nonce, sealed) =
            after_version(wrapped.as_bytes())?.split_first_chunk().ok_or(SealError::Malformed)?;
        let bytes = Zeroizing::new(decrypt(Form::WrappedKey, self, nonce, aad, sealed)?);
        Self::from_slice(&bytes)
    }
}

/// Keeps derived keys apart from every other use of the same hash.
const DERIVE_SALT: &[u8; KEY_BYTES] = b"deskbell/derive/v1..............";

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for Key {}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(•••)")
    }
}

fixed_bytes! {
    /// A key sealed under another: version, nonce, key, tag. It may lie in the open.
    WrappedKey, WRAPPED_KEY_BYTES
}

#[cfg(test)]
mod tests {
    use super::*;

    fn aad() -> Aad {
        Aad::purpose("test/wrap", &[b"cache", &[7]])
    }

    #[test]
    fn a_wrapped_key_comes_back_under_the_same_key_and_purpose() {
        let (outer, inner) = (Key::random().unwrap(), Key::random().unwrap());
        let wrapped = outer.wrap(&inner, &aad()).unwrap();
        let read = WrappedKey::from_text(&wrapped.to_text()).unwrap();
        assert_eq!(outer.unwrap(&read, &aad()), Ok(inner));
    }

    #[test]
    fn a_wrapped_key_stays_shut_under_another_key_or_purpose() {
        let outer = Key::random().unwrap();
        let wrapped = outer.wrap(&Key::random().unwrap(), &aad()).unwrap();
        let other_purpose = Aad::purpose("test/wrap", &[b"outbox", &[7]]);
        assert_eq!(Key::random().unwrap().unwrap(&wrapped, &aad()), Err(SealError::Refused));
        assert_eq!(outer.unwrap(&wrapped, &other_purpose), Err(SealError::Refused));
    }

    #[test]
    fn a_derived_key_needs_every_secret_in_its_place_and_the_label() {
        let (a, b) = (Key::from_bytes([1; 32]), Key::from_bytes([2; 32]));
        let derived = Key::derive("label", &[&a, &b]);
        assert_eq!(derived, Key::derive("label", &[&a, &b]));
        assert_ne!(derived, Key::derive("label", &[&b, &a]));
        assert_ne!(derived, Key::derive("label", &[&a]));
        assert_ne!(derived, Key::derive("other", &[&a, &b]));
    }

    #[test]
    fn a_key_cannot_be_printed() {
        assert_eq!(format!("{:?}", Key::from_bytes([0xab; 32])), "Key(•••)");
    }

    #[test]
    fn two_random_keys_differ() {
        assert_ne!(Key::random().unwrap(), Key::random().unwrap());
    }
}
