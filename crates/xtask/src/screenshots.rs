//! `cargo xtask screenshots`: the pictures of the documentation, taken from the real window.

use anyhow::{Context, Result, bail};
use std::fs;
use std::path::Path;

use crate::display::Session;
use crate::interface;
use crate::process;
use crate::setup::{self, Group};
use crate::step::Steps;
use crate::workspace::{WINDOW_FEATURES, WINDOW_TEST_FEATURES, Workspace};

/// The test that takes them. It runs with all others too, and keeps nothing then.
const TEST: &str = "pictures::the_pictures_of_the_documentation_are_of_the_real_window";

/// What it is asked for with: the folder that the pictures go to.
const FOLDER_VARIABLE: &str = "DESKBELL_SCREENSHOTS";

/// Where the documents find them.
const FOLDER: &str = "docs/screenshots";

const PICTURES: [&str; 4] = ["signin-light.png", "signin-dark.png", "inbox-light.png", "inbox-dark.png"];

/// Takes the pictures anew.
pub(crate) fn screenshots(workspace: &Workspace) -> Result<()> {
    let mut steps = Steps::default();
    let groups = [Group::Compile, Group::Window, Group::Headless, Group::Test];
    setup::system_packages(&mut steps, workspace, &groups)?;
    interface::install_packages(&mut steps, workspace)?;
    interface::build(&mut steps, workspace)?;
    let programs = ["build", "--workspace", "--lib", "--bins", "--features", WINDOW_FEATURES];
    steps.run("Building", || process::run(&mut workspace.cargo(&programs)))?;

    // Into a folder of their own first: pictures that are there already only go when there are new ones.
    let taken = tempfile::tempdir()?;
    let session = Session::with_screen()?;
    let arguments = ["test", "--workspace", "--test", "window", "--features", WINDOW_TEST_FEATURES];
    let mut test = workspace.cargo(&arguments);
    test.args(["--", "--exact", TEST]);
    session.enter(&mut test).env("DESKBELL_TEST_KEYCHAIN", "1").env(FOLDER_VARIABLE, taken.path());
    steps.run("Taking the pictures", || process::run(&mut test))?;
    keep(taken.path(), &workspace.root.join(FOLDER))
}

fn keep(taken: &Path, folder: &Path) -> Result<()> {
    if let Some(missing) = PICTURES.iter().find(|name| !taken.join(name).is_file()) {
        bail!("{missing} was not taken");
    }
    fs::create_dir_all(folder).with_context(|| format!("creating {}", folder.display()))?;
    for name in PICTURES {
        let to = folder.join(name);
        fs::copy(taken.join(name), &to).with_context(|| format!("writing {}", to.display()))?;
        eprintln!("    {}", to.display());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_are_only_replaced_when_all_were_taken() {
        let (taken, folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let there = || fs::read_dir(folder.path()).unwrap().count();
        for (at, name) in PICTURES.into_iter().enumerate() {
            assert!(keep(taken.path(), folder.path()).is_err(), "{at} of them are there");
            assert_eq!(there(), 0);
            fs::write(taken.path().join(name), name).unwrap();
        }
        keep(taken.path(), folder.path()).unwrap();
        assert_eq!(there(), PICTURES.len());
    }
}
