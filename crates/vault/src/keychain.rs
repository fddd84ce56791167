mod memory;
mod os;

use std::fmt;

use zeroize::Zeroizing;

use crate::{KEYCHAIN_ENTRY_BYTES_MAX, KeychainError, Profile};

pub use memory::MemoryKeychain;
pub use os::OsKeychain;

/// What the keychain holds for a profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Entry {
    /// The key-encryption key: the same for the profile's whole life.
    KeyEncryptionKey,
    /// The secret that is replaced at every rotation. For the moment of a rotation both slots are filled.
    RotationSecret(Slot),
    /// The token that renews the session.
    RefreshToken,
    /// The secret half of the device's signing key.
    SigningKey,
}

impl Entry {
    /// Every entry a profile can have.
    pub const ALL: [Self; 5] = [
        Self::KeyEncryptionKey,
        Self::RotationSecret(Slot::Even),
        Self::RotationSecret(Slot::Odd),
        Self::RefreshToken,
        Self::SigningKey,
    ];

    /// The entry's name. It is part of the stored format.
    pub const fn name(self) -> &'static str {
        match self {
            Self::KeyEncryptionKey => "key-encryption-key",
            Self::RotationSecret(Slot::Even) => "rotation-even",
            Self::RotationSecret(Slot::Odd) => "rotation-odd",
            Self::RefreshToken => "refresh-token",
            Self::SigningKey => "signing-key",
        }
    }
}

/// Where a rotation's secret is kept: rotations take turns, so that the next secret can be stored before the last one
/// is given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Slot {
    /// For rotations of an even number.
    Even,
    /// For rotations of an odd number.
    Odd,
}

impl Slot {
    pub(crate) const fn of(rotation: u64) -> Self {
        if rotation.is_multiple_of(2) { Self::Even } else { Self::Odd }
    }

    pub(crate) const fn other(self) -> Self {
        match self {
            Self::Even => Self::Odd,
            Self::Odd => Self::Even,
        }
    }
}

/// A place for small secrets that outlives the program and that other users of the computer cannot read.
///
/// Calls block, for [`KEYCHAIN_CALL_MAX`](crate::KEYCHAIN_CALL_MAX) at most: they are not for an async task's thread.
pub trait Keychain: fmt::Debug + Send + Sync {
    /// The entry's bytes, or nothing where there is no such entry. A keychain that cannot tell, being locked, says
    /// so instead: to take "locked" for "nothing" would give up what is stored.
    ///
    /// # Errors
    /// [`KeychainError`].
    fn get(&self, profile: &Profile, entry: Entry) -> Result<Option<Zeroizing<Vec<u8>>>, KeychainError>;

    /// Stores the entry, in place of what it held.
    ///
    /// # Errors
    /// [`KeychainError`].
    fn set(&self, profile: &Profile, entry: Entry, secret: &[u8]) -> Result<(), KeychainError>;

    /// Removes the entry. One that is not there counts as removed.
    ///
    /// # Errors
    /// [`KeychainError`].
    fn delete(&self, profile: &Profile, entry: Entry) -> Result<(), KeychainError>;
}

fn check_length(secret: &[u8]) -> Result<(), KeychainError> {
    if secret.len() > KEYCHAIN_ENTRY_BYTES_MAX {
        return Err(KeychainError::TooLong);
    }
    Ok(())
}
