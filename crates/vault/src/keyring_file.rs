//! `keyring.json`: which generation of each database counts, and its key, wrapped.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use deskbell_seal::{Aad, Digest, Key, WrappedKey, digest};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::disk::{Disk, replace};
use crate::limits::KEYRING_FILE_BYTES_MAX;
use crate::vault::{DatabaseFile, DatabaseKey, DatabaseKeys};
use crate::{Profile, VaultError};

/// The file's name, beside the databases.
pub(crate) const KEYRING_FILE: &str = "keyring.json";

const VERSION: u32 = 1;

/// What the file says. It lies in the open and holds no secret.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct KeyringFile {
    /// The number of the rotation whose secret the keys are wrapped under.
    pub(crate) rotation: u64,
    cache: WrappedDatabaseKey,
    outbox: WrappedDatabaseKey,
}

#[derive(Debug, Serialize, Deserialize)]
struct WrappedDatabaseKey {
    generation: u64,
    key: WrappedKey,
}

/// The file around it. The checksum tells a damaged file from a key that does not fit: only the second is final.
#[derive(Serialize, Deserialize)]
struct Frame<'a> {
    version: u32,
    checksum: Digest,
    #[serde(borrow)]
    keyring: &'a RawValue,
}

#[derive(Deserialize)]
struct AnyVersion {
    version: u32,
}

impl KeyringFile {
    /// Wraps the keys under what follows from the key-encryption key and the rotation's secret.
    pub(crate) fn wrap(
        profile: &Profile,
        rotation: u64,
        wrapping: &Key,
        keys: &DatabaseKeys,
    ) -> Result<Self, VaultError> {
        let wrap = |database: &DatabaseKey| {
            let key = wrapping.wrap(&database.key, &aad(profile, database.file, database.generation))?;
            Ok::<_, VaultError>(WrappedDatabaseKey { generation: database.generation, key })
        };
        Ok(Self { rotation, cache: wrap(&keys.cache)?, outbox: wrap(&keys.outbox)? })
    }

    /// The keys. One that does not open was wrapped under secrets that are gone.
    pub(crate) fn unwrap(&self, profile: &Profile, wrapping: &Key) -> Result<DatabaseKeys, VaultError> {
        let unwrap = |file, wrapped: &WrappedDatabaseKey| {
            let generation = wrapped.generation;
            let key = wrapping
                .unwrap(&wrapped.key, &aad(profile, file, generation))
                .map_err(|_| VaultError::KeyGone)?;
            Ok::<_, VaultError>(DatabaseKey { file, generation, key })
        };
        Ok(DatabaseKeys {
            cache: unwrap(DatabaseFile::Cache, &self.cache)?,
            outbox: unwrap(DatabaseFile::Outbox, &self.outbox)?,
        })
    }

    /// Reads the file, where there is one.
    pub(crate) fn read(folder: &Path) -> Result<Option<Self>, VaultError> {
        let file = match File::open(folder.join(KEYRING_FILE)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            file => file?,
        };
        let mut bytes = Vec::new();
        file.take(KEYRING_FILE_BYTES_MAX + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > KEYRING_FILE_BYTES_MAX {
            return Err(VaultError::KeyringFileCorrupt);
        }
        Self::parse(&bytes).map(Some)
    }

    fn parse(bytes: &[u8]) -> Result<Self, VaultError> {
        let corrupt = |_| VaultError::KeyringFileCorrupt;
        // The version first: a newer file may have another frame.
        let AnyVersion { version } = serde_json::from_slice(bytes).map_err(corrupt)?;
        if version > VERSION {
            return Err(VaultError::KeyringFileNewer);
        }
        let frame: Frame<'_> = serde_json::from_slice(bytes).map_err(corrupt)?;
        if frame.checksum != checksum(frame.keyring) {
            return Err(VaultError::KeyringFileCorrupt);
        }
        serde_json::from_str(frame.keyring.get()).map_err(corrupt)
    }

    /// Replaces the file. When this returns, the new one survives a power cut.
    pub(crate) fn write(&self, disk: &dyn Disk, folder: &Path) -> io::Result<()> {
        replace(disk, folder, KEYRING_FILE, &self.to_bytes()?)
    }

    fn to_bytes(&self) -> io::Result<Vec<u8>> {
        let keyring = serde_json::value::to_raw_value(self)?;
        let frame = Frame { version: VERSION, checksum: checksum(&keyring), keyring: &keyring };
        Ok(serde_json::to_vec(&frame)?)
    }
}

fn checksum(keyring: &RawValue) -> Digest {
    digest("vault/keyring-file", &[keyring.get().as_bytes()])
}

fn aad(profile: &Profile, file: DatabaseFile, generation: u64) -> Aad {
    let parts = [profile.name().as_bytes(), file.name().as_bytes(), &generation.to_be_bytes()];
    Aad::purpose("vault/database-key", &parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn profile() -> Profile {
        Profile::new("https://desk.example", "1", "ana")
    }

    fn keys() -> DatabaseKeys {
        let key = |file, byte| DatabaseKey { file, generation: 3, key: Key::from_bytes([byte; 32]) };
        DatabaseKeys { cache: key(DatabaseFile::Cache, 1), outbox: key(DatabaseFile::Outbox, 2) }
    }

    fn bytes(wrapping: &Key) -> Vec<u8> {
        KeyringFile::wrap(&profile(), 4, wrapping, &keys()).unwrap().to_bytes().unwrap()
    }

    #[track_caller]
    fn assert_corrupt(bytes: &[u8]) {
        assert!(matches!(KeyringFile::parse(bytes), Err(VaultError::KeyringFileCorrupt)));
    }

    #[test]
    fn the_keys_come_back_under_the_same_wrapping_key() {
        let wrapping = Key::random().unwrap();
        let file = KeyringFile::parse(&bytes(&wrapping)).unwrap();
        assert_eq!(file.rotation, 4);
        assert_eq!(file.unwrap(&profile(), &wrapping).unwrap(), keys());
    }

    #[test]
    fn another_wrapping_key_or_profile_means_that_the_key_is_gone() {
        let wrapping = Key::random().unwrap();
        let file = KeyringFile::parse(&bytes(&wrapping)).unwrap();
        let other = Profile::new("https://desk.example", "1", "ben");
        assert!(matches!(file.unwrap(&profile(), &Key::random().unwrap()), Err(VaultError::KeyGone)));
        assert!(matches!(file.unwrap(&other, &wrapping), Err(VaultError::KeyGone)));
    }

    #[test]
    fn the_key_of_one_database_does_not_pass_for_the_others() {
        let wrapping = Key::random().unwrap();
        let mut file = KeyringFile::parse(&bytes(&wrapping)).unwrap();
        std::mem::swap(&mut file.cache, &mut file.outbox);
        assert!(matches!(file.unwrap(&profile(), &wrapping), Err(VaultError::KeyGone)));
    }

    #[test]
    fn a_file_cut_at_any_byte_is_corrupt() {
        let bytes = bytes(&Key::random().unwrap());
        for length in 0..bytes.len() {
            assert_corrupt(&bytes[..length]);
        }
    }

    #[test]
    fn a_changed_generation_is_corrupt_and_not_a_lost_key() {
        let text = String::from_utf8(bytes(&Key::random().unwrap())).unwrap();
        let changed = text.replacen("\"generation\":3", "\"generation\":2", 1);
        assert_ne!(changed, text);
        assert_corrupt(changed.as_bytes());
    }

    #[test]
    fn a_newer_file_is_said_to_be_newer_whatever_it_holds() {
        let newer = br#"{"version":2,"all":"else","is":["different"]}"#;
        assert!(matches!(KeyringFile::parse(newer), Err(VaultError::KeyringFileNewer)));
    }

    #[test]
    fn a_field_that_is_not_known_is_passed_over() {
        let wrapping = Key::random().unwrap();
        let text = String::from_utf8(bytes(&wrapping)).unwrap();
        let frame: Frame<'_> = serde_json::from_str(&text).unwrap();
        let keyring = frame.keyring.get().replacen('{', "{\"later\":true,", 1);
        let keyring = RawValue::from_string(keyring).unwrap();
        let frame = Frame { version: VERSION, checksum: checksum(&keyring), keyring: &keyring };
        let file = KeyringFile::parse(&serde_json::to_vec(&frame).unwrap()).unwrap();
        assert_eq!(file.unwrap(&profile(), &wrapping).unwrap(), keys());
    }

    #[test]
    fn the_file_holds_no_key_in_the_open() {
        let text = String::from_utf8(bytes(&Key::random().unwrap())).unwrap();
        for key in [keys().cache.key, keys().outbox.key] {
            let plain = Digest::from_bytes(*key.expose()).to_text();
            assert!(!text.contains(&plain) && !text.contains(key.expose_hex().as_str()));
        }
    }
}
