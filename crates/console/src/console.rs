//! The host of the command list.

mod commands;
mod open;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use deskbell_vault::{Keychain, MemoryKeychain, OsKeychain};
use tokio::sync::RwLock;

use crate::BackendAddress;
use crate::api::{ApiError, ApiErrorCode, SessionState, SessionView, UserView, View};
use crate::changes::{Announcer, Changes};
use crate::files::{Account, DataFolder, FolderError};
use crate::session::{Ended, Session};

/// Which keychain holds the keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeychainChoice {
    /// The operating system's. Where it has none, the console works in memory.
    System,
    /// One in memory: the encrypted files of this run cannot be opened by the next. For machines without a keychain.
    Memory,
}

/// How a console is started.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where its files lie. One process at a time uses a folder.
    pub data_dir: PathBuf,
    /// Which keychain holds the keys.
    pub keychain: KeychainChoice,
    /// The backend to offer at sign-in.
    pub backend: Option<String>,
}

/// Why a console does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The data folder cannot be used.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// The thread for the keychain could not be started.
    #[error("the keychain's thread: {}", .0.kind())]
    Keychain(#[from] io::Error),
}

/// The engine without a window. Cheap to clone; the clones are one console.
#[derive(Clone)]
pub struct Console(Arc<Shared>);

struct Shared {
    folder: DataFolder,
    keychain: Arc<dyn Keychain>,
    offered: Option<String>,
    announcer: Announcer,
    current: RwLock<Current>,
}

/// Who is signed in.
enum Current {
    Nobody,
    Blocked(ApiErrorCode),
    Somebody(Arc<Session>),
}

impl Console {
    /// Takes the data folder, and opens the session that was left there. What stands in its way is told by the
    /// `session` command, not here.
    ///
    /// # Errors
    /// When the folder is in use or cannot be used.
    pub async fn start(options: Options) -> Result<Self, StartError> {
        let folder = DataFolder::take(options.data_dir)?;
        let keychain: Arc<dyn Keychain> = match options.keychain {
            KeychainChoice::System => Arc::new(OsKeychain::start()?),
            KeychainChoice::Memory => Arc::new(MemoryKeychain::new()),
        };
        let console = Self(Arc::new(Shared {
            folder,
            keychain,
            offered: options.backend,
            announcer: Announcer::new(),
            current: RwLock::new(Current::Nobody),
        }));
        console.reopen().await;
        Ok(console)
    }

    /// Which views change from now on.
    pub fn changes(&self) -> Changes {
        self.0.announcer.listen()
    }

    /// Stops the engine and closes the files. What waits to be sent stays in the outbox.
    pub async fn stop(&self) {
        let current = std::mem::replace(&mut *self.0.current.write().await, Current::Nobody);
        if let Current::Somebody(session) = current {
            session.stop().await;
        }
    }

    /// The session, where somebody is signed in.
    async fn signed_in(&self) -> Result<Arc<Session>, ApiError> {
        match &*self.0.current.read().await {
            Current::Somebody(session) => Ok(Arc::clone(session)),
            Current::Nobody | Current::Blocked(_) => Err(ApiErrorCode::SignedOut.into()),
        }
    }

    /// Puts a session, or its absence, in the place of what was.
    async fn become_current(&self, current: Current) {
        if let Current::Somebody(session) = &current {
            self.watch(Arc::clone(session));
        }
        *self.0.current.write().await = current;
        self.0.announcer.changed([View::Session, View::Everything]);
    }

    /// Waits for the backend to end the session, and does on this computer what follows from it.
    fn watch(&self, session: Arc<Session>) {
        let console = self.clone();
        let mut ended = session.status.ended();
        tokio::spawn(async move {
            let Ok(ended) = ended.wait_for(Option::is_some).await.map(|ended| *ended) else { return };
            session.stop().await;
            match ended {
                Some(Ended::Revoked) => console.destroy(&session).await,
                Some(Ended::SignInNeeded) | None => console.leave(&session).await,
            }
            console.become_current(Current::Nobody).await;
        });
    }

    /// Forgets the session's tokens; its encrypted files stay for the same user.
    async fn leave(&self, session: &Session) {
        if let Err(error) = session.forget_tokens().await {
            tracing::warn!(code = error.code(), "the refresh token could not be removed from the keychain");
        }
        self.remember_nobody(session.transport.address());
    }

    fn remember_nobody(&self, backend: &BackendAddress) {
        let account = Account { backend: backend.to_string(), signed_in: None };
        if let Err(error) = self.0.folder.set_account(&account) {
            tracing::error!(%error, "the account could not be written");
        }
    }

    async fn session_view(&self) -> Result<SessionView, ApiError> {
        let account = self.0.folder.account();
        let offered = account.map(|account| account.backend).or_else(|| self.0.offered.clone());
        let (session, backend) = match &*self.0.current.read().await {
            Current::Nobody => (SessionState::SignedOut, offered),
            Current::Blocked(problem) => (SessionState::Blocked { problem: *problem }, offered),
            Current::Somebody(session) => {
                (signed_in_state(session).await?, Some(session.transport.address().to_string()))
            }
        };
        let host = backend.as_deref().and_then(|text| BackendAddress::parse(text).ok());
        Ok(SessionView { session, backend, host: host.map(|address| address.host().to_owned()) })
    }
}

/// Who is signed in, by the names that have arrived so far.
async fn signed_in_state(session: &Session) -> Result<SessionState, ApiError> {
    use deskbell_sync::Views as _;
    let user = session.storage.user(session.me()).await.map_err(commands::storage_error)?;
    let tenant = session.storage.tenant().await.map_err(commands::storage_error)?;
    Ok(SessionState::SignedIn {
        user: UserView {
            id: session.me(),
            role: user.as_ref().map_or(deskbell_domain::Role::Agent.into(), |user| user.role),
            name: user.map(|user| user.name).unwrap_or_default(),
        },
        tenant_name: tenant.map(|tenant| tenant.name).unwrap_or_default(),
    })
}
