//! One user's session on this computer: identity, storage, tokens, and the running engine.

mod status;
mod tokens;

use std::sync::{Arc, Mutex, PoisonError};

use deskbell_domain::{
    Clock as _, CommandId, ConversationId, RefreshId, Sensitive, SystemClock, UserId, UtcMs,
};
use deskbell_protocol::session::{AccessToken, RefreshRequest};
use deskbell_protocol::sync::PageToken;
use deskbell_sync::event::{EnqueueError, Event, Failure, NewCommand};
use deskbell_sync::{Engine, Store as _, StoreError, StoreStep};
use deskbell_vault::VaultError;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

pub(crate) use status::{Ended, Status};
pub(crate) use tokens::Tokens;

use crate::driver::{Driver, Input, Inputs, inputs};
use crate::files::SignedIn;
use crate::storage::Storage;
use crate::transport::Transport;

/// A session whose engine runs.
pub(crate) struct Session {
    /// Who.
    pub identity: SignedIn,
    /// What is remembered.
    pub storage: Storage,
    /// The way to the backend.
    pub transport: Transport,
    /// What the status bar shows.
    pub status: Status,
    tokens: Tokens,
    access: Mutex<Option<Sensitive<String>>>,
    inputs: Inputs,
    driver: Mutex<Option<JoinHandle<()>>>,
}

/// What a session is made from.
pub(crate) struct Parts {
    pub identity: SignedIn,
    pub storage: Storage,
    pub transport: Transport,
    pub status: Status,
    pub tokens: Tokens,
    /// The token of a sign-in just made, and for how many milliseconds it is good.
    pub access: Option<(Sensitive<String>, i64)>,
}

impl Session {
    /// Rebuilds the engine from the store, and runs it.
    pub(crate) async fn start(parts: Parts) -> Result<Arc<Self>, StoreError> {
        let restored = parts.storage.restore().await?;
        if restored.position.is_some() {
            parts.status.was_in_step(restored.highest_time);
        }
        let seed = deskbell_seal::random().map(u64::from_le_bytes).map_err(|_| StoreError::Disk)?;
        let engine = Engine::new(restored, SystemClock.now(), seed);
        let (inputs, receiver) = inputs();
        let (access, access_ms) = parts.access.unzip();
        let session = Arc::new(Self {
            identity: parts.identity,
            storage: parts.storage,
            transport: parts.transport,
            status: parts.status,
            tokens: parts.tokens,
            access: Mutex::new(access),
            inputs,
            driver: Mutex::new(None),
        });
        let driver = Driver::new(engine, Arc::clone(&session), receiver);
        let running = tokio::spawn(driver.run(access_ms));
        *session.driver.lock().unwrap_or_else(PoisonError::into_inner) = Some(running);
        Ok(session)
    }

    /// The user.
    pub(crate) const fn me(&self) -> UserId {
        self.identity.user
    }

    /// The access token in memory.
    pub(crate) fn access_token(&self) -> Option<Sensitive<String>> {
        self.access.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Tells the engine what happened. After its end there is nobody to tell.
    pub(crate) async fn tell(&self, event: Event) {
        let _ = self.inputs.send(Input::Event(event)).await;
    }

    /// Puts a command into the outbox. It is durable when this answers.
    pub(crate) async fn enqueue(&self, command: NewCommand) -> Result<(), EnqueueError> {
        let (sender, receiver) = oneshot::channel();
        let sent = self.inputs.send(Input::Enqueue(command, sender)).await;
        sent.map_err(|_| EnqueueError::Ended)?;
        receiver.await.unwrap_or(Err(EnqueueError::Ended))
    }

    /// Takes a command out of the outbox; its text goes into the draft.
    pub(crate) async fn take_back(&self, command: CommandId) -> Result<(), EnqueueError> {
        let (sender, receiver) = oneshot::channel();
        let sent = self.inputs.send(Input::TakeBack(command, sender)).await;
        sent.map_err(|_| EnqueueError::Ended)?;
        receiver.await.unwrap_or(Err(EnqueueError::Ended))
    }

    /// Loads older messages into a gap.
    pub(crate) async fn fill_gap(
        &self,
        conversation: ConversationId,
        token: PageToken,
    ) -> Result<(), Failure> {
        let (sender, receiver) = oneshot::channel();
        let sent = self.inputs.send(Input::FillGap(conversation, token, sender)).await;
        sent.map_err(|_| Failure::UNREACHABLE)?;
        receiver.await.unwrap_or(Err(Failure::UNREACHABLE))
    }

    /// Keeps what is being typed.
    pub(crate) async fn save_draft(
        &self,
        conversation: ConversationId,
        text: Sensitive<String>,
    ) -> Result<(), StoreError> {
        self.storage.apply(&StoreStep::SaveDraft { conversation, text }).await.map(|_| ())
    }

    /// Renews the session. The new refresh token is kept before this answers with the milliseconds for which the new
    /// access token is good.
    pub(crate) async fn renew(&self, refresh_id: RefreshId) -> Result<i64, Failure> {
        let Some(refresh_token) = self.tokens.refresh_token().await else {
            return Err(Failure::UNREACHABLE);
        };
        let renewed = self.transport.refresh(&RefreshRequest { refresh_token, refresh_id }).await?;
        if let Err(error) = self.tokens.keep(renewed.refresh_token).await {
            // The same refresh id gets the same answer again.
            tracing::warn!(code = error.code(), "the refresh token could not be kept");
            return Err(Failure::UNREACHABLE);
        }
        let AccessToken { token, expires_at } = renewed.access;
        *self.access.lock().unwrap_or_else(PoisonError::into_inner) = Some(token);
        Ok(expires_at.since(renewed.server_time))
    }

    /// Stops the engine and closes the files. What waits in the outbox stays there.
    pub(crate) async fn stop(&self) {
        let _ = self.inputs.send(Input::Stop).await;
        let running = self.driver.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(running) = running {
            // A driver that panicked has stopped, too.
            let _ = running.await;
        }
        self.storage.close().await;
    }

    /// Removes the tokens from memory and from the keychain: nobody is signed in here any more.
    pub(crate) async fn forget_tokens(&self) -> Result<(), VaultError> {
        *self.access.lock().unwrap_or_else(PoisonError::into_inner) = None;
        self.tokens.forget().await
    }
}

/// A new id of the kind that `make` makes.
pub(crate) fn new_id<T>(make: impl FnOnce(UtcMs, [u8; 10]) -> T) -> Result<T, StoreError> {
    deskbell_seal::random().map(|random| make(SystemClock.now(), random)).map_err(|_| StoreError::Disk)
}
