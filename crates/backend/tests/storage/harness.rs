//! A world per test: a folder or two databases of its own, a clock that stands still until it is moved.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use deskbell_backend::keys::{KeyLocation, KeyStore, MasterKey};
use deskbell_backend::storage::contact::{self, Alias, Profile, WritableContact};
use deskbell_backend::storage::conversation::{self, Conversation};
use deskbell_backend::storage::message::NewMessage;
use deskbell_backend::storage::staff::NewUser;
use deskbell_backend::storage::{
    DataLocation, Db, Engine, NewTenant, OneBackup, Tenant, Tx, channel_account, fresh, postgres, queue,
    staff,
};
use deskbell_domain::{
    ChannelAccountId, Clock, DeliveryStatus, Direction, MessageKind, Origin, PhoneNumber, QueueId, Role,
    Sensitive, TenantId, UserId, UtcMs,
};

/// 22 November 2026, the day this was written.
const START_MS: i64 = 1_795_305_600_000;

#[derive(Clone)]
pub(crate) struct TestClock(Arc<AtomicI64>);

impl TestClock {
    pub(crate) fn forward(&self, ms: i64) {
        self.0.fetch_add(ms, Ordering::SeqCst);
    }
}

impl Clock for TestClock {
    fn now(&self) -> UtcMs {
        UtcMs::from_ms(self.0.load(Ordering::SeqCst))
    }
}

/// Where one test's storage is, and how to open it again.
pub(crate) struct World {
    pub(crate) db: Db,
    pub(crate) clock: TestClock,
    pub(crate) master: MasterKey,
    pub(crate) data: DataLocation,
    pub(crate) key_location: KeyLocation,
    pub(crate) folder: tempfile::TempDir,
    /// PostgreSQL: a superuser's address of the data's database, for what no program may do.
    pub(crate) superuser: Option<String>,
}

impl World {
    pub(crate) async fn sqlite() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let data = DataLocation::Sqlite { dir: folder.path().join("data") };
        let keys = KeyLocation::Sqlite { dir: folder.path().join("keys") };
        Self::open(folder, data, keys, None).await
    }

    /// `None`, with a word about it, where there is no server.
    pub(crate) async fn postgres() -> Option<Self> {
        let Ok(url) = std::env::var("DESKBELL_TEST_PG_URL") else {
            println!("SKIPPED on PostgreSQL: DESKBELL_TEST_PG_URL is not set");
            return None;
        };
        let server = Server::parse(&url);
        let name = hex::encode(deskbell_seal::random::<8>().unwrap());
        let setup = postgres::PostgresSetup {
            data_database: format!("data_{name}"),
            keys_database: format!("keys_{name}"),
            owner_password: Sensitive::from(server.password.as_str()),
            app_password: Sensitive::from(server.password.as_str()),
            keys_password: Sensitive::from(server.password.as_str()),
        };
        postgres::create_roles_and_databases(&Sensitive::from(url.as_str()), &setup).await.unwrap();
        let owner = Sensitive::new(server.url(postgres::OWNER_ROLE, &setup.data_database));
        postgres::migrate_data(&owner, UtcMs::from_ms(START_MS)).await.unwrap();
        let data = DataLocation::Postgres {
            url: Sensitive::new(server.url(postgres::APP_ROLE, &setup.data_database)),
        };
        let keys = KeyLocation::Postgres {
            url: Sensitive::new(server.url(postgres::KEYS_ROLE, &setup.keys_database)),
        };
        let superuser = server.url(&server.user, &setup.data_database);
        Some(Self::open(tempfile::tempdir().unwrap(), data, keys, Some(superuser)).await)
    }

    async fn open(
        folder: tempfile::TempDir,
        data: DataLocation,
        key_location: KeyLocation,
        superuser: Option<String>,
    ) -> Self {
        let clock = TestClock(Arc::new(AtomicI64::new(START_MS)));
        let master = MasterKey::from_bytes([7; 32]);
        let db = open(&data, &key_location, &master, &clock).await;
        Self { db, clock, master, data, key_location, folder, superuser }
    }

    /// The same storage, opened by another process as it were.
    pub(crate) async fn another(&self) -> Db {
        open(&self.data, &self.key_location, &self.master, &self.clock).await
    }

    /// Closes the storage and opens it again.
    pub(crate) async fn restart(&mut self) {
        self.db.close().await;
        self.db = self.another().await;
    }

    pub(crate) fn is_postgres(&self) -> bool {
        self.db.engine() == Engine::Postgres
    }

    /// Runs a statement as a superuser of PostgreSQL, whom row security does not bind.
    pub(crate) async fn as_superuser(&self, statement: String) -> Vec<sqlx::postgres::PgRow> {
        use sqlx::{Connection as _, Executor as _};
        let url = self.superuser.as_deref().unwrap();
        let mut connection = sqlx::PgConnection::connect(url).await.unwrap();
        let rows = connection.fetch_all(sqlx::raw_sql(sqlx::AssertSqlSafe(statement))).await.unwrap();
        connection.close().await.unwrap();
        rows
    }

    pub(crate) async fn tenant(&self, name: &str) -> Tenant {
        let new = NewTenant { name: name.to_owned(), time_zone: "Europe/Madrid".to_owned() };
        self.db.tenant(self.db.create_tenant(&new).await.unwrap())
    }

    /// A tenant with a queue, an agent who works it, and an account that leads to it.
    pub(crate) async fn office(&self, name: &str) -> Office {
        let tenant = self.tenant(name).await;
        let mut tx = tenant.begin().await.unwrap();
        let queue = queue::create(&mut tx, "Sales").await.unwrap();
        let agent = staff::create(&mut tx, &agent("Alice", &format!("alice@{name}.example"))).await.unwrap();
        staff::set_queues(&mut tx, agent, &[queue]).await.unwrap();
        let account = channel_account::NewChannelAccount {
            phone_number_id: format!("number-of-{name}"),
            waba_id: format!("waba-of-{name}"),
            portfolio_id: None,
            display_name: name.to_owned(),
            display_number: "+34 600 000 000".to_owned(),
            queue,
            token: Sensitive::from("EAAG-the-token"),
        };
        let account = channel_account::create(&mut tx, &account).await.unwrap();
        tx.commit().await.unwrap();
        Office { tenant, queue, agent, account }
    }
}

async fn open(data: &DataLocation, keys: &KeyLocation, master: &MasterKey, clock: &TestClock) -> Db {
    let keys = KeyStore::open(keys, master.clone(), Arc::new(clock.clone())).await.unwrap();
    Db::open(data, keys, OneBackup::Allow).await.unwrap()
}

pub(crate) struct Office {
    pub(crate) tenant: Tenant,
    pub(crate) queue: QueueId,
    pub(crate) agent: UserId,
    pub(crate) account: ChannelAccountId,
}

impl Office {
    pub(crate) fn id(&self) -> TenantId {
        self.tenant.id()
    }

    /// The customer with this number, and the conversation with them.
    pub(crate) async fn customer(&self, tx: &mut Tx, number: &str) -> (WritableContact, Conversation) {
        let profile = Profile { name: Some(Sensitive::from("Lucía Ferrán")), username: None };
        let contact = contact::find_or_create(tx, &[phone(number)], &profile).await.unwrap();
        let at = tx.now();
        let conversation =
            conversation::find_or_create(tx, &contact, self.account, self.queue, at).await.unwrap();
        (contact, conversation)
    }
}

pub(crate) fn agent(name: &str, email: &str) -> NewUser {
    NewUser {
        name: Sensitive::from(name),
        email: Sensitive::from(email),
        role: Role::Agent,
        password_hash: Some(Sensitive::from("$argon2id$v=19$m=19456,t=2,p=1$c2FsdA$aGFzaA")),
    }
}

pub(crate) fn phone(number: &str) -> Alias {
    Alias::Phone(PhoneNumber::parse(number).unwrap())
}

pub(crate) fn inbound(tx: &Tx, text: &str, wamid: &str) -> NewMessage {
    NewMessage {
        id: fresh::message_id(tx.now()).unwrap(),
        kind: MessageKind::Text,
        direction: Direction::Inbound,
        origin: Origin::Customer,
        at: tx.now(),
        provider_at: Some(tx.now()),
        author: None,
        status: None,
        body: Sensitive::new(format!("{{\"text\":\"{text}\"}}")),
        wamid: Some(Sensitive::from(wamid)),
    }
}

pub(crate) fn outbound(tx: &Tx, author: UserId, text: &str) -> NewMessage {
    NewMessage {
        direction: Direction::Outbound,
        origin: Origin::Agent,
        provider_at: None,
        author: Some(author),
        status: Some(DeliveryStatus::Queued),
        wamid: None,
        ..inbound(tx, text, "")
    }
}

/// Copies a folder with what is in it.
pub(crate) fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_folder(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), &target).unwrap();
        }
    }
}

/// A server's address, in parts.
pub(crate) struct Server {
    pub(crate) user: String,
    pub(crate) password: String,
    host: String,
}

impl Server {
    pub(crate) fn parse(url: &str) -> Self {
        let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
        let (login, place) = rest.split_once('@').unwrap_or(("postgres", rest));
        let (user, password) = login.split_once(':').unwrap_or((login, "deskbell-test"));
        let host = place.split(['/', '?']).next().unwrap_or_default();
        Self { user: user.to_owned(), password: password.to_owned(), host: host.to_owned() }
    }

    pub(crate) fn url(&self, user: &str, database: &str) -> String {
        format!("postgres://{user}:{}@{}/{database}", self.password, self.host)
    }
}

/// Writes a test that runs on both engines: `engines! { a_promise(world) { … } }`.
macro_rules! engines {
    ($($(#[$attribute:meta])* $name:ident($world:ident) $body:block)+) => {$(
        $(#[$attribute])*
        mod $name {
            #[allow(unused_imports, reason = "not every test needs all of the module")]
            use super::*;

            async fn promise(#[allow(unused_mut, reason = "some tests restart it")] mut $world: crate::harness::World) $body

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn on_sqlite() {
                promise(crate::harness::World::sqlite().await).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn on_postgres() {
                if let Some(world) = crate::harness::World::postgres().await {
                    promise(world).await;
                }
            }
        }
    )+};
}
pub(crate) use engines;
