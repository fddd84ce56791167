//! Facts for the audit log. They are written with the act they tell of, and chained afterwards.

use deskbell_domain::{AuditId, DeviceId, UserId};

use super::change::Entity;
use super::statement::{Statement, sql};
use super::value::{Value, values};
use super::{Result, Tx, fresh};

/// Who did what to what. Ids and a closed word only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AuditFact {
    /// Who; `None` for the system itself.
    pub actor: Option<UserId>,
    /// From which device.
    pub device: Option<DeviceId>,
    /// What was done: the audit log's word.
    pub act: &'static str,
    /// To what.
    pub subject: Option<Entity>,
}

const INSERT: Statement = sql("INSERT INTO audit_pending
       (tenant_id, id, at, actor_id, device_id, act, subject_kind, subject_id)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8)");

/// Writes a fact, in the transaction of the act.
///
/// # Errors
/// Those of the engine.
pub async fn pending(tx: &mut Tx, fact: &AuditFact) -> Result<AuditId> {
    let now = tx.now();
    let id = fresh::audit_id(now)?;
    let kind = Value::word_or_null(fact.subject.map(|subject| subject.kind).as_ref());
    let subject = fact.subject.map(|subject| subject.id);
    tx.execute(&INSERT, values![id, now, fact.actor, fact.device, fact.act, kind, subject]).await?;
    Ok(id)
}
