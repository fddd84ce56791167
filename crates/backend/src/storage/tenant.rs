//! The tenant itself.

use deskbell_domain::UtcMs;

use super::statement::{Statement, sql};
use super::value::values;
use super::{Read, Result};

/// What is known of a tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TenantRecord {
    /// The business's name.
    pub name: String,
    /// Its time zone, as the IANA database names it.
    pub time_zone: String,
    /// When it was made.
    pub created_at: UtcMs,
    /// The place of its last change in the log.
    pub version: i64,
}

const READ: Statement = sql("SELECT name, time_zone, created_at, version FROM tenant WHERE tenant_id = $1");

/// The tenant of a transaction.
///
/// # Errors
/// Those of the engine.
pub async fn read(read: &mut Read) -> Result<TenantRecord> {
    let mut row = read.one(&READ, values![]).await?;
    Ok(TenantRecord {
        name: row.take("tenant.name")?,
        time_zone: row.take("tenant.time_zone")?,
        created_at: row.take("tenant.created_at")?,
        version: row.take("tenant.version")?,
    })
}
