//! What runs for every event finds its rows by an index: pinned here, because a plan that turns into a scan breaks
//! nothing until the data has grown.

use deskbell_domain::UtcMs;
use deskbell_seal::Key;
use sqlx::{AssertSqlSafe, Row as _};

use super::migrate::{SQLITE_TENANT, migrate};
use super::session::Database;
use super::sqlite::SqliteFile;
use super::statement::{Engine, Statement, sql};
use super::{change, command_outcome, contact, conversation, device, job, message};

async fn plan(file: &SqliteFile, statement: &Statement) -> Vec<String> {
    let text = statement.with_list(Engine::Sqlite, 5, 4);
    let explain = AssertSqlSafe(format!("EXPLAIN QUERY PLAN {text}"));
    let rows = sqlx::query(explain).fetch_all(file.writer()).await.unwrap();
    rows.iter().map(|row| row.get("detail")).collect()
}

fn is_quick(plan: &[String]) -> bool {
    !plan.iter().any(|step| step.starts_with("SCAN ") || step.contains("TEMP B-TREE"))
}

#[tokio::test]
async fn hot_statements_find_their_rows_by_an_index() {
    let folder = tempfile::tempdir().unwrap();
    let file = SqliteFile::open(&folder.path().join("a.db"), &Key::from_bytes([1; 32])).await.unwrap();
    migrate(&Database::Sqlite(file.clone()), SQLITE_TENANT, UtcMs::from_ms(5)).await.unwrap();
    let hot = [
        change::HOT,
        command_outcome::HOT,
        contact::HOT,
        conversation::HOT,
        device::HOT,
        job::HOT,
        message::HOT,
    ];
    for statement in hot.concat() {
        let plan = plan(&file, statement).await;
        assert!(!plan.is_empty() && is_quick(&plan), "{}\n{plan:#?}", statement.text(Engine::Sqlite));
    }
    // The control: a search by a column without an index is seen to be slow.
    let slow = plan(&file, &sql("SELECT id FROM message WHERE author_id = $2 ORDER BY status")).await;
    assert!(!is_quick(&slow));
    file.close().await;
}
