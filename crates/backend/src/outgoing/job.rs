//! The durable job that sends one message.

use deskbell_domain::{ConversationId, JobId, MessageId, UtcMs};
use serde::{Deserialize, Serialize};

use crate::storage::job::{self, NewJob};
use crate::storage::{Result, StorageError, Tx};

/// The kind of these jobs.
pub const SEND_MESSAGE: &str = "send_message";

/// Which message to send. Jobs carry our own ids only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SendMessage {
    /// The message.
    pub message: MessageId,
    /// Its conversation, whose lane the job waits in.
    pub conversation: ConversationId,
}

/// What a job knows of the tries before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Progress {
    /// What to send.
    #[serde(flatten)]
    pub(super) send: SendMessage,
    /// The call was about to be made, and no outcome is recorded.
    #[serde(default)]
    pub(super) calling: bool,
    /// Tries that ended with a failure that passes by itself.
    #[serde(default)]
    pub(super) tries: u32,
    /// How often in a row Meta's limit for this pair was hit.
    #[serde(default)]
    pub(super) pair_refusals: u32,
}

/// Has a message sent, in the transaction that inserts it. Messages of one conversation go one after the other.
///
/// # Errors
/// Those of storage.
pub async fn enqueue(tx: &mut Tx, send: SendMessage, run_at: UtcMs) -> Result<JobId> {
    let args = serde_json::to_value(send).map_err(|_| StorageError::Shape("the arguments of a job"))?;
    let lane = Some(*send.conversation.as_bytes());
    job::enqueue(tx, &NewJob { kind: SEND_MESSAGE, run_at, lane, args }).await
}
