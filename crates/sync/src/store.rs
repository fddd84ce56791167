//! What a console remembers: the cache, which can be dropped, and the outbox, which cannot.
//!
//! Two files, so no step writes to both. Each [`StoreStep`] says which one it belongs to, and is one transaction
//! there: after a crash it happened or it did not.

use deskbell_domain::{
    CommandId, ConversationId, EntityId, EpochId, Open, RefreshId, Scope, Sensitive, UtcMs,
};
use deskbell_protocol::command::{Command, RejectCode};
use deskbell_protocol::sync::{Cursor, Frame, HistoryStart, Item, PageToken, Seq, SnapshotPage};
use serde::{Deserialize, Serialize};

/// A place in the log that the cache stands for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    /// The log's lineage.
    pub epoch: EpochId,
    /// The place.
    pub seq: Seq,
    /// The backend's word for it, given back as it is.
    pub cursor: Cursor,
}

/// How far a snapshot has come. Stored with the rows of each page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SnapshotProgress {
    /// Where the cache will stand at the end.
    pub at: Position,
    /// The next page; `None` when only the sweep is left.
    pub next: Option<PageToken>,
}

/// How far a command has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum CommandState {
    /// Never left this computer.
    Ready,
    /// May have reached the backend. Sent again, with the same id, until there is an outcome.
    Sending,
    /// Carried out. Settled when the cache has passed this place of this lineage.
    Applied {
        /// The lineage. In another one the outcome may be lost, and the command is sent again.
        epoch: EpochId,
        /// The place.
        seq: Seq,
    },
    /// Refused for good. Kept for its text, until the user takes it back or replaces it.
    Refused {
        /// Why.
        code: Open<RejectCode>,
    },
}

/// A command in the outbox.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutboxItem {
    /// What the user did. Its conversation is its lane.
    pub command: Command,
    /// How far it has come.
    pub state: CommandState,
    /// Not to be sent before this time.
    pub send_after: Option<UtcMs>,
    /// Of no use after this time.
    pub not_after: Option<UtcMs>,
}

impl OutboxItem {
    /// The command's id.
    pub const fn id(&self) -> CommandId {
        self.command.id
    }

    /// The conversation, whose lane the command waits in.
    pub const fn lane(&self) -> ConversationId {
        self.command.act.conversation()
    }

    /// Whether its outcome is still to come, or to be seen in the cache.
    pub const fn is_pending(&self) -> bool {
        !matches!(self.state, CommandState::Refused { .. })
    }
}

/// What an engine starts from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Restored {
    /// Cache: where it stands. `None` before the first snapshot is complete.
    pub position: Option<Position>,
    /// Cache: a snapshot that is not complete.
    pub snapshot: Option<SnapshotProgress>,
    /// Cache: the scopes it was purged to.
    pub scopes: Vec<Scope>,
    /// Cache: commands whose effects it shows, and that may still be in the outbox.
    pub settled: Vec<CommandId>,
    /// Outbox: its items, in the order in which they were put in.
    pub outbox: Vec<OutboxItem>,
    /// Outbox: a renewal whose answer has not come.
    pub renewal: Option<RefreshId>,
    /// Outbox: the highest time ever seen, this computer's or the backend's.
    pub highest_time: Option<UtcMs>,
    /// Outbox: until when the cache may be shown without contact.
    pub lease_until: Option<UtcMs>,
    /// Whether the cache was missing, unreadable or of another schema and was made anew at opening.
    pub cache_is_new: bool,
}

/// One durable step.
#[derive(Debug, Clone, PartialEq)]
pub enum StoreStep {
    /// Outbox, `FULL`: keep a command, behind all others; drop the one it replaces. A draft that says what a reply says
    /// goes with it, so that a crash neither loses nor doubles what was typed. The user is told afterwards.
    Enqueue {
        /// The command.
        item: Box<OutboxItem>,
        /// A refused command whose place it takes.
        replaces: Option<CommandId>,
    },
    /// Outbox: these are about to be sent ([`CommandState::Sending`]).
    MarkSending(Vec<CommandId>),
    /// Outbox: what became of commands.
    Outcomes(Outcomes),
    /// Outbox, reading the cache: the commands among these whose service window is closed at `now`, by the newest
    /// customer message the cache knows, become refused with `window_closed`. They are given back in
    /// [`Applied::expired`]. A conversation that the cache does not have is left to the backend.
    Expire {
        /// Candidates: past their `not_after`, never sent.
        ids: Vec<CommandId>,
        /// The time.
        now: UtcMs,
    },
    /// Outbox: remove a command, and put its text, if it has one, at the end of the conversation's draft.
    TakeBack(CommandId),
    /// Outbox: keep what is being typed; empty removes it. Hosts apply this one by themselves.
    SaveDraft {
        /// The conversation.
        conversation: ConversationId,
        /// The text.
        text: Sensitive<String>,
    },
    /// Outbox: a renewal begins. Durable before the request leaves.
    BeginRenewal(RefreshId),
    /// Outbox: its answer is in the keychain.
    EndRenewal,
    /// Outbox: times that only rise. A lower `highest_time` than the stored one changes nothing.
    NoteTime {
        /// The highest time seen.
        highest_time: UtcMs,
        /// Until when the cache may be shown; `None` leaves it as it is.
        lease_until: Option<UtcMs>,
    },
    /// Outbox: remove commands and drafts of these conversations: an erasure goes before what was typed.
    PurgeOutbox(Vec<EntityId>),
    /// Cache: rows of a frame by [`crate::row`]'s rules, the cursor, and the settled ids, in one transaction.
    /// [`StoreError::Conflict`] where the cache does not stand at the frame's beginning.
    ApplyFrame {
        /// The frame.
        frame: Box<Frame>,
        /// Commands whose effects the cache shows from here on: listed until [`StoreStep::ForgetSettled`], so that
        /// views leave their overlay out and a start can take them out of the outbox.
        settled: Vec<CommandId>,
    },
    /// Cache: these have left the outbox. Unknown ids are no error.
    ForgetSettled(Vec<CommandId>),
    /// Cache: rows of a page, and how far the snapshot has come. The first page (`begins`) starts a new generation
    /// of rows; rows of the generation before stay until the sweep. The cache has no position from then on.
    ApplySnapshotPage {
        /// Whether it is the first page.
        begins: bool,
        /// The page.
        page: Box<SnapshotPage>,
    },
    /// Cache: remove every row, follower and gap that the running snapshot did not bring; the cache stands where the
    /// snapshot stands.
    FinishSnapshot {
        /// Listed as with a frame.
        settled: Vec<CommandId>,
    },
    /// Cache: rows of a page of older messages, and the new gap; only where the conversation's gap still has the token
    /// the page was asked for with, else nothing.
    ApplyHistory {
        /// What was asked for.
        asked: PageToken,
        /// The messages.
        items: Vec<Item>,
        /// Where messages begin now.
        history: HistoryStart,
    },
    /// Cache: remember the scopes, and purge what is outside of them by [`crate::row::is_visible`]. `restart` also
    /// forgets position and snapshot, because a new snapshot follows; rows inside stay.
    SetScopes {
        /// All the device may see.
        scopes: Vec<Scope>,
        /// Whether they are others than before.
        restart: bool,
    },
    /// Cache: remove these roots with all that follows them.
    PurgeRoots(Vec<EntityId>),
    /// Cache: everything goes, position, snapshot, scopes, settled ids and gaps too. The key stays until the files are
    /// rewritten.
    DropCache,
}

impl StoreStep {
    /// Whether a failure is told to the user who waits for it, instead of being tried again.
    pub const fn is_users(&self) -> bool {
        matches!(self, Self::Enqueue { .. } | Self::TakeBack(_) | Self::SaveDraft { .. })
    }

    /// Whether the step writes to the cache.
    pub const fn is_cache(&self) -> bool {
        matches!(
            self,
            Self::ApplyFrame { .. }
                | Self::ForgetSettled(_)
                | Self::ApplySnapshotPage { .. }
                | Self::FinishSnapshot { .. }
                | Self::ApplyHistory { .. }
                | Self::SetScopes { .. }
                | Self::PurgeRoots(_)
                | Self::DropCache
        )
    }
}

/// What became of commands, for one transaction. Ids that are not in the outbox are no error.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outcomes {
    /// Carried out, but not in the cache yet.
    pub applied: Vec<(CommandId, EpochId, Seq)>,
    /// Refused for good; the item stays.
    pub refused: Vec<(CommandId, Open<RejectCode>)>,
    /// To be removed: settled, or refused without text.
    pub removed: Vec<CommandId>,
    /// To be sent again, as if never answered: their outcome belongs to a lineage that is gone.
    pub resend: Vec<CommandId>,
}

impl Outcomes {
    /// Whether there is nothing to write.
    pub const fn is_empty(&self) -> bool {
        self.applied.is_empty()
            && self.refused.is_empty()
            && self.removed.is_empty()
            && self.resend.is_empty()
    }
}

/// What a step did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Applied {
    /// Rows removed by a purge or a sweep.
    pub purged: u64,
    /// Commands that became refused with `window_closed`.
    pub expired: Vec<CommandId>,
    /// Roots that left the outbox's commands: the ids of commands removed by [`StoreStep::PurgeOutbox`].
    pub dropped: Vec<CommandId>,
}

/// Why a store refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// No room on the disk, or it refuses to be written to.
    #[error("the disk is full or refuses to be written to")]
    Disk,
    /// The cache cannot be read any more.
    #[error("the cache is damaged")]
    CacheDamaged,
    /// The outbox cannot be read any more.
    #[error("the outbox is damaged")]
    OutboxDamaged,
    /// The step does not follow from what is stored: a bug, or another program wrote to the files.
    #[error("the step does not fit what is stored")]
    Conflict,
    /// The files are closed.
    #[error("the store is closed")]
    Closed,
}

/// A store that engines are rebuilt from.
///
/// One caller at a time applies steps; reads through [`crate::Views`] may go on beside it.
pub trait Store: Send + Sync {
    /// What an engine starts from.
    ///
    /// # Errors
    /// When a file cannot be read. A damaged or foreign cache is no error: it is made anew, and said so.
    fn restore(&self) -> impl Future<Output = Result<Restored, StoreError>> + Send;

    /// Carries a step out: durable when it returns `Ok`, and not at all when it returns `Err`.
    ///
    /// # Errors
    /// [`StoreError`]. [`StoreError::CacheDamaged`] and [`StoreError::Conflict`] on a cache step lead to
    /// [`StoreStep::DropCache`].
    fn apply(&self, step: &StoreStep) -> impl Future<Output = Result<Applied, StoreError>> + Send;
}
