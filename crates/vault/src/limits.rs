//! Limits of the vault.

use std::time::Duration;

/// What one entry of a keychain may hold, in bytes: the smallest of the systems (Windows) decides.
pub const KEYCHAIN_ENTRY_BYTES_MAX: usize = 2_560;

/// How long one call to the keychain is waited for. Calls take 3 to 300 ms; one that takes longer waits for a person
/// to answer the system's prompt, and the window must not look dead meanwhile.
pub const KEYCHAIN_CALL_MAX: Duration = Duration::from_secs(5);

/// What `keyring.json` may hold, in bytes. It has some 600; anything much larger was not written here.
pub(crate) const KEYRING_FILE_BYTES_MAX: u64 = 16 * 1024;
