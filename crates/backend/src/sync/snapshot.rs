//! Everything a device may see, page by page, from what an agent sees first.
//!
//! Nothing is kept between pages: a token says what the snapshot stands for and what comes next. While pages are
//! taken, conversations go on changing, and one that gets a message moves to the front of the order, past pages that
//! were taken already. So the last pages are those of conversations that changed since the first.

use std::collections::BTreeSet;

use deskbell_domain::ConversationId;
use deskbell_protocol::limits::{PULL_BYTES_MAX, PULL_ITEMS_MAX, SNAPSHOT_CONVERSATIONS_MAX};
use deskbell_protocol::problem::ProblemCode;
use deskbell_protocol::sync::{HistoryStart, Item, PageToken, Seq, SnapshotPage};

use super::token::{Place, SnapshotStep, SnapshotToken, Tokens, scopes_digest};
use super::{Viewer, enter, items, seq_of, stored_seq};
use crate::limits::{CHANGE_PAGE_MIN, NEWEST_MESSAGES, NEWEST_OF_RESOLVED};
use crate::problem::Answer;
use crate::storage::conversation::{self, Conversation, Position, Stage};
use crate::storage::{EntityKind, Read, change, queue, staff};

/// What a page holds, and what comes after it.
struct Part {
    items: Vec<Item>,
    history: Vec<HistoryStart>,
    next: Option<SnapshotStep>,
}

pub(super) async fn page(
    read: &mut Read,
    tokens: &Tokens,
    viewer: &Viewer,
    token: Option<&PageToken>,
) -> Answer<SnapshotPage> {
    let clock = change::clock(read).await?;
    let scopes = scopes_digest(&viewer.scopes);
    let token = match token {
        None => SnapshotToken {
            place: Place { epoch: clock.epoch, seq: seq_of(clock.head) },
            user: viewer.user,
            scopes,
            next: SnapshotStep::Roots { queues: false, after: None },
        },
        Some(token) => {
            let token = tokens.open_snapshot(token).ok_or(ProblemCode::EpochChanged)?;
            if token.place.epoch != clock.epoch {
                return Err(ProblemCode::EpochChanged.into());
            }
            if token.scopes != scopes || token.user != viewer.user {
                return Err(ProblemCode::ScopesChanged.into());
            }
            token
        }
    };
    let as_of = token.place.seq;
    let part = match token.next {
        SnapshotStep::Roots { queues, after } => roots(read, queues, after).await?,
        SnapshotStep::Conversations { resolved, before } => {
            conversations(read, tokens, viewer, as_of, resolved, before).await?
        }
        SnapshotStep::Moved { after } => moved(read, tokens, viewer, after).await?,
    };
    let cursor = tokens.cursor(token.place)?;
    let next = match part.next {
        Some(next) => Some(tokens.snapshot(&SnapshotToken { next, ..token.clone() })?),
        None => None,
    };
    Ok(SnapshotPage {
        epoch: token.place.epoch,
        as_of,
        cursor,
        items: part.items,
        history: part.history,
        next,
    })
}

/// The tenant, its staff, its queues: small lists that everything else refers to.
async fn roots(read: &mut Read, from_queues: bool, after: Option<[u8; 16]>) -> Answer<Part> {
    let mut list = Vec::new();
    if !from_queues {
        // Before all users, whose ids begin with a time.
        list.push((false, [0; 16], items::tenant(read).await?));
        for user in staff::list(read).await? {
            list.push((false, *user.id.as_bytes(), items::one_user(&user)?));
        }
    }
    for queue in queue::list(read).await? {
        list.push((true, *queue.id.as_bytes(), items::one_queue(&queue)?));
    }
    list.retain(|(queues, id, _)| *queues != from_queues || after.is_none_or(|after| *id > after));

    let mut bytes = 0;
    let mut part = Part { items: Vec::new(), history: Vec::new(), next: None };
    let mut last = SnapshotStep::Roots { queues: from_queues, after };
    for (queues, id, item) in list {
        bytes += items::weight(&item);
        if !part.items.is_empty() && (part.items.len() >= PULL_ITEMS_MAX || bytes > PULL_BYTES_MAX) {
            part.next = Some(last);
            return Ok(part);
        }
        part.items.push(item);
        last = SnapshotStep::Roots { queues, after: Some(id) };
    }
    part.next = Some(SnapshotStep::Conversations { resolved: false, before: None });
    Ok(part)
}

async fn conversations(
    read: &mut Read,
    tokens: &Tokens,
    viewer: &Viewer,
    as_of: Seq,
    resolved: bool,
    before: Option<(deskbell_domain::UtcMs, ConversationId)>,
) -> Answer<Part> {
    let stage = if resolved { Stage::Resolved } else { Stage::Unresolved };
    let place = before.map(|(at, id)| Position { at, id });
    let limit = i64::try_from(SNAPSHOT_CONVERSATIONS_MAX).unwrap_or(i64::MAX);
    let list = conversation::page(read, &viewer.scopes, stage, place, limit.saturating_add(1)).await?;
    let newest = if resolved { NEWEST_OF_RESOLVED } else { NEWEST_MESSAGES };
    let mut filling = Filling::default();
    let mut last = before;
    for conversation in list.iter().take(SNAPSHOT_CONVERSATIONS_MAX) {
        if !filling.add(read, tokens, viewer, conversation, newest).await? {
            break;
        }
        last = Some((conversation.last_message_at, conversation.id));
    }
    let next = if filling.count < list.len() {
        Some(SnapshotStep::Conversations { resolved, before: last })
    } else if !resolved {
        Some(SnapshotStep::Conversations { resolved: true, before: None })
    } else if change::clock(read).await?.head > stored_seq(as_of) {
        Some(SnapshotStep::Moved { after: as_of })
    } else {
        None
    };
    Ok(filling.part(next))
}

/// Conversations that changed after a place of the log: once more, as if they entered.
async fn moved(read: &mut Read, tokens: &Tokens, viewer: &Viewer, after: Seq) -> Answer<Part> {
    let page = change::page(read, stored_seq(after), &viewer.scopes, CHANGE_PAGE_MIN).await?;
    let mut seen = BTreeSet::new();
    let mut filling = Filling::default();
    for change in &page.changes {
        if !matches!(change.entity.kind, EntityKind::Conversation | EntityKind::Message)
            || !seen.insert(change.entity.root)
        {
            continue;
        }
        let id = ConversationId::from_bytes(change.entity.root);
        let visible = items::visible(read, viewer, &[id]).await?;
        let Some(conversation) = visible.get(&id) else { continue };
        if filling.count >= SNAPSHOT_CONVERSATIONS_MAX
            || !filling.add(read, tokens, viewer, conversation, NEWEST_MESSAGES).await?
        {
            let after = seq_of(change.seq.saturating_sub(1));
            return Ok(filling.part(Some(SnapshotStep::Moved { after })));
        }
    }
    let next = page.more.then_some(SnapshotStep::Moved { after: seq_of(page.to) });
    Ok(filling.part(next))
}

/// Conversations with their messages and marks, as many as a page takes.
#[derive(Default)]
struct Filling {
    count: usize,
    bytes: usize,
    items: Vec<Item>,
    history: Vec<HistoryStart>,
}

impl Filling {
    /// Adds a conversation; answers `false`, and adds nothing, when it does not fit any more.
    async fn add(
        &mut self,
        read: &mut Read,
        tokens: &Tokens,
        viewer: &Viewer,
        conversation: &Conversation,
        newest: i64,
    ) -> Answer<bool> {
        let mut list = items::conversations(read, &[conversation]).await?;
        list.extend(items::read_marks(read, viewer, &[conversation.id]).await?);
        let messages = enter::messages(read, tokens, conversation.id, None, newest).await?;
        list.extend(messages.items);
        let bytes = self.bytes + list.iter().map(items::weight).sum::<usize>();
        if self.count > 0 && (bytes > PULL_BYTES_MAX || self.items.len() + list.len() > PULL_ITEMS_MAX) {
            return Ok(false);
        }
        self.count += 1;
        self.bytes = bytes;
        self.items.extend(list);
        self.history.push(messages.history);
        Ok(true)
    }

    fn part(self, next: Option<SnapshotStep>) -> Part {
        Part { items: self.items, history: self.history, next }
    }
}
