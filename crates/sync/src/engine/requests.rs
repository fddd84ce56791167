//! Questions to the backend that are under way.

use std::collections::BTreeMap;

use deskbell_domain::{CommandId, ConversationId, UtcMs};
use deskbell_protocol::sync::PageToken;

use super::Engine;
use crate::action::{Action, Request, RequestId};
use crate::limits::REQUEST_MS_MAX;

/// What an answer is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Purpose {
    /// To learn where the backend stands.
    Hello,
    /// To follow the log.
    Pull,
    /// To load the page of this token; `None` is the first.
    Snapshot(Option<PageToken>),
    /// To load older messages.
    History(ConversationId),
    /// To carry out these.
    Commands(Vec<CommandId>),
    /// To renew the session.
    Renew,
}

/// Requests in flight, each with the time at which it is given up.
#[derive(Debug, Default)]
pub(super) struct Requests {
    next: u64,
    in_flight: BTreeMap<RequestId, (Purpose, UtcMs)>,
}

impl Requests {
    pub(super) fn is_empty(&self) -> bool {
        self.in_flight.is_empty()
    }

    pub(super) fn has(&self, wanted: impl Fn(&Purpose) -> bool) -> bool {
        self.in_flight.values().any(|(purpose, _)| wanted(purpose))
    }

    pub(super) fn count(&self, wanted: impl Fn(&Purpose) -> bool) -> usize {
        self.in_flight.values().filter(|(purpose, _)| wanted(purpose)).count()
    }

    pub(super) fn end(&mut self, id: RequestId) -> Option<Purpose> {
        self.in_flight.remove(&id).map(|(purpose, _)| purpose)
    }

    /// Gives up what is `unwanted`: its answer will be ignored.
    pub(super) fn give_up(&mut self, unwanted: impl Fn(&Purpose) -> bool) {
        self.in_flight.retain(|_, (purpose, _)| !unwanted(purpose));
    }

    pub(super) fn clear(&mut self) {
        self.in_flight.clear();
    }

    pub(super) fn overdue(&mut self, now: UtcMs) -> Vec<Purpose> {
        self.in_flight
            .extract_if(.., |_, (_, until)| *until <= now)
            .map(|(_, (purpose, _))| purpose)
            .collect()
    }

    pub(super) fn due(&self) -> Option<UtcMs> {
        self.in_flight.values().map(|(_, until)| *until).min()
    }
}

impl Engine {
    pub(super) fn ask(&mut self, purpose: Purpose, request: Request) {
        if self.ended.is_some() {
            return;
        }
        let id = RequestId(self.requests.next);
        self.requests.next += 1;
        self.requests.in_flight.insert(id, (purpose, self.now.plus_ms(REQUEST_MS_MAX)));
        self.actions.push(Action::Request(id, request));
    }
}
