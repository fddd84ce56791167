//! What users do: typed commands with an idempotency key, and their outcomes.

use deskbell_domain::{
    CommandId, ConversationId, ConversationStatus, MessageId, Open, Sensitive, UserId, UtcMs,
};
use serde::{Deserialize, Serialize};

use crate::sync::Seq;

/// What the author of a command had seen. The backend refuses what would reach a customer in another situation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// The conversation's version in the cache.
    pub version: Seq,
    /// Who had the conversation, own unsent claims included.
    pub assignee: Option<UserId>,
    /// Where it stood, own unsent commands included.
    pub status: Open<ConversationStatus>,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "act", rename_all = "snake_case")]
pub enum Act {
    /// Write to the customer.
    SendText {
        /// The conversation.
        conversation: ConversationId,
        /// The id of the new message.
        message: MessageId,
        /// What to write.
        text: Sensitive<String>,
    },
    /// Mark as read for this user.
    MarkRead {
        /// The conversation.
        conversation: ConversationId,
        /// Messages written up to this time are read.
        through: UtcMs,
    },
    /// Take the conversation. One of several wins; the others get [`RejectCode::TakenByOther`].
    Claim {
        /// The conversation.
        conversation: ConversationId,
    },
    /// Give the conversation back to its queue.
    Release {
        /// The conversation.
        conversation: ConversationId,
    },
    /// Close the conversation.
    Resolve {
        /// The conversation.
        conversation: ConversationId,
    },
    /// Open a resolved conversation.
    Reopen {
        /// The conversation.
        conversation: ConversationId,
    },
}

impl Act {
    /// The conversation the act is about, whose lane it waits in.
    pub const fn conversation(&self) -> ConversationId {
        match self {
            Self::SendText { conversation, .. }
            | Self::MarkRead { conversation, .. }
            | Self::Claim { conversation }
            | Self::Release { conversation }
            | Self::Resolve { conversation }
            | Self::Reopen { conversation } => *conversation,
        }
    }

    /// Whether a customer sees the effect.
    pub const fn is_customer_visible(&self) -> bool {
        matches!(self, Self::SendText { .. })
    }
}

/// An act of a user. The same id with another act is refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Command {
    /// The idempotency key, made by the device.
    pub id: CommandId,
    /// When the user did it, on the device's clock.
    pub created_at: UtcMs,
    /// What the user had seen, for what customers see.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seen: Option<Seen>,
    /// What is to be done.
    #[serde(flatten)]
    pub act: Act,
}

/// `POST` [`crate::route::COMMANDS`]. They are carried out in order; a refused one does not stop the next.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommandsRequest {
    /// At most [`crate::limits::COMMANDS_MAX`].
    pub commands: Vec<Command>,
}

/// Why a command is refused for good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RejectCode {
    /// The conversation is not there, or not for this user.
    NotFound,
    /// The role does not include the permission.
    Forbidden,
    /// The command does not fit this version's list, or its content breaks a limit.
    BadCommand,
    /// The same id was used for another command.
    CommandIdReused,
    /// The customer last wrote more than 24 hours ago.
    WindowClosed,
    /// Since the user looked, a colleague answered, the assignee changed, or it was resolved.
    ContextChanged,
    /// Somebody else has the conversation.
    TakenByOther,
    /// The customer's data was erased.
    Erased,
    /// The account is not connected.
    AccountDisconnected,
}

/// What became of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "status", rename_all = "snake_case")]
pub enum Outcome {
    /// Done; its effects lie at or before this place of the log.
    Applied {
        /// The place.
        seq: Seq,
    },
    /// Refused for good.
    Rejected {
        /// Why.
        code: Open<RejectCode>,
    },
    /// Not decided; send it again, with the same id.
    Retry {
        /// In how many milliseconds.
        after_ms: i64,
    },
}

/// A command's outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommandResult {
    /// The command.
    pub id: CommandId,
    /// What became of it.
    #[serde(flatten)]
    pub outcome: Outcome,
}

/// The answer, in the order of the request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommandsResponse {
    /// One per command.
    pub results: Vec<CommandResult>,
}
