//! Meta's own JSON of each event, kept for thirty days: under the contact's key, or the account's where it is about
//! nobody.

use deskbell_domain::{ChannelAccountId, ContactId, MessageId, Sensitive, UtcMs};
use deskbell_seal::random;

use super::contact::WritableContact;
use super::sealing::{SealedColumn, sealed_column};
use super::statement::{Statement, sql};
use super::value::values;
use super::{Read, Result, Tx, channel_account};

const BODY: SealedColumn = sealed_column!("raw_event"."body");

const INSERT: Statement =
    sql("INSERT INTO raw_event (tenant_id, id, contact_id, account_id, message_id, kind, received_at, body)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8)");
const OF_CONTACT: Statement =
    sql("SELECT id, body FROM raw_event WHERE tenant_id = $1 AND contact_id = $2 ORDER BY received_at, id");
const FORGET: Statement = sql("DELETE FROM raw_event WHERE tenant_id = $1 AND received_at < $2");

/// Keeps an event of a contact. `kind` says what it is; `message` is what it became, or speaks of.
///
/// # Errors
/// Those of the engine.
pub async fn insert(
    tx: &mut Tx,
    contact: &WritableContact,
    kind: &'static str,
    message: Option<MessageId>,
    raw: &Sensitive<serde_json::Value>,
) -> Result<()> {
    let id: [u8; 16] = random()?;
    let body = tx.seal(BODY, &id, contact.key(), raw.expose().to_string().as_bytes())?;
    let account = Option::<ChannelAccountId>::None;
    let values = values![id, contact.id(), account, message, kind, tx.now(), body];
    tx.execute(&INSERT, values).await?;
    Ok(())
}

/// Keeps an event that is about an account and nobody: templates, quality, limits.
///
/// # Errors
/// Those of the engine; [`super::StorageError::KeyGone`] when the account's key was destroyed.
pub async fn insert_for_account(
    tx: &mut Tx,
    account: ChannelAccountId,
    kind: &'static str,
    raw: &Sensitive<serde_json::Value>,
) -> Result<()> {
    let id: [u8; 16] = random()?;
    let key = channel_account::key(tx, account).await?;
    let body = tx.seal(BODY, &id, &key, raw.expose().to_string().as_bytes())?;
    let (contact, message) = (Option::<ContactId>::None, Option::<MessageId>::None);
    let values = values![id, contact, account, message, kind, tx.now(), body];
    tx.execute(&INSERT, values).await?;
    Ok(())
}

/// The events of a contact, the oldest first. What cannot be opened any more is left out.
///
/// # Errors
/// Those of the engine.
pub async fn of_contact(read: &mut Read, contact: ContactId) -> Result<Vec<Sensitive<String>>> {
    let mut events = Vec::new();
    for mut row in read.all(&OF_CONTACT, values![contact]).await? {
        let id: [u8; 16] = row.take("raw_event.id")?;
        let body: Vec<u8> = row.take("raw_event.body")?;
        events.extend(read.open_text(BODY, &id, Some(&body)).await?);
    }
    Ok(events)
}

/// Deletes what came before `before`; answers how many.
///
/// # Errors
/// Those of the engine.
pub async fn forget_before(tx: &mut Tx, before: UtcMs) -> Result<u64> {
    tx.execute(&FORGET, values![before]).await
}
