use std::sync::{Arc, Mutex, PoisonError};

use deskbell_domain::Sensitive;
use deskbell_vault::{Vault, VaultError};

/// Where the refresh token is kept.
pub(crate) enum Tokens {
    /// In the keychain. Its calls may block for seconds, so they run on threads of their own.
    Kept(Arc<Mutex<Vault>>),
    /// In memory, on a computer without a keychain.
    Memory(Mutex<Option<Sensitive<String>>>),
}

impl Tokens {
    /// Tokens in the keychain of an open vault.
    pub(crate) fn kept(vault: Vault) -> Self {
        Self::Kept(Arc::new(Mutex::new(vault)))
    }

    /// Tokens that end with the process.
    pub(crate) const fn in_memory(token: Sensitive<String>) -> Self {
        Self::Memory(Mutex::new(Some(token)))
    }

    /// The token; `None` where there is none, or the keychain does not give it.
    pub(crate) async fn refresh_token(&self) -> Option<Sensitive<String>> {
        match self {
            Self::Kept(vault) => match on_its_thread(vault, |vault| vault.refresh_token()).await {
                Ok(token) => token,
                Err(error) => {
                    tracing::warn!(code = error.code(), "the keychain gave no refresh token");
                    None
                }
            },
            Self::Memory(token) => token.lock().unwrap_or_else(PoisonError::into_inner).clone(),
        }
    }

    /// Keeps a token in place of the one before.
    pub(crate) async fn keep(&self, new: Sensitive<String>) -> Result<(), VaultError> {
        match self {
            Self::Kept(vault) => on_its_thread(vault, move |vault| vault.set_refresh_token(&new)).await,
            Self::Memory(token) => {
                *token.lock().unwrap_or_else(PoisonError::into_inner) = Some(new);
                Ok(())
            }
        }
    }

    /// Forgets the token.
    pub(crate) async fn forget(&self) -> Result<(), VaultError> {
        match self {
            Self::Kept(vault) => on_its_thread(vault, |vault| vault.delete_refresh_token()).await,
            Self::Memory(token) => {
                *token.lock().unwrap_or_else(PoisonError::into_inner) = None;
                Ok(())
            }
        }
    }
}

async fn on_its_thread<T: Send + 'static>(
    vault: &Arc<Mutex<Vault>>,
    call: impl FnOnce(&mut Vault) -> Result<T, VaultError> + Send + 'static,
) -> Result<T, VaultError> {
    let vault = Arc::clone(vault);
    let called =
        tokio::task::spawn_blocking(move || call(&mut vault.lock().unwrap_or_else(PoisonError::into_inner)));
    called.await.unwrap_or(Err(VaultError::Locked))
}
