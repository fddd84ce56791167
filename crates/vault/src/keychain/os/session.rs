use std::sync::Arc;

use keyring_core::{CredentialStore, Entry, Error};
use zeroize::Zeroizing;

use crate::KeychainError;

/// A connection to a keychain, used by one thread.
pub(super) trait Session: 'static {
    fn get(&self, user: &str) -> Result<Option<Zeroizing<Vec<u8>>>, Failure>;
    fn set(&self, user: &str, secret: &[u8]) -> Result<(), Failure>;
    fn delete(&self, user: &str) -> Result<(), Failure>;
}

/// Why a session did not do what it was asked. What the system said stays here: it may quote a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Failure {
    /// Locked, and the prompt was dismissed or could not be shown.
    Locked,
    /// The session is of no more use.
    Lost,
}

impl From<Failure> for KeychainError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Locked => Self::Locked,
            Failure::Lost => Self::Missing,
        }
    }
}

/// The name under which every entry stands.
const SERVICE: &str = "Deskbell";

/// The keychain of the system this was built for.
pub(super) struct KeyringSession {
    store: Arc<CredentialStore>,
}

impl KeyringSession {
    pub(super) fn connect() -> Result<Self, Failure> {
        platform::store().map(|store| Self { store }).map_err(failure)
    }

    fn entry(&self, user: &str) -> Result<Entry, Failure> {
        let modifiers = platform::modifiers();
        self.store.build(SERVICE, user, Some(&modifiers)).map_err(failure)
    }
}

impl Session for KeyringSession {
    fn get(&self, user: &str) -> Result<Option<Zeroizing<Vec<u8>>>, Failure> {
        let entry = self.entry(user)?;
        match entry.get_secret() {
            Err(Error::NoEntry) => {
                platform::ensure_unlocked()?;
                found(entry.get_secret())
            }
            answer => found(answer),
        }
    }

    fn set(&self, user: &str, secret: &[u8]) -> Result<(), Failure> {
        self.entry(user)?.set_secret(secret).map_err(failure)
    }

    fn delete(&self, user: &str) -> Result<(), Failure> {
        let entry = self.entry(user)?;
        match entry.delete_credential() {
            Err(Error::NoEntry) => {
                platform::ensure_unlocked()?;
                removed(entry.delete_credential())
            }
            answer => removed(answer),
        }
    }
}

fn found(answer: keyring_core::Result<Vec<u8>>) -> Result<Option<Zeroizing<Vec<u8>>>, Failure> {
    match answer {
        Ok(secret) => Ok(Some(Zeroizing::new(secret))),
        Err(Error::NoEntry) => Ok(None),
        Err(error) => Err(failure(error)),
    }
}

fn removed(answer: keyring_core::Result<()>) -> Result<(), Failure> {
    match answer {
        Ok(()) | Err(Error::NoEntry) => Ok(()),
        // Two of one name are never made here, but whoever signs out wants none to be left.
        Err(Error::Ambiguous(entries)) => {
            entries.iter().try_for_each(|entry| entry.delete_credential().map_err(failure))
        }
        Err(error) => Err(failure(error)),
    }
}

fn failure(error: Error) -> Failure {
    match error {
        Error::NoStorageAccess(cause) => platform::reason(&cause).unwrap_or(Failure::Locked),
        Error::PlatformFailure(cause) => platform::reason(&cause).unwrap_or(Failure::Lost),
        _ => Failure::Lost,
    }
}

#[cfg(all(unix, not(target_os = "macos")))]
mod platform {
    use std::collections::HashMap;
    use std::sync::Arc;

    use keyring_core::error::PlatformError;
    use keyring_core::{CredentialStore, Result};
    use secret_service::EncryptionType;
    use secret_service::blocking::SecretService;

    use super::Failure;

    pub(super) fn store() -> Result<Arc<CredentialStore>> {
        Ok(zbus_secret_service_keyring_store::Store::new()?)
    }

    pub(super) fn modifiers() -> HashMap<&'static str, &'static str> {
        HashMap::new()
    }

    /// A locked collection may hide what it holds, so "not found" counts only where the collection is open.
    pub(super) fn ensure_unlocked() -> std::result::Result<(), Failure> {
        // No secret passes over this connection.
        let service = SecretService::connect(EncryptionType::Plain).map_err(|error| failure(&error))?;
        let collection = service.get_default_collection().map_err(|error| failure(&error))?;
        if collection.is_locked().map_err(|error| failure(&error))? {
            collection.unlock().map_err(|error| failure(&error))?;
        }
        Ok(())
    }

    pub(super) fn reason(cause: &PlatformError) -> Option<Failure> {
        cause.downcast_ref().map(failure)
    }

    fn failure(error: &secret_service::Error) -> Failure {
        use secret_service::Error;
        match error {
            Error::Locked | Error::Prompt => Failure::Locked,
            // `NoResult` among them: there is no default collection, so nothing could be stored.
            _ => Failure::Lost,
        }
    }
}

#[cfg(any(target_os = "macos", target_os = "windows"))]
mod platform {
    use std::collections::HashMap;
    use std::sync::Arc;

    use keyring_core::error::PlatformError;
    use keyring_core::{CredentialStore, Result};

    use super::Failure;

    #[cfg(target_os = "macos")]
    pub(super) fn store() -> Result<Arc<CredentialStore>> {
        Ok(apple_native_keyring_store::keychain::Store::new()?)
    }

    #[cfg(target_os = "windows")]
    pub(super) fn store() -> Result<Arc<CredentialStore>> {
        Ok(windows_native_keyring_store::Store::new()?)
    }

    #[cfg(target_os = "macos")]
    pub(super) fn modifiers() -> HashMap<&'static str, &'static str> {
        HashMap::new()
    }

    /// The default would let a domain copy the keys to the user's other computers.
    #[cfg(target_os = "windows")]
    pub(super) fn modifiers() -> HashMap<&'static str, &'static str> {
        HashMap::from([("persistence", "Local")])
    }

    /// Both systems say "locked" themselves.
    pub(super) fn ensure_unlocked() -> std::result::Result<(), Failure> {
        Ok(())
    }

    /// The kind of the error says enough.
    pub(super) fn reason(_: &PlatformError) -> Option<Failure> {
        None
    }
}
