//! Older messages, on demand, into a gap.

use std::collections::{BTreeMap, BTreeSet};

use deskbell_domain::ConversationId;
use deskbell_protocol::sync::{HistoryPage, PageQuery, PageToken};

use super::{Engine, Purpose};
use crate::action::{Changed, Report, Request};
use crate::event::{Failure, FailureKind};
use crate::limits::HISTORY_REQUESTS_MAX;
use crate::store::StoreStep;

/// Conversations whose users wait for older messages.
#[derive(Debug, Default)]
pub(super) struct History {
    asked: BTreeMap<ConversationId, PageToken>,
    /// Whose page is on its way to the store.
    applying: BTreeSet<ConversationId>,
}

impl Engine {
    pub(super) fn fill_gap(&mut self, conversation: ConversationId, token: PageToken) {
        if self.history.asked.contains_key(&conversation) || self.history.applying.contains(&conversation) {
            return;
        }
        if !self.is_greeted() || self.history.asked.len() >= HISTORY_REQUESTS_MAX || self.steps.is_clogged() {
            return self.report(Report::GapFilled(conversation, Err(Failure::UNREACHABLE)));
        }
        self.history.asked.insert(conversation, token.clone());
        self.ask(Purpose::History(conversation), Request::History(PageQuery { page: Some(token) }));
    }

    pub(super) fn history_pulled(&mut self, conversation: ConversationId, page: HistoryPage) {
        let Some(asked) = self.history.asked.remove(&conversation) else { return };
        if page.history.conversation != conversation {
            let malformed = Failure::new(FailureKind::Malformed);
            return self.report(Report::GapFilled(conversation, Err(malformed)));
        }
        self.history.applying.insert(conversation);
        self.steps.push(StoreStep::ApplyHistory { asked, items: page.items, history: page.history });
    }

    pub(super) fn history_applied(&mut self, conversation: ConversationId) {
        if self.history.applying.remove(&conversation) {
            self.report(Report::GapFilled(conversation, Ok(())));
            self.report(Report::Changed(Changed::Conversations(vec![conversation])));
        }
    }

    pub(super) fn history_failed(&mut self, conversation: ConversationId, failure: Failure) {
        if self.history.asked.remove(&conversation).is_some() {
            self.report(Report::GapFilled(conversation, Err(failure)));
        }
    }

    /// Gives up the requests for these conversations. A page already handed to the store is written before whatever
    /// comes next, and so does no harm.
    pub(super) fn give_up_history(&mut self, unwanted: impl Fn(ConversationId) -> bool) {
        let gone: Vec<_> =
            self.history.asked.extract_if(.., |conversation, _| unwanted(*conversation)).collect();
        for (conversation, _) in gone {
            self.requests.give_up(|purpose| *purpose == Purpose::History(conversation));
            self.report(Report::GapFilled(conversation, Err(Failure::UNREACHABLE)));
        }
        // Steps that waited may be forgotten with their cache; nobody waits for them in vain.
        let forgotten: Vec<_> =
            self.history.applying.iter().copied().filter(|conversation| unwanted(*conversation)).collect();
        for conversation in forgotten {
            self.history.applying.remove(&conversation);
            self.report(Report::GapFilled(conversation, Err(Failure::UNREACHABLE)));
        }
    }
}
