//! A conversation that a device did not have: its newest messages, and where older ones begin.

use deskbell_domain::{ConversationId, MessageId, UtcMs};
use deskbell_protocol::limits::PULL_BYTES_MAX;
use deskbell_protocol::sync::{HistoryStart, Item};

use super::items;
use super::token::{HistoryToken, Tokens};
use crate::problem::Answer;
use crate::storage::Read;
use crate::storage::message::{self, Place};

/// Messages, newest first, and where those before them begin.
pub(super) struct Messages {
    pub(super) items: Vec<Item>,
    pub(super) history: HistoryStart,
}

/// At most `count` messages before a place in the thread, and at most the bytes of a pull, but at least one message
/// where there is one and any was asked for.
pub(super) async fn messages(
    read: &mut Read,
    tokens: &Tokens,
    conversation: ConversationId,
    before: Option<(UtcMs, MessageId)>,
    count: i64,
) -> Answer<Messages> {
    // One more than asked for tells whether there are older ones.
    let place = before.map(|(at, id)| Place { at, id });
    let found = message::page_before(read, conversation, place, count.saturating_add(1)).await?;
    let total = found.len();
    let mut taken = 0;
    let mut last = before;
    let mut bytes = 0;
    let mut list = Vec::new();
    for message in found.into_iter().take(usize::try_from(count).unwrap_or(0)) {
        let place = (message.at, message.id);
        // A message whose key was destroyed is erased: there is nothing to show of it.
        let item = items::one_message(message)?;
        bytes += item.as_ref().map_or(0, items::weight);
        if bytes > PULL_BYTES_MAX && !list.is_empty() {
            break;
        }
        list.extend(item);
        last = Some(place);
        taken += 1;
    }
    let older = if taken < total {
        Some(tokens.history(&HistoryToken { conversation, before: last })?)
    } else {
        None
    };
    Ok(Messages { items: list, history: HistoryStart { conversation, older } })
}
