//! Whether what a customer is about to read still fits what its author saw.

use deskbell_domain::{ConversationStatus, UserId};
use deskbell_protocol::command::Seen;

/// What there is now, as far as the rule asks for it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Now {
    pub(super) assignee: Option<UserId>,
    pub(super) status: ConversationStatus,
    /// Whether somebody else wrote to the customer after the version that the author saw.
    pub(super) answered_by_others: bool,
}

/// Whether a colleague answered, the conversation went to somebody else, or it was resolved, since the author looked.
/// What the customer wrote meanwhile does not count: an answer may cross a question.
pub(super) fn changed(author: UserId, seen: &Seen, now: Now) -> bool {
    let reassigned =
        now.assignee.is_some_and(|assignee| assignee != author && Some(assignee) != seen.assignee);
    let resolved = now.status == ConversationStatus::Resolved
        && seen.status.known() != Some(ConversationStatus::Resolved);
    now.answered_by_others || reassigned || resolved
}

#[cfg(test)]
mod tests {
    use super::*;
    use deskbell_domain::ConversationStatus::{Open, Resolved, Snoozed};
    use deskbell_protocol::sync::Seq;

    const ME: UserId = UserId::from_bytes([1; 16]);
    const BOB: UserId = UserId::from_bytes([2; 16]);
    const EVE: UserId = UserId::from_bytes([3; 16]);

    fn seen(assignee: Option<UserId>, status: ConversationStatus) -> Seen {
        Seen { version: Seq(7), assignee, status: status.into() }
    }

    fn now(assignee: Option<UserId>, status: ConversationStatus) -> Now {
        Now { assignee, status, answered_by_others: false }
    }

    #[test]
    fn nothing_changed_when_all_is_as_it_was_seen() {
        for (assignee, status) in [(None, Open), (Some(ME), Open), (Some(BOB), Snoozed), (None, Resolved)] {
            assert!(!changed(ME, &seen(assignee, status), now(assignee, status)));
        }
    }

    #[test]
    fn a_colleague_s_answer_changes_the_context() {
        assert!(changed(ME, &seen(None, Open), Now { answered_by_others: true, ..now(None, Open) }));
    }

    #[test]
    fn a_new_assignee_changes_the_context_unless_it_is_the_author() {
        assert!(changed(ME, &seen(None, Open), now(Some(BOB), Open)));
        assert!(changed(ME, &seen(Some(BOB), Open), now(Some(EVE), Open)));
        assert!(!changed(ME, &seen(Some(BOB), Open), now(Some(ME), Open)));
        assert!(!changed(ME, &seen(Some(BOB), Open), now(None, Open)), "released is nobody's");
    }

    #[test]
    fn resolving_changes_the_context_unless_it_was_seen() {
        assert!(changed(ME, &seen(None, Open), now(None, Resolved)));
        assert!(changed(ME, &seen(None, Snoozed), now(None, Resolved)));
        assert!(!changed(ME, &seen(None, Resolved), now(None, Open)), "the customer came back");
    }
}
