use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};

use zeroize::Zeroizing;

use super::{Entry, Keychain, check_length};
use crate::{KeychainError, Profile};

/// A keychain that ends with the program: for tests, and for runs that shall leave nothing behind.
#[derive(Default)]
pub struct MemoryKeychain {
    entries: Mutex<Entries>,
}

type Entries = HashMap<(Profile, Entry), Zeroizing<Vec<u8>>>;

impl MemoryKeychain {
    /// An empty one.
    pub fn new() -> Self {
        Self::default()
    }

    fn with<T>(&self, act: impl FnOnce(&mut Entries) -> T) -> T {
        // Each act is one call on the map, so a thread that panicked cannot have left it half changed.
        act(&mut self.entries.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Keychain for MemoryKeychain {
    fn get(&self, profile: &Profile, entry: Entry) -> Result<Option<Zeroizing<Vec<u8>>>, KeychainError> {
        Ok(self.with(|entries| entries.get(&(profile.clone(), entry)).cloned()))
    }

    fn set(&self, profile: &Profile, entry: Entry, secret: &[u8]) -> Result<(), KeychainError> {
        check_length(secret)?;
        self.with(|entries| entries.insert((profile.clone(), entry), Zeroizing::new(secret.to_vec())));
        Ok(())
    }

    fn delete(&self, profile: &Profile, entry: Entry) -> Result<(), KeychainError> {
        self.with(|entries| entries.remove(&(profile.clone(), entry)));
        Ok(())
    }
}

impl fmt::Debug for MemoryKeychain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MemoryKeychain(•••)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::KEYCHAIN_ENTRY_BYTES_MAX;

    #[test]
    fn entries_are_kept_apart_by_profile_and_kind() {
        let keychain = MemoryKeychain::new();
        let (ana, ben) = (Profile::new("https://a", "1", "ana"), Profile::new("https://a", "1", "ben"));
        keychain.set(&ana, Entry::RefreshToken, b"old").unwrap();
        keychain.set(&ana, Entry::RefreshToken, b"new").unwrap();
        let read = |profile, entry| keychain.get(profile, entry).unwrap().map(|secret| secret.to_vec());
        assert_eq!(read(&ana, Entry::RefreshToken), Some(b"new".to_vec()));
        assert_eq!(read(&ben, Entry::RefreshToken), None);
        assert_eq!(read(&ana, Entry::SigningKey), None);
        keychain.delete(&ana, Entry::RefreshToken).unwrap();
        keychain.delete(&ana, Entry::RefreshToken).unwrap();
        assert_eq!(read(&ana, Entry::RefreshToken), None);
    }

    #[test]
    fn what_windows_would_refuse_is_refused_everywhere() {
        let (keychain, profile) = (MemoryKeychain::new(), Profile::new("https://a", "1", "ana"));
        let set = |bytes| keychain.set(&profile, Entry::RefreshToken, &vec![0; bytes]);
        assert_eq!(set(KEYCHAIN_ENTRY_BYTES_MAX), Ok(()));
        assert_eq!(set(KEYCHAIN_ENTRY_BYTES_MAX + 1), Err(KeychainError::TooLong));
    }
}
