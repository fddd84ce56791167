//! `cargo xtask`: one program for everything that is done with the project, so that a person and CI do the same.
//!
//! It stays small and free of the product's own crates: it must compile in seconds on a machine that has nothing yet.

// A command-line tool speaks through its two streams.
#![allow(clippy::print_stdout, clippy::print_stderr)]

mod bench;
mod display;
mod interface;
mod limits;
mod postgres;
mod process;
mod run;
mod screenshots;
mod setup;
mod step;
mod tally;
mod test;
mod tidy;
mod workspace;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

use crate::step::Steps;
use crate::workspace::Workspace;

/// What a shell reports for a program ended by Ctrl-C: 128 + SIGINT.
const EXIT_INTERRUPTED: u8 = 130;

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Set up, run, test, tidy and bench Deskbell.")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Install what is missing to build, run and test: system packages and the interface's packages.
    Setup,
    /// Start the practice tenant and open the window on it.
    Run(run::Options),
    /// Everything CI checks, in order, stopping at the first failure.
    Test(test::Options),
    /// Check the invariants of the code base.
    Tidy,
    /// Write the interface's side of the command list anew.
    Bindings,
    /// Take the pictures of the documentation anew, from the real window.
    Screenshots,
    /// Measure, each figure beside its yardstick. Builds in release mode.
    Bench(bench::Options),
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let outcome = process::end_children_on_signals().and_then(|()| perform(arguments.task));
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) if process::interrupted() => ExitCode::from(EXIT_INTERRUPTED),
        Err(error) => {
            eprintln!("\nxtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn perform(task: Task) -> anyhow::Result<()> {
    let workspace = Workspace::find()?;
    match task {
        Task::Setup => setup::everything(&mut Steps::default(), &workspace),
        Task::Run(options) => run::run(&workspace, options),
        Task::Test(options) => test::test(&workspace, options),
        Task::Tidy => tidy::tidy(&workspace),
        Task::Bindings => process::run(&mut workspace.cargo(&[
            "run",
            "-p",
            "deskbell-console",
            "--bin",
            "generate-bindings",
        ])),
        Task::Screenshots => screenshots::screenshots(&workspace),
        Task::Bench(options) => bench::bench(&workspace, &options),
    }
}
