use deskbell_domain::{ConversationId, ConversationStatus, Open, Priority, Sensitive, UserId, UtcMs};
use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// Which conversations a list shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum ListView {
    /// Assigned to the user and not resolved.
    Mine,
    /// Assigned to nobody and not resolved.
    Unassigned,
    /// Everything the user may see that is not resolved.
    All,
    /// Resolved, newest first.
    Resolved,
}

/// Asks for a window of a list.
#[derive(Debug, Clone, Copy, Deserialize, TS)]
pub struct ListQuery {
    /// Which conversations.
    pub view: ListView,
    /// Rows to skip.
    pub offset: u32,
    /// Rows wanted; at most 200 are given.
    pub limit: u32,
}

/// Why a conversation stands where it stands in the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum ListGroupKind {
    /// The customer wrote last: longest wait first.
    NeedsReply,
    /// Staff wrote last: newest first.
    WaitingOnCustomer,
    /// Done: newest first.
    Resolved,
}

/// A run of rows. Groups follow each other in the order given, over all offsets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, TS)]
pub struct ListGroup {
    /// Which.
    pub kind: ListGroupKind,
    /// Its rows, all of them.
    pub count: u32,
}

/// Who a conversation is assigned to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, TS)]
pub struct Assignee {
    /// Their id.
    #[ts(type = "string")]
    pub id: UserId,
    /// Their name.
    #[ts(type = "string")]
    pub name: Sensitive<String>,
    /// Whether it is the signed-in user.
    pub is_me: bool,
}

/// The customer service window, as it is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, TS)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum WindowView {
    /// Free text may be sent.
    Open {
        /// Until when.
        #[ts(type = "number")]
        until: UtcMs,
    },
    /// Only templates may be sent.
    Closed {
        /// Since when; null where the customer never wrote.
        #[ts(type = "number | null")]
        since: Option<UtcMs>,
    },
}

/// The second line of a row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, TS)]
pub struct Preview {
    /// The message's kind: decides the icon and the word where there is no text.
    pub kind: String,
    /// Start of its text, on one line.
    #[ts(type = "string | null")]
    pub text: Option<Sensitive<String>>,
    /// Whether staff wrote it.
    pub outbound: bool,
    /// Whether it is not sent yet.
    pub queued: bool,
    /// Whether it failed or was refused.
    pub failed: bool,
}

/// A conversation in the list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, TS)]
pub struct ConversationRow {
    /// Its id.
    #[ts(type = "string")]
    pub id: ConversationId,
    /// The customer's name, or the masked number where there is none.
    #[ts(type = "string")]
    pub name: Sensitive<String>,
    /// Whether `name` is a name: a number gets `#` for its initials.
    pub has_name: bool,
    /// The queue's name.
    #[ts(type = "string | null")]
    pub queue: Option<Sensitive<String>>,
    /// Where it stands.
    #[ts(type = "\"open\" | \"snoozed\" | \"resolved\" | string")]
    pub status: Open<ConversationStatus>,
    /// How urgent it is.
    #[ts(type = "\"normal\" | \"high\" | \"urgent\" | string")]
    pub priority: Open<Priority>,
    /// Who has it.
    pub assignee: Option<Assignee>,
    /// The newest message.
    pub preview: Option<Preview>,
    /// What the user has typed and not sent.
    #[ts(type = "string | null")]
    pub draft: Option<Sensitive<String>>,
    /// Messages of the customer that the user has not seen.
    pub unread: u32,
    /// When the newest message was written.
    #[ts(type = "number")]
    pub last_message_at: UtcMs,
    /// Since when the customer waits for an answer.
    #[ts(type = "number | null")]
    pub waiting_since: Option<UtcMs>,
    /// Whether free text may be sent.
    pub window: WindowView,
}

/// A window of a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, TS)]
pub struct ConversationList {
    /// The groups that have rows, in order. Their counts add up to the list's length.
    pub groups: Vec<ListGroup>,
    /// The rows from `offset` on.
    pub rows: Vec<ConversationRow>,
    /// Unread conversations over all views, for the rail.
    pub unread_total: u32,
    /// Conversations per view, for the switcher.
    pub mine: u32,
    /// Conversations assigned to nobody.
    pub unassigned: u32,
    /// Everything not resolved.
    pub all: u32,
}
