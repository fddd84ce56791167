//! A stretch of the log as one device sees it.

use std::collections::{BTreeMap, BTreeSet};

use deskbell_domain::{ConversationId, EntityId, EpochId, MessageId, QueueId, Scope, UserId};
use deskbell_protocol::entity::Kind;
use deskbell_protocol::limits::{PULL_BYTES_MAX, PULL_ITEMS_MAX};
use deskbell_protocol::sync::{Frame, HistoryStart, Item, ItemOp, Seq};

use super::token::{Place, Tokens};
use super::{Viewer, enter, items, seq_of, stored_seq};
use crate::limits::{CHANGE_PAGE_MIN, NEWEST_MESSAGES};
use crate::problem::Answer;
use crate::storage::conversation::Conversation;
use crate::storage::{Change, Entity, EntityKind, Op, Read, change, command_outcome};

/// What happened to one entity in the stretch.
#[derive(Debug, Clone)]
struct Touched {
    entity: Entity,
    /// The first and the last place that speak of it.
    first: i64,
    last: i64,
    /// The scopes it entered.
    entered: Vec<Scope>,
    removed: bool,
    erased: bool,
}

/// What one entity adds to the frame.
struct Piece {
    first: i64,
    items: Vec<Item>,
    history: Option<HistoryStart>,
}

/// Everything after `from` that the viewer may see, as much as one answer holds, cut at a transaction's end.
///
/// At most one item per entity, as it is now: a row may be newer than the frame's end. What is no longer visible is
/// left out, unless the stretch says that it left.
pub(super) async fn frame(
    read: &mut Read,
    tokens: &Tokens,
    viewer: &Viewer,
    epoch: EpochId,
    from: Seq,
) -> Answer<Frame> {
    let page = change::page(read, stored_seq(from), &viewer.scopes, CHANGE_PAGE_MIN).await?;
    let pieces = pieces(read, tokens, viewer, &touched(&page.changes), !page.more).await?;
    let to = match overflow(&pieces) {
        None => page.to,
        Some(first) => match change::last_end(read, page.from, first - 1).await? {
            // The first transaction alone is too much; a transaction is never cut.
            end if end <= page.from => change::next_end(read, first).await?,
            end => end,
        },
    };
    let mut items = Vec::new();
    let mut history = Vec::new();
    for piece in pieces.into_iter().filter(|piece| piece.first <= to) {
        items.extend(piece.items);
        history.extend(piece.history);
    }
    let settled = command_outcome::settled(read, viewer.device, page.from, to).await?;
    let to = seq_of(to);
    Ok(Frame {
        epoch,
        from,
        to,
        cursor: tokens.cursor(Place { epoch, seq: to })?,
        items,
        history,
        settled,
        more: page.more || to < seq_of(page.to),
    })
}

/// The first change of the first piece that does not fit any more.
fn overflow(pieces: &[Piece]) -> Option<i64> {
    let (mut count, mut bytes) = (0, 0);
    pieces
        .iter()
        .find(|piece| {
            count += piece.items.len();
            bytes += piece.items.iter().map(items::weight).sum::<usize>();
            count > PULL_ITEMS_MAX || bytes > PULL_BYTES_MAX
        })
        .map(|piece| piece.first)
}

/// Each entity once, in the order in which the stretch first speaks of it.
fn touched(changes: &[Change]) -> Vec<Touched> {
    let mut places: BTreeMap<Entity, Touched> = BTreeMap::new();
    for change in changes {
        let new = Touched {
            entity: change.entity,
            first: change.seq,
            last: change.seq,
            entered: Vec::new(),
            removed: false,
            erased: false,
        };
        let touched = places.entry(change.entity).or_insert(new);
        touched.last = change.seq;
        if change.op == Op::Scope {
            touched.entered.push(change.scope);
        }
        touched.removed |= change.op == Op::Remove;
        touched.erased |= change.op == Op::Erase;
    }
    let mut ordered: Vec<Touched> = places.into_values().collect();
    ordered.sort_unstable_by_key(|touched| touched.first);
    ordered
}

/// The ids of one kind, as that kind.
fn ids<T>(touched: &[Touched], kind: EntityKind, of: fn([u8; 16]) -> T) -> Vec<T> {
    touched
        .iter()
        .filter(|touched| touched.entity.kind == kind)
        .map(|touched| of(touched.entity.id))
        .collect()
}

/// What every touched entity adds, in the order of the stretch.
async fn pieces(
    read: &mut Read,
    tokens: &Tokens,
    viewer: &Viewer,
    touched: &[Touched],
    to_head: bool,
) -> Answer<Vec<Piece>> {
    let now = Now::read(read, viewer, touched, to_head).await?;
    let (mut count, mut bytes) = (0, 0);
    let mut pieces = Vec::new();
    for touched in touched {
        let mut piece = Piece { first: touched.first, items: Vec::new(), history: None };
        piece.items.extend(now.item(touched));
        if now.enters(touched) {
            let conversation = ConversationId::from_bytes(touched.entity.id);
            piece.items.extend(now.marks.get(&touched.entity.id).cloned());
            // What no longer fits is cut, or belongs to a transaction that is too much as it is: then messages are
            // left to be asked for.
            let fits = count < PULL_ITEMS_MAX && bytes < PULL_BYTES_MAX;
            let newest = if fits { NEWEST_MESSAGES } else { 0 };
            let messages = enter::messages(read, tokens, conversation, None, newest).await?;
            piece.items.extend(messages.items);
            piece.history = Some(messages.history);
        }
        count += piece.items.len();
        bytes += piece.items.iter().map(items::weight).sum::<usize>();
        if !piece.items.is_empty() {
            pieces.push(piece);
        }
    }
    Ok(pieces)
}

/// The touched entities as they are now, as far as the viewer may see them.
struct Now {
    items: BTreeMap<(EntityKind, [u8; 16]), Item>,
    marks: BTreeMap<[u8; 16], Item>,
    visible: BTreeSet<[u8; 16]>,
    entering: BTreeSet<[u8; 16]>,
}

impl Now {
    /// `to_head` says that the stretch ends where the log does.
    async fn read(read: &mut Read, viewer: &Viewer, touched: &[Touched], to_head: bool) -> Answer<Self> {
        let follow = |touched: &&Touched| {
            matches!(touched.entity.kind, EntityKind::Conversation | EntityKind::Message)
        };
        let roots: BTreeSet<[u8; 16]> =
            touched.iter().filter(follow).map(|touched| touched.entity.root).collect();
        let roots: Vec<ConversationId> = roots.into_iter().map(ConversationId::from_bytes).collect();
        let visible = items::visible(read, viewer, &roots).await?;
        // A conversation that is seen through a scope it did not enter in all that has happened since was in the view
        // before, and goes on: what the device has of it is not begun anew because its user has claimed it.
        let stays = |touched: &Touched, conversation: &Conversation| {
            let mut held = conversation.scopes().into_iter().filter(|scope| viewer.scopes.contains(scope));
            to_head && held.any(|scope| !touched.entered.contains(&scope))
        };
        let entering: BTreeSet<[u8; 16]> = touched
            .iter()
            .filter(|touched| touched.entity.kind == EntityKind::Conversation && !touched.entered.is_empty())
            .filter(|touched| {
                let conversation = visible.get(&ConversationId::from_bytes(touched.entity.id));
                conversation.is_some_and(|conversation| !stays(touched, conversation))
            })
            .map(|touched| touched.entity.id)
            .collect();
        let mut now = Self {
            items: BTreeMap::new(),
            marks: BTreeMap::new(),
            visible: visible.keys().map(|id| *id.as_bytes()).collect(),
            entering,
        };

        let changed = ids(touched, EntityKind::Conversation, ConversationId::from_bytes);
        let changed: Vec<&Conversation> = changed.iter().filter_map(|id| visible.get(id)).collect();
        now.know(EntityKind::Conversation, items::conversations(read, &changed).await?);
        // Messages of a conversation that enters come with it, as far as they are among its newest.
        let messages: Vec<MessageId> = touched
            .iter()
            .filter(|touched| touched.entity.kind == EntityKind::Message && now.follows(touched))
            .map(|touched| MessageId::from_bytes(touched.entity.id))
            .collect();
        now.know(EntityKind::Message, items::messages(read, &messages).await?);
        let users = ids(touched, EntityKind::User, UserId::from_bytes);
        now.know(EntityKind::User, items::users(read, &users).await?);
        let queues = ids(touched, EntityKind::Queue, QueueId::from_bytes);
        now.know(EntityKind::Queue, items::queues(read, &queues).await?);
        if touched.iter().any(|touched| touched.entity.kind == EntityKind::Tenant) {
            let tenant = items::tenant(read).await?;
            now.know(EntityKind::Tenant, vec![tenant]);
        }
        let marks = ids(touched, EntityKind::ReadMark, ConversationId::from_bytes);
        now.know(EntityKind::ReadMark, items::read_marks(read, viewer, &marks).await?);
        let entering: Vec<ConversationId> =
            now.entering.iter().copied().map(ConversationId::from_bytes).collect();
        for mark in items::read_marks(read, viewer, &entering).await? {
            // One item per entity: a mark that changed by itself is in the list already.
            if !now.items.contains_key(&(EntityKind::ReadMark, *mark.id.as_bytes())) {
                now.marks.insert(*mark.id.as_bytes(), mark);
            }
        }
        Ok(now)
    }

    fn know(&mut self, kind: EntityKind, items: Vec<Item>) {
        self.items.extend(items.into_iter().map(|item| ((kind, *item.id.as_bytes()), item)));
    }

    fn enters(&self, touched: &Touched) -> bool {
        touched.entity.kind == EntityKind::Conversation && self.entering.contains(&touched.entity.id)
    }

    /// Whether a message is delivered by itself: its conversation is in the view, and was before.
    fn follows(&self, touched: &Touched) -> bool {
        self.visible.contains(&touched.entity.root) && !self.entering.contains(&touched.entity.root)
    }

    /// What the viewer is told of the entity itself.
    fn item(&self, touched: &Touched) -> Option<Item> {
        let kind = kind(touched.entity.kind)?;
        let Entity { id, root, .. } = touched.entity;
        let gone = |op| {
            let (id, root) = (EntityId::from_bytes(id), EntityId::from_bytes(root));
            Some(items::gone(kind, id, root, seq_of(touched.last), op))
        };
        if touched.erased {
            return gone(ItemOp::Erase);
        }
        let item = self.items.get(&(touched.entity.kind, id)).cloned();
        let left_with_root = kind == Kind::Message && !self.follows(touched);
        match item {
            // Whoever loses a conversation loses its messages with it, and who gains it has its newest.
            None if left_with_root => None,
            None if touched.removed => gone(ItemOp::Remove),
            item => item,
        }
    }
}

/// The wire's word. Channel accounts do not travel.
const fn kind(kind: EntityKind) -> Option<Kind> {
    match kind {
        EntityKind::Tenant => Some(Kind::Tenant),
        EntityKind::User => Some(Kind::User),
        EntityKind::Queue => Some(Kind::Queue),
        EntityKind::Conversation => Some(Kind::Conversation),
        EntityKind::Message => Some(Kind::Message),
        EntityKind::ReadMark => Some(Kind::ReadMark),
        EntityKind::ChannelAccount => None,
    }
}
