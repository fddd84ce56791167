//! What happens to a conversation without the customer seeing it.

use deskbell_domain::{ConversationId, ConversationStatus, UtcMs};
use deskbell_protocol::command::RejectCode;

use super::{Actor, Decision};
use crate::storage::conversation::{self, Conversation};
use crate::storage::{self, Tx, read_mark};

/// The conversation, held until the transaction ends, if the actor sees it.
pub(super) async fn lock(
    tx: &mut Tx,
    actor: &Actor,
    id: ConversationId,
) -> storage::Result<Option<Conversation>> {
    let found = conversation::lock(tx, id).await?;
    Ok(found.filter(|found| found.scopes().iter().any(|scope| actor.scopes.contains(scope))))
}

/// Changes the conversation, if the actor sees it and `change` allows it.
async fn edit(
    tx: &mut Tx,
    actor: &Actor,
    id: ConversationId,
    change: impl FnOnce(&mut Conversation) -> Decision,
) -> storage::Result<Decision> {
    let Some(before) = lock(tx, actor, id).await? else { return Ok(Err(RejectCode::NotFound)) };
    let mut after = before;
    let decision = change(&mut after);
    if decision.is_ok() && after != before {
        conversation::save(tx, &before, &after).await?;
    }
    Ok(decision)
}

pub(super) async fn mark_read(
    tx: &mut Tx,
    actor: &Actor,
    id: ConversationId,
    through: UtcMs,
) -> storage::Result<Decision> {
    let Some(conversation) = lock(tx, actor, id).await? else { return Ok(Err(RejectCode::NotFound)) };
    // A device whose clock is wrong must not mark what was not written yet.
    let through = through.min(conversation.last_message_at);
    read_mark::put(tx, actor.user, id, through).await?;
    Ok(Ok(()))
}

/// A race by design: the lock decides it.
pub(super) async fn claim(tx: &mut Tx, actor: &Actor, id: ConversationId) -> storage::Result<Decision> {
    edit(tx, actor, id, |conversation| {
        if conversation.assignee.is_some_and(|assignee| assignee != actor.user) {
            return Err(RejectCode::TakenByOther);
        }
        conversation.assignee = Some(actor.user);
        Ok(())
    })
    .await
}

pub(super) async fn release(tx: &mut Tx, actor: &Actor, id: ConversationId) -> storage::Result<Decision> {
    edit(tx, actor, id, |conversation| {
        if conversation.assignee.is_some_and(|assignee| assignee != actor.user) {
            return Err(RejectCode::TakenByOther);
        }
        conversation.assignee = None;
        Ok(())
    })
    .await
}

pub(super) async fn resolve(tx: &mut Tx, actor: &Actor, id: ConversationId) -> storage::Result<Decision> {
    edit(tx, actor, id, |conversation| {
        conversation.status = ConversationStatus::Resolved;
        conversation.waiting_since = None;
        Ok(())
    })
    .await
}

pub(super) async fn reopen(tx: &mut Tx, actor: &Actor, id: ConversationId) -> storage::Result<Decision> {
    edit(tx, actor, id, |conversation| {
        if conversation.status == ConversationStatus::Resolved {
            conversation.status = ConversationStatus::Open;
        }
        Ok(())
    })
    .await
}
