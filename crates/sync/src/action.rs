//! What an engine asks for.

use std::sync::Arc;

use deskbell_domain::{CommandId, ConversationId, ErasureId, Open, RefreshId, UtcMs};
use deskbell_protocol::command::{CommandsRequest, RejectCode};
use deskbell_protocol::socket::{ClientMessage, RevokeReason};
use deskbell_protocol::sync::{ChangesQuery, HelloRequest, PageQuery, ResyncReason};

use crate::event::{EnqueueError, Failure};
use crate::store::{StoreError, StoreStep};

/// Names a step until it is reported done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StepId(pub u64);

/// Names a request until it is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(pub u64);

/// Something to be done. Actions of one call are started in the order given; they need not end in it.
#[derive(Debug, Clone)]
pub enum Action {
    /// Write to the store. The next one is asked for when this one is reported with [`crate::Event::StepDone`].
    Step(StepId, Arc<StoreStep>),
    /// Ask the backend; report with [`crate::Event::Answered`].
    Request(RequestId, Request),
    /// Open the socket; report with [`crate::Event::SocketOpened`] or [`crate::Event::SocketClosed`].
    OpenSocket,
    /// Send on the socket. What cannot be sent is dropped.
    Send(ClientMessage),
    /// Close the socket, or give up opening it.
    CloseSocket,
    /// Say [`crate::Event::Timer`] at this time, and forget any other.
    SetTimer(UtcMs),
    /// The roots of an erasure are purged from the cache and the outbox: rewrite the files, sign the receipt, send
    /// it. Comes again after each hello until the backend has it.
    Prove {
        /// The erasure.
        erasure: ErasureId,
        /// Rows purged.
        rows: u64,
    },
    /// Tell those who want to know.
    Report(Report),
}

/// A question to the backend.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// `POST /v1/sync/hello`.
    Hello(HelloRequest),
    /// `GET /v1/sync/changes`.
    Changes(ChangesQuery),
    /// `GET /v1/sync/snapshot`.
    Snapshot(PageQuery),
    /// `GET /v1/sync/history`.
    History(PageQuery),
    /// `POST /v1/commands`.
    Commands(CommandsRequest),
    /// `POST /v1/session/refresh`, with the refresh token of the keychain.
    Renew {
        /// Already durable: after a lost answer the same is sent again.
        refresh_id: RefreshId,
    },
}

/// News for the host and its windows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Report {
    /// The connection changed.
    Connection(ConnectionState),
    /// The cache is level with the backend, as of now.
    InStep,
    /// Stored data changed: views are to be read again.
    Changed(Changed),
    /// How many commands wait, and how many were refused and wait for the user.
    Outbox {
        /// Not settled yet, read marks apart.
        waiting: usize,
        /// Refused.
        refused: usize,
    },
    /// The end of [`crate::Event::Enqueue`]. Durable when `Ok`.
    Enqueued(CommandId, Result<(), EnqueueError>),
    /// The end of [`crate::Event::TakeBack`].
    TakenBack(CommandId, Result<(), EnqueueError>),
    /// A command was carried out, and the cache shows it.
    Settled(CommandId),
    /// A command was refused for good. Where it carries text, it stays in the outbox.
    Refused(CommandId, Open<RejectCode>),
    /// The end of [`crate::Event::FillGap`].
    GapFilled(ConversationId, Result<(), Failure>),
    /// The store refused a step; it is tried again.
    Storage(StoreError),
    /// Somebody should look into this.
    Alarm(Alarm),
}

/// What should not happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Alarm {
    /// The backend's log ends before this device's cursor: it was restored without a new epoch.
    CursorAhead,
    /// The computer's clock is earlier than a time that was seen before.
    ClockTurnedBack {
        /// The highest time seen.
        highest: UtcMs,
    },
    /// The cache was dropped and is loaded again.
    CacheDropped {
        /// Why, where the backend said so.
        reason: Option<Open<ResyncReason>>,
    },
}

/// Which stored data changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Changed {
    /// These conversations, and so the list.
    Conversations(Vec<ConversationId>),
    /// Names of staff, queues or the tenant, or more than is worth naming.
    Everything,
}

/// Whether the backend can be reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConnectionState {
    /// On the way to the head of the log.
    Connecting,
    /// A snapshot arrives. What has arrived is shown.
    Loading,
    /// Level with the backend.
    InSync,
    /// Not reachable.
    Offline {
        /// Since when.
        since: UtcMs,
    },
    /// No protocol is spoken by both. Only the frozen core runs.
    UpdateNeeded,
    /// The backend ended the session for good: destroy both keys. The engine does nothing more.
    Revoked {
        /// Why, where it said so.
        reason: Option<Open<RevokeReason>>,
        /// Commands that were never settled.
        unsent: usize,
    },
    /// The backend does not know the session any more. The engine does nothing more; after a new sign-in another one
    /// goes on from the same store, with its outbox.
    SignInNeeded,
}
