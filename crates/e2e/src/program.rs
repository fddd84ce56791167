//! The built programs as processes of their own, which can be killed.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context as _, Result, bail};
use deskbell_backend::config::Config;
use deskbell_backend::keys::KeyLocation;
use deskbell_backend::storage::DataLocation;
use rustix::process::{Pid, Signal};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::time::timeout;

use crate::limits::WAIT_MAX;
use crate::{Agent, Proxy, Wire, until};

/// A program beside the test's own folder, where cargo puts them.
fn program(name: &str) -> Result<PathBuf> {
    let test = std::env::current_exe()?;
    let folder = test.parent().and_then(Path::parent).context("the test lies in a target folder")?;
    let program = folder.join(format!("{name}{}", std::env::consts::EXE_SUFFIX));
    if !program.is_file() {
        bail!("{name} is not built: run `cargo build --workspace --bins` first");
    }
    Ok(program)
}

fn log(folder: &Path, name: &str) -> Result<File> {
    Ok(OpenOptions::new().create(true).append(true).open(folder.join(name))?)
}

/// Kills a process, as a power cut would.
async fn kill(child: &mut Child) -> Result<()> {
    child.start_kill()?;
    child.wait().await?;
    Ok(())
}

/// A backend that runs as a process of its own. Dropped, it is killed.
pub struct BackendProcess(Child);

impl BackendProcess {
    /// Starts one on SQLite, and waits until it serves.
    pub(crate) async fn start(config: &Config, master_key: &Path, logs: &Path) -> Result<Self> {
        let (DataLocation::Sqlite { dir: data }, KeyLocation::Sqlite { dir: keys }) =
            (&config.storage.data, &config.storage.keys)
        else {
            bail!("a backend process is started on SQLite only");
        };
        let mut command = Command::new(program("deskbell-backend")?);
        command.env_clear().arg("serve").arg("--allow-one-backup");
        command.args(["--log-level", "debug", "--listen", &config.listen.to_string()]);
        command.args(["--graph-base-url", &config.graph.base_url]);
        command.arg("--data-dir").arg(data).arg("--keys-dir").arg(keys);
        command.arg("--master-key-file").arg(master_key);
        command.stdin(Stdio::null()).stdout(log(logs, "backend.out")?).stderr(log(logs, "backend.err")?);
        let mut child = command.kill_on_drop(true).spawn()?;
        let wire = Wire::to(config.listen)?;
        until("the backend serves", async || {
            if let Some(status) = child.try_wait()? {
                bail!("the backend has ended with {status}; its log is in {}", logs.display());
            }
            let health = wire.call::<()>(reqwest::Method::GET, deskbell_protocol::route::HEALTH, None).await;
            Ok(health.is_ok_and(|(status, _)| status == 200).then_some(()))
        })
        .await?;
        Ok(Self(child))
    }

    /// Kills it: nothing it had not made durable is there afterwards.
    ///
    /// # Errors
    /// When it had ended by itself.
    pub async fn kill(mut self) -> Result<()> {
        if let Some(status) = self.0.try_wait()? {
            bail!("the backend had ended by itself with {status}");
        }
        kill(&mut self.0).await
    }
}

/// How `deskbell-headless` is started.
#[derive(Debug, Clone)]
pub struct HeadlessOptions {
    /// The backend's address.
    pub backend: String,
    /// Who signs in.
    pub email: String,
    /// And with what.
    pub password: String,
    /// Folder for its data.
    pub data_dir: PathBuf,
    /// Folder for what it writes on its standard output and error output.
    pub logs: PathBuf,
    /// Keys in memory.
    pub memory_vault: bool,
    /// How many consoles.
    pub count: u16,
}

impl HeadlessOptions {
    /// One console of this agent, with keys in memory, and everything in this folder.
    pub fn new(line: &Proxy, agent: &Agent, folder: &Path) -> Self {
        Self {
            backend: line.url(),
            email: agent.email.clone(),
            password: agent.password.clone(),
            data_dir: folder.join("data"),
            logs: folder.to_owned(),
            memory_vault: true,
            count: 1,
        }
    }
}

/// `deskbell-headless`. Dropped, it is killed.
pub struct Headless {
    child: Child,
    input: ChildStdin,
    lines: Lines<BufReader<ChildStdout>>,
    log: File,
    /// Answers that came before somebody asked for them, by their id.
    answers: HashMap<u64, Value>,
    asked: u64,
    /// Whether the session was left in its folder.
    pub reopened: bool,
}

impl Headless {
    /// Starts it, and waits until all its consoles are signed in.
    ///
    /// # Errors
    /// When one is not: the code that it gives.
    pub async fn start(options: &HeadlessOptions) -> Result<Self> {
        let mut command = Command::new(program("deskbell-headless")?);
        command.args(["--backend", &options.backend, "--email", &options.email]);
        command.arg("--data-dir").arg(&options.data_dir);
        if options.memory_vault {
            command.arg("--memory-vault");
        }
        command.args(["--count", &options.count.to_string(), "--password-stdin"]);
        command.env("DESKBELL_LOG", "trace");
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        command.stderr(log(&options.logs, "headless.err")?);
        let mut child = command.kill_on_drop(true).spawn()?;
        let input = child.stdin.take().context("it has an input")?;
        let lines = BufReader::new(child.stdout.take().context("it has an output")?).lines();
        let log = log(&options.logs, "headless.out")?;
        let mut headless =
            Self { child, input, lines, log, answers: HashMap::new(), asked: 0, reopened: false };
        headless.say(&options.password).await?;
        for _ in 0..options.count {
            let line = headless.until_line(|line| line.get("ready").or(line.get("error")).is_some()).await?;
            if let Some(code) = line.pointer("/error/code").and_then(Value::as_str) {
                bail!("not signed in: {code}");
            }
            headless.reopened = line.get("reopened") == Some(&Value::from(true));
        }
        Ok(headless)
    }

    /// Writes a line.
    ///
    /// # Errors
    /// When it has ended.
    pub async fn say(&mut self, line: &str) -> Result<()> {
        self.input.write_all(format!("{line}\n").as_bytes()).await?;
        Ok(self.input.flush().await?)
    }

    /// Writes a request, without waiting for its answer. What the answer is asked for by.
    ///
    /// # Errors
    /// When it has ended.
    pub async fn ask(&mut self, call: &str, request: &Value) -> Result<u64> {
        self.asked += 1;
        let line = json!({"console": 1, "id": self.asked, "call": call, "request": request});
        self.say(&line.to_string()).await?;
        Ok(self.asked)
    }

    /// The answer to a request: what it gave, or the code of what went wrong.
    ///
    /// # Errors
    /// When it has ended, or does not answer in time.
    pub async fn answer(&mut self, id: u64) -> Result<Result<Value, String>> {
        while !self.answers.contains_key(&id) {
            self.until_line(|line| line.get("id").is_some()).await?;
        }
        let answer = self.answers.remove(&id).unwrap_or_default();
        Ok(match answer.get("ok") {
            Some(ok) => Ok(ok.clone()),
            None => Err(answer.pointer("/error/code").and_then(Value::as_str).unwrap_or_default().to_owned()),
        })
    }

    /// Asks, and waits for the answer.
    ///
    /// # Errors
    /// When it has ended, does not answer in time, or the request fails.
    pub async fn call(&mut self, call: &str, request: &Value) -> Result<Value> {
        let id = self.ask(call, request).await?;
        self.answer(id).await?.map_err(|code| anyhow::anyhow!("{call}: {code}"))
    }

    /// Waits until a text is the newest of a conversation in the first console's list.
    ///
    /// # Errors
    /// When it does not come.
    pub async fn sees(&mut self, text: &str) -> Result<String> {
        loop {
            let list = self.call("list", &json!({"view": "all", "offset": 0, "limit": 10})).await?;
            let rows = list.get("rows").and_then(Value::as_array).context("a list has rows")?;
            let row = rows.iter().find(|row| row.pointer("/preview/text") == Some(&Value::from(text)));
            if let Some(id) = row.and_then(|row| row.get("id")).and_then(Value::as_str) {
                return Ok(id.to_owned());
            }
            self.until_line(|line| line.get("changed").is_some()).await?;
        }
    }

    /// Waits until a line says what is wanted.
    ///
    /// # Errors
    /// When it has ended, or no such line comes in time.
    pub async fn until_line(&mut self, wanted: impl Fn(&Value) -> bool) -> Result<Value> {
        let found = timeout(WAIT_MAX, async {
            loop {
                let Some(text) = self.lines.next_line().await? else { bail!("deskbell-headless has ended") };
                std::io::Write::write_all(&mut self.log, format!("{text}\n").as_bytes())?;
                let line: Value = serde_json::from_str(&text).context("a line of the output is not JSON")?;
                if let Some(id) = line.get("id").and_then(Value::as_u64) {
                    self.answers.insert(id, line.clone());
                }
                if wanted(&line) {
                    return Ok(line);
                }
            }
        });
        found.await.context("no such line came in time")?
    }

    /// Answers that have come already, without waiting for more: what a kill leaves.
    ///
    /// # Errors
    /// When a line is no JSON.
    pub async fn killed(mut self) -> Result<HashMap<u64, Value>> {
        kill(&mut self.child).await?;
        // What it had written before lies in the pipe.
        while let Some(text) = self.lines.next_line().await? {
            let line: Value = serde_json::from_str(&text).unwrap_or_default();
            if let Some(id) = line.get("id").and_then(Value::as_u64) {
                self.answers.insert(id, line);
            }
        }
        Ok(self.answers)
    }

    /// Tells it to end, and waits until it has. Whether it ended well.
    ///
    /// # Errors
    /// When it does not end in time.
    pub async fn terminated(mut self) -> Result<bool> {
        let id = self.child.id().and_then(|id| Pid::from_raw(id.try_into().ok()?)).context("it runs")?;
        rustix::process::kill_process(id, Signal::TERM)?;
        // Its input stays open: it is the signal that ends it.
        Ok(timeout(WAIT_MAX, self.child.wait()).await.context("it does not end")??.success())
    }

    /// Ends its input, and waits until it has ended by itself. Whether it ended well.
    ///
    /// # Errors
    /// When it does not end in time.
    pub async fn finish(mut self) -> Result<bool> {
        drop(self.input);
        timeout(WAIT_MAX, async {
            while let Some(text) = self.lines.next_line().await? {
                std::io::Write::write_all(&mut self.log, format!("{text}\n").as_bytes())?;
            }
            Ok(self.child.wait().await?.success())
        })
        .await
        .context("it does not end")?
    }
}
