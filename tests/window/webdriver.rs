//! A small WebDriver client (W3C), for WebKit's own driver and the one window it opens.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::{Client, Method};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::limits::WAIT_MAX;
use crate::process::{self, Program};
use crate::wait::until;

/// Keys without a letter, as the protocol writes them.
pub(crate) mod key {
    pub(crate) const TAB: char = '\u{e004}';
    pub(crate) const ENTER: char = '\u{e007}';
    pub(crate) const SHIFT: char = '\u{e008}';
    pub(crate) const CONTROL: char = '\u{e009}';
    pub(crate) const ESCAPE: char = '\u{e00c}';
}

/// Makes the web view listen to the driver. A build that is not made for tests refuses to start with these.
const AUTOMATION: [&str; 2] = ["TAURI_AUTOMATION", "TAURI_WEBVIEW_AUTOMATION"];

/// The name under which the protocol passes elements.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// A picture shows the frame painted last: two frames later, that is what the page says now.
const PAINTED: &str =
    "const done = arguments[0]; requestAnimationFrame(() => requestAnimationFrame(() => done(null)));";

/// A client for plain HTTP on this machine.
pub(crate) fn client() -> Result<Client> {
    // It wants to know how to encrypt, even where it never does. Another test may have said so already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Ok(Client::builder().no_proxy().timeout(WAIT_MAX).build()?)
}

/// An address on this machine that nobody listens on.
pub(crate) fn free_address() -> Result<SocketAddr> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?)
}

/// A driver and the program whose window it drives. Dropped, both are killed.
pub(crate) struct WebDriver {
    driver: Program,
    endpoint: Endpoint,
}

impl WebDriver {
    /// Starts a driver, and has it start the program, with these variables in the environment of both.
    pub(crate) async fn start(program: &Path, environment: &[(&str, &str)]) -> Result<Self> {
        let address = free_address()?;
        let mut command = Command::new("WebKitWebDriver");
        command.arg("--host=127.0.0.1").arg(format!("--port={}", address.port())).stdout(Stdio::null());
        command.envs(AUTOMATION.map(|name| (name, "true"))).envs(environment.iter().copied());
        let mut driver = Program::start("WebKitWebDriver", &mut command)?;
        let mut endpoint = Endpoint { client: client()?, base: format!("http://{address}") };
        until("WebKitWebDriver answers", async || {
            driver.still_runs()?;
            Ok(endpoint.call(Method::GET, "/status", None).await.ok())
        })
        .await?;
        let wanted = json!({"webkitgtk:browserOptions": {"binary": program, "args": []}});
        let wanted = json!({"capabilities": {"alwaysMatch": wanted}});
        let session = endpoint.call(Method::POST, "/session", Some(wanted)).await?;
        let id = session.get("sessionId").and_then(Value::as_str).context("a session has an id")?;
        endpoint.base = format!("{}/session/{id}", endpoint.base);
        Ok(Self { driver, endpoint })
    }

    /// Kills the program, as a power cut would.
    pub(crate) fn kill(self) -> Result<()> {
        let programs = self.driver.started();
        if programs.is_empty() {
            bail!("the window had ended by itself");
        }
        programs.into_iter().for_each(process::end);
        Ok(())
    }

    /// Runs a function's body in the page, and gives what it returns.
    pub(crate) async fn script<T: DeserializeOwned>(&self, body: &str, arguments: &[&str]) -> Result<T> {
        self.run("sync", body, arguments).await
    }

    /// As [`WebDriver::script`], where the result is what the body gives to the function that is its last argument.
    pub(crate) async fn script_calling_back<T: DeserializeOwned>(
        &self,
        body: &str,
        arguments: &[&str],
    ) -> Result<T> {
        self.run("async", body, arguments).await
    }

    async fn run<T: DeserializeOwned>(&self, kind: &str, body: &str, arguments: &[&str]) -> Result<T> {
        let request = json!({"script": body, "args": arguments});
        let value = self.endpoint.call(Method::POST, &format!("/execute/{kind}"), Some(request)).await?;
        serde_json::from_value(value).with_context(|| format!("unexpected result of: {body}"))
    }

    /// Runs a body again and again, until it returns something.
    pub(crate) async fn until<T: DeserializeOwned>(
        &self,
        what: &str,
        body: &str,
        arguments: &[&str],
    ) -> Result<T> {
        let found = until(what, async || self.script::<Option<T>>(body, arguments).await).await;
        match found {
            Ok(found) => Ok(found),
            Err(error) => {
                let shown = self.script::<String>("return document.body.innerText", &[]).await;
                Err(error.context(format!("the window shows:\n{}", shown.unwrap_or_default())))
            }
        }
    }

    /// Types where the focus is, one key after the other.
    pub(crate) async fn types(&self, text: &str) -> Result<()> {
        let strokes = text.chars().flat_map(|letter| [stroke("keyDown", letter), stroke("keyUp", letter)]);
        self.keys(strokes.collect()).await
    }

    /// Presses keys together: each is held while the next one is pressed.
    pub(crate) async fn presses(&self, chord: &[char]) -> Result<()> {
        let down = chord.iter().map(|key| stroke("keyDown", *key));
        let up = chord.iter().rev().map(|key| stroke("keyUp", *key));
        self.keys(down.chain(up).collect()).await
    }

    async fn keys(&self, strokes: Vec<Value>) -> Result<()> {
        let keyboard = json!({"type": "key", "id": "keyboard", "actions": strokes});
        self.endpoint.call(Method::POST, "/actions", Some(json!({"actions": [keyboard]}))).await?;
        Ok(())
    }

    /// Clicks on the element that a body returns, as soon as it returns one.
    pub(crate) async fn clicks(&self, what: &str, body: &str, arguments: &[&str]) -> Result<()> {
        let element: Value = self.until(what, body, arguments).await?;
        let id =
            element.get(ELEMENT).and_then(Value::as_str).with_context(|| format!("{what}: no element"))?;
        self.endpoint.call(Method::POST, &format!("/element/{id}/click"), Some(json!({}))).await?;
        Ok(())
    }

    /// A picture of the page as it is now: PNG.
    pub(crate) async fn picture(&self) -> Result<Vec<u8>> {
        self.script_calling_back::<Option<()>>(PAINTED, &[]).await?;
        let encoded = self.endpoint.call(Method::GET, "/screenshot", None).await?;
        Ok(STANDARD.decode(encoded.as_str().context("a picture is text")?)?)
    }
}

fn stroke(kind: &str, key: char) -> Value {
    json!({"type": kind, "value": key})
}

/// Where the driver's commands go.
struct Endpoint {
    client: Client,
    base: String,
}

impl Endpoint {
    async fn call(&self, method: Method, path: &str, body: Option<Value>) -> Result<Value> {
        let mut request = self.client.request(method, format!("{}{path}", self.base));
        if let Some(body) = body {
            request = request.json(&body);
        }
        let response = request.send().await?;
        let status = response.status();
        let mut answer: Value = response.json().await.context("the driver answers in JSON")?;
        let value = answer.get_mut("value").map(Value::take).unwrap_or_default();
        if !status.is_success() {
            let said = |name| value.get(name).and_then(Value::as_str).unwrap_or_default();
            bail!("the driver refuses {path}: {} ({})", said("error"), said("message"));
        }
        Ok(value)
    }
}
