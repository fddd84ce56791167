//! What a device is given: hello, frames, snapshot pages, history.

use std::collections::{BTreeMap, BTreeSet};

use deskbell_domain::{ConversationId, Entity, EntityId, EpochId, Scope, UserId, UtcMs};
use deskbell_protocol::entity::Kind;
use deskbell_protocol::limits::NEWEST_MESSAGES;
use deskbell_protocol::problem::ProblemCode;
use deskbell_protocol::sync::{
    Cursor, EraseNotice, Frame, HelloRequest, HelloResponse, HistoryPage, HistoryStart, Item, ItemOp,
    PageToken, ResyncReason, Seq, SnapshotPage,
};
use deskbell_protocol::version::ProtocolRange;
use serde::{Deserialize, Serialize};

use super::log::Op;
use super::{Backend, Key, WHISPER};

/// Messages in one page of the model's history: fewer than on the wire, so that there are pages.
const HISTORY_MESSAGES: usize = 7;

/// What the lines of a frame say of an entity, in the scopes of who asks. What is visible now is decided now: a line
/// that takes an entity out of one scope must not hide the one that changes it in another.
#[derive(Default)]
struct Touched {
    last: Seq,
    entered: bool,
    left: bool,
    erased: bool,
}

#[derive(Serialize, Deserialize)]
struct SnapshotToken {
    epoch: EpochId,
    as_of: Seq,
    scopes: Vec<Scope>,
    after: String,
}

#[derive(Serialize, Deserialize)]
struct HistoryToken {
    conversation: ConversationId,
    before_at: UtcMs,
    before_id: EntityId,
}

impl Backend {
    /// Answers a hello of a device of this user that owes proofs of these erasures.
    pub fn hello(
        &self,
        user: UserId,
        unproved: &BTreeSet<deskbell_domain::ErasureId>,
        hello: &HelloRequest,
        now: UtcMs,
    ) -> HelloResponse {
        let resync = match &hello.cursor {
            None => Some(ResyncReason::NoCursor),
            Some(cursor) => match self.read_cursor(cursor) {
                Ok(_) => None,
                Err(ProblemCode::EpochChanged) => Some(ResyncReason::EpochChanged),
                Err(ProblemCode::CursorAhead) => Some(ResyncReason::CursorAhead),
                Err(_) => Some(ResyncReason::CursorTooOld),
            },
        };
        let erasures = self
            .data
            .erased
            .iter()
            .filter(|(erasure, _)| unproved.contains(erasure))
            .map(|(erasure, root)| EraseNotice { erasure: *erasure, roots: vec![*root] });
        HelloResponse {
            protocol: hello.protocol.common(ProtocolRange::OURS),
            epoch: self.epoch,
            head: self.data.head,
            user,
            scopes: self.scopes(user),
            server_time: now,
            lease_ms: 7 * 24 * 3_600_000,
            resync: resync.map(Into::into),
            erasures: erasures.collect(),
        }
    }

    fn cursor(&self, seq: Seq) -> Cursor {
        Cursor(format!("{}.{seq}", self.epoch))
    }

    fn read_cursor(&self, cursor: &Cursor) -> Result<Seq, ProblemCode> {
        let (epoch, seq) = cursor.0.split_once('.').ok_or(ProblemCode::BadRequest)?;
        if epoch != self.epoch.to_string() {
            return Err(ProblemCode::EpochChanged);
        }
        let seq = Seq(seq.parse().map_err(|_| ProblemCode::BadRequest)?);
        if seq > self.data.head {
            Err(ProblemCode::CursorAhead)
        } else if seq < self.data.floor {
            Err(ProblemCode::CursorTooOld)
        } else {
            Ok(seq)
        }
    }

    /// Answers a pull.
    ///
    /// # Errors
    /// When the cursor holds no more.
    pub fn changes(&self, user: UserId, cursor: &Cursor) -> Result<Frame, ProblemCode> {
        let from = self.read_cursor(cursor)?;
        Ok(self.frame(user, from))
    }

    /// Everything after `from` that this user may see now, up to a transaction's end.
    pub fn frame(&self, user: UserId, from: Seq) -> Frame {
        let scopes = self.scopes(user);
        let mut touched: BTreeMap<Key, Touched> = BTreeMap::new();
        let mut to = self.data.head;
        let mut looked_at = 0;
        for change in self.data.log.iter().filter(|change| change.seq > from) {
            let is_anothers = change.key.owner.is_some_and(|owner| owner != user);
            if scopes.contains(&change.scope) && !is_anothers {
                let touched = touched.entry(change.key.clone()).or_default();
                touched.last = change.seq;
                touched.entered |= change.op == Op::Scope;
                touched.left |= change.op == Op::Remove;
                touched.erased |= change.op == Op::Erase;
            }
            looked_at += 1;
            if change.tx_end && looked_at >= self.frame_changes_max {
                to = change.seq;
                break;
            }
        }
        let mut items: BTreeMap<Key, Item> = BTreeMap::new();
        let mut history = Vec::new();
        for (key, touched) in touched {
            let is_here = self.data.rows.contains_key(&key);
            let sees = self.sees(user, &key);
            if touched.erased {
                Self::gone(&mut items, &key, touched.last, ItemOp::Erase);
            } else if sees && touched.entered && key.kind == Kind::Conversation.as_str() {
                self.enter(&mut items, &mut history, &key);
            } else if sees || (is_here && !self.checks_scopes) {
                items.insert(key.clone(), self.item(&key));
            } else if touched.left {
                Self::gone(&mut items, &key, touched.last, ItemOp::Remove);
            }
        }
        let done = self.data.done.iter();
        let settled = done
            .filter(|(_, done)| done.user == user && done.seq > from && done.seq <= to && done.took_effect());
        Frame {
            epoch: self.epoch,
            from,
            to,
            cursor: self.cursor(to),
            items: items.into_values().collect(),
            history,
            settled: settled.map(|(id, _)| *id).collect(),
            more: to < self.data.head,
        }
    }

    fn gone(items: &mut BTreeMap<Key, Item>, key: &Key, seq: Seq, op: ItemOp) {
        let item = Item { kind: key.kind(), id: key.id, version: seq, root: key.id, op, body: None };
        items.insert(key.clone(), item);
    }

    fn item(&self, key: &Key) -> Item {
        let row = &self.data.rows[key];
        Item {
            kind: key.kind(),
            id: key.id,
            version: row.version,
            root: row.root.id,
            op: ItemOp::Put,
            body: Some(row.body.clone()),
        }
    }

    /// A conversation with its newest messages and whatever else follows it.
    fn enter(&self, items: &mut BTreeMap<Key, Item>, history: &mut Vec<HistoryStart>, key: &Key) {
        let conversation = ConversationId::of(key.id);
        items.insert(key.clone(), self.item(key));
        let messages = self.places(conversation);
        let older = messages.len().saturating_sub(NEWEST_MESSAGES);
        for (_, message) in &messages[older..] {
            items.insert((*message).clone(), self.item(message));
        }
        for (follower, _) in self.of_kind(WHISPER).filter(|(_, row)| row.root == *key) {
            items.insert(follower.clone(), self.item(follower));
        }
        let older = (older > 0).then(|| history_token(conversation, messages[older]));
        history.push(HistoryStart { conversation, older });
    }

    /// A page of a snapshot.
    ///
    /// # Errors
    /// When the token belongs to another log or other scopes.
    pub fn snapshot(&self, user: UserId, page: Option<&PageToken>) -> Result<SnapshotPage, ProblemCode> {
        let mut scopes = self.scopes(user);
        scopes.sort_unstable();
        let (as_of, after) = match page {
            None => (self.data.head, None),
            Some(page) => {
                let token: SnapshotToken =
                    serde_json::from_str(&page.0).map_err(|_| ProblemCode::BadRequest)?;
                if token.epoch != self.epoch {
                    return Err(ProblemCode::EpochChanged);
                }
                if token.scopes != scopes {
                    return Err(ProblemCode::ScopesChanged);
                }
                (token.as_of, Some(token.after))
            }
        };
        let roots: Vec<&Key> = self
            .data
            .rows
            .iter()
            .filter(|(key, row)| row.root == **key && self.sees(user, key))
            .map(|(key, _)| key)
            .collect();
        let place = |key: &Key| format!("{}/{}/{:?}", key.kind, key.id, key.owner);
        let mut left = roots.into_iter().filter(|key| after.as_ref().is_none_or(|after| place(key) > *after));
        let mut items = BTreeMap::new();
        let mut history = Vec::new();
        let mut last = None;
        for key in left.by_ref().take(self.page_roots_max) {
            if key.kind == Kind::Conversation.as_str() {
                self.enter(&mut items, &mut history, key);
            } else {
                items.insert(key.clone(), self.item(key));
            }
            last = Some(place(key));
        }
        let goes_on = left.next().is_some();
        let next = last.filter(|_| goes_on).map(|after| {
            let token = SnapshotToken { epoch: self.epoch, as_of, scopes, after };
            PageToken(serde_json::to_string(&token).expect("a token is JSON"))
        });
        Ok(SnapshotPage {
            epoch: self.epoch,
            as_of,
            cursor: self.cursor(as_of),
            items: items.into_values().collect(),
            history,
            next,
        })
    }

    /// A page of older messages.
    ///
    /// # Errors
    /// When the conversation is not there for this user.
    pub fn history(&self, user: UserId, page: &PageToken) -> Result<HistoryPage, ProblemCode> {
        let token: HistoryToken = serde_json::from_str(&page.0).map_err(|_| ProblemCode::BadRequest)?;
        let conversation = token.conversation;
        if !self.sees(user, &Key::conversation(conversation)) {
            return Err(ProblemCode::NotFound);
        }
        let mut messages = self.places(conversation);
        messages.retain(|(at, key)| (*at, key.id) < (token.before_at, token.before_id));
        let first = messages.len().saturating_sub(HISTORY_MESSAGES);
        let older = (first > 0).then(|| history_token(conversation, messages[first]));
        let items = messages[first..].iter().rev().map(|(_, key)| self.item(key)).collect();
        Ok(HistoryPage { items, history: HistoryStart { conversation, older } })
    }
}

fn history_token(conversation: ConversationId, (at, key): (UtcMs, &Key)) -> PageToken {
    let token = HistoryToken { conversation, before_at: at, before_id: key.id };
    PageToken(serde_json::to_string(&token).expect("a token is JSON"))
}
