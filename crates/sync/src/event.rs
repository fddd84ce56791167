//! What an engine is told.

use deskbell_domain::{CommandId, ConversationId, UtcMs};
use deskbell_protocol::command::{Command, CommandsResponse};
use deskbell_protocol::problem::ProblemCode;
use deskbell_protocol::socket::ServerMessage;
use deskbell_protocol::sync::{Frame, HelloResponse, HistoryPage, PageToken, SnapshotPage};

use crate::action::{RequestId, StepId};
use crate::store::{Applied, StoreError};

/// Something that happened.
#[derive(Debug, Clone)]
pub enum Event {
    /// The host is ready. Comes once, first.
    Started {
        /// For how many milliseconds the access token that the host holds is still good; `None` where it holds none.
        access_ms: Option<i64>,
    },
    /// The network changed, the computer woke up, or the user asks: try now.
    NetworkChanged,
    /// The socket asked for is open.
    SocketOpened,
    /// A message came on it.
    SocketMessage(ServerMessage),
    /// It closed, or could not be opened. Also follows [`crate::Action::CloseSocket`] where one was open.
    SocketClosed,
    /// A request ended.
    Answered(RequestId, Result<Answer, Failure>),
    /// A step was carried out, or refused by the store. It must be reported even so.
    StepDone(StepId, Result<Applied, StoreError>),
    /// The time asked for with [`crate::Action::SetTimer`] has come. Early and repeated ones do no harm.
    Timer,
    /// The user did something. Answered by [`crate::Report::Enqueued`].
    Enqueue(NewCommand),
    /// The user takes an unsent or refused command back; a text goes into the draft. Answered by
    /// [`crate::Report::TakenBack`].
    TakeBack(CommandId),
    /// The user scrolls into a gap. Answered by [`crate::Report::GapFilled`].
    FillGap {
        /// The conversation.
        conversation: ConversationId,
        /// The gap's token, from [`crate::Views::gap`].
        token: PageToken,
    },
}

/// A command on its way into the outbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewCommand {
    /// What the user did, with its idempotency key.
    pub command: Command,
    /// Not to be sent before this time: the user may still undo it.
    pub send_after: Option<UtcMs>,
    /// Of no use after this time: the end of the service window, as the author saw it.
    pub not_after: Option<UtcMs>,
    /// A refused command that this one takes the place of, in the same step.
    pub replaces: Option<CommandId>,
}

/// The answer to a [`crate::Request`], of the same name.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// To a hello.
    Hello(HelloResponse),
    /// To a pull.
    Changes(Frame),
    /// A page of the snapshot.
    Snapshot(SnapshotPage),
    /// A page of older messages.
    History(HistoryPage),
    /// To commands.
    Commands(CommandsResponse),
    /// The session is renewed. The host has put the new refresh token into the keychain before it says so.
    Renewed {
        /// For how many milliseconds the new access token is good, by the backend's own clock.
        access_ms: i64,
    },
}

/// A request that got no answer to work with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Failure {
    /// What went wrong.
    pub kind: FailureKind,
    /// When the backend wants to be asked again, in milliseconds from now.
    pub retry_after_ms: Option<i64>,
}

/// What went wrong with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailureKind {
    /// No answer: whether the request was carried out is not known.
    Unreachable,
    /// An answer that is none of ours: a proxy's page, or a body that cannot be read.
    Malformed,
    /// The backend refused.
    Refused(ProblemCode),
    /// The backend refused with a code or status this version does not know.
    RefusedUnknown,
}

impl Failure {
    /// A failure that names no time.
    pub const fn new(kind: FailureKind) -> Self {
        Self { kind, retry_after_ms: None }
    }

    /// No answer.
    pub const UNREACHABLE: Self = Self::new(FailureKind::Unreachable);
}

/// Why a command did not get into the outbox. The user still has the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EnqueueError {
    /// Too many commands wait.
    #[error("the outbox is full")]
    Full,
    /// A command with this id waits already.
    #[error("the command is in the outbox already")]
    Duplicate,
    /// The session has ended.
    #[error("the session has ended")]
    Ended,
    /// The command may have reached the backend, or is not there.
    #[error("the command is not in a state for this")]
    WrongState,
    /// The store refused.
    #[error("the store refused: {0}")]
    Store(#[from] StoreError),
}
