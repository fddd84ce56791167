//! The order of a thread, and where it has a gap.

use deskbell_domain::{ConversationId, Direction, Entity, MessageId, MessageKind, Origin, UserId, UtcMs};
use deskbell_protocol::command::Act;
use deskbell_protocol::entity::{Kind, MessageBody, MessageContent};
use deskbell_protocol::limits::NEWEST_MESSAGES;
use deskbell_protocol::sync::{Item, ItemOp};

use super::{MessageState, ThreadMessage};
use crate::row::Body;
use crate::store::{CommandState, OutboxItem};

/// The edge of a gap: messages at or after it are known without a hole. Those before it may be in the cache, because a
/// change of them came by; they are shown only when history has reached them, so that a thread never has a silent hole.
///
/// Also the order of a thread: by time, then by id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Boundary {
    /// When the oldest message without a hole was written.
    pub at: UtcMs,
    /// Which.
    pub id: MessageId,
}

/// The edge of a gap, from the items of the batch that brought its token: the oldest of the conversation's messages in
/// it. In a frame or snapshot page (`newest_only`) at most the newest [`NEWEST_MESSAGES`] count, because the batch may
/// bring a change of a far older message too. `None` where the batch has no message of the conversation: the edge
/// stays where it was, or, where there was none, everything is before it.
pub fn boundary(items: &[Item], conversation: ConversationId, newest_only: bool) -> Option<Boundary> {
    let mut places: Vec<Boundary> = items
        .iter()
        .filter(|item| {
            item.root == conversation.entity()
                && item.op == ItemOp::Put
                && item.kind.known() == Some(Kind::Message)
        })
        .filter_map(|item| match Body::read(item.kind, item.body.as_ref()?) {
            Body::Message(body) => Some(Boundary { at: body.at, id: MessageId::of(item.id) }),
            _ => None,
        })
        .collect();
    places.sort_unstable_by(|a, b| b.cmp(a));
    if newest_only {
        places.truncate(NEWEST_MESSAGES);
    }
    places.pop()
}

/// The message a waiting or refused command would write, where it writes one.
pub fn pending_message(item: &OutboxItem, me: UserId) -> Option<ThreadMessage> {
    let Act::SendText { conversation, message, text } = &item.command.act else { return None };
    let state = match item.state {
        CommandState::Refused { code } => MessageState::Refused { command: item.id(), code },
        _ => MessageState::Waiting { command: item.id() },
    };
    Some(ThreadMessage {
        id: *message,
        body: MessageBody {
            conversation: *conversation,
            direction: Direction::Outbound.into(),
            origin: Origin::Agent.into(),
            kind: MessageKind::Text.into(),
            content: MessageContent { text: Some(text.clone()), ..MessageContent::default() },
            author: Some(me),
            at: item.command.created_at,
            status: None,
            failure: None,
        },
        state,
        author: None,
    })
}

/// The message a list row shows: the last unsent one, else the newest stored one.
pub fn preview_of(stored: Option<ThreadMessage>, unsent: Option<ThreadMessage>) -> Option<ThreadMessage> {
    unsent.or(stored)
}
