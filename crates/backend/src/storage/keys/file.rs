use std::fs::{File, TryLockError};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use deskbell_domain::UtcMs;
use deskbell_seal::{Aad, Key, WrappedKey};

use super::master::MasterKey;
use crate::storage::migrate::{SQLITE_KEYS, migrate};
use crate::storage::session::Database;
use crate::storage::sqlite::{self, SqliteFile};
use crate::storage::{Result, StorageError};

/// The key store on SQLite: `keys-N.db`, and `keys.key`, which says which N holds and wraps that file's key.
///
/// A rewrite makes `keys-N+1.db` under a new key and then replaces `keys.key`: one rename, so that a crash leaves the
/// old pair or the new one. Files of other generations are removed at the next opening.
///
/// Every process that has the pair open shares `keys.lock`; a rewrite needs it alone, or another process would go on
/// writing keys into a file that is no longer there.
pub(super) struct KeyFile {
    dir: PathBuf,
    generation: u64,
    file: SqliteFile,
    lock: File,
}

const KEY_FILE: &str = "keys.key";

impl KeyFile {
    pub(super) async fn open(dir: &Path, master: &MasterKey, now: UtcMs) -> Result<Self> {
        std::fs::create_dir_all(dir)?;
        let lock = File::create(dir.join("keys.lock"))?;
        // Alone, when nobody else is there: two processes must not both make the first pair.
        let alone = lock.try_lock().is_ok();
        if !alone {
            lock.lock_shared()?;
        }
        let (generation, key) = match std::fs::read(dir.join(KEY_FILE)) {
            Ok(bytes) => read_key_file(&bytes, master)?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                let key = Key::random()?;
                write_key_file(dir, master, 1, &key)?;
                (1, key)
            }
            Err(error) => return Err(error.into()),
        };
        if alone {
            remove_other_generations(dir, generation)?;
        }
        let file = SqliteFile::open(&path_of(dir, generation), &key).await?;
        migrate(&Database::Sqlite(file.clone()), SQLITE_KEYS, now).await?;
        if alone {
            lock.lock_shared()?;
        }
        Ok(Self { dir: dir.to_owned(), generation, file, lock })
    }

    /// Closes the file, and lets others have it alone.
    pub(super) async fn close(&self) {
        self.file.close().await;
        // A lock that cannot be given back goes with the process.
        let _held = self.lock.unlock();
    }

    pub(super) fn database(&self) -> Database {
        Database::Sqlite(self.file.clone())
    }

    /// Copies what is left into a new file under a new key, and forgets the old one.
    ///
    /// # Errors
    /// [`StorageError::Unavailable`] while another process has the key store open.
    pub(super) async fn rewrite(&mut self, master: &MasterKey) -> Result<()> {
        match self.lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                // The attempt gave the shared lock away for a moment.
                self.lock.lock_shared()?;
                self.catch_up(master).await?;
                return Err(StorageError::Unavailable("another process has the key store open".to_owned()));
            }
            Err(TryLockError::Error(error)) => return Err(error.into()),
        }
        let rewritten = self.rewrite_alone(master).await;
        self.lock.lock_shared()?;
        rewritten
    }

    /// While the lock changes hands another process may rewrite the pair: its file is the one to go on with.
    async fn catch_up(&mut self, master: &MasterKey) -> Result<()> {
        let bytes = std::fs::read(self.dir.join(KEY_FILE))?;
        let (current, key) = read_key_file(&bytes, master)?;
        if current != self.generation {
            let file = SqliteFile::open(&path_of(&self.dir, current), &key).await?;
            self.file.close().await;
            (self.generation, self.file) = (current, file);
        }
        Ok(())
    }

    async fn rewrite_alone(&mut self, master: &MasterKey) -> Result<()> {
        self.catch_up(master).await?;
        let generation = self.generation + 1;
        let target = path_of(&self.dir, generation);
        remove_other_generations(&self.dir, self.generation)?;
        let key = Key::random()?;
        sqlite::rewrite(&self.file, &target, &key).await?;
        File::open(&target)?.sync_all()?;
        let file = SqliteFile::open(&target, &key).await?;
        write_key_file(&self.dir, master, generation, &key)?;
        self.file.close().await;
        self.file = file;
        self.generation = generation;
        remove_other_generations(&self.dir, generation)
    }
}

fn path_of(dir: &Path, generation: u64) -> PathBuf {
    dir.join(format!("keys-{generation}.db"))
}

fn file_key_aad(generation: u64) -> Aad {
    Aad::purpose("key-store/file", &[&generation.to_be_bytes()])
}

fn read_key_file(bytes: &[u8], master: &MasterKey) -> Result<(u64, Key)> {
    let (generation, wrapped) = bytes.split_first_chunk().ok_or(StorageError::Shape("keys.key"))?;
    let generation = u64::from_be_bytes(*generation);
    let wrapped = WrappedKey::from_slice(wrapped)?;
    let key = master.key().unwrap(&wrapped, &file_key_aad(generation)).map_err(super::refused_master)?;
    Ok((generation, key))
}

fn write_key_file(dir: &Path, master: &MasterKey, generation: u64, key: &Key) -> Result<()> {
    let wrapped = master.key().wrap(key, &file_key_aad(generation))?;
    let fresh = dir.join("keys.key.new");
    let mut file = File::create(&fresh)?;
    file.write_all(&generation.to_be_bytes())?;
    file.write_all(wrapped.as_bytes())?;
    file.sync_all()?;
    std::fs::rename(&fresh, dir.join(KEY_FILE))?;
    File::open(dir)?.sync_all()?;
    Ok(())
}

fn remove_other_generations(dir: &Path, generation: u64) -> Result<()> {
    let current = format!("keys-{generation}.db");
    for entry in std::fs::read_dir(dir)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        // With its write-ahead log and its shared memory: `keys-3.db`, `keys-3.db-wal`, `keys-3.db-shm`.
        let is_database = name.starts_with("keys-") && name.contains(".db");
        if is_database && !name.starts_with(&current) {
            std::fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}
