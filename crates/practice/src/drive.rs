//! The round trip without a window: a customer writes, a console shows it, a reply goes out, its ticks come back.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{ExitCode, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use deskbell_practice::{Tenant, TenantOptions};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

/// How long any single step may take before the drive has failed.
const STEP_MAX: Duration = Duration::from_secs(20);

/// What was measured of each round, in milliseconds.
#[derive(Default)]
struct Figures {
    /// Customer presses send → the console has the message.
    arrived: Vec<f64>,
    /// Reply handed to the console → the customer has it.
    answered: Vec<f64>,
    /// Reply handed to the console → the console shows it read.
    read: Vec<f64>,
}

/// Drives rounds for so long, prints what they took, and says with the exit code whether all came through.
pub(crate) async fn run(length: Duration) -> anyhow::Result<ExitCode> {
    let folder = tempfile::tempdir().context("no folder for the practice")?;
    let options = TenantOptions { seed: 1, listen: ([127, 0, 0, 1], 0).into(), customers: 20 };
    let tenant = Tenant::start(folder.path(), &options).await.context("the practice did not start")?;
    let mut console = Console::start(&tenant, &folder.path().join("consoles")).await?;

    let mut figures = Figures::default();
    let began = Instant::now();
    let mut round = 0;
    while began.elapsed() < length {
        let customer = round % options.customers;
        drive_round(&tenant, &mut console, customer, round, &mut figures)
            .await
            .with_context(|| format!("round {round} did not come through"))?;
        round += 1;
    }
    console.stop().await?;
    tenant.stop().await.context("the backend had failed")?;

    let mut out = std::io::stdout().lock();
    writeln!(out, "{round} rounds in {:.1} s", began.elapsed().as_secs_f64())?;
    for (name, times) in [
        ("customer writes -> in the console's cache", &mut figures.arrived),
        ("reply handed over -> at the customer", &mut figures.answered),
        ("reply handed over -> shown as read", &mut figures.read),
    ] {
        times.sort_by(f64::total_cmp);
        writeln!(out, "{name:<44} median {:>8.1} ms  p99 {:>8.1} ms", at(times, 50), at(times, 99))?;
    }
    Ok(if round > 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The percentile of sorted times.
fn at(sorted: &[f64], percent: usize) -> f64 {
    let index = (sorted.len().saturating_sub(1) * percent).div_ceil(100);
    sorted.get(index).copied().unwrap_or(f64::NAN)
}

async fn drive_round(
    tenant: &Tenant,
    console: &mut Console,
    customer: usize,
    round: usize,
    figures: &mut Figures,
) -> anyhow::Result<()> {
    let customer = tenant.platform.customer(customer);
    let question = format!("Question number {round}");
    let answer = format!("Answer number {round}");

    let wrote = Instant::now();
    customer.writes(&question).await;
    let conversation = console.shows(&question).await.context("the message did not arrive")?;
    figures.arrived.push(wrote.elapsed().as_secs_f64() * 1000.0);

    let received = customer.received().len();
    let replied = Instant::now();
    let reply = json!({"conversation": conversation, "text": answer});
    let queued = console.call("reply", reply).await?;
    let message = queued.get("message").and_then(Value::as_str).context("no message id")?.to_owned();
    let all = customer.receives(received + 1, STEP_MAX).await.context("the reply did not arrive")?;
    figures.answered.push(replied.elapsed().as_secs_f64() * 1000.0);
    if all.len() != received + 1 {
        bail!("the customer received the reply {} times", all.len() - received);
    }
    console.shows_read(&conversation, &message).await.context("the ticks did not come")?;
    figures.read.push(replied.elapsed().as_secs_f64() * 1000.0);
    Ok(())
}

/// A `deskbell-headless` beside this program.
struct Console {
    child: Child,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
    /// Whether a view changed since the last look, perhaps while an answer was awaited.
    has_changed: bool,
}

impl Console {
    async fn start(tenant: &Tenant, folder: &Path) -> anyhow::Result<Self> {
        let member = Tenant::members().into_iter().next().context("nobody works there")?;
        let mut child = Command::new(program()?)
            .args([
                "--backend",
                &tenant.backend_url(),
                "--email",
                member.email,
                "--memory-vault",
                "--data-dir",
            ])
            .arg(folder)
            .env("DESKBELL_PASSWORD", member.password)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .context("deskbell-headless did not start")?;
        let input = child.stdin.take().context("no input")?;
        let output = BufReader::new(child.stdout.take().context("no output")?).lines();
        let mut console = Self { child, input, output, has_changed: false };
        while console.line().await?.get("ready").is_none() {}
        Ok(console)
    }

    /// The next line the console writes.
    async fn line(&mut self) -> anyhow::Result<Value> {
        let line = tokio::time::timeout(STEP_MAX, self.output.next_line()).await;
        let line = line.context("the console said nothing for too long")??.context("the console ended")?;
        let line: Value = serde_json::from_str(&line).context("a line that is not JSON")?;
        self.has_changed |= line.get("changed").is_some();
        Ok(line)
    }

    /// Calls a command, and gives its answer.
    async fn call(&mut self, name: &str, request: Value) -> anyhow::Result<Value> {
        self.has_changed = false;
        let line = json!({"id": "drive", "call": name, "request": request}).to_string() + "\n";
        self.input.write_all(line.as_bytes()).await?;
        loop {
            let line = self.line().await?;
            if let Some(ok) = line.get("ok") {
                return Ok(ok.clone());
            }
            if let Some(error) = line.get("error") {
                bail!("{name} failed: {error}");
            }
        }
    }

    /// Waits until a view has changed since the last call began.
    async fn changed(&mut self) -> anyhow::Result<()> {
        while !self.has_changed {
            self.line().await?;
        }
        Ok(())
    }

    /// Waits until the list's newest conversation shows the text; gives its id.
    async fn shows(&mut self, text: &str) -> anyhow::Result<String> {
        let all = json!({"view": "all", "offset": 0, "limit": 50});
        let deadline = Instant::now() + STEP_MAX;
        while Instant::now() < deadline {
            let list = self.call("list", all.clone()).await?;
            let rows = list.get("rows").and_then(Value::as_array).context("no rows")?;
            let row =
                rows.iter().find(|row| row.pointer("/preview/text").and_then(Value::as_str) == Some(text));
            if let Some(id) = row.and_then(|row| row.get("id")).and_then(Value::as_str) {
                return Ok(id.to_owned());
            }
            self.changed().await?;
        }
        bail!("not within {STEP_MAX:?}")
    }

    /// Waits until the message of the thread is shown as read.
    async fn shows_read(&mut self, conversation: &str, message: &str) -> anyhow::Result<()> {
        let newest = json!({"conversation": conversation, "limit": 20});
        let deadline = Instant::now() + STEP_MAX;
        while Instant::now() < deadline {
            let thread = self.call("thread", newest.clone()).await?;
            let messages = thread.get("messages").and_then(Value::as_array).context("no messages")?;
            let shown =
                messages.iter().find(|shown| shown.get("id").and_then(Value::as_str) == Some(message));
            let status = shown.and_then(|shown| shown.pointer("/delivery/status")).and_then(Value::as_str);
            match status {
                Some("read") => return Ok(()),
                Some("failed") => bail!("the message failed"),
                _ => self.changed().await?,
            }
        }
        bail!("not within {STEP_MAX:?}")
    }

    async fn stop(mut self) -> anyhow::Result<()> {
        drop(self.input);
        self.child.wait().await.context("the console did not end")?;
        Ok(())
    }
}

/// The program beside this one.
fn program() -> anyhow::Result<PathBuf> {
    let here = std::env::current_exe().context("where is this program")?;
    let name = format!("deskbell-headless{}", std::env::consts::EXE_SUFFIX);
    let program = here.with_file_name(name);
    if !program.is_file() {
        bail!("deskbell-headless is not beside deskbell-practice: build it first");
    }
    Ok(program)
}
