use std::io::Write as _;
use std::path::Path;

use deskbell_domain::Sensitive;
use deskbell_seal::Key;
use zeroize::Zeroizing;

use crate::storage::{Result, StorageError};

/// The key under which all others lie. It comes from a file, the environment, or the keychain of the program that
/// embeds the backend, and is never stored beside what it opens.
#[derive(Debug, Clone)]
pub struct MasterKey(Key);

impl MasterKey {
    /// A new one.
    ///
    /// # Errors
    /// [`StorageError::Random`].
    pub fn random() -> Result<Self> {
        Ok(Self(Key::random()?))
    }

    /// The key with these bytes, such as from a keychain.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(Key::from_bytes(bytes))
    }

    /// The key written as 64 hexadecimal digits, such as in an environment variable.
    ///
    /// # Errors
    /// [`StorageError::MasterKeyShape`].
    pub fn from_hex(text: &Sensitive<String>) -> Result<Self> {
        let mut bytes = Zeroizing::new([0; 32]);
        hex::decode_to_slice(text.expose().trim(), bytes.as_mut_slice())
            .map_err(|_| StorageError::MasterKeyShape)?;
        Ok(Self(Key::from_bytes(*bytes)))
    }

    /// Reads a file that [`MasterKey::create_file`] made.
    ///
    /// # Errors
    /// When it cannot be read; [`StorageError::MasterKeyShape`].
    pub fn read_file(path: &Path) -> Result<Self> {
        Self::from_hex(&Sensitive::new(std::fs::read_to_string(path)?))
    }

    /// Writes a new key into a new file that only its owner may read.
    ///
    /// # Errors
    /// When the file exists, or cannot be written.
    pub fn create_file(path: &Path) -> Result<Self> {
        let master = Self::random()?;
        let mut options = std::fs::OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(path)?;
        file.write_all(master.0.expose_hex().as_bytes())?;
        file.write_all(b"\n")?;
        file.sync_all()?;
        Ok(master)
    }

    pub(super) const fn key(&self) -> &Key {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_master_key_file_is_private_read_back_and_never_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("master.key");
        let made = MasterKey::create_file(&path).unwrap();
        assert_eq!(MasterKey::read_file(&path).unwrap().0, made.0);
        assert!(matches!(MasterKey::create_file(&path), Err(StorageError::Io(_))));
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        }
    }

    #[test]
    fn what_is_no_master_key_is_refused_without_being_repeated() {
        for text in ["", "abc", &"g".repeat(64), &"a".repeat(63)] {
            assert!(matches!(MasterKey::from_hex(&Sensitive::from(text)), Err(StorageError::MasterKeyShape)));
        }
        assert_eq!(format!("{:?}", MasterKey::from_bytes([0xab; 32])), "MasterKey(Key(•••))");
    }
}
