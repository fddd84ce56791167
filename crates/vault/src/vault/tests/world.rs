//! A computer with a keychain and a folder.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use tempfile::TempDir;
use zeroize::Zeroizing;

use crate::{Entry, Keychain, KeychainError, MemoryKeychain, Profile, Slot, Vault, VaultError};

pub(super) struct World {
    root: TempDir,
    keychain: Arc<MemoryKeychain>,
}

impl World {
    pub(super) fn new() -> Self {
        Self { root: tempfile::tempdir().unwrap(), keychain: Arc::new(MemoryKeychain::new()) }
    }

    pub(super) fn profile(&self) -> Profile {
        Profile::new("https://desk.example", "1", "ana")
    }

    pub(super) fn folder(&self) -> PathBuf {
        self.root.path().join("profiles").join(self.profile().name())
    }

    pub(super) fn keychain(&self) -> Arc<MemoryKeychain> {
        Arc::clone(&self.keychain)
    }

    pub(super) fn open(&self) -> Result<Vault, VaultError> {
        Vault::open(self.profile(), self.keychain(), self.folder())
    }

    pub(super) fn open_or_create(&self) -> Result<Vault, VaultError> {
        Vault::open_or_create(self.profile(), self.keychain(), self.folder())
    }

    pub(super) fn secret(&self, entry: Entry) -> Option<Vec<u8>> {
        self.keychain.get(&self.profile(), entry).unwrap().map(|secret| secret.to_vec())
    }

    pub(super) fn rotation_secrets(&self) -> usize {
        [Slot::Even, Slot::Odd]
            .into_iter()
            .filter_map(|slot| self.secret(Entry::RotationSecret(slot)))
            .count()
    }

    /// The names of the files in the profile's folder, sorted.
    pub(super) fn files(&self) -> Vec<String> {
        let Ok(listing) = fs::read_dir(self.folder()) else {
            return Vec::new();
        };
        let mut names: Vec<_> =
            listing.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    /// Another folder, with this `keyring.json`.
    pub(super) fn folder_with(&self, keyring: &[u8]) -> PathBuf {
        let folder = self.root.path().join("copy");
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("keyring.json"), keyring).unwrap();
        folder
    }

    /// Whether a file of the folder holds these bytes: as they are, in hexadecimal, or as base64.
    pub(super) fn holds(&self, secret: &[u8]) -> bool {
        let hex: String = secret.iter().map(|byte| format!("{byte:02x}")).collect();
        let mut forms = vec![secret.to_vec(), hex.into_bytes()];
        if let Ok(bytes) = <[u8; 32]>::try_from(secret) {
            forms.push(deskbell_seal::Digest::from_bytes(bytes).to_text().into_bytes());
        }
        self.files().iter().any(|name| {
            let content = fs::read(self.folder().join(name)).unwrap();
            forms.iter().any(|form| content.windows(form.len()).any(|window| window == form))
        })
    }
}

/// A keychain that fails at everything.
#[derive(Debug)]
pub(super) struct Missing(pub(super) KeychainError);

impl Keychain for Missing {
    fn get(&self, _: &Profile, _: Entry) -> Result<Option<Zeroizing<Vec<u8>>>, KeychainError> {
        Err(self.0)
    }

    fn set(&self, _: &Profile, _: Entry, _: &[u8]) -> Result<(), KeychainError> {
        Err(self.0)
    }

    fn delete(&self, _: &Profile, _: Entry) -> Result<(), KeychainError> {
        Err(self.0)
    }
}
