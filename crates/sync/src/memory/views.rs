//! Views, computed by looking at everything. The order of things is the reference; the speed is not.

use deskbell_domain::{ConversationId, Direction, Entity, MessageId, Sensitive, UserId, UtcMs};
use deskbell_protocol::entity::{ConversationBody, TenantBody, UserBody};
use deskbell_protocol::sync::PageToken;

use super::cache::{Cache, place};
use super::{Contents, MemoryStore};
use crate::overlay;
use crate::row::Body;
use crate::store::{OutboxItem, StoreError};
use crate::view::{
    Boundary, Counts, Group, Header, ListPage, ListQuery, ListRow, ListView, MessageState, Older, OlderQuery,
    Thread, ThreadMessage, ThreadQuery, Views, group, in_view, pending_message, preview_of, sort_key,
};

impl Views for MemoryStore {
    async fn list(&self, query: ListQuery) -> Result<ListPage, StoreError> {
        Ok(self.lock()?.list(query))
    }

    async fn thread(&self, query: ThreadQuery) -> Result<Option<Thread>, StoreError> {
        Ok(self.lock()?.thread(query))
    }

    async fn older(&self, query: OlderQuery) -> Result<Older, StoreError> {
        Ok(self.lock()?.older(query))
    }

    async fn header(&self, conversation: ConversationId, me: UserId) -> Result<Option<Header>, StoreError> {
        Ok(self.lock()?.header(conversation, me))
    }

    async fn gap(&self, conversation: ConversationId) -> Result<Option<PageToken>, StoreError> {
        Ok(self.lock()?.cache.gaps.get(&conversation).map(|gap| gap.token.clone()))
    }

    async fn draft(&self, conversation: ConversationId) -> Result<Sensitive<String>, StoreError> {
        Ok(self.lock()?.outbox.drafts.get(&conversation).cloned().unwrap_or_default())
    }

    async fn user(&self, user: UserId) -> Result<Option<UserBody>, StoreError> {
        Ok(self.lock()?.cache.user(user).cloned())
    }

    async fn tenant(&self) -> Result<Option<TenantBody>, StoreError> {
        let contents = self.lock()?;
        let tenant = contents.cache.rows.values().find_map(|row| match &row.body {
            Body::Tenant(body) => Some(body.clone()),
            _ => None,
        });
        Ok(tenant)
    }

    async fn outbox(&self) -> Result<Vec<OutboxItem>, StoreError> {
        Ok(self.lock()?.unsettled().cloned().collect())
    }
}

impl Cache {
    fn user(&self, user: UserId) -> Option<&UserBody> {
        self.of_root(user.entity()).find_map(|(_, row)| match &row.body {
            Body::User(body) => Some(body),
            _ => None,
        })
    }

    fn user_name(&self, user: Option<UserId>) -> Option<Sensitive<String>> {
        self.user(user?).map(|user| user.name.clone())
    }

    fn queue_name(&self, body: &ConversationBody) -> Option<Sensitive<String>> {
        self.of_root(body.queue?.entity()).find_map(|(_, row)| match &row.body {
            Body::Queue(queue) => Some(queue.name.clone()),
            _ => None,
        })
    }

    fn read_through(&self, conversation: ConversationId) -> Option<UtcMs> {
        self.of_root(conversation.entity()).find_map(|(_, row)| match &row.body {
            Body::ReadMark(mark) => Some(mark.through),
            _ => None,
        })
    }

    /// Messages without a hole, oldest first.
    fn messages(&self, conversation: ConversationId) -> Vec<(Boundary, ThreadMessage)> {
        let mut messages: Vec<(Boundary, ThreadMessage)> = self
            .of_root(conversation.entity())
            .filter_map(|(key, row)| Some((place(key, row)?, row)))
            .filter(|(place, _)| self.is_shown(conversation, *place))
            .filter_map(|(place, row)| match &row.body {
                Body::Message(body) => {
                    let author = self.user_name(body.author);
                    let body = (**body).clone();
                    Some((place, ThreadMessage { id: place.id, body, state: MessageState::Stored, author }))
                }
                _ => None,
            })
            .collect();
        messages.sort_unstable_by_key(|(place, _)| *place);
        messages
    }

    fn has_message(&self, conversation: ConversationId, message: MessageId) -> bool {
        self.of_root(conversation.entity())
            .any(|(key, row)| place(key, row).is_some_and(|place| place.id == message))
    }

    fn conversations(&self) -> impl Iterator<Item = ConversationId> {
        self.rows
            .iter()
            .filter(|(_, row)| matches!(row.body, Body::Conversation(_)))
            .map(|(key, _)| ConversationId::of(key.root))
    }
}

impl Contents {
    fn unsettled(&self) -> impl Iterator<Item = &OutboxItem> {
        self.outbox.items.iter().filter(|item| !self.cache.settled.contains(&item.id()))
    }

    fn pending(&self, conversation: ConversationId) -> impl Iterator<Item = &OutboxItem> {
        self.unsettled().filter(move |item| item.lane() == conversation)
    }

    fn header(&self, id: ConversationId, me: UserId) -> Option<Header> {
        let row = self.cache.conversation_row(id)?;
        let Body::Conversation(base) = &row.body else { return None };
        let is_stored = |message| self.cache.has_message(id, message);
        let body = overlay::conversation(base, self.pending(id), is_stored, me);
        let queue = self.cache.queue_name(&body);
        let assignee = self.cache.user_name(body.assignee);
        Some(Header { id, version: row.version, body, queue, assignee })
    }

    /// What the outbox would write into a thread, in the order in which it was written.
    fn unsent(&self, conversation: ConversationId, me: UserId) -> Vec<ThreadMessage> {
        self.pending(conversation)
            .filter_map(|item| pending_message(item, me))
            .filter(|message| !self.cache.has_message(conversation, message.id))
            .map(|message| ThreadMessage { author: self.cache.user_name(Some(me)), ..message })
            .collect()
    }

    fn read_through(&self, conversation: ConversationId) -> Option<UtcMs> {
        overlay::read_through(self.cache.read_through(conversation), self.pending(conversation))
    }

    fn row(&self, header: Header, me: UserId) -> ListRow {
        let id = header.id;
        let messages = self.cache.messages(id);
        let through = self.read_through(id);
        let unread = messages.iter().filter(|(_, message)| is_unread(message, through)).count();
        let newest = messages.into_iter().next_back().map(|(_, message)| message);
        ListRow {
            preview: preview_of(newest, self.unsent(id, me).pop()),
            draft: self.outbox.drafts.get(&id).cloned(),
            unread: u32::try_from(unread).unwrap_or(u32::MAX),
            header,
        }
    }

    fn list(&self, query: ListQuery) -> ListPage {
        let ListQuery { view, offset, limit, me } = query;
        let rows: Vec<ListRow> = self
            .cache
            .conversations()
            .filter_map(|id| self.header(id, me))
            .map(|header| self.row(header, me))
            .collect();
        let is_in = |view| move |row: &&ListRow| in_view(view, &row.header.body, me);
        let count = |view| saturating(rows.iter().filter(is_in(view)).count());
        let counts = Counts {
            mine: count(ListView::Mine),
            unassigned: count(ListView::Unassigned),
            all: count(ListView::All),
            unread: saturating(rows.iter().filter(is_in(ListView::All)).filter(|row| row.unread > 0).count()),
        };
        let mut shown: Vec<ListRow> = rows.into_iter().filter(|row| is_in(view)(&row)).collect();
        shown.sort_by_key(|row| sort_key(row.header.id, &row.header.body));
        let groups = [Group::NeedsReply, Group::WaitingOnCustomer, Group::Resolved]
            .into_iter()
            .map(|kind| (kind, shown.iter().filter(|row| group(&row.header.body) == kind).count()))
            .filter(|(_, count)| *count > 0)
            .map(|(kind, count)| (kind, saturating(count)))
            .collect();
        ListPage { groups, rows: shown.into_iter().skip(offset).take(limit).collect(), counts }
    }

    fn thread(&self, query: ThreadQuery) -> Option<Thread> {
        let ThreadQuery { conversation, limit, me } = query;
        let header = self.header(conversation, me)?;
        let through = self.read_through(conversation);
        let stored = self.cache.messages(conversation);
        let skipped = stored.len().saturating_sub(limit);
        let mut messages: Vec<ThreadMessage> =
            stored.into_iter().skip(skipped).map(|(_, message)| message).collect();
        let first_unread =
            messages.iter().find(|message| is_unread(message, through)).map(|message| message.id);
        messages.extend(self.unsent(conversation, me));
        let has_older = skipped > 0 || self.cache.gaps.contains_key(&conversation);
        Some(Thread { row: self.row(header, me), messages, has_older, first_unread })
    }

    fn older(&self, query: OlderQuery) -> Older {
        let OlderQuery { conversation, before, limit } = query;
        let stored = self.cache.messages(conversation);
        let end = stored.iter().position(|(place, _)| place.id == before).unwrap_or(stored.len());
        let skipped = end.saturating_sub(limit);
        let messages: Vec<ThreadMessage> =
            stored.into_iter().take(end).skip(skipped).map(|(_, message)| message).collect();
        let gap = self.cache.gaps.get(&conversation).map(|gap| gap.token.clone());
        let has_older = skipped > 0 || gap.is_some();
        let gap = gap.filter(|_| messages.len() < limit);
        Older { messages, has_older, gap }
    }
}

fn is_unread(message: &ThreadMessage, through: Option<UtcMs>) -> bool {
    message.body.direction.known() == Some(Direction::Inbound)
        && through.is_none_or(|through| message.body.at > through)
}

fn saturating(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}
