use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use deskbell_domain::{EpochId, TenantId};

use super::KeyStore;
use crate::limits::SEQ_STEP;
use crate::storage::Result;
use crate::storage::statement::{Statement, sql};
use crate::storage::value::values;

/// How far a tenant's log has been promised to reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HighWater {
    /// The id of the database whose log it is. A copy that was set up anew has another.
    pub database: EpochId,
    /// No sequence number above this one has been used.
    pub promised: i64,
    /// Where the log stood when this was promised: data that lies before it is an older copy.
    pub raised_from: i64,
}

impl HighWater {
    /// Whether a database with this id and head is an older copy, or another one.
    pub fn is_ahead_of(&self, database: EpochId, head: i64) -> bool {
        self.database != database || head < self.raised_from
    }
}

/// What this process knows to be promised.
#[derive(Default)]
pub(super) struct Promised(Mutex<HashMap<TenantId, i64>>);

impl Promised {
    fn get(&self, tenant: TenantId) -> i64 {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&tenant).copied().unwrap_or(0)
    }

    fn set(&self, tenant: TenantId, promised: i64) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(tenant, promised);
    }
}

const GET: Statement = sql("SELECT database_id, promised, raised_from FROM high_water WHERE tenant_id = $1");
const RESET: Statement =
    sql("INSERT INTO high_water (tenant_id, database_id, promised, raised_from) VALUES ($1, $2, $3, $4)
         ON CONFLICT (tenant_id) DO UPDATE SET
           database_id = excluded.database_id, promised = excluded.promised, raised_from = excluded.raised_from");
const RAISE: Statement = sql("UPDATE high_water SET promised = $2, raised_from = $3
         WHERE tenant_id = $1 AND promised < $2");

impl KeyStore {
    /// What is promised for a tenant; `None` before its first database.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn high_water(&self, tenant: TenantId) -> Result<Option<HighWater>> {
        let mut keys = self.begin_read().await?;
        let Some(mut row) = keys.session.first(&GET, values![tenant]).await? else { return Ok(None) };
        Ok(Some(HighWater {
            database: row.take("high_water.database_id")?,
            promised: row.take("high_water.promised")?,
            raised_from: row.take("high_water.raised_from")?,
        }))
    }

    /// Writes down a new database, or a restored one with its new start.
    pub(crate) async fn reset_high_water(&self, tenant: TenantId, water: HighWater) -> Result<()> {
        let mut keys = self.begin().await?;
        let values = values![tenant, water.database, water.promised, water.raised_from];
        keys.session.execute(&RESET, values).await?;
        keys.session.commit().await?;
        self.0.promised.set(tenant, water.promised);
        Ok(())
    }

    /// Makes sure that `head` is promised before it is used. `from` is where the committed log stands; the caller
    /// holds the log's lock. Costs a commit once in [`SEQ_STEP`] numbers.
    pub(crate) async fn promise(&self, tenant: TenantId, from: i64, head: i64) -> Result<()> {
        if head <= self.0.promised.get(tenant) {
            return Ok(());
        }
        let wanted = head.div_euclid(SEQ_STEP).saturating_add(1).saturating_mul(SEQ_STEP);
        let mut keys = self.begin().await?;
        keys.session.execute(&RAISE, values![tenant, wanted, from]).await?;
        let mut row = keys.session.one(&GET, values![tenant]).await?;
        let _database: EpochId = row.take("high_water.database_id")?;
        let promised: i64 = row.take("high_water.promised")?;
        keys.session.commit().await?;
        self.0.promised.set(tenant, promised);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn older_data_and_another_database_are_told_from_a_crash() {
        let database = EpochId::from_bytes([1; 16]);
        let water = HighWater { database, promised: 3_000, raised_from: 2_000 };
        assert!(!water.is_ahead_of(database, 2_400));
        assert!(!water.is_ahead_of(database, 2_000), "a crash after the promise, before the commit");
        assert!(water.is_ahead_of(database, 1_999));
        assert!(water.is_ahead_of(EpochId::from_bytes([2; 16]), 2_400));
    }
}
