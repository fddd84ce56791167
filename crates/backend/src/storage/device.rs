//! Devices and their sessions.
//!
//! A session is a chain of refresh tokens, of which one is unspent, and the access tokens issued along the way. All
//! are stored as hashes. A token's successor follows from the token, the request's id and a key of the tenant: when
//! the answer to a renewal was lost, the same one is given again without ever having been stored.

use deskbell_domain::{DeviceId, RefreshId, Role, Scope, Sensitive, UserId, UtcMs};
use deskbell_seal::keyed_hash;

use super::change::{Entity, Op};
use super::keys::KeyKind;
use super::sealing::{SealedColumn, sealed_column};
use super::statement::{Statement, pair, sql};
use super::token::TenantToken;
use super::value::{Row, values};
use super::{Read, Result, Tx, staff};
use crate::limits::{REFRESH_MEMORY_MS, REFRESH_REPEAT_MS};

/// A console that signs in.
#[derive(Debug, Clone)]
pub struct NewDevice {
    /// Made by the console and kept over sign-ins of the same user.
    pub id: DeviceId,
    /// Whose it is.
    pub user: UserId,
    /// How its user tells it from others.
    pub name: Sensitive<String>,
    /// The key it signs receipts with.
    pub public_key: Vec<u8>,
}

/// A device.
#[derive(Debug, Clone)]
pub struct Device {
    /// Its id.
    pub id: DeviceId,
    /// Whose it is.
    pub user: UserId,
    /// How its user tells it from others; `None` when the user's data was erased.
    pub name: Option<Sensitive<String>>,
    /// The key it signs receipts with.
    pub public_key: Vec<u8>,
    /// When it first signed in.
    pub created_at: UtcMs,
    /// When it was last heard of.
    pub last_seen_at: UtcMs,
    /// When it was shut out.
    pub revoked_at: Option<UtcMs>,
}

/// A request that proved who sends it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Session {
    /// The device.
    pub device: DeviceId,
    /// Its user.
    pub user: UserId,
    /// What the user is, now.
    pub role: Role,
    /// When the access token ends.
    pub expires_at: UtcMs,
    refresh_hash: [u8; 32],
}

/// What became of a renewal.
#[derive(Debug, Clone)]
pub enum Refreshed {
    /// The token was spent for its successor.
    Rotated {
        /// The device.
        device: DeviceId,
        /// Its user.
        user: UserId,
        /// The new refresh token.
        next: TenantToken,
    },
    /// The answer to an earlier request with the same id was lost: here it is again.
    Repeated {
        /// The device.
        device: DeviceId,
        /// Its user.
        user: UserId,
        /// The same refresh token as then.
        next: TenantToken,
    },
    /// A token that was spent before came again: somebody has a copy. The device is shut out; commit this.
    Reused {
        /// The device.
        device: DeviceId,
        /// Its user.
        user: UserId,
    },
    /// No such token, or its device is shut out.
    Unknown,
}

const NAME: SealedColumn = sealed_column!("device"."name");

const OWNER: Statement = sql("SELECT user_id FROM device WHERE tenant_id = $1 AND id = $2");
const INSERT: Statement = sql(
    "INSERT INTO device (tenant_id, id, user_id, name, public_key, created_at, last_seen_at, revoked_at)
     VALUES ($1, $2, $3, $4, $5, $6, $6, NULL)
     ON CONFLICT (tenant_id, id) DO UPDATE SET
       name = excluded.name, public_key = excluded.public_key, last_seen_at = excluded.last_seen_at, revoked_at = NULL",
);
const READ: Statement =
    sql("SELECT id, user_id, name, public_key, created_at, last_seen_at, revoked_at FROM device
     WHERE tenant_id = $1 AND id = $2");
const OF_USER: Statement =
    sql("SELECT id, user_id, name, public_key, created_at, last_seen_at, revoked_at FROM device
     WHERE tenant_id = $1 AND user_id = $2 ORDER BY id");
const SPEND_ALL: Statement = sql(
    "UPDATE refresh_token SET spent_at = $3 WHERE tenant_id = $1 AND device_id = $2 AND spent_at IS NULL",
);
const INSERT_REFRESH: Statement = sql(
    "INSERT INTO refresh_token (tenant_id, hash, device_id, issued_at, used_at, spent_at, refresh_id, successor)
     VALUES ($1, $2, $3, $4, NULL, NULL, NULL, NULL)",
);
const FIND_REFRESH: Statement = pair(
    "SELECT r.device_id, d.user_id, d.revoked_at, r.spent_at, r.refresh_id, r.successor
     FROM refresh_token r JOIN device d ON d.tenant_id = r.tenant_id AND d.id = r.device_id
     WHERE r.tenant_id = $1 AND r.hash = $2",
    "SELECT r.device_id, d.user_id, d.revoked_at, r.spent_at, r.refresh_id, r.successor
     FROM refresh_token r JOIN device d ON d.tenant_id = r.tenant_id AND d.id = r.device_id
     WHERE r.tenant_id = $1 AND r.hash = $2 FOR UPDATE OF r, d",
);
const SUCCESSOR: Statement =
    sql("SELECT used_at, spent_at FROM refresh_token WHERE tenant_id = $1 AND hash = $2");
const SPEND: Statement = sql("UPDATE refresh_token SET spent_at = $3, refresh_id = $4, successor = $5
     WHERE tenant_id = $1 AND hash = $2");
const FORGET_SPENT: Statement =
    sql("DELETE FROM refresh_token WHERE tenant_id = $1 AND device_id = $2 AND spent_at < $3");
const INSERT_ACCESS: Statement =
    sql("INSERT INTO access_token (tenant_id, hash, device_id, refresh_hash, expires_at)
     VALUES ($1, $2, $3, $4, $5)");
const FORGET_ACCESS: Statement =
    sql("DELETE FROM access_token WHERE tenant_id = $1 AND device_id = $2 AND expires_at < $3");
const AUTHENTICATE: Statement = sql("SELECT a.device_id, d.user_id, s.role, a.expires_at, a.refresh_hash
     FROM access_token a
     JOIN device d ON d.tenant_id = a.tenant_id AND d.id = a.device_id
     JOIN staff s ON s.tenant_id = d.tenant_id AND s.id = d.user_id
     WHERE a.tenant_id = $1 AND a.hash = $2 AND a.expires_at > $3 AND d.revoked_at IS NULL AND s.status = 'active'");
const SEEN: Statement = sql("UPDATE device SET last_seen_at = $3 WHERE tenant_id = $1 AND id = $2");
const USED: Statement =
    sql("UPDATE refresh_token SET used_at = $3 WHERE tenant_id = $1 AND hash = $2 AND used_at IS NULL");
const REVOKE: Statement =
    sql("UPDATE device SET revoked_at = $3 WHERE tenant_id = $1 AND id = $2 AND revoked_at IS NULL");
const END_ACCESS_OF_USER: Statement = sql("DELETE FROM access_token WHERE tenant_id = $1
     AND device_id IN (SELECT id FROM device WHERE tenant_id = $1 AND user_id = $2)");
const END_ACCESS: Statement = sql("DELETE FROM access_token WHERE tenant_id = $1 AND device_id = $2");

/// Signs a device in: known again, or for the first time. `refresh` begins its chain; what was left of an earlier
/// one is spent. `false` when the id is another user's device; nothing is written then.
///
/// # Errors
/// Those of the engine.
pub async fn sign_in(tx: &mut Tx, new: &NewDevice, refresh: &TenantToken) -> Result<bool> {
    if let Some(mut row) = tx.first(&OWNER, values![new.id]).await?
        && row.take::<UserId>("device.user_id")? != new.user
    {
        return Ok(false);
    }
    let now = tx.now();
    let key = staff::key(tx, new.user).await?;
    let name = tx.seal(NAME, new.id.as_bytes(), &key, new.name.expose().as_bytes())?;
    tx.execute(&INSERT, values![new.id, new.user, name, new.public_key.clone(), now]).await?;
    tx.execute(&END_ACCESS, values![new.id]).await?;
    tx.execute(&SPEND_ALL, values![new.id, now]).await?;
    tx.execute(&INSERT_REFRESH, values![*refresh.hash().as_bytes(), new.id, now]).await?;
    Ok(true)
}

/// Spends a refresh token. `refresh_id` is the request's, so that a repeat is told from theft.
///
/// # Errors
/// Those of the engine.
pub async fn refresh(tx: &mut Tx, old: &TenantToken, refresh_id: RefreshId) -> Result<Refreshed> {
    let hash = *old.hash().as_bytes();
    let Some(mut row) = tx.first(&FIND_REFRESH, values![hash]).await? else { return Ok(Refreshed::Unknown) };
    let device: DeviceId = row.take("refresh_token.device_id")?;
    let user: UserId = row.take("device.user_id")?;
    let revoked_at: Option<UtcMs> = row.take("device.revoked_at")?;
    let spent_at: Option<UtcMs> = row.take("refresh_token.spent_at")?;
    let spent_by: Option<RefreshId> = row.take("refresh_token.refresh_id")?;
    let successor: Option<[u8; 32]> = row.take("refresh_token.successor")?;
    if revoked_at.is_some() {
        return Ok(Refreshed::Unknown);
    }
    let next = successor_of(tx, old, refresh_id).await?;
    let next_hash = *next.hash().as_bytes();
    let now = tx.now();
    let Some(spent_at) = spent_at else {
        tx.execute(&SPEND, values![hash, now, refresh_id, next_hash]).await?;
        tx.execute(&INSERT_REFRESH, values![next_hash, device, now]).await?;
        tx.execute(&FORGET_SPENT, values![device, now.plus_ms(-REFRESH_MEMORY_MS)]).await?;
        return Ok(Refreshed::Rotated { device, user, next });
    };
    if spent_by == Some(refresh_id)
        && successor == Some(next_hash)
        && let Some(mut row) = tx.first(&SUCCESSOR, values![next_hash]).await?
    {
        let used_at: Option<UtcMs> = row.take("refresh_token.used_at")?;
        let next_spent_at: Option<UtcMs> = row.take("refresh_token.spent_at")?;
        let soon = now.since(spent_at) <= REFRESH_REPEAT_MS;
        if next_spent_at.is_none() && (soon || used_at.is_none()) {
            return Ok(Refreshed::Repeated { device, user, next });
        }
    }
    revoke(tx, device).await?;
    Ok(Refreshed::Reused { device, user })
}

/// Writes an access token, issued along with a refresh token of the device. Old ones are cleared away.
///
/// # Errors
/// Those of the engine.
pub async fn put_access_token(
    tx: &mut Tx,
    device: DeviceId,
    access: &TenantToken,
    refresh: &TenantToken,
    expires_at: UtcMs,
) -> Result<()> {
    let now = tx.now();
    tx.execute(&FORGET_ACCESS, values![device, now]).await?;
    let values = values![*access.hash().as_bytes(), device, *refresh.hash().as_bytes(), expires_at];
    tx.execute(&INSERT_ACCESS, values).await?;
    Ok(())
}

/// Who holds an access token; `None` when it is unknown, over, or its device or user is shut out.
///
/// # Errors
/// Those of the engine.
pub async fn authenticate(read: &mut Read, access: &TenantToken) -> Result<Option<Session>> {
    let values = values![*access.hash().as_bytes(), read.now()];
    let Some(mut row) = read.first(&AUTHENTICATE, values).await? else { return Ok(None) };
    Ok(Some(Session {
        device: row.take("access_token.device_id")?,
        user: row.take("device.user_id")?,
        role: row.word("staff.role")?,
        expires_at: row.take("access_token.expires_at")?,
        refresh_hash: row.take("access_token.refresh_hash")?,
    }))
}

/// Notes that a device was heard of. The refresh token that came with its access token has reached it: the one before
/// cannot be repeated any more.
///
/// # Errors
/// Those of the engine.
pub async fn seen(tx: &mut Tx, session: &Session) -> Result<()> {
    let now = tx.now();
    tx.execute(&SEEN, values![session.device, now]).await?;
    tx.execute(&USED, values![session.refresh_hash, now]).await?;
    Ok(())
}

/// Ends a device's session. It may sign in again.
///
/// # Errors
/// Those of the engine.
pub async fn sign_out(tx: &mut Tx, device: DeviceId) -> Result<()> {
    let now = tx.now();
    tx.execute(&END_ACCESS, values![device]).await?;
    tx.execute(&SPEND_ALL, values![device, now]).await?;
    Ok(())
}

/// Shuts a device out at once. Its user's scope moves in the log, so that open sockets of any process look again.
///
/// # Errors
/// Those of the engine.
pub async fn revoke(tx: &mut Tx, device: DeviceId) -> Result<()> {
    let now = tx.now();
    let Some(mut row) = tx.first(&OWNER, values![device]).await? else { return Ok(()) };
    let user: UserId = row.take("device.user_id")?;
    tx.execute(&REVOKE, values![device, now]).await?;
    sign_out(tx, device).await?;
    tx.changed(Entity::user(user), Op::Put, &[Scope::User(user)]);
    Ok(())
}

/// Shuts all devices of a user out at once.
///
/// # Errors
/// Those of the engine.
pub async fn revoke_all_of_user(tx: &mut Tx, user: UserId) -> Result<()> {
    for device in list(tx, user).await? {
        if device.revoked_at.is_none() {
            revoke(tx, device.id).await?;
        }
    }
    Ok(())
}

/// Ends the access tokens of a user: their devices renew, and learn what they may see now.
///
/// # Errors
/// Those of the engine.
pub(super) async fn end_access_of_user(tx: &mut Tx, user: UserId) -> Result<()> {
    tx.execute(&END_ACCESS_OF_USER, values![user]).await?;
    Ok(())
}

/// A device.
///
/// # Errors
/// Those of the engine.
pub async fn by_id(read: &mut Read, id: DeviceId) -> Result<Option<Device>> {
    match read.first(&READ, values![id]).await? {
        Some(row) => device(read, row).await.map(Some),
        None => Ok(None),
    }
}

/// The devices of a user, the oldest first.
///
/// # Errors
/// Those of the engine.
pub async fn list(read: &mut Read, user: UserId) -> Result<Vec<Device>> {
    let mut devices = Vec::new();
    for row in read.all(&OF_USER, values![user]).await? {
        devices.push(device(read, row).await?);
    }
    Ok(devices)
}

/// What runs for every event or page, for the test that looks at the plans.
#[cfg(test)]
pub(super) const HOT: &[&Statement] = &[&AUTHENTICATE, &FIND_REFRESH];

async fn device(read: &mut Read, mut row: Row) -> Result<Device> {
    let id: DeviceId = row.take("device.id")?;
    let user = row.take("device.user_id")?;
    let name: Vec<u8> = row.take("device.name")?;
    Ok(Device {
        id,
        user,
        name: read.open_text(NAME, id.as_bytes(), Some(&name)).await?,
        public_key: row.take("device.public_key")?,
        created_at: row.take("device.created_at")?,
        last_seen_at: row.take("device.last_seen_at")?,
        revoked_at: row.take("device.revoked_at")?,
    })
}

async fn successor_of(read: &Read, old: &TenantToken, refresh_id: RefreshId) -> Result<TenantToken> {
    let (_, key) = read.keys().only(read.tenant(), KeyKind::Lookup).await?;
    let text = old.text();
    let seed = [refresh_id.as_bytes().as_slice(), text.expose().as_bytes()].concat();
    Ok(TenantToken::of(read.tenant(), keyed_hash(&key, "refresh.successor", &seed).as_bytes()))
}
