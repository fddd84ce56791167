//! The practice tenant: a simulated platform with its customers, and a real backend.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{ChildStdout, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use reqwest::{Client, Method};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use crate::limits::WAIT_MAX;
use crate::process::Program;
use crate::wait::until;
use crate::webdriver;

/// Customers and their names are the same in every run.
const SEED: &str = "7";

/// What it says once people can sign in.
#[derive(Deserialize)]
struct Ready {
    backend: String,
    users: Vec<User>,
    platform: Platform,
}

#[derive(Deserialize)]
struct Platform {
    base_url: String,
    control_secret: String,
}

/// Somebody who can sign in.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct User {
    pub(crate) email: String,
    pub(crate) password: String,
}

/// A running practice tenant. Dropped, it is killed.
pub(crate) struct Practice {
    program: Program,
    // Kept open, so that it may go on to print.
    _output: BufReader<ChildStdout>,
    client: Client,
    ready: Ready,
}

impl Practice {
    /// Begins a practice in a folder, or goes on with the one that is there, and waits until it serves.
    pub(crate) async fn start(folder: &Path, listen: SocketAddr) -> Result<Self> {
        // The programs lie beside the window's.
        let path = Path::new(env!("CARGO_BIN_EXE_deskbell")).with_file_name("deskbell-practice");
        ensure!(path.is_file(), "deskbell-practice is not built: run `cargo build --workspace --bins` first");
        let mut command = Command::new(path);
        command.args(["--quiet-customers", "--seed", SEED, "--listen", &listen.to_string(), "--data-dir"]);
        command.arg(folder).stdout(Stdio::piped());
        let mut program = Program::start("the practice tenant", &mut command)?;
        let mut output = BufReader::new(program.output()?);
        let first = spawn_blocking(move || {
            let mut line = String::new();
            output.read_line(&mut line).map(|_| (line, output))
        });
        let (line, output) =
            timeout(WAIT_MAX, first).await.context("the practice tenant says nothing")???;
        let ready = serde_json::from_str(&line).with_context(|| format!("not what was expected: {line}"))?;
        Ok(Self { program, _output: output, client: webdriver::client()?, ready })
    }

    /// Where the window finds the backend.
    pub(crate) fn backend(&self) -> &str {
        &self.ready.backend
    }

    /// The agent who sits at the window.
    pub(crate) fn agent(&self) -> Result<&User> {
        self.ready.users.first().context("nobody works there")
    }

    /// A customer, by their position.
    pub(crate) const fn customer(&self, index: usize) -> Customer<'_> {
        Customer { practice: self, index }
    }

    /// How many messages the backend has asked the platform to send, in this run of it.
    pub(crate) async fn messages_sent(&self) -> Result<usize> {
        let calls = self.control(Method::GET, "calls", None).await?;
        let calls = calls.as_array().context("a list of calls")?;
        let is_message = |call: &&Value| {
            let path = call.get("path").and_then(Value::as_str).unwrap_or_default();
            call.get("method").and_then(Value::as_str) == Some("POST") && path.ends_with("/messages")
        };
        Ok(calls.iter().filter(is_message).count())
    }

    /// Waits until the backend has taken all webhooks that are due.
    pub(crate) async fn settled(&self) -> Result<()> {
        until("the backend has taken all webhooks", async || {
            let state = self.control(Method::GET, "state", None).await?;
            Ok((state.get("pending") == Some(&json!(0))).then_some(()))
        })
        .await
    }

    /// Ends it in good order.
    pub(crate) async fn stop(self) -> Result<()> {
        self.program.stop().await
    }

    async fn control(&self, method: Method, path: &str, body: Option<Value>) -> Result<Value> {
        let Platform { base_url, control_secret } = &self.ready.platform;
        let mut request = self.client.request(method, format!("{base_url}/_practice/{path}"));
        if let Some(body) = body {
            request = request.json(&body);
        }
        let response = request.bearer_auth(control_secret).send().await?.error_for_status()?;
        let text = response.text().await?;
        if text.is_empty() { Ok(Value::Null) } else { Ok(serde_json::from_str(&text)?) }
    }
}

/// One of the fictional customers.
#[derive(Clone, Copy)]
pub(crate) struct Customer<'practice> {
    practice: &'practice Practice,
    index: usize,
}

impl Customer<'_> {
    /// The name on WhatsApp.
    pub(crate) async fn name(self) -> Result<String> {
        let state = self.practice.control(Method::GET, "state", None).await?;
        let name = state.pointer(&format!("/customers/{}/person/name", self.index)).and_then(Value::as_str);
        Ok(name.context("there is no such customer")?.to_owned())
    }

    /// Writes a text to the business.
    pub(crate) async fn writes(self, text: &str) -> Result<()> {
        self.wrote(text, Duration::ZERO).await
    }

    /// Wrote a text some time ago, and its webhook was long on its way.
    pub(crate) async fn wrote(self, text: &str, ago: Duration) -> Result<()> {
        let body = json!({"text": text, "ago_ms": u64::try_from(ago.as_millis())?});
        self.practice.control(Method::POST, &self.path("writes"), Some(body)).await?;
        Ok(())
    }

    /// Has the phone on or off, and looks at the chat or not.
    pub(crate) async fn phone(self, online: bool, reads: bool) -> Result<()> {
        let body = json!({"online": online, "reads": reads});
        self.practice.control(Method::POST, &self.path("habits"), Some(body)).await?;
        Ok(())
    }

    /// The texts that have arrived at the phone, oldest first.
    pub(crate) async fn received(self) -> Result<Vec<String>> {
        let received = self.practice.control(Method::GET, &self.path("received"), None).await?;
        let received = received.as_array().context("a list of messages")?;
        let texts = received.iter().filter_map(|message| message.get("text")?.as_str());
        Ok(texts.map(str::to_owned).collect())
    }

    fn path(self, what: &str) -> String {
        format!("customers/{}/{what}", self.index)
    }
}
