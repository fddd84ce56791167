//! How long somebody waits for the compiler: from nothing, and after a change at the bottom and at the top.

use anyhow::{Context, Result};
use std::fs::File;
use std::path::Path;
use std::time::{Instant, SystemTime};

use super::figure::Figure;
use crate::process;
use crate::workspace::{WINDOW_FEATURES, Workspace};

/// What is compiled, and which source counts as changed before.
const CHANGES: &[(&str, &str)] = &[
    ("build after a change in domain", "crates/domain/src/lib.rs"),
    ("build after a change in the shell", "src-tauri/src/lib.rs"),
];

/// Debug builds of all programs, in a target folder of their own.
pub(crate) fn measure(workspace: &Workspace) -> Result<Vec<Figure>> {
    let target = workspace.scratch().join("build-times");
    remove(&target)?;
    let mut figures = vec![timed("clean build", workspace, &target)?];
    for (name, source) in CHANGES {
        touch(&workspace.root.join(source))?;
        figures.push(timed(name, workspace, &target)?);
    }
    remove(&target)?;
    Ok(figures)
}

fn timed(name: &str, workspace: &Workspace, target: &Path) -> Result<Figure> {
    let mut build = workspace.cargo(&["build", "--workspace", "--bins", "--features", WINDOW_FEATURES]);
    let started = Instant::now();
    process::run(build.env("CARGO_TARGET_DIR", target))?;
    let value = started.elapsed().as_secs_f64();
    Ok(Figure { name: name.to_owned(), value, unit: "s".to_owned(), goal: None, beside: None })
}

/// Makes a source newer without changing it: cargo goes by the time.
#[expect(clippy::disallowed_methods, reason = "a file's time is the machine's time, not the product's")]
fn touch(source: &Path) -> Result<()> {
    let file =
        File::options().append(true).open(source).with_context(|| format!("opening {}", source.display()))?;
    file.set_modified(SystemTime::now())?;
    Ok(())
}

fn remove(folder: &Path) -> Result<()> {
    match std::fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("deleting {}", folder.display()))
        }
        _ => Ok(()),
    }
}
