//! The one list of what a window may ask of the engine, and of what it is told.
//!
//! Each command stands here once: name, request, response, and the views it may change. The trait a host implements,
//! the dispatch by name and the TypeScript types are made from it, so a host that lacks a command does not compile.

mod error;
mod list;
mod session;
mod thread;

use serde::{Deserialize, Serialize};
use ts_rs::TS;

pub use error::{ApiError, ApiErrorCode};
pub use list::{
    Assignee, ConversationList, ConversationRow, ListGroup, ListGroupKind, ListQuery, ListView, Preview,
    WindowView,
};
pub use session::{
    Connection, Preferences, SessionState, SessionView, SignIn, SignOut, SignOutResult, StatusView,
    StorageKind, Theme, Unsent, UserView,
};
pub use thread::{
    AttachmentView, ConversationRef, DeliveryView, MessageQuery, MessageRef, MessageView, OlderMessages,
    Reply, ReplyQueued, SaveDraft, ThreadQuery, ThreadView,
};

/// A part of the interface that shows stored data and is drawn again when told so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, TS)]
#[serde(tag = "view", rename_all = "snake_case")]
pub enum View {
    /// Who is signed in.
    Session,
    /// The conversation list and its counts.
    List,
    /// One conversation's header, messages and draft.
    Thread {
        /// The conversation.
        #[ts(type = "string")]
        conversation: deskbell_domain::ConversationId,
    },
    /// Connection, queue of unsent commands, storage.
    Status,
    /// The user's choices on this computer.
    Preferences,
    /// All of them: more changed than is worth naming, or the window fell behind.
    Everything,
}

/// What the engine tells the window without being asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct ViewsChanged {
    /// The views to read again.
    pub views: Vec<View>,
}

/// The response of a command that only succeeds or fails.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Done {}

/// The request of a command that needs nothing to be said.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Nothing {}

/// What is known of a command besides its types.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CommandInfo {
    /// Its name on the wire between window and engine.
    pub name: &'static str,
    /// What it does, for the generated TypeScript.
    pub doc: &'static str,
    /// The TypeScript name of its request.
    pub request: &'static str,
    /// The TypeScript name of its response.
    pub response: &'static str,
    /// Names of the views it may change; a change reaches the window as [`ViewsChanged`].
    pub changes: &'static [&'static str],
}

macro_rules! commands {
    ($($(#[doc = $doc:literal])+ $name:ident($request:ty) -> $response:ty, changes [$($view:ident),*];)+) => {
        /// A host of the window: the engine, or what stands in for it.
        #[allow(async_fn_in_trait, reason = "the futures are used behind concrete types only")]
        pub trait Host: Send + Sync {
            $(
                $(#[doc = $doc])+
                fn $name(
                    &self,
                    request: $request,
                ) -> impl Future<Output = Result<$response, ApiError>> + Send;
            )+
        }

        /// All commands, in the order of this file.
        pub const COMMANDS: &[CommandInfo] = &[$(CommandInfo {
            name: stringify!($name),
            doc: concat!($($doc, "\n"),+),
            request: stringify!($request),
            response: stringify!($response),
            changes: &[$(stringify!($view)),*],
        }),+];

        /// Runs the command of that name on a request in JSON.
        ///
        /// # Errors
        /// What the command gives; `bad_request` for a name or a request that is not in the list.
        pub async fn dispatch<H: Host>(
            host: &H,
            name: &str,
            request: serde_json::Value,
        ) -> Result<serde_json::Value, ApiError> {
            match name {
                $(stringify!($name) => {
                    let request: $request =
                        serde_json::from_value(request).map_err(|_| ApiError::bad_request())?;
                    let response = host.$name(request).await?;
                    serde_json::to_value(response).map_err(|_| ApiError::internal())
                })+
                _ => Err(ApiError::bad_request()),
            }
        }
    };
}

commands! {
    /// Who is signed in on this computer, and what stands in the way where nobody is.
    session(Nothing) -> SessionView, changes [];
    /// Signs in at a backend, creates this device there, and opens the encrypted cache.
    sign_in(SignIn) -> SessionView, changes [Session, List, Status];
    /// Ends the session on this device; what was not sent yet is sent, kept locked, or dropped.
    sign_out(SignOut) -> SignOutResult, changes [Session, List, Status];
    /// Connection, unsent commands, storage.
    status(Nothing) -> StatusView, changes [];
    /// Tries to reach the backend now instead of at the next planned time.
    reconnect(Nothing) -> Done, changes [Status];
    /// A window of the conversation list.
    list(ListQuery) -> ConversationList, changes [];
    /// A conversation's header, its newest messages, and its draft.
    thread(ThreadQuery) -> ThreadView, changes [];
    /// Messages before a given one: from the cache, or from the backend where the cache has a gap.
    older_messages(MessageQuery) -> OlderMessages, changes [Thread];
    /// Queues a reply. It is durable when this answers.
    reply(Reply) -> ReplyQueued, changes [List, Thread, Status];
    /// Sends the text of a failed or refused message again, as a new message.
    retry(MessageRef) -> ReplyQueued, changes [List, Thread, Status];
    /// Takes an unsent or refused message out of the queue and puts its text back into the draft.
    take_back(MessageRef) -> Done, changes [List, Thread, Status];
    /// Keeps what is being typed. An empty text removes the draft.
    save_draft(SaveDraft) -> Done, changes [List];
    /// Marks the conversation as read up to its newest message.
    mark_read(ConversationRef) -> Done, changes [List, Thread];
    /// Takes the conversation.
    claim(ConversationRef) -> Done, changes [List, Thread, Status];
    /// Gives the conversation back to its queue.
    release(ConversationRef) -> Done, changes [List, Thread, Status];
    /// Closes the conversation; a message from the customer opens it again.
    resolve(ConversationRef) -> Done, changes [List, Thread, Status];
    /// Opens a resolved conversation again.
    reopen(ConversationRef) -> Done, changes [List, Thread, Status];
    /// The user's choices on this computer.
    preferences(Nothing) -> Preferences, changes [];
    /// Changes the user's choices on this computer.
    set_preferences(Preferences) -> Preferences, changes [Preferences];
}
