//! Each command of the list, as the window calls it.

use std::time::Duration;

use deskbell_domain::{
    Clock as _, CommandId, ConversationId, DeliveryStatus, MessageId, Sensitive, ServiceWindow, SystemClock,
    TEXT_CHARS_MAX, UtcMs, WindowState,
};
use deskbell_protocol::command::{Act, Command, Seen};
use deskbell_sync::event::{EnqueueError, Failure, NewCommand};
use deskbell_sync::view::{Header, MessageState, OlderQuery, ThreadMessage};
use deskbell_sync::{CommandState, OutboxItem, StoreError, Views as _};

use super::{Console, Current};
use crate::api::{
    ApiError, ApiErrorCode, Connection, ConversationList, ConversationRef, Done, Host, ListQuery,
    MessageQuery, MessageRef, Nothing, OlderMessages, Preferences, Reply, ReplyQueued, SaveDraft,
    SessionView, SignIn, SignOut, SignOutResult, StatusView, StorageKind, ThreadQuery, ThreadView, Unsent,
    View,
};
use crate::limits::{LIST_ROWS_MAX, OLDER_MESSAGES_MAX, SIGN_OUT_TIMEOUT, THREAD_MESSAGES_MAX};
use crate::session::{Session, new_id};
use crate::view;

/// How often signing out looks whether the outbox is empty.
const SIGN_OUT_POLL: Duration = Duration::from_millis(50);

impl Host for Console {
    async fn session(&self, _: Nothing) -> Result<SessionView, ApiError> {
        self.session_view().await
    }

    async fn sign_in(&self, request: SignIn) -> Result<SessionView, ApiError> {
        self.open(request).await?;
        self.session_view().await
    }

    async fn sign_out(&self, request: SignOut) -> Result<SignOutResult, ApiError> {
        let session = self.signed_in().await?;
        if request.unsent == Unsent::Send {
            wait_until_sent(&session).await?;
        }
        let left = session.storage.outbox().await.map_err(storage_error)?.len();
        session.stop().await;
        // The backend revokes the device at once where it can be reached, else when the token has run out.
        if let Some(access) = session.access_token() {
            let told = tokio::time::timeout(SIGN_OUT_TIMEOUT, session.transport.sign_out(&access)).await;
            if !matches!(told, Ok(Ok(()))) {
                tracing::warn!("signed out here; the backend could not be told");
            }
        }
        let kept = if request.unsent == Unsent::Keep { left } else { 0 };
        if kept > 0 {
            self.leave(&session).await;
        } else {
            self.destroy(&session).await;
        }
        self.become_current(Current::Nobody).await;
        Ok(SignOutResult { kept: u32::try_from(kept).unwrap_or(u32::MAX) })
    }

    async fn status(&self, _: Nothing) -> Result<StatusView, ApiError> {
        Ok(match &*self.0.current.read().await {
            Current::Somebody(session) => session.status.view(),
            Current::Nobody | Current::Blocked(_) => signed_out_status(),
        })
    }

    async fn reconnect(&self, _: Nothing) -> Result<Done, ApiError> {
        self.signed_in().await?.tell(deskbell_sync::Event::NetworkChanged).await;
        Ok(Done {})
    }

    async fn list(&self, query: ListQuery) -> Result<ConversationList, ApiError> {
        let session = self.signed_in().await?;
        let query = view::list_query(query, session.me(), capped(query.limit, LIST_ROWS_MAX));
        let page = session.storage.list(query).await.map_err(storage_error)?;
        Ok(view::list(page, session.me(), SystemClock.now()))
    }

    async fn thread(&self, query: ThreadQuery) -> Result<ThreadView, ApiError> {
        let session = self.signed_in().await?;
        let thread = read_thread(&session, query.conversation, query.limit).await?;
        let draft = session.storage.draft(query.conversation).await.map_err(storage_error)?;
        Ok(view::thread(thread, draft, session.me(), SystemClock.now()))
    }

    async fn older_messages(&self, query: MessageQuery) -> Result<OlderMessages, ApiError> {
        let session = self.signed_in().await?;
        let query = OlderQuery {
            conversation: query.conversation,
            before: query.before,
            limit: capped(query.limit, OLDER_MESSAGES_MAX),
        };
        let mut older = session.storage.older(query).await.map_err(storage_error)?;
        if let Some(token) = older.gap.take()
            && older.messages.len() < query.limit
        {
            session.fill_gap(query.conversation, token).await.map_err(gap_error)?;
            older = session.storage.older(query).await.map_err(storage_error)?;
        }
        Ok(view::older(older, session.me()))
    }

    async fn reply(&self, request: Reply) -> Result<ReplyQueued, ApiError> {
        let session = self.signed_in().await?;
        queue_text(&session, request.conversation, request.text, None).await
    }

    async fn retry(&self, request: MessageRef) -> Result<ReplyQueued, ApiError> {
        let session = self.signed_in().await?;
        if let Some((item, text)) = unsent(&session, request.message).await? {
            if !matches!(item.state, CommandState::Refused { .. }) {
                return Err(ApiErrorCode::WrongState.into());
            }
            return queue_text(&session, request.conversation, text, Some(item.id())).await;
        }
        let failed = stored(&session, request).await?;
        let has_failed = failed.body.status.and_then(|status| status.known()) == Some(DeliveryStatus::Failed);
        match failed.body.content.text {
            Some(text) if has_failed => queue_text(&session, request.conversation, text, None).await,
            _ => Err(ApiErrorCode::WrongState.into()),
        }
    }

    async fn take_back(&self, request: MessageRef) -> Result<Done, ApiError> {
        let session = self.signed_in().await?;
        let (item, _) = unsent(&session, request.message).await?.ok_or(ApiErrorCode::WrongState)?;
        session.take_back(item.id()).await.map_err(enqueue_error)?;
        session.status.announcer().changed([View::List, View::Thread { conversation: request.conversation }]);
        Ok(Done {})
    }

    async fn save_draft(&self, request: SaveDraft) -> Result<Done, ApiError> {
        let session = self.signed_in().await?;
        session.save_draft(request.conversation, request.text).await.map_err(storage_error)?;
        session.status.announcer().changed([View::List]);
        Ok(Done {})
    }

    async fn mark_read(&self, request: ConversationRef) -> Result<Done, ApiError> {
        let session = self.signed_in().await?;
        let thread = read_thread(&session, request.conversation, 1).await?;
        if thread.row.unread > 0 {
            let through = thread.row.header.body.last_message_at;
            let act = Act::MarkRead { conversation: request.conversation, through };
            queue(&session, act).await?;
        }
        Ok(Done {})
    }

    async fn claim(&self, request: ConversationRef) -> Result<Done, ApiError> {
        queue(&*self.signed_in().await?, Act::Claim { conversation: request.conversation }).await
    }

    async fn release(&self, request: ConversationRef) -> Result<Done, ApiError> {
        queue(&*self.signed_in().await?, Act::Release { conversation: request.conversation }).await
    }

    async fn resolve(&self, request: ConversationRef) -> Result<Done, ApiError> {
        queue(&*self.signed_in().await?, Act::Resolve { conversation: request.conversation }).await
    }

    async fn reopen(&self, request: ConversationRef) -> Result<Done, ApiError> {
        queue(&*self.signed_in().await?, Act::Reopen { conversation: request.conversation }).await
    }

    async fn preferences(&self, _: Nothing) -> Result<Preferences, ApiError> {
        Ok(self.0.folder.preferences())
    }

    async fn set_preferences(&self, request: Preferences) -> Result<Preferences, ApiError> {
        self.0.folder.set_preferences(request).map_err(|_| ApiErrorCode::Storage)?;
        self.0.announcer.changed([View::Preferences]);
        Ok(request)
    }
}

/// What the status bar shows while nobody is signed in: nothing is kept, so nothing is queued.
const fn signed_out_status() -> StatusView {
    StatusView {
        connection: Connection::SignedOut,
        queued: 0,
        refused: 0,
        storage: StorageKind::Encrypted,
        synced_at: None,
        version: env!("CARGO_PKG_VERSION"),
    }
}

/// How many rows are given of those asked for.
fn capped(wanted: u32, most: u32) -> usize {
    usize::try_from(wanted.min(most)).unwrap_or(usize::MAX)
}

async fn read_thread(
    session: &Session,
    conversation: ConversationId,
    limit: u32,
) -> Result<deskbell_sync::view::Thread, ApiError> {
    let limit = capped(limit, THREAD_MESSAGES_MAX);
    let query = deskbell_sync::view::ThreadQuery { conversation, limit, me: session.me() };
    let thread = session.storage.thread(query).await.map_err(storage_error)?;
    thread.ok_or_else(|| ApiErrorCode::NotFound.into())
}

/// A conversation as the user sees it.
async fn header(session: &Session, conversation: ConversationId) -> Result<Header, ApiError> {
    let header = session.storage.header(conversation, session.me()).await.map_err(storage_error)?;
    header.ok_or_else(|| ApiErrorCode::NotFound.into())
}

/// The command in the outbox that writes a message, and its text.
async fn unsent(
    session: &Session,
    wanted: MessageId,
) -> Result<Option<(OutboxItem, Sensitive<String>)>, ApiError> {
    let outbox = session.storage.outbox().await.map_err(storage_error)?;
    Ok(outbox.into_iter().find_map(|item| match &item.command.act {
        Act::SendText { message, text, .. } if *message == wanted => {
            let text = text.clone();
            Some((item, text))
        }
        _ => None,
    }))
}

/// A message of the cache.
async fn stored(session: &Session, wanted: MessageRef) -> Result<ThreadMessage, ApiError> {
    let thread = read_thread(session, wanted.conversation, THREAD_MESSAGES_MAX).await?;
    let mut messages = thread.messages.into_iter();
    let found =
        messages.find(|message| message.id == wanted.message && message.state == MessageState::Stored);
    found.ok_or_else(|| ApiErrorCode::NotFound.into())
}

/// Puts a text into the outbox, when it may be sent as things look from here.
async fn queue_text(
    session: &Session,
    conversation: ConversationId,
    text: Sensitive<String>,
    replaces: Option<CommandId>,
) -> Result<ReplyQueued, ApiError> {
    if text.expose().trim().is_empty() {
        return Err(ApiErrorCode::EmptyText.into());
    }
    if text.expose().chars().count() > TEXT_CHARS_MAX {
        return Err(ApiErrorCode::TextTooLong.into());
    }
    let header = header(session, conversation).await?;
    let now = SystemClock.now();
    let window = ServiceWindow::since(header.body.last_customer_message_at).at(now);
    let WindowState::Open { until } = window else { return Err(ApiErrorCode::WindowClosed.into()) };
    let message = new_id(MessageId::new).map_err(storage_error)?;
    let act = Act::SendText { conversation, message, text };
    let command = enqueue(session, act, Some(&header), Some(until), replaces).await?;
    Ok(ReplyQueued { command, message })
}

/// Puts an act into the outbox that no customer sees.
async fn queue(session: &Session, act: Act) -> Result<Done, ApiError> {
    header(session, act.conversation()).await?;
    enqueue(session, act, None, None, None).await?;
    Ok(Done {})
}

async fn enqueue(
    session: &Session,
    act: Act,
    seen: Option<&Header>,
    not_after: Option<UtcMs>,
    replaces: Option<CommandId>,
) -> Result<CommandId, ApiError> {
    let conversation = act.conversation();
    let id = new_id(CommandId::new).map_err(storage_error)?;
    let seen = seen.map(|header| Seen {
        version: header.version,
        assignee: header.body.assignee,
        status: header.body.status,
    });
    let command = Command { id, created_at: SystemClock.now(), seen, act };
    let new = NewCommand { command, send_after: None, not_after, replaces };
    session.enqueue(new).await.map_err(enqueue_error)?;
    session.status.announcer().changed([View::List, View::Thread { conversation }]);
    Ok(id)
}

/// Waits for the outbox to be empty, for as long as somebody who wants to go home does.
async fn wait_until_sent(session: &Session) -> Result<(), ApiError> {
    let sent = async {
        while session.status.view().queued > 0 {
            tokio::time::sleep(SIGN_OUT_POLL).await;
        }
    };
    tokio::time::timeout(SIGN_OUT_TIMEOUT, sent).await.map_err(|_| ApiErrorCode::Unreachable.into())
}

/// What the window is told when a store fails.
pub(super) fn storage_error(error: StoreError) -> ApiError {
    tracing::error!(%error, "the store failed");
    match error {
        StoreError::Closed => ApiErrorCode::SignedOut.into(),
        _ => ApiErrorCode::Storage.into(),
    }
}

fn enqueue_error(error: EnqueueError) -> ApiError {
    match error {
        EnqueueError::Store(error) => storage_error(error),
        EnqueueError::Full => ApiErrorCode::Storage.into(),
        EnqueueError::Duplicate | EnqueueError::WrongState => ApiErrorCode::WrongState.into(),
        EnqueueError::Ended => ApiErrorCode::SignedOut.into(),
    }
}

fn gap_error(_: Failure) -> ApiError {
    ApiErrorCode::Unreachable.into()
}
