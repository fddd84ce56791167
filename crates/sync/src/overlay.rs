//! What pending commands change in what is shown. Pure: rows and commands in, rows out.
//!
//! The caller passes the items of one conversation, in the order of the outbox, without those the cache lists as
//! settled. Refused ones have no effect; their texts are shown as such by [`crate::view::pending_message`].

use deskbell_domain::{ConversationStatus, MessageId, UserId, UtcMs};
use deskbell_protocol::command::Act;
use deskbell_protocol::entity::ConversationBody;

use crate::store::OutboxItem;

/// The conversation as `me` sees it: with everything that waits counted as done.
///
/// `is_stored` says whether the cache has a message: a reply that has arrived there is in the stored body already, and
/// would, laid over it again, hide that the customer wrote since.
pub fn conversation<'a>(
    base: &ConversationBody,
    pending: impl IntoIterator<Item = &'a OutboxItem>,
    is_stored: impl Fn(MessageId) -> bool,
    me: UserId,
) -> ConversationBody {
    let mut body = base.clone();
    for item in pending.into_iter().filter(|item| item.is_pending()) {
        match &item.command.act {
            Act::SendText { message, .. } if is_stored(*message) => {}
            Act::SendText { .. } => {
                body.waiting_since = None;
                body.last_message_at = body.last_message_at.max(item.command.created_at);
            }
            Act::Claim { .. } => body.assignee = Some(me),
            Act::Release { .. } => body.assignee = None,
            Act::Resolve { .. } => body.status = ConversationStatus::Resolved.into(),
            Act::Reopen { .. } => body.status = ConversationStatus::Open.into(),
            Act::MarkRead { .. } => {}
        }
    }
    body
}

/// Up to when the conversation is read, with everything that waits counted as done.
pub fn read_through<'a>(
    base: Option<UtcMs>,
    pending: impl IntoIterator<Item = &'a OutboxItem>,
) -> Option<UtcMs> {
    let own =
        pending.into_iter().filter(|item| item.is_pending()).filter_map(|item| match item.command.act {
            Act::MarkRead { through, .. } => Some(through),
            _ => None,
        });
    base.into_iter().chain(own).max()
}
