//! Where a backend of a test keeps its data: SQLite in a folder, or databases of its own on a PostgreSQL server.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, anyhow};
use deskbell_backend::config::{Config, MasterKeySource};
use deskbell_backend::keys::KeyLocation;
use deskbell_backend::storage::DataLocation;
use deskbell_backend::storage::postgres::{self, PostgresSetup};
use deskbell_domain::{Clock as _, Sensitive, SystemClock};
use reqwest::Url;

/// Address of a superuser on a PostgreSQL server for tests.
const POSTGRES_VARIABLE: &str = "DESKBELL_TEST_PG_URL";

/// Roles belong to the whole server, so all tests give them the same password.
const ROLE_PASSWORD: &str = "of-a-test";

/// Which database a backend stands on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Engine {
    /// Files in a folder.
    Sqlite,
    /// Databases of its own on the server for tests.
    Postgres(Sensitive<String>),
}

impl Engine {
    /// All that this run has. Says what it does not have.
    pub fn all() -> Vec<Self> {
        let mut engines = vec![Self::Sqlite];
        match std::env::var(POSTGRES_VARIABLE) {
            Ok(url) => engines.push(Self::Postgres(url.into())),
            Err(_) => eprintln!("on SQLite only, because {POSTGRES_VARIABLE} is not set"),
        }
        engines
    }
}

/// Where the master key lies within a test's folder.
pub(crate) fn master_key_file(folder: &Path) -> PathBuf {
    folder.join("master.key")
}

/// Configuration of a backend on this engine, with nothing in it yet.
pub(crate) async fn config(engine: &Engine, folder: &Path) -> Result<Config> {
    let master_key = MasterKeySource::FileOrNew(master_key_file(folder));
    let mut config = Config::sqlite(&folder.join("data"), &folder.join("keys"), master_key);
    if let Engine::Postgres(superuser) = engine {
        let name = hex::encode(deskbell_seal::random::<6>()?);
        let password = Sensitive::from(ROLE_PASSWORD);
        let setup = PostgresSetup {
            data_database: format!("e2e_{name}"),
            keys_database: format!("e2e_keys_{name}"),
            owner_password: password.clone(),
            app_password: password.clone(),
            keys_password: password,
        };
        postgres::create_roles_and_databases(superuser, &setup).await?;
        let owner = address(superuser, postgres::OWNER_ROLE, &setup.data_database)?;
        postgres::migrate_data(&owner, SystemClock.now()).await?;
        config.storage.data =
            DataLocation::Postgres { url: address(superuser, postgres::APP_ROLE, &setup.data_database)? };
        config.storage.keys =
            KeyLocation::Postgres { url: address(superuser, postgres::KEYS_ROLE, &setup.keys_database)? };
        config.storage.owner_url = Some(owner);
    }
    Ok(config)
}

/// The address of a database on the same server, for another role.
fn address(superuser: &Sensitive<String>, role: &str, database: &str) -> Result<Sensitive<String>> {
    let mut url = Url::parse(superuser.expose()).context(POSTGRES_VARIABLE)?;
    let refused = |()| anyhow!("{POSTGRES_VARIABLE} cannot carry a user");
    url.set_username(role).map_err(refused)?;
    url.set_password(Some(ROLE_PASSWORD)).map_err(refused)?;
    url.set_path(database);
    Ok(Sensitive::new(url.to_string()))
}
