//! Storage for a test, on SQLite and, where a server is given, on PostgreSQL.

use std::sync::Arc;

use deskbell_backend::keys::{KeyLocation, KeyStore, MasterKey};
use deskbell_backend::storage::postgres::{self, PostgresSetup};
use deskbell_backend::storage::{DataLocation, Db, OneBackup};
use deskbell_domain::{Clock, Sensitive};
use sqlx::{Connection as _, Executor as _};

/// Where a PostgreSQL server for tests is: the address of a superuser.
const POSTGRES: &str = "DESKBELL_TEST_PG_URL";

/// Roles belong to the whole server, so all tests agree on their password.
const ROLE_PASSWORD: &str = "test";

/// The master key of tests: one that a test can look for where it must not be.
pub(crate) const MASTER_KEY: &str = "5d1c9e0b7a3f48c2d6e4f1029b8a7c6d5e4f3021a9b8c7d6e5f40312c3d4e5f6";

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Engine {
    Sqlite,
    Postgres(String),
}

impl Engine {
    /// SQLite always; PostgreSQL where the environment names a server.
    pub(crate) fn all() -> Vec<Self> {
        let postgres = std::env::var(POSTGRES).ok().map(Self::Postgres);
        if postgres.is_none() {
            eprintln!("{POSTGRES} is not set: PostgreSQL is left out");
        }
        std::iter::once(Self::Sqlite).chain(postgres).collect()
    }
}

/// An open storage, and what has to be cleared away after it.
pub(crate) struct Storage {
    pub(crate) db: Db,
    _dir: tempfile::TempDir,
    databases: Option<(String, [String; 2])>,
}

impl Storage {
    pub(crate) async fn open(engine: Engine, clock: Arc<dyn Clock>) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let (data, keys, databases) = match engine {
            Engine::Sqlite => (
                DataLocation::Sqlite { dir: dir.path().join("data") },
                KeyLocation::Sqlite { dir: dir.path().join("keys") },
                None,
            ),
            Engine::Postgres(superuser) => {
                let unique = hex::encode(deskbell_seal::random::<6>().unwrap());
                let names = [format!("deskbell_http_{unique}"), format!("deskbell_http_{unique}_keys")];
                let setup = PostgresSetup {
                    data_database: names[0].clone(),
                    keys_database: names[1].clone(),
                    owner_password: ROLE_PASSWORD.into(),
                    app_password: ROLE_PASSWORD.into(),
                    keys_password: ROLE_PASSWORD.into(),
                };
                let superuser_url = Sensitive::from(superuser.as_str());
                postgres::create_roles_and_databases(&superuser_url, &setup).await.unwrap();
                let url = |role, database: &str| Sensitive::new(address(&superuser, role, database));
                postgres::migrate_data(&url(postgres::OWNER_ROLE, &names[0]), clock.now()).await.unwrap();
                (
                    DataLocation::Postgres { url: url(postgres::APP_ROLE, &names[0]) },
                    KeyLocation::Postgres { url: url(postgres::KEYS_ROLE, &names[1]) },
                    Some((superuser, names)),
                )
            }
        };
        let keys =
            KeyStore::open(&keys, MasterKey::from_hex(&MASTER_KEY.into()).unwrap(), clock).await.unwrap();
        let db = Db::open(&data, keys, OneBackup::Allow).await.unwrap();
        Self { db, _dir: dir, databases }
    }

    pub(crate) async fn close(self) {
        self.db.close().await;
        let Some((superuser, names)) = self.databases else { return };
        let mut connection = sqlx::PgConnection::connect(&superuser).await.unwrap();
        for name in names {
            let statement = sqlx::AssertSqlSafe(format!("DROP DATABASE \"{name}\" WITH (FORCE)"));
            connection.execute(sqlx::raw_sql(statement)).await.unwrap();
        }
    }
}

/// The same server, as another role and database.
fn address(superuser: &str, role: &str, database: &str) -> String {
    let (_, rest) = superuser.split_once("://").unwrap();
    let host = rest.split_once('@').map_or(rest, |(_, host)| host);
    let (host, rest) = host.split_once('/').unwrap_or((host, ""));
    let query = rest.split_once('?').map(|(_, query)| format!("?{query}")).unwrap_or_default();
    format!("postgres://{role}:{ROLE_PASSWORD}@{host}/{database}{query}")
}
