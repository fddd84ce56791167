use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use deskbell_domain::Sensitive;
use deskbell_seal::{Key, SigningKey};

use crate::disk::{Disk, RealDisk, create_folder, remove, temporary_name};
use crate::keyring_file::{KEYRING_FILE, KeyringFile};
use crate::{Entry, Keychain, Profile, Slot, VaultError};

#[cfg(test)]
mod tests;

/// A database of the console.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DatabaseFile {
    /// What the backend can send again.
    Cache,
    /// What only this device has.
    Outbox,
}

impl DatabaseFile {
    /// The first part of its files' names. It is part of the stored format.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Cache => "cache",
            Self::Outbox => "outbox",
        }
    }
}

/// The key of one generation of one database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatabaseKey {
    /// Which database.
    pub file: DatabaseFile,
    /// Counts up with every rewrite; a file of any other generation is to be deleted.
    pub generation: u64,
    /// Its raw key.
    pub key: Key,
}

impl DatabaseKey {
    fn first(file: DatabaseFile) -> Result<Self, VaultError> {
        Ok(Self { file, generation: 1, key: Key::random()? })
    }

    fn next(&self) -> Result<Self, VaultError> {
        Ok(Self { file: self.file, generation: self.generation + 1, key: Key::random()? })
    }

    /// The name of its file, such as `cache-7.db`.
    pub fn file_name(&self) -> String {
        format!("{}-{}.db", self.file.name(), self.generation)
    }
}

/// The keys of both databases.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatabaseKeys {
    /// Of the cache.
    pub cache: DatabaseKey,
    /// Of the outbox.
    pub outbox: DatabaseKey,
}

/// New keys that do not count yet: files are written under them, then [`Vault::commit`] makes them count.
#[derive(Debug)]
pub struct Rotation {
    number: u64,
    secret: Key,
    keys: DatabaseKeys,
}

impl Rotation {
    /// The keys as they will be. A database that is not rewritten keeps its generation and its key.
    pub fn keys(&self) -> &DatabaseKeys {
        &self.keys
    }
}

/// The keys of one profile: in memory while it is open, in the keychain and in `keyring.json` always.
///
/// Its calls block on the keychain and on the disk; they are not for an async task's thread. One vault of a profile
/// may be open at a time: that one program runs is seen to elsewhere.
pub struct Vault {
    profile: Profile,
    keychain: Arc<dyn Keychain>,
    folder: PathBuf,
    disk: Box<dyn Disk>,
    open: Option<Open>,
}

/// What a lock drops.
struct Open {
    rotation: u64,
    kek: Key,
    keys: DatabaseKeys,
    signing_key: SigningKey,
}

impl Vault {
    /// Opens the profile's vault in `folder`, which is the profile's own.
    ///
    /// # Errors
    /// [`VaultError::NotCreated`] where there is none; what [`Vault::unlock`] fails with.
    pub fn open(profile: Profile, keychain: Arc<dyn Keychain>, folder: PathBuf) -> Result<Self, VaultError> {
        Self::open_on(Box::new(RealDisk), profile, keychain, folder)
    }

    /// Opens the profile's vault in `folder`, or creates the folder, the vault and its keys.
    ///
    /// Databases without a `keyring.json` are not passed over: their key is gone, and that is said.
    ///
    /// # Errors
    /// What [`Vault::unlock`] fails with, and [`VaultError::Folder`].
    pub fn open_or_create(
        profile: Profile,
        keychain: Arc<dyn Keychain>,
        folder: PathBuf,
    ) -> Result<Self, VaultError> {
        Self::open_or_create_on(Box::new(RealDisk), profile, keychain, folder)
    }

    fn open_on(
        disk: Box<dyn Disk>,
        profile: Profile,
        keychain: Arc<dyn Keychain>,
        folder: PathBuf,
    ) -> Result<Self, VaultError> {
        let mut vault = Self { profile, keychain, folder, disk, open: None };
        vault.unlock()?;
        Ok(vault)
    }

    fn open_or_create_on(
        disk: Box<dyn Disk>,
        profile: Profile,
        keychain: Arc<dyn Keychain>,
        folder: PathBuf,
    ) -> Result<Self, VaultError> {
        let mut vault = Self { profile, keychain, folder, disk, open: None };
        match vault.unlock() {
            Err(VaultError::NotCreated) => vault.create()?,
            result => result?,
        }
        Ok(vault)
    }

    /// Reads the keys into memory, from the keychain and `keyring.json`. Nothing happens when they are there.
    ///
    /// # Errors
    /// [`VaultError::Keychain`], after which it may be tried again; [`VaultError::KeyGone`],
    /// [`VaultError::KeyringFileCorrupt`] or [`VaultError::KeyringFileNewer`], after which it may not, and
    /// [`Vault::destroy`] clears the way; [`VaultError::NotCreated`], [`VaultError::Folder`].
    pub fn unlock(&mut self) -> Result<(), VaultError> {
        if self.open.is_some() {
            return Ok(());
        }
        let Some(file) = KeyringFile::read(&self.folder)? else {
            return Err(if self.has_databases()? { VaultError::KeyGone } else { VaultError::NotCreated });
        };
        let kek = self.key(Entry::KeyEncryptionKey)?;
        let secret = self.key(Entry::RotationSecret(Slot::of(file.rotation)))?;
        let keys = file.unwrap(&self.profile, &wrapping_key(&kek, &secret))?;
        let signing_key = SigningKey::from_secret(self.key(Entry::SigningKey)?.expose());
        self.forget_secret_before(file.rotation)?;
        self.open = Some(Open { rotation: file.rotation, kek, keys, signing_key });
        Ok(())
    }

    /// Drops the keys from memory. The databases are to be closed before.
    pub fn lock(&mut self) {
        self.open = None;
    }

    /// Whether the keys are in memory.
    pub fn is_open(&self) -> bool {
        self.open.is_some()
    }

    /// The profile.
    pub fn profile(&self) -> &Profile {
        &self.profile
    }

    /// The folder of the databases.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The databases' keys and the generations that count.
    ///
    /// # Errors
    /// [`VaultError::Locked`].
    pub fn keys(&self) -> Result<&DatabaseKeys, VaultError> {
        self.opened().map(|open| &open.keys)
    }

    /// The device's signing key.
    ///
    /// # Errors
    /// [`VaultError::Locked`].
    pub fn signing_key(&self) -> Result<&SigningKey, VaultError> {
        self.opened().map(|open| &open.signing_key)
    }

    /// Puts the key that the device was registered with in place of the one the vault was created with.
    ///
    /// # Errors
    /// [`VaultError::Locked`], [`VaultError::Keychain`].
    pub fn set_signing_key(&mut self, key: SigningKey) -> Result<(), VaultError> {
        let open = self.open.as_mut().ok_or(VaultError::Locked)?;
        self.keychain.set(&self.profile, Entry::SigningKey, key.expose_secret())?;
        open.signing_key = key;
        Ok(())
    }

    /// The refresh token, where there is one. It is read each time and not held.
    ///
    /// # Errors
    /// [`VaultError::Keychain`]; [`VaultError::KeyGone`] when the entry is no text.
    pub fn refresh_token(&self) -> Result<Option<Sensitive<String>>, VaultError> {
        let Some(bytes) = self.keychain.get(&self.profile, Entry::RefreshToken)? else {
            return Ok(None);
        };
        let token = std::str::from_utf8(&bytes).map_err(|_| VaultError::KeyGone)?;
        Ok(Some(Sensitive::from(token)))
    }

    /// Stores the refresh token. It is to be stored before it is used.
    ///
    /// # Errors
    /// [`VaultError::Keychain`].
    pub fn set_refresh_token(&self, token: &Sensitive<String>) -> Result<(), VaultError> {
        Ok(self.keychain.set(&self.profile, Entry::RefreshToken, token.expose().as_bytes())?)
    }

    /// Removes the refresh token.
    ///
    /// # Errors
    /// [`VaultError::Keychain`].
    pub fn delete_refresh_token(&self) -> Result<(), VaultError> {
        Ok(self.keychain.delete(&self.profile, Entry::RefreshToken)?)
    }

    /// Draws new keys and the next generations for the databases that are rewritten. Nothing is stored yet.
    ///
    /// A database that shall only be dropped is named too: its new generation is a file that does not exist yet.
    ///
    /// # Errors
    /// [`VaultError::Locked`], [`VaultError::Seal`].
    pub fn begin_rotation(&self, rewritten: &[DatabaseFile]) -> Result<Rotation, VaultError> {
        let open = self.opened()?;
        let renew = |database: &DatabaseKey| {
            if rewritten.contains(&database.file) { database.next() } else { Ok(database.clone()) }
        };
        Ok(Rotation {
            number: open.rotation + 1,
            secret: Key::random()?,
            keys: DatabaseKeys { cache: renew(&open.keys.cache)?, outbox: renew(&open.keys.outbox)? },
        })
    }

    /// Makes the rotation count, once its files are written and synced. The replacement of `keyring.json` is the one
    /// moment at which everything changes: a crash before it leaves the old generations, a crash after it the new ones.
    ///
    /// The old secret is still in the keychain afterwards: see [`Vault::forget_old_secret`].
    ///
    /// # Errors
    /// [`VaultError::Keychain`]: nothing has changed. [`VaultError::Folder`]: which generations count is not known,
    /// the vault is locked, and [`Vault::unlock`] finds out. [`VaultError::Locked`],
    /// [`VaultError::RotationOutdated`], [`VaultError::Seal`]: nothing has changed.
    pub fn commit(&mut self, rotation: Rotation) -> Result<(), VaultError> {
        let open = self.open.as_mut().ok_or(VaultError::Locked)?;
        let Rotation { number, secret, keys } = rotation;
        if number != open.rotation + 1 {
            return Err(VaultError::RotationOutdated);
        }
        let file = KeyringFile::wrap(&self.profile, number, &wrapping_key(&open.kek, &secret), &keys)?;
        // The other slot than the one that counts: until the file names the new secret, the old one opens.
        self.keychain.set(&self.profile, Entry::RotationSecret(Slot::of(number)), secret.expose())?;
        if let Err(error) = file.write(&*self.disk, &self.folder) {
            self.open = None;
            return Err(error.into());
        }
        open.rotation = number;
        open.keys = keys;
        Ok(())
    }

    /// Removes the secret of the rotation before this one from the keychain. Only then does an old copy of
    /// `keyring.json` open nothing, and only then may a receipt be signed. It may be called any number of times, and
    /// happens by itself at each unlock.
    ///
    /// # Errors
    /// [`VaultError::Locked`], [`VaultError::Keychain`], [`VaultError::Folder`].
    pub fn forget_old_secret(&self) -> Result<(), VaultError> {
        self.forget_secret_before(self.opened()?.rotation)
    }

    /// Destroys a profile's vault: its entries in the keychain, `keyring.json`, and the databases, which nobody can
    /// open any more. The databases are to be closed before. All of it is tried, whatever fails; done again, it
    /// finishes.
    ///
    /// # Errors
    /// The first thing that failed.
    pub fn destroy(profile: &Profile, keychain: &dyn Keychain, folder: &Path) -> Result<(), VaultError> {
        let entries = Entry::ALL.map(|entry| keychain.delete(profile, entry).map_err(VaultError::from));
        let keyring = [KEYRING_FILE.to_owned(), temporary_name(KEYRING_FILE)];
        let files = keyring.into_iter().chain(database_files(folder)?);
        let files: Vec<_> = files.map(|name| remove(&folder.join(name)).map_err(VaultError::from)).collect();
        entries.into_iter().chain(files).collect()
    }

    fn create(&mut self) -> Result<(), VaultError> {
        const FIRST: u64 = 1;
        create_folder(&self.folder)?;
        let (kek, secret, signing_key) = (Key::random()?, Key::random()?, SigningKey::random()?);
        let keys = DatabaseKeys {
            cache: DatabaseKey::first(DatabaseFile::Cache)?,
            outbox: DatabaseKey::first(DatabaseFile::Outbox)?,
        };
        let file = KeyringFile::wrap(&self.profile, FIRST, &wrapping_key(&kek, &secret), &keys)?;
        // The file comes last: a crash before it leaves entries that the next attempt replaces.
        self.keychain.set(&self.profile, Entry::KeyEncryptionKey, kek.expose())?;
        self.keychain.set(&self.profile, Entry::RotationSecret(Slot::of(FIRST)), secret.expose())?;
        self.keychain.set(&self.profile, Entry::SigningKey, signing_key.expose_secret())?;
        file.write(&*self.disk, &self.folder)?;
        self.open = Some(Open { rotation: FIRST, kek, keys, signing_key });
        Ok(())
    }

    fn opened(&self) -> Result<&Open, VaultError> {
        self.open.as_ref().ok_or(VaultError::Locked)
    }

    fn key(&self, entry: Entry) -> Result<Key, VaultError> {
        let bytes = self.keychain.get(&self.profile, entry)?.ok_or(VaultError::KeyGone)?;
        Key::from_slice(&bytes).map_err(|_| VaultError::KeyGone)
    }

    fn forget_secret_before(&self, rotation: u64) -> Result<(), VaultError> {
        // A power cut must not bring back the file that needs this secret: its replacement is made to last first.
        self.disk.sync_folder(&self.folder)?;
        Ok(self.keychain.delete(&self.profile, Entry::RotationSecret(Slot::of(rotation).other()))?)
    }

    fn has_databases(&self) -> Result<bool, VaultError> {
        Ok(!database_files(&self.folder)?.is_empty())
    }
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Vault").field("profile", &self.profile).field("is_open", &self.is_open()).finish()
    }
}

fn wrapping_key(kek: &Key, rotation_secret: &Key) -> Key {
    Key::derive("vault/wrapping-key", &[kek, rotation_secret])
}

/// The databases' files, of whatever generation, with what SQLite keeps beside them.
fn database_files(folder: &Path) -> Result<Vec<String>, VaultError> {
    let listing = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        listing => listing?,
    };
    let mut names = Vec::new();
    for file in listing {
        let name = file?.file_name();
        names.extend(name.to_str().filter(|name| is_database_file(name)).map(str::to_owned));
    }
    Ok(names)
}

fn is_database_file(name: &str) -> bool {
    let Some((stem, extension)) = name.split_once('.') else {
        return false;
    };
    let Some((file, generation)) = stem.split_once('-') else {
        return false;
    };
    let files = [DatabaseFile::Cache, DatabaseFile::Outbox];
    files.iter().any(|known| known.name() == file)
        && !generation.is_empty()
        && generation.bytes().all(|byte| byte.is_ascii_digit())
        && ["db", "db-wal", "db-shm", "db-journal"].contains(&extension)
}
