//! The cache: what the backend has shown this device, with where in the log it stands.

mod batch;
mod pending;
mod purge;
mod read;
mod state;
mod step;

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use deskbell_domain::{CommandId, ConversationId, ServiceWindow, UtcMs, WindowState};
use deskbell_seal::Key;
use deskbell_sync::{Applied, Restored, StoreError, StoreStep};
use sqlx::{Sqlite, Transaction};
use tokio::sync::RwLock;

pub(crate) use pending::Pending;

use crate::database::{Database, Schema};
use crate::error::{FileError, Side, store_error};
use crate::limits::CACHE;

/// The schema's version, as `user_version` holds it. A file of another one is made anew. Raise it whenever a body reads
/// in another way too: the columns beside a body are derived when it is written.
const VERSION: i64 = 1;

const SCHEMA: &str = include_str!("cache/schema.sql");

/// What stands beside a database file while it is open.
const COMPANIONS: [&str; 3] = ["", "-wal", "-shm"];

pub(crate) struct Cache {
    path: PathBuf,
    key: Key,
    /// Another one once a damaged file was made anew; none once closed.
    database: RwLock<Option<Database>>,
    /// Whether it was made anew, and nothing has been written to it since.
    is_new: AtomicBool,
}

fn failed(error: sqlx::Error) -> StoreError {
    store_error(Side::Cache, &error)
}

impl Cache {
    /// Opens the cache. One that cannot be read, or is of another version, is made anew: the backend has all of it.
    pub(crate) async fn open(path: PathBuf, key: Key) -> Result<Self, FileError> {
        let (database, is_new) = match open_as_it_is(&path, &key).await {
            Ok((database, Schema::Created)) => (database, true),
            Ok((database, Schema::Found(VERSION))) => (database, false),
            Ok((database, Schema::Found(_))) => {
                database.close().await;
                (made_anew(&path, &key).await?, true)
            }
            Err(FileError::WrongKey) => (made_anew(&path, &key).await?, true),
            Err(error) => return Err(error),
        };
        Ok(Self { path, key, database: RwLock::new(Some(database)), is_new: AtomicBool::new(is_new) })
    }

    pub(crate) async fn close(&self) {
        if let Some(database) = self.database.write().await.take() {
            database.close().await;
        }
    }

    #[cfg(test)]
    pub(crate) async fn writer(&self) -> sqlx::SqlitePool {
        self.database.read().await.as_ref().unwrap().writer.clone()
    }

    /// The cache's part of what an engine starts from.
    pub(crate) async fn restore(&self, restored: &mut Restored) -> Result<(), StoreError> {
        if let Err(StoreError::CacheDamaged) = self.read_state(restored).await {
            self.make_anew().await?;
            self.is_new.store(true, Ordering::Relaxed);
            self.read_state(restored).await?;
        }
        restored.cache_is_new = self.is_new.load(Ordering::Relaxed);
        Ok(())
    }

    async fn read_state(&self, restored: &mut Restored) -> Result<(), StoreError> {
        let mut tx = self.reading().await?;
        let state = state::read(&mut tx).await?;
        restored.settled = state::settled(&mut tx).await?;
        restored.position = state.position;
        restored.snapshot = state.snapshot;
        restored.scopes = state.scopes;
        Ok(())
    }

    /// One step, in one transaction. Dropping works on a cache too that nothing can be written to any more: its file
    /// is made anew.
    pub(crate) async fn apply(&self, step: &StoreStep) -> Result<Applied, StoreError> {
        let purged = match self.apply_in_place(step).await {
            Err(_) if *step == StoreStep::DropCache => {
                self.make_anew().await?;
                0
            }
            applied => applied?,
        };
        self.is_new.store(false, Ordering::Relaxed);
        Ok(Applied { purged, ..Applied::default() })
    }

    async fn apply_in_place(&self, step: &StoreStep) -> Result<u64, StoreError> {
        let mut tx = self.writing().await?;
        let purged = step::write(&mut tx, step).await?;
        tx.commit().await.map_err(failed)?;
        Ok(purged)
    }

    /// Those of the commands whose conversation's service window is closed.
    pub(crate) async fn with_closed_window(
        &self,
        commands: &[(CommandId, ConversationId)],
        now: UtcMs,
    ) -> Result<Vec<CommandId>, StoreError> {
        let mut tx = self.reading().await?;
        let ids: Vec<_> = commands.iter().map(|(_, conversation)| *conversation).collect();
        let stored = read::conversations(&mut tx, &ids).await?;
        let is_closed = |row: &&read::Conversation| {
            let window = ServiceWindow::since(row.body.last_customer_message_at);
            matches!(window.at(now), WindowState::Closed { .. })
        };
        let closed: HashSet<_> = stored.iter().filter(is_closed).map(|row| row.id).collect();
        Ok(commands.iter().filter(|(_, lane)| closed.contains(lane)).map(|(id, _)| *id).collect())
    }

    /// A look at the cache as it is at one moment.
    async fn reading(&self) -> Result<Transaction<'static, Sqlite>, StoreError> {
        let database = self.database.read().await;
        database.as_ref().ok_or(StoreError::Closed)?.readers.begin().await.map_err(failed)
    }

    async fn writing(&self) -> Result<Transaction<'static, Sqlite>, StoreError> {
        let database = self.database.read().await;
        let writer = &database.as_ref().ok_or(StoreError::Closed)?.writer;
        writer.begin_with("BEGIN IMMEDIATE").await.map_err(failed)
    }

    /// Replaces the file by an empty one. Views that are being read end first; later ones wait.
    async fn make_anew(&self) -> Result<(), StoreError> {
        let mut place = self.database.write().await;
        // A cache that was closed stays closed.
        place.as_ref().ok_or(StoreError::Closed)?.close().await;
        *place = Some(made_anew(&self.path, &self.key).await.map_err(|_| StoreError::Disk)?);
        Ok(())
    }
}

/// The file, with the schema if it is a new one.
async fn open_as_it_is(path: &Path, key: &Key) -> Result<(Database, Schema), FileError> {
    let database = Database::open(path, key, CACHE).await?;
    match database.establish(SCHEMA, VERSION).await {
        Ok(schema) => Ok((database, schema)),
        Err(error) => {
            database.close().await;
            Err(error)
        }
    }
}

/// An empty cache in the place of one that is of no use. Nobody has it open.
async fn made_anew(path: &Path, key: &Key) -> Result<Database, FileError> {
    tracing::warn!("the cache cannot be used as it is, and is made anew");
    for companion in COMPANIONS {
        let mut name = path.as_os_str().to_owned();
        name.push(companion);
        match std::fs::remove_file(PathBuf::from(name)) {
            Ok(()) => {}
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(_) => return Err(FileError::Unusable),
        }
    }
    let (database, _) = open_as_it_is(path, key).await?;
    Ok(database)
}
