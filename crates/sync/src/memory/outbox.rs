//! The outbox "file": commands and drafts.

use std::collections::BTreeMap;

use deskbell_domain::{CommandId, ConversationId, Sensitive};
use deskbell_protocol::command::{Act, RejectCode};

use crate::store::{CommandState, OutboxItem, Outcomes, StoreError};

#[derive(Debug, Default)]
pub(super) struct OutboxFile {
    /// In the order in which they were put in.
    pub(super) items: Vec<OutboxItem>,
    pub(super) drafts: BTreeMap<ConversationId, Sensitive<String>>,
}

impl OutboxFile {
    pub(super) fn enqueue(
        &mut self,
        item: &OutboxItem,
        replaces: Option<CommandId>,
    ) -> Result<(), StoreError> {
        if self.items.iter().any(|other| other.id() == item.id()) {
            return Err(StoreError::Conflict);
        }
        self.items.retain(|other| Some(other.id()) != replaces);
        self.items.push(item.clone());
        if let Act::SendText { conversation, text, .. } = &item.command.act {
            let says_the_same = |draft: &Sensitive<String>| draft.expose().trim() == text.expose().trim();
            if self.drafts.get(conversation).is_some_and(says_the_same) {
                self.drafts.remove(conversation);
            }
        }
        Ok(())
    }

    pub(super) fn mark_sending(&mut self, ids: &[CommandId]) {
        for item in self.items.iter_mut().filter(|item| ids.contains(&item.id())) {
            if item.state == CommandState::Ready {
                item.state = CommandState::Sending;
            }
        }
    }

    pub(super) fn store(&mut self, outcomes: &Outcomes) {
        let Outcomes { applied, refused, removed, resend } = outcomes;
        for item in &mut self.items {
            let id = item.id();
            if let Some((_, epoch, seq)) = applied.iter().find(|(applied, ..)| *applied == id) {
                item.state = CommandState::Applied { epoch: *epoch, seq: *seq };
            }
            if let Some((_, code)) = refused.iter().find(|(refused, _)| *refused == id) {
                item.state = CommandState::Refused { code: *code };
            }
            if resend.contains(&id) {
                item.state = CommandState::Sending;
            }
        }
        self.items.retain(|item| !removed.contains(&item.id()));
    }

    pub(super) fn expire(
        &mut self,
        ids: &[CommandId],
        is_closed: impl Fn(ConversationId) -> bool,
    ) -> Vec<CommandId> {
        let mut expired = Vec::new();
        for item in self.items.iter_mut().filter(|item| ids.contains(&item.id())) {
            if item.state == CommandState::Ready && is_closed(item.lane()) {
                item.state = CommandState::Refused { code: RejectCode::WindowClosed.into() };
                expired.push(item.id());
            }
        }
        expired
    }

    pub(super) fn take_back(&mut self, id: CommandId) {
        let Some(place) = self.items.iter().position(|item| item.id() == id) else { return };
        let item = self.items.remove(place);
        if let Act::SendText { conversation, text, .. } = item.command.act {
            let draft = self.drafts.entry(conversation).or_default();
            let joined = match draft.expose().as_str() {
                "" => text.into_exposed(),
                typed => format!("{typed}\n{}", text.expose()),
            };
            *draft = joined.into();
        }
    }

    pub(super) fn save_draft(&mut self, conversation: ConversationId, text: &Sensitive<String>) {
        if text.expose().is_empty() {
            self.drafts.remove(&conversation);
        } else {
            self.drafts.insert(conversation, text.clone());
        }
    }

    pub(super) fn purge(&mut self, is_gone: impl Fn(ConversationId) -> bool) -> Vec<CommandId> {
        self.drafts.retain(|conversation, _| !is_gone(*conversation));
        self.items.extract_if(.., |item| is_gone(item.lane())).map(|item| item.id()).collect()
    }
}
