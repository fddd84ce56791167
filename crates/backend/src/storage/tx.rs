use std::ops::{Deref, DerefMut};

use deskbell_domain::{CommandId, KeyId, Scope, Sensitive, TenantId, UtcMs};
use deskbell_seal::Key;

use super::change::{Changes, Entity, EntityKind, Op};
use super::db::Tenant;
use super::keys::KeyStore;
use super::sealing::SealedColumn;
use super::session::Session;
use super::statement::{Statement, sql};
use super::value::{Row, Value, values};
use super::{Result, StorageError};
use crate::limits::CHANGES_PER_TX_MAX;

/// A transaction that reads one tenant's data, in one unchanging state.
pub struct Read {
    session: Session,
    tenant: TenantId,
    keys: KeyStore,
    now: UtcMs,
}

/// A transaction that writes one tenant's data. Dropped without [`Tx::commit`], it leaves nothing.
///
/// On SQLite it holds the tenant's write lock, so nothing slow belongs inside; on PostgreSQL it holds the locks of the
/// rows it touched.
pub struct Tx {
    read: Read,
    tenant: Tenant,
    changes: Changes,
    settled: Vec<CommandId>,
    jobs: Option<UtcMs>,
}

/// What a commit did to the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Committed {
    /// The log's head, when the transaction put something into the log or settled a command.
    pub head: Option<i64>,
}

const BUMP: Statement = sql("UPDATE tenant_clock SET seq = seq + $2 WHERE tenant_id = $1 RETURNING seq");
const HEAD: Statement = sql("SELECT seq FROM tenant_clock WHERE tenant_id = $1");
const INSERT_CHANGES: Statement =
    sql("INSERT INTO change (tenant_id, seq, scope, kind, entity_id, root, op, tx_end) VALUES {rows:$1}");
const STAMP_OUTCOMES: Statement =
    sql("UPDATE command_outcome SET seq = $2 WHERE tenant_id = $1 AND command_id IN ({list})");

impl Read {
    pub(crate) const fn new(session: Session, tenant: TenantId, keys: KeyStore, now: UtcMs) -> Self {
        Self { session, tenant, keys, now }
    }

    /// Whose data it is.
    pub const fn tenant(&self) -> TenantId {
        self.tenant
    }

    /// When the transaction began.
    pub const fn now(&self) -> UtcMs {
        self.now
    }

    /// The key store.
    pub const fn keys(&self) -> &KeyStore {
        &self.keys
    }

    pub(crate) async fn all(&mut self, statement: &Statement, values: Vec<Value>) -> Result<Vec<Row>> {
        let values = self.led_by_tenant(values);
        self.session.all(statement, values).await
    }

    pub(crate) async fn first(&mut self, statement: &Statement, values: Vec<Value>) -> Result<Option<Row>> {
        let values = self.led_by_tenant(values);
        self.session.first(statement, values).await
    }

    pub(crate) async fn one(&mut self, statement: &Statement, values: Vec<Value>) -> Result<Row> {
        let values = self.led_by_tenant(values);
        self.session.one(statement, values).await
    }

    /// Rows of a statement with `{list}`. `fixed` are the parameters from `$2` on.
    pub(crate) async fn all_in(
        &mut self,
        statement: &Statement,
        fixed: Vec<Value>,
        list: &[Value],
    ) -> Result<Vec<Row>> {
        let fixed = self.led_by_tenant(fixed);
        self.session.all_in(statement, &fixed, list).await
    }

    /// Opens a sealed value; `None` when its key was destroyed.
    pub(crate) async fn open(
        &mut self,
        column: SealedColumn,
        row: &[u8],
        sealed: &[u8],
    ) -> Result<Option<Sensitive<Vec<u8>>>> {
        let Some(key) = self.keys.get(self.tenant, column.key_of(sealed)?).await? else { return Ok(None) };
        column.open(self.tenant, row, &key, sealed).map(Some)
    }

    /// Opens a sealed text; `None` when it is not there or its key was destroyed.
    pub(crate) async fn open_text(
        &mut self,
        column: SealedColumn,
        row: &[u8],
        sealed: Option<&[u8]>,
    ) -> Result<Option<Sensitive<String>>> {
        let Some(sealed) = sealed else { return Ok(None) };
        self.open(column, row, sealed).await?.map(|opened| column.text(opened)).transpose()
    }

    /// Brings the keys of sealed values into memory in one go.
    pub(crate) async fn load_keys<'a>(
        &mut self,
        column: SealedColumn,
        sealed: impl Iterator<Item = &'a [u8]>,
    ) -> Result<()> {
        let ids = sealed.map(|sealed| column.key_of(sealed)).collect::<Result<Vec<KeyId>>>()?;
        self.keys.load(self.tenant, &ids).await
    }

    fn led_by_tenant(&self, values: Vec<Value>) -> Vec<Value> {
        let mut led = Vec::with_capacity(values.len() + 1);
        led.push(Value::from(self.tenant));
        led.extend(values);
        led
    }
}

impl Tx {
    pub(crate) fn new(read: Read, tenant: Tenant) -> Self {
        Self { read, tenant, changes: Changes::default(), settled: Vec::new(), jobs: None }
    }

    pub(crate) async fn execute(&mut self, statement: &Statement, values: Vec<Value>) -> Result<u64> {
        let values = self.read.led_by_tenant(values);
        self.read.session.execute(statement, values).await
    }

    /// Runs a statement with `{list}`. `fixed` are the parameters from `$2` on.
    pub(crate) async fn execute_in(
        &mut self,
        statement: &Statement,
        fixed: Vec<Value>,
        list: &[Value],
    ) -> Result<u64> {
        let fixed = self.read.led_by_tenant(fixed);
        self.read.session.execute_in(statement, &fixed, list).await
    }

    /// Runs a statement with `{rows}`. `fixed` are the parameters from `$2` on.
    pub(crate) async fn execute_rows(
        &mut self,
        statement: &Statement,
        fixed: Vec<Value>,
        rows: Vec<Vec<Value>>,
    ) -> Result<u64> {
        let fixed = self.read.led_by_tenant(fixed);
        self.read.session.execute_rows(statement, &fixed, rows).await
    }

    /// Seals a value for one row.
    pub(crate) fn seal(
        &self,
        column: SealedColumn,
        row: &[u8],
        key: &(KeyId, Key),
        content: &[u8],
    ) -> Result<Vec<u8>> {
        column.seal(self.read.tenant, row, key, content)
    }

    /// Records that an entity changed for those who hold one of `scopes`. The functions of the nouns do this
    /// themselves.
    pub fn changed(&mut self, entity: Entity, op: Op, scopes: &[Scope]) {
        self.changes.record(entity, op, scopes);
    }

    /// How many more changes fit into this transaction. Whoever works through a batch commits before it is used up.
    pub fn changes_left(&self) -> usize {
        CHANGES_PER_TX_MAX.saturating_sub(self.changes.len())
    }

    /// Has the outcome of a command numbered with this transaction's place in the log.
    pub(crate) fn settles(&mut self, command: CommandId) {
        self.settled.push(command);
    }

    /// Has workers look for a job that is due at `run_at`.
    pub(crate) fn wakes_jobs(&mut self, run_at: UtcMs) {
        self.jobs = Some(self.jobs.map_or(run_at, |earlier| earlier.min(run_at)));
    }

    /// Numbers the changes, makes the transaction durable and tells who waits for it.
    ///
    /// The last statements are the log's: the counter's row lock makes the order of commits the order of numbers, so
    /// it is taken as late as can be.
    ///
    /// # Errors
    /// [`StorageError::TooManyChanges`]; those of the engine. Nothing was written then, unless the connection broke
    /// during the commit itself.
    pub async fn commit(mut self) -> Result<Committed> {
        let count = self.changes.len();
        if count > CHANGES_PER_TX_MAX {
            return Err(StorageError::TooManyChanges(CHANGES_PER_TX_MAX));
        }
        let mut head = None;
        if count > 0 {
            head = Some(self.number_changes(count).await?);
        }
        if !self.settled.is_empty() {
            let seq = match head {
                Some(seq) => seq,
                None => self.read.one(&HEAD, values![]).await?.take("tenant_clock.seq")?,
            };
            let commands: Vec<Value> = self.settled.iter().map(|id| Value::from(*id)).collect();
            self.execute_in(&STAMP_OUTCOMES, values![seq], &commands).await?;
            head = Some(seq);
        }
        let Self { read, tenant, jobs, .. } = self;
        read.session.commit().await?;
        if let (Some(head), true) = (head, count > 0) {
            tenant.advanced(head);
        }
        if let Some(run_at) = jobs {
            tenant.jobs_due(run_at);
        }
        Ok(Committed { head })
    }

    async fn number_changes(&mut self, count: usize) -> Result<i64> {
        let count = i64::try_from(count).map_err(|_| StorageError::TooManyChanges(CHANGES_PER_TX_MAX))?;
        let head: i64 = self.read.one(&BUMP, values![count]).await?.take("tenant_clock.seq")?;
        self.read.keys.promise(self.read.tenant, head - count, head).await?;
        let rows = self.changes.rows(head - count, head);
        self.execute_rows(&INSERT_CHANGES, values![], rows).await?;
        // All that changed together gets the same version: a message and its conversation compare equal.
        for (kind, ids) in self.changes.ids() {
            self.execute_in(kind.stamp(), values![head], &ids).await?;
        }
        Ok(head)
    }
}

impl EntityKind {
    /// The statement that writes the version of entities of this kind.
    const fn stamp(self) -> &'static Statement {
        match self {
            Self::Conversation => &STAMP_CONVERSATIONS,
            Self::Message => &STAMP_MESSAGES,
            Self::User => &STAMP_STAFF,
            Self::Queue => &STAMP_QUEUES,
            Self::ChannelAccount => &STAMP_CHANNEL_ACCOUNTS,
            Self::Tenant => &STAMP_TENANT,
            Self::ReadMark => &STAMP_READ_MARKS,
        }
    }
}

const STAMP_CONVERSATIONS: Statement =
    sql("UPDATE conversation SET version = $2 WHERE tenant_id = $1 AND id IN ({list})");
/// A message keeps the number it came in with: what happened after somebody looked is told by it.
const STAMP_MESSAGES: Statement = sql("UPDATE message SET version = $2,
       first_version = CASE WHEN first_version = 0 THEN $2 ELSE first_version END
     WHERE tenant_id = $1 AND id IN ({list})");
const STAMP_STAFF: Statement = sql("UPDATE staff SET version = $2 WHERE tenant_id = $1 AND id IN ({list})");
const STAMP_QUEUES: Statement = sql("UPDATE queue SET version = $2 WHERE tenant_id = $1 AND id IN ({list})");
const STAMP_CHANNEL_ACCOUNTS: Statement =
    sql("UPDATE channel_account SET version = $2 WHERE tenant_id = $1 AND id IN ({list})");
const STAMP_TENANT: Statement =
    sql("UPDATE tenant SET version = $2 WHERE tenant_id = $1 AND tenant_id IN ({list})");
/// Several people have a mark on one conversation; those of this transaction are the ones without a number.
const STAMP_READ_MARKS: Statement = sql("UPDATE read_mark SET version = $2
     WHERE tenant_id = $1 AND conversation_id IN ({list}) AND version = 0");

impl Deref for Tx {
    type Target = Read;

    fn deref(&self) -> &Read {
        &self.read
    }
}

impl DerefMut for Tx {
    fn deref_mut(&mut self) -> &mut Read {
        &mut self.read
    }
}
