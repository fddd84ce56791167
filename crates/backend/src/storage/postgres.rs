//! PostgreSQL: roles, databases, migration, and the refusals that keep tenants apart.

use std::str::FromStr as _;

use deskbell_domain::{Sensitive, TenantId, UtcMs};
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, Executor as _};

use super::migrate::{POSTGRES_DATA, POSTGRES_KEYS, migrate as run_migrations};
use super::session::{Database, POSTGRES_READ, Session};
use super::statement::{Statement, sql};
use super::value::values;
use super::{Result, StorageError};
use crate::limits::{ACQUIRE_WAIT, POSTGRES_CONNECTIONS, STATEMENTS_CACHED};

/// The role that owns the tables and migrates them.
pub const OWNER_ROLE: &str = "deskbell_owner";
/// The role that serves. It owns nothing and cannot step around row security.
pub const APP_ROLE: &str = "deskbell_app";
/// The role that owns and serves the key store's database, where there is nothing but keys.
pub const KEYS_ROLE: &str = "deskbell_keys";

/// Reads a database's address. The result's `Debug` prints its password: it is not kept.
pub(crate) fn options(url: &Sensitive<String>) -> Result<PgConnectOptions> {
    let is_postgres = ["postgres://", "postgresql://"].iter().any(|scheme| url.expose().starts_with(scheme));
    if !is_postgres {
        return Err(StorageError::Address);
    }
    let options = PgConnectOptions::from_str(url.expose()).map_err(|_| StorageError::Address)?;
    Ok(options
        .application_name("deskbell-backend")
        .statement_cache_capacity(STATEMENTS_CACHED)
        .options([("search_path", "deskbell")])
        .disable_statement_logging())
}

/// Opens connections to a database.
pub(crate) async fn connect(url: &Sensitive<String>) -> Result<PgPool> {
    let pool = PgPoolOptions::new()
        .max_connections(POSTGRES_CONNECTIONS)
        .acquire_timeout(ACQUIRE_WAIT)
        .connect_with(options(url)?)
        .await?;
    Ok(pool)
}

/// How a transaction for a tenant begins: row security knows the tenant before the first statement.
pub(crate) fn begin_for(tenant: TenantId, read_only: bool) -> String {
    let begin = if read_only { POSTGRES_READ } else { "BEGIN" };
    // The tenant is written as hexadecimal digits, so nothing in it can end the text.
    let tenant = hex::encode(tenant.as_bytes());
    format!("{begin}; SELECT set_config('deskbell.tenant', '{tenant}', true)")
}

/// Brings the data's database up to date. `url` signs in as [`OWNER_ROLE`].
///
/// # Errors
/// [`StorageError::NewerDatabase`]; whatever the engine refuses.
pub async fn migrate_data(url: &Sensitive<String>, now: UtcMs) -> Result<()> {
    let pool = connect(url).await?;
    pool.execute("CREATE SCHEMA IF NOT EXISTS deskbell").await?;
    pool.execute("GRANT USAGE ON SCHEMA deskbell TO deskbell_app").await?;
    let migrated = run_migrations(&Database::Postgres(pool.clone()), POSTGRES_DATA, now).await;
    if migrated.is_ok() {
        pool.execute("GRANT SELECT ON schema_version TO deskbell_app").await?;
    }
    pool.close().await;
    migrated
}

/// Brings the key store's database up to date.
pub(crate) async fn migrate_keys(pool: &PgPool, now: UtcMs) -> Result<()> {
    pool.execute("CREATE SCHEMA IF NOT EXISTS deskbell").await?;
    run_migrations(&Database::Postgres(pool.clone()), POSTGRES_KEYS, now).await
}

/// What [`create_roles_and_databases`] makes.
#[derive(Debug, Clone)]
pub struct PostgresSetup {
    /// Name of the data's database.
    pub data_database: String,
    /// Name of the key store's database. For real use it belongs on a server of its own.
    pub keys_database: String,
    /// Password of [`OWNER_ROLE`].
    pub owner_password: Sensitive<String>,
    /// Password of [`APP_ROLE`].
    pub app_password: Sensitive<String>,
    /// Password of [`KEYS_ROLE`].
    pub keys_password: Sensitive<String>,
}

/// Makes the three roles and the two databases on a server, signed in as a superuser. What exists is kept, and its
/// passwords are set anew.
///
/// # Errors
/// Whatever the engine refuses; names other than letters, digits and underscores.
pub async fn create_roles_and_databases(
    superuser_url: &Sensitive<String>,
    setup: &PostgresSetup,
) -> Result<()> {
    for name in [&setup.data_database, &setup.keys_database] {
        if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
            return Err(StorageError::Shape("a database's name"));
        }
    }
    let mut connection = options(superuser_url)?.connect().await?;
    // Roles belong to the server: two set-ups side by side must not make them at once.
    connection.execute("SELECT 1 FROM pg_advisory_lock(7165302)").await?;
    let roles = [
        (OWNER_ROLE, &setup.owner_password),
        (APP_ROLE, &setup.app_password),
        (KEYS_ROLE, &setup.keys_password),
    ];
    for (role, password) in roles {
        let password = password.expose().replace('\'', "''");
        let exists = sqlx::query("SELECT 1 FROM pg_roles WHERE rolname = $1")
            .bind(role)
            .fetch_optional(&mut connection)
            .await?;
        let verb = if exists.is_some() { "ALTER" } else { "CREATE" };
        let statement = format!(
            "{verb} ROLE {role} LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEROLE NOCREATEDB PASSWORD E'{}'",
            password.replace('\\', "\\\\")
        );
        sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut connection).await?;
    }
    for (database, owner) in [(&setup.data_database, OWNER_ROLE), (&setup.keys_database, KEYS_ROLE)] {
        let exists = sqlx::query("SELECT 1 FROM pg_database WHERE datname = $1")
            .bind(database)
            .fetch_optional(&mut connection)
            .await?;
        if exists.is_none() {
            let statement = format!("CREATE DATABASE \"{database}\" OWNER {owner}");
            sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut connection).await?;
        }
        let statement = format!("REVOKE ALL ON DATABASE \"{database}\" FROM PUBLIC");
        sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut connection).await?;
    }
    let statement = format!("GRANT CONNECT ON DATABASE \"{}\" TO {APP_ROLE}", setup.data_database);
    sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut connection).await?;
    connection.close().await?;
    Ok(())
}

/// Roles that the current one is, or may become, and that can step around row security.
const BYPASSING_ROLES: Statement = sql(
    "SELECT rolname FROM pg_roles WHERE (rolsuper OR rolbypassrls) AND pg_has_role(current_user, oid, 'MEMBER')",
);

/// Tables whose owner the current role is, or may become: an owner can switch row security off.
const OWNED_TABLES: Statement = sql("SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE n.nspname = 'deskbell' AND c.relkind IN ('r', 'p') AND pg_has_role(current_user, c.relowner, 'MEMBER')
     ORDER BY c.relname");

/// Tables of tenants' data that are not behind row security. Those of the directory know no more than ids.
const OPEN_TABLES: Statement =
    sql("SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
     JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant_id' AND NOT a.attisdropped
     WHERE n.nspname = 'deskbell' AND c.relkind IN ('r', 'p')
       AND NOT (c.relrowsecurity AND c.relforcerowsecurity)
       AND c.relname NOT IN ('directory_tenant', 'phone_number', 'sign_in', 'job')
     ORDER BY c.relname");

/// Refuses to serve with a role that could read another tenant's rows: a superuser, one that bypasses row security,
/// one that owns a table; and a database whose tables stand open.
///
/// # Errors
/// [`StorageError::UnsafeRole`], which says why.
pub(crate) async fn refuse_unsafe_role(session: &mut Session) -> Result<()> {
    let checks = [
        (&BYPASSING_ROLES, "it is, or may become, a role that bypasses row security:"),
        (&OWNED_TABLES, "it owns, or may become the owner of, tables:"),
        (&OPEN_TABLES, "tables stand outside row security:"),
    ];
    for (statement, reason) in checks {
        let mut names = Vec::new();
        for mut row in session.all(statement, values![]).await? {
            names.push(row.take::<String>("pg_class.relname")?);
        }
        if !names.is_empty() {
            return Err(StorageError::UnsafeRole(format!("{reason} {}", names.join(", "))));
        }
    }
    Ok(())
}

/// What tells one server, and so one physical backup, from another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Server {
    system: i64,
}

impl Server {
    /// The server behind a database, whatever name and port it was reached by.
    pub(crate) async fn of(session: &mut Session) -> Result<Self> {
        let mut row = session.one(&SYSTEM, values![]).await?;
        Ok(Self { system: row.take("pg_control_system.system_identifier")? })
    }
}

/// The number a server drew when it was made. A physical backup copies the whole server.
const SYSTEM: Statement = sql("SELECT system_identifier FROM pg_control_system()");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_cannot_be_read_is_not_repeated() {
        for url in ["mysql://u:hunter2@h/x", "postgres://u:hunter2@h:port/x"] {
            let Err(error) = options(&Sensitive::from(url)) else { panic!("{url} was read") };
            assert!(!format!("{error} {error:?}").contains("hunter2"));
        }
    }
}
