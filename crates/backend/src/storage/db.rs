use std::collections::HashMap;
use std::fs::TryLockError;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use deskbell_domain::{Clock, EpochId, Scope, Sensitive, TenantId, UtcMs};
use tokio::sync::{Mutex, watch};
use tokio::task::AbortHandle;

use super::arrivals::Arrivals;
use super::change::{self, Entity, Op};
use super::directory::Directory;
use super::job::{Due, Jobs};
use super::keys::{HighWater, INSTALLATION, KeyKind, KeyStore};
use super::migrate::{
    POSTGRES_DATA, SQLITE_ARRIVALS, SQLITE_DIRECTORY, SQLITE_TENANT, migrate, refuse_other_version,
};
use super::session::Database;
use super::sqlite::SqliteFile;
use super::statement::{Statement, sql};
use super::tx::{Read, Tx};
use super::value::values;
use super::wake::{self, Heads};
use super::{Engine, Result, StorageError, fresh, postgres};
use crate::limits::POLL_EVERY;

/// Where the data is.
#[derive(Debug, Clone)]
pub enum DataLocation {
    /// SQLCipher files in this folder. One process serves them.
    Sqlite {
        /// The folder; made when it is not there.
        dir: PathBuf,
    },
    /// A PostgreSQL database, reached as [`postgres::APP_ROLE`]. Any number of processes serve it.
    Postgres {
        /// Its address, with the password.
        url: Sensitive<String>,
    },
}

/// What to do when one physical backup covers the data and the key store, so that an older backup brings erased
/// people back with their keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OneBackup {
    /// Do not start.
    Refuse,
    /// Start; health reports it.
    Allow,
}

/// What was found at the start.
#[derive(Debug, Clone, Default)]
pub struct StartReport {
    /// Tenants whose data is a restored copy. Each has a new epoch already; the ledger is to be replayed before
    /// serving, and somebody told.
    pub restored: Vec<Restored>,
    /// Whether one physical backup covers the data and the key store.
    pub one_backup: bool,
}

/// A tenant whose data lay behind what the key store had promised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Restored {
    /// The tenant.
    pub tenant: TenantId,
    /// Its new epoch.
    pub epoch: EpochId,
}

/// A tenant to create.
#[derive(Debug, Clone)]
pub struct NewTenant {
    /// The business's name.
    pub name: String,
    /// Its time zone, as the IANA database names it.
    pub time_zone: String,
}

/// The backend's storage. Clones share one.
#[derive(Clone)]
pub struct Db(Arc<Inner>);

struct Inner {
    data: Data,
    keys: KeyStore,
    directory: Directory,
    arrivals: Arrivals,
    heads: Arc<Heads>,
    due: Arc<Due>,
    report: StartReport,
    tasks: Vec<AbortHandle>,
}

enum Data {
    Sqlite {
        dir: PathBuf,
        tenants: Mutex<HashMap<TenantId, SqliteFile>>,
        /// Locked while this process serves.
        serving: Mutex<Option<std::fs::File>>,
    },
    Postgres(sqlx::PgPool),
}

/// One tenant of a [`Db`]: the only way to its data.
#[derive(Clone)]
pub struct Tenant {
    db: Db,
    id: TenantId,
}

const INSERT_TENANT: Statement = sql("INSERT INTO tenant (tenant_id, name, time_zone, created_at, version)
     VALUES ($1, $2, $3, $4, 0)");
const INSERT_CLOCK: Statement =
    sql("INSERT INTO tenant_clock (tenant_id, database_id, epoch, seq, floor_seq) VALUES ($1, $2, $3, 0, 0)");
const CLOCK: Statement = super::statement::pair(
    "SELECT database_id, seq FROM tenant_clock WHERE tenant_id = $1",
    "SELECT database_id, seq FROM tenant_clock WHERE tenant_id = $1 FOR UPDATE",
);
const NEW_EPOCH: Statement =
    sql("UPDATE tenant_clock SET epoch = $2, seq = $3, floor_seq = $3 WHERE tenant_id = $1");
const FORGET_LOG: Statement = sql("DELETE FROM change WHERE tenant_id = $1");

impl Db {
    /// Opens the data. SQLite files are made and migrated; PostgreSQL is only checked.
    ///
    /// # Errors
    /// [`StorageError::UnsafeRole`], [`StorageError::OlderDatabase`], [`StorageError::NewerDatabase`],
    /// [`StorageError::OneBackup`], [`StorageError::NoCipher`]; those of the engine.
    pub async fn open(location: &DataLocation, keys: KeyStore, one_backup: OneBackup) -> Result<Self> {
        let opened = match location {
            DataLocation::Sqlite { dir } => Self::open_sqlite(dir, keys, one_backup).await?,
            DataLocation::Postgres { url } => Self::open_postgres(url, keys, one_backup).await?,
        };
        let mut inner = opened;
        let tenants = inner.directory.tenants().await?;
        let db = Self(Arc::new(inner));
        let mut restored = Vec::new();
        for tenant in tenants {
            restored.extend(db.tenant(tenant).refuse_restored_log().await?);
            db.tenant(tenant).jobs_due(UtcMs::from_ms(0));
        }
        inner = Arc::into_inner(db.0).ok_or(StorageError::Shape("a database that is being opened"))?;
        inner.report.restored = restored;
        let db = Self(Arc::new(inner));
        poll_heads(&db);
        Ok(db)
    }

    async fn open_sqlite(dir: &Path, keys: KeyStore, one_backup: OneBackup) -> Result<Inner> {
        std::fs::create_dir_all(dir.join("tenants"))?;
        let one_folder = keys.lies_within(dir);
        if one_folder && one_backup == OneBackup::Refuse {
            return Err(StorageError::OneBackup);
        }
        let now = keys.clock().now();
        let open = async |name: &str, tree| {
            let (_, key) = keys.slot(INSTALLATION, KeyKind::File, name, None).await?;
            let file = SqliteFile::open(&dir.join(format!("{name}.db")), &key).await?;
            let database = Database::Sqlite(file);
            migrate(&database, tree, now).await?;
            Ok::<_, StorageError>(database)
        };
        let directory = open("directory", SQLITE_DIRECTORY).await?;
        let arrivals = open("arrivals", SQLITE_ARRIVALS).await?;
        let (arrivals, task) = Arrivals::start(arrivals, keys.clone());
        Ok(Inner {
            data: Data::Sqlite { dir: dir.to_owned(), tenants: Mutex::default(), serving: Mutex::default() },
            directory: Directory::new(directory, keys.clone()),
            arrivals,
            heads: Arc::default(),
            due: Arc::default(),
            report: StartReport { restored: Vec::new(), one_backup: one_folder },
            tasks: vec![task],
            keys,
        })
    }

    async fn open_postgres(url: &Sensitive<String>, keys: KeyStore, one_backup: OneBackup) -> Result<Inner> {
        let pool = postgres::connect(url).await?;
        let database = Database::Postgres(pool.clone());
        let mut session = database.read().await?;
        refuse_other_version(&mut session, POSTGRES_DATA).await?;
        postgres::refuse_unsafe_role(&mut session).await?;
        let same_server = keys.server().await? == Some(postgres::Server::of(&mut session).await?);
        drop(session);
        if same_server && one_backup == OneBackup::Refuse {
            return Err(StorageError::OneBackup);
        }
        let (heads, moved) = Heads::with_others();
        let heads = Arc::new(heads);
        let (arrivals, task) = Arrivals::start(database.clone(), keys.clone());
        let tell = tokio::spawn(wake::tell_others(postgres::options(url)?, moved)).abort_handle();
        let hear =
            tokio::spawn(wake::hear_others(postgres::options(url)?, Arc::clone(&heads))).abort_handle();
        Ok(Inner {
            data: Data::Postgres(pool),
            directory: Directory::new(database, keys.clone()),
            arrivals,
            heads,
            due: Arc::default(),
            report: StartReport { restored: Vec::new(), one_backup: same_server },
            tasks: vec![task, tell, hear],
            keys,
        })
    }

    /// Makes this process the one that serves: on SQLite there is one, and what a process that died still held of jobs
    /// and webhooks is given back. On PostgreSQL any number serve, and leases run out by themselves.
    ///
    /// # Errors
    /// [`StorageError::AlreadyServed`] when another process serves these files; those of the engine.
    pub async fn release_leases(&self) -> Result<()> {
        let Data::Sqlite { dir, serving, .. } = &self.0.data else { return Ok(()) };
        let mut serving = serving.lock().await;
        if serving.is_none() {
            let file = std::fs::File::create(dir.join("serve.lock"))?;
            match file.try_lock() {
                Ok(()) => *serving = Some(file),
                Err(TryLockError::WouldBlock) => return Err(StorageError::AlreadyServed),
                Err(TryLockError::Error(error)) => return Err(error.into()),
            }
        }
        self.jobs().release().await?;
        self.0.arrivals.release().await
    }

    /// Closes every connection. Transactions that are open end first.
    pub async fn close(&self) {
        for task in &self.0.tasks {
            task.abort();
        }
        self.0.directory.close().await;
        self.0.arrivals.close().await;
        match &self.0.data {
            Data::Sqlite { tenants, serving, .. } => {
                for file in tenants.lock().await.values() {
                    file.close().await;
                }
                serving.lock().await.take();
            }
            Data::Postgres(pool) => pool.close().await,
        }
        self.0.keys.close().await;
    }

    /// The engine below.
    pub fn engine(&self) -> Engine {
        match &self.0.data {
            Data::Sqlite { .. } => Engine::Sqlite,
            Data::Postgres(_) => Engine::Postgres,
        }
    }

    /// What was found at the start.
    pub fn start_report(&self) -> &StartReport {
        &self.0.report
    }

    /// The key store.
    pub fn keys(&self) -> &KeyStore {
        &self.0.keys
    }

    /// The clock.
    pub fn clock(&self) -> &Arc<dyn Clock> {
        self.0.keys.clock()
    }

    /// The time now.
    pub fn now(&self) -> UtcMs {
        self.clock().now()
    }

    /// What must be known before the tenant is.
    pub fn directory(&self) -> &Directory {
        &self.0.directory
    }

    /// Webhook bodies that have arrived and are not split yet.
    pub fn arrivals(&self) -> &Arrivals {
        &self.0.arrivals
    }

    /// Durable work of all tenants.
    pub fn jobs(&self) -> Jobs {
        Jobs::new(self.clone())
    }

    /// A tenant's data. Nothing is read yet.
    pub fn tenant(&self, id: TenantId) -> Tenant {
        Tenant { db: self.clone(), id }
    }

    /// Makes a tenant. It is in the directory when everything else of it is there.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn create_tenant(&self, new: &NewTenant) -> Result<TenantId> {
        let now = self.now();
        let id = fresh::tenant_id(now)?;
        let database = fresh::epoch_id(now)?;
        let keys = &self.0.keys;
        keys.create_tenant(id).await?;
        keys.reset_high_water(id, HighWater { database, promised: 0, raised_from: 0 }).await?;
        let tenant = self.tenant(id);
        if let Data::Sqlite { tenants, .. } = &self.0.data {
            let file = self.open_tenant_file(id).await?;
            tenants.lock().await.insert(id, file);
        }
        let mut tx = tenant.begin().await?;
        tx.execute(&INSERT_TENANT, values![new.name.as_str(), new.time_zone.as_str(), now]).await?;
        tx.execute(&INSERT_CLOCK, values![database, fresh::epoch_id(now)?]).await?;
        tx.changed(Entity::tenant(id), Op::Put, &[Scope::Tenant]);
        tx.commit().await?;
        self.0.directory.add_tenant(id, now).await?;
        Ok(id)
    }

    pub(super) fn due(&self) -> &Arc<Due> {
        &self.0.due
    }

    /// A session outside row security, for the envelopes of jobs; `None` on SQLite, where they lie with the tenant.
    pub(super) fn shared(&self) -> Option<Database> {
        match &self.0.data {
            Data::Sqlite { .. } => None,
            Data::Postgres(pool) => Some(Database::Postgres(pool.clone())),
        }
    }

    async fn open_tenant_file(&self, id: TenantId) -> Result<SqliteFile> {
        let Data::Sqlite { dir, .. } = &self.0.data else { return Err(StorageError::UnknownTenant(id)) };
        let (_, key) = self.0.keys.slot(id, KeyKind::File, "tenant", None).await?;
        let file = SqliteFile::open(&dir.join("tenants").join(format!("{id}.db")), &key).await?;
        migrate(&Database::Sqlite(file.clone()), SQLITE_TENANT, self.now()).await?;
        Ok(file)
    }
}

/// The net under the notices: once a second the heads of watched logs are read. On SQLite it finds what a command on
/// the command line did beside the process that serves.
fn poll_heads(db: &Db) {
    let weak = Arc::downgrade(&db.0);
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(POLL_EVERY).await;
            let Some(inner) = weak.upgrade() else { return };
            let db = Db(inner);
            for id in db.0.heads.watched() {
                let Ok(mut read) = db.tenant(id).read().await else { continue };
                if let Ok(clock) = change::clock(&mut read).await {
                    db.0.heads.seen(id, clock.head);
                }
            }
        }
    });
}

impl std::fmt::Debug for Db {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Db({:?})", self.engine())
    }
}

impl std::fmt::Debug for Tenant {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Tenant({})", self.id)
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

impl Tenant {
    /// Its id.
    pub const fn id(&self) -> TenantId {
        self.id
    }

    /// The storage it belongs to.
    pub const fn db(&self) -> &Db {
        &self.db
    }

    /// Begins a transaction that may write.
    ///
    /// # Errors
    /// [`StorageError::UnknownTenant`]; those of the engine.
    pub async fn begin(&self) -> Result<Tx> {
        let session = self.database().await?.begin_as(&postgres::begin_for(self.id, false)).await?;
        Ok(Tx::new(Read::new(session, self.id, self.db.0.keys.clone(), self.db.now()), self.clone()))
    }

    /// Begins a transaction that reads one unchanging state.
    ///
    /// # Errors
    /// [`StorageError::UnknownTenant`]; those of the engine.
    pub async fn read(&self) -> Result<Read> {
        let session = match self.database().await? {
            Database::Postgres(pool) => {
                Database::Postgres(pool).begin_as(&postgres::begin_for(self.id, true)).await?
            }
            sqlite @ Database::Sqlite(_) => sqlite.read().await?,
        };
        Ok(Read::new(session, self.id, self.db.0.keys.clone(), self.db.now()))
    }

    /// The head of the log as it moves, whichever process moves it. Its first value is the head now.
    ///
    /// # Errors
    /// [`StorageError::UnknownTenant`]; those of the engine.
    pub async fn watch(&self) -> Result<watch::Receiver<i64>> {
        // Subscribed before the head is read: what is committed in between is not missed.
        let receiver = self.db.0.heads.watch(self.id, 0);
        let clock = change::clock(&mut self.read().await?).await?;
        self.db.0.heads.seen(self.id, clock.head);
        Ok(receiver)
    }

    pub(super) fn advanced(&self, head: i64) {
        self.db.0.heads.committed(self.id, head);
    }

    pub(super) fn jobs_due(&self, run_at: UtcMs) {
        self.db.0.due.at(self.id, run_at);
    }

    async fn database(&self) -> Result<Database> {
        match &self.db.0.data {
            Data::Postgres(pool) => Ok(Database::Postgres(pool.clone())),
            Data::Sqlite { dir, tenants, .. } => {
                let mut tenants = tenants.lock().await;
                if let Some(file) = tenants.get(&self.id) {
                    return Ok(Database::Sqlite(file.clone()));
                }
                // A tenant that nobody made has no file, and asking for one must not make it.
                if !dir.join("tenants").join(format!("{}.db", self.id)).exists() {
                    return Err(StorageError::UnknownTenant(self.id));
                }
                let file = self.db.open_tenant_file(self.id).await?;
                tenants.insert(self.id, file.clone());
                Ok(Database::Sqlite(file))
            }
        }
    }

    /// Compares the log with what the key store was promised. Data that lies behind it is a restored copy: it gets a
    /// new epoch, and goes on after every number that the lost copy can have used.
    async fn refuse_restored_log(&self) -> Result<Option<Restored>> {
        let mut tx = self.begin().await?;
        let mut row = tx.one(&CLOCK, values![]).await?;
        let database: EpochId = row.take("tenant_clock.database_id")?;
        let head: i64 = row.take("tenant_clock.seq")?;
        let keys = &self.db.0.keys;
        let water = keys.high_water(self.id).await?;
        if water.is_some_and(|water| !water.is_ahead_of(database, head)) {
            return Ok(None);
        }
        let epoch = fresh::epoch_id(self.db.now())?;
        let start = head.max(water.map_or(0, |water| water.promised));
        tx.execute(&NEW_EPOCH, values![epoch, start]).await?;
        tx.execute(&FORGET_LOG, values![]).await?;
        tx.commit().await?;
        keys.reset_high_water(self.id, HighWater { database, promised: start, raised_from: start }).await?;
        Ok(Some(Restored { tenant: self.id, epoch }))
    }
}
