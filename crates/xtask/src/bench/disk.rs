//! The yardstick of everything durable: how often a second this disk makes one page safe.

use anyhow::{Context, Result};
use std::fs::File;
use std::io::Write;
use std::time::Instant;

use super::figure::Figure;
use crate::limits::{FSYNC_MEASURE, FSYNC_PAGE_BYTES};
use crate::workspace::Workspace;

/// The name by which other figures stand beside this one.
const NAME: &str = "disk: synchronised writes";

/// Appends a page and synchronises it, one after the other.
pub(crate) fn fsync_rate(workspace: &Workspace) -> Result<Figure> {
    let folder = workspace.scratch();
    std::fs::create_dir_all(&folder)?;
    let path = folder.join("fsync-rate");
    let mut file = File::create(&path).with_context(|| format!("creating {}", path.display()))?;
    let page = [0xA5_u8; FSYNC_PAGE_BYTES];
    let started = Instant::now();
    let mut written = 0_u32;
    while started.elapsed() < FSYNC_MEASURE {
        file.write_all(&page)?;
        file.sync_data()?;
        written += 1;
    }
    let value = f64::from(written) / started.elapsed().as_secs_f64();
    drop(file);
    std::fs::remove_file(&path)?;
    Ok(Figure { name: NAME.to_owned(), value, unit: "/s".to_owned(), goal: None, beside: None })
}
