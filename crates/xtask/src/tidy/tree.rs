//! The files a check looks at: everything under version control, and what is about to be.

use anyhow::{Context, Result};
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use crate::process;

/// Text files by their path from the root, with `/` between folders.
#[derive(Default)]
pub(crate) struct Tree {
    files: BTreeMap<String, String>,
    /// Folders of the machine this runs on that must appear in no file.
    pub(crate) machine_folders: Vec<String>,
}

impl Tree {
    /// Reads what git knows, and the new files it does not ignore. Files that are no text are left out.
    pub(crate) fn read(root: &Path) -> Result<Self> {
        let mut command = Command::new("git");
        command.current_dir(root).args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]);
        let listed = process::output_of(&mut command).context("listing the project's files")?;
        let paths = listed.split('\0').filter(|path| !path.is_empty());
        // A file that git lists may just have been deleted.
        let files = paths
            .filter_map(|path| {
                std::fs::read_to_string(root.join(path)).ok().map(|text| (path.to_owned(), text))
            })
            .collect();
        Ok(Self { files, machine_folders: machine_folders(root) })
    }

    /// A tree for a test.
    #[cfg(test)]
    pub(crate) fn of(files: &[(&str, &str)]) -> Self {
        let files = files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect();
        Self { files, machine_folders: Vec::new() }
    }

    /// The text of one file.
    pub(crate) fn text(&self, path: &str) -> Option<&str> {
        self.files.get(path).map(String::as_str)
    }

    /// Every file: path and text.
    pub(crate) fn all(&self) -> impl Iterator<Item = (&str, &str)> {
        self.files.iter().map(|(path, text)| (path.as_str(), text.as_str()))
    }

    /// The files whose name ends in one of these.
    pub(crate) fn ending<'tree>(
        &'tree self,
        endings: &'tree [&str],
    ) -> impl Iterator<Item = (&'tree str, &'tree str)> {
        self.all().filter(move |(path, _)| endings.iter().any(|ending| path.ends_with(ending)))
    }
}

/// Folders that every machine has. A project may lie in one, and a document may still speak of it.
const COMMON_FOLDERS: &[&str] = &["/tmp/", "/var/tmp/", "/opt/", "/srv/", "/mnt/", "/home/", "/usr/src/"];

/// The folder the project lies in, and the home folder: what a path copied from a terminal starts with.
fn machine_folders(root: &Path) -> Vec<String> {
    let home = std::env::var_os("HOME").map(std::path::PathBuf::from);
    let folders = [root.parent().map(Path::to_path_buf), home];
    let texts = folders.into_iter().flatten().map(|folder| folder.to_string_lossy().into_owned());
    let folders = texts.map(|text| format!("{}/", text.trim_end_matches('/')));
    folders.filter(|folder| folder != "/" && !COMMON_FOLDERS.contains(&folder.as_str())).collect()
}
