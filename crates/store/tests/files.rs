//! What lies in the files, and what becomes of files that are not as they should be.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "the whole program is a test")]

mod common;

use common::{
    Place, apply, cache_key, enqueue, everything, frame_step, keyed, one_conversation, outbox_key, reply,
    snapshot, tamper,
};
use deskbell_protocol::sync::Seq;
use deskbell_seal::Key;
use deskbell_store::{FileError, Files, SealedStore};
use deskbell_sync::{Store, StoreError, StoreStep, Views};
use deskbell_testkit::fixtures as fx;
use sqlx::ConnectOptions as _;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode};

const CANARY: &str = "canary-7f3a-Mañana-paso";

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

#[tokio::test]
async fn a_cache_whose_schema_is_not_ours_is_made_anew() {
    // Found at opening.
    let place = Place::new();
    place.open().await.close().await;
    tamper(&place.cache(), &cache_key(), "PRAGMA user_version = 0").await;
    let store = place.open().await;
    assert!(store.restore().await.unwrap().cache_is_new);
    snapshot(&store, 5, one_conversation("Hola"), Vec::new()).await;
    store.close().await;

    // Found by a step.
    tamper(&place.cache(), &cache_key(), "DROP TABLE message").await;
    let store = place.open().await;
    let frame = frame_step(fx::frame(5, 6, one_conversation("Hola")));
    assert_eq!(apply(&store, frame).await, Err(StoreError::CacheDamaged));
    apply(&store, StoreStep::DropCache).await.unwrap();
    snapshot(&store, 5, one_conversation("Hola"), Vec::new()).await;
    assert_eq!(store.list(everything()).await.unwrap().rows.len(), 1);
}

#[tokio::test]
async fn an_outbox_whose_schema_is_not_ours_is_refused() {
    let place = Place::new();
    place.open().await.close().await;
    tamper(&place.outbox(), &outbox_key(), "PRAGMA user_version = 0").await;

    assert_eq!(place.try_open().await.err(), Some(FileError::WrongKey));
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
