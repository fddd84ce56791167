//! Durable work: written in the transaction of its cause, taken up with a lease, done again until it succeeds.
//!
//! A job's envelope (what kind, when, how often tried) stands outside row security on PostgreSQL, so that any process
//! finds what is due; on SQLite each tenant's file has its own, because one transaction cannot span two files safely,
//! and the one process that serves it remembers which tenants have work. What a job is about is tenant's data, and
//! holds ids only. Jobs of one lane run one after the other, in the order of their making.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use deskbell_domain::{JobId, TenantId, UtcMs};
use serde::de::DeserializeOwned;
use tokio::sync::Notify;

use super::statement::{Statement, pair, sql};
use super::value::{Row, Value, values};
use super::{Db, Result, StorageError, Tx, fresh};
use crate::limits::{JOB_BACKOFF_FIRST_MS, JOB_BACKOFF_MAX_MS};

/// Work to be done.
#[derive(Debug, Clone)]
pub struct NewJob {
    /// What kind of work: the worker's word.
    pub kind: &'static str,
    /// Not before this time.
    pub run_at: UtcMs,
    /// Jobs with the same lane run one after the other. A conversation's id, for what reaches a customer.
    pub lane: Option<[u8; 16]>,
    /// What it is about. Ids and codes only.
    pub args: serde_json::Value,
}

/// Work taken up.
#[derive(Debug, Clone)]
pub struct LeasedJob {
    /// Its id.
    pub id: JobId,
    /// Whose it is.
    pub tenant: TenantId,
    /// What kind of work.
    pub kind: String,
    /// How often it was taken up, this time included. It also proves the lease: another worker's is higher.
    pub attempts: i64,
    /// When it was made.
    pub created_at: UtcMs,
    /// What it is about.
    pub args: serde_json::Value,
}

impl LeasedJob {
    /// What it is about, as the worker's type.
    ///
    /// # Errors
    /// [`StorageError::Shape`].
    pub fn args<T: DeserializeOwned>(&self) -> Result<T> {
        serde_json::from_value(self.args.clone()).map_err(|_| StorageError::Shape("job_payload.args"))
    }
}

/// What becomes of a job that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// It is tried again at this time.
    At(UtcMs),
    /// It is not tried again; health shows it.
    Dead,
}

/// A job that is not tried again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadJob {
    /// Its id.
    pub id: JobId,
    /// Whose it is.
    pub tenant: TenantId,
    /// What kind of work.
    pub kind: String,
    /// Why it failed: a code.
    pub failure: String,
    /// When it was made.
    pub created_at: UtcMs,
}

/// How much work there is, for health.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct JobCounts {
    /// Waiting or being done.
    pub waiting: i64,
    /// Not tried again.
    pub dead: i64,
    /// When the oldest one that waits was due.
    pub oldest_due: Option<UtcMs>,
}

/// The work of all tenants.
#[derive(Clone)]
pub struct Jobs {
    db: Db,
}

/// Which tenants may have work due, and since when, and who waits for it.
#[derive(Default)]
pub(super) struct Due {
    tenants: Mutex<HashMap<TenantId, UtcMs>>,
    wake: Notify,
}

const INSERT: Statement = sql(
    "INSERT INTO job (id, tenant_id, kind, state, run_at, lease_until, attempts, lane, lane_place, failure, created_at)
     SELECT $2, $1, $3, 'ready', $4, 0, 0, $5, COALESCE(MAX(lane_place), 0) + 1, NULL, $6
       FROM job WHERE tenant_id = $1 AND lane = $5",
);
const INSERT_PAYLOAD: Statement =
    sql("INSERT INTO job_payload (tenant_id, job_id, args) VALUES ($1, $2, $3)");
const SET_PAYLOAD: Statement = sql("UPDATE job_payload SET args = $3 WHERE tenant_id = $1 AND job_id = $2");
const HELD: Statement = pair(
    "SELECT id FROM job WHERE tenant_id = $1 AND id = $2 AND attempts = $3",
    "SELECT id FROM job WHERE tenant_id = $1 AND id = $2 AND attempts = $3 FOR UPDATE",
);
const RELEASE: Statement = sql("UPDATE job SET lease_until = 0 WHERE tenant_id = $1 AND state = 'ready'");
const PAYLOADS: Statement =
    sql("SELECT job_id, args FROM job_payload WHERE tenant_id = $1 AND job_id IN ({list})");
const LEASE_OF_TENANT: Statement =
    sql("UPDATE job SET lease_until = $3, attempts = attempts + 1 WHERE id IN (
       SELECT id FROM job j WHERE tenant_id = $1 AND state = 'ready' AND run_at <= $2 AND lease_until <= $2
         AND kind IN ({list})
         AND NOT EXISTS (SELECT 1 FROM job o WHERE o.tenant_id = j.tenant_id AND o.lane = j.lane
                           AND o.lane_place < j.lane_place AND o.state = 'ready')
       ORDER BY run_at, id LIMIT $4)
     RETURNING id, tenant_id, kind, attempts, created_at");
const LEASE_OF_ALL: Statement = sql("UPDATE job SET lease_until = $2, attempts = attempts + 1 WHERE id IN (
       SELECT id FROM job j WHERE state = 'ready' AND run_at <= $1 AND lease_until <= $1
         AND kind IN ({list})
         AND NOT EXISTS (SELECT 1 FROM job o WHERE o.tenant_id = j.tenant_id AND o.lane = j.lane
                           AND o.lane_place < j.lane_place AND o.state = 'ready')
       ORDER BY run_at, id LIMIT $3 FOR UPDATE SKIP LOCKED)
     RETURNING id, tenant_id, kind, attempts, created_at");
const NEXT_DUE: Statement = sql("SELECT MIN(CASE WHEN lease_until > run_at THEN lease_until ELSE run_at END)
     FROM job WHERE tenant_id = $1 AND state = 'ready'");
const COMPLETE: Statement = sql("DELETE FROM job WHERE tenant_id = $1 AND id = $2 AND attempts = $3");
const DELETE_PAYLOAD: Statement = sql("DELETE FROM job_payload WHERE tenant_id = $1 AND job_id = $2");
const FAIL: Statement = sql("UPDATE job SET state = $4, run_at = $5, lease_until = 0, failure = $6
     WHERE tenant_id = $1 AND id = $2 AND attempts = $3");
const EXTEND: Statement =
    sql("UPDATE job SET lease_until = $4 WHERE tenant_id = $1 AND id = $2 AND attempts = $3");
const COUNTS_OF_ALL: Statement = sql("SELECT COUNT(CASE WHEN state = 'ready' THEN 1 END),
       COUNT(CASE WHEN state = 'dead' THEN 1 END), MIN(CASE WHEN state = 'ready' THEN run_at END) FROM job");
const COUNTS_OF_TENANT: Statement = sql("SELECT COUNT(CASE WHEN state = 'ready' THEN 1 END),
       COUNT(CASE WHEN state = 'dead' THEN 1 END), MIN(CASE WHEN state = 'ready' THEN run_at END)
     FROM job WHERE tenant_id = $1");
const DEAD: Statement = pair(
    "SELECT id, tenant_id, kind, failure, created_at FROM job
     WHERE tenant_id = $1 AND state = 'dead' ORDER BY created_at LIMIT $2",
    "SELECT id, tenant_id, kind, failure, created_at FROM job
     WHERE state = 'dead' ORDER BY created_at LIMIT $1",
);

/// Writes a job, in the transaction of its cause.
///
/// # Errors
/// Those of the engine.
pub async fn enqueue(tx: &mut Tx, new: &NewJob) -> Result<JobId> {
    let now = tx.now();
    let id = fresh::job_id(now)?;
    tx.execute(&INSERT, values![id, new.kind, new.run_at, new.lane, now]).await?;
    tx.execute(&INSERT_PAYLOAD, values![id, new.args.to_string()]).await?;
    tx.wakes_jobs(new.run_at);
    Ok(id)
}

/// Ends a job, in the transaction of its effects.
///
/// # Errors
/// [`StorageError::LeaseLost`] when another worker has it by now: nothing of this transaction may be committed.
pub async fn complete(tx: &mut Tx, job: &LeasedJob) -> Result<()> {
    if tx.execute(&COMPLETE, values![job.id, job.attempts]).await? == 0 {
        return Err(StorageError::LeaseLost(job.id));
    }
    tx.execute(&DELETE_PAYLOAD, values![job.id]).await?;
    // The next one of its lane may go.
    let now = tx.now();
    tx.wakes_jobs(now);
    Ok(())
}

/// Gives a job back. `code` says why it failed, without a value of anybody.
///
/// # Errors
/// [`StorageError::LeaseLost`] when another worker has it by now.
pub async fn fail(tx: &mut Tx, job: &LeasedJob, retry: Retry, code: &str) -> Result<()> {
    let (state, run_at) = match retry {
        Retry::At(at) => ("ready", at),
        Retry::Dead => ("dead", tx.now()),
    };
    if tx.execute(&FAIL, values![job.id, job.attempts, state, run_at, code]).await? == 0 {
        return Err(StorageError::LeaseLost(job.id));
    }
    tx.wakes_jobs(run_at);
    Ok(())
}

/// Writes down how far a job has come, for whoever takes it up next.
///
/// # Errors
/// [`StorageError::LeaseLost`] when another worker has it by now.
pub async fn set_args(tx: &mut Tx, job: &LeasedJob, args: &serde_json::Value) -> Result<()> {
    if tx.first(&HELD, values![job.id, job.attempts]).await?.is_none() {
        return Err(StorageError::LeaseLost(job.id));
    }
    tx.execute(&SET_PAYLOAD, values![job.id, args.to_string()]).await?;
    Ok(())
}

/// Holds a job longer, for work that takes its time.
///
/// # Errors
/// [`StorageError::LeaseLost`] when another worker has it by now.
pub async fn extend(tx: &mut Tx, job: &LeasedJob, lease_ms: i64) -> Result<()> {
    let until = tx.now().plus_ms(lease_ms);
    if tx.execute(&EXTEND, values![job.id, job.attempts, until]).await? == 0 {
        return Err(StorageError::LeaseLost(job.id));
    }
    Ok(())
}

/// The pause before the next try after `attempts` of them: doubling, with up to a half taken off at random so that
/// what failed together does not come back together.
pub fn backoff_ms(attempts: i64, random: u32) -> i64 {
    let doublings = attempts.clamp(1, 32) - 1;
    let whole = JOB_BACKOFF_FIRST_MS.saturating_mul(1 << doublings).min(JOB_BACKOFF_MAX_MS);
    whole - whole / 2 * i64::from(random) / i64::from(u32::MAX)
}

impl Jobs {
    pub(super) const fn new(db: Db) -> Self {
        Self { db }
    }

    /// Takes up to `count` jobs of these kinds that are due, for `lease_ms` milliseconds. Whoever does not end them
    /// by then leaves them to others.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn lease(&self, kinds: &[&str], count: i64, lease_ms: i64) -> Result<Vec<LeasedJob>> {
        let now = self.db.now();
        let kinds: Vec<Value> = kinds.iter().map(|kind| Value::from(*kind)).collect();
        let mut jobs = Vec::new();
        if let Some(shared) = self.db.shared() {
            let mut session = shared.begin().await?;
            let fixed = values![now, now.plus_ms(lease_ms), count];
            let rows = session.all_in(&LEASE_OF_ALL, &fixed, &kinds).await?;
            session.commit().await?;
            let mut envelopes: BTreeMap<TenantId, Vec<LeasedJob>> = BTreeMap::new();
            for row in rows {
                let job = envelope(row)?;
                envelopes.entry(job.tenant).or_default().push(job);
            }
            for (tenant, envelopes) in envelopes {
                let mut tx = self.db.tenant(tenant).begin().await?;
                jobs.extend(with_args(&mut tx, envelopes).await?);
                tx.commit().await?;
            }
        } else {
            for tenant in self.db.due().tenants(now) {
                let left = count - i64::try_from(jobs.len()).unwrap_or(count);
                if left <= 0 {
                    break;
                }
                // Forgotten before it is asked for: a job that comes in meanwhile is remembered again.
                self.db.due().forget(tenant);
                match self.lease_of_tenant(tenant, &kinds, left, now.plus_ms(lease_ms)).await {
                    Ok((leased, next)) => {
                        jobs.extend(leased);
                        next.into_iter().for_each(|next| self.db.due().remember(tenant, next));
                    }
                    Err(error) => {
                        self.db.due().remember(tenant, now);
                        return Err(error);
                    }
                }
            }
        }
        Ok(jobs)
    }

    /// Takes up one tenant's jobs; answers when its next ones are due too.
    async fn lease_of_tenant(
        &self,
        tenant: TenantId,
        kinds: &[Value],
        count: i64,
        until: UtcMs,
    ) -> Result<(Vec<LeasedJob>, Option<UtcMs>)> {
        let mut tx = self.db.tenant(tenant).begin().await?;
        let now = tx.now();
        let rows = tx.all_in(&LEASE_OF_TENANT, values![now, until, count], kinds).await?;
        let envelopes = rows.into_iter().map(envelope).collect::<Result<Vec<_>>>()?;
        let jobs = with_args(&mut tx, envelopes).await?;
        let next: Option<UtcMs> = tx.one(&NEXT_DUE, values![]).await?.take("job.run_at")?;
        tx.commit().await?;
        Ok((jobs, next))
    }

    /// Gives back what a process that died still held. Only for the one process that serves SQLite.
    pub(super) async fn release(&self) -> Result<()> {
        for tenant in self.db.directory().tenants().await? {
            let mut tx = self.db.tenant(tenant).begin().await?;
            tx.execute(&RELEASE, values![]).await?;
            let now = tx.now();
            tx.wakes_jobs(now);
            tx.commit().await?;
        }
        Ok(())
    }

    /// Waits until this process wrote or ended a job since the last time somebody waited. Jobs for later, and those of
    /// other processes, are found by leasing every second.
    pub async fn woken(&self) {
        self.db.due().wake.notified().await;
    }

    /// How much work there is.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn counts(&self) -> Result<JobCounts> {
        if let Some(shared) = self.db.shared() {
            return counts(shared.read().await?.one(&COUNTS_OF_ALL, values![]).await?);
        }
        let mut sum = JobCounts::default();
        for tenant in self.db.directory().tenants().await? {
            let of_tenant =
                counts(self.db.tenant(tenant).read().await?.one(&COUNTS_OF_TENANT, values![]).await?)?;
            sum.waiting += of_tenant.waiting;
            sum.dead += of_tenant.dead;
            sum.oldest_due = match (sum.oldest_due, of_tenant.oldest_due) {
                (Some(one), Some(other)) => Some(one.min(other)),
                (one, other) => one.or(other),
            };
        }
        Ok(sum)
    }

    /// Jobs that are not tried again, the oldest first; on SQLite up to `count` of each tenant.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn dead(&self, count: i64) -> Result<Vec<DeadJob>> {
        let mut rows = Vec::new();
        if let Some(shared) = self.db.shared() {
            rows = shared.read().await?.all(&DEAD, values![count]).await?;
        } else {
            for tenant in self.db.directory().tenants().await? {
                rows.extend(self.db.tenant(tenant).read().await?.all(&DEAD, values![count]).await?);
            }
        }
        rows.into_iter()
            .map(|mut row| {
                Ok(DeadJob {
                    id: row.take("job.id")?,
                    tenant: row.take("job.tenant_id")?,
                    kind: row.take("job.kind")?,
                    failure: row.take::<Option<String>>("job.failure")?.unwrap_or_default(),
                    created_at: row.take("job.created_at")?,
                })
            })
            .collect()
    }
}

impl Due {
    /// A tenant has work at this time; whoever waits looks.
    pub(super) fn at(&self, tenant: TenantId, run_at: UtcMs) {
        self.remember(tenant, run_at);
        self.wake.notify_one();
    }

    fn remember(&self, tenant: TenantId, run_at: UtcMs) {
        self.lock().entry(tenant).and_modify(|known| *known = (*known).min(run_at)).or_insert(run_at);
    }

    fn forget(&self, tenant: TenantId) {
        self.lock().remove(&tenant);
    }

    /// The tenants with work due, the longest waiting first.
    fn tenants(&self, now: UtcMs) -> Vec<TenantId> {
        let mut due: Vec<(UtcMs, TenantId)> =
            self.lock().iter().filter(|(_, at)| **at <= now).map(|(tenant, at)| (*at, *tenant)).collect();
        due.sort_unstable();
        due.into_iter().map(|(_, tenant)| tenant).collect()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<TenantId, UtcMs>> {
        self.tenants.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What runs for every event or page, for the test that looks at the plans.
#[cfg(test)]
pub(super) const HOT: &[&Statement] = &[&PAYLOADS, &COMPLETE, &NEXT_DUE, &LEASE_OF_TENANT, &INSERT];

fn envelope(mut row: Row) -> Result<LeasedJob> {
    Ok(LeasedJob {
        id: row.take("job.id")?,
        tenant: row.take("job.tenant_id")?,
        kind: row.take("job.kind")?,
        attempts: row.take("job.attempts")?,
        created_at: row.take("job.created_at")?,
        args: serde_json::Value::Null,
    })
}

async fn with_args(tx: &mut Tx, mut envelopes: Vec<LeasedJob>) -> Result<Vec<LeasedJob>> {
    let ids: Vec<Value> = envelopes.iter().map(|job| Value::from(job.id)).collect();
    let mut args = HashMap::new();
    for mut row in tx.all_in(&PAYLOADS, values![], &ids).await? {
        let id: JobId = row.take("job_payload.job_id")?;
        let text: String = row.take("job_payload.args")?;
        let json = serde_json::from_str(&text).map_err(|_| StorageError::Shape("job_payload.args"))?;
        args.insert(id, json);
    }
    for job in &mut envelopes {
        job.args = args.remove(&job.id).ok_or(StorageError::Shape("job_payload"))?;
    }
    envelopes.sort_by_key(|job| (job.created_at, job.id));
    Ok(envelopes)
}

fn counts(mut row: Row) -> Result<JobCounts> {
    Ok(JobCounts { waiting: row.take("job")?, dead: row.take("job")?, oldest_due: row.take("job.run_at")? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pause_grows_has_an_end_and_is_never_nothing() {
        assert_eq!(backoff_ms(1, 0), JOB_BACKOFF_FIRST_MS);
        assert_eq!(backoff_ms(2, 0), 2 * JOB_BACKOFF_FIRST_MS);
        assert_eq!(backoff_ms(1_000, 0), JOB_BACKOFF_MAX_MS);
        assert_eq!(backoff_ms(1, u32::MAX), JOB_BACKOFF_FIRST_MS / 2);
        assert!(backoff_ms(i64::MIN, u32::MAX) > 0);
    }

    #[test]
    fn the_earliest_time_of_a_tenant_counts() {
        let due = Due::default();
        let (one, other) = (TenantId::from_bytes([1; 16]), TenantId::from_bytes([2; 16]));
        due.at(one, UtcMs::from_ms(50));
        due.at(one, UtcMs::from_ms(20));
        due.at(one, UtcMs::from_ms(90));
        due.at(other, UtcMs::from_ms(10));
        assert_eq!(due.tenants(UtcMs::from_ms(9)), []);
        assert_eq!(due.tenants(UtcMs::from_ms(20)), [other, one]);
        due.forget(one);
        assert_eq!(due.tenants(UtcMs::from_ms(99)), [other]);
    }
}
