use deskbell_domain::{
    CommandId, ConversationId, DeliveryStatus, Direction, FailureCode, MessageId, Open, Origin, Sensitive,
    UtcMs,
};
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use super::ConversationRow;

/// Names a conversation.
#[derive(Debug, Clone, Copy, Deserialize, TS)]
pub struct ConversationRef {
    /// Its id.
    #[ts(type = "string")]
    pub conversation: ConversationId,
}

/// Names a message of a conversation.
#[derive(Debug, Clone, Copy, Deserialize, TS)]
pub struct MessageRef {
    /// The conversation.
    #[ts(type = "string")]
    pub conversation: ConversationId,
    /// The message.
    #[ts(type = "string")]
    pub message: MessageId,
}

/// Asks for a conversation.
#[derive(Debug, Clone, Copy, Deserialize, TS)]
pub struct ThreadQuery {
    /// Its id.
    #[ts(type = "string")]
    pub conversation: ConversationId,
    /// Messages wanted, the newest; at most 500 are given.
    pub limit: u32,
}

/// Asks for what stands before a message.
#[derive(Debug, Clone, Copy, Deserialize, TS)]
pub struct MessageQuery {
    /// The conversation.
    #[ts(type = "string")]
    pub conversation: ConversationId,
    /// The oldest message the window has.
    #[ts(type = "string")]
    pub before: MessageId,
    /// Messages wanted; at most 200 are given.
    pub limit: u32,
}

/// A reply to queue.
#[derive(Debug, Clone, Deserialize, TS)]
pub struct Reply {
    /// The conversation.
    #[ts(type = "string")]
    pub conversation: ConversationId,
    /// What to write.
    #[ts(type = "string")]
    pub text: Sensitive<String>,
}

/// A reply that is in the outbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, TS)]
pub struct ReplyQueued {
    /// The command.
    #[ts(type = "string")]
    pub command: CommandId,
    /// The message, as it will be called everywhere.
    #[ts(type = "string")]
    pub message: MessageId,
}

/// A draft to keep.
#[derive(Debug, Clone, Deserialize, TS)]
pub struct SaveDraft {
    /// The conversation.
    #[ts(type = "string")]
    pub conversation: ConversationId,
    /// What is typed; empty removes the draft.
    #[ts(type = "string")]
    pub text: Sensitive<String>,
}

/// How far an outgoing message has come, from the user's key press on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, TS)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum DeliveryView {
    /// On this computer, waiting for the backend.
    Waiting,
    /// Refused by the backend; the text is kept.
    Refused {
        /// The stable code of the reason.
        code: String,
    },
    /// With the backend or further.
    Known {
        /// How far.
        #[ts(
            type = "\"queued\" | \"uncertain\" | \"sent\" | \"failed\" | \"delivered\" | \"read\" | \"played\" | string"
        )]
        status: Open<DeliveryStatus>,
        /// Why it failed.
        #[ts(type = "string | null")]
        failure: Option<Open<FailureCode>>,
    },
}

/// A file that came with a message, as far as it is shown: that there is one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, TS)]
pub struct AttachmentView {
    /// Its name, where the sender gave one.
    #[ts(type = "string | null")]
    pub file_name: Option<Sensitive<String>>,
    /// Its media type.
    #[ts(type = "string | null")]
    pub mime_type: Option<String>,
}

/// A message in the thread.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, TS)]
pub struct MessageView {
    /// Its id.
    #[ts(type = "string")]
    pub id: MessageId,
    /// Which way it went.
    #[ts(type = "\"inbound\" | \"outbound\" | string")]
    pub direction: Open<Direction>,
    /// How it came to be in the thread.
    #[ts(type = "\"customer\" | \"agent\" | \"phone\" | \"history\" | string")]
    pub origin: Open<Origin>,
    /// Meta's word for what it is (`text`, `image`, …), or ours (`unsupported`).
    pub kind: String,
    /// Its text, caption, title or place.
    #[ts(type = "string | null")]
    pub text: Option<Sensitive<String>>,
    /// Its file.
    pub attachment: Option<AttachmentView>,
    /// Who wrote it, where that was a colleague.
    #[ts(type = "string | null")]
    pub author: Option<Sensitive<String>>,
    /// When it was written, on Meta's clock where it came from there.
    #[ts(type = "number")]
    pub at: UtcMs,
    /// How far it has come; null for what the customer wrote.
    pub delivery: Option<DeliveryView>,
}

/// A conversation, as the thread draws it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, TS)]
pub struct ThreadView {
    /// Header data: the same as in the list.
    pub conversation: ConversationRow,
    /// The customer's number, masked; null where WhatsApp gives none.
    #[ts(type = "string | null")]
    pub masked_number: Option<Sensitive<String>>,
    /// The newest messages, oldest first, unsent ones last.
    pub messages: Vec<MessageView>,
    /// Whether there are older ones, here or on the backend.
    pub has_older: bool,
    /// The first message the user has not seen.
    #[ts(type = "string | null")]
    pub first_unread: Option<MessageId>,
    /// What the user has typed and not sent.
    #[ts(type = "string")]
    pub draft: Sensitive<String>,
}

/// Older messages of a conversation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, TS)]
pub struct OlderMessages {
    /// Oldest first.
    pub messages: Vec<MessageView>,
    /// Whether there are still older ones.
    pub has_older: bool,
}
