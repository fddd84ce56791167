use std::net::SocketAddr;

use anyhow::{Result, ensure};
use tempfile::TempDir;
use tokio::sync::{Mutex, MutexGuard};

use crate::practice::Practice;
use crate::webdriver::free_address;
use crate::window::Window;

/// One window at a time: a second one on the same message bus would only bring the first one to the front.
static TURN: Mutex<()> = Mutex::const_new(());

/// What a scenario plays on: folders and addresses of its own that outlive the programs which use them.
pub(crate) struct Stage {
    folder: TempDir,
    practice: SocketAddr,
    _turn: MutexGuard<'static, ()>,
}

impl Stage {
    /// Waits for the stage.
    pub(crate) async fn enter() -> Result<Self> {
        ensure!(
            std::env::var("DESKBELL_TEST_KEYCHAIN").is_ok_and(|value| value == "1"),
            "the window is tested in a session of its own, with a screen and a keyring: run `cargo xtask test`"
        );
        let turn = TURN.lock().await;
        Ok(Self { folder: tempfile::tempdir()?, practice: free_address()?, _turn: turn })
    }

    /// The practice tenant, as the last one left it.
    pub(crate) async fn practice(&self) -> Result<Practice> {
        let folder = self.folder.path().join("practice");
        std::fs::create_dir_all(&folder)?;
        Practice::start(&folder, self.practice).await
    }

    /// Where the practice tenant's backend listens, each time.
    pub(crate) const fn practice_address(&self) -> SocketAddr {
        self.practice
    }

    /// A window that offers this backend, on what the last one left on the disk.
    pub(crate) async fn window(&self, backend: &str) -> Result<Window> {
        Window::open(backend, &self.folder.path().join("console")).await
    }
}
