use std::fmt;

use ed25519_dalek::Signer;
use zeroize::Zeroizing;

use crate::aad::put;
use crate::cipher::VERSION;
use crate::fixed::fixed_bytes;
use crate::hash::sha256;
use crate::limits::KEY_BYTES;
use crate::{SealError, random};

/// The secret half of a signing key. It is wiped when dropped and cannot be printed.
#[derive(Clone)]
pub struct SigningKey(ed25519_dalek::SigningKey);

impl SigningKey {
    /// A new key.
    ///
    /// # Errors
    /// [`SealError::NoRandomness`].
    pub fn random() -> Result<Self, SealError> {
        Ok(Self::from_secret(&Zeroizing::new(random()?)))
    }

    /// The key with this secret.
    pub fn from_secret(secret: &[u8; KEY_BYTES]) -> Self {
        Self(ed25519_dalek::SigningKey::from_bytes(secret))
    }

    /// The secret, to be kept in a keychain or sealed. Named so that each use can be found and questioned.
    pub fn expose_secret(&self) -> &[u8; KEY_BYTES] {
        self.0.as_bytes()
    }

    /// The public half.
    pub fn verifying_key(&self) -> VerifyingKey {
        VerifyingKey::from_bytes(self.0.verifying_key().to_bytes())
    }

    /// Signs `payload` as a statement of the kind `context`. A receipt's signature never passes for a checkpoint's.
    pub fn sign(&self, context: &str, payload: &[u8]) -> Signature {
        Signature::from_bytes(self.0.sign(&statement(context, payload)).to_bytes())
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningKey(•••)")
    }
}

fixed_bytes! {
    /// The public half of a signing key.
    VerifyingKey, KEY_BYTES
}

impl VerifyingKey {
    /// Checks that the owner of this key signed exactly this statement.
    ///
    /// # Errors
    /// [`SealError::Refused`], when they did not, or when these bytes are no usable key.
    pub fn verify(&self, context: &str, payload: &[u8], signature: &Signature) -> Result<(), SealError> {
        let signature = ed25519_dalek::Signature::from_bytes(signature.as_bytes());
        // Strict: a key of small order, under which a signature may fit several statements, is refused.
        ed25519_dalek::VerifyingKey::from_bytes(self.as_bytes())
            .and_then(|key| key.verify_strict(&statement(context, payload), &signature))
            .map_err(|_| SealError::Refused)
    }

    /// The key in hexadecimal, as people pass it to a command.
    pub fn to_hex(&self) -> String {
        hex::encode(self.as_bytes())
    }

    /// The key a person typed or pasted: hexadecimal, or the text form.
    ///
    /// # Errors
    /// [`SealError::Malformed`], when it is neither.
    pub fn parse(typed: &str) -> Result<Self, SealError> {
        let typed = typed.trim();
        match hex::decode(typed) {
            Ok(bytes) => Self::from_slice(&bytes),
            Err(_) => Self::from_text(typed),
        }
    }

    /// What two people compare to know that they mean the same key: 128 bits in eight groups of four.
    pub fn fingerprint(&self) -> String {
        let mut bytes = Vec::new();
        put(&mut bytes, b"deskbell/fingerprint");
        put(&mut bytes, self.as_bytes());
        let groups: Vec<String> = sha256(&bytes).chunks(2).take(8).map(hex::encode).collect();
        groups.join(" ")
    }
}

fixed_bytes! {
    /// A signature over one statement.
    Signature, 64
}

fn statement(context: &str, payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(64 + context.len() + payload.len());
    put(&mut bytes, b"deskbell/statement");
    bytes.push(VERSION);
    put(&mut bytes, context.as_bytes());
    bytes.extend_from_slice(payload);
    bytes
}

#[cfg(test)]
mod tests {
    use ed25519_dalek::Verifier;

    use super::*;

    #[test]
    fn a_statement_verifies_under_the_signers_key() {
        let key = SigningKey::random().unwrap();
        let signature = key.sign("receipt", b"purged");
        let signature = Signature::from_text(&signature.to_text()).unwrap();
        assert_eq!(key.verifying_key().verify("receipt", b"purged", &signature), Ok(()));
    }

    #[test]
    fn another_payload_context_key_or_signature_is_refused() {
        let key = SigningKey::random().unwrap();
        let public = key.verifying_key();
        let signature = key.sign("receipt", b"purged");
        let stranger = SigningKey::random().unwrap().verifying_key();
        let mut forged = *signature.as_bytes();
        forged[0] ^= 1;
        assert_eq!(public.verify("receipt", b"kept", &signature), Err(SealError::Refused));
        assert_eq!(public.verify("checkpoint", b"purged", &signature), Err(SealError::Refused));
        assert_eq!(stranger.verify("receipt", b"purged", &signature), Err(SealError::Refused));
        assert_eq!(
            public.verify("receipt", b"purged", &Signature::from_bytes(forged)),
            Err(SealError::Refused)
        );
    }

    #[test]
    fn a_letter_that_moves_from_context_to_payload_is_noticed() {
        let key = SigningKey::random().unwrap();
        let signature = key.sign("ab", b"c");
        assert_eq!(key.verifying_key().verify("a", b"bc", &signature), Err(SealError::Refused));
    }

    #[test]
    fn the_key_that_verifies_anything_is_refused() {
        // The neutral point with an all-zero scalar satisfies the lenient equation for every statement.
        let mut neutral = [0; 32];
        neutral[0] = 1;
        let mut signature = [0; 64];
        signature[0] = 1;
        let lenient = ed25519_dalek::VerifyingKey::from_bytes(&neutral).unwrap();
        let fits = lenient.verify(&statement("receipt", b"anything"), &signature.into());
        assert!(fits.is_ok(), "the control: nothing but strictness refuses it");
        let key = VerifyingKey::from_bytes(neutral);
        assert_eq!(
            key.verify("receipt", b"anything", &Signature::from_bytes(signature)),
            Err(SealError::Refused)
        );
    }

    #[test]
    fn a_key_survives_its_secret_and_both_of_its_texts() {
        let key = SigningKey::random().unwrap();
        let public = key.verifying_key();
        assert_eq!(SigningKey::from_secret(key.expose_secret()).verifying_key(), public);
        assert_eq!(VerifyingKey::parse(&public.to_hex()), Ok(public));
        assert_eq!(VerifyingKey::parse(&format!(" {}\n", public.to_text())), Ok(public));
        assert_eq!(VerifyingKey::parse("not a key"), Err(SealError::Malformed));
    }

    #[test]
    fn a_signing_key_cannot_be_printed() {
        assert_eq!(format!("{:?}", SigningKey::from_secret(&[7; 32])), "SigningKey(•••)");
    }
}
