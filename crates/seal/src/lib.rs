//! Envelopes, chunked files, keyed hashes and signed statements: the only crate that names an algorithm.
//!
//! Both programs seal with it, so one format, pinned by the vectors in `tests/vectors`, covers what lies on a
//! desktop, on a backend and in a backup. It knows bytes, keys and places; it knows nothing of tenants' data.
//!
//! | what | algorithm |
//! | --- | --- |
//! | envelopes, chunked files, wrapped keys, page tokens | XChaCha20-Poly1305 |
//! | derived keys, look-up hashes | HMAC-SHA256 |
//! | digests, token hashes, fingerprints | SHA-256 |
//! | signed statements | Ed25519 |
//!
//! Everything sealed or signed starts with a label that says which of these forms it is, and every variable part
//! carries its length, so nothing made for one purpose passes for another. Errors carry no content.

mod aad;
mod chunked;
mod cipher;
mod envelope;
mod error;
mod fixed;
mod hash;
mod key;
mod limits;
mod random;
mod sign;
mod token;
#[cfg(test)]
mod vectors;

pub use aad::{Aad, Cell};
pub use chunked::{ChunkLayout, ChunkOpener, ChunkSealer, SealedFile, seal_stream};
pub use envelope::{key_id_of, open, seal};
pub use error::SealError;
pub use hash::{Digest, LookupHash, digest, keyed_hash};
pub use key::{Key, WrappedKey};
pub use limits::*;
pub use random::random;
pub use sign::{Signature, SigningKey, VerifyingKey};
pub use token::{SecretToken, TokenHash, token_open, token_seal};
