//! A console at which somebody is signed in, on a line that can be broken.

use std::net::SocketAddr;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use deskbell_console::api::{
    ApiError, ApiErrorCode, Connection, ConversationRow, DeliveryView, Host as _, ListQuery, ListView,
    MessageView, Nothing, Reply, SessionState, SignIn, StatusView, ThreadQuery, ThreadView,
};
use deskbell_console::{Console, KeychainChoice, Options};
use deskbell_domain::{ConversationId, DeliveryStatus, MessageId};
use tempfile::TempDir;

use crate::system::Agent;
use crate::{Proxy, until};

/// Rows and messages that a test looks at: more than any makes.
const MANY: u32 = 200;

/// A console and its line to the backend.
pub struct Desk {
    /// The console.
    pub console: Console,
    /// Its line.
    pub line: Proxy,
    folder: TempDir,
}

impl Desk {
    /// A console at which nobody is signed in.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn new(backend: SocketAddr) -> Result<Self> {
        let line = Proxy::to(backend).await?;
        let folder = tempfile::tempdir()?;
        let options = Options {
            data_dir: folder.path().join("console"),
            keychain: KeychainChoice::Memory,
            backend: None,
        };
        Ok(Self { console: Console::start(options).await?, line, folder })
    }

    pub(crate) async fn sign_in(backend: SocketAddr, agent: &Agent) -> Result<Self> {
        let desk = Self::new(backend).await?;
        desk.try_sign_in(&agent.email, &agent.password).await?;
        desk.in_sync().await?;
        Ok(desk)
    }

    /// Tries to sign in.
    ///
    /// # Errors
    /// Whatever the window would be told.
    pub async fn try_sign_in(&self, email: &str, password: &str) -> Result<(), ApiError> {
        let request = SignIn { backend: self.line.url(), email: email.into(), password: password.into() };
        self.console.sign_in(request).await.map(|_| ())
    }

    /// Where the console keeps its files.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Whether somebody is signed in.
    ///
    /// # Errors
    /// When the console cannot say.
    pub async fn is_signed_in(&self) -> Result<bool> {
        let view = self.console.session(Nothing {}).await?;
        Ok(matches!(view.session, SessionState::SignedIn { .. }))
    }

    /// What the status bar shows.
    ///
    /// # Errors
    /// When nobody is signed in.
    pub async fn status(&self) -> Result<StatusView> {
        Ok(self.console.status(Nothing {}).await?)
    }

    /// Waits until the console is level with the backend.
    ///
    /// # Errors
    /// When it does not get there.
    pub async fn in_sync(&self) -> Result<()> {
        until("the console is in sync", async || {
            let connection = self.status().await?.connection;
            Ok((connection == Connection::InSync).then_some(()))
        })
        .await
    }

    /// Waits until the console knows that it cannot reach the backend.
    ///
    /// # Errors
    /// When it does not notice.
    pub async fn offline(&self) -> Result<()> {
        until("the console is offline", async || {
            let connection = self.status().await?.connection;
            Ok(matches!(connection, Connection::Offline { .. }).then_some(()))
        })
        .await
    }

    /// Mends the line, and has the console try at once, as a person would who saw the network come back.
    ///
    /// # Errors
    /// When the console does not come back.
    pub async fn back_online(&self) -> Result<()> {
        self.line.heal();
        self.console.reconnect(Nothing {}).await?;
        self.in_sync().await
    }

    /// All conversations that are not resolved.
    ///
    /// # Errors
    /// When the cache cannot be read.
    pub async fn list(&self) -> Result<Vec<ConversationRow>> {
        let query = ListQuery { view: ListView::All, offset: 0, limit: MANY };
        Ok(self.console.list(query).await?.rows)
    }

    /// A conversation as it is shown.
    ///
    /// # Errors
    /// When it is not in the cache.
    pub async fn thread(&self, conversation: ConversationId) -> Result<ThreadView> {
        Ok(self.console.thread(ThreadQuery { conversation, limit: MANY }).await?)
    }

    /// The texts of a conversation, oldest first.
    ///
    /// # Errors
    /// When it is not in the cache.
    pub async fn texts(&self, conversation: ConversationId) -> Result<Vec<String>> {
        let messages = self.thread(conversation).await?.messages.into_iter();
        Ok(messages.filter_map(|message| message.text.map(|text| text.into_exposed())).collect())
    }

    /// Waits until a text stands in the thread of a conversation of the list. Meta's clock counts seconds: what was
    /// written within the second of an answer need not be the newest.
    ///
    /// # Errors
    /// When it does not come.
    pub async fn sees(&self, text: &str) -> Result<ConversationId> {
        until("the customer's message is in the thread of a conversation of the list", async || {
            for row in self.list().await? {
                if self.texts(row.id).await?.iter().any(|shown| shown == text) {
                    return Ok(Some(row.id));
                }
            }
            Ok(None)
        })
        .await
    }

    /// Queues a reply.
    ///
    /// # Errors
    /// Whatever the window would be told.
    pub async fn reply(&self, conversation: ConversationId, text: &str) -> Result<MessageId> {
        let queued = self.console.reply(Reply { conversation, text: text.into() }).await?;
        Ok(queued.message)
    }

    /// A message as it is shown, where it is.
    ///
    /// # Errors
    /// When the conversation is not in the cache.
    pub async fn message(&self, conversation: ConversationId, id: MessageId) -> Result<Option<MessageView>> {
        let messages = self.thread(conversation).await?.messages;
        Ok(messages.into_iter().find(|message| message.id == id))
    }

    /// How far an outgoing message has come, as it is shown.
    ///
    /// # Errors
    /// When it is not shown.
    pub async fn delivery(&self, conversation: ConversationId, id: MessageId) -> Result<DeliveryView> {
        let message = self.message(conversation, id).await?.context("the message is not shown")?;
        message.delivery.context("the message is no outgoing one")
    }

    /// Waits until a message has come exactly so far.
    ///
    /// # Errors
    /// When it does not.
    pub async fn shows(
        &self,
        conversation: ConversationId,
        id: MessageId,
        wanted: DeliveryStatus,
    ) -> Result<MessageView> {
        let mut last = None;
        let shown = until("the message has come so far", async || {
            let message = self.message(conversation, id).await?;
            let reached = message.as_ref().and_then(|message| status_of(message.delivery.as_ref()));
            last = message.as_ref().and_then(|message| message.delivery.clone());
            Ok(message.filter(|_| reached == Some(wanted)))
        })
        .await;
        shown.with_context(|| format!("wanted {wanted:?}, it is {last:?}"))
    }

    /// Waits until the backend has refused a message. The reason, as the window is told.
    ///
    /// # Errors
    /// When it does not.
    pub async fn refused(&self, conversation: ConversationId, id: MessageId) -> Result<String> {
        until("the message is refused", async || match self.delivery(conversation, id).await? {
            DeliveryView::Refused { code } => Ok(Some(code)),
            _ => Ok(None),
        })
        .await
    }

    /// Waits until the session of this console has ended, and what follows from it is done.
    ///
    /// # Errors
    /// When it goes on.
    pub async fn signed_out(&self) -> Result<()> {
        until("the session has ended", async || {
            let view = self.console.session(Nothing {}).await;
            Ok(view.is_ok_and(|view| view.session == SessionState::SignedOut).then_some(()))
        })
        .await?;
        let query = ListQuery { view: ListView::All, offset: 0, limit: MANY };
        let list = self.console.list(query).await;
        ensure!(
            list == Err(ApiErrorCode::SignedOut.into()),
            "a console without a session still shows its list"
        );
        Ok(())
    }
}

/// What is known of a message that the backend has.
fn status_of(delivery: Option<&DeliveryView>) -> Option<DeliveryStatus> {
    match delivery? {
        DeliveryView::Known { status, .. } => status.known(),
        DeliveryView::Waiting | DeliveryView::Refused { .. } => None,
    }
}
