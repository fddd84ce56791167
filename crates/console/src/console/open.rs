//! Opening and leaving sessions: keys, files, engine.

use std::sync::Arc;

use deskbell_domain::{DeviceId, Sensitive};
use deskbell_protocol::session::{NewDevice, SignInRequest, SignInResponse};
use deskbell_seal::SigningKey;
use deskbell_store::{FileError, Files, SealedStore};
use deskbell_sync::{MemoryStore, StoreError};
use deskbell_vault::{KeychainError, Vault, VaultError};

use super::{Console, Current};
use crate::BackendAddress;
use crate::api::{ApiError, ApiErrorCode, SignIn, StorageKind};
use crate::files::{Account, FolderError, SignedIn};
use crate::session::{Parts, Session, Status, Tokens, new_id};
use crate::storage::Storage;
use crate::transport::Transport;

/// Why a session cannot be opened.
#[derive(Debug, thiserror::Error)]
enum OpenError {
    #[error(transparent)]
    Vault(#[from] VaultError),
    #[error(transparent)]
    File(#[from] FileError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Folder(#[from] FolderError),
    #[error("the transport: no TLS")]
    Transport,
}

impl OpenError {
    const fn code(&self) -> ApiErrorCode {
        match self {
            Self::Vault(VaultError::Keychain(KeychainError::Missing)) => ApiErrorCode::NoKeychain,
            Self::Vault(VaultError::Keychain(KeychainError::Locked)) => ApiErrorCode::KeychainLocked,
            Self::Vault(VaultError::Keychain(KeychainError::Timeout)) => ApiErrorCode::KeychainTimeout,
            Self::Vault(VaultError::KeyGone | VaultError::NotCreated | VaultError::KeyringFileCorrupt) => {
                ApiErrorCode::KeyGone
            }
            Self::Vault(VaultError::KeyringFileNewer) => ApiErrorCode::UpdateNeeded,
            Self::Vault(VaultError::Folder(_)) | Self::File(_) | Self::Store(_) | Self::Folder(_) => {
                ApiErrorCode::Storage
            }
            Self::Vault(_) | Self::Transport => ApiErrorCode::Internal,
        }
    }
}

impl From<OpenError> for ApiError {
    fn from(error: OpenError) -> Self {
        tracing::warn!(%error, "the session could not be opened");
        error.code().into()
    }
}

/// Where a session's data and tokens will be.
struct Place {
    storage: Storage,
    tokens: Tokens,
    kind: StorageKind,
}

impl Console {
    /// Opens the session that was left on this computer.
    pub(super) async fn reopen(&self) {
        let Some(Account { backend, signed_in: Some(identity) }) = self.0.folder.account() else { return };
        let current = match self.reopened(&backend, identity).await {
            Ok(session) => Current::Somebody(session),
            Err(error) => {
                tracing::warn!(%error, "the session of this computer could not be opened");
                Current::Blocked(error.code())
            }
        };
        self.become_current(current).await;
    }

    async fn reopened(&self, backend: &str, identity: SignedIn) -> Result<Arc<Session>, OpenError> {
        let address = BackendAddress::parse(backend).map_err(|_| OpenError::Transport)?;
        let transport = Transport::new(address).map_err(|_| OpenError::Transport)?;
        let vault = self.vault(backend, identity, Vault::open);
        let place = sealed(vault.await?).await?;
        self.session(identity, transport, place, None).await
    }

    /// Signs in at the backend, and opens the user's files on this computer.
    pub(super) async fn open(&self, request: SignIn) -> Result<(), ApiError> {
        if matches!(&*self.0.current.read().await, Current::Somebody(_)) {
            return Err(ApiErrorCode::WrongState.into());
        }
        let address = BackendAddress::parse(&request.backend).map_err(|_| ApiErrorCode::BadBackendAddress)?;
        let backend = address.to_string();
        let transport = Transport::new(address).map_err(|_| OpenError::Transport)?;
        let signing_key = SigningKey::random().map_err(|error| OpenError::Vault(error.into()))?;
        let device = NewDevice {
            id: new_id(DeviceId::new).map_err(OpenError::Store)?,
            name: computer_name(),
            public_key: signing_key.verifying_key().to_text(),
        };
        let answer = transport
            .sign_in(&SignInRequest { email: request.email, password: request.password, device })
            .await?;
        let identity = SignedIn { tenant: answer.tenant, user: answer.user, device: answer.device };
        let place = self.place(&backend, identity, signing_key, answer.refresh_token.clone()).await?;
        let access = access_of(&answer);
        let session = self.session(identity, transport, place, Some(access)).await?;
        self.0
            .folder
            .set_account(&Account { backend, signed_in: Some(identity) })
            .map_err(OpenError::Folder)?;
        self.become_current(Current::Somebody(session)).await;
        Ok(())
    }

    /// Encrypted files where there is a keychain, else memory.
    async fn place(
        &self,
        backend: &str,
        identity: SignedIn,
        signing_key: SigningKey,
        token: Sensitive<String>,
    ) -> Result<Place, OpenError> {
        let kept = token.clone();
        let vault = self.vault(backend, identity, move |profile, keychain, folder| {
            let created = Vault::open_or_create(profile.clone(), Arc::clone(&keychain), folder.clone());
            let mut vault = match created {
                // What cannot be opened again is of no use to anybody; the account is not lost with it.
                Err(VaultError::KeyGone | VaultError::KeyringFileCorrupt) => {
                    tracing::warn!("the keys of this computer's files are gone: the files are made anew");
                    Vault::destroy(&profile, &*keychain, &folder)?;
                    Vault::open_or_create(profile, keychain, folder)?
                }
                opened => opened?,
            };
            vault.set_signing_key(signing_key)?;
            vault.set_refresh_token(&kept)?;
            Ok(vault)
        });
        match vault.await {
            Ok(vault) => sealed(vault).await,
            Err(OpenError::Vault(VaultError::Keychain(KeychainError::Missing))) => Ok(Place {
                storage: Storage::Memory(MemoryStore::default()),
                tokens: Tokens::in_memory(token),
                kind: StorageKind::Memory,
            }),
            Err(error) => Err(error),
        }
    }

    async fn session(
        &self,
        identity: SignedIn,
        transport: Transport,
        place: Place,
        access: Option<(Sensitive<String>, i64)>,
    ) -> Result<Arc<Session>, OpenError> {
        let Place { storage, tokens, kind } = place;
        let status = Status::new(self.0.announcer.clone(), kind);
        Ok(Session::start(Parts { identity, storage, transport, status, tokens, access }).await?)
    }

    /// Runs a call that makes a vault, on a thread where the keychain may block.
    async fn vault(
        &self,
        backend: &str,
        identity: SignedIn,
        call: impl FnOnce(
            deskbell_vault::Profile,
            Arc<dyn deskbell_vault::Keychain>,
            std::path::PathBuf,
        ) -> Result<Vault, VaultError>
        + Send
        + 'static,
    ) -> Result<Vault, OpenError> {
        let profile = identity.profile(backend);
        let folder = self.0.folder.profile(&profile)?;
        let keychain = Arc::clone(&self.0.keychain);
        let called = tokio::task::spawn_blocking(move || call(profile, keychain, folder)).await;
        Ok(called.unwrap_or(Err(VaultError::Locked))?)
    }

    /// Destroys keys and files of a session that has stopped.
    pub(super) async fn destroy(&self, session: &Session) {
        let backend = session.transport.address().to_string();
        let profile = session.identity.profile(&backend);
        let keychain = Arc::clone(&self.0.keychain);
        match self.0.folder.profile(&profile) {
            Ok(folder) => {
                let destroyed =
                    tokio::task::spawn_blocking(move || Vault::destroy(&profile, &*keychain, &folder)).await;
                if let Ok(Err(error)) = destroyed {
                    tracing::error!(code = error.code(), "the keys could not be destroyed");
                }
            }
            Err(error) => tracing::error!(%error, "the files could not be destroyed"),
        }
        self.remember_nobody(session.transport.address());
    }
}

/// The user's encrypted files, under the keys of their vault.
async fn sealed(vault: Vault) -> Result<Place, OpenError> {
    let keys = vault.keys()?;
    let folder = vault.folder();
    let files = Files {
        cache: folder.join(keys.cache.file_name()),
        cache_key: keys.cache.key.clone(),
        outbox: folder.join(keys.outbox.file_name()),
        outbox_key: keys.outbox.key.clone(),
    };
    let store = SealedStore::open(files).await?;
    Ok(Place { storage: Storage::Sealed(store), tokens: Tokens::kept(vault), kind: StorageKind::Encrypted })
}

fn access_of(answer: &SignInResponse) -> (Sensitive<String>, i64) {
    (answer.access.token.clone(), answer.access.expires_at.since(answer.server_time))
}

/// How the user tells this device from others.
fn computer_name() -> Sensitive<String> {
    let name = std::env::var("HOSTNAME").or_else(|_| std::env::var("COMPUTERNAME")).ok();
    let name = name.or_else(|| std::fs::read_to_string("/etc/hostname").ok());
    Sensitive::new(
        name.map(|name| name.trim().to_owned()).filter(|name| !name.is_empty()).unwrap_or_default(),
    )
}
