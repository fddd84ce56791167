//! `cargo xtask test`: what CI runs, in order, stopping at the first failure.

use anyhow::{Result, bail};
use std::process::Command;

use crate::display::Session;
use crate::interface;
use crate::postgres::{Durability, Postgres};
use crate::process;
use crate::setup::{self, Group};
use crate::step::Steps;
use crate::tally::Tally;
use crate::tidy;
use crate::workspace::{Profile, WINDOW_FEATURES, WINDOW_TEST_FEATURES, Workspace};

/// How much to test.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// What a person runs while working: no window, no PostgreSQL, no browser, no documentation.
    #[arg(long)]
    fast: bool,
}

/// Runs the steps, then prints their times and the sum of all tests, also after a failure.
pub(crate) fn test(workspace: &Workspace, options: Options) -> Result<()> {
    let mut run = TestRun { workspace, steps: Steps::default(), tally: Tally::default() };
    let outcome = if options.fast { run.fast() } else { run.full() };
    run.steps.print_summary();
    println!("{} passed, {} failed", run.tally.passed, run.tally.failed);
    outcome
}

struct TestRun<'workspace> {
    workspace: &'workspace Workspace,
    steps: Steps,
    tally: Tally,
}

impl TestRun<'_> {
    fn fast(&mut self) -> Result<()> {
        setup::system_packages(&mut self.steps, self.workspace, &[Group::Compile, Group::Window])?;
        self.source_checks()?;
        self.interface()?;
        self.lints()?;
        self.cargo_tests(
            "Tests (SQLite)",
            &mut self.workspace.cargo(&["test", "--workspace", "--features", WINDOW_FEATURES]),
        )
    }

    fn full(&mut self) -> Result<()> {
        let groups = [Group::Compile, Group::Window, Group::Headless, Group::Test];
        setup::system_packages(&mut self.steps, self.workspace, &groups)?;
        self.source_checks()?;
        self.interface()?;
        self.lints()?;
        self.build()?;
        self.tests_on_both_engines()?;
        self.browser()?;
        self.window()?;
        self.documentation()?;
        self.licences()
    }

    fn source_checks(&mut self) -> Result<()> {
        let workspace = self.workspace;
        self.steps.run("Formatting", || process::run(&mut workspace.cargo(&["fmt", "--all", "--check"])))?;
        self.steps.run("Invariants", || tidy::tidy(workspace))
    }

    fn interface(&mut self) -> Result<()> {
        let workspace = self.workspace;
        interface::install_packages(&mut self.steps, workspace)?;
        self.steps.run("Interface: types", || process::run(&mut workspace.npm(&["run", "check"])))?;
        self.counted("Interface: unit tests", &mut workspace.npm(&["test"]))?;
        // The window embeds the built interface, so compiling the window needs it.
        interface::build(&mut self.steps, workspace)
    }

    fn lints(&mut self) -> Result<()> {
        let mut clippy = self.workspace.cargo(&["clippy", "--workspace", "--all-targets"]);
        clippy.args(["--features", WINDOW_TEST_FEATURES, "--", "-D", "warnings"]);
        self.steps.run("Lints", || process::run(&mut clippy))
    }

    /// Programs and tests in one go: the scenario tests start the programs beside them.
    fn build(&mut self) -> Result<()> {
        let arguments = ["build", "--workspace", "--lib", "--bins", "--tests", "--features", WINDOW_FEATURES];
        self.steps.run("Building", || process::run(&mut self.workspace.cargo(&arguments)))
    }

    fn tests_on_both_engines(&mut self) -> Result<()> {
        let postgres = self.steps.run("Starting PostgreSQL", || Postgres::start(Durability::Throwaway))?;
        let session = self.steps.run("Starting a keyring", Session::without_screen)?;
        let mut tests = self.workspace.cargo(&["test", "--workspace", "--features", WINDOW_FEATURES]);
        postgres.announce(session.enter(&mut tests));
        self.cargo_tests("Tests (SQLite, PostgreSQL, keychain)", tests.env("DESKBELL_TEST_KEYCHAIN", "1"))
    }

    fn browser(&mut self) -> Result<()> {
        let session = Session::without_screen()?;
        let mut tests = self.workspace.npm(&["run", "test:browser"]);
        self.counted("Interface in Chromium", session.enter(&mut tests))
    }

    fn window(&mut self) -> Result<()> {
        if !self.workspace.has_target("deskbell", "test", "window") {
            eprintln!("The real window is not tested: there is no test `window` yet.");
            return Ok(());
        }
        let session = Session::with_screen()?;
        // The features of the whole workspace again, so that only the window's own crate is compiled anew.
        let arguments = ["test", "--workspace", "--test", "window", "--features", WINDOW_TEST_FEATURES];
        let mut tests = self.workspace.cargo(&arguments);
        session.enter(&mut tests).env("DESKBELL_TEST_KEYCHAIN", "1");
        self.cargo_tests("The real window", &mut tests)?;
        self.steps.run("The window keeps its SQLite to itself", || exports_no_sqlite(self.workspace))
    }

    fn documentation(&mut self) -> Result<()> {
        let mut doc =
            self.workspace.cargo(&["doc", "--workspace", "--no-deps", "--features", WINDOW_FEATURES]);
        self.steps.run("Documentation", || process::run(doc.env("RUSTDOCFLAGS", "-D warnings")))
    }

    fn licences(&mut self) -> Result<()> {
        if !process::is_on_path("cargo-deny") {
            eprintln!("Licences and sources are not checked: cargo-deny is not installed.");
            return Ok(());
        }
        let mut deny = self.workspace.cargo(&["deny", "check", "licenses", "bans", "sources"]);
        self.steps.run("Licences and sources", || process::run(&mut deny))
    }

    fn cargo_tests(&mut self, title: &str, command: &mut Command) -> Result<()> {
        // With their output piped, cargo and the tests would think that nobody looks.
        if std::io::IsTerminal::is_terminal(&std::io::stdout()) {
            command.env("CARGO_TERM_COLOR", "always");
        }
        self.counted(title, command)
    }

    /// Runs test programs, shows what they print, and counts what they report.
    fn counted(&mut self, title: &str, command: &mut Command) -> Result<()> {
        let Self { steps, tally, .. } = self;
        let before = *tally;
        steps.run(title, || {
            process::run_lines(command, |line| {
                println!("{line}");
                tally.read(line);
            })?;
            if tally.passed == before.passed {
                bail!("no test ran");
            }
            Ok(())
        })
    }
}

/// WebKit and libsoup would bind to an SQLite that our program exports: two builds of it in one process.
fn exports_no_sqlite(workspace: &Workspace) -> Result<()> {
    let window = workspace.program(Profile::Debug, "deskbell")?;
    let symbols = process::output_of(Command::new("nm").args(["-D", "--defined-only"]).arg(window))?;
    match sqlite_symbols(&symbols) {
        0 => Ok(()),
        exported => bail!("the window's program exports {exported} symbols of its own SQLite"),
    }
}

fn sqlite_symbols(listed: &str) -> usize {
    listed.lines().filter(|line| line.contains(" sqlite3_")).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exported_sqlite_is_seen_in_the_list_of_symbols() {
        let listed = "0000000000a1 T main\n0000000000b2 T sqlite3_open_v2\n0000000000c3 B my_sqlite3_state\n";
        assert_eq!(sqlite_symbols(listed), 1);
    }
}
