//! The programs of a scenario. Each is ended by its own id, and so is what it started, whatever becomes of the scenario.

use std::fs;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::thread;
use std::time::Instant;

use anyhow::{Context as _, Result, bail};
use rustix::process::{Pid, Signal, kill_process};

use crate::limits::{GONE_LOOK_EVERY, GONE_MAX};
use crate::wait::until;

/// A program that runs. Dropped, it is killed.
pub(crate) struct Program {
    name: &'static str,
    child: Child,
}

impl Program {
    pub(crate) fn start(name: &'static str, command: &mut Command) -> Result<Self> {
        let child = command.stdin(Stdio::null()).spawn().with_context(|| format!("{name} does not start"))?;
        Ok(Self { name, child })
    }

    /// Its standard output, where it is piped and nobody has it yet.
    pub(crate) fn output(&mut self) -> Result<ChildStdout> {
        self.child.stdout.take().with_context(|| format!("the output of {} is not piped", self.name))
    }

    /// Fails when it has ended.
    pub(crate) fn still_runs(&mut self) -> Result<()> {
        match self.child.try_wait()? {
            Some(status) => bail!("{} has ended with {status}", self.name),
            None => Ok(()),
        }
    }

    /// The processes that it started and that run.
    pub(crate) fn started(&self) -> Vec<Pid> {
        children_of(self.child.id())
    }

    /// Asks it to end, and waits until it has.
    pub(crate) async fn stop(mut self) -> Result<()> {
        kill_process(Pid::from_child(&self.child), Signal::TERM)?;
        let status = until("the program ends", async || Ok(self.child.try_wait()?)).await?;
        if status.success() { Ok(()) } else { bail!("{} ended with {status}", self.name) }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // What it started goes first: without their parent nobody would know their ids.
        self.started().into_iter().for_each(end);
        // One that has ended by itself is what was wanted.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Kills a process, as a power cut would, and waits until it is gone.
pub(crate) fn end(process: Pid) {
    if kill_process(process, Signal::KILL).is_err() {
        return;
    }
    let killed = Instant::now();
    while runs(process) && killed.elapsed() < GONE_MAX {
        thread::sleep(GONE_LOOK_EVERY);
    }
}

fn runs(process: Pid) -> bool {
    // One whose parent has not asked for its end yet runs no more.
    stat(&process.as_raw_nonzero().to_string()).is_some_and(|(state, _)| state != "Z")
}

fn children_of(parent: u32) -> Vec<Pid> {
    let Ok(processes) = fs::read_dir("/proc") else { return Vec::new() };
    let names = processes.flatten().filter_map(|process| process.file_name().into_string().ok());
    let children = names.filter(|name| stat(name).is_some_and(|(_, of)| of == parent));
    children.filter_map(|name| Pid::from_raw(name.parse().ok()?)).collect()
}

/// State and parent of a process.
fn stat(process: &str) -> Option<(String, u32)> {
    let text = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The name stands in brackets and may itself contain some.
    let (_, after_name) = text.rsplit_once(") ")?;
    let mut fields = after_name.split(' ');
    Some((fields.next()?.to_owned(), fields.next()?.parse().ok()?))
}
