use anyhow::{Result, bail};
use tokio::time::{Instant, sleep};

use crate::limits::{LOOK_EVERY, WAIT_MAX};

/// Looks again and again until there is something to see.
pub(crate) async fn until<T>(what: &str, mut look: impl AsyncFnMut() -> Result<Option<T>>) -> Result<T> {
    let end = Instant::now() + WAIT_MAX;
    loop {
        if let Some(seen) = look().await? {
            return Ok(seen);
        }
        if Instant::now() > end {
            bail!("waited {} s in vain until {what}", WAIT_MAX.as_secs());
        }
        sleep(LOOK_EVERY).await;
    }
}
