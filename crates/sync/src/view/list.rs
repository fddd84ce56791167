//! The order of the list. Both stores keep it: one with indexes, one by sorting.

use deskbell_domain::{ConversationId, ConversationStatus, UserId};
use deskbell_protocol::entity::ConversationBody;

use super::ListView;

/// Why a conversation stands where it stands. Groups follow each other in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Group {
    /// The customer wrote last: longest wait first.
    NeedsReply,
    /// Staff wrote last: newest first.
    WaitingOnCustomer,
    /// Done: newest first.
    Resolved,
}

/// The place of a conversation in the list: smaller is higher up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ListSort {
    /// Its group.
    pub group: Group,
    /// Inside of it: `waiting_since` where a reply is needed, else `last_message_at` with its sign turned.
    pub key: i64,
    /// Between equals.
    pub id: ConversationId,
}

/// The group of a conversation. A status this version does not know counts as not resolved.
pub fn group(body: &ConversationBody) -> Group {
    if body.status.known() == Some(ConversationStatus::Resolved) {
        Group::Resolved
    } else if body.waiting_since.is_some() {
        Group::NeedsReply
    } else {
        Group::WaitingOnCustomer
    }
}

/// The place of a conversation in every list that has it.
pub fn sort_key(id: ConversationId, body: &ConversationBody) -> ListSort {
    let group = group(body);
    let key = match (group, body.waiting_since) {
        (Group::NeedsReply, Some(since)) => since.as_ms(),
        _ => body.last_message_at.as_ms().saturating_neg(),
    };
    ListSort { group, key, id }
}

/// Whether a list has the conversation.
pub fn in_view(view: ListView, body: &ConversationBody, me: UserId) -> bool {
    let resolved = group(body) == Group::Resolved;
    match view {
        ListView::Mine => !resolved && body.assignee == Some(me),
        ListView::Unassigned => !resolved && body.assignee.is_none(),
        ListView::All => !resolved,
        ListView::Resolved => resolved,
    }
}

/// A window of the list that results when a few rows (those with pending commands, `laid_over`, `k` of them) join many
/// stored ones. Of the stored ones, in order and without those few, only the window from `offset - k` (or zero) to
/// `offset + limit` has to be read: pass it as `stored`, and its beginning as `skipped`.
pub fn merge_window<T>(
    skipped: usize,
    stored: Vec<T>,
    laid_over: Vec<T>,
    offset: usize,
    limit: usize,
    sort: impl Fn(&T) -> ListSort,
) -> Vec<T> {
    let mut rows = stored;
    rows.extend(laid_over);
    rows.sort_by_key(|row| sort(row));
    rows.into_iter().skip(offset.saturating_sub(skipped)).take(limit).collect()
}
