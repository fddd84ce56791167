//! What time alone makes due: ingest keys that have had their week.

use deskbell_domain::UtcMs;
use tokio::sync::watch;
use tokio::time::{Duration, sleep};

use crate::limits::INGEST_KEY_MS;
use crate::storage::{Db, Result};

/// How often it is looked after. A key lives days, so an hour more is nothing.
const EVERY: Duration = Duration::from_secs(60 * 60);

pub(super) async fn run(db: Db, mut stop: watch::Receiver<bool>) {
    while !*stop.borrow() {
        if let Err(error) = sweep(&db).await {
            tracing::warn!(%error, "what is over could not be destroyed");
        }
        tokio::select! {
            () = sleep(EVERY) => {}
            _ = stop.changed() => {}
        }
    }
}

/// Destroys ingest keys that are over, then what was sealed under them: it is noise by now.
async fn sweep(db: &Db) -> Result<()> {
    let now = db.now();
    db.keys().destroy_expired(now).await?;
    db.arrivals().forget_before(UtcMs::from_ms(now.as_ms().saturating_sub(INGEST_KEY_MS))).await
}
