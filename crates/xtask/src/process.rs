//! Children: each in a process group of its own, each ended by its own id, none left behind.

use anyhow::{Context, Result, anyhow, bail};
use rustix::io::Errno;
use rustix::process::{Pid, Signal, kill_process_group, test_kill_process_group};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::limits::{CHILD_GRACE, LOG_TAIL_LINES, POLL};

/// The process groups alive now, with the signal that asks each to end.
static GROUPS: Mutex<BTreeMap<i32, Signal>> = Mutex::new(BTreeMap::new());
static INTERRUPTED: AtomicBool = AtomicBool::new(false);

fn groups() -> MutexGuard<'static, BTreeMap<i32, Signal>> {
    GROUPS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether a signal asked this program to stop. Everything in progress then fails, and cleans up on its way out.
pub(crate) fn interrupted() -> bool {
    INTERRUPTED.load(Ordering::SeqCst)
}

/// From now on Ctrl-C, SIGTERM and SIGHUP end every child. The main thread sees its child end, and returns.
pub(crate) fn end_children_on_signals() -> Result<()> {
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP]).context("listening for signals")?;
    std::thread::spawn(move || {
        for _signal in signals.forever() {
            INTERRUPTED.store(true, Ordering::SeqCst);
            let alive: Vec<(i32, Signal)> = groups().iter().map(|(id, signal)| (*id, *signal)).collect();
            alive.into_iter().for_each(|(id, signal)| send(id, signal));
        }
    });
    Ok(())
}

fn send(group: i32, signal: Signal) {
    if let Some(pid) = Pid::from_raw(group) {
        // A group that is already gone is what was asked for.
        let _gone = kill_process_group(pid, signal);
    }
}

fn has_members(group: i32) -> bool {
    Pid::from_raw(group).is_some_and(|pid| test_kill_process_group(pid) != Err(Errno::SRCH))
}

/// A child that runs beside this program until it is ended or dropped.
pub(crate) struct Running {
    name: String,
    pub(crate) child: Child,
    signal: Signal,
    grace: Duration,
}

impl Running {
    /// Starts the command in a group of its own, without a terminal to read from unless `command` says otherwise.
    pub(crate) fn start(name: &str, command: &mut Command) -> Result<Self> {
        Self::start_ended_by(name, command, Signal::TERM)
    }

    /// As [`Running::start`], for a program that wants another signal than SIGTERM to end quickly.
    pub(crate) fn start_ended_by(name: &str, command: &mut Command, signal: Signal) -> Result<Self> {
        if interrupted() {
            bail!("interrupted");
        }
        let child = command.process_group(0).spawn().map_err(|error| not_started(command, &error))?;
        let running = Self { name: name.to_owned(), child, signal, grace: CHILD_GRACE };
        groups().insert(running.group(), signal);
        // A signal that came between the spawn and the entry did not see this child.
        if interrupted() {
            bail!("interrupted");
        }
        Ok(running)
    }

    fn group(&self) -> i32 {
        // The id of a live process fits: the kernel counts in i32.
        i32::try_from(self.child.id()).unwrap_or(i32::MAX)
    }

    /// Waits for the child to end by itself, then ends whatever it started and left.
    pub(crate) fn wait(mut self) -> Result<ExitStatus> {
        let status = self.child.wait().with_context(|| format!("waiting for {}", self.name))?;
        self.end_leftovers();
        if interrupted() { Err(anyhow!("interrupted")) } else { Ok(status) }
    }

    /// Waits until the child ends by itself or `until` has passed; `None` when it still runs.
    pub(crate) fn wait_until(&mut self, until: Instant) -> Result<Option<ExitStatus>> {
        loop {
            let ended = self.child.try_wait().with_context(|| format!("waiting for {}", self.name))?;
            if ended.is_some() || Instant::now() >= until {
                return Ok(ended);
            }
            if interrupted() {
                bail!("interrupted");
            }
            std::thread::sleep(POLL);
        }
    }

    /// Fails when the child has ended although it should serve on.
    pub(crate) fn still_runs(&mut self) -> Result<()> {
        match self.child.try_wait()? {
            Some(status) => bail!("{} ended early: {status}", self.name),
            None => Ok(()),
        }
    }

    fn ended_in_time(&mut self) -> bool {
        let started = Instant::now();
        while started.elapsed() < self.grace {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return true;
            }
            std::thread::sleep(POLL);
        }
        false
    }

    /// The lines it prints on its piped standard output. They are read to the end even if nobody takes them, so that
    /// the child never waits for a reader.
    pub(crate) fn lines(&mut self) -> Result<Receiver<String>> {
        let output = self.child.stdout.take().context("standard output was not piped")?;
        let (sender, lines) = mpsc::channel();
        std::thread::spawn(move || {
            for line in BufReader::new(output).split(b'\n').map_while(std::io::Result::ok) {
                let _nobody_takes_it = sender.send(String::from_utf8_lossy(&line).into_owned());
            }
        });
        Ok(lines)
    }

    /// Ends members of the group that outlived its leader.
    fn end_leftovers(&mut self) {
        let group = self.group();
        if groups().remove(&group).is_none() || !has_members(group) {
            return;
        }
        send(group, Signal::TERM);
        let started = Instant::now();
        while has_members(group) && started.elapsed() < self.grace {
            std::thread::sleep(POLL);
        }
        send(group, Signal::KILL);
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            send(self.group(), self.signal);
            if !self.ended_in_time() {
                eprintln!("{} did not end within {:?} and is killed", self.name, self.grace);
                send(self.group(), Signal::KILL);
                let _reaped = self.child.wait();
            }
        }
        self.end_leftovers();
    }
}

/// Runs a command to its end, its output on this program's own streams.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let status = Running::start(&in_short(command), command.stdin(Stdio::null()))?.wait()?;
    succeeded(command, status)
}

/// Runs a command and gives each line of its standard output to `each`.
pub(crate) fn run_lines(command: &mut Command, mut each: impl FnMut(&str)) -> Result<()> {
    let name = in_short(command);
    let mut running = Running::start(&name, command.stdin(Stdio::null()).stdout(Stdio::piped()))?;
    let lines = running.lines()?;
    let mut ended: Option<Instant> = None;
    loop {
        match lines.recv_timeout(POLL) {
            Ok(line) => each(&line),
            Err(RecvTimeoutError::Disconnected) => break,
            // Something the command left running may hold the pipe open; it is ended, and the pipe closes.
            Err(RecvTimeoutError::Timeout) => match ended {
                None if running.child.try_wait()?.is_some() => {
                    running.end_leftovers();
                    ended = Some(Instant::now());
                }
                Some(since) if since.elapsed() > CHILD_GRACE => break,
                _ => {}
            },
        }
    }
    let status = running.wait()?;
    succeeded(command, status)
}

/// Runs a command whose output only matters when it fails: it goes to `log`, and its end is shown then.
pub(crate) fn run_logged(command: &mut Command, log: &Path) -> Result<()> {
    if let Some(folder) = log.parent() {
        std::fs::create_dir_all(folder).with_context(|| format!("creating {}", folder.display()))?;
    }
    let file = File::create(log).with_context(|| format!("creating {}", log.display()))?;
    command.stdin(Stdio::null()).stderr(file.try_clone()?).stdout(file);
    let status = Running::start(&in_short(command), command)?.wait()?;
    if !status.success() {
        let text = std::fs::read_to_string(log).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        let skipped = lines.len().saturating_sub(LOG_TAIL_LINES);
        lines.iter().skip(skipped).for_each(|line| eprintln!("    {line}"));
        eprintln!("    (all of it: {})", log.display());
    }
    succeeded(command, status)
}

/// What a short command prints, or its failure with what it said on standard error.
pub(crate) fn output_of(command: &mut Command) -> Result<String> {
    let output = command.stdin(Stdio::null()).output().map_err(|error| not_started(command, &error))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("`{}` ended with {}: {}", in_short(command), output.status, said.trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Whether a program of this name can be started.
pub(crate) fn is_on_path(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

/// Looks at a condition until it holds. An error, or `limit` passing, ends the wait with a failure.
pub(crate) fn wait_for<T>(
    what: &str,
    limit: Duration,
    mut condition: impl FnMut() -> Result<Option<T>>,
) -> Result<T> {
    let started = Instant::now();
    loop {
        if let Some(value) = condition().with_context(|| format!("waiting for {what}"))? {
            return Ok(value);
        }
        if interrupted() {
            bail!("interrupted");
        }
        if started.elapsed() > limit {
            bail!("{what} did not happen within {} s", limit.as_secs());
        }
        std::thread::sleep(POLL);
    }
}

fn succeeded(command: &Command, status: ExitStatus) -> Result<()> {
    if status.success() { Ok(()) } else { Err(anyhow!("`{}` ended with {status}", in_short(command))) }
}

fn not_started(command: &Command, error: &std::io::Error) -> anyhow::Error {
    let program = command.get_program().to_string_lossy();
    if error.kind() == std::io::ErrorKind::NotFound {
        return anyhow!("`{program}` is not installed");
    }
    anyhow!("`{program}` could not be started: {error}")
}

/// The command as a person would type it, without its environment.
fn in_short(command: &Command) -> String {
    let program = Path::new(command.get_program()).file_name().unwrap_or(command.get_program());
    let words = std::iter::once(program).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]).stdin(Stdio::null());
        command
    }

    fn alive(pid: &str) -> bool {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.trim())).unwrap_or_default();
        // A zombie has ended; it only waits for the machine's first process to collect it.
        !stat.is_empty() && !stat.contains(") Z ")
    }

    #[test]
    fn dropping_a_child_ends_its_children_too() {
        let mut command = shell("sleep 600 & echo $!; wait");
        let mut running = Running::start("shell", command.stdout(Stdio::piped())).unwrap();
        let mut pid = String::new();
        BufReader::new(running.child.stdout.take().unwrap()).read_line(&mut pid).unwrap();
        assert!(alive(&pid));
        drop(running);
        assert!(!alive(&pid), "the grandchild {pid} outlived its group");
    }

    #[test]
    fn what_a_finished_command_left_running_is_ended_and_its_hold_on_the_output_with_it() {
        for script in ["sleep 600 >/dev/null & echo $!", "sleep 600 & echo $!"] {
            let mut pid = String::new();
            run_lines(&mut shell(script), |line| pid.push_str(line)).unwrap();
            assert!(!alive(&pid), "the background process {pid} was left behind");
        }
    }

    #[test]
    fn a_child_that_ignores_its_signal_is_killed() {
        let mut command = shell("trap '' TERM; echo ready; while :; do sleep 1; done");
        let mut running = Running::start("stubborn", command.stdout(Stdio::piped())).unwrap();
        let mut line = String::new();
        BufReader::new(running.child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let pid = running.child.id().to_string();
        running.grace = Duration::from_millis(200);
        drop(running);
        assert!(!alive(&pid));
    }

    #[test]
    fn a_failing_command_is_named_with_its_arguments() {
        let error = run(&mut shell("exit 3")).unwrap_err();
        assert_eq!(error.to_string(), "`sh -c exit 3` ended with exit status: 3");
    }

    #[test]
    fn a_missing_program_is_said_plainly() {
        let error = run(&mut Command::new("deskbell-no-such-program")).unwrap_err();
        assert_eq!(error.to_string(), "`deskbell-no-such-program` is not installed");
    }
}
