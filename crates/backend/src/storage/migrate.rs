use deskbell_domain::UtcMs;

use super::session::{Database, Session};
use super::statement::{pair, sql};
use super::value::values;
use super::{Result, StorageError};

/// One step of a schema. Its version is its place in the tree, from 1.
pub(crate) struct Migration {
    name: &'static str,
    script: &'static str,
}

macro_rules! tree {
    ($($folder:literal / $name:literal),+ $(,)?) => {
        &[$(Migration {
            name: $name,
            script: include_str!(concat!("../../migrations/", $folder, "/", $name, ".sql")),
        }),+]
    };
}

/// SQLite: the directory's file.
pub(crate) const SQLITE_DIRECTORY: &[Migration] = tree!("sqlite/directory" / "0001_directory");
/// SQLite: the file of staged webhooks.
pub(crate) const SQLITE_ARRIVALS: &[Migration] = tree!("sqlite/arrivals" / "0001_arrivals");
/// SQLite: each tenant's file.
pub(crate) const SQLITE_TENANT: &[Migration] = tree!("sqlite/tenant" / "0001_tenant");
/// SQLite: the key store's file.
pub(crate) const SQLITE_KEYS: &[Migration] = tree!("sqlite/keys" / "0001_keys");
/// PostgreSQL: everything but the keys.
pub(crate) const POSTGRES_DATA: &[Migration] =
    tree!("postgres/data" / "0001_directory", "postgres/data" / "0002_arrivals", "postgres/data" / "0003_tenant");
/// PostgreSQL: the key store's database.
pub(crate) const POSTGRES_KEYS: &[Migration] = tree!("postgres/keys" / "0001_keys");

const CREATE_VERSIONS: &str = "CREATE TABLE IF NOT EXISTS schema_version (
  version    BIGINT NOT NULL PRIMARY KEY,
  name       TEXT   NOT NULL,
  applied_at BIGINT NOT NULL
)";

const FOUND: super::statement::Statement = sql("SELECT COALESCE(MAX(version), 0) FROM schema_version");
const HAS_VERSIONS: super::statement::Statement = pair(
    "SELECT COUNT(*) FROM sqlite_schema WHERE type = 'table' AND name = 'schema_version'",
    "SELECT COUNT(*) FROM pg_tables WHERE tablename = 'schema_version' AND schemaname = current_schema()",
);
const APPLIED: super::statement::Statement =
    sql("INSERT INTO schema_version (version, name, applied_at) VALUES ($1, $2, $3)");

/// Two programs that start at once migrate one after the other. SQLite's write lock does the same by itself.
const LOCK: super::statement::Statement = pair("SELECT 1", "SELECT 1 FROM pg_advisory_xact_lock(7165301)");

/// Brings a database up to date, each step in a transaction of its own.
///
/// # Errors
/// [`StorageError::NewerDatabase`] when a newer program was here; the database is left as it is.
pub(crate) async fn migrate(database: &Database, tree: &'static [Migration], now: UtcMs) -> Result<()> {
    loop {
        let mut session = database.begin().await?;
        session.all(&LOCK, values![]).await?;
        session.execute_script(CREATE_VERSIONS).await?;
        let found = session.one(&FOUND, values![]).await?.take::<i64>("schema_version.version")?;
        let Some(next) = next(tree, found)? else { return session.commit().await };
        session.execute_script(next.script).await?;
        session.execute(&APPLIED, values![found + 1, next.name, now]).await?;
        session.commit().await?;
    }
}

/// Checks that a database is at this program's version, without touching it.
///
/// # Errors
/// [`StorageError::OlderDatabase`] and [`StorageError::NewerDatabase`].
pub(crate) async fn refuse_other_version(session: &mut Session, tree: &'static [Migration]) -> Result<()> {
    let known = i64::try_from(tree.len()).unwrap_or(i64::MAX);
    let has_versions = session.one(&HAS_VERSIONS, values![]).await?.take::<i64>("pg_tables")? > 0;
    let found = if has_versions {
        session.one(&FOUND, values![]).await?.take::<i64>("schema_version.version")?
    } else {
        0
    };
    match next(tree, found)? {
        Some(_) => Err(StorageError::OlderDatabase { found, known }),
        None => Ok(()),
    }
}

fn next(tree: &'static [Migration], found: i64) -> Result<Option<&'static Migration>> {
    let known = i64::try_from(tree.len()).unwrap_or(i64::MAX);
    if found > known {
        return Err(StorageError::NewerDatabase { found, known });
    }
    Ok(usize::try_from(found).ok().and_then(|index| tree.get(index)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::sqlite::SqliteFile;
    use deskbell_seal::Key;

    #[tokio::test]
    async fn a_database_is_migrated_once_and_refused_when_newer() {
        let folder = tempfile::tempdir().unwrap();
        let file = SqliteFile::open(&folder.path().join("a.db"), &Key::from_bytes([1; 32])).await.unwrap();
        let database = Database::Sqlite(file);
        migrate(&database, SQLITE_TENANT, UtcMs::from_ms(5)).await.unwrap();
        migrate(&database, SQLITE_TENANT, UtcMs::from_ms(6)).await.unwrap();

        let mut session = database.begin().await.unwrap();
        refuse_other_version(&mut session, SQLITE_TENANT).await.unwrap();
        session.execute(&APPLIED, values![2_i64, "from the future", 7_i64]).await.unwrap();
        session.commit().await.unwrap();

        let refused = migrate(&database, SQLITE_TENANT, UtcMs::from_ms(8)).await;
        assert!(matches!(refused, Err(StorageError::NewerDatabase { found: 2, known: 1 })), "{refused:?}");
        database.close().await;
    }

    #[tokio::test]
    async fn a_database_without_schema_is_older() {
        let folder = tempfile::tempdir().unwrap();
        let file = SqliteFile::open(&folder.path().join("a.db"), &Key::from_bytes([1; 32])).await.unwrap();
        let database = Database::Sqlite(file);
        let mut session = database.begin().await.unwrap();
        let refused = refuse_other_version(&mut session, SQLITE_TENANT).await;
        assert!(matches!(refused, Err(StorageError::OlderDatabase { found: 0, known: 1 })), "{refused:?}");
    }
}
