//! The interface's packages and its build, each done only when what it depends on has changed.

use anyhow::{Context, Result, bail};
use std::fs;
use std::hash::{DefaultHasher, Hasher};
use std::path::{Path, PathBuf};

use crate::process;
use crate::step::Steps;
use crate::workspace::Workspace;

/// Folders of `ui/` that are made from the others.
const MADE: &[&str] = &["node_modules", "dist", "dist-mock", ".svelte-kit", "coverage"];

/// Installs the interface's packages when the lock file changed since the last time.
pub(crate) fn install_packages(steps: &mut Steps, workspace: &Workspace) -> Result<()> {
    if !process::is_on_path("npm") {
        bail!("`npm` is not installed: Deskbell's interface needs Node.js 20 or newer");
    }
    let interface = workspace.interface();
    let lock = interface.join("package-lock.json");
    let wanted = hash_of_files(&interface, &[lock])?;
    // The stamp lies inside what it speaks of: deleting the packages deletes it too.
    let stamp = Stamp { path: interface.join("node_modules/.deskbell-lock") };
    if stamp.says(&wanted) {
        return Ok(());
    }
    steps.run("Installing the interface's packages", || {
        let mut command = workspace.npm(&["ci", "--no-audit", "--no-fund"]);
        process::run_logged(&mut command, &workspace.scratch().join("npm-ci.log"))
    })?;
    stamp.write(&wanted)
}

/// Builds the interface when one of its sources changed since the last time.
pub(crate) fn build(steps: &mut Steps, workspace: &Workspace) -> Result<()> {
    let interface = workspace.interface();
    let wanted = hash_of_files(&interface, &sources(&interface)?)?;
    let stamp = Stamp { path: workspace.scratch().join("interface-build") };
    if stamp.says(&wanted) && interface.join("dist/index.html").is_file() {
        return Ok(());
    }
    steps.run("Building the interface", || {
        process::run_logged(&mut workspace.npm(&["run", "build"]), &workspace.scratch().join("npm-build.log"))
    })?;
    stamp.write(&wanted)
}

/// A file that says for which inputs a thing was last made.
struct Stamp {
    path: PathBuf,
}

impl Stamp {
    fn says(&self, wanted: &str) -> bool {
        fs::read_to_string(&self.path).is_ok_and(|text| text == wanted)
    }

    fn write(&self, made: &str) -> Result<()> {
        if let Some(folder) = self.path.parent() {
            fs::create_dir_all(folder).with_context(|| format!("creating {}", folder.display()))?;
        }
        fs::write(&self.path, made).with_context(|| format!("writing {}", self.path.display()))
    }
}

/// Every file below `folder` that a person wrote, in a fixed order.
fn sources(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let entries = fs::read_dir(folder).with_context(|| format!("reading {}", folder.display()))?;
    for entry in entries {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            if !MADE.iter().any(|made| entry.file_name() == *made) {
                found.extend(sources(&entry.path())?);
            }
        } else {
            found.push(entry.path());
        }
    }
    found.sort();
    Ok(found)
}

/// One value for the names and contents of these files.
fn hash_of_files(base: &Path, files: &[PathBuf]) -> Result<String> {
    let mut hasher = DefaultHasher::new();
    for file in files {
        let content = fs::read(file).with_context(|| format!("reading {}", file.display()))?;
        let name = file.strip_prefix(base).unwrap_or(file).to_string_lossy();
        for part in [name.as_bytes(), &content] {
            hasher.write_usize(part.len());
            hasher.write(part);
        }
    }
    Ok(format!("{:016x}", hasher.finish()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(folder: &Path) -> String {
        hash_of_files(folder, &sources(folder).unwrap()).unwrap()
    }

    #[test]
    fn a_changed_added_or_renamed_source_is_noticed_and_made_files_are_not() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::create_dir_all(at("src")).unwrap();
        fs::create_dir_all(at("dist")).unwrap();
        fs::write(at("src/app.ts"), "one").unwrap();
        let first = hash(folder.path());

        fs::write(at("dist/app.js"), "made").unwrap();
        assert_eq!(hash(folder.path()), first, "what is made must not make it again");

        fs::write(at("src/app.ts"), "two").unwrap();
        let changed = hash(folder.path());
        assert_ne!(changed, first);

        fs::rename(at("src/app.ts"), at("src/main.ts")).unwrap();
        assert_ne!(hash(folder.path()), changed);
    }

    #[test]
    fn a_stamp_speaks_only_for_what_was_made() {
        let folder = tempfile::tempdir().unwrap();
        let stamp = Stamp { path: folder.path().join("deep/stamp") };
        assert!(!stamp.says("a"));
        stamp.write("a").unwrap();
        assert!(stamp.says("a"));
        assert!(!stamp.says("b"));
    }
}
