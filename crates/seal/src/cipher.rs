use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};

use crate::aad::put;
use crate::limits::NONCE_BYTES;
use crate::{Aad, Key, SealError};

/// The version every form writes as its first byte, and binds.
pub(crate) const VERSION: u8 = 1;

/// The forms a ciphertext can have. One key may serve several; the label keeps them apart.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Form {
    Envelope,
    Chunk,
    WrappedKey,
    Token,
}

impl Form {
    const fn label(self) -> &'static [u8] {
        match self {
            Self::Envelope => b"deskbell/envelope",
            Self::Chunk => b"deskbell/chunk",
            Self::WrappedKey => b"deskbell/wrapped-key",
            Self::Token => b"deskbell/token",
        }
    }

    fn bind(self, aad: &Aad) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(32 + aad.as_bytes().len());
        put(&mut bytes, self.label());
        bytes.push(VERSION);
        bytes.extend_from_slice(aad.as_bytes());
        bytes
    }
}

pub(crate) fn encrypt(
    form: Form,
    key: &Key,
    nonce: &[u8; NONCE_BYTES],
    aad: &Aad,
    content: &[u8],
) -> Result<Vec<u8>, SealError> {
    XChaCha20Poly1305::new(key.expose().into())
        .encrypt(&XNonce::from(*nonce), Payload { msg: content, aad: &form.bind(aad) })
        .map_err(|_| SealError::TooLong)
}

pub(crate) fn decrypt(
    form: Form,
    key: &Key,
    nonce: &[u8; NONCE_BYTES],
    aad: &Aad,
    sealed: &[u8],
) -> Result<Vec<u8>, SealError> {
    XChaCha20Poly1305::new(key.expose().into())
        .decrypt(&XNonce::from(*nonce), Payload { msg: sealed, aad: &form.bind(aad) })
        .map_err(|_| SealError::Refused)
}

/// Takes the version byte off, and refuses what is not this version's.
pub(crate) fn after_version(bytes: &[u8]) -> Result<&[u8], SealError> {
    match bytes.split_first() {
        Some((&VERSION, rest)) => Ok(rest),
        Some((&version, _)) if version > VERSION => Err(SealError::NewerFormat),
        _ => Err(SealError::Malformed),
    }
}
