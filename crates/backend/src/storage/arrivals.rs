//! Webhook bodies between their arrival and the last event split from them: before the tenant is known.
//!
//! They are sealed under the day's ingest key and lie in a database of their own on SQLite. Many bodies are made
//! durable by one commit; each sender gets its answer after that commit and not before.

use std::net::IpAddr;
use std::sync::Arc;

use bytes::Bytes;
use deskbell_domain::{Sensitive, UtcMs, WebhookId};
use deskbell_seal::keyed_hash;
use serde::{Deserialize, Serialize};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio::task::AbortHandle;

use super::keys::{INSTALLATION, KeyKind, KeyStore};
use super::sealing::{SealedColumn, sealed_column};
use super::session::Database;
use super::statement::{Statement, pair, sql};
use super::value::{Value, values};
use super::{Result, StorageError, fresh};
use crate::limits::{ARRIVALS_COMMIT_BYTES, ARRIVALS_PER_COMMIT, ARRIVALS_WAITING_KIB};

/// A body that passed its signature.
#[derive(Clone)]
pub struct NewBody {
    /// The Meta app it was sent to, as the path names it.
    pub app: String,
    /// The body, byte for byte.
    pub bytes: Bytes,
}

/// A body to be split.
#[derive(Debug)]
pub struct StagedBody {
    /// Its id.
    pub id: WebhookId,
    /// The Meta app it was sent to.
    pub app: String,
    /// When it came, on our clock.
    pub received_at: UtcMs,
    /// How often it was taken up, this time included.
    pub attempts: i64,
    /// The body, byte for byte; `None` when its key is gone.
    pub body: Option<Sensitive<Vec<u8>>>,
}

/// Why a call was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RejectReason {
    /// The path names no app.
    UnknownApp,
    /// The signature is missing or does not fit.
    BadSignature,
    /// Signed, but no JSON: truncated.
    BadBody,
    /// Larger than Meta sends.
    TooLarge,
}

/// A call that was refused: that it came, not what was in it.
#[derive(Debug, Clone)]
pub struct Rejected {
    /// The Meta app it was sent to, when there is one of that name.
    pub app: Option<String>,
    /// Why.
    pub reason: RejectReason,
    /// Its length in bytes, as far as it was read.
    pub bytes: i64,
    /// Who sent it. A keyed hash is stored.
    pub sender: Option<IpAddr>,
}

/// Why a body is put aside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum QuarantineReason {
    /// It is no webhook of a shape that is known.
    Malformed,
    /// It names no phone number or account of a tenant.
    UnknownTenant,
    /// It is about somebody whom it does not name.
    NoPerson,
    /// It failed again and again.
    Failed,
}

/// How much lies here, for health.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ArrivalCounts {
    /// Bodies that wait to be split.
    pub staged: i64,
    /// When the oldest of them came.
    pub oldest: Option<UtcMs>,
    /// Bodies put aside.
    pub quarantined: i64,
    /// Calls refused.
    pub rejected: i64,
}

/// The staged webhook bodies. Clones share one.
#[derive(Clone)]
pub struct Arrivals {
    table: Arc<Table>,
    waiting: mpsc::UnboundedSender<Waiting>,
    room: Arc<Semaphore>,
}

struct Table {
    database: Database,
    keys: KeyStore,
    stored: Notify,
}

struct Waiting {
    body: NewBody,
    answer: oneshot::Sender<Result<WebhookId>>,
    /// Given back when the body was stored.
    room: OwnedSemaphorePermit,
}

const BODY: SealedColumn = sealed_column!("webhook_body"."body");

const INSERT: Statement =
    sql("INSERT INTO webhook_body (id, app, received_at, run_at, attempts, body) VALUES {rows}");
const DUE: Statement = pair(
    "UPDATE webhook_body SET run_at = $2, attempts = attempts + 1 WHERE id IN (
       SELECT id FROM webhook_body WHERE run_at <= $1 ORDER BY run_at, id LIMIT $3)
     RETURNING id, app, received_at, attempts, body",
    "UPDATE webhook_body SET run_at = $2, attempts = attempts + 1 WHERE id IN (
       SELECT id FROM webhook_body WHERE run_at <= $1 ORDER BY run_at, id LIMIT $3 FOR UPDATE SKIP LOCKED)
     RETURNING id, app, received_at, attempts, body",
);
const DELETE: Statement = sql("DELETE FROM webhook_body WHERE id IN ({list})");
const RETRY: Statement = sql("UPDATE webhook_body SET run_at = $2 WHERE id = $1");
const RELEASE: Statement = sql("UPDATE webhook_body SET run_at = $1 WHERE run_at > $1");
const QUARANTINE: Statement = sql("INSERT INTO quarantine (id, app, received_at, reason, body)
         SELECT id, app, received_at, $2, body FROM webhook_body WHERE id = $1");
const DELETE_ONE: Statement = sql("DELETE FROM webhook_body WHERE id = $1");
const REJECT: Statement =
    sql("INSERT INTO rejected_webhook (id, app, at, reason, bytes, sender) VALUES ($1, $2, $3, $4, $5, $6)");
const COUNTS: Statement =
    sql("SELECT (SELECT COUNT(*) FROM webhook_body), (SELECT MIN(received_at) FROM webhook_body),
       (SELECT COUNT(*) FROM quarantine), (SELECT COUNT(*) FROM rejected_webhook)");
const FORGET_BODIES: Statement = sql("DELETE FROM webhook_body WHERE received_at < $1");
const FORGET_QUARANTINE: Statement = sql("DELETE FROM quarantine WHERE received_at < $1");
const FORGET_REJECTED: Statement = sql("DELETE FROM rejected_webhook WHERE at < $1");

impl Arrivals {
    /// Starts the task that groups commits.
    pub(super) fn start(database: Database, keys: KeyStore) -> (Self, AbortHandle) {
        let table = Arc::new(Table { database, keys, stored: Notify::new() });
        let (waiting, queue) = mpsc::unbounded_channel();
        let task = tokio::spawn(store_in_groups(Arc::clone(&table), queue)).abort_handle();
        (Self { table, waiting, room: Arc::new(Semaphore::new(ARRIVALS_WAITING_KIB)) }, task)
    }

    pub(super) async fn close(&self) {
        self.table.database.close().await;
    }

    /// Stores a body. When this returns, it is on the disk; only then may the sender be answered.
    ///
    /// # Errors
    /// [`StorageError::ArrivalsFull`] when more waits than memory is set aside for; those of the engine.
    pub async fn accept(&self, body: NewBody) -> Result<WebhookId> {
        let kib = u32::try_from(body.bytes.len() / 1024 + 1).map_err(|_| StorageError::ArrivalsFull)?;
        let room = Arc::clone(&self.room).try_acquire_many_owned(kib);
        let room = room.map_err(|_| StorageError::ArrivalsFull)?;
        let (answer, stored) = oneshot::channel();
        let closed = || StorageError::Unavailable("the database is closed".to_owned());
        self.waiting.send(Waiting { body, answer, room }).map_err(|_| closed())?;
        stored.await.map_err(|_| closed())?
    }

    /// Stores many bodies in one transaction.
    ///
    /// # Errors
    /// Those of the engine; nothing is stored then.
    pub async fn insert_many(&self, bodies: &[NewBody]) -> Result<Vec<WebhookId>> {
        let ids = self.table.insert(bodies).await?;
        self.table.stored.notify_one();
        Ok(ids)
    }

    /// Takes up to `count` bodies that are due, the oldest first, for `lease_ms` milliseconds. Whoever does not
    /// finish them by then leaves them to others.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn lease(&self, count: i64, lease_ms: i64) -> Result<Vec<StagedBody>> {
        let table = &self.table;
        let now = table.now();
        let mut session = table.database.begin().await?;
        let rows = session.all(&DUE, values![now, now.plus_ms(lease_ms), count]).await?;
        session.commit().await?;
        let mut bodies = Vec::with_capacity(rows.len());
        for mut row in rows {
            let id: WebhookId = row.take("webhook_body.id")?;
            let app = row.take("webhook_body.app")?;
            let received_at = row.take("webhook_body.received_at")?;
            let attempts = row.take("webhook_body.attempts")?;
            let sealed: Vec<u8> = row.take("webhook_body.body")?;
            let body = match table.keys.get(INSTALLATION, BODY.key_of(&sealed)?).await? {
                Some(key) => Some(BODY.open(INSTALLATION, id.as_bytes(), &key, &sealed)?),
                None => None,
            };
            bodies.push(StagedBody { id, app, received_at, attempts, body });
        }
        bodies.sort_by_key(|body| (body.received_at, body.id));
        Ok(bodies)
    }

    /// Deletes bodies whose every event was processed.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn finish(&self, ids: &[WebhookId]) -> Result<()> {
        if ids.is_empty() {
            return Ok(());
        }
        let list: Vec<Value> = ids.iter().map(|id| Value::from(*id)).collect();
        let mut session = self.table.database.begin().await?;
        session.execute_in(&DELETE, &[], &list).await?;
        session.commit().await
    }

    /// Gives a body back, to be taken up again at `run_at`.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn retry(&self, id: WebhookId, run_at: UtcMs) -> Result<()> {
        let mut session = self.table.database.begin().await?;
        session.execute(&RETRY, values![id, run_at]).await?;
        session.commit().await
    }

    /// Gives back what a process that died still held. Only for the one process that serves SQLite.
    pub(super) async fn release(&self) -> Result<()> {
        let now = self.table.now();
        let mut session = self.table.database.begin().await?;
        session.execute(&RELEASE, values![now]).await?;
        session.commit().await?;
        self.table.stored.notify_one();
        Ok(())
    }

    /// Puts a body aside, still sealed. It dies with its ingest key.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn quarantine(&self, id: WebhookId, reason: QuarantineReason) -> Result<()> {
        let mut session = self.table.database.begin().await?;
        session.execute(&QUARANTINE, values![id, Value::word(&reason)]).await?;
        session.execute(&DELETE_ONE, values![id]).await?;
        session.commit().await
    }

    /// Records a refused call.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn record_rejected(&self, rejected: Rejected) -> Result<()> {
        let table = &self.table;
        let now = table.now();
        let (_, lookup) = table.keys.only(INSTALLATION, KeyKind::Lookup).await?;
        let sender = rejected
            .sender
            .map(|sender| *keyed_hash(&lookup, "webhook.sender", sender.to_string().as_bytes()).as_bytes());
        let values = values![
            fresh::webhook_id(now)?,
            rejected.app,
            now,
            Value::word(&rejected.reason),
            rejected.bytes,
            sender,
        ];
        let mut session = table.database.begin().await?;
        session.execute(&REJECT, values).await?;
        session.commit().await
    }

    /// How much lies here.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn counts(&self) -> Result<ArrivalCounts> {
        let mut row = self.table.database.read().await?.one(&COUNTS, values![]).await?;
        Ok(ArrivalCounts {
            staged: row.take("webhook_body")?,
            oldest: row.take("webhook_body.received_at")?,
            quarantined: row.take("quarantine")?,
            rejected: row.take("rejected_webhook")?,
        })
    }

    /// Waits until this process has stored a body since the last time somebody waited. For one worker: it wakes one.
    pub async fn stored(&self) {
        self.table.stored.notified().await;
    }

    /// Deletes what came before `before`: its ingest key is destroyed, or about to be.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn forget_before(&self, before: UtcMs) -> Result<()> {
        let mut session = self.table.database.begin().await?;
        for statement in [&FORGET_BODIES, &FORGET_QUARANTINE, &FORGET_REJECTED] {
            session.execute(statement, values![before]).await?;
        }
        session.commit().await
    }
}

impl Table {
    fn now(&self) -> UtcMs {
        self.keys.clock().now()
    }

    async fn insert(&self, bodies: &[NewBody]) -> Result<Vec<WebhookId>> {
        let now = self.now();
        let key = self.keys.ingest_key(now).await?;
        let mut ids = Vec::with_capacity(bodies.len());
        let mut rows = Vec::with_capacity(bodies.len());
        for body in bodies {
            let id = fresh::webhook_id(now)?;
            let sealed = BODY.seal(INSTALLATION, id.as_bytes(), &key, &body.bytes)?;
            rows.push(values![id, body.app.as_str(), now, now, 0_i64, Value::Bytes(Some(sealed))]);
            ids.push(id);
        }
        let mut session = self.database.begin().await?;
        session.execute_rows(&INSERT, &[], rows).await?;
        session.commit().await?;
        Ok(ids)
    }
}

/// While one commit is on its way to the disk the next group gathers: one body alone waits for nobody, and a storm
/// costs few commits.
async fn store_in_groups(table: Arc<Table>, mut queue: mpsc::UnboundedReceiver<Waiting>) {
    while let Some(first) = queue.recv().await {
        let mut bytes = first.body.bytes.len();
        let mut group = vec![first];
        while group.len() < ARRIVALS_PER_COMMIT && bytes < ARRIVALS_COMMIT_BYTES {
            let Ok(next) = queue.try_recv() else { break };
            bytes += next.body.bytes.len();
            group.push(next);
        }
        let (bodies, answers): (Vec<NewBody>, Vec<_>) =
            group.into_iter().map(|waiting| (waiting.body, (waiting.answer, waiting.room))).unzip();
        let stored = table.insert(&bodies).await;
        if stored.is_ok() {
            table.stored.notify_one();
        }
        answer(answers, stored);
    }
}

/// A sender that has gone away does not hear that its body was stored: it will send it again.
fn answer(
    answers: Vec<(oneshot::Sender<Result<WebhookId>>, OwnedSemaphorePermit)>,
    stored: Result<Vec<WebhookId>>,
) {
    match stored {
        Ok(ids) => {
            for ((answer, _room), id) in answers.into_iter().zip(ids) {
                let _gone = answer.send(Ok(id));
            }
        }
        Err(error) => {
            let reason = error.to_string();
            for (answer, _room) in answers {
                let _gone = answer.send(Err(StorageError::Unavailable(reason.clone())));
            }
        }
    }
}
