//! Stores in folders of their own, and what lies in their files.

// Each test binary uses its part.
#![allow(dead_code, reason = "shared by several test binaries")]

use std::path::{Path, PathBuf};

use deskbell_domain::{Scope, UserId};
use deskbell_protocol::entity::Kind;
use deskbell_protocol::sync::{Frame, HistoryStart, Item, SnapshotPage};
use deskbell_seal::Key;
use deskbell_store::{FileError, Files, SealedStore};
use deskbell_sync::view::{ListQuery, ListView};
use deskbell_sync::{Applied, CommandState, OutboxItem, Store, StoreError, StoreStep};
use deskbell_testkit::fixtures as fx;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions as _, Connection as _};

pub(crate) fn cache_key() -> Key {
    Key::from_bytes([0xc4; 32])
}

pub(crate) fn outbox_key() -> Key {
    Key::from_bytes([0x0b; 32])
}

/// A store's folder.
pub(crate) struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn cache(&self) -> PathBuf {
        self.folder.path().join("cache-1.db")
    }

    pub(crate) fn outbox(&self) -> PathBuf {
        self.folder.path().join("outbox-1.db")
    }

    pub(crate) fn files(&self) -> Files {
        Files { cache: self.cache(), cache_key: cache_key(), outbox: self.outbox(), outbox_key: outbox_key() }
    }

    pub(crate) async fn open(&self) -> SealedStore {
        self.try_open().await.unwrap()
    }

    pub(crate) async fn try_open(&self) -> Result<SealedStore, FileError> {
        SealedStore::open(self.files()).await
    }

    /// What a kill at this moment would leave: the files as they are, and nothing that is only in memory.
    pub(crate) fn image(&self) -> Self {
        let image = Self::new();
        for entry in std::fs::read_dir(self.folder.path()).unwrap() {
            let path = entry.unwrap().path();
            // The index of the log is memory shared by living processes; it is made again from the log.
            if !path.to_string_lossy().ends_with("-shm") {
                match std::fs::copy(&path, image.folder.path().join(path.file_name().unwrap())) {
                    // A store that is closing took its log away meanwhile: a kill now would find none either.
                    Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                    copied => drop(copied.unwrap()),
                }
            }
        }
        image
    }

    /// The bytes of one file.
    pub(crate) fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.folder.path().join(name)).unwrap()
    }

    /// Ends a file early.
    pub(crate) fn cut(&self, name: &str, length: usize) {
        let file = std::fs::File::options().write(true).open(self.folder.path().join(name)).unwrap();
        file.set_len(u64::try_from(length).unwrap()).unwrap();
    }

    /// Removes a file and what stands beside it.
    pub(crate) fn remove(&self, name: &str) {
        for entry in std::fs::read_dir(self.folder.path()).unwrap() {
            let entry = entry.unwrap();
            if entry.file_name().to_string_lossy().starts_with(name) {
                std::fs::remove_file(entry.path()).unwrap();
            }
        }
    }

    /// Every byte of the folder.
    pub(crate) fn bytes(&self) -> Vec<(String, Vec<u8>)> {
        let files = std::fs::read_dir(self.folder.path()).unwrap();
        let mut bytes: Vec<_> = files
            .map(|entry| entry.unwrap().path())
            .map(|path| {
                (path.file_name().unwrap().to_string_lossy().into_owned(), std::fs::read(&path).unwrap())
            })
            .collect();
        bytes.sort();
        bytes
    }
}

/// A connection of somebody who knows the key.
pub(crate) async fn keyed(path: &Path, key: &Key) -> SqliteConnection {
    SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .pragma("key", format!("\"x'{}'\"", key.expose_hex().as_str()))
        .disable_statement_logging()
        .connect()
        .await
        .unwrap()
}

/// Runs statements with the key, and closes the file.
pub(crate) async fn tamper(path: &Path, key: &Key, statements: &'static str) {
    let mut connection = keyed(path, key).await;
    sqlx::raw_sql(statements).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}

/// The user of the console.
pub(crate) fn me() -> UserId {
    fx::user(1)
}

/// What the user may see.
pub(crate) fn scopes() -> Vec<Scope> {
    vec![Scope::Tenant, Scope::Queue(fx::queue(1)), Scope::User(me())]
}

pub(crate) async fn apply(store: &impl Store, step: StoreStep) -> Result<Applied, StoreError> {
    store.apply(&step).await
}

/// A whole snapshot.
pub(crate) async fn snapshot(store: &impl Store, as_of: u64, items: Vec<Item>, history: Vec<HistoryStart>) {
    let page = SnapshotPage { history, ..fx::page(as_of, items, None) };
    apply(store, StoreStep::ApplySnapshotPage { begins: true, page: Box::new(page) }).await.unwrap();
    apply(store, StoreStep::FinishSnapshot { settled: Vec::new() }).await.unwrap();
}

pub(crate) fn frame_step(frame: Frame) -> StoreStep {
    let settled = frame.settled.clone();
    StoreStep::ApplyFrame { frame: Box::new(frame), settled }
}

pub(crate) fn enqueue(item: OutboxItem) -> StoreStep {
    StoreStep::Enqueue { item: Box::new(item), replaces: None }
}

/// One conversation of a queue with one message of the customer, and who and what has names.
pub(crate) fn one_conversation(text: &str) -> Vec<Item> {
    use deskbell_domain::Entity as _;
    let conversation = fx::conversation(1);
    let at = fx::EPOCH_START;
    vec![
        fx::put_root(
            Kind::Tenant,
            fx::id::<deskbell_domain::TenantId>(0x01, 1).entity(),
            1,
            &fx::tenant_body("Casa Verde"),
        ),
        fx::put_root(Kind::User, me().entity(), 1, &fx::user_body("Inés")),
        fx::put_root(Kind::Queue, fx::queue(1).entity(), 1, &fx::queue_body("Orders")),
        fx::put_conversation(conversation, 2, &fx::conversation_body(1, fx::queue(1), at)),
        fx::put_message(fx::message(1), 2, &fx::inbound_body(conversation, text, at)),
    ]
}

/// A reply to the only conversation of [`one_conversation`].
pub(crate) fn reply(n: u32, text: &str) -> OutboxItem {
    let (id, message) = (fx::command_id(n), fx::message(900 + n));
    OutboxItem {
        command: fx::reply(id, fx::conversation(1), message, text, fx::EPOCH_START.plus_ms(i64::from(n))),
        state: CommandState::Ready,
        send_after: None,
        not_after: None,
    }
}

/// The list of all that is not resolved.
pub(crate) const fn everything() -> ListQuery {
    ListQuery { view: ListView::All, offset: 0, limit: 50, me: deskbell_domain::UserId::from_bytes([0; 16]) }
}
