use std::path::Path;
use std::time::Duration;

use deskbell_seal::Key;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePool, SqlitePoolOptions,
    SqliteSynchronous,
};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, Executor as _};

use crate::error::FileError;
use crate::limits::{BUSY_MS, LOG_BYTES_KEPT, READERS};

/// Empty where SQLCipher is not linked.
const CIPHER_VERSION: &str = "PRAGMA cipher_version";

/// How a database is tuned.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Purpose {
    /// Page cache of the writer, in KiB.
    pub writer_cache_kib: u32,
    /// Page cache of each reader, in KiB.
    pub reader_cache_kib: u32,
    /// Whether each commit reaches the disk before it answers.
    pub synchronous: SqliteSynchronous,
}

/// What was found in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Schema {
    /// Nothing; the schema was created.
    Created,
    /// The schema of this version.
    Found(i64),
}

/// One encrypted file: a writer, and readers beside it.
pub(crate) struct Database {
    pub writer: SqlitePool,
    pub readers: SqlitePool,
}

impl Database {
    /// Opens the file, or creates it.
    ///
    /// # Errors
    /// [`FileError::NotEncrypted`], before anything is written; [`FileError::WrongKey`]; [`FileError::Unusable`].
    /// The file is closed then, and can be removed.
    pub(crate) async fn open(path: &Path, key: &Key, purpose: Purpose) -> Result<Self, FileError> {
        Self::open_asking(CIPHER_VERSION, path, key, purpose).await
    }

    /// [`Database::open`], where `question` asks which SQLCipher is linked.
    async fn open_asking(
        question: &'static str,
        path: &Path,
        key: &Key,
        purpose: Purpose,
    ) -> Result<Self, FileError> {
        examine(question, path, key).await?;
        let writer = pool(path, key, purpose, Role::Writer).await?;
        match pool(path, key, purpose, Role::Reader).await {
            Ok(readers) => Ok(Self { writer, readers }),
            Err(error) => {
                writer.close().await;
                Err(error)
            }
        }
    }

    /// Creates the schema in a new file, in one transaction with its version; says what is in any other.
    pub(crate) async fn establish(&self, schema: &'static str, version: i64) -> Result<Schema, FileError> {
        const VERSION: &str = "PRAGMA user_version";
        let found: i64 = sqlx::query_scalar(VERSION).fetch_one(&self.readers).await?;
        if found != 0 {
            return Ok(Schema::Found(found));
        }
        let mut tx = self.writer.begin_with("BEGIN IMMEDIATE").await?;
        // Another program may have been quicker.
        let found: i64 = sqlx::query_scalar(VERSION).fetch_one(&mut *tx).await?;
        if found != 0 {
            return Ok(Schema::Found(found));
        }
        sqlx::raw_sql(schema).execute(&mut *tx).await?;
        sqlx::raw_sql(AssertSqlSafe(format!("PRAGMA user_version = {version}"))).execute(&mut *tx).await?;
        tx.commit().await?;
        Ok(Schema::Created)
    }

    /// Closes the file, once those who use it are done. Its keys leave memory with its connections.
    pub(crate) async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }
}

/// Looks at the file on a connection of its own, which is closed whatever comes out: a pool would leave one that
/// failed open for a while, and the file could not be removed everywhere.
async fn examine(question: &'static str, path: &Path, key: &Key) -> Result<(), FileError> {
    let mut connection = unlocked(path).create_if_missing(true).connect().await?;
    let verdict = verify(&mut connection, question, key).await;
    let closed = connection.close().await;
    verdict.and(closed.map_err(FileError::from))
}

async fn verify(
    connection: &mut SqliteConnection,
    question: &'static str,
    key: &Key,
) -> Result<(), FileError> {
    // Reads the header and the schema: a wrong key shows here.
    const READ: &str = "SELECT count(*) FROM sqlite_schema";
    // Without SQLCipher the key pragma does nothing and says nothing, and the file would be in the clear.
    let version: Option<String> = sqlx::query_scalar(question).fetch_optional(&mut *connection).await?;
    if version.is_none_or(|version| version.is_empty()) {
        return Err(FileError::NotEncrypted);
    }
    // For the whole process, and before the key: a wrong one is reported on the standard error stream otherwise.
    connection.execute("PRAGMA cipher_log_level = NONE").await?;
    connection.execute(AssertSqlSafe(format!("PRAGMA key = {}", raw_key(key)))).await?;
    connection.execute(READ).await?;
    Ok(())
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    Writer,
    Reader,
}

async fn pool(path: &Path, key: &Key, purpose: Purpose, role: Role) -> Result<SqlitePool, FileError> {
    let (connections, cache_kib) = match role {
        Role::Writer => (1, purpose.writer_cache_kib),
        Role::Reader => (READERS, purpose.reader_cache_kib),
    };
    // The driver sends the key before all other pragmas, and these in the order in which they stand here. The key
    // turns `secure_delete` on.
    let options = unlocked(path)
        .pragma("key", raw_key(key))
        .synchronous(purpose.synchronous)
        .pragma("temp_store", "MEMORY")
        .pragma("cache_size", format!("-{cache_kib}"))
        .pragma("journal_size_limit", LOG_BYTES_KEPT.to_string());
    let options = match role {
        Role::Writer => options.journal_mode(SqliteJournalMode::Wal),
        // The mode is the file's once the writer has set it, and only the writer may change anything.
        Role::Reader => options.pragma("query_only", "ON"),
    };
    let pool = SqlitePoolOptions::new()
        .max_connections(connections)
        .idle_timeout(None)
        .max_lifetime(None)
        .test_before_acquire(false)
        .after_release(|connection, _| {
            Box::pin(async move {
                // A full disk ends a transaction by itself, and the driver goes on counting it: nothing could begin
                // on this connection ever again. The ping waits for the rollback that the driver has asked for.
                connection.ping().await?;
                Ok(!connection.is_in_transaction())
            })
        })
        .connect_with(options)
        .await?;
    Ok(pool)
}

/// What every connection has in common but the key. Statements are not logged, because the key is part of one; the
/// options are never printed either.
fn unlocked(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .foreign_keys(true)
        .busy_timeout(Duration::from_millis(BUSY_MS))
        .disable_statement_logging()
}

/// A raw key as the pragma takes it. A passphrase would be stretched anew for every connection, at a quarter of a
/// second each.
fn raw_key(key: &Key) -> String {
    format!("\"x'{}'\"", key.expose_hex().as_str())
}

#[cfg(test)]
mod tests;
