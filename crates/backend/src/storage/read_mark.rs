//! How far each member of staff has read each conversation.

use deskbell_domain::{ConversationId, Scope, UserId, UtcMs};

use super::change::{Entity, Op};
use super::statement::{Statement, sql};
use super::value::{list_of, values};
use super::{Read, Result, Tx};

/// How far somebody has read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReadMark {
    /// What.
    pub conversation: ConversationId,
    /// Messages up to this time are read.
    pub through: UtcMs,
    /// The place of its last change in the log.
    pub version: i64,
}

const PUT: Statement = sql(
    "INSERT INTO read_mark (tenant_id, user_id, conversation_id, through, version) VALUES ($1, $2, $3, $4, 0)
     ON CONFLICT (tenant_id, user_id, conversation_id) DO UPDATE SET through = excluded.through, version = 0
       WHERE read_mark.through < excluded.through",
);
const READ: Statement = sql("SELECT conversation_id, through, version FROM read_mark
     WHERE tenant_id = $1 AND user_id = $2 AND conversation_id IN ({list})");

/// Moves a mark forward. `false` when it stood there already, or further.
///
/// # Errors
/// Those of the engine.
pub async fn put(tx: &mut Tx, user: UserId, conversation: ConversationId, through: UtcMs) -> Result<bool> {
    let moved = tx.execute(&PUT, values![user, conversation, through]).await? == 1;
    if moved {
        tx.changed(Entity::read_mark(conversation), Op::Put, &[Scope::User(user)]);
    }
    Ok(moved)
}

/// The marks of a user on conversations, in no order. Where there is none it is left out.
///
/// # Errors
/// Those of the engine.
pub async fn read_many(
    read: &mut Read,
    user: UserId,
    conversations: &[ConversationId],
) -> Result<Vec<ReadMark>> {
    let rows = read.all_in(&READ, values![user], &list_of(conversations)).await?;
    rows.into_iter()
        .map(|mut row| {
            Ok(ReadMark {
                conversation: row.take("read_mark.conversation_id")?,
                through: row.take("read_mark.through")?,
                version: row.take("read_mark.version")?,
            })
        })
        .collect()
}
