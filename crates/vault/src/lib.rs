//! Keychain, keys and lock of the console.
//!
//! The operating system's keychain holds four small secrets per profile: the key-encryption key, the rotation secret,
//! the refresh token and the device's signing key. The keys of the databases lie beside them in `keyring.json`,
//! wrapped under a key that follows from the first two. [`Vault`] puts these together; [`Keychain`] is the seam to
//! the system.
//!
//! Nothing here ever writes a secret to a plain file. Where there is no keychain there is no vault, and the error says
//! so.

mod disk;
mod error;
mod keychain;
mod keyring_file;
mod limits;
mod profile;
mod vault;

pub use error::{KeychainError, VaultError};
pub use keychain::{Entry, Keychain, MemoryKeychain, OsKeychain, Slot};
pub use limits::*;
pub use profile::Profile;
pub use vault::{DatabaseFile, DatabaseKey, DatabaseKeys, Rotation, Vault};
