use std::io;

use deskbell_seal::SealError;

/// Why the system's keychain did not do what it was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeychainError {
    /// There is none, it is not set up, or the connection to it is broken. The next call tries to connect again.
    #[error("the system has no keychain that answers")]
    Missing,
    /// It is locked, and nobody unlocked it.
    #[error("the keychain is locked")]
    Locked,
    /// No answer within the limit; a prompt may be waiting. Whether the call took effect is not known.
    #[error("the keychain did not answer in time")]
    Timeout,
    /// More bytes than an entry holds.
    #[error("too long for a keychain entry")]
    TooLong,
}

/// Why the vault could not be opened or changed.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// The keychain is missing, locked, or silent.
    #[error(transparent)]
    Keychain(#[from] KeychainError),
    /// There is no vault of this profile yet.
    #[error("this profile has no vault")]
    NotCreated,
    /// A key is not in the keychain any more, is another one, or the file that names the databases' keys is gone. What
    /// lies in the databases cannot be read again.
    #[error("a key is gone: what was stored cannot be opened")]
    KeyGone,
    /// `keyring.json` is damaged.
    #[error("keyring.json is damaged")]
    KeyringFileCorrupt,
    /// `keyring.json` was written by a newer program.
    #[error("keyring.json was written by a newer version")]
    KeyringFileNewer,
    /// The vault is locked: its keys are not in memory.
    #[error("the vault is locked")]
    Locked,
    /// The rotation was begun before another one was committed.
    #[error("the rotation is out of date")]
    RotationOutdated,
    /// The folder could not be read or written.
    #[error("the vault's folder: {}", .0.kind())]
    Folder(#[from] io::Error),
    /// Nothing could be sealed, for want of randomness.
    #[error(transparent)]
    Seal(#[from] SealError),
}

impl VaultError {
    /// A code by which a program decides and a catalogue finds its text. It never changes.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Keychain(KeychainError::Missing) => "no_keychain",
            Self::Keychain(KeychainError::Locked) => "keychain_locked",
            Self::Keychain(KeychainError::Timeout) => "keychain_timeout",
            Self::Keychain(KeychainError::TooLong) => "keychain_entry_too_long",
            Self::NotCreated => "vault_not_created",
            Self::KeyGone => "key_gone",
            Self::KeyringFileCorrupt => "keyring_file_corrupt",
            Self::KeyringFileNewer => "keyring_file_newer",
            Self::Locked => "vault_locked",
            Self::RotationOutdated => "vault_rotation_outdated",
            Self::Folder(_) => "vault_folder",
            Self::Seal(_) => "vault_seal",
        }
    }
}
