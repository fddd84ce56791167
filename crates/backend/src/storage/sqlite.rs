use std::path::Path;

use deskbell_seal::Key;
use sqlx::sqlite::{
    SqliteAutoVacuum, SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions,
    SqliteSynchronous,
};
use sqlx::{ConnectOptions as _, Connection as _, Executor as _, Row as _};

use super::{Result, StorageError};
use crate::limits::{ACQUIRE_WAIT, SQLITE_BUSY, SQLITE_CACHE_KIB, SQLITE_READERS, STATEMENTS_CACHED};

/// An open SQLCipher file: one connection that writes, a few that read beside it.
#[derive(Clone)]
pub(crate) struct SqliteFile {
    writer: SqlitePool,
    readers: SqlitePool,
}

impl SqliteFile {
    /// Opens a file with its raw key; makes it when it is not there.
    ///
    /// # Errors
    /// [`StorageError::NoCipher`] when the linked SQLite cannot encrypt; [`StorageError::Refused`] with code 26 when
    /// the key is another.
    pub(crate) async fn open(path: &Path, key: &Key) -> Result<Self> {
        let writer = pool(1, false).connect_with(options(path, key, true)).await;
        let writer = writer.map_err(plain_error)?;
        let readers = pool(SQLITE_READERS, true).connect_lazy_with(options(path, key, false));
        Ok(Self { writer, readers })
    }

    pub(crate) const fn writer(&self) -> &SqlitePool {
        &self.writer
    }

    pub(crate) const fn readers(&self) -> &SqlitePool {
        &self.readers
    }

    pub(crate) async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }
}

fn pool(connections: u32, read_only: bool) -> SqlitePoolOptions {
    SqlitePoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(ACQUIRE_WAIT)
        .test_before_acquire(false)
        .idle_timeout(None)
        .max_lifetime(None)
        .after_release(|connection, _| {
            Box::pin(async move {
                // A full disk ends a transaction by itself, and the driver goes on counting it: nothing could begin
                // on this connection ever again. The ping waits for the rollback that the driver has asked for.
                connection.ping().await?;
                Ok(!connection.is_in_transaction())
            })
        })
        .after_connect(move |connection, _| {
            Box::pin(async move {
                let row = connection.fetch_optional("PRAGMA cipher_version").await?;
                let version = row.and_then(|row| row.try_get::<String, _>(0).ok());
                if !encrypts(version.as_deref()) {
                    return Err(sqlx::Error::Configuration(NO_CIPHER.into()));
                }
                if read_only {
                    connection.execute("PRAGMA query_only = ON").await?;
                }
                Ok(())
            })
        })
}

/// Whether what `PRAGMA cipher_version` answered is a cipher. A plain SQLite answers nothing, and takes `PRAGMA key`
/// without a word.
fn encrypts(cipher_version: Option<&str>) -> bool {
    cipher_version.is_some_and(|version| !version.is_empty())
}

const NO_CIPHER: &str = "SQLCipher is not linked";

fn plain_error(error: sqlx::Error) -> StorageError {
    match &error {
        sqlx::Error::Configuration(text) if text.to_string() == NO_CIPHER => StorageError::NoCipher,
        _ => error.into(),
    }
}

/// How a file is opened. The result holds the key and its `Debug` prints it: it never leaves this module.
///
/// Statements are not logged, for the first of them is the key.
fn options(path: &Path, key: &Key, create: bool) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(create)
        .pragma("key", format!("\"x'{}'\"", key.expose_hex().as_str()))
        .pragma("cipher_log_level", "NONE")
        .pragma("temp_store", "MEMORY")
        .pragma("cache_size", format!("-{SQLITE_CACHE_KIB}"))
        .pragma("journal_size_limit", "16777216")
        .auto_vacuum(SqliteAutoVacuum::None)
        .journal_mode(SqliteJournalMode::Wal)
        // What was answered with 200 must be on the disk: no commit is left to the next one.
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(SQLITE_BUSY)
        .statement_cache_capacity(STATEMENTS_CACHED)
        .disable_statement_logging()
}

/// Copies an open file into a new one under another key. What was deleted before is not in the copy, and with the
/// old key gone the old file's blocks cannot be read, wherever the disk keeps them.
pub(crate) async fn rewrite(file: &SqliteFile, target: &Path, key: &Key) -> Result<()> {
    let target = target.to_str().ok_or(StorageError::Shape("a path that is no UTF-8"))?.replace('\'', "''");
    let attach = format!("ATTACH DATABASE '{target}' AS rewritten KEY \"x'{}'\"", key.expose_hex().as_str());
    let mut connection = file.writer.acquire().await?;
    connection.execute(sqlx::raw_sql(sqlx::AssertSqlSafe(attach))).await?;
    let exported = async {
        connection.execute("SELECT sqlcipher_export('rewritten')").await?;
        let check = connection.fetch_one("PRAGMA rewritten.quick_check").await?;
        Ok::<_, sqlx::Error>(check.try_get::<String, _>(0)? == "ok")
    }
    .await;
    connection.execute("DETACH DATABASE rewritten").await?;
    if exported? { Ok(()) } else { Err(StorageError::Shape("a rewritten file")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_sqlite_without_a_cipher_is_recognised() {
        assert!(encrypts(Some("4.10.0 community")));
        assert!(!encrypts(Some("")));
        assert!(!encrypts(None));
        assert!(matches!(plain_error(sqlx::Error::Configuration(NO_CIPHER.into())), StorageError::NoCipher));
    }

    #[tokio::test]
    async fn the_file_is_noise_and_opens_with_its_own_key_only() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.db");
        let file = SqliteFile::open(&path, &Key::from_bytes([1; 32])).await.unwrap();
        file.writer().execute("CREATE TABLE canary(word TEXT) STRICT").await.unwrap();
        file.writer().execute("INSERT INTO canary VALUES ('nightingale')").await.unwrap();
        file.close().await;

        let bytes = std::fs::read(&path).unwrap();
        assert!(bytes.len() > 4096);
        assert!(!bytes.starts_with(b"SQLite format 3"));
        assert!(!bytes.windows(11).any(|window| window == b"nightingale"));

        assert!(matches!(
            SqliteFile::open(&path, &Key::from_bytes([2; 32])).await,
            Err(StorageError::Refused(_))
        ));
        let again = SqliteFile::open(&path, &Key::from_bytes([1; 32])).await.unwrap();
        let word: String =
            again.readers().fetch_one("SELECT word FROM canary").await.unwrap().try_get(0).unwrap();
        assert_eq!(word, "nightingale");
        assert!(
            again.readers().execute("DELETE FROM canary").await.is_err(),
            "a reading connection cannot write"
        );
        again.close().await;
    }

    #[tokio::test]
    async fn a_commit_is_on_the_disk_and_what_is_deleted_is_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let file = SqliteFile::open(&folder.path().join("a.db"), &Key::from_bytes([1; 32])).await.unwrap();
        for (pragma, expected) in
            [("synchronous", "2"), ("journal_mode", "wal"), ("secure_delete", "1"), ("foreign_keys", "1")]
        {
            let query = sqlx::AssertSqlSafe(format!("SELECT CAST({pragma} AS TEXT) FROM pragma_{pragma}"));
            let value: String =
                file.writer().fetch_one(sqlx::query(query)).await.unwrap().try_get(0).unwrap();
            assert_eq!(value, expected, "{pragma}");
        }
        file.close().await;
    }

    #[tokio::test]
    async fn a_full_disk_refuses_one_transaction_and_not_those_after_it() {
        let folder = tempfile::tempdir().unwrap();
        let file = SqliteFile::open(&folder.path().join("a.db"), &Key::from_bytes([1; 32])).await.unwrap();
        file.writer().execute("CREATE TABLE t(bytes BLOB) STRICT").await.unwrap();
        // The file may not grow, as on a full disk. The limit is this connection's.
        file.writer().execute("PRAGMA max_page_count = 1").await.unwrap();
        let mut full = file.writer().begin_with("BEGIN IMMEDIATE").await.unwrap();
        let refused = full.execute("INSERT INTO t VALUES (zeroblob(1000000))").await;
        assert!(
            matches!(refused, Err(sqlx::Error::Database(error)) if error.code().as_deref() == Some("13"))
        );
        drop(full);

        let mut next = file.writer().begin_with("BEGIN IMMEDIATE").await.unwrap();
        next.execute("INSERT INTO t VALUES (x'01')").await.unwrap();
        next.commit().await.unwrap();
        let rows: i64 = file.readers().fetch_one("SELECT COUNT(*) FROM t").await.unwrap().try_get(0).unwrap();
        assert_eq!(rows, 1);
        file.close().await;
    }

    #[tokio::test]
    async fn a_rewritten_file_holds_everything_under_the_new_key() {
        let folder = tempfile::tempdir().unwrap();
        let (old, new) = (folder.path().join("old.db"), folder.path().join("it's new.db"));
        let file = SqliteFile::open(&old, &Key::from_bytes([1; 32])).await.unwrap();
        file.writer().execute("CREATE TABLE canary(word TEXT) STRICT").await.unwrap();
        file.writer().execute("INSERT INTO canary VALUES ('kept')").await.unwrap();
        rewrite(&file, &new, &Key::from_bytes([2; 32])).await.unwrap();
        file.close().await;

        let again = SqliteFile::open(&new, &Key::from_bytes([2; 32])).await.unwrap();
        let word: String =
            again.readers().fetch_one("SELECT word FROM canary").await.unwrap().try_get(0).unwrap();
        assert_eq!(word, "kept");
        again.close().await;
        assert!(SqliteFile::open(&new, &Key::from_bytes([1; 32])).await.is_err());
    }
}
