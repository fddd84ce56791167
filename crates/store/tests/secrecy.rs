//! Keys and texts do not get into the log, whatever is logged. One test of a process of its own: the log is the
//! process's.

#![allow(clippy::unwrap_used, reason = "the whole program is a test")]

mod common;

use std::io::Write;
use std::sync::{Arc, Mutex};

use common::{Place, apply, cache_key, enqueue, me, one_conversation, outbox_key, snapshot};
use deskbell_seal::Key;
use deskbell_store::{Files, SealedStore};
use deskbell_sync::view::{ListQuery, ListView, ThreadQuery};
use deskbell_sync::{CommandState, OutboxItem, Store, StoreStep, Views};
use deskbell_testkit::fixtures as fx;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _};
use tracing_subscriber::filter::LevelFilter;

const CANARY: &str = "canary-51d0-Lucía";

/// Everything that was logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Log {
    fn shows(&self, text: &str) -> bool {
        let log = String::from_utf8_lossy(&self.0.lock().unwrap()).to_lowercase();
        log.contains(&text.to_lowercase())
    }
}

fn hex(key: &Key) -> String {
    key.expose_hex().to_string()
}

#[tokio::test]
async fn no_key_and_no_text_is_logged_at_any_level() {
    // Given a log of everything, the database driver's own words included.
    let log = Log::default();
    let lines = log.clone();
    tracing_subscriber::fmt().with_max_level(LevelFilter::TRACE).with_writer(move || lines.clone()).init();

    // When a store does all it does, and fails in the ways it can.
    let place = Place::new();
    let store = place.open().await;
    snapshot(&store, 5, one_conversation(CANARY), Vec::new()).await;
    let item = OutboxItem {
        command: fx::reply(fx::command_id(1), fx::conversation(1), fx::message(2), CANARY, fx::EPOCH_START),
        state: CommandState::Ready,
        send_after: None,
        not_after: None,
    };
    apply(&store, enqueue(item.clone())).await.unwrap();
    apply(&store, enqueue(item)).await.unwrap_err();
    let draft = StoreStep::SaveDraft { conversation: fx::conversation(1), text: CANARY.into() };
    apply(&store, draft).await.unwrap();
    let list = store.list(ListQuery { view: ListView::All, offset: 0, limit: 9, me: me() }).await.unwrap();
    let thread = ThreadQuery { conversation: fx::conversation(1), limit: 9, me: me() };
    let thread = store.thread(thread).await.unwrap();
    tracing::info!(?list, ?thread, restored = ?store.restore().await, files = ?place.files(), "what may be printed");
    store.close().await;
    store.list(ListQuery { view: ListView::All, offset: 0, limit: 9, me: me() }).await.unwrap_err();
    let other_key = Key::from_bytes([0x77; 32]);
    let files = Files { outbox_key: other_key.clone(), ..place.files() };
    SealedStore::open(files).await.err().unwrap();
    let files = Files { cache_key: other_key.clone(), ..place.files() };
    SealedStore::open(files).await.unwrap().close().await;

    // Then the log has neither a key nor a text, although it was open all the time.
    assert!(log.shows("what may be printed"));
    assert!(log.shows("the cache cannot be used as it is"));
    for key in [cache_key(), outbox_key(), other_key] {
        assert!(!log.shows(&hex(&key)));
    }
    assert!(!log.shows(CANARY));

    // And it would show both, if statements were logged.
    let key = hex(&outbox_key());
    let options = SqliteConnectOptions::new().filename(place.outbox()).pragma("key", format!("\"x'{key}'\""));
    let mut connection = options.connect().await.unwrap();
    let statement = format!("SELECT '{CANARY}'");
    sqlx::query(sqlx::AssertSqlSafe(statement)).fetch_one(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    assert!(log.shows(&key));
    assert!(log.shows(CANARY));
}
