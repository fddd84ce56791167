//! A backend's storage with one connected number, on each engine, for tests of webhooks and sends.
#![allow(dead_code, reason = "each test binary uses its part")]

use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use deskbell_backend::config::MasterKeySource;
use deskbell_backend::config::{Config, StorageConfig, WorkConfig};
use deskbell_backend::ingest::{Delivery, Gate, Refused};
use deskbell_backend::keys::KeyLocation;
use deskbell_backend::outgoing::Checkpoint;
use deskbell_backend::outgoing::job::{self, SendMessage};
use deskbell_backend::setup::{self, NewNumber};
use deskbell_backend::storage::conversation::{self, Conversation, Stage};
use deskbell_backend::storage::directory::NewMetaApp;
use deskbell_backend::storage::message::{self, Inserted, Message, NewMessage};
use deskbell_backend::storage::{
    DataLocation, Db, NewTenant, OneBackup, Tx, contact, fresh, postgres, raw_event,
};
use deskbell_backend::worker::{Worker, WorkerOptions};
use deskbell_domain::{
    ChannelAccountId, Clock, DeliveryStatus, Direction, MessageId, MessageKind, Origin, QueueId, Scope,
    Sensitive, TenantId, UtcMs,
};
use deskbell_meta::graph::GraphConfig;
use deskbell_meta::signature;
use deskbell_protocol::entity::MessageContent;
use serde_json::{Value, json};

pub(crate) const APP: &str = "main";
pub(crate) const SECRET: &str = "the-app-secret";
pub(crate) const VERIFY: &str = "the-verify-token";
pub(crate) const NUMBER: &str = "106540352242922";
pub(crate) const WABA: &str = "102290129340398";
pub(crate) const BUSINESS: &str = "15550783881";
pub(crate) const ADA: &str = "15550100001";

/// When the tests begin, in seconds.
pub(crate) const START: i64 = 1_790_000_000;

/// Few at once, so that a test meets more than one round.
const WORK: WorkConfig = WorkConfig { bodies_at_once: 16, sends_at_once: 8 };

/// A clock that a test moves.
#[derive(Debug)]
pub(crate) struct TestClock(AtomicI64);

impl Clock for TestClock {
    fn now(&self) -> UtcMs {
        UtcMs::from_ms(self.0.load(Ordering::SeqCst))
    }
}

impl TestClock {
    pub(crate) fn advance(&self, ms: i64) {
        self.0.fetch_add(ms, Ordering::SeqCst);
    }
}

/// Where a storage lies, so that it can be opened again.
pub(crate) struct Place {
    pub(crate) engine: &'static str,
    config: Config,
    _folder: tempfile::TempDir,
}

/// A place on each engine that this run has.
pub(crate) async fn places() -> Vec<Place> {
    let mut places = vec![Place::sqlite()];
    match std::env::var("DESKBELL_TEST_PG_URL") {
        Ok(url) => places.push(Place::postgres(&url).await),
        Err(_) => eprintln!("DESKBELL_TEST_PG_URL is not set: on SQLite only"),
    }
    places
}

impl Place {
    pub(crate) fn sqlite() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let keys = folder.path().join("keys");
        let config =
            Config { work: WORK, ..Config::sqlite(&folder.path().join("data"), &keys, master_key()) };
        Self { engine: "SQLite", config, _folder: folder }
    }

    async fn postgres(superuser: &str) -> Self {
        let mut name = [0_u8; 6];
        getrandom::fill(&mut name).unwrap();
        let name = hex::encode(name);
        let password = Sensitive::from("of-a-test");
        let setup = postgres::PostgresSetup {
            data_database: format!("desk_{name}"),
            keys_database: format!("keys_{name}"),
            owner_password: password.clone(),
            app_password: password.clone(),
            keys_password: password,
        };
        postgres::create_roles_and_databases(&superuser.into(), &setup).await.unwrap();
        let url = |role: &str, database: &str| {
            let mut url = reqwest::Url::parse(superuser).unwrap();
            url.set_username(role).unwrap();
            url.set_password(Some("of-a-test")).unwrap();
            url.set_path(database);
            Sensitive::new(url.to_string())
        };
        let owner = url(postgres::OWNER_ROLE, &setup.data_database);
        postgres::migrate_data(&owner, UtcMs::from_ms(START * 1000)).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let mut config = Config { work: WORK, ..Config::sqlite(folder.path(), folder.path(), master_key()) };
        config.storage = StorageConfig {
            data: DataLocation::Postgres { url: url(postgres::APP_ROLE, &setup.data_database) },
            keys: KeyLocation::Postgres { url: url(postgres::KEYS_ROLE, &setup.keys_database) },
            master_key: master_key(),
            one_backup: OneBackup::Allow,
            owner_url: Some(owner),
        };
        Self { engine: "PostgreSQL", config, _folder: folder }
    }

    pub(crate) fn config(&self) -> &Config {
        &self.config
    }
}

fn master_key() -> MasterKeySource {
    MasterKeySource::Hex(Sensitive::new("5a".repeat(32)))
}

/// A tenant with a connected number.
pub(crate) struct Desk {
    pub(crate) place: Place,
    pub(crate) clock: Arc<TestClock>,
    pub(crate) db: Db,
    pub(crate) gate: Gate,
    pub(crate) tenant: TenantId,
    pub(crate) account: ChannelAccountId,
    pub(crate) queue: QueueId,
}

impl Desk {
    pub(crate) async fn on(place: Place) -> Self {
        let clock = Arc::new(TestClock(AtomicI64::new(START * 1000)));
        let db = place.config.open(clock.clone()).await.unwrap();
        let app = NewMetaApp {
            app: APP.to_owned(),
            secret: SECRET.into(),
            previous_secret: None,
            verify_token: VERIFY.into(),
        };
        db.directory().put_meta_app(&app).await.unwrap();
        let (tenant, account, queue) = tenant(&db, NUMBER, WABA).await;
        let gate = Gate::new(db.clone());
        Self { place, clock, db, gate, tenant, account, queue }
    }

    /// The same storage, opened by a process that knows nothing of the one before.
    pub(crate) async fn restart(self) -> Self {
        self.db.close().await;
        let db = self.place.config.open(self.clock.clone()).await.unwrap();
        Self { gate: Gate::new(db.clone()), db, ..self }
    }

    /// Begins to work, with Meta at this address.
    pub(crate) async fn work(&self, graph: &str) -> Worker {
        self.work_with(graph, Checkpoint::default()).await
    }

    pub(crate) async fn work_with(&self, graph: &str, checkpoint: Checkpoint) -> Worker {
        let options = WorkerOptions {
            graph: GraphConfig {
                base_url: graph.to_owned(),
                call_timeout: Duration::from_millis(600),
                ..GraphConfig::default()
            },
            checkpoint,
            ..WorkerOptions::from_config(&self.place.config)
        };
        Worker::start(&self.db, options).await.unwrap()
    }

    /// A webhook comes, signed.
    pub(crate) async fn arrives(&self, body: &Value) {
        self.deliver(body.to_string().as_bytes()).await.unwrap();
    }

    pub(crate) async fn deliver(&self, body: &[u8]) -> Result<(), Refused> {
        let signature = signature::sign(body, &SECRET.into());
        self.deliver_signed(body, Some(&signature)).await
    }

    pub(crate) async fn deliver_signed(&self, body: &[u8], signature: Option<&str>) -> Result<(), Refused> {
        let sender = Some(IpAddr::V4(Ipv4Addr::new(203, 0, 113, 9)));
        self.gate.accept(Delivery { app: APP, signature, body: Bytes::copy_from_slice(body), sender }).await
    }

    /// Webhooks come, and everything that waits is worked on.
    pub(crate) async fn takes_in(&self, bodies: &[Value]) {
        for body in bodies {
            self.arrives(body).await;
        }
        self.catch_up().await;
    }

    /// Works until no webhook waits.
    pub(crate) async fn catch_up(&self) {
        let worker = self.work("http://127.0.0.1:9").await;
        until(async || self.db.arrivals().counts().await.unwrap().staged == 0).await;
        worker.stop().await;
    }

    pub(crate) async fn threads(&self) -> Vec<Conversation> {
        threads(&self.db, self.tenant, self.queue).await
    }

    /// The only thread there is.
    pub(crate) async fn thread(&self) -> Conversation {
        let mut threads = self.threads().await;
        assert_eq!(threads.len(), 1, "one thread is expected");
        threads.pop().unwrap()
    }

    /// The messages of a thread, the oldest first.
    pub(crate) async fn messages(&self, thread: &Conversation) -> Vec<Message> {
        messages(&self.db, self.tenant, thread).await
    }

    /// The texts of the only thread, the oldest first.
    pub(crate) async fn texts(&self) -> Vec<String> {
        let messages = self.messages(&self.thread().await).await;
        messages.iter().map(|message| text(message).unwrap_or_default()).collect()
    }

    pub(crate) async fn raw_events(&self, thread: &Conversation) -> Vec<Value> {
        let mut read = self.db.tenant(self.tenant).read().await.unwrap();
        let events = raw_event::of_contact(&mut read, thread.contact).await.unwrap();
        events.iter().map(|event| serde_json::from_str(event.expose()).unwrap()).collect()
    }
}

/// A tenant with a queue and a connected number.
pub(crate) async fn tenant(db: &Db, number: &str, waba: &str) -> (TenantId, ChannelAccountId, QueueId) {
    let new = NewTenant { name: "Harbour Motors".to_owned(), time_zone: "Europe/Lisbon".to_owned() };
    let tenant = db.create_tenant(&new).await.unwrap();
    let queue = setup::create_queue(db, tenant, "Sales").await.unwrap();
    let account = connect(db, tenant, queue, number, waba).await;
    (tenant, account, queue)
}

pub(crate) async fn connect(
    db: &Db,
    tenant: TenantId,
    queue: QueueId,
    number: &str,
    waba: &str,
) -> ChannelAccountId {
    let number = NewNumber {
        phone_number_id: number.to_owned(),
        waba_id: waba.to_owned(),
        portfolio_id: None,
        display_name: "Harbour Motors".to_owned(),
        display_number: BUSINESS.to_owned(),
        queue,
        token: "EAAB-a-token".into(),
    };
    setup::connect_number(db, tenant, number).await.unwrap()
}

pub(crate) async fn threads(db: &Db, tenant: TenantId, queue: QueueId) -> Vec<Conversation> {
    let mut read = db.tenant(tenant).read().await.unwrap();
    let mut threads = Vec::new();
    for stage in [Stage::Unresolved, Stage::Resolved] {
        threads
            .extend(conversation::page(&mut read, &[Scope::Queue(queue)], stage, None, 1000).await.unwrap());
    }
    threads
}

pub(crate) async fn messages(db: &Db, tenant: TenantId, thread: &Conversation) -> Vec<Message> {
    let mut read = db.tenant(tenant).read().await.unwrap();
    let mut messages = message::page_before(&mut read, thread.id, None, 10_000).await.unwrap();
    messages.reverse();
    messages
}

pub(crate) fn content(message: &Message) -> MessageContent {
    serde_json::from_str(message.body.as_ref().unwrap().expose()).unwrap()
}

pub(crate) fn text(message: &Message) -> Option<String> {
    content(message).text.map(Sensitive::into_exposed)
}

/// Waits for a condition. Not for luck: the condition, or a failure.
pub(crate) async fn until(condition: impl AsyncFn() -> bool) {
    let reached = async {
        while !condition().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), reached).await.expect("the condition is reached in time");
}

/// A change of the field `messages` of a number.
pub(crate) fn change(number: &str, parts: &Value) -> Value {
    let mut value = json!({"messaging_product": "whatsapp",
        "metadata": {"display_phone_number": BUSINESS, "phone_number_id": number}});
    for (key, part) in parts.as_object().unwrap() {
        value[key] = part.clone();
    }
    json!({"field": "messages", "value": value})
}

pub(crate) fn body_of(waba: &str, changes: &[Value]) -> Value {
    json!({"object": "whatsapp_business_account", "entry": [{"id": waba, "changes": changes}]})
}

/// A webhook with this part for the connected number.
pub(crate) fn webhook(parts: &Value) -> Value {
    body_of(WABA, &[change(NUMBER, parts)])
}

/// A webhook with a text by Ada, so many seconds after the start.
pub(crate) fn text_of_ada(wamid: &str, after_s: i64, text: &str) -> Value {
    webhook(&ada_writes(wamid, after_s, text))
}

pub(crate) fn ada_writes(wamid: &str, after_s: i64, text: &str) -> Value {
    json!({"contacts": [{"profile": {"name": "Ada"}, "wa_id": ADA}], "messages": [message_of(ADA, wamid, after_s, text)]})
}

pub(crate) fn message_of(from: &str, wamid: &str, after_s: i64, text: &str) -> Value {
    json!({"from": from, "id": wamid, "timestamp": (START + after_s).to_string(), "type": "text", "text": {"body": text}})
}

/// A webhook with a status.
pub(crate) fn status(wamid: &str, word: &str, callback_data: Option<&str>) -> Value {
    let mut status =
        json!({"id": wamid, "status": word, "timestamp": (START + 60).to_string(), "recipient_id": ADA});
    if let Some(data) = callback_data {
        status["biz_opaque_callback_data"] = data.into();
    }
    webhook(&json!({"statuses": [status]}))
}

/// The bodies that Meta itself has written, where this checkout has them beside it.
pub(crate) fn meta_samples() -> Option<Vec<(String, Vec<u8>)>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/platform/meta-samples");
    let Ok(files) = std::fs::read_dir(&folder) else {
        eprintln!("SKIPPED: no samples at {}", folder.display());
        return None;
    };
    let mut samples: Vec<_> = files
        .map(|file| file.unwrap().path())
        .filter(|path| path.file_name().is_some_and(|name| name != "MANIFEST.json"))
        .map(|path| (path.file_name().unwrap().to_string_lossy().into_owned(), std::fs::read(&path).unwrap()))
        .collect();
    samples.sort();
    Some(samples)
}

/// A reply in a thread, as a command writes it, without the job that sends it.
pub(crate) async fn insert_reply(
    desk: &Desk,
    thread: &Conversation,
    text: &str,
    wamid: Option<&str>,
) -> MessageId {
    let mut tx = desk.db.tenant(desk.tenant).begin().await.unwrap();
    let id = write_reply(&mut tx, thread, text, wamid).await;
    tx.commit().await.unwrap();
    id
}

/// A reply in a thread, as a command writes it, with the job that sends it.
pub(crate) async fn reply(desk: &Desk, thread: &Conversation, text: &str) -> MessageId {
    let mut tx = desk.db.tenant(desk.tenant).begin().await.unwrap();
    let message = write_reply(&mut tx, thread, text, None).await;
    let send = SendMessage { message, conversation: thread.id };
    let now = tx.now();
    job::enqueue(&mut tx, send, now).await.unwrap();
    tx.commit().await.unwrap();
    message
}

async fn write_reply(tx: &mut Tx, thread: &Conversation, text: &str, wamid: Option<&str>) -> MessageId {
    let contact = contact::writable(tx, thread.contact).await.unwrap().unwrap();
    let content = MessageContent { text: Some(text.into()), ..MessageContent::default() };
    let new = NewMessage {
        id: fresh::message_id(tx.now()).unwrap(),
        kind: MessageKind::Text,
        direction: Direction::Outbound,
        origin: Origin::Agent,
        at: tx.now(),
        provider_at: None,
        author: None,
        status: Some(DeliveryStatus::Queued),
        body: Sensitive::new(serde_json::to_string(&content).unwrap()),
        wamid: wamid.map(Sensitive::from),
    };
    match message::insert(tx, &contact, thread, &new).await.unwrap() {
        Inserted::New(id) => id,
        Inserted::Known(id) => panic!("{id} was there"),
    }
}
