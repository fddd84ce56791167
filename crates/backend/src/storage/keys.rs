//! The key store: a database of its own that holds the keys of sealed data, and what must outlive a restored copy.
//!
//! master key → tenant key → data keys. A key is committed here before the first row that uses it, so a crash leaves
//! an unused key and never an unreadable row. Destroying a key makes what it sealed noise, in every backup too: so
//! the key store's own backups are kept apart and live at most seven days.
//!
//! It also holds the erasure ledger, and for each tenant the highest sequence number its log may have used. Data that
//! lies behind this promise at start is a restored copy.

mod cache;
mod file;
mod ledger;
mod master;
mod water;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use deskbell_domain::{Clock, KeyId, Sensitive, TenantId, UtcMs};
use deskbell_seal::{Aad, Key, LookupHash, SealError, WrappedKey, keyed_hash};
use sqlx::Executor as _;
use tokio::sync::{Mutex, OwnedRwLockReadGuard, RwLock};

pub use ledger::{Extent, LedgerEntry, LedgerHash};
pub use master::MasterKey;
pub use water::HighWater;

use self::cache::Cache;
use self::file::KeyFile;
use super::session::{Database, Session};
use super::statement::{Statement, sql};
use super::value::{Value, values};
use super::{Result, StorageError, fresh, postgres};
use crate::limits::{CONTACT_KEYS_AHEAD, DAY_MS, INGEST_KEY_MS};

/// Where the key store is.
#[derive(Debug, Clone)]
pub enum KeyLocation {
    /// Files in this folder.
    Sqlite {
        /// The folder; made when it is not there.
        dir: PathBuf,
    },
    /// A PostgreSQL database of its own, reached as [`postgres::KEYS_ROLE`].
    Postgres {
        /// Its address, with the password.
        url: Sensitive<String>,
    },
}

/// What a key is for. A key opened as another kind does not open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum KeyKind {
    /// What a contact wrote and is called. A contact owns a set of them.
    Contact,
    /// A channel account's access token.
    ChannelAccount,
    /// A member of staff's name, e-mail and password hash.
    User,
    /// One day's webhook bodies, until they are split.
    Ingest,
    /// Keyed hashes, by which sealed values are found.
    Lookup,
    /// Cursors and page tokens.
    Token,
    /// A SQLCipher file.
    File,
    /// What belongs to the installation and no tenant: secrets of Meta apps.
    Installation,
}

impl KeyKind {
    const fn word(self) -> &'static str {
        match self {
            Self::Contact => "contact",
            Self::ChannelAccount => "channel_account",
            Self::User => "user",
            Self::Ingest => "ingest",
            Self::Lookup => "lookup",
            Self::Token => "token",
            Self::File => "file",
            Self::Installation => "installation",
        }
    }
}

/// The owner of keys that belong to no tenant.
pub(crate) const INSTALLATION: TenantId = TenantId::from_bytes([0; 16]);

/// The key store. Clones share one.
#[derive(Clone)]
pub struct KeyStore(Arc<Inner>);

struct Inner {
    master: MasterKey,
    backing: Backing,
    dir: Option<PathBuf>,
    cache: Cache,
    ahead: Mutex<HashMap<TenantId, Vec<(KeyId, Key)>>>,
    promised: water::Promised,
    clock: Arc<dyn Clock>,
}

enum Backing {
    Sqlite(Arc<RwLock<KeyFile>>),
    Postgres(sqlx::PgPool),
}

/// A transaction of the key store. While one is open, the file is not rewritten.
struct KeySession {
    session: Session,
    _open: Option<OwnedRwLockReadGuard<KeyFile>>,
}

const INSERT_TENANT_KEY: Statement =
    sql("INSERT INTO tenant_key (tenant_id, wrapped, created_at) VALUES ($1, $2, $3)
         ON CONFLICT (tenant_id) DO NOTHING");
const TENANT_KEY: Statement = sql("SELECT wrapped FROM tenant_key WHERE tenant_id = $1");
const INSERT_DATA_KEYS: Statement =
    sql("INSERT INTO data_key (id, tenant_id, kind, slot, wrapped, created_at, expires_at) VALUES {rows}
         ON CONFLICT DO NOTHING");
const DATA_KEYS: Statement =
    sql("SELECT id, kind, wrapped FROM data_key WHERE tenant_id = $1 AND id IN ({list})");
const SLOT_KEY: Statement =
    sql("SELECT id, wrapped FROM data_key WHERE tenant_id = $1 AND kind = $2 AND slot = $3");
const DELETE_DATA_KEYS: Statement = sql("DELETE FROM data_key WHERE tenant_id = $1 AND id IN ({list})");
const EXPIRED_KEYS: Statement =
    sql("SELECT tenant_id, id FROM data_key WHERE expires_at IS NOT NULL AND expires_at <= $1");
const MASTER_CHECK: Statement = sql("SELECT wrapped FROM master_check WHERE id = 1");
const INSERT_MASTER_CHECK: Statement =
    sql("INSERT INTO master_check (id, wrapped) VALUES (1, $1) ON CONFLICT DO NOTHING");

impl KeyStore {
    /// Opens the key store, and makes it when it is not there.
    ///
    /// # Errors
    /// [`StorageError::WrongMasterKey`] when it was made with another master key.
    pub async fn open(location: &KeyLocation, master: MasterKey, clock: Arc<dyn Clock>) -> Result<Self> {
        let backing = match location {
            KeyLocation::Sqlite { dir } => {
                Backing::Sqlite(Arc::new(RwLock::new(KeyFile::open(dir, &master, clock.now()).await?)))
            }
            KeyLocation::Postgres { url } => {
                let pool = postgres::connect(url).await?;
                postgres::migrate_keys(&pool, clock.now()).await?;
                Backing::Postgres(pool)
            }
        };
        let dir = match location {
            KeyLocation::Sqlite { dir } => Some(dir.canonicalize()?),
            KeyLocation::Postgres { .. } => None,
        };
        let inner = Inner {
            master,
            backing,
            dir,
            cache: Cache::default(),
            ahead: Mutex::default(),
            promised: water::Promised::default(),
            clock,
        };
        let store = Self(Arc::new(inner));
        store.refuse_other_master_key().await?;
        store.create_tenant(INSTALLATION).await?;
        Ok(store)
    }

    /// The clock that everything on top of this store reads.
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.0.clock
    }

    /// Closes its connections. Keys in memory are wiped with the last clone.
    pub async fn close(&self) {
        match &self.0.backing {
            Backing::Sqlite(file) => file.read().await.close().await,
            Backing::Postgres(pool) => pool.close().await,
        }
    }

    /// Makes a tenant's own key. Doing it twice is doing it once.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn create_tenant(&self, tenant: TenantId) -> Result<()> {
        let wrapped = self.0.master.key().wrap(&Key::random()?, &tenant_key_aad(tenant))?;
        let mut keys = self.begin().await?;
        let values = values![tenant, wrapped.as_bytes().to_vec(), self.0.clock.now()];
        keys.session.execute(&INSERT_TENANT_KEY, values).await?;
        keys.session.commit().await
    }

    /// A new key for a contact, already committed. Keys are made ahead, many in one commit.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn create_contact_key(&self, tenant: TenantId) -> Result<(KeyId, Key)> {
        let mut ahead = self.0.ahead.lock().await;
        let waiting = ahead.entry(tenant).or_default();
        if let Some(key) = waiting.pop() {
            return Ok(key);
        }
        *waiting = self.create_many(tenant, KeyKind::Contact, CONTACT_KEYS_AHEAD).await?;
        waiting.pop().ok_or(StorageError::KeyGone)
    }

    /// A new key, already committed.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn create(&self, tenant: TenantId, kind: KeyKind) -> Result<(KeyId, Key)> {
        self.create_many(tenant, kind, 1).await?.pop().ok_or(StorageError::KeyGone)
    }

    /// A key by its id; `None` when it was destroyed.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn get(&self, tenant: TenantId, id: KeyId) -> Result<Option<Key>> {
        if let Some(key) = self.0.cache.get(tenant, id) {
            return Ok(Some(key));
        }
        Ok(self.fetch(tenant, &[id]).await?.remove(&id))
    }

    /// Brings keys into memory in one go, before many values are opened.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn load(&self, tenant: TenantId, ids: &[KeyId]) -> Result<()> {
        let mut missing: Vec<KeyId> =
            ids.iter().copied().filter(|id| self.0.cache.get(tenant, *id).is_none()).collect();
        missing.sort_unstable();
        missing.dedup();
        self.fetch(tenant, &missing).await?;
        Ok(())
    }

    async fn fetch(&self, tenant: TenantId, ids: &[KeyId]) -> Result<HashMap<KeyId, Key>> {
        let mut found = HashMap::with_capacity(ids.len());
        if ids.is_empty() {
            return Ok(found);
        }
        let tenant_key = self.tenant_key(tenant).await?;
        let list: Vec<Value> = ids.iter().map(|id| Value::from(*id)).collect();
        let mut keys = self.begin_read().await?;
        for mut row in keys.session.all_in(&DATA_KEYS, &[tenant.into()], &list).await? {
            let id: KeyId = row.take("data_key.id")?;
            let kind: String = row.take("data_key.kind")?;
            let wrapped: Vec<u8> = row.take("data_key.wrapped")?;
            let key = unwrap_data_key(&tenant_key, tenant, id, &kind, &wrapped)?;
            self.0.cache.put(tenant, id, key.clone());
            found.insert(id, key);
        }
        Ok(found)
    }

    /// Destroys keys: deleted, then the file rewritten under a new key (SQLite) or the table vacuumed (PostgreSQL).
    /// What they sealed cannot be read again, here or in any backup of the data.
    ///
    /// # Errors
    /// Those of the engine. When this fails half-way, doing it again finishes it.
    pub async fn destroy(&self, tenant: TenantId, ids: &[KeyId]) -> Result<()> {
        if ids.is_empty() {
            return Ok(());
        }
        self.delete(tenant, ids).await?;
        self.rewrite().await
    }

    /// The key of which the tenant has one of its kind, made at its first use.
    ///
    /// # Errors
    /// Those of the engine.
    pub(crate) async fn only(&self, tenant: TenantId, kind: KeyKind) -> Result<(KeyId, Key)> {
        self.slot(tenant, kind, "only", None).await
    }

    /// The key of cursors and page tokens of a tenant.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn token_key(&self, tenant: TenantId) -> Result<Key> {
        Ok(self.only(tenant, KeyKind::Token).await?.1)
    }

    /// The keyed hash by which a value of a tenant is found. `purpose` keeps one table's hashes from another's.
    ///
    /// # Errors
    /// Those of the engine, at the first use.
    pub async fn lookup_hash(&self, tenant: TenantId, purpose: &str, value: &[u8]) -> Result<LookupHash> {
        let (_, key) = self.only(tenant, KeyKind::Lookup).await?;
        Ok(keyed_hash(&key, purpose, value))
    }

    /// The key of the bodies that arrive on `now`'s day. It dies seven days later.
    ///
    /// # Errors
    /// Those of the engine, at the day's first use.
    pub async fn ingest_key(&self, now: UtcMs) -> Result<(KeyId, Key)> {
        let day = now.as_ms().div_euclid(DAY_MS);
        let expires = UtcMs::from_ms((day + 1) * DAY_MS).plus_ms(INGEST_KEY_MS);
        self.slot(INSTALLATION, KeyKind::Ingest, &day.to_string(), Some(expires)).await
    }

    /// Destroys keys whose time is over; answers how many.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn destroy_expired(&self, now: UtcMs) -> Result<usize> {
        let mut expired: HashMap<TenantId, Vec<KeyId>> = HashMap::new();
        let mut keys = self.begin_read().await?;
        for mut row in keys.session.all(&EXPIRED_KEYS, values![now]).await? {
            expired.entry(row.take("data_key.tenant_id")?).or_default().push(row.take("data_key.id")?);
        }
        drop(keys);
        let count = expired.values().map(Vec::len).sum();
        for (tenant, ids) in &expired {
            self.delete(*tenant, ids).await?;
        }
        if count > 0 {
            self.rewrite().await?;
        }
        Ok(count)
    }

    /// Whether the key store's folder lies in this one, or is the same: whoever copies the one copies the other.
    pub(crate) fn lies_within(&self, dir: &Path) -> bool {
        match (&self.0.dir, dir.canonicalize()) {
            (Some(own), Ok(dir)) => own.starts_with(dir),
            _ => false,
        }
    }

    /// A number that tells this key store's server from another; `None` on SQLite.
    pub(crate) async fn server(&self) -> Result<Option<postgres::Server>> {
        match &self.0.backing {
            Backing::Sqlite(_) => Ok(None),
            Backing::Postgres(_) => {
                Ok(Some(postgres::Server::of(&mut self.begin_read().await?.session).await?))
            }
        }
    }

    pub(crate) async fn slot(
        &self,
        tenant: TenantId,
        kind: KeyKind,
        slot: &str,
        expires: Option<UtcMs>,
    ) -> Result<(KeyId, Key)> {
        if let Some(found) = self.0.cache.get_slot(tenant, kind, slot) {
            return Ok(found);
        }
        let tenant_key = self.tenant_key(tenant).await?;
        let find = || values![tenant, kind.word(), slot];
        let mut keys = self.begin().await?;
        let mut row = keys.session.first(&SLOT_KEY, find()).await?;
        if row.is_none() {
            let (_, values) = self.new_key(&tenant_key, tenant, kind, Some(slot), expires)?;
            keys.session.execute_rows(&INSERT_DATA_KEYS, &[], vec![values]).await?;
            // Another process may have been first: what is in the table holds.
            row = keys.session.first(&SLOT_KEY, find()).await?;
        }
        keys.session.commit().await?;
        let mut row = row.ok_or(StorageError::KeyGone)?;
        let id: KeyId = row.take("data_key.id")?;
        let wrapped: Vec<u8> = row.take("data_key.wrapped")?;
        let key = unwrap_data_key(&tenant_key, tenant, id, kind.word(), &wrapped)?;
        self.0.cache.put(tenant, id, key.clone());
        self.0.cache.put_slot(tenant, kind, slot, id);
        Ok((id, key))
    }

    async fn create_many(&self, tenant: TenantId, kind: KeyKind, count: usize) -> Result<Vec<(KeyId, Key)>> {
        let tenant_key = self.tenant_key(tenant).await?;
        let mut made = Vec::with_capacity(count);
        let mut rows = Vec::with_capacity(count);
        for _ in 0..count {
            let (key, values) = self.new_key(&tenant_key, tenant, kind, None, None)?;
            made.push(key);
            rows.push(values);
        }
        let mut keys = self.begin().await?;
        keys.session.execute_rows(&INSERT_DATA_KEYS, &[], rows).await?;
        keys.session.commit().await?;
        for (id, key) in &made {
            self.0.cache.put(tenant, *id, key.clone());
        }
        Ok(made)
    }

    fn new_key(
        &self,
        tenant_key: &Key,
        tenant: TenantId,
        kind: KeyKind,
        slot: Option<&str>,
        expires: Option<UtcMs>,
    ) -> Result<((KeyId, Key), Vec<Value>)> {
        let now = self.0.clock.now();
        let (id, key) = (fresh::key_id(now)?, Key::random()?);
        let wrapped = tenant_key.wrap(&key, &data_key_aad(tenant, id, kind.word()))?;
        let slot = slot.map(str::to_owned);
        let values = values![id, tenant, kind.word(), slot, wrapped.as_bytes().to_vec(), now, expires];
        Ok(((id, key), values))
    }

    async fn tenant_key(&self, tenant: TenantId) -> Result<Key> {
        if let Some(key) = self.0.cache.get_tenant(tenant) {
            return Ok(key);
        }
        let mut keys = self.begin_read().await?;
        let mut row = keys
            .session
            .first(&TENANT_KEY, values![tenant])
            .await?
            .ok_or(StorageError::UnknownTenant(tenant))?;
        let wrapped = WrappedKey::from_slice(&row.take::<Vec<u8>>("tenant_key.wrapped")?)?;
        let key = self.0.master.key().unwrap(&wrapped, &tenant_key_aad(tenant)).map_err(refused_master)?;
        self.0.cache.put_tenant(tenant, key.clone());
        Ok(key)
    }

    async fn delete(&self, tenant: TenantId, ids: &[KeyId]) -> Result<()> {
        let list: Vec<Value> = ids.iter().map(|id| Value::from(*id)).collect();
        let mut keys = self.begin().await?;
        keys.session.execute_in(&DELETE_DATA_KEYS, &[tenant.into()], &list).await?;
        keys.session.commit().await?;
        self.0.cache.forget(tenant, ids);
        Ok(())
    }

    async fn rewrite(&self) -> Result<()> {
        match &self.0.backing {
            Backing::Sqlite(file) => file.write().await.rewrite(&self.0.master).await,
            Backing::Postgres(pool) => {
                pool.execute("VACUUM data_key").await?;
                Ok(())
            }
        }
    }

    async fn refuse_other_master_key(&self) -> Result<()> {
        let aad = Aad::purpose("key-store/master-check", &[]);
        let mut keys = self.begin().await?;
        let wrapped = self.0.master.key().wrap(&Key::from_bytes([0; 32]), &aad)?;
        keys.session.execute(&INSERT_MASTER_CHECK, values![wrapped.as_bytes().to_vec()]).await?;
        let mut row = keys.session.one(&MASTER_CHECK, values![]).await?;
        let wrapped = WrappedKey::from_slice(&row.take::<Vec<u8>>("master_check.wrapped")?)?;
        self.0.master.key().unwrap(&wrapped, &aad).map_err(refused_master)?;
        keys.session.commit().await
    }

    async fn begin(&self) -> Result<KeySession> {
        match &self.0.backing {
            Backing::Sqlite(file) => {
                let open = Arc::clone(file).read_owned().await;
                Ok(KeySession { session: open.database().begin().await?, _open: Some(open) })
            }
            Backing::Postgres(pool) => {
                Ok(KeySession { session: Database::Postgres(pool.clone()).begin().await?, _open: None })
            }
        }
    }

    async fn begin_read(&self) -> Result<KeySession> {
        match &self.0.backing {
            Backing::Sqlite(file) => {
                let open = Arc::clone(file).read_owned().await;
                Ok(KeySession { session: open.database().read().await?, _open: Some(open) })
            }
            Backing::Postgres(pool) => {
                Ok(KeySession { session: Database::Postgres(pool.clone()).read().await?, _open: None })
            }
        }
    }
}

impl std::fmt::Debug for KeyStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("KeyStore(•••)")
    }
}

fn tenant_key_aad(tenant: TenantId) -> Aad {
    Aad::purpose("key-store/tenant-key", &[tenant.as_bytes()])
}

fn data_key_aad(tenant: TenantId, id: KeyId, kind: &str) -> Aad {
    Aad::purpose("key-store/data-key", &[tenant.as_bytes(), id.as_bytes(), kind.as_bytes()])
}

fn unwrap_data_key(tenant_key: &Key, tenant: TenantId, id: KeyId, kind: &str, wrapped: &[u8]) -> Result<Key> {
    let wrapped = WrappedKey::from_slice(wrapped)?;
    Ok(tenant_key.unwrap(&wrapped, &data_key_aad(tenant, id, kind))?)
}

fn refused_master(error: SealError) -> StorageError {
    match error {
        SealError::Refused => StorageError::WrongMasterKey,
        other => other.into(),
    }
}

impl From<SealError> for StorageError {
    fn from(error: SealError) -> Self {
        match error {
            SealError::NoRandomness => Self::Random,
            _ => Self::Sealed("the key store"),
        }
    }
}
