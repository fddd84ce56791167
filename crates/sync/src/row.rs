//! How items of the wire become rows of the cache. Both stores keep these rules.
//!
//! A frame, a page of a snapshot and a page of history are written in this order, in one transaction:
//!
//! 1. **Puts.** A row is written where there is none, or where the stored version is not higher. A message whose
//!    conversation is neither stored nor in the same batch is left out: nothing would ever purge it.
//! 2. **Removes and erases.** A remove older than the stored row changes nothing. Else the row goes, and with a root
//!    all that follows it (the rows with that `root`) and its gap. A read mark has its conversation's id and is the
//!    user's own: it goes with an erase, not with a remove of the conversation. An erase asks for no version.
//! 3. **History starts** (frames and snapshot pages): the messages of that conversation begin anew. Stored messages
//!    that the batch does not bring go, because changes of them may have been missed while the conversation was out
//!    of view; the gap becomes what the batch says, with [`crate::view::boundary`] as its edge.
//!
//! An item of a kind this version does not know, or with a body it cannot read, is stored raw with kind, id, version
//! and root, so that it can be purged.

use deskbell_domain::{Open, Scope};
use deskbell_protocol::entity::{
    ConversationBody, Kind, MessageBody, QueueBody, ReadMarkBody, TenantBody, UserBody,
};
use deskbell_protocol::sync::Item;
use serde::Deserialize;
use serde_json::Value;

/// An entity's body, as far as this version can read it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Body {
    /// The tenant.
    Tenant(TenantBody),
    /// A member of staff.
    User(UserBody),
    /// A queue.
    Queue(QueueBody),
    /// A conversation.
    Conversation(Box<ConversationBody>),
    /// A message.
    Message(Box<MessageBody>),
    /// A read mark.
    ReadMark(ReadMarkBody),
    /// Something newer. Kept, not shown.
    Raw,
}

impl Body {
    /// Reads a body.
    pub fn read(kind: Open<Kind>, body: &Value) -> Self {
        match kind.known() {
            Some(Kind::Tenant) => parsed(body, Self::Tenant),
            Some(Kind::User) => parsed(body, Self::User),
            Some(Kind::Queue) => parsed(body, Self::Queue),
            Some(Kind::Conversation) => parsed(body, |body| Self::Conversation(Box::new(body))),
            Some(Kind::Message) => parsed(body, |body| Self::Message(Box::new(body))),
            Some(Kind::ReadMark) => parsed(body, Self::ReadMark),
            None => Self::Raw,
        }
    }
}

fn parsed<'a, T: Deserialize<'a>>(body: &'a Value, make: impl FnOnce(T) -> Body) -> Body {
    T::deserialize(body).map_or(Body::Raw, make)
}

/// Whether an item decides over its own visibility.
pub fn is_root(item: &Item) -> bool {
    item.id == item.root
}

/// Whether a root with this body belongs to a device with these scopes. `None` where this version cannot tell: such a
/// root is purged whenever the scopes changed, and comes again with the snapshot that follows.
pub fn is_visible(body: &Body, scopes: &[Scope]) -> Option<bool> {
    match body {
        Body::Tenant(_) | Body::User(_) | Body::Queue(_) => Some(scopes.contains(&Scope::Tenant)),
        Body::Conversation(body) => Some(
            body.queue.is_some_and(|queue| scopes.contains(&Scope::Queue(queue)))
                || body.assignee.is_some_and(|user| scopes.contains(&Scope::User(user))),
        ),
        Body::ReadMark(_) => Some(scopes.iter().any(|scope| matches!(scope, Scope::User(_)))),
        Body::Message(_) | Body::Raw => None,
    }
}
