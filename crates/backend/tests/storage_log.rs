//! No key reaches a log, at any level.

#![allow(clippy::unwrap_used, reason = "the whole program is a test")]

use std::io::Write;
use std::sync::{Arc, Mutex};

use deskbell_backend::keys::{KeyLocation, KeyStore, MasterKey};
use deskbell_backend::storage::{DataLocation, Db, NewTenant, OneBackup};
use deskbell_domain::SystemClock;
use sqlx::ConnectOptions as _;

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Lines {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn no_key_is_logged_when_files_are_opened_or_rewritten() {
    let lines = Lines::default();
    let writer = lines.clone();
    tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(move || writer.clone())
        .init();

    let folder = tempfile::tempdir().unwrap();
    let keys = KeyLocation::Sqlite { dir: folder.path().join("keys") };
    let keys = KeyStore::open(&keys, MasterKey::from_bytes([7; 32]), Arc::new(SystemClock)).await.unwrap();
    let data = DataLocation::Sqlite { dir: folder.path().join("data") };
    let db = Db::open(&data, keys, OneBackup::Allow).await.unwrap();
    let new = NewTenant { name: "one".to_owned(), time_zone: "Europe/Madrid".to_owned() };
    let tenant = db.create_tenant(&new).await.unwrap();
    let (key, _) = db.keys().create_contact_key(tenant).await.unwrap();
    db.keys().destroy(tenant, &[key]).await.unwrap();
    db.close().await;
    for leak in ["PRAGMA key", "x'", "ATTACH"] {
        assert!(!lines.text().contains(leak), "{leak} was logged");
    }

    // The control: with statement logging left on, the same engine writes its key into the same log.
    let options = sqlx::sqlite::SqliteConnectOptions::new()
        .filename(folder.path().join("control.db"))
        .create_if_missing(true)
        .pragma("key", format!("\"x'{}'\"", "ab".repeat(32)));
    drop(options.connect().await.unwrap());
    assert!(lines.text().contains("PRAGMA key"), "the control sees nothing");
}
