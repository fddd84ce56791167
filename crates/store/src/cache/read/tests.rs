//! The statements a screen waits for find their rows by index, whatever the number of rows.

use std::path::PathBuf;

use deskbell_seal::Key;
use deskbell_sync::view::ListView;
use sqlx::{AssertSqlSafe, Row as _};

use super::{list, names, row, thread};
use crate::cache::Cache;

const VIEWS: [ListView; 4] = [ListView::Mine, ListView::Unassigned, ListView::All, ListView::Resolved];

struct Plans {
    cache: Cache,
    _folder: tempfile::TempDir,
}

impl Plans {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path: PathBuf = folder.path().join("cache-1.db");
        let cache = Cache::open(path, Key::from_bytes([1; 32])).await.unwrap();
        Self { cache, _folder: folder }
    }

    /// The steps of a statement, as SQLite explains them.
    async fn of(&self, statement: &str) -> Vec<String> {
        let mut tx = self.cache.reading().await.unwrap();
        let explain = format!("EXPLAIN QUERY PLAN {statement}");
        let rows = sqlx::query(AssertSqlSafe(explain)).fetch_all(&mut *tx).await.unwrap();
        rows.iter().map(|row| row.get("detail")).collect()
    }
}

/// Steps that read a whole table of ours, or all rows of a kind, or sort them. What `json_each` unpacks is a parameter,
/// and a subquery's own rows are as few as its limit says.
fn slow(plan: &[String]) -> Vec<&String> {
    let reads_all = |step: &str| {
        (step.starts_with("SCAN") && !step.contains("VIRTUAL TABLE") && step != "SCAN place")
            || step.contains("(kind=?)")
            || step.contains("TEMP B-TREE")
    };
    plan.iter().filter(|step| reads_all(step)).collect()
}

#[tokio::test]
async fn a_window_of_a_list_is_read_off_an_index_in_its_order() {
    let plans = Plans::new().await;
    for view in VIEWS {
        let plan = plans.of(list::window_of(view)).await;
        assert_eq!(slow(&plan), [""; 0], "{view:?}: {plan:#?}");
        assert!(plan.iter().any(|step| step.contains("USING COVERING INDEX conversation_by_")), "{plan:#?}");
    }
}

#[tokio::test]
async fn conversations_are_counted_in_an_index() {
    let plans = Plans::new().await;
    let counts = VIEWS.into_iter().flat_map(|view| [list::count_of(view), list::groups_of(view)]);
    for statement in counts.chain([list::UNREAD]) {
        let plan = plans.of(statement).await;
        // An index that holds exactly what is counted may be read from end to end.
        let reads_all =
            |step: &&String| !step.starts_with("SCAN entity USING COVERING INDEX conversation_unread");
        let slow: Vec<_> = slow(&plan).into_iter().filter(reads_all).collect();
        assert_eq!(slow, [""; 0], "{statement}: {plan:#?}");
        let index = if statement == list::UNREAD { "conversation_unread" } else { "conversation_by_" };
        let index = format!("USING COVERING INDEX {index}");
        assert!(plan.iter().any(|step| step.contains(&index)), "{plan:#?}");
    }
}

#[tokio::test]
async fn threads_previews_names_and_unread_messages_are_found_by_index() {
    let plans = Plans::new().await;
    for statement in [thread::BEFORE, row::NEWEST, row::UNREAD, names::NAMES] {
        let plan = plans.of(statement).await;
        assert_eq!(slow(&plan), [""; 0], "{statement}: {plan:#?}");
    }
}

#[tokio::test]
async fn a_slow_statement_would_be_noticed() {
    let plans = Plans::new().await;
    for statement in [
        "SELECT id FROM message WHERE body = $1",
        "SELECT id FROM entity WHERE list_group IS NOT NULL ORDER BY list_key, id LIMIT 5",
        "SELECT count(*) FROM message WHERE at > $1",
        "SELECT body FROM entity WHERE kind = 'user' AND +id = $1",
    ] {
        let plan = plans.of(statement).await;
        assert_ne!(slow(&plan), [""; 0], "{statement}: {plan:#?}");
    }
}
