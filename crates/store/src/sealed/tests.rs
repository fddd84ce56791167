//! A disk that is full.

use deskbell_domain::Entity as _;
use deskbell_protocol::entity::Kind;
use deskbell_sync::CommandState;
use deskbell_testkit::fixtures as fx;
use sqlx::AssertSqlSafe;
use sqlx::sqlite::SqlitePool;

use super::*;

/// Lets the file grow by so many pages and no further, as a full disk would.
async fn limit(writer: &SqlitePool, pages: i64) {
    let now: i64 = sqlx::query_scalar("PRAGMA page_count").fetch_one(writer).await.unwrap();
    let pragma = format!("PRAGMA max_page_count = {}", now + pages);
    sqlx::query(AssertSqlSafe(pragma)).execute(writer).await.unwrap();
}

async fn open(folder: &std::path::Path) -> SealedStore {
    let files = Files {
        cache: folder.join("cache-1.db"),
        cache_key: Key::from_bytes([1; 32]),
        outbox: folder.join("outbox-1.db"),
        outbox_key: Key::from_bytes([2; 32]),
    };
    SealedStore::open(files).await.unwrap()
}

fn reply(n: u32, text: &str) -> StoreStep {
    let command = fx::reply(fx::command_id(n), fx::conversation(1), fx::message(n), text, fx::EPOCH_START);
    let item = OutboxItem { command, state: CommandState::Ready, send_after: None, not_after: None };
    StoreStep::Enqueue { item: Box::new(item), replaces: None }
}

#[tokio::test]
async fn a_reply_that_a_full_disk_cannot_keep_is_refused_whole_and_fits_later() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    store.apply(&reply(1, "Voy")).await.unwrap();
    let long = "Sí, puede pasar. ".repeat(2_000);

    limit(store.outbox.writer(), 2).await;
    assert_eq!(store.apply(&reply(2, &long)).await, Err(StoreError::Disk));
    let kept = store.restore().await.unwrap().outbox;
    assert_eq!(kept.iter().map(OutboxItem::id).collect::<Vec<_>>(), [fx::command_id(1)]);

    limit(store.outbox.writer(), 200).await;
    store.apply(&reply(2, &long)).await.unwrap();
    assert_eq!(store.restore().await.unwrap().outbox.len(), 2);
}

#[tokio::test]
async fn a_page_that_a_full_disk_cannot_keep_leaves_the_cache_where_it_stood() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    let queues = |count: u32| {
        let queue = |n| fx::put_root(Kind::Queue, fx::queue(n).entity(), 1, &fx::queue_body("Orders"));
        (1..=count).map(queue).collect::<Vec<_>>()
    };
    let step = |begins, items, next| StoreStep::ApplySnapshotPage {
        begins,
        page: Box::new(fx::page(9, items, next)),
    };
    store.apply(&step(true, queues(1), Some("2"))).await.unwrap();
    let before = store.restore().await.unwrap();

    limit(&store.cache.writer().await, 2).await;
    assert_eq!(store.apply(&step(false, queues(1_000), None)).await, Err(StoreError::Disk));
    assert_eq!(store.restore().await.unwrap(), before);

    limit(&store.cache.writer().await, 2_000).await;
    store.apply(&step(false, queues(1_000), None)).await.unwrap();
    store.apply(&StoreStep::FinishSnapshot { settled: Vec::new() }).await.unwrap();
}
