//! `cargo xtask bench`: figures, each beside the yardstick of the same run.
//!
//! A benchmark is a program of `crates/e2e` whose name begins with `bench-`. It prints one JSON object on its
//! standard output, `{"figures": [...]}`, with figures as [`figure::Figure`] describes them; what it says to a person
//! goes to standard error. It is found by its name, so that adding one changes nothing here. It runs in a session of
//! its own with a screen and a keyring, and finds the release programs in the folder `DESKBELL_PROGRAMS` and a
//! PostgreSQL that synchronises its writes at `DESKBELL_TEST_PG_URL`.

mod build_times;
mod disk;
mod figure;

use anyhow::{Context, Result, bail};
use std::process::Command;

use crate::display::Session;
use crate::interface;
use crate::postgres::{Durability, Postgres};
use crate::process;
use crate::setup::{self, Group};
use crate::step::Steps;
use crate::workspace::{Profile, WINDOW_FEATURES, Workspace};
use figure::{Figure, Report};

/// The crate whose programs are the benchmarks, and what their names begin with.
const PACKAGE: &str = "deskbell-e2e";
const PREFIX: &str = "bench-";

/// What to measure.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Print the figures as JSON on standard output instead of a table.
    #[arg(long)]
    json: bool,
    /// Run only the benchmark of this name (the disk's yardstick always runs).
    #[arg(long, value_name = "NAME")]
    only: Option<String>,
    /// Also measure a clean and an incremental build. Takes minutes.
    #[arg(long)]
    build_times: bool,
}

/// Measures and prints. A missed goal is said, and is no failure: a bench reports what is true.
pub(crate) fn bench(workspace: &Workspace, options: &Options) -> Result<()> {
    let mut steps = Steps::default();
    let programs = chosen(workspace, options.only.as_deref())?;
    let mut figures = vec![steps.run("Measuring the disk", || disk::fsync_rate(workspace))?];
    if !programs.is_empty() {
        figures.extend(run_programs(&mut steps, workspace, &programs)?);
    }
    if options.build_times {
        figures.extend(steps.run("Measuring builds", || build_times::measure(workspace))?);
    }
    let report = Report { figures };
    if options.json {
        println!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        println!("\n{report}");
    }
    Ok(())
}

/// The benchmark programs to run, without their prefix.
fn chosen(workspace: &Workspace, only: Option<&str>) -> Result<Vec<String>> {
    let all: Vec<String> = workspace
        .targets(PACKAGE, "bin")
        .filter_map(|name| name.strip_prefix(PREFIX).map(str::to_owned))
        .collect();
    match only {
        None => Ok(all),
        Some("disk") => Ok(Vec::new()),
        Some(name) if all.iter().any(|one| one == name) => Ok(vec![name.to_owned()]),
        Some(name) => bail!("there is no benchmark `{name}`; there are: disk {}", all.join(" ")),
    }
}

fn run_programs(steps: &mut Steps, workspace: &Workspace, names: &[String]) -> Result<Vec<Figure>> {
    let groups = [Group::Compile, Group::Window, Group::Headless, Group::Test];
    setup::system_packages(steps, workspace, &groups)?;
    interface::install_packages(steps, workspace)?;
    interface::build(steps, workspace)?;
    let mut build = workspace.cargo(&["build", "--release", "--workspace", "--exclude", "xtask", "--bins"]);
    steps.run("Building (release)", || process::run(build.args(["--features", WINDOW_FEATURES])))?;
    let postgres = Postgres::start(Durability::Full)?;
    let mut figures = Vec::new();
    for name in names {
        // A session per program: no program finds what another left in the keyring.
        let session = Session::with_screen()?;
        let mut command = Command::new(workspace.program(Profile::Release, &format!("{PREFIX}{name}"))?);
        command.current_dir(&workspace.root).env_remove("RUST_BACKTRACE");
        command.env("DESKBELL_PROGRAMS", workspace.programs(Profile::Release));
        postgres.announce(session.enter(&mut command));
        figures.extend(steps.run(&format!("Measuring: {name}"), || measured(&mut command))?);
    }
    Ok(figures)
}

fn measured(command: &mut Command) -> Result<Vec<Figure>> {
    let mut printed = String::new();
    process::run_lines(command, |line| {
        printed.push_str(line);
        printed.push('\n');
    })?;
    let report: Report = serde_json::from_str(&printed).context("reading the figures it printed")?;
    Ok(report.figures)
}
