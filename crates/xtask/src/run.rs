//! `cargo xtask run`: the practice tenant and the window on it, from nothing.

use anyhow::{Result, bail};
use serde::Deserialize;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc::RecvTimeoutError;
use std::time::{Duration, Instant};

use crate::display::{self, Session};
use crate::interface;
use crate::limits::{POLL, PRACTICE_READY};
use crate::process::{self, Running};
use crate::setup::{self, Group};
use crate::step::Steps;
use crate::workspace::{Profile, WINDOW_FEATURES, Workspace};

/// Where a kept practice tenant is found. On loopback only.
const PRACTICE_ADDRESS: &str = "127.0.0.1:8485";

/// How to run.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Drive the round trip without a window, print its latencies, and exit 0 or 1. Needs --for.
    #[arg(long, requires = "seconds")]
    headless: bool,
    /// End after this many seconds.
    #[arg(long = "for", value_name = "SECONDS")]
    seconds: Option<u64>,
    /// Build as people install it: optimised.
    #[arg(long)]
    release: bool,
}

/// What `deskbell-practice` prints on its standard output once it serves.
#[derive(Deserialize)]
struct Ready {
    ready: bool,
    backend: String,
    users: Vec<User>,
}

#[derive(Deserialize)]
struct User {
    email: String,
    password: String,
    role: String,
}

/// Sets up, builds, and runs.
pub(crate) fn run(workspace: &Workspace, options: Options) -> Result<()> {
    let profile = if options.release { Profile::Release } else { Profile::Debug };
    match options.seconds {
        Some(seconds) if options.headless => drive(workspace, profile, seconds),
        seconds => open(workspace, profile, seconds.map(Duration::from_secs)),
    }
}

/// The round trip without a window: `deskbell-practice drive` measures it and decides.
fn drive(workspace: &Workspace, profile: Profile, seconds: u64) -> Result<()> {
    let mut steps = Steps::default();
    setup::system_packages(&mut steps, workspace, &[Group::Compile])?;
    let mut packages = vec!["-p", "deskbell-practice"];
    if workspace.has_target("deskbell-console", "bin", "deskbell-headless") {
        packages.extend(["-p", "deskbell-console"]);
    }
    build(&mut steps, workspace, profile, &packages)?;
    let mut command = Command::new(workspace.program(profile, "deskbell-practice")?);
    process::run(command.arg("drive").arg("--for").arg(seconds.to_string()))
}

/// The practice tenant, and the window on it.
fn open(workspace: &Workspace, profile: Profile, limit: Option<Duration>) -> Result<()> {
    let mut steps = Steps::default();
    let has_display = display::user_has_display();
    let mut groups = vec![Group::Compile, Group::Window];
    if !has_display {
        groups.push(Group::Headless);
    }
    setup::system_packages(&mut steps, workspace, &groups)?;
    interface::install_packages(&mut steps, workspace)?;
    interface::build(&mut steps, workspace)?;
    build(
        &mut steps,
        workspace,
        profile,
        &["-p", "deskbell", "-p", "deskbell-practice", "--features", WINDOW_FEATURES],
    )?;
    let kept = has_display.then(|| workspace.scratch());
    let (mut practice, ready) =
        steps.run("Starting the practice tenant", || start_practice(workspace, profile, kept.as_deref()))?;

    let mut command = Command::new(workspace.program(profile, "deskbell")?);
    command.env("DESKBELL_BACKEND", &ready.backend).env_remove("RUST_BACKTRACE").stdin(Stdio::null());
    if let Some(folder) = kept {
        command.env("DESKBELL_DATA_DIR", folder.join("console"));
        let mut window = Running::start("the window", &mut command)?;
        say_how_to_sign_in(&ready);
        return stay_open(&mut window, &mut practice, limit);
    }
    eprintln!("There is no display: the window opens on one that exists in memory only (Xvfb).");
    let session = Session::with_screen()?;
    let mut window = Running::start("the window", session.enter(&mut command))?;
    let picture = picture_path(workspace);
    steps.run("Waiting for the window", || session.picture_when_painted(&picture, &mut window))?;
    eprintln!("Screenshot: {}", picture.display());
    say_how_to_sign_in(&ready);
    stay_open(&mut window, &mut practice, limit)
}

fn picture_path(workspace: &Workspace) -> PathBuf {
    workspace.scratch().join("window.png")
}

fn build(steps: &mut Steps, workspace: &Workspace, profile: Profile, what: &[&str]) -> Result<()> {
    let mut command = workspace.cargo(&["build", "--bins"]);
    if profile == Profile::Release {
        command.arg("--release");
    }
    steps.run("Building", || process::run(command.args(what)))
}

/// Starts the practice tenant and waits until it serves. Where it is kept, it is at the same address the next time, so
/// that whoever signed in still is.
fn start_practice(workspace: &Workspace, profile: Profile, kept: Option<&Path>) -> Result<(Running, Ready)> {
    let mut command = Command::new(workspace.program(profile, "deskbell-practice")?);
    if let Some(folder) = kept {
        command.args(["--listen", PRACTICE_ADDRESS, "--data-dir"]).arg(folder.join("practice"));
    }
    command.env_remove("RUST_BACKTRACE").stdin(Stdio::null()).stdout(Stdio::piped());
    let mut practice = Running::start("the practice tenant", &mut command)?;
    let lines = practice.lines()?;
    let give_up = Instant::now() + PRACTICE_READY;
    loop {
        match lines.recv_timeout(POLL) {
            Ok(line) => match serde_json::from_str::<Ready>(&line) {
                Ok(ready) if ready.ready => return Ok((practice, ready)),
                Ok(_) | Err(_) => eprintln!("{line}"),
            },
            Err(RecvTimeoutError::Disconnected) => bail!("it ended before it was ready"),
            Err(RecvTimeoutError::Timeout) if process::interrupted() => bail!("interrupted"),
            Err(RecvTimeoutError::Timeout) if Instant::now() > give_up => {
                bail!("it was not ready within {} s", PRACTICE_READY.as_secs())
            }
            Err(RecvTimeoutError::Timeout) => {}
        }
    }
}

fn say_how_to_sign_in(ready: &Ready) {
    eprintln!("\nThe practice tenant serves at {}. Sign in as:", ready.backend);
    for User { email, password, role } in &ready.users {
        eprintln!("    {email}    password {password}    ({role})");
    }
    eprintln!("\nEverything in it is fictional. Closing the window or Ctrl-C ends it.");
}

/// Waits until the window is closed, the tenant ends, or the time is over.
fn stay_open(window: &mut Running, practice: &mut Running, limit: Option<Duration>) -> Result<()> {
    let started = Instant::now();
    loop {
        if let Some(status) = window.wait_until(Instant::now() + POLL)? {
            return if status.success() { Ok(()) } else { bail!("the window ended with {status}") };
        }
        practice.still_runs()?;
        if limit.is_some_and(|limit| started.elapsed() >= limit) {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ready_line_of_the_practice_tenant_is_understood() {
        let line = r#"{"ready":true,"backend":"http://127.0.0.1:4100","users":[
            {"email":"alice@example.test","password":"fictional","role":"agent"}],"more":"ignored"}"#;
        let ready: Ready = serde_json::from_str(line).unwrap();
        assert!(ready.ready);
        assert_eq!(ready.backend, "http://127.0.0.1:4100");
        assert_eq!(ready.users[0].email, "alice@example.test");
    }

    #[test]
    fn headless_needs_a_time() {
        #[derive(clap::Parser)]
        struct Line {
            #[command(flatten)]
            options: Options,
        }
        use clap::Parser;
        assert!(Line::try_parse_from(["run", "--headless"]).is_err());
        assert!(Line::try_parse_from(["run", "--headless", "--for", "5"]).unwrap().options.headless);
    }
}
