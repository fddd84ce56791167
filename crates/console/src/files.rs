//! The data folder: what lies beside the encrypted files in the clear, which is nothing about any person.

use std::fs::{self, File, TryLockError};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use deskbell_domain::{DeviceId, TenantId, UserId};
use deskbell_vault::Profile;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::api::Preferences;

/// The data folder, held by one process at a time.
#[derive(Debug)]
pub(crate) struct DataFolder {
    path: PathBuf,
    /// Held open: the lock ends with the process, however it ends.
    _lock: File,
}

/// Why the data folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// Another process has it.
    #[error("another Deskbell uses the data folder")]
    InUse,
    /// It cannot be created, read or written.
    #[error("the data folder: {}", .0.kind())]
    Io(#[from] io::Error),
}

/// Whose data this computer shows when the console starts. Ids only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Account {
    /// The backend's address.
    pub backend: String,
    /// Who; absent when nobody is signed in.
    pub signed_in: Option<SignedIn>,
}

/// A session of this computer. Ids only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SignedIn {
    pub tenant: TenantId,
    pub user: UserId,
    pub device: DeviceId,
}

impl SignedIn {
    /// The profile whose vault and databases belong to it.
    pub(crate) fn profile(&self, backend: &str) -> Profile {
        Profile::new(backend, &self.tenant.to_string(), &self.user.to_string())
    }
}

impl DataFolder {
    /// Takes the folder, or creates it.
    pub(crate) fn take(path: PathBuf) -> Result<Self, FolderError> {
        create_private(&path)?;
        let lock = File::options().create(true).truncate(false).write(true).open(path.join("lock"))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { path, _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(FolderError::InUse),
            Err(TryLockError::Error(error)) => Err(error.into()),
        }
    }

    /// Where a profile's encrypted files lie.
    pub(crate) fn profile(&self, profile: &Profile) -> Result<PathBuf, FolderError> {
        let path = self.path.join("profiles").join(profile.name());
        create_private(&path)?;
        Ok(path)
    }

    /// Whose data is shown; `None` before the first sign-in, or where the file cannot be read: the user signs in
    /// again, and nothing is lost by it.
    pub(crate) fn account(&self) -> Option<Account> {
        read(&self.path.join("account.json"))
    }

    /// Remembers whose data is shown.
    pub(crate) fn set_account(&self, account: &Account) -> Result<(), FolderError> {
        write(&self.path.join("account.json"), account)
    }

    /// The user's choices on this computer.
    pub(crate) fn preferences(&self) -> Preferences {
        read(&self.path.join("preferences.json")).unwrap_or_default()
    }

    /// Remembers the user's choices.
    pub(crate) fn set_preferences(&self, preferences: Preferences) -> Result<(), FolderError> {
        write(&self.path.join("preferences.json"), &preferences)
    }
}

/// Creates a folder that only this user of the computer can look into.
fn create_private(path: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

fn read<T: DeserializeOwned>(path: &Path) -> Option<T> {
    serde_json::from_slice(&fs::read(path).ok()?).ok()
}

/// Replaces a file as a whole: after a crash it is the old one or the new one.
fn write<T: Serialize>(path: &Path, value: &T) -> Result<(), FolderError> {
    let bytes = serde_json::to_vec_pretty(value).map_err(io::Error::from)?;
    let new = path.with_extension("new");
    let mut file = File::create(&new)?;
    file.write_all(&bytes)?;
    file.sync_all()?;
    fs::rename(&new, path)?;
    #[cfg(unix)]
    if let Some(folder) = path.parent() {
        File::open(folder)?.sync_all()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::Theme;

    #[test]
    fn a_folder_serves_one_process_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deskbell");
        let first = DataFolder::take(path.clone()).unwrap();
        assert!(matches!(DataFolder::take(path.clone()), Err(FolderError::InUse)));
        drop(first);
        DataFolder::take(path).unwrap();
    }

    #[test]
    fn choices_and_account_are_there_after_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let account = Account {
            backend: "https://desk.example".to_owned(),
            signed_in: Some(SignedIn {
                tenant: TenantId::from_bytes([1; 16]),
                user: UserId::from_bytes([2; 16]),
                device: DeviceId::from_bytes([3; 16]),
            }),
        };
        {
            let data = DataFolder::take(folder.path().to_owned()).unwrap();
            assert_eq!(data.account(), None);
            data.set_account(&account).unwrap();
            data.set_preferences(Preferences { theme: Theme::Dark, single_keys: false }).unwrap();
        }
        let data = DataFolder::take(folder.path().to_owned()).unwrap();
        assert_eq!(data.account(), Some(account));
        assert_eq!(data.preferences(), Preferences { theme: Theme::Dark, single_keys: false });
    }

    #[test]
    fn a_file_that_makes_no_sense_counts_as_missing() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("account.json"), b"\0nonsense").unwrap();
        let data = DataFolder::take(folder.path().to_owned()).unwrap();
        assert_eq!(data.account(), None);
    }
}
