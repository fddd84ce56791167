use super::*;
use crate::limits::{CACHE, OUTBOX};

fn key() -> Key {
    Key::from_bytes([0xa5; 32])
}

async fn answer(pool: &SqlitePool, pragma: &'static str) -> String {
    use sqlx::{Row as _, TypeInfo as _, ValueRef as _};
    let row = sqlx::query(pragma).fetch_one(pool).await.unwrap();
    let kind = row.try_get_raw(0).unwrap().type_info().name().to_owned();
    if kind == "INTEGER" { row.get::<i64, _>(0).to_string() } else { row.get(0) }
}

#[tokio::test]
async fn a_build_without_sqlcipher_refuses_the_file_before_it_writes_to_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cache-1.db");

    // SQLite answers nothing to a pragma it does not know, which is what happens there.
    let opened = Database::open_asking("PRAGMA cypher_version", &path, &key(), CACHE).await;

    assert_eq!(opened.err(), Some(FileError::NotEncrypted));
    assert_eq!(std::fs::metadata(&path).unwrap().len(), 0);
    assert!(Database::open_asking(CIPHER_VERSION, &path, &key(), CACHE).await.is_ok());
}

#[tokio::test]
async fn a_build_without_sqlcipher_does_not_take_a_good_cache_for_a_broken_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cache-1.db");
    let database = Database::open(&path, &key(), CACHE).await.unwrap();
    database.establish("CREATE TABLE note (text TEXT) STRICT", 1).await.unwrap();
    database.close().await;
    let before = std::fs::read(&path).unwrap();

    let opened = Database::open_asking("PRAGMA cypher_version", &path, &key(), CACHE).await;

    assert_eq!(opened.err(), Some(FileError::NotEncrypted));
    assert_eq!(std::fs::read(&path).unwrap(), before);
}

#[tokio::test]
async fn what_was_typed_is_on_the_disk_when_a_commit_answers() {
    let folder = tempfile::tempdir().unwrap();
    let outbox = Database::open(&folder.path().join("outbox-1.db"), &key(), OUTBOX).await.unwrap();
    let cache = Database::open(&folder.path().join("cache-1.db"), &key(), CACHE).await.unwrap();

    const FULL: &str = "2";
    const NORMAL: &str = "1";
    assert_eq!(answer(&outbox.writer, "PRAGMA synchronous").await, FULL);
    assert_eq!(answer(&cache.writer, "PRAGMA synchronous").await, NORMAL);
}

#[tokio::test]
async fn connections_are_set_up_as_the_design_says() {
    let folder = tempfile::tempdir().unwrap();
    let database = Database::open(&folder.path().join("cache-1.db"), &key(), CACHE).await.unwrap();

    for pool in [&database.writer, &database.readers] {
        assert_eq!(answer(pool, "PRAGMA secure_delete").await, "1", "what is deleted is overwritten");
        assert_eq!(answer(pool, "PRAGMA journal_mode").await, "wal");
        assert_eq!(answer(pool, "PRAGMA foreign_keys").await, "1");
        assert_eq!(
            answer(pool, "PRAGMA temp_store").await,
            "2",
            "nothing is sorted on the disk in the clear"
        );
        assert_eq!(answer(pool, "PRAGMA busy_timeout").await, BUSY_MS.to_string());
        assert_eq!(answer(pool, "PRAGMA cipher_log_level").await, "NONE");
    }
    assert_eq!(answer(&database.writer, "PRAGMA cache_size").await, "-8192");
    assert_eq!(answer(&database.readers, "PRAGMA cache_size").await, "-4096");
}

#[tokio::test]
async fn readers_cannot_write() {
    let folder = tempfile::tempdir().unwrap();
    let database = Database::open(&folder.path().join("cache-1.db"), &key(), CACHE).await.unwrap();
    database.establish("CREATE TABLE note (text TEXT) STRICT", 1).await.unwrap();

    const WRITE: &str = "INSERT INTO note VALUES ('x')";
    assert!(sqlx::query(WRITE).execute(&database.readers).await.is_err());
    assert!(sqlx::query(WRITE).execute(&database.writer).await.is_ok());
}

#[tokio::test]
async fn a_schema_is_created_once_also_when_two_programs_open_a_new_file() {
    const TABLE: &str = "CREATE TABLE note (text TEXT) STRICT";
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cache-1.db");
    let one = Database::open(&path, &key(), CACHE).await.unwrap();
    let other = Database::open(&path, &key(), CACHE).await.unwrap();

    let (first, second) = tokio::join!(one.establish(TABLE, 3), other.establish(TABLE, 3));

    let mut found = [first.unwrap(), second.unwrap()];
    found.sort_by_key(|schema| *schema != Schema::Created);
    assert_eq!(found, [Schema::Created, Schema::Found(3)]);
}

#[tokio::test]
async fn a_file_that_cannot_be_opened_is_closed_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cache-1.db");
    Database::open(&path, &key(), CACHE).await.unwrap().close().await;

    let other = Key::from_bytes([0x5a; 32]);
    assert_eq!(Database::open(&path, &other, CACHE).await.err(), Some(FileError::WrongKey));

    let holds =
        |entry: std::fs::DirEntry| std::fs::read_link(entry.path()).is_ok_and(|target| target == path);
    if let Ok(descriptors) = std::fs::read_dir("/proc/self/fd") {
        assert!(!descriptors.flatten().any(holds), "the file is still open");
    }
}
