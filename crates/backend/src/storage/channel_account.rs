//! Channel accounts: the numbers a tenant is reached by. The access token is sealed under the account's own key.

use deskbell_domain::{ChannelAccountId, KeyId, QueueId, Scope, Sensitive, UtcMs};
use deskbell_seal::Key;
use serde::{Deserialize, Serialize};

use super::change::{Entity, Op};
use super::keys::KeyKind;
use super::sealing::{SealedColumn, sealed_column};
use super::statement::{Statement, sql};
use super::value::{Row, Value, list_of, values};
use super::{Read, Result, StorageError, Tx, fresh};

/// Whether an account can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AccountStatus {
    /// Messages come and go.
    Connected,
    /// The token is kept; nothing is sent, because the tenant wants it so.
    Paused,
    /// The token is kept; nothing is sent, because Meta refuses it. The account must be connected again.
    ReauthNeeded,
    /// The token is gone.
    Disconnected,
}

/// An account to add.
#[derive(Debug, Clone)]
pub struct NewChannelAccount {
    /// Meta's id of the number.
    pub phone_number_id: String,
    /// Meta's id of the WhatsApp business account.
    pub waba_id: String,
    /// Meta's id of the business portfolio, where it is known: people's ids are unique within it.
    pub portfolio_id: Option<String>,
    /// The business's name on it.
    pub display_name: String,
    /// The business's number, as people dial it.
    pub display_number: String,
    /// Where its new conversations go.
    pub queue: QueueId,
    /// The access token.
    pub token: Sensitive<String>,
}

/// An account.
#[derive(Debug, Clone)]
pub struct ChannelAccount {
    /// Its id.
    pub id: ChannelAccountId,
    /// Meta's id of the number.
    pub phone_number_id: String,
    /// Meta's id of the WhatsApp business account.
    pub waba_id: String,
    /// Meta's id of the business portfolio.
    pub portfolio_id: Option<String>,
    /// The business's name on it.
    pub display_name: String,
    /// The business's number.
    pub display_number: String,
    /// Where its new conversations go.
    pub queue: QueueId,
    /// Whether it can be used.
    pub status: AccountStatus,
    /// The access token; `None` when disconnected.
    pub token: Option<Sensitive<String>>,
    /// When it was added.
    pub created_at: UtcMs,
    /// The place of its last change in the log.
    pub version: i64,
}

const TOKEN: SealedColumn = sealed_column!("channel_account"."token");

const INSERT: Statement = sql("INSERT INTO channel_account
       (tenant_id, id, key_id, phone_number_id, waba_id, portfolio_id, display_name, display_number, queue_id, status,
        token, created_at, version)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, 0)");
const READ: Statement = sql(
    "SELECT id, phone_number_id, waba_id, portfolio_id, display_name, display_number, queue_id, status, token,
            created_at, version
     FROM channel_account WHERE tenant_id = $1 AND id IN ({list})",
);
const LIST: Statement = sql("SELECT id FROM channel_account WHERE tenant_id = $1 ORDER BY id");
const BY_NUMBER: Statement =
    sql("SELECT id FROM channel_account WHERE tenant_id = $1 AND phone_number_id = $2");
const KEY: Statement = sql("SELECT key_id FROM channel_account WHERE tenant_id = $1 AND id = $2");
const SET_STATUS: Statement = sql("UPDATE channel_account SET status = $3
     WHERE tenant_id = $1 AND id = $2 AND token IS NOT NULL AND status <> $3");
const CONNECT: Statement = sql(
    "UPDATE channel_account SET key_id = $3, token = $4, status = 'connected' WHERE tenant_id = $1 AND id = $2",
);
const DISCONNECT: Statement =
    sql("UPDATE channel_account SET token = NULL, status = 'disconnected' WHERE tenant_id = $1 AND id = $2");

/// Adds an account. Its key is committed before this returns. The directory's route is set apart from this.
///
/// # Errors
/// Those of the engine.
pub async fn create(tx: &mut Tx, new: &NewChannelAccount) -> Result<ChannelAccountId> {
    let now = tx.now();
    let id = fresh::channel_account_id(now)?;
    let key = tx.keys().create(tx.tenant(), KeyKind::ChannelAccount).await?;
    let token = tx.seal(TOKEN, id.as_bytes(), &key, new.token.expose().as_bytes())?;
    let values = values![
        id,
        key.0,
        new.phone_number_id.as_str(),
        new.waba_id.as_str(),
        new.portfolio_id.clone(),
        new.display_name.as_str(),
        new.display_number.as_str(),
        new.queue,
        Value::word(&AccountStatus::Connected),
        token,
        now,
    ];
    tx.execute(&INSERT, values).await?;
    tx.changed(Entity::channel_account(id), Op::Put, &[Scope::Tenant]);
    Ok(id)
}

/// Gives an account a new token, under a new key.
///
/// # Errors
/// Those of the engine.
pub async fn connect(tx: &mut Tx, id: ChannelAccountId, token: &Sensitive<String>) -> Result<()> {
    let key = tx.keys().create(tx.tenant(), KeyKind::ChannelAccount).await?;
    let sealed = tx.seal(TOKEN, id.as_bytes(), &key, token.expose().as_bytes())?;
    tx.execute(&CONNECT, values![id, key.0, sealed]).await?;
    tx.changed(Entity::channel_account(id), Op::Put, &[Scope::Tenant]);
    Ok(())
}

/// Sets whether an account that has a token can be used. `false` when it has none, or stands so already.
///
/// # Errors
/// [`StorageError::Shape`] for [`AccountStatus::Disconnected`], which is [`disconnect`]'s; those of the engine.
pub async fn set_status(tx: &mut Tx, id: ChannelAccountId, status: AccountStatus) -> Result<bool> {
    if status == AccountStatus::Disconnected {
        return Err(StorageError::Shape("a disconnected account with a token"));
    }
    let moved = tx.execute(&SET_STATUS, values![id, Value::word(&status)]).await? == 1;
    if moved {
        tx.changed(Entity::channel_account(id), Op::Put, &[Scope::Tenant]);
    }
    Ok(moved)
}

/// Deletes an account's token. The key that is answered is to be destroyed after the commit.
///
/// # Errors
/// [`StorageError::Shape`] when there is no such account.
pub async fn disconnect(tx: &mut Tx, id: ChannelAccountId) -> Result<KeyId> {
    let mut row = tx.first(&KEY, values![id]).await?.ok_or(StorageError::Shape("a channel account"))?;
    tx.execute(&DISCONNECT, values![id]).await?;
    tx.changed(Entity::channel_account(id), Op::Put, &[Scope::Tenant]);
    row.take("channel_account.key_id")
}

/// An account by its id.
///
/// # Errors
/// Those of the engine.
pub async fn by_id(read: &mut Read, id: ChannelAccountId) -> Result<Option<ChannelAccount>> {
    Ok(read_many(read, &[id]).await?.pop())
}

/// An account by Meta's id of its number.
///
/// # Errors
/// Those of the engine.
pub async fn by_phone_number_id(read: &mut Read, phone_number_id: &str) -> Result<Option<ChannelAccount>> {
    match read.first(&BY_NUMBER, values![phone_number_id]).await? {
        Some(mut row) => by_id(read, row.take("channel_account.id")?).await,
        None => Ok(None),
    }
}

/// All accounts, the oldest first.
///
/// # Errors
/// Those of the engine.
pub async fn list(read: &mut Read) -> Result<Vec<ChannelAccount>> {
    let rows = read.all(&LIST, values![]).await?;
    let ids = rows.into_iter().map(|mut row| row.take("channel_account.id")).collect::<Result<Vec<_>>>()?;
    let mut accounts = read_many(read, &ids).await?;
    accounts.sort_by_key(|account| account.id);
    Ok(accounts)
}

/// Accounts by their ids, in no order. What is not there is left out.
///
/// # Errors
/// Those of the engine.
pub async fn read_many(read: &mut Read, ids: &[ChannelAccountId]) -> Result<Vec<ChannelAccount>> {
    let mut accounts = Vec::with_capacity(ids.len());
    for row in read.all_in(&READ, values![], &list_of(ids)).await? {
        accounts.push(account(read, row).await?);
    }
    Ok(accounts)
}

/// The key of an account.
pub(super) async fn key(tx: &mut Tx, id: ChannelAccountId) -> Result<(KeyId, Key)> {
    let mut row = tx.first(&KEY, values![id]).await?.ok_or(StorageError::Shape("a channel account"))?;
    let key_id: KeyId = row.take("channel_account.key_id")?;
    let key = tx.keys().get(tx.tenant(), key_id).await?.ok_or(StorageError::KeyGone)?;
    Ok((key_id, key))
}

async fn account(read: &mut Read, mut row: Row) -> Result<ChannelAccount> {
    let id: ChannelAccountId = row.take("channel_account.id")?;
    let phone_number_id = row.take("channel_account.phone_number_id")?;
    let waba_id = row.take("channel_account.waba_id")?;
    let portfolio_id = row.take("channel_account.portfolio_id")?;
    let display_name = row.take("channel_account.display_name")?;
    let display_number = row.take("channel_account.display_number")?;
    let queue = row.take("channel_account.queue_id")?;
    let status = row.word("channel_account.status")?;
    let token: Option<Vec<u8>> = row.take("channel_account.token")?;
    Ok(ChannelAccount {
        id,
        phone_number_id,
        waba_id,
        portfolio_id,
        display_name,
        display_number,
        queue,
        status,
        token: read.open_text(TOKEN, id.as_bytes(), token.as_deref()).await?,
        created_at: row.take("channel_account.created_at")?,
        version: row.take("channel_account.version")?,
    })
}
