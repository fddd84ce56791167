//! A backend that serves on a real port, with people of different rights, on each engine.

#![allow(dead_code, reason = "every test program uses a part of this")]

pub(crate) mod console;
pub(crate) mod engine;
pub(crate) mod live;
pub(crate) mod schema;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use deskbell_backend::auth::AttemptLimits;
use deskbell_backend::auth::attempts::Limit;
use deskbell_backend::serve::{Backend, ServeSettings, serve};
use deskbell_backend::setup::{self, NewMember, NewNumber};
use deskbell_backend::storage::contact::{self, Alias, Profile};
use deskbell_backend::storage::conversation::{self, Conversation};
use deskbell_backend::storage::message::{self, NewMessage};
use deskbell_backend::storage::{Db, NewTenant, Tenant, fresh};
use deskbell_backend::worker::HealthProbe;
use deskbell_domain::{
    ChannelAccountId, Clock, ConversationId, ConversationStatus, DeviceId, Direction, MessageId, MessageKind,
    Origin, PhoneNumber, QueueId, Role, Sensitive, TenantId, UserId, UtcMs,
};
use deskbell_protocol::entity::MessageContent;
use tokio::net::TcpSocket;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use console::Console;
use engine::{Engine, Storage};

pub(crate) const PASSWORD: &str = "a quiet harbour";
pub(crate) const JOB_KIND: &str = "send_message";

/// A clock that moves when it is told to.
#[derive(Debug)]
pub(crate) struct TestClock(AtomicI64);

impl TestClock {
    pub(crate) fn advance(&self, ms: i64) {
        self.0.fetch_add(ms, Ordering::SeqCst);
    }
}

impl Clock for TestClock {
    fn now(&self) -> UtcMs {
        UtcMs::from_ms(self.0.load(Ordering::SeqCst))
    }
}

/// A tenant with two queues, on a backend that serves.
pub(crate) struct TestBackend {
    pub(crate) backend: Backend,
    pub(crate) clock: Arc<TestClock>,
    pub(crate) address: SocketAddr,
    pub(crate) tenant: TenantId,
    pub(crate) sales: QueueId,
    pub(crate) service: QueueId,
    pub(crate) account: ChannelAccountId,
    storage: Option<Storage>,
    stop: Option<oneshot::Sender<()>>,
    server: Option<JoinHandle<std::io::Result<()>>>,
    people: AtomicU64,
    checked: bool,
}

/// Somebody of the staff.
#[derive(Debug, Clone)]
pub(crate) struct Member {
    pub(crate) user: UserId,
    pub(crate) email: String,
}

/// Runs a test on every engine there is.
pub(crate) async fn on_each_engine(test: impl AsyncFn(&TestBackend)) {
    for engine in Engine::all() {
        let backend = TestBackend::start(engine).await;
        test(&backend).await;
        backend.finish().await;
    }
}

/// Limits that no test reaches by accident.
pub(crate) fn no_limits() -> AttemptLimits {
    let wide = Limit { burst: 10_000, per_ms: 10_000 };
    AttemptLimits { email: wide, address: wide, total: wide }
}

impl TestBackend {
    pub(crate) async fn start(engine: Engine) -> Self {
        Self::start_with(engine, ServeSettings { attempts: no_limits(), ..ServeSettings::default() }).await
    }

    pub(crate) async fn start_with(engine: Engine, settings: ServeSettings) -> Self {
        Self::start_on(engine, settings, TcpSocket::new_v4().unwrap()).await
    }

    /// A backend for which the system keeps little of what a client has not read.
    pub(crate) async fn start_narrow(engine: Engine) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_send_buffer_size(16 * 1024).unwrap();
        let settings = ServeSettings { attempts: no_limits(), ..ServeSettings::default() };
        Self::start_on(engine, settings, socket).await
    }

    async fn start_on(engine: Engine, settings: ServeSettings, socket: TcpSocket) -> Self {
        // Without a provider, building a client panics.
        let _another_test_was_first = rustls::crypto::ring::default_provider().install_default();
        let clock = Arc::new(TestClock(AtomicI64::new(1_763_785_000_000)));
        let storage = Storage::open(engine, clock.clone()).await;
        let db = storage.db.clone();
        let backend = Backend::new(db.clone(), settings, HealthProbe::new(db.clone())).unwrap();
        let tenant = new_tenant(&db, "Harbour Motors").await;
        let sales = setup::create_queue(&db, tenant, "Sales").await.unwrap();
        let service = setup::create_queue(&db, tenant, "Service").await.unwrap();
        let account = number(&db, tenant, sales, "106540352242922").await;
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let listener = socket.listen(128).unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let serving = serve(listener, backend.clone(), async move {
            let _dropped_means_the_same = stopped.await;
        });
        let server = Some(tokio::spawn(serving));
        Self {
            backend,
            clock,
            address,
            tenant,
            sales,
            service,
            account,
            storage: Some(storage),
            stop: Some(stop),
            server,
            people: AtomicU64::new(0),
            checked: false,
        }
    }

    pub(crate) fn db(&self) -> &Db {
        self.backend.db()
    }

    pub(crate) fn data(&self) -> Tenant {
        self.db().tenant(self.tenant)
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Adds somebody of the staff.
    pub(crate) async fn member(&self, role: Role, queues: &[QueueId]) -> Member {
        self.member_of(self.tenant, role, queues).await
    }

    pub(crate) async fn member_of(&self, tenant: TenantId, role: Role, queues: &[QueueId]) -> Member {
        let number = self.people.fetch_add(1, Ordering::SeqCst);
        let email = format!("person{number}@harbour.example");
        let new = NewMember {
            name: Sensitive::new(format!("Person {number}")),
            email: email.as_str().into(),
            role,
            password: PASSWORD.into(),
            queues: queues.to_vec(),
        };
        let user = setup::create_user(self.db(), tenant, new).await.unwrap();
        Member { user, email }
    }

    /// A console that nobody is signed in on.
    pub(crate) fn console(&self) -> Console {
        Console::new(self.address, fresh::device_id(self.clock.now()).unwrap())
    }

    /// A console on which somebody new is signed in.
    pub(crate) async fn signed_in(&self, role: Role, queues: &[QueueId]) -> Console {
        let member = self.member(role, queues).await;
        self.signed_in_as(&member).await
    }

    pub(crate) async fn signed_in_as(&self, member: &Member) -> Console {
        let mut console = self.console();
        console.sign_in(&member.email, PASSWORD).await;
        console
    }

    /// An agent who works Sales.
    pub(crate) async fn agent(&self) -> Console {
        self.signed_in(Role::Agent, &[self.sales]).await
    }

    /// A new customer writes to a queue.
    pub(crate) async fn customer_writes(&self, phone: &str, text: &str) -> (ConversationId, MessageId) {
        self.customer_writes_to(self.tenant, self.account, self.sales, phone, text).await
    }

    pub(crate) async fn customer_writes_to(
        &self,
        tenant: TenantId,
        account: ChannelAccountId,
        queue: QueueId,
        phone: &str,
        text: &str,
    ) -> (ConversationId, MessageId) {
        let mut tx = self.db().tenant(tenant).begin().await.unwrap();
        let now = tx.now();
        let alias = Alias::Phone(PhoneNumber::parse(phone).unwrap());
        let profile = Profile { name: Some("A customer".into()), username: None };
        let person = contact::find_or_create(&mut tx, &[alias], &profile).await.unwrap();
        let before = conversation::find_or_create(&mut tx, &person, account, queue, now).await.unwrap();
        let id = fresh::message_id(now).unwrap();
        let new = NewMessage {
            direction: Direction::Inbound,
            origin: Origin::Customer,
            provider_at: Some(now),
            status: None,
            author: None,
            ..text_message(id, now, text)
        };
        message::insert(&mut tx, &person, &before, &new).await.unwrap();
        let after = Conversation {
            last_message_at: now,
            last_customer_message_at: Some(now),
            waiting_since: before.waiting_since.or(Some(now)),
            status: ConversationStatus::Open,
            ..before
        };
        conversation::save(&mut tx, &before, &after).await.unwrap();
        tx.commit().await.unwrap();
        (before.id, id)
    }

    /// A colleague changes a conversation by hand.
    pub(crate) async fn change(&self, id: ConversationId, change: impl FnOnce(&mut Conversation)) {
        let mut tx = self.data().begin().await.unwrap();
        let before = conversation::lock(&mut tx, id).await.unwrap().unwrap();
        let mut after = before;
        change(&mut after);
        conversation::save(&mut tx, &before, &after).await.unwrap();
        tx.commit().await.unwrap();
    }

    pub(crate) async fn conversation(&self, id: ConversationId) -> Conversation {
        let mut read = self.data().read().await.unwrap();
        conversation::read_many(&mut read, &[id]).await.unwrap()[0]
    }

    /// Takes the send jobs that commands left, as the worker would, and answers how many there were.
    pub(crate) async fn take_send_jobs(&self) -> usize {
        let jobs = self.db().jobs().lease(&[JOB_KIND], 100, 60_000).await.unwrap();
        for job in &jobs {
            let mut tx = self.db().tenant(job.tenant).begin().await.unwrap();
            deskbell_backend::storage::job::complete(&mut tx, job).await.unwrap();
            tx.commit().await.unwrap();
        }
        jobs.len()
    }

    /// Ends the backend, and fails when work was left behind that the test does not know of.
    pub(crate) async fn finish(mut self) {
        let counts = self.db().jobs().counts().await.unwrap();
        assert_eq!((counts.waiting, counts.dead), (0, 0), "jobs were left behind");
        self.checked = true;
        drop(self.stop.take());
        self.server.take().unwrap().await.unwrap().unwrap();
        self.storage.take().unwrap().close().await;
    }
}

impl Drop for TestBackend {
    fn drop(&mut self) {
        assert!(self.checked || std::thread::panicking(), "a test ended without looking at its jobs");
    }
}

pub(crate) fn text_message(id: MessageId, at: UtcMs, text: &str) -> NewMessage {
    let content = MessageContent { text: Some(text.into()), ..MessageContent::default() };
    NewMessage {
        id,
        kind: MessageKind::Text,
        direction: Direction::Outbound,
        origin: Origin::Agent,
        at,
        provider_at: None,
        author: None,
        status: Some(deskbell_domain::DeliveryStatus::Sent),
        body: Sensitive::new(serde_json::to_string(&content).unwrap()),
        wamid: None,
    }
}

pub(crate) async fn new_tenant(db: &Db, name: &str) -> TenantId {
    let new = NewTenant { name: name.to_owned(), time_zone: "Europe/Madrid".to_owned() };
    db.create_tenant(&new).await.unwrap()
}

pub(crate) async fn number(
    db: &Db,
    tenant: TenantId,
    queue: QueueId,
    phone_number_id: &str,
) -> ChannelAccountId {
    let new = NewNumber {
        phone_number_id: phone_number_id.to_owned(),
        waba_id: "102290129340398".to_owned(),
        portfolio_id: None,
        display_name: "Harbour Motors".to_owned(),
        display_number: "15550783881".to_owned(),
        queue,
        token: "EAAtest".into(),
    };
    setup::connect_number(db, tenant, new).await.unwrap()
}

/// A device id that comes from no clock.
pub(crate) fn device(byte: u8) -> DeviceId {
    DeviceId::from_bytes([byte; 16])
}
