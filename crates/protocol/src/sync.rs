//! The log as devices see it: hello, frames, snapshot, history.

use deskbell_domain::{
    CommandId, ConversationId, EntityId, EpochId, ErasureId, Open, Scope, Sensitive, UserId, UtcMs,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::entity::Kind;
use crate::version::ProtocolRange;

/// A place in a tenant's log. Gapless over the tenant; a device sees some of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Seq(pub u64);

impl std::fmt::Display for Seq {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// Where a device stands: made and authenticated by the backend, kept and given back as it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Cursor(pub String);

/// Where a page begins: made and authenticated by the backend.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PageToken(pub String);

/// The beginning of every conversation between the two programs. Part of the frozen core.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HelloRequest {
    /// What the console speaks.
    pub protocol: ProtocolRange,
    /// The console's version, for the operator.
    pub console_version: String,
    /// Where the device stands; absent before its first snapshot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<Cursor>,
}

/// Why a device must drop its cache, keep its outbox and take a snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResyncReason {
    /// The device has no cursor.
    NoCursor,
    /// The log no longer reaches back to it.
    CursorTooOld,
    /// The log has another epoch: the backend was restored.
    EpochChanged,
    /// The cursor is ahead of the log: the backend was restored without saying so.
    CursorAhead,
    /// The device missed frames on the socket and has to pull. The cache stays.
    Lagging,
}

/// The backend's side of the hello. Part of the frozen core.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HelloResponse {
    /// The protocol both speak from here on; absent where there is none, and then only the frozen core holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub protocol: Option<u32>,
    /// The log's lineage.
    pub epoch: EpochId,
    /// The log's newest place.
    pub head: Seq,
    /// Who the device belongs to.
    pub user: UserId,
    /// All the device may see. What lies outside is purged.
    pub scopes: Vec<Scope>,
    /// The backend's clock.
    pub server_time: UtcMs,
    /// How long the cache may be shown without contact, in milliseconds.
    pub lease_ms: i64,
    /// Why the device must take a snapshot; absent where its cursor holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resync: Option<Open<ResyncReason>>,
    /// Erasures this device has not acknowledged.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub erasures: Vec<EraseNotice>,
}

/// What a change does to an entity in the device's view.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ItemOp {
    /// It is as `body` says.
    Put,
    /// It left the view: purge it.
    Remove,
    /// It was erased: purge it, and prove it.
    Erase,
}

/// An entity that changed. All but the body is known outside it, so that an unknown kind can be purged. `Debug` leaves
/// the body out: it says what people write.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    /// What it is.
    pub kind: Open<Kind>,
    /// Which.
    pub id: EntityId,
    /// The place of its last change. The highest wins.
    pub version: Seq,
    /// The object whose scopes decide over it: itself, or its conversation.
    pub root: EntityId,
    /// What happened.
    pub op: ItemOp,
    /// What it is like now, for [`ItemOp::Put`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<Value>,
}

impl std::fmt::Debug for Item {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Item")
            .field("kind", &self.kind)
            .field("id", &self.id)
            .field("version", &self.version)
            .field("root", &self.root)
            .field("op", &self.op)
            .field("body", &self.body.as_ref().map(|_| Sensitive::new(())))
            .finish()
    }
}

/// Where the messages of a conversation that this device has begin, and how to get those before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HistoryStart {
    /// The conversation.
    pub conversation: ConversationId,
    /// Where older messages begin; absent where there are none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub older: Option<PageToken>,
}

/// Everything in (`from`, `to`] that this device may see.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Frame {
    /// The log's lineage.
    pub epoch: EpochId,
    /// Where the device must stand for the frame to apply.
    pub from: Seq,
    /// Where it stands afterwards.
    pub to: Seq,
    /// The cursor at `to`.
    pub cursor: Cursor,
    /// What changed: at most one item per entity.
    pub items: Vec<Item>,
    /// Conversations that entered the view with their newest messages.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub history: Vec<HistoryStart>,
    /// Commands of this device's user whose effects lie in the frame.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub settled: Vec<CommandId>,
    /// Whether the log goes on beyond `to`.
    #[serde(default)]
    pub more: bool,
}

/// The query of [`crate::route::CHANGES`]. The answer is a [`Frame`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangesQuery {
    /// Where the device stands.
    pub cursor: Cursor,
}

/// The query of [`crate::route::SNAPSHOT`] (no page: the first) and [`crate::route::HISTORY`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PageQuery {
    /// Where to go on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page: Option<PageToken>,
}

/// A page of a snapshot. Pages can be asked for again; the backend keeps nothing of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SnapshotPage {
    /// The log's lineage.
    pub epoch: EpochId,
    /// The place the snapshot stands for. Rows may be newer.
    pub as_of: Seq,
    /// The cursor at `as_of`: the device's own once the last page is applied.
    pub cursor: Cursor,
    /// What there is.
    pub items: Vec<Item>,
    /// Where the messages of the page's conversations begin.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub history: Vec<HistoryStart>,
    /// The next page; absent on the last one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<PageToken>,
}

/// A page of older messages of one conversation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HistoryPage {
    /// The messages, newest first.
    pub items: Vec<Item>,
    /// Where messages begin now.
    pub history: HistoryStart,
}

/// Tells a device to erase. Ids only. Part of the frozen core.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EraseNotice {
    /// The erasure.
    pub erasure: ErasureId,
    /// The roots to purge, with all that follows them.
    pub roots: Vec<EntityId>,
}

/// How a device made sure that nothing can be read any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PurgeMethod {
    /// The databases were rewritten under new keys.
    Rewrite,
    /// The cache was dropped with its key.
    CacheDropped,
}

/// A device's signed word that it has purged. Part of the frozen core.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// The erasure.
    pub erasure: ErasureId,
    /// Rows purged.
    pub rows: u64,
    /// How.
    pub method: Open<PurgeMethod>,
    /// When, on the device's clock.
    pub at: UtcMs,
    /// The device key's signature over the fields above, base64url without padding.
    pub signature: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_item_shows_nothing_of_its_body_in_debug_output() {
        let id = EntityId::from_bytes([7; 16]);
        let body = Some(serde_json::json!({"content": {"text": "my card was stolen"}}));
        let item = Item { kind: Kind::Message.into(), id, version: Seq(5), root: id, op: ItemOp::Put, body };
        let shown = format!("{item:?}");
        assert!(!shown.contains("stolen") && !shown.contains("content"), "{shown}");
        assert!(shown.contains("Message") && shown.contains("•••"), "{shown}");
    }
}
