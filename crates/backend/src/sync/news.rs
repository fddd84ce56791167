//! What a socket is told when the log moves.

use deskbell_domain::EpochId;
use deskbell_protocol::limits::FRAME_BYTES_MAX;
use deskbell_protocol::socket::{RevokeReason, ServerMessage};
use deskbell_protocol::sync::Seq;

use super::token::Tokens;
use super::{Viewer, frame, seq_of};
use crate::auth::Caller;
use crate::limits::QUIET_CHANGES_MAX;
use crate::problem::{Answer, Failure};
use crate::serve::Backend;
use crate::storage::change;

/// What happened since the last time.
pub(super) enum News {
    /// Nothing that this device sees.
    Nothing,
    /// What it sees of it: a message with a frame, as text.
    Frame(String),
    /// More than a frame holds, up to this place.
    Head(Seq),
    /// The session does not hold any more.
    Ended(RevokeReason),
    /// The log has another epoch.
    Another,
}

/// Knows where a socket's console stands if nothing was lost on the way to it.
pub(super) struct Reporter<'a> {
    backend: &'a Backend,
    caller: &'a Caller,
    tokens: Tokens,
    epoch: EpochId,
    told: Seq,
}

impl<'a> Reporter<'a> {
    pub(super) const fn new(
        backend: &'a Backend,
        caller: &'a Caller,
        tokens: Tokens,
        epoch: EpochId,
        told: Seq,
    ) -> Self {
        Self { backend, caller, tokens, epoch, told }
    }

    /// Looks at the session, then at the log, in one state of the database.
    ///
    /// `quietly` leaves out a frame without content: the next one with content begins where the last one ended, so
    /// nothing is missed. From time to time the console is told of empty stretches too, so that they do not grow.
    pub(super) async fn news(&mut self, quietly: bool) -> Answer<News> {
        let mut read = self.backend.db().tenant(self.caller.tenant).read().await?;
        if let Some(reason) = self.caller.ended(&mut read).await? {
            return Ok(News::Ended(reason));
        }
        let clock = change::clock(&mut read).await?;
        let head = seq_of(clock.head);
        if clock.epoch != self.epoch {
            return Ok(News::Another);
        }
        if head <= self.told {
            return Ok(News::Nothing);
        }
        if self.told < seq_of(clock.floor) {
            self.told = head;
            return Ok(News::Head(head));
        }
        // The session holds, so these are the scopes of this moment.
        let viewer = Viewer::of(self.caller);
        let frame = frame::frame(&mut read, &self.tokens, &viewer, self.epoch, self.told).await?;
        let empty = frame.items.is_empty() && frame.settled.is_empty();
        if empty && quietly && head.0 - self.told.0 < QUIET_CHANGES_MAX {
            return Ok(News::Nothing);
        }
        let (to, more) = (frame.to, frame.more);
        let text = serde_json::to_string(&ServerMessage::Frame(frame))
            .map_err(|_| Failure::internal("a frame could not be written"))?;
        if more || text.len() > FRAME_BYTES_MAX {
            self.told = head;
            return Ok(News::Head(head));
        }
        self.told = to;
        Ok(News::Frame(text))
    }
}
