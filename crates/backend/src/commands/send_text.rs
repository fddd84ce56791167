use deskbell_domain::{
    ConversationId, DeliveryStatus, Direction, MessageId, MessageKind, Origin, Sensitive, ServiceWindow,
    TEXT_CHARS_MAX, WindowState,
};
use deskbell_protocol::command::{RejectCode, Seen};
use deskbell_protocol::entity::MessageContent;

use super::context::{self, Now};
use super::{Actor, Decision, work};
use crate::outgoing::job::{self, SendMessage};
use crate::storage::channel_account::{self, AccountStatus};
use crate::storage::conversation::{self, Conversation};
use crate::storage::message::{self, Inserted, NewMessage};
use crate::storage::{self, StorageError, Tx, contact};
use crate::sync::stored_seq;

/// Writes to the customer: the message and the durable job that sends it, if it may still be sent and still fits what
/// its author saw.
pub(super) async fn send_text(
    tx: &mut Tx,
    actor: &Actor,
    seen: Option<Seen>,
    conversation: ConversationId,
    message: MessageId,
    text: &Sensitive<String>,
) -> storage::Result<Decision> {
    // What reaches a customer says what its author saw; a command without it comes from no console.
    let Some(seen) = seen.filter(|_| fits(text)) else { return Ok(Err(RejectCode::BadCommand)) };
    let Some(before) = work::lock(tx, actor, conversation).await? else {
        return Ok(Err(RejectCode::NotFound));
    };
    let Some(contact) = contact::writable(tx, before.contact).await? else {
        return Ok(Err(RejectCode::Erased));
    };
    let account = channel_account::by_id(tx, before.account).await?;
    if account.is_none_or(|account| account.status != AccountStatus::Connected) {
        return Ok(Err(RejectCode::AccountDisconnected));
    }
    let now = tx.now();
    let window = ServiceWindow::since(before.last_customer_message_at).at(now);
    if matches!(window, WindowState::Closed { .. }) {
        return Ok(Err(RejectCode::WindowClosed));
    }
    let answered_by_others =
        message::answered_by_others(tx, before.id, stored_seq(seen.version), actor.user).await?;
    let situation = Now { assignee: before.assignee, status: before.status, answered_by_others };
    if context::changed(actor.user, &seen, situation) {
        return Ok(Err(RejectCode::ContextChanged));
    }

    let content = MessageContent { text: Some(text.clone()), ..MessageContent::default() };
    let body = serde_json::to_string(&content).map_err(|_| StorageError::Shape("a message's content"))?;
    let new = NewMessage {
        id: message,
        kind: MessageKind::Text,
        direction: Direction::Outbound,
        origin: Origin::Agent,
        at: now,
        provider_at: None,
        author: Some(actor.user),
        status: Some(DeliveryStatus::Queued),
        body: Sensitive::new(body),
        wamid: None,
    };
    match message::insert(tx, &contact, &before, &new).await? {
        Inserted::New(_) => {}
        // Another command used this id for its message: sending twice would be worse than not at all.
        Inserted::Known(_) => return Ok(Err(RejectCode::BadCommand)),
    }
    let after = Conversation {
        last_message_at: before.last_message_at.max(now),
        // This is the answer that the customer waited for.
        waiting_since: None,
        ..before
    };
    conversation::save(tx, &before, &after).await?;
    job::enqueue(tx, SendMessage { message, conversation: before.id }, now).await?;
    Ok(Ok(()))
}

/// A text that WhatsApp takes: something to read, and not more than it carries.
fn fits(text: &Sensitive<String>) -> bool {
    let text = text.expose();
    !text.trim().is_empty() && text.chars().count() <= TEXT_CHARS_MAX
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_has_something_to_read_and_ends_where_whatsapp_s_do() {
        assert!(fits(&"á".repeat(TEXT_CHARS_MAX).into()));
        assert!(!fits(&"á".repeat(TEXT_CHARS_MAX + 1).into()));
        assert!(!fits(&" \n".into()));
    }
}
