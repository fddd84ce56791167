//! A small WebDriver client (W3C), for WebKit's own driver and the one window it opens.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, anyhow, bail, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::{Client, Method};
use rustix::process::Pid;
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

/// A client for plain HTTP on this machine.
pub(crate) fn client() -> Result<Client> {
    // The client wants to know how it would encrypt, even where it never does. Another test may have said so already.
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
    client: Client,
    session: String,
}

impl WebDriver {
    /// Starts a driver, and has it start the program with these variables in its environment.
    pub(crate) async fn start(program: &Path, environment: &[(&str, &Path)]) -> Result<Self> {
        let address = free_address()?;
        let mut command = Command::new("WebKitWebDriver");
        command.arg("--host=127.0.0.1").arg(format!("--port={}", address.port()));
        command.envs(AUTOMATION.map(|name| (name, "true"))).envs(environment.iter().copied());
        // The window goes to the path that the sign-in screen is reached by, and speaks English.
        command.env("LANG", "C.UTF-8").env_remove("LANGUAGE").stdout(Stdio::null());
        let mut driver = Program::start("WebKitWebDriver", &mut command)?;
        let mut this = Self { client: client()?, session: format!("http://{address}"), driver };
        until("WebKitWebDriver answers", async || {
            driver_runs(&mut this.driver)?;
            Ok(this.call(Method::GET, "/status", None).await.ok())
        })
        .await?;
        driver = this.driver;
        let wanted = json!({"webkitgtk:browserOptions": {"binary": program, "args": []}});
        let _ = (&mut driver, wanted);
        bail!("unfinished")
    }
}
