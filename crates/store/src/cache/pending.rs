use std::collections::{HashMap, HashSet};

use deskbell_domain::{CommandId, ConversationId, MessageId};
use deskbell_protocol::command::Act;
use deskbell_sync::OutboxItem;

/// The outbox's items, to be laid over what the cache says.
pub(crate) struct Pending {
    items: Vec<OutboxItem>,
}

/// Those of them whose effects the cache does not show, by conversation and in order.
pub(super) struct Lanes<'a>(HashMap<ConversationId, Vec<&'a OutboxItem>>);

impl Pending {
    /// The items, in the order of the outbox.
    pub(crate) const fn new(items: Vec<OutboxItem>) -> Self {
        Self { items }
    }

    /// The items whose effects the cache does not show already.
    pub(super) fn without(self, settled: &HashSet<CommandId>) -> Vec<OutboxItem> {
        self.items.into_iter().filter(|item| !settled.contains(&item.id())).collect()
    }

    /// The same, by conversation.
    pub(super) fn by_conversation(&self, settled: &HashSet<CommandId>) -> Lanes<'_> {
        let mut lanes: HashMap<_, Vec<_>> = HashMap::new();
        for item in self.items.iter().filter(|item| !settled.contains(&item.id())) {
            lanes.entry(item.lane()).or_default().push(item);
        }
        Lanes(lanes)
    }
}

impl Lanes<'_> {
    /// The items of a conversation.
    pub(super) fn of(&self, conversation: ConversationId) -> &[&OutboxItem] {
        self.0.get(&conversation).map(Vec::as_slice).unwrap_or_default()
    }

    /// The conversations that have any.
    pub(super) fn conversations(&self) -> Vec<ConversationId> {
        self.0.keys().copied().collect()
    }

    /// The messages that items of these conversations write.
    pub(super) fn messages(&self, conversations: &[ConversationId]) -> Vec<MessageId> {
        let items = conversations.iter().flat_map(|conversation| self.of(*conversation));
        items
            .filter_map(|item| match &item.command.act {
                Act::SendText { message, .. } => Some(*message),
                _ => None,
            })
            .collect()
    }
}
