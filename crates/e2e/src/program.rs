//! The built programs as processes of their own, which can be killed.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context as _, Result, bail};
use deskbell_backend::config::Config;
use deskbell_backend::keys::KeyLocation;
use deskbell_backend::storage::DataLocation;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::time::timeout;

use crate::limits::WAIT_MAX;
use crate::{Wire, until};

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
}

/// `deskbell-headless` with one console. Dropped, it is killed.
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
    /// Starts one, and waits until it is signed in.
    ///
    /// # Errors
    /// When it is not.
    pub async fn start(options: &HeadlessOptions) -> Result<Self> {
        let mut command = Command::new(program("deskbell-headless")?);
        command.args(["--backend", &options.backend, "--email", &options.email]);
        command.arg("--data-dir").arg(&options.data_dir);
        if options.memory_vault {
            command.arg("--memory-vault");
        }
        command.env("DESKBELL_PASSWORD", &options.password).env("DESKBELL_LOG", "trace");
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        command.stderr(log(&options.logs, "headless.err")?);
        let mut child = command.kill_on_drop(true).spawn()?;
        let input = child.stdin.take().context("it has an input")?;
        let lines = BufReader::new(child.stdout.take().context("it has an output")?).lines();
        let log = log(&options.logs, "headless.out")?;
        let mut headless =
            Self { child, input, lines, log, answers: HashMap::new(), asked: 0, reopened: false };
        let ready =
            headless.until_line(|line| line.get("ready").is_some() || line.get("error").is_some()).await?;
        headless.reopened = ready.get("reopened").and_then(Value::as_bool).context("it is not signed in")?;
        Ok(headless)
    }

    /// Writes a request, without waiting for its answer. What the answer is asked for by.
    ///
    /// # Errors
    /// When it has ended.
    pub async fn ask(&mut self, call: &str, request: &Value) -> Result<u64> {
        self.asked += 1;
        let line = json!({"console": 1, "id": self.asked, "call": call, "request": request});
        self.input.write_all(format!("{line}\n").as_bytes()).await?;
        self.input.flush().await?;
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
