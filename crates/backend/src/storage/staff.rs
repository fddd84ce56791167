//! Members of staff. Name, e-mail and password hash are sealed under a key of each person's own.

use deskbell_domain::{KeyId, QueueId, Role, Scope, Sensitive, UserId, UtcMs};
use serde::{Deserialize, Serialize};

use super::change::{Entity, Op};
use super::keys::KeyKind;
use super::sealing::{SealedColumn, sealed_column};
use super::statement::{Statement, sql};
use super::value::{Row, Value, list_of, values};
use super::{Read, Result, StorageError, Tx, device, fresh};

/// Whether a person may sign in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UserStatus {
    /// Yes.
    Active,
    /// No: their sessions are ended.
    Suspended,
}

/// A person to add.
#[derive(Debug, Clone)]
pub struct NewUser {
    /// How they are called.
    pub name: Sensitive<String>,
    /// How they sign in.
    pub email: Sensitive<String>,
    /// What they are.
    pub role: Role,
    /// The hash of their password, in PHC form; `None` until they have chosen one.
    pub password_hash: Option<Sensitive<String>>,
}

/// A member of staff.
#[derive(Debug, Clone)]
pub struct User {
    /// Their id.
    pub id: UserId,
    /// How they are called; `None` when their data was erased.
    pub name: Option<Sensitive<String>>,
    /// How they sign in; `None` when their data was erased.
    pub email: Option<Sensitive<String>>,
    /// The hash of their password, in PHC form.
    pub password_hash: Option<Sensitive<String>>,
    /// What they are.
    pub role: Role,
    /// Whether they may sign in.
    pub status: UserStatus,
    /// When they were added.
    pub created_at: UtcMs,
    /// The place of their last change in the log.
    pub version: i64,
}

const NAME: SealedColumn = sealed_column!("staff"."name");
const EMAIL: SealedColumn = sealed_column!("staff"."email");
const PASSWORD_HASH: SealedColumn = sealed_column!("staff"."password_hash");

const INSERT: Statement = sql(
    "INSERT INTO staff (tenant_id, id, key_id, name, email, password_hash, role, status, created_at, version)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 0)",
);
const READ: Statement =
    sql("SELECT id, name, email, password_hash, role, status, created_at, version FROM staff
     WHERE tenant_id = $1 AND id IN ({list})");
const LIST: Statement = sql("SELECT id FROM staff WHERE tenant_id = $1 ORDER BY id");
const KEY: Statement = sql("SELECT key_id FROM staff WHERE tenant_id = $1 AND id = $2");
const SET_PASSWORD: Statement = sql("UPDATE staff SET password_hash = $3 WHERE tenant_id = $1 AND id = $2");
const SET_ROLE: Statement = sql("UPDATE staff SET role = $3 WHERE tenant_id = $1 AND id = $2");
const SET_STATUS: Statement = sql("UPDATE staff SET status = $3 WHERE tenant_id = $1 AND id = $2");
const QUEUES: Statement =
    sql("SELECT queue_id FROM user_queue WHERE tenant_id = $1 AND user_id = $2 ORDER BY queue_id");
const CLEAR_QUEUES: Statement = sql("DELETE FROM user_queue WHERE tenant_id = $1 AND user_id = $2");
const ADD_QUEUES: Statement = sql("INSERT INTO user_queue (tenant_id, user_id, queue_id) VALUES {rows:$1}");

/// Adds a person. Their key is committed before this returns.
///
/// # Errors
/// Those of the engine.
pub async fn create(tx: &mut Tx, new: &NewUser) -> Result<UserId> {
    let id = fresh::user_id(tx.now())?;
    let key = tx.keys().create(tx.tenant(), KeyKind::User).await?;
    let row = id.as_bytes();
    let name = tx.seal(NAME, row, &key, new.name.expose().as_bytes())?;
    let email = tx.seal(EMAIL, row, &key, new.email.expose().as_bytes())?;
    let password_hash = match &new.password_hash {
        Some(hash) => Some(tx.seal(PASSWORD_HASH, row, &key, hash.expose().as_bytes())?),
        None => None,
    };
    let (role, status) = (Value::word(&new.role), Value::word(&UserStatus::Active));
    let created_at = tx.now();
    tx.execute(&INSERT, values![id, key.0, name, email, password_hash, role, status, created_at]).await?;
    tx.changed(Entity::user(id), Op::Put, &[Scope::Tenant]);
    Ok(id)
}

/// A person by their id.
///
/// # Errors
/// Those of the engine.
pub async fn by_id(read: &mut Read, id: UserId) -> Result<Option<User>> {
    Ok(read_many(read, &[id]).await?.pop())
}

/// People by their ids, in no order. Who is not there is left out.
///
/// # Errors
/// Those of the engine.
pub async fn read_many(read: &mut Read, ids: &[UserId]) -> Result<Vec<User>> {
    let mut users = Vec::with_capacity(ids.len());
    for row in read.all_in(&READ, values![], &list_of(ids)).await? {
        users.push(user(read, row).await?);
    }
    Ok(users)
}

/// Everybody.
///
/// # Errors
/// Those of the engine.
pub async fn list(read: &mut Read) -> Result<Vec<User>> {
    let rows = read.all(&LIST, values![]).await?;
    let ids = rows.into_iter().map(|mut row| row.take("staff.id")).collect::<Result<Vec<_>>>()?;
    let mut users = read_many(read, &ids).await?;
    users.sort_by_key(|user| user.id);
    Ok(users)
}

/// Sets the hash of a password, and ends the person's sessions.
///
/// # Errors
/// [`StorageError::Shape`] when there is nobody of this id.
pub async fn set_password(tx: &mut Tx, id: UserId, hash: &Sensitive<String>) -> Result<()> {
    replace_password_hash(tx, id, hash).await?;
    device::revoke_all_of_user(tx, id).await
}

/// Sets the hash of the same password anew, such as one of another algorithm. Sessions go on.
///
/// # Errors
/// [`StorageError::Shape`] when there is nobody of this id.
pub async fn replace_password_hash(tx: &mut Tx, id: UserId, hash: &Sensitive<String>) -> Result<()> {
    let key = key(tx, id).await?;
    let sealed = tx.seal(PASSWORD_HASH, id.as_bytes(), &key, hash.expose().as_bytes())?;
    tx.execute(&SET_PASSWORD, values![id, sealed]).await?;
    Ok(())
}

/// Changes what a person is, and ends their sessions.
///
/// # Errors
/// Those of the engine.
pub async fn set_role(tx: &mut Tx, id: UserId, role: Role) -> Result<()> {
    tx.execute(&SET_ROLE, values![id, Value::word(&role)]).await?;
    tx.changed(Entity::user(id), Op::Put, &[Scope::Tenant]);
    device::revoke_all_of_user(tx, id).await
}

/// Suspends a person or lets them back in, and ends their sessions.
///
/// # Errors
/// Those of the engine.
pub async fn set_status(tx: &mut Tx, id: UserId, status: UserStatus) -> Result<()> {
    tx.execute(&SET_STATUS, values![id, Value::word(&status)]).await?;
    tx.changed(Entity::user(id), Op::Put, &[Scope::Tenant]);
    device::revoke_all_of_user(tx, id).await
}

/// The queues a person works.
///
/// # Errors
/// Those of the engine.
pub async fn queues_of(read: &mut Read, id: UserId) -> Result<Vec<QueueId>> {
    let rows = read.all(&QUEUES, values![id]).await?;
    rows.into_iter().map(|mut row| row.take("user_queue.queue_id")).collect()
}

/// Sets the queues a person works.
///
/// # Errors
/// Those of the engine.
pub async fn set_queues(tx: &mut Tx, id: UserId, queues: &[QueueId]) -> Result<()> {
    tx.execute(&CLEAR_QUEUES, values![id]).await?;
    let rows = list_of(queues).into_iter().map(|queue| vec![Value::from(id), queue]).collect();
    tx.execute_rows(&ADD_QUEUES, values![], rows).await?;
    // The person's own scope tells their devices to ask for their scopes again, and so does the next renewal.
    tx.changed(Entity::user(id), Op::Put, &[Scope::Tenant, Scope::User(id)]);
    device::end_access_of_user(tx, id).await
}

/// All that a person sees: what the whole tenant sees, their queues, what is theirs.
///
/// # Errors
/// Those of the engine.
pub async fn scopes_of(read: &mut Read, id: UserId) -> Result<Vec<Scope>> {
    let queues = queues_of(read, id).await?;
    let mut scopes = vec![Scope::Tenant, Scope::User(id)];
    scopes.extend(queues.into_iter().map(Scope::Queue));
    Ok(scopes)
}

/// The key of a person.
pub(super) async fn key(tx: &mut Tx, id: UserId) -> Result<(KeyId, deskbell_seal::Key)> {
    let mut row = tx.first(&KEY, values![id]).await?.ok_or(StorageError::Shape("a member of staff"))?;
    let key_id: KeyId = row.take("staff.key_id")?;
    let key = tx.keys().get(tx.tenant(), key_id).await?.ok_or(StorageError::KeyGone)?;
    Ok((key_id, key))
}

async fn user(read: &mut Read, mut row: Row) -> Result<User> {
    let id: UserId = row.take("staff.id")?;
    let name: Vec<u8> = row.take("staff.name")?;
    let email: Vec<u8> = row.take("staff.email")?;
    let hash: Option<Vec<u8>> = row.take("staff.password_hash")?;
    let place = id.as_bytes();
    Ok(User {
        id,
        name: read.open_text(NAME, place, Some(&name)).await?,
        email: read.open_text(EMAIL, place, Some(&email)).await?,
        password_hash: read.open_text(PASSWORD_HASH, place, hash.as_deref()).await?,
        role: row.word("staff.role")?,
        status: row.word("staff.status")?,
        created_at: row.take("staff.created_at")?,
        version: row.take("staff.version")?,
    })
}
