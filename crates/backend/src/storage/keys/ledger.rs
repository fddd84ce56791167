use deskbell_domain::{ErasureId, TenantId, UtcMs};
use deskbell_seal::LookupHash;

use super::KeyStore;
use crate::storage::Result;
use crate::storage::statement::{Statement, sql};
use crate::storage::value::{Value, values};

/// How much of a person an erasure took.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Extent {
    /// Everything.
    Everything,
    /// What was written, while the person stays known.
    Conversations,
}

/// A keyed hash with its purpose, such as `alias.phone`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LedgerHash {
    /// What the hash is of: the purpose it was made with.
    pub purpose: String,
    /// The hash.
    pub hash: LookupHash,
}

/// A line of the erasure ledger: what must not come back.
#[derive(Debug, Clone)]
pub struct LedgerEntry {
    /// What was erased.
    pub of: LedgerHash,
    /// By which erasure.
    pub erasure: ErasureId,
    /// Events at or before this time are refused.
    pub cutoff: UtcMs,
    /// How much was erased.
    pub extent: Extent,
    /// When the line has outlived every backup and retry.
    pub expires_at: UtcMs,
}

const ADD: Statement =
    sql("INSERT INTO ledger (tenant_id, kind, hash, erasure_id, cutoff_at, extent, created_at, expires_at)
         VALUES {rows} ON CONFLICT DO NOTHING");
const FIND: Statement =
    sql("SELECT kind, hash, cutoff_at FROM ledger WHERE tenant_id = $1 AND hash IN ({list})");

impl KeyStore {
    /// Writes lines. They are never changed; writing one twice is writing it once.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn ledger_add(&self, tenant: TenantId, entries: &[LedgerEntry]) -> Result<()> {
        let now = self.0.clock.now();
        let rows = entries
            .iter()
            .map(|entry| {
                values![
                    tenant,
                    entry.of.purpose.as_str(),
                    *entry.of.hash.as_bytes(),
                    entry.erasure,
                    entry.cutoff,
                    Value::word(&entry.extent),
                    now,
                    entry.expires_at,
                ]
            })
            .collect();
        let mut keys = self.begin().await?;
        keys.session.execute_rows(&ADD, &[], rows).await?;
        keys.session.commit().await
    }

    /// The latest cutoff that any of these stands under; `None` when none was erased. An event whose own time is at
    /// or before it is refused.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn ledger_cutoff(&self, tenant: TenantId, of: &[LedgerHash]) -> Result<Option<UtcMs>> {
        let list: Vec<Value> = of.iter().map(|of| Value::from(*of.hash.as_bytes())).collect();
        let mut keys = self.begin_read().await?;
        let mut latest = None;
        for mut row in keys.session.all_in(&FIND, &[tenant.into()], &list).await? {
            let purpose: String = row.take("ledger.kind")?;
            let hash = LookupHash::from_bytes(row.take("ledger.hash")?);
            let cutoff: UtcMs = row.take("ledger.cutoff_at")?;
            if of.iter().any(|of| of.purpose == purpose && of.hash == hash) {
                latest = latest.max(Some(cutoff));
            }
        }
        Ok(latest)
    }
}
