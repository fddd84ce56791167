//! The log as devices see it: hello, changes, snapshot, history, socket.
//!
//! Content is read when it is delivered, in one unchanging state of the database together with the scopes that the
//! user has at that moment. What is no longer visible is left out; its removal follows in the log.

mod enter;
mod frame;
mod hello;
mod history;
mod items;
mod live;
mod news;
mod queue;
mod snapshot;
mod token;

use deskbell_domain::{DeviceId, Scope, UserId};
use deskbell_protocol::problem::ProblemCode;
use deskbell_protocol::sync::{
    ChangesQuery, Frame, HelloRequest, HelloResponse, HistoryPage, PageQuery, ResyncReason, Seq, SnapshotPage,
};

use crate::auth::Caller;
use crate::problem::Answer;
use crate::serve::Backend;
use crate::storage::{LogClock, Read, change, staff};
use token::Place;

pub(crate) use live::live;
pub(crate) use token::Tokens;

/// Whose view of the log it is.
pub(crate) struct Viewer {
    user: UserId,
    device: DeviceId,
    scopes: Vec<Scope>,
}

impl Viewer {
    /// The view as the user's rights are in this state of the database.
    async fn now(read: &mut Read, caller: &Caller) -> Answer<Self> {
        let scopes = staff::scopes_of(read, caller.user()).await?;
        Ok(Self { user: caller.user(), device: caller.device(), scopes })
    }

    /// The view with the rights that the caller was found to have.
    fn of(caller: &Caller) -> Self {
        Self { user: caller.user(), device: caller.device(), scopes: caller.scopes.clone() }
    }

    /// Whether something with these scopes is in the view.
    fn sees(&self, scopes: &[Scope]) -> bool {
        scopes.iter().any(|scope| self.scopes.contains(scope))
    }
}

/// Answers a hello without a socket.
pub(crate) async fn hello(
    backend: &Backend,
    caller: &Caller,
    request: &HelloRequest,
) -> Answer<HelloResponse> {
    caller.seen(backend).await?;
    let tokens = backend.tokens(caller.tenant).await?;
    let mut read = backend.db().tenant(caller.tenant).read().await?;
    let viewer = Viewer::now(&mut read, caller).await?;
    Ok(hello::hello(backend, &mut read, &tokens, viewer, request).await?.response)
}

/// What changed after a cursor.
pub(crate) async fn changes(backend: &Backend, caller: &Caller, query: &ChangesQuery) -> Answer<Frame> {
    let tokens = backend.tokens(caller.tenant).await?;
    let mut read = backend.db().tenant(caller.tenant).read().await?;
    let clock = change::clock(&mut read).await?;
    let from = match stand(clock, tokens.open_cursor(&query.cursor)) {
        Ok(from) => from,
        Err(ResyncReason::CursorTooOld) => return Err(ProblemCode::CursorTooOld.into()),
        Err(ResyncReason::CursorAhead) => {
            tracing::error!(tenant = %caller.tenant, device = %caller.device(), head = clock.head, "cursor ahead");
            return Err(ProblemCode::CursorAhead.into());
        }
        Err(_) => return Err(ProblemCode::EpochChanged.into()),
    };
    let viewer = Viewer::now(&mut read, caller).await?;
    frame::frame(&mut read, &tokens, &viewer, clock.epoch, from).await
}

/// A page of everything there is.
pub(crate) async fn snapshot(backend: &Backend, caller: &Caller, query: &PageQuery) -> Answer<SnapshotPage> {
    let tokens = backend.tokens(caller.tenant).await?;
    let mut read = backend.db().tenant(caller.tenant).read().await?;
    let viewer = Viewer::now(&mut read, caller).await?;
    snapshot::page(&mut read, &tokens, &viewer, query.page.as_ref()).await
}

/// A page of older messages.
pub(crate) async fn history(backend: &Backend, caller: &Caller, query: &PageQuery) -> Answer<HistoryPage> {
    let tokens = backend.tokens(caller.tenant).await?;
    let page = query.page.as_ref().ok_or(ProblemCode::BadRequest)?;
    let token = tokens.open_history(page).ok_or(ProblemCode::EpochChanged)?;
    let mut read = backend.db().tenant(caller.tenant).read().await?;
    let viewer = Viewer::now(&mut read, caller).await?;
    history::page(&mut read, &tokens, &viewer, token).await
}

/// Whether a device that says it stands at `cursor` can go on from there.
///
/// A cursor that does not open was made with a key that a restored backend has not, so it counts as another epoch.
fn stand(clock: LogClock, cursor: Option<Place>) -> Result<Seq, ResyncReason> {
    let cursor = cursor.ok_or(ResyncReason::EpochChanged)?;
    if cursor.epoch != clock.epoch {
        return Err(ResyncReason::EpochChanged);
    }
    if cursor.seq > seq_of(clock.head) {
        return Err(ResyncReason::CursorAhead);
    }
    if cursor.seq < seq_of(clock.floor) {
        return Err(ResyncReason::CursorTooOld);
    }
    Ok(cursor.seq)
}

/// A place in the log on the wire, where numbers have no sign. Storage has none below zero.
pub(crate) fn seq_of(stored: i64) -> Seq {
    Seq(u64::try_from(stored).unwrap_or(0))
}

/// A place in the log as storage counts.
pub(crate) fn stored_seq(seq: Seq) -> i64 {
    i64::try_from(seq.0).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use deskbell_domain::EpochId;

    const EPOCH: EpochId = EpochId::from_bytes([1; 16]);

    fn clock() -> LogClock {
        LogClock { epoch: EPOCH, head: 50, floor: 10 }
    }

    #[test]
    fn a_device_goes_on_from_anywhere_that_the_log_reaches() {
        for seq in [10, 11, 50] {
            assert_eq!(stand(clock(), Some(Place { epoch: EPOCH, seq: Seq(seq) })), Ok(Seq(seq)));
        }
    }

    #[test]
    fn a_device_begins_again_where_the_log_does_not_reach() {
        let at = |epoch, seq| stand(clock(), Some(Place { epoch, seq: Seq(seq) }));
        assert_eq!(at(EPOCH, 9), Err(ResyncReason::CursorTooOld));
        assert_eq!(at(EPOCH, 51), Err(ResyncReason::CursorAhead));
        assert_eq!(at(EpochId::from_bytes([2; 16]), 20), Err(ResyncReason::EpochChanged));
        assert_eq!(stand(clock(), None), Err(ResyncReason::EpochChanged));
    }
}
