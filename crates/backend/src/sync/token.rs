//! Cursors and page tokens: opaque for the console, authenticated by a key of the tenant, kept nowhere.

use deskbell_domain::{ConversationId, EpochId, MessageId, Scope, TenantId, UserId, UtcMs};
use deskbell_protocol::sync::{Cursor, PageToken, Seq};
use deskbell_seal::{Aad, Key, digest, token_open, token_seal};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::problem::Failure;

/// Makes and reads one tenant's tokens.
pub(crate) struct Tokens {
    key: Key,
    tenant: TenantId,
}

/// A place in one lineage of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Place {
    /// The lineage.
    #[serde(rename = "e")]
    pub(crate) epoch: EpochId,
    /// The place.
    #[serde(rename = "s")]
    pub(crate) seq: Seq,
}

/// What a snapshot has delivered so far. The pages of one snapshot stand for the same place of the log, the same
/// user and the same scopes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SnapshotToken {
    /// What the snapshot stands for.
    #[serde(rename = "p")]
    pub(crate) place: Place,
    /// Whose it is.
    #[serde(rename = "u")]
    pub(crate) user: UserId,
    /// The digest of the scopes it was begun with.
    #[serde(rename = "c")]
    pub(crate) scopes: String,
    /// What comes next.
    #[serde(rename = "n")]
    pub(crate) next: SnapshotStep,
}

/// The parts of a snapshot, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum SnapshotStep {
    /// The tenant, users and queues, beginning with this one of the list in the order of kinds and ids.
    #[serde(rename = "r")]
    Roots {
        /// Users (`false`) or queues (`true`).
        #[serde(rename = "q")]
        queues: bool,
        /// The last id delivered of the kind.
        #[serde(rename = "a")]
        after: Option<[u8; 16]>,
    },
    /// Conversations, newest first: those that somebody has to act on, then the resolved.
    #[serde(rename = "c")]
    Conversations {
        /// Which of the two.
        #[serde(rename = "r")]
        resolved: bool,
        /// The last one delivered.
        #[serde(rename = "b")]
        before: Option<(UtcMs, ConversationId)>,
    },
    /// Conversations that changed since the snapshot began, and so may have moved past a page.
    #[serde(rename = "m")]
    Moved {
        /// The place of the log up to which that is done.
        #[serde(rename = "a")]
        after: Seq,
    },
}

/// Where older messages of a conversation begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct HistoryToken {
    /// The conversation.
    #[serde(rename = "c")]
    pub(crate) conversation: ConversationId,
    /// Messages before this one in the thread's order; `None` for all.
    #[serde(rename = "b")]
    pub(crate) before: Option<(UtcMs, MessageId)>,
}

impl Tokens {
    pub(crate) const fn new(tenant: TenantId, key: Key) -> Self {
        Self { key, tenant }
    }

    pub(crate) fn cursor(&self, place: Place) -> Result<Cursor, Failure> {
        self.seal("cursor", &place).map(Cursor)
    }

    /// `None` for a text that this tenant's backend never made, or made with a key that is gone.
    pub(crate) fn open_cursor(&self, cursor: &Cursor) -> Option<Place> {
        self.open("cursor", &cursor.0)
    }

    pub(crate) fn snapshot(&self, token: &SnapshotToken) -> Result<PageToken, Failure> {
        self.seal("snapshot", token).map(PageToken)
    }

    pub(crate) fn open_snapshot(&self, token: &PageToken) -> Option<SnapshotToken> {
        self.open("snapshot", &token.0)
    }

    pub(crate) fn history(&self, token: &HistoryToken) -> Result<PageToken, Failure> {
        self.seal("history", token).map(PageToken)
    }

    pub(crate) fn open_history(&self, token: &PageToken) -> Option<HistoryToken> {
        self.open("history", &token.0)
    }

    fn seal(&self, purpose: &str, content: &impl Serialize) -> Result<String, Failure> {
        let content = serde_json::to_vec(content).map_err(|_| Failure::internal("a token has no text"))?;
        token_seal(&self.key, &self.aad(purpose), &content)
            .map_err(|error| Failure::internal(format!("a token could not be sealed: {error}")))
    }

    fn open<T: DeserializeOwned>(&self, purpose: &str, text: &str) -> Option<T> {
        let content = token_open(&self.key, &self.aad(purpose), text).ok()?;
        serde_json::from_slice(&content).ok()
    }

    fn aad(&self, purpose: &str) -> Aad {
        Aad::purpose("deskbell/sync-token", &[self.tenant.as_bytes(), purpose.as_bytes()])
    }
}

/// The digest of a set of scopes, whatever their order.
pub(crate) fn scopes_digest(scopes: &[Scope]) -> String {
    let mut texts: Vec<String> = scopes.iter().map(Scope::to_string).collect();
    texts.sort_unstable();
    texts.dedup();
    let parts: Vec<&[u8]> = texts.iter().map(String::as_bytes).collect();
    digest("scopes", &parts).to_text()
}

#[cfg(test)]
mod tests {
    use super::*;
    use deskbell_domain::QueueId;

    const PLACE: Place = Place { epoch: EpochId::from_bytes([4; 16]), seq: Seq(41) };

    fn tokens(tenant: u8) -> Tokens {
        Tokens::new(TenantId::from_bytes([tenant; 16]), Key::from_bytes([9; 32]))
    }

    #[test]
    fn a_cursor_opens_for_its_own_tenant_and_purpose_alone() {
        let cursor = tokens(1).cursor(PLACE).unwrap();
        assert_eq!(tokens(1).open_cursor(&cursor), Some(PLACE));
        assert_eq!(tokens(2).open_cursor(&cursor), None);
        assert_eq!(tokens(1).open_history(&PageToken(cursor.0)), None);
        assert_eq!(tokens(1).open_cursor(&Cursor("41".to_owned())), None);
    }

    #[test]
    fn page_tokens_come_back_as_they_went() {
        let token = SnapshotToken {
            place: PLACE,
            user: UserId::from_bytes([3; 16]),
            scopes: scopes_digest(&[Scope::Tenant]),
            next: SnapshotStep::Conversations {
                resolved: true,
                before: Some((UtcMs::from_ms(5), ConversationId::from_bytes([6; 16]))),
            },
        };
        let text = tokens(1).snapshot(&token).unwrap();
        assert_eq!(tokens(1).open_snapshot(&text), Some(token));
    }

    #[test]
    fn a_set_of_scopes_has_one_digest_in_any_order() {
        let queue = Scope::Queue(QueueId::from_bytes([1; 16]));
        assert_eq!(scopes_digest(&[Scope::Tenant, queue]), scopes_digest(&[queue, Scope::Tenant, queue]));
        assert_ne!(scopes_digest(&[Scope::Tenant, queue]), scopes_digest(&[Scope::Tenant]));
    }
}
