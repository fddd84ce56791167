//! `deskbell-headless`: the console's engine without a window. JSON lines in, JSON lines out.

mod arguments;
mod desk;
mod input;
mod line;
mod output;

use std::io::Write as _;
use std::process::ExitCode;

use clap::Parser as _;
use deskbell_domain::Sensitive;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::console::StartError;
use crate::limits::REQUESTS_WAITING_MAX;
use crate::telemetry;
use arguments::Arguments;
use desk::{Credentials, Desk, SignInError};
use input::{Input, Lines};
use line::{Problem, RequestLine, Said};
use output::Output;

/// Name of the variable that holds the password. A command line can be read by everybody on the machine.
const PASSWORD_VARIABLE: &str = "DESKBELL_PASSWORD";

/// It did not begin, or lost its output.
const FAILED: u8 = 1;

/// Why the program ends before its input does.
#[derive(Debug, thiserror::Error)]
enum HeadlessError {
    /// A console does not start.
    #[error("console {console}: {error}")]
    Start {
        /// Which, counted from 1.
        console: usize,
        /// Why.
        error: StartError,
    },
    /// A console could not sign in.
    #[error("console {console}: {error}")]
    SignIn {
        /// Which, counted from 1.
        console: usize,
        /// Why.
        error: SignInError,
    },
    /// `--password-stdin`, and no line came.
    #[error("the first line of the standard input is to be the password, and there was none")]
    NoPasswordLine,
    /// Something the system refused.
    #[error("{0}: {error}", error = .1.kind())]
    System(&'static str, std::io::Error),
}

/// Runs the program with the process's arguments and environment.
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    telemetry::init();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return failed(&HeadlessError::System("no threads", error)),
    };
    let ran = runtime.block_on(run(arguments));
    // A call of the keychain that hangs must not keep the process.
    runtime.shutdown_background();
    ran.map_or_else(|error| failed(&error), |()| ExitCode::SUCCESS)
}

fn failed(error: &HeadlessError) -> ExitCode {
    // Where this cannot be written either, the code still says it.
    let _ = writeln!(std::io::stderr(), "deskbell-headless: {error}");
    ExitCode::from(FAILED)
}

async fn run(arguments: Arguments) -> Result<(), HeadlessError> {
    let stop = stop_signal()?;
    let mut lines = Lines::of_stdin().map_err(|error| HeadlessError::System("reading stdin", error))?;
    let output = Output::to_stdout().map_err(|error| HeadlessError::System("writing stdout", error))?;
    let password = if arguments.password_stdin {
        Some(lines.password().await.ok_or(HeadlessError::NoPasswordLine)?)
    } else {
        std::env::var(PASSWORD_VARIABLE).ok().map(Sensitive::new)
    };
    let credentials = Credentials { backend: arguments.backend.clone(), email: arguments.email(), password };

    let mut desks = Vec::with_capacity(arguments.count.into());
    for console in 1..=usize::from(arguments.count) {
        let started = Desk::start(console, arguments.options(console), output.clone()).await;
        let desk = started.map_err(|error| HeadlessError::Start { console, error })?;
        desks.push(desk);
    }
    let opened = open_all(&desks, &credentials).await;
    drop(credentials);
    let ended = match opened {
        Ok(()) => {
            serve(&desks, lines, &output, stop).await;
            Ok(())
        }
        Err(error) => Err(error),
    };
    for desk in desks {
        desk.stop().await;
    }
    output.finish().await;
    ended
}

/// Opens every console's session, or signs in. Those that come first do not wait for those that come last.
async fn open_all(desks: &[Desk], credentials: &Credentials) -> Result<(), HeadlessError> {
    for (console, desk) in (1..).zip(desks) {
        desk.open(credentials).await.map_err(|error| HeadlessError::SignIn { console, error })?;
    }
    Ok(())
}

/// Carries out requests until the input ends, the process is told to end, or nobody reads the output any more.
async fn serve(desks: &[Desk], mut lines: Lines, output: &Output, stop: impl Future<Output = ()> + Send) {
    let mut workers = JoinSet::new();
    let mut queues = Vec::with_capacity(desks.len());
    for desk in desks {
        let (queue, requests) = mpsc::channel(REQUESTS_WAITING_MAX);
        workers.spawn(desk.clone().answer(requests));
        queues.push(queue);
    }
    tokio::pin!(stop);
    loop {
        let input = tokio::select! {
            input = lines.next() => input,
            () = &mut stop => return,
            () = output.closed() => return,
        };
        let Some(input) = input else { break };
        if let Err(problem) = pass_on(&queues, input).await {
            output.say(Said::NotUnderstood { error: problem }).await;
        }
    }
    // What was asked before the end of the input is still answered.
    drop(queues);
    tokio::select! {
        _ = workers.join_all() => {}
        () = &mut stop => {}
        () = output.closed() => {}
    }
}

/// Gives a request to its console, which carries them out in the order in which they came.
async fn pass_on(queues: &[mpsc::Sender<RequestLine>], input: Input) -> Result<(), Problem> {
    let request = line::request(input)?;
    let number = request.console;
    let queue = number.checked_sub(1).and_then(|index| queues.get(index));
    let queue = queue.ok_or_else(|| Problem::no_such_console(number, queues.len()))?;
    // A console's worker ends after this loop does.
    let _ = queue.send(request).await;
    Ok(())
}

/// Resolves when the process is told to end.
#[cfg(unix)]
fn stop_signal() -> Result<impl Future<Output = ()> + Send, HeadlessError> {
    use tokio::signal::unix::{SignalKind, signal};
    let listen = |kind| signal(kind).map_err(|error| HeadlessError::System("hearing signals", error));
    let (mut interrupt, mut terminate) = (listen(SignalKind::interrupt())?, listen(SignalKind::terminate())?);
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

/// Resolves when the process is told to end.
#[cfg(not(unix))]
fn stop_signal() -> Result<impl Future<Output = ()> + Send, HeadlessError> {
    Ok(async {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    })
}
