//! `cargo xtask tidy`: what must stay true of the code base, checked from its text.
//!
//! A check is a function from the files to what is wrong with them, so each has a test that shows it failing.

mod catalogue;
mod crates;
mod generated;
mod guides;
mod machine;
mod promises;
mod scan;
mod seam;
mod size;
mod sql;
mod tree;
mod unfinished;

use anyhow::{Result, bail};
use std::fmt;

use crate::workspace::Workspace;
use tree::Tree;

/// One place that breaks an invariant.
#[derive(Debug, PartialEq, Eq)]
struct Problem {
    path: String,
    /// Counted from 1; 0 speaks of the whole file.
    line: usize,
    message: String,
}

impl Problem {
    fn in_file(path: &str, message: impl Into<String>) -> Self {
        Self { path: path.to_owned(), line: 0, message: message.into() }
    }

    fn at(path: &str, line: usize, message: impl Into<String>) -> Self {
        Self { path: path.to_owned(), line, message: message.into() }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(out, "{}: {}", self.path, self.message),
            line => write!(out, "{}:{line}: {}", self.path, self.message),
        }
    }
}

/// Every check that needs nothing but the files.
const CHECKS: &[fn(&Tree) -> Vec<Problem>] = &[
    crates::directions,
    crates::reserved_dependencies,
    crates::workspace_lints,
    sql::sql_outside_storage,
    seam::host_named_outside_the_seam,
    size::long_files,
    unfinished::unfinished_work,
    machine::machine_paths,
    machine::recorded_downloads,
    promises::unproved_promises,
    catalogue::catalogues,
    guides::crates_on_the_map,
];

/// Prints everything that is wrong, and fails when something is.
pub(crate) fn tidy(workspace: &Workspace) -> Result<()> {
    let tree = Tree::read(&workspace.root)?;
    let mut problems: Vec<Problem> = CHECKS.iter().flat_map(|check| check(&tree)).collect();
    problems.sort_by(|a, b| (&a.path, a.line).cmp(&(&b.path, b.line)));
    problems.iter().for_each(|problem| eprintln!("{problem}"));
    if !problems.is_empty() {
        bail!("{} invariants are broken (each line above names its place)", problems.len());
    }
    generated::bindings_are_current(workspace)
}
