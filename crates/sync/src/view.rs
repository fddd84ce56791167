//! What screens read: the cache with the pending commands laid over it.
//!
//! Pending commands are those of the outbox that the cache does not list as settled. Their effect is computed by
//! [`crate::overlay`] whenever a view is read, and stored nowhere.

use deskbell_domain::{CommandId, ConversationId, MessageId, Open, Sensitive, UserId};
use deskbell_protocol::command::RejectCode;
use deskbell_protocol::entity::{ConversationBody, MessageBody, TenantBody, UserBody};
use deskbell_protocol::sync::{PageToken, Seq};

use crate::store::{OutboxItem, StoreError};

mod list;
mod thread;

pub use list::{Group, ListSort, group, in_view, merge_window, sort_key};
pub use thread::{Boundary, boundary, pending_message, preview_of};

/// Which conversations a list shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ListView {
    /// Assigned to the user and not resolved.
    Mine,
    /// Assigned to nobody and not resolved.
    Unassigned,
    /// Everything that is not resolved.
    All,
    /// Resolved, newest first.
    Resolved,
}

/// Asks for a window of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ListQuery {
    /// Which conversations.
    pub view: ListView,
    /// Rows to skip.
    pub offset: usize,
    /// Rows wanted.
    pub limit: usize,
    /// Who looks.
    pub me: UserId,
}

/// A conversation with the pending commands laid over it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// Its id.
    pub id: ConversationId,
    /// Its version in the cache, for [`deskbell_protocol::command::Seen`].
    pub version: Seq,
    /// What it is like, own unsent commands included.
    pub body: ConversationBody,
    /// The queue's name.
    pub queue: Option<Sensitive<String>>,
    /// The assignee's name.
    pub assignee: Option<Sensitive<String>>,
}

/// How far a message of a thread has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MessageState {
    /// In the cache: its body says.
    Stored,
    /// In the outbox, waiting.
    Waiting {
        /// The command that writes it.
        command: CommandId,
    },
    /// In the outbox, refused.
    Refused {
        /// The command that should have written it.
        command: CommandId,
        /// Why.
        code: Open<RejectCode>,
    },
}

/// A message of a thread.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ThreadMessage {
    /// Its id.
    pub id: MessageId,
    /// What it is like.
    pub body: MessageBody,
    /// How far it has come.
    pub state: MessageState,
    /// The author's name, where that was staff and is known.
    pub author: Option<Sensitive<String>>,
}

/// A conversation in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListRow {
    /// Who and what.
    pub header: Header,
    /// Its newest message: a waiting or refused one before a stored one.
    pub preview: Option<ThreadMessage>,
    /// What the user has typed and not sent.
    pub draft: Option<Sensitive<String>>,
    /// Messages of the customer that the user has not seen.
    pub unread: u32,
}

/// Conversations per view, own unsent commands included.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Assigned to the user and not resolved.
    pub mine: u32,
    /// Assigned to nobody and not resolved.
    pub unassigned: u32,
    /// Not resolved.
    pub all: u32,
    /// Not resolved, with a message that the user has not seen.
    pub unread: u32,
}

/// A window of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListPage {
    /// The groups that have rows, in order, with the number of their rows. They add up to the list's length.
    pub groups: Vec<(Group, u32)>,
    /// The rows from the offset on.
    pub rows: Vec<ListRow>,
    /// For the switcher and the rail.
    pub counts: Counts,
}

/// Asks for a conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ThreadQuery {
    /// Which.
    pub conversation: ConversationId,
    /// Stored messages wanted, the newest. Unsent ones come on top.
    pub limit: usize,
    /// Who looks.
    pub me: UserId,
}

/// A conversation with its newest messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Thread {
    /// The row it has in the list.
    pub row: ListRow,
    /// Oldest first; unsent ones last, in the order in which they were written.
    pub messages: Vec<ThreadMessage>,
    /// Whether there are older ones, here or on the backend.
    pub has_older: bool,
    /// The first message among them that the user has not seen.
    pub first_unread: Option<MessageId>,
}

/// Asks for what stands before a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OlderQuery {
    /// The conversation.
    pub conversation: ConversationId,
    /// The message.
    pub before: MessageId,
    /// Messages wanted.
    pub limit: usize,
}

/// Older messages of a conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Older {
    /// Oldest first.
    pub messages: Vec<ThreadMessage>,
    /// Whether there are still older ones, here or on the backend.
    pub has_older: bool,
    /// Set where the cache ended before the limit was reached: [`crate::Event::FillGap`], and read again.
    pub gap: Option<PageToken>,
}

/// What screens read.
pub trait Views: Send + Sync {
    /// A window of a list.
    ///
    /// # Errors
    /// When the files cannot be read.
    fn list(&self, query: ListQuery) -> impl Future<Output = Result<ListPage, StoreError>> + Send;

    /// A conversation with its newest messages; `None` where the cache does not have it.
    ///
    /// # Errors
    /// When the files cannot be read.
    fn thread(&self, query: ThreadQuery) -> impl Future<Output = Result<Option<Thread>, StoreError>> + Send;

    /// What stands before a message, as far as the cache goes without a gap.
    ///
    /// # Errors
    /// When the files cannot be read.
    fn older(&self, query: OlderQuery) -> impl Future<Output = Result<Older, StoreError>> + Send;

    /// A conversation as `me` sees it: for [`deskbell_protocol::command::Seen`] and the service window.
    ///
    /// # Errors
    /// When the files cannot be read.
    fn header(
        &self,
        conversation: ConversationId,
        me: UserId,
    ) -> impl Future<Output = Result<Option<Header>, StoreError>> + Send;

    /// The token of a conversation's gap, where it has one.
    ///
    /// # Errors
    /// When the files cannot be read.
    fn gap(
        &self,
        conversation: ConversationId,
    ) -> impl Future<Output = Result<Option<PageToken>, StoreError>> + Send;

    /// What was typed into a conversation and not sent; empty where there is none.
    ///
    /// # Errors
    /// When the files cannot be read.
    fn draft(
        &self,
        conversation: ConversationId,
    ) -> impl Future<Output = Result<Sensitive<String>, StoreError>> + Send;

    /// A member of staff, where the cache has them.
    ///
    /// # Errors
    /// When the files cannot be read.
    fn user(&self, user: UserId) -> impl Future<Output = Result<Option<UserBody>, StoreError>> + Send;

    /// The tenant, where the cache has it.
    ///
    /// # Errors
    /// When the files cannot be read.
    fn tenant(&self) -> impl Future<Output = Result<Option<TenantBody>, StoreError>> + Send;

    /// What waits or was refused, in the order in which it was written. What the cache lists as settled is left out.
    ///
    /// # Errors
    /// When the files cannot be read.
    fn outbox(&self) -> impl Future<Output = Result<Vec<OutboxItem>, StoreError>> + Send;
}
