//! Links for the first administrator, invitations and resets: single use, stored as hashes.

use deskbell_domain::{UserId, UtcMs};
use serde::{Deserialize, Serialize};

use super::statement::{Statement, sql};
use super::token::TenantToken;
use super::value::{Value, values};
use super::{Result, Tx};
use crate::limits::LINK_MS;

/// What a link lets its holder do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LinkPurpose {
    /// Choose a first password.
    Invitation,
    /// Choose a new password.
    Reset,
}

/// A link that was good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UsedLink {
    /// What it lets its holder do.
    pub purpose: LinkPurpose,
    /// For whom.
    pub user: UserId,
}

const INSERT: Statement = sql("INSERT INTO link (tenant_id, hash, purpose, user_id, expires_at, used_at)
     VALUES ($1, $2, $3, $4, $5, NULL)");
const END_OTHERS: Statement = sql(
    "UPDATE link SET used_at = $4 WHERE tenant_id = $1 AND user_id = $2 AND purpose = $3 AND used_at IS NULL",
);
const USE: Statement = sql("UPDATE link SET used_at = $3
     WHERE tenant_id = $1 AND hash = $2 AND used_at IS NULL AND expires_at > $3 RETURNING purpose, user_id");
const FORGET: Statement = sql("DELETE FROM link WHERE tenant_id = $1 AND expires_at < $2");

/// Makes a link. An older one for the same purpose is no longer good.
///
/// # Errors
/// Those of the engine.
pub async fn create(tx: &mut Tx, purpose: LinkPurpose, user: UserId) -> Result<(TenantToken, UtcMs)> {
    let now = tx.now();
    let expires_at = now.plus_ms(LINK_MS);
    let token = TenantToken::issue(tx.tenant())?;
    tx.execute(&FORGET, values![now]).await?;
    tx.execute(&END_OTHERS, values![user, Value::word(&purpose), now]).await?;
    tx.execute(&INSERT, values![*token.hash().as_bytes(), Value::word(&purpose), user, expires_at]).await?;
    Ok((token, expires_at))
}

/// Uses a link up; `None` when it is unknown, used or over.
///
/// # Errors
/// Those of the engine.
pub async fn use_once(tx: &mut Tx, token: &TenantToken) -> Result<Option<UsedLink>> {
    let now = tx.now();
    let Some(mut row) = tx.first(&USE, values![*token.hash().as_bytes(), now]).await? else {
        return Ok(None);
    };
    Ok(Some(UsedLink { purpose: row.word("link.purpose")?, user: row.take("link.user_id")? }))
}
