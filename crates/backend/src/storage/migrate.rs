use deskbell_domain::UtcMs;

use super::session::{Database, Session};
use super::statement::{Statement, pair, sql};
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
pub(crate) const POSTGRES_DATA: &[Migration] = tree!(
    "postgres/data" / "0001_directory",
    "postgres/data" / "0002_arrivals",
    "postgres/data" / "0003_tenant"
);
/// PostgreSQL: the key store's database.
pub(crate) const POSTGRES_KEYS: &[Migration] = tree!("postgres/keys" / "0001_keys");

/// `INTEGER` of SQLite is `BIGINT` of PostgreSQL.
const CREATE_VERSIONS: Statement = pair(
    "CREATE TABLE IF NOT EXISTS schema_version (
       version INTEGER NOT NULL PRIMARY KEY, name TEXT NOT NULL, applied_at INTEGER NOT NULL) STRICT",
    "CREATE TABLE IF NOT EXISTS schema_version (
       version BIGINT NOT NULL PRIMARY KEY, name TEXT NOT NULL, applied_at BIGINT NOT NULL)",
);

const FOUND: Statement = sql("SELECT COALESCE(MAX(version), 0) FROM schema_version");
const HAS_VERSIONS: Statement = pair(
    "SELECT COUNT(*) FROM sqlite_schema WHERE type = 'table' AND name = 'schema_version'",
    "SELECT COUNT(*) FROM pg_tables WHERE tablename = 'schema_version' AND schemaname = current_schema()",
);
const APPLIED: Statement = sql("INSERT INTO schema_version (version, name, applied_at) VALUES ($1, $2, $3)");

/// Two programs that start at once migrate one after the other. SQLite's write lock does the same by itself.
const LOCK: Statement = pair("SELECT 1", "SELECT 1 FROM pg_advisory_xact_lock(7165301)");

/// Brings a database up to date, each step in a transaction of its own.
///
/// # Errors
/// [`StorageError::NewerDatabase`] when a newer program was here; the database is left as it is.
pub(crate) async fn migrate(database: &Database, tree: &'static [Migration], now: UtcMs) -> Result<()> {
    loop {
        let mut session = database.begin().await?;
        session.all(&LOCK, values![]).await?;
        session.execute(&CREATE_VERSIONS, values![]).await?;
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
    use std::collections::BTreeMap;

    use super::*;
    use crate::storage::postgres;
    use crate::storage::sqlite::SqliteFile;
    use deskbell_domain::Sensitive;
    use deskbell_seal::Key;
    use sqlx::{Connection as _, Executor as _, Row as _};

    /// Tables with their columns: name, type in SQLite's words, whether it may be NULL.
    type Schema = BTreeMap<String, Vec<(String, String, bool)>>;

    async fn sqlite_schema(trees: &[&'static [Migration]]) -> Schema {
        let folder = tempfile::tempdir().unwrap();
        let mut schema = Schema::new();
        for (index, tree) in trees.iter().enumerate() {
            let path = folder.path().join(format!("{index}.db"));
            let file = SqliteFile::open(&path, &Key::from_bytes([1; 32])).await.unwrap();
            migrate(&Database::Sqlite(file.clone()), tree, UtcMs::from_ms(5)).await.unwrap();
            let columns = "SELECT t.name, c.name, c.type, c.\"notnull\" FROM sqlite_schema t, pragma_table_info(t.name) c
                           WHERE t.type = 'table' ORDER BY t.name, c.cid";
            for row in file.readers().fetch_all(columns).await.unwrap() {
                let column = (row.get(1), row.get(2), row.get::<i64, _>(3) == 0);
                schema.entry(row.get(0)).or_default().push(column);
            }
            file.close().await;
        }
        // Each file counts its own migrations, in the same columns.
        schema.get_mut("schema_version").unwrap().truncate(3);
        schema
    }

    async fn postgres_schema(server: &str, tree: &'static [Migration]) -> Schema {
        let name = format!("schema_{}", hex::encode(deskbell_seal::random::<8>().unwrap()));
        let mut connection = sqlx::PgConnection::connect(server).await.unwrap();
        let create = sqlx::AssertSqlSafe(format!("CREATE DATABASE {name}"));
        connection.execute(sqlx::raw_sql(create)).await.unwrap();
        for role in [postgres::OWNER_ROLE, postgres::APP_ROLE] {
            // Another test may make it at the same moment; that it is there is what counts.
            let create = sqlx::AssertSqlSafe(format!("CREATE ROLE {role} LOGIN"));
            let _there = connection.execute(sqlx::raw_sql(create)).await;
        }
        let (base, _) = server.rsplit_once('/').unwrap();
        let pool = postgres::connect(&Sensitive::new(format!("{base}/{name}"))).await.unwrap();
        pool.execute("CREATE SCHEMA deskbell").await.unwrap();
        migrate(&Database::Postgres(pool.clone()), tree, UtcMs::from_ms(5)).await.unwrap();
        let columns = "SELECT table_name::text, column_name::text, data_type::text, is_nullable::text
                       FROM information_schema.columns WHERE table_schema = 'deskbell'
                       ORDER BY table_name, ordinal_position";
        let mut schema = Schema::new();
        for row in pool.fetch_all(columns).await.unwrap() {
            let word = match row.get::<&str, _>(2) {
                "bytea" => "BLOB",
                "bigint" => "INTEGER",
                "text" => "TEXT",
                other => panic!("{other} is no portable type"),
            };
            let column = (row.get(1), word.to_owned(), row.get::<&str, _>(3) == "YES");
            schema.entry(row.get(0)).or_default().push(column);
        }
        pool.close().await;
        schema
    }

    #[tokio::test]
    async fn both_engines_have_the_same_tables_and_columns() {
        let Ok(server) = std::env::var("DESKBELL_TEST_PG_URL") else {
            println!("SKIPPED: DESKBELL_TEST_PG_URL is not set");
            return;
        };
        let sqlite = sqlite_schema(&[SQLITE_DIRECTORY, SQLITE_ARRIVALS, SQLITE_TENANT]).await;
        assert!(sqlite.len() > 20);
        assert_eq!(sqlite, postgres_schema(&server, POSTGRES_DATA).await);
        let sqlite = sqlite_schema(&[SQLITE_KEYS]).await;
        assert_eq!(sqlite, postgres_schema(&server, POSTGRES_KEYS).await);
    }

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
