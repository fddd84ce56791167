//! What lies in the files, and what becomes of files that are not as they should be.

mod common;

use common::{
    Place, apply, cache_key, enqueue, frame_step, keyed, me, one_conversation, outbox_key, scopes, snapshot,
    tamper,
};
use deskbell_protocol::command::Act;
use deskbell_protocol::sync::Seq;
use deskbell_seal::Key;
use deskbell_store::{FileError, Files, SealedStore};
use deskbell_sync::view::{ListQuery, ListView, ThreadQuery};
use deskbell_sync::{CommandState, OutboxItem, Store, StoreError, StoreStep, Views};
use deskbell_testkit::fixtures as fx;
use sqlx::ConnectOptions as _;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode};

const CANARY: &str = "canary-7f3a-Mañana-paso";

fn reply(n: u32, text: &str) -> OutboxItem {
    let (id, message) = (fx::command_id(n), fx::message(900 + n));
    OutboxItem {
        command: fx::reply(id, fx::conversation(1), message, text, fx::EPOCH_START.plus_ms(i64::from(n))),
        state: CommandState::Ready,
        send_after: None,
        not_after: None,
    }
}

const fn everything() -> ListQuery {
    ListQuery { view: ListView::All, offset: 0, limit: 50, me: deskbell_domain::UserId::from_bytes([0; 16]) }
}

/// Which files of a folder show a text, in UTF-8 or UTF-16.
fn showing(place: &Place, text: &str) -> Vec<String> {
    let utf16: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let shows = |bytes: &[u8]| {
        [text.as_bytes(), &utf16].iter().any(|form| bytes.windows(form.len()).any(|window| window == *form))
    };
    place.bytes().into_iter().filter(|(_, bytes)| shows(bytes)).map(|(name, _)| name).collect()
}

#[tokio::test]
async fn nothing_that_is_stored_can_be_read_in_the_files() {
    // Given a store with the same text everywhere a text can be.
    let place = Place::new();
    let store = place.open().await;
    snapshot(&store, 5, one_conversation(CANARY), Vec::new()).await;
    apply(&store, enqueue(reply(1, CANARY))).await.unwrap();
    let draft = StoreStep::SaveDraft { conversation: fx::conversation(1), text: CANARY.into() };
    apply(&store, draft).await.unwrap();

    // Then no file shows it, while the logs hold it and after they are written back.
    let names: Vec<String> = place.bytes().into_iter().map(|(name, _)| name).collect();
    assert!(names.contains(&"cache-1.db-wal".to_owned()), "{names:?}");
    assert!(names.contains(&"outbox-1.db-wal".to_owned()), "{names:?}");
    assert_eq!(showing(&place, CANARY), [""; 0]);
    store.close().await;
    assert_eq!(showing(&place, CANARY), [""; 0]);
    for path in [place.cache(), place.outbox()] {
        assert!(!std::fs::read(path).unwrap().starts_with(b"SQLite format 3"));
    }

    // And the search would have found it: the same rows in a database without a key show it.
    for (path, key) in [(place.cache(), cache_key()), (place.outbox(), outbox_key())] {
        let plain = Place::new();
        copy_in_the_clear(&path, &key, &plain.cache()).await;
        assert_eq!(showing(&plain, CANARY), ["cache-1.db"]);
    }
}

async fn copy_in_the_clear(from: &std::path::Path, key: &Key, to: &std::path::Path) {
    use sqlx::Connection as _;
    let mut connection = keyed(from, key).await;
    sqlx::query("ATTACH $1 AS plain KEY ''")
        .bind(to.to_str().unwrap())
        .execute(&mut connection)
        .await
        .unwrap();
    sqlx::query("SELECT sqlcipher_export('plain')").execute(&mut connection).await.unwrap();
    sqlx::query("DETACH plain").execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}

#[tokio::test]
async fn a_cache_of_another_key_is_made_anew_and_said_so() {
    let place = Place::new();
    let store = place.open().await;
    snapshot(&store, 5, one_conversation("Hola"), Vec::new()).await;
    apply(&store, enqueue(reply(1, "Voy"))).await.unwrap();
    store.close().await;

    let files = Files { cache_key: Key::from_bytes([9; 32]), ..place.files() };
    let store = SealedStore::open(files).await.unwrap();

    let restored = store.restore().await.unwrap();
    assert!(restored.cache_is_new);
    assert_eq!(restored.position, None);
    assert_eq!(restored.outbox, [reply(1, "Voy")]);
    assert_eq!(store.list(everything()).await.unwrap().rows, []);
}

#[tokio::test]
async fn an_outbox_of_another_key_is_refused_and_left_as_it_is() {
    // Given an outbox whose newest command is only in its log, as a kill leaves it.
    let place = Place::new();
    let store = place.open().await;
    apply(&store, enqueue(reply(1, "Voy"))).await.unwrap();
    let killed = place.image();

    let files = Files { outbox_key: Key::from_bytes([9; 32]), ..killed.files() };
    assert_eq!(SealedStore::open(files).await.err(), Some(FileError::WrongKey));

    let restored = killed.open().await.restore().await.unwrap();
    assert_eq!(restored.outbox, [reply(1, "Voy")]);
}

#[tokio::test]
async fn a_cache_of_another_version_is_made_anew_and_said_so() {
    for version in ["PRAGMA user_version = 2", "PRAGMA user_version = 99"] {
        let place = Place::new();
        let store = place.open().await;
        snapshot(&store, 5, one_conversation("Hola"), Vec::new()).await;
        store.close().await;
        assert!(!place.open().await.restore().await.unwrap().cache_is_new);

        tamper(&place.cache(), &cache_key(), version).await;

        let store = place.open().await;
        let restored = store.restore().await.unwrap();
        assert!(restored.cache_is_new);
        assert_eq!(restored.position, None);
        snapshot(&store, 5, one_conversation("Hola"), Vec::new()).await;
        assert_eq!(store.list(everything()).await.unwrap().rows.len(), 1);
    }
}

#[tokio::test]
async fn an_outbox_of_a_newer_version_is_refused_and_left_as_it_is() {
    let place = Place::new();
    let store = place.open().await;
    apply(&store, enqueue(reply(1, "Voy"))).await.unwrap();
    store.close().await;
    tamper(&place.outbox(), &outbox_key(), "PRAGMA user_version = 2").await;

    assert_eq!(place.try_open().await.err(), Some(FileError::Newer));

    tamper(&place.outbox(), &outbox_key(), "PRAGMA user_version = 1").await;
    assert_eq!(place.open().await.restore().await.unwrap().outbox, [reply(1, "Voy")]);
}

#[tokio::test]
async fn a_file_in_the_clear_is_never_taken_for_one_of_ours() {
    let place = Place::new();
    for path in [place.cache(), place.outbox()] {
        plain(&path).await;
    }
    assert_eq!(place.try_open().await.err(), Some(FileError::WrongKey));

    std::fs::remove_file(place.outbox()).unwrap();
    assert!(place.open().await.restore().await.unwrap().cache_is_new);
}

async fn plain(path: &std::path::Path) {
    use sqlx::Connection as _;
    let options = SqliteConnectOptions::new().filename(path).create_if_missing(true);
    let mut connection: SqliteConnection =
        options.journal_mode(SqliteJournalMode::Wal).connect().await.unwrap();
    let table = "CREATE TABLE note (text TEXT); PRAGMA user_version = 1";
    sqlx::raw_sql(table).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}

/// Overwrites everything behind the first page: the file still opens.
fn damage(path: &std::path::Path) {
    let mut bytes = std::fs::read(path).unwrap();
    assert!(bytes.len() > 4 * 4096);
    bytes[4096..].fill(0x5a);
    std::fs::write(path, bytes).unwrap();
}

#[tokio::test]
async fn a_damaged_cache_is_made_anew_when_an_engine_starts_from_it() {
    let place = Place::new();
    let store = place.open().await;
    snapshot(&store, 5, one_conversation("Hola"), Vec::new()).await;
    store.close().await;
    damage(&place.cache());

    let store = place.open().await;
    let restored = store.restore().await.unwrap();

    assert!(restored.cache_is_new);
    snapshot(&store, 5, one_conversation("Hola"), Vec::new()).await;
    assert_eq!(store.list(everything()).await.unwrap().rows.len(), 1);
}

#[tokio::test]
async fn a_damaged_cache_can_be_dropped_while_it_is_open() {
    // Given a cache that is damaged while nobody looks.
    let place = Place::new();
    let store = place.open().await;
    snapshot(&store, 5, one_conversation("Hola"), Vec::new()).await;
    store.close().await;
    let store = place.open().await;
    damage(&place.cache());

    // When a frame is to be written, then that is said, and dropping helps.
    let frame = frame_step(fx::frame(5, 6, one_conversation("Hola")));
    assert_eq!(apply(&store, frame).await, Err(StoreError::CacheDamaged));
    apply(&store, StoreStep::DropCache).await.unwrap();
    assert_eq!(store.restore().await.unwrap().position, None);
    snapshot(&store, 5, one_conversation("Hola"), Vec::new()).await;
    assert_eq!(store.list(everything()).await.unwrap().rows.len(), 1);
}

#[tokio::test]
async fn a_damaged_outbox_is_said_and_never_made_anew() {
    let place = Place::new();
    let store = place.open().await;
    for n in 1..60 {
        apply(&store, enqueue(reply(n, &"Voy ".repeat(100)))).await.unwrap();
    }
    store.close().await;
    let before = place.bytes();
    damage(&place.outbox());
    let damaged = std::fs::read(place.outbox()).unwrap();

    let verdict = match place.try_open().await {
        Ok(store) => store.restore().await.err().map(|error| (error == StoreError::OutboxDamaged, "restore")),
        Err(error) => Some((error == FileError::WrongKey, "open")),
    };

    assert!(matches!(verdict, Some((true, _))), "{verdict:?}");
    assert_ne!(before, place.bytes());
    assert_eq!(damaged, std::fs::read(place.outbox()).unwrap());
}

#[tokio::test]
async fn a_closed_store_answers_that_it_is_closed() {
    let place = Place::new();
    let store = place.open().await;
    store.close().await;

    assert_eq!(store.restore().await.err(), Some(StoreError::Closed));
    assert_eq!(store.list(everything()).await.err(), Some(StoreError::Closed));
    assert_eq!(apply(&store, StoreStep::DropCache).await, Err(StoreError::Closed));
    assert_eq!(apply(&store, enqueue(reply(1, "Voy"))).await, Err(StoreError::Closed));
}

#[tokio::test]
async fn two_programs_on_the_same_files_see_each_others_steps_and_break_nothing() {
    let place = Place::new();
    let (one, other) = tokio::join!(place.open(), place.open());
    snapshot(&one, 5, one_conversation("Hola"), Vec::new()).await;
    assert_eq!(other.list(everything()).await.unwrap().rows.len(), 1);

    // Both write at once: each step happens, none is lost.
    let mine = async {
        for n in 1..20 {
            apply(&one, enqueue(reply(n, "Voy"))).await.unwrap();
        }
    };
    let theirs = async {
        for n in 20..40 {
            apply(&other, enqueue(reply(n, "Enseguida"))).await.unwrap();
        }
    };
    tokio::join!(mine, theirs);
    assert_eq!(one.restore().await.unwrap().outbox.len(), 39);

    // A frame that one has applied does not fit the other's picture any more.
    apply(&one, frame_step(fx::frame(5, 6, Vec::new()))).await.unwrap();
    assert_eq!(apply(&other, frame_step(fx::frame(5, 6, Vec::new()))).await, Err(StoreError::Conflict));
    assert_eq!(other.restore().await.unwrap().position.unwrap().seq, Seq(6));
}

#[tokio::test]
async fn a_reply_is_shown_once_wherever_the_program_is_killed_on_its_way() {
    // Given a conversation, and the steps a reply takes from the keyboard to rest.
    let place = Place::new();
    let store = place.open().await;
    let scopes = StoreStep::SetScopes { scopes: scopes(), restart: true };
    apply(&store, scopes).await.unwrap();
    snapshot(&store, 5, one_conversation("¿Está listo?"), Vec::new()).await;
    let item = reply(1, "Sí, puede pasar");
    let id = item.id();
    let Act::SendText { message, .. } = item.command.act else { panic!("a reply sends a text") };
    let stored = fx::outbound_body(fx::conversation(1), me(), "Sí, puede pasar", fx::EPOCH_START.plus_ms(1));
    let mut frame = fx::frame(5, 6, vec![fx::put_message(message, 6, &stored)]);
    frame.settled = vec![id];
    let outcomes = |outcomes| StoreStep::Outcomes(outcomes);
    let applied = deskbell_sync::Outcomes { applied: vec![(id, fx::epoch(1), Seq(6))], ..Default::default() };
    let removed = deskbell_sync::Outcomes { removed: vec![id], ..Default::default() };
    let steps = [
        enqueue(item),
        StoreStep::MarkSending(vec![id]),
        outcomes(applied),
        frame_step(frame),
        outcomes(removed),
        StoreStep::ForgetSettled(vec![id]),
    ];

    for (number, step) in steps.into_iter().enumerate() {
        apply(&store, step).await.unwrap();
        // When the program is killed here and starts again.
        let killed = place.image();
        let after = killed.open().await;

        // Then the reply is there once, and a command that is still to be followed has left no effect in the cache.
        let query = ThreadQuery { conversation: fx::conversation(1), limit: 50, me: me() };
        let thread = after.thread(query).await.unwrap().unwrap();
        let copies = thread.messages.iter().filter(|shown| shown.id == message).count();
        assert_eq!(copies, 1, "after step {number}");
        assert_eq!(thread.row.header.body.waiting_since.is_none(), number < 3, "after step {number}");
        let restored = after.restore().await.unwrap();
        let (waits, settled) =
            (restored.outbox.iter().any(|item| item.id() == id), restored.settled.contains(&id));
        let expected =
            [(true, false), (true, false), (true, false), (true, true), (false, true), (false, false)];
        assert_eq!((waits, settled), expected[number], "after step {number}");
        let seq = restored.position.unwrap().seq;
        assert_eq!(seq, if number < 3 { Seq(5) } else { Seq(6) }, "after step {number}");
        assert_eq!(after.outbox().await.unwrap().is_empty(), number >= 3, "after step {number}");
    }
}

#[tokio::test]
async fn a_snapshot_goes_on_where_a_kill_stopped_it() {
    let place = Place::new();
    let store = place.open().await;
    let first = fx::page(9, one_conversation("Hola"), Some("page 2"));
    apply(&store, StoreStep::ApplySnapshotPage { begins: true, page: Box::new(first) }).await.unwrap();

    let killed = place.image();
    let store = killed.open().await;
    let run = store.restore().await.unwrap().snapshot.unwrap();
    assert_eq!((run.at.seq, run.next), (Seq(9), Some(fx::token("page 2"))));
    assert_eq!(apply(&store, StoreStep::FinishSnapshot { settled: vec![] }).await, Err(StoreError::Conflict));
    let last = fx::page(9, Vec::new(), None);
    apply(&store, StoreStep::ApplySnapshotPage { begins: false, page: Box::new(last) }).await.unwrap();
    apply(&store, StoreStep::FinishSnapshot { settled: vec![] }).await.unwrap();

    assert_eq!(store.restore().await.unwrap().position.unwrap().seq, Seq(9));
    assert_eq!(store.list(everything()).await.unwrap().rows.len(), 1);
}
