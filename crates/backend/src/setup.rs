//! Setting up: what the command line does, and what a practice tenant or a test does in its place.

use std::sync::Arc;

use deskbell_domain::{ChannelAccountId, Clock, PhoneNumber, QueueId, Role, Sensitive, TenantId, UserId};

use crate::auth::password;
use crate::config::{Config, ConfigError};
use crate::storage::channel_account::{self, NewChannelAccount};
use crate::storage::directory::Route;
use crate::storage::staff::{self, NewUser, UserStatus};
use crate::storage::{DataLocation, Db, StorageError, postgres, queue};

/// Why something could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// Somebody signs in with this e-mail address already.
    #[error("somebody signs in with this e-mail address already")]
    EmailTaken,
    /// No e-mail address.
    #[error("not an e-mail address")]
    Email,
    /// The password.
    #[error(transparent)]
    Password(#[from] password::PasswordError),
    /// No queue has this name or id.
    #[error("there is no queue of this name or id")]
    UnknownQueue,
    /// The number is connected to another tenant.
    #[error("this phone number is connected to another tenant")]
    NumberTaken,
    /// A phone-number id or account id is not what Meta gives.
    #[error("{0} is not an id of Meta's: digits are expected")]
    MetaId(&'static str),
    /// The business's number cannot be one.
    #[error("the number is not an international phone number")]
    Number,
    /// The storage.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// A member of staff to add.
#[derive(Debug, Clone)]
pub struct NewMember {
    /// How they are called.
    pub name: Sensitive<String>,
    /// How they sign in.
    pub email: Sensitive<String>,
    /// What they are.
    pub role: Role,
    /// Their password.
    pub password: Sensitive<String>,
    /// The queues they work.
    pub queues: Vec<QueueId>,
}

/// A WhatsApp number to connect.
#[derive(Debug, Clone)]
pub struct NewNumber {
    /// Meta's id of the number.
    pub phone_number_id: String,
    /// Meta's id of the WhatsApp business account.
    pub waba_id: String,
    /// Meta's id of the business portfolio, where it is known.
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

/// Adds a queue.
///
/// # Errors
/// Those of storage.
pub async fn create_queue(db: &Db, tenant: TenantId, name: &str) -> Result<QueueId, SetupError> {
    let mut tx = db.tenant(tenant).begin().await?;
    let id = queue::create(&mut tx, name).await?;
    tx.commit().await?;
    Ok(id)
}

/// The queue of this name or id. Upper and lower case of a name are the same.
///
/// # Errors
/// When there is none.
pub async fn queue_named(db: &Db, tenant: TenantId, text: &str) -> Result<QueueId, SetupError> {
    let queues = queue::list(&mut db.tenant(tenant).read().await?).await?;
    let id = text.parse::<QueueId>().ok();
    let named =
        |queue: &queue::Queue| Some(queue.id) == id || queue.name.to_lowercase() == text.to_lowercase();
    queues.iter().find(|queue| named(queue)).map(|queue| queue.id).ok_or(SetupError::UnknownQueue)
}

/// Has a member of staff work a queue, besides those they work already.
///
/// # Errors
/// Those of storage.
pub async fn assign_queue(db: &Db, tenant: TenantId, user: UserId, queue: QueueId) -> Result<(), SetupError> {
    let mut tx = db.tenant(tenant).begin().await?;
    let mut works = staff::queues_of(&mut tx, user).await?;
    if !works.contains(&queue) {
        works.push(queue);
        staff::set_queues(&mut tx, user, &works).await?;
        tx.commit().await?;
    }
    Ok(())
}

/// Adds a member of staff who can sign in at once.
///
/// # Errors
/// When somebody has the e-mail address, or the password is too short.
pub async fn create_user(db: &Db, tenant: TenantId, new: NewMember) -> Result<UserId, SetupError> {
    let email = new.email.map(|email| email.trim().to_owned());
    if !is_email(email.expose()) {
        return Err(SetupError::Email);
    }
    if db.directory().sign_in(&email).await?.is_some() {
        return Err(SetupError::EmailTaken);
    }
    let password_hash = Some(hash(new.password).await?);
    let mut tx = db.tenant(tenant).begin().await?;
    let user = NewUser { name: new.name, email: email.clone(), role: new.role, password_hash };
    let id = staff::create(&mut tx, &user).await?;
    if !new.queues.is_empty() {
        staff::set_queues(&mut tx, id, &new.queues).await?;
    }
    tx.commit().await?;
    // The directory is another database. Where somebody was quicker with the same address, the person is there
    // without a way to sign in, and is taken back.
    if !db.directory().set_sign_in(&email, tenant, id).await? {
        let mut tx = db.tenant(tenant).begin().await?;
        staff::set_status(&mut tx, id, UserStatus::Suspended).await?;
        tx.commit().await?;
        return Err(SetupError::EmailTaken);
    }
    Ok(id)
}

/// Sets a new password, and ends the person's sessions.
///
/// # Errors
/// When the password is too short.
pub async fn set_password(
    db: &Db,
    tenant: TenantId,
    user: UserId,
    password: Sensitive<String>,
) -> Result<(), SetupError> {
    let hash = hash(password).await?;
    let mut tx = db.tenant(tenant).begin().await?;
    staff::set_password(&mut tx, user, &hash).await?;
    tx.commit().await?;
    Ok(())
}

/// Connects a WhatsApp number, or gives a connected one a new token.
///
/// # Errors
/// When the number is another tenant's, or an id cannot be Meta's.
pub async fn connect_number(
    db: &Db,
    tenant: TenantId,
    new: NewNumber,
) -> Result<ChannelAccountId, SetupError> {
    for (name, id) in [("the phone-number id", &new.phone_number_id), ("the WABA id", &new.waba_id)] {
        // They stand in the paths of calls.
        if id.is_empty() || !id.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(SetupError::MetaId(name));
        }
    }
    PhoneNumber::parse(&new.display_number).map_err(|_| SetupError::Number)?;
    let route = db.directory().by_phone_number(&new.phone_number_id).await?;
    if route.is_some_and(|route| route.tenant != tenant) {
        return Err(SetupError::NumberTaken);
    }
    let mut tx = db.tenant(tenant).begin().await?;
    let known = channel_account::by_phone_number_id(&mut tx, &new.phone_number_id).await?;
    let account = if let Some(known) = known {
        channel_account::connect(&mut tx, known.id, &new.token).await?;
        known.id
    } else {
        let account = NewChannelAccount {
            phone_number_id: new.phone_number_id.clone(),
            waba_id: new.waba_id.clone(),
            portfolio_id: new.portfolio_id,
            display_name: new.display_name,
            display_number: new.display_number,
            queue: new.queue,
            token: new.token,
        };
        channel_account::create(&mut tx, &account).await?
    };
    tx.commit().await?;
    // Webhooks that come before this is set wait in quarantine, so it is set last: they must find the account.
    db.directory().add_phone_number(&new.phone_number_id, &new.waba_id, Route { tenant, account }).await?;
    Ok(account)
}

/// Brings PostgreSQL databases to this version's schema. SQLite does it by itself.
///
/// # Errors
/// When the owner's address is not given, or the engine refuses.
pub async fn migrate(config: &Config, clock: Arc<dyn Clock>) -> Result<(), ConfigError> {
    if let DataLocation::Sqlite { .. } = config.storage.data {
        config.open(clock).await?.close().await;
        return Ok(());
    }
    let owner = config.storage.owner_url.as_ref().ok_or(ConfigError::Missing(
        "migrating needs the address for the role that owns the tables: give DESKBELL_OWNER_URL or --owner-url-file",
    ))?;
    Ok(postgres::migrate_data(owner, clock.now()).await?)
}

/// Hashing takes tens of milliseconds of a whole core, which no task may hold up.
async fn hash(password: Sensitive<String>) -> Result<Sensitive<String>, SetupError> {
    let hashed = tokio::task::spawn_blocking(move || password::hash(&password)).await;
    let hashed = hashed.map_err(|_| StorageError::Unavailable("the process ends".to_owned()))?;
    Ok(hashed?)
}

/// Whether a text may be an e-mail address: something, an at sign, something, and no space.
fn is_email(text: &str) -> bool {
    let parts = text.split_once('@');
    parts.is_some_and(|(local, host)| !local.is_empty() && !host.is_empty() && !host.contains('@'))
        && !text.contains(char::is_whitespace)
}
