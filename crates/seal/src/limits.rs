//! Sizes of the formats, in bytes.

/// A symmetric key, and the secret of a signing key.
pub const KEY_BYTES: usize = 32;

/// The id of the key an envelope was sealed under.
pub const KEY_ID_BYTES: usize = 16;

/// The nonce of the cipher: long enough to be drawn at random for each message.
pub(crate) const NONCE_BYTES: usize = 24;

/// What the cipher adds to prove that nothing was changed.
pub(crate) const TAG_BYTES: usize = 16;

/// What an envelope is longer than its content: version, key id, nonce, tag.
pub const ENVELOPE_EXTRA_BYTES: usize = 1 + KEY_ID_BYTES + NONCE_BYTES + TAG_BYTES;

/// A wrapped key: version, nonce, key, tag.
pub const WRAPPED_KEY_BYTES: usize = 1 + NONCE_BYTES + KEY_BYTES + TAG_BYTES;

/// Content of one chunk of a file: small enough to seek in a video without reading much more than is shown, large
/// enough that the tag costs nothing (0.02 %).
pub const CHUNK_BYTES: usize = 64 * 1024;

/// One chunk as it lies in the file.
pub const SEALED_CHUNK_BYTES: usize = CHUNK_BYTES + TAG_BYTES;

/// The random part of a chunk's nonce; four bytes of index and one that marks the last chunk fill it up.
pub(crate) const CHUNK_NONCE_BYTES: usize = NONCE_BYTES - 5;

/// What stands before the first chunk: version and the random part of the nonces.
pub const CHUNK_HEADER_BYTES: usize = 1 + CHUNK_NONCE_BYTES;

/// Content of a page token. It travels in an address, and proxies refuse addresses from about 8,000 characters on.
pub const TOKEN_CONTENT_BYTES_MAX: usize = 2 * 1024;

/// Randomness of a secret token: 256 bits cannot be guessed, so its stored hash needs no salt and no slow function.
pub const SECRET_TOKEN_BYTES: usize = 32;
