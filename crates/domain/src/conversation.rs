use serde::{Deserialize, Serialize};

/// Where a conversation stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConversationStatus {
    /// Somebody has to act: an agent, or the customer.
    Open,
    /// Put aside until a time.
    Snoozed,
    /// Done. A message from the customer opens it again.
    Resolved,
}

/// How urgent a conversation is, as staff set it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Priority {
    /// As everything else.
    Normal,
    /// Before the others.
    High,
    /// First of all.
    Urgent,
}
