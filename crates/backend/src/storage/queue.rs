//! Queues: the departments that conversations are routed to.

use deskbell_domain::{QueueId, Scope, UtcMs};

use super::change::{Entity, Op};
use super::statement::{Statement, sql};
use super::value::{Row, list_of, values};
use super::{Read, Result, Tx, fresh};

/// A queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Queue {
    /// Its id.
    pub id: QueueId,
    /// Its name.
    pub name: String,
    /// When it was made.
    pub created_at: UtcMs,
    /// The place of its last change in the log.
    pub version: i64,
}

const INSERT: Statement =
    sql("INSERT INTO queue (tenant_id, id, name, created_at, version) VALUES ($1, $2, $3, $4, 0)");
const LIST: Statement =
    sql("SELECT id, name, created_at, version FROM queue WHERE tenant_id = $1 ORDER BY id");
const READ: Statement =
    sql("SELECT id, name, created_at, version FROM queue WHERE tenant_id = $1 AND id IN ({list})");

/// Makes a queue.
///
/// # Errors
/// Those of the engine.
pub async fn create(tx: &mut Tx, name: &str) -> Result<QueueId> {
    let now = tx.now();
    let id = fresh::queue_id(now)?;
    tx.execute(&INSERT, values![id, name, now]).await?;
    tx.changed(Entity::queue(id), Op::Put, &[Scope::Tenant]);
    Ok(id)
}

/// All queues, the oldest first.
///
/// # Errors
/// Those of the engine.
pub async fn list(read: &mut Read) -> Result<Vec<Queue>> {
    read.all(&LIST, values![]).await?.into_iter().map(queue).collect()
}

/// Queues by their ids, in no order. What is not there is left out.
///
/// # Errors
/// Those of the engine.
pub async fn read_many(read: &mut Read, ids: &[QueueId]) -> Result<Vec<Queue>> {
    read.all_in(&READ, values![], &list_of(ids)).await?.into_iter().map(queue).collect()
}

fn queue(mut row: Row) -> Result<Queue> {
    Ok(Queue {
        id: row.take("queue.id")?,
        name: row.take("queue.name")?,
        created_at: row.take("queue.created_at")?,
        version: row.take("queue.version")?,
    })
}
