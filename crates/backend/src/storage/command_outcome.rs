//! Outcomes of commands: written with the effects, so that a repeat gets the same answer. Codes and ids only.

use deskbell_domain::{CommandId, DeviceId, UserId};

use super::statement::{Statement, sql};
use super::value::values;
use super::{Read, Result, StorageError, Tx};
use crate::limits::COMMAND_OUTCOME_MS;

/// An outcome to keep.
#[derive(Debug, Clone)]
pub struct NewOutcome {
    /// The command.
    pub command: CommandId,
    /// Whose it is: nobody else is told its outcome.
    pub user: UserId,
    /// The device it came from, whose frames report it as settled.
    pub device: DeviceId,
    /// A digest of the command, so that the same id with another body is noticed.
    pub body_hash: [u8; 32],
    /// What became of it.
    pub outcome: serde_json::Value,
}

/// What is known of a command.
#[derive(Debug, Clone, PartialEq)]
pub enum Found {
    /// Nothing: it is to be carried out.
    New,
    /// It was carried out.
    Stored {
        /// What became of it.
        outcome: serde_json::Value,
        /// Where the log stood after it.
        seq: i64,
    },
    /// The id was used for another command, or by somebody else.
    Reused,
}

const FIND: Statement = sql("SELECT user_id, body_hash, outcome, seq FROM command_outcome
     WHERE tenant_id = $1 AND command_id = $2");
const INSERT: Statement = sql("INSERT INTO command_outcome
       (tenant_id, command_id, user_id, device_id, body_hash, outcome, seq, expires_at)
     VALUES ($1, $2, $3, $4, $5, $6, 0, $7) ON CONFLICT (tenant_id, command_id) DO NOTHING");
const SETTLED: Statement = sql("SELECT command_id FROM command_outcome
     WHERE tenant_id = $1 AND device_id = $2 AND seq > $3 AND seq <= $4 ORDER BY seq, command_id");
const FORGET: Statement = sql("DELETE FROM command_outcome WHERE tenant_id = $1 AND expires_at <= $2");

/// What is known of a command.
///
/// # Errors
/// Those of the engine.
pub async fn find(read: &mut Read, command: CommandId, user: UserId, body_hash: &[u8; 32]) -> Result<Found> {
    let Some(mut row) = read.first(&FIND, values![command]).await? else { return Ok(Found::New) };
    let of_user: UserId = row.take("command_outcome.user_id")?;
    let of_body: [u8; 32] = row.take("command_outcome.body_hash")?;
    if of_user != user || of_body != *body_hash {
        return Ok(Found::Reused);
    }
    let outcome: String = row.take("command_outcome.outcome")?;
    Ok(Found::Stored {
        outcome: serde_json::from_str(&outcome)
            .map_err(|_| StorageError::Shape("command_outcome.outcome"))?,
        seq: row.take("command_outcome.seq")?,
    })
}

/// Keeps the outcome of a command, in the transaction of its effects. The commit numbers it.
///
/// # Errors
/// [`StorageError::Unavailable`] when the same command is being carried out elsewhere at this moment: begun anew, it
/// finds that one's outcome.
pub async fn store(tx: &mut Tx, new: &NewOutcome) -> Result<()> {
    let expires_at = tx.now().plus_ms(COMMAND_OUTCOME_MS);
    let outcome = new.outcome.to_string();
    let values = values![new.command, new.user, new.device, new.body_hash, outcome, expires_at];
    if tx.execute(&INSERT, values).await? == 0 {
        return Err(StorageError::Unavailable("the same command is being carried out".to_owned()));
    }
    tx.settles(new.command);
    Ok(())
}

/// The commands of a device that were settled in (from, to].
///
/// # Errors
/// Those of the engine.
pub async fn settled(read: &mut Read, device: DeviceId, from: i64, to: i64) -> Result<Vec<CommandId>> {
    let rows = read.all(&SETTLED, values![device, from, to]).await?;
    rows.into_iter().map(|mut row| row.take("command_outcome.command_id")).collect()
}

/// What runs for every event or page, for the test that looks at the plans.
#[cfg(test)]
pub(super) const HOT: &[&Statement] = &[&FIND, &SETTLED];

/// Deletes outcomes whose time is over; answers how many.
///
/// # Errors
/// Those of the engine.
pub async fn forget_expired(tx: &mut Tx) -> Result<u64> {
    let now = tx.now();
    tx.execute(&FORGET, values![now]).await
}
