//! What is stored, as it travels.

use std::collections::BTreeMap;

use deskbell_domain::{ConversationId, Entity as _, EntityId, MessageId, QueueId, Sensitive, UserId};
use deskbell_protocol::entity::{
    ContactCard, ConversationBody, Kind, MessageBody, MessageContent, QueueBody, ReadMarkBody, TenantBody,
    UserBody,
};
use deskbell_protocol::sync::{Item, ItemOp, Seq};
use serde::Serialize;

use super::{Viewer, seq_of};
use crate::problem::{Answer, Failure};
use crate::storage::Read;
use crate::storage::contact::{self, Card};
use crate::storage::conversation::{self, Conversation};
use crate::storage::message::{self, Message};
use crate::storage::queue::{self, Queue};
use crate::storage::read_mark;
use crate::storage::staff::{self, User, UserStatus};
use crate::storage::tenant;

/// Those of the conversations that share a scope with the viewer now.
pub(super) async fn visible(
    read: &mut Read,
    viewer: &Viewer,
    ids: &[ConversationId],
) -> Answer<BTreeMap<ConversationId, Conversation>> {
    let found = conversation::read_many(read, ids).await?;
    Ok(found
        .into_iter()
        .filter(|conversation| viewer.sees(&conversation.scopes()))
        .map(|conversation| (conversation.id, conversation))
        .collect())
}

/// Conversations with their contacts' cards.
pub(super) async fn conversations(read: &mut Read, list: &[&Conversation]) -> Answer<Vec<Item>> {
    let contacts: Vec<_> = list.iter().map(|conversation| conversation.contact).collect();
    let cards = contact::cards(read, &contacts).await?;
    let cards: BTreeMap<_, _> = cards.into_iter().map(|card| (card.id, card)).collect();
    list.iter().map(|conversation| one_conversation(conversation, cards.get(&conversation.contact))).collect()
}

fn one_conversation(conversation: &Conversation, card: Option<&Card>) -> Answer<Item> {
    let contact = ContactCard {
        id: conversation.contact,
        name: card.and_then(|card| card.name.clone()),
        username: card.and_then(|card| card.username.clone()),
        masked_number: card.and_then(|card| card.phone.as_ref()).map(|phone| Sensitive::new(phone.masked())),
    };
    let body = ConversationBody {
        contact,
        channel_account: conversation.account,
        queue: Some(conversation.queue),
        assignee: conversation.assignee,
        status: conversation.status.into(),
        priority: conversation.priority.into(),
        last_message_at: conversation.last_message_at,
        last_customer_message_at: conversation.last_customer_message_at,
        waiting_since: conversation.waiting_since,
    };
    let id = conversation.id.entity();
    put(Kind::Conversation, id, id, conversation.version, &body)
}

/// Messages by their ids. One whose key was destroyed is erased, and left out.
pub(super) async fn messages(read: &mut Read, ids: &[MessageId]) -> Answer<Vec<Item>> {
    let found = message::read_many(read, ids).await?;
    let items = found.into_iter().map(one_message).collect::<Answer<Vec<_>>>()?;
    Ok(items.into_iter().flatten().collect())
}

/// A message; `None` where its key was destroyed.
pub(super) fn one_message(message: Message) -> Answer<Option<Item>> {
    let Some(content) = message.body else { return Ok(None) };
    let content: MessageContent = serde_json::from_str(content.expose())
        .map_err(|_| Failure::internal("a stored message is not what was written"))?;
    let body = MessageBody {
        conversation: message.conversation,
        direction: message.direction.into(),
        origin: message.origin.into(),
        kind: message.kind.into(),
        content,
        author: message.author,
        at: message.at,
        status: message.status.map(Into::into),
        failure: message.failure.map(Into::into),
    };
    let root = message.conversation.entity();
    put(Kind::Message, message.id.entity(), root, message.version, &body).map(Some)
}

/// Members of staff by their ids.
pub(super) async fn users(read: &mut Read, ids: &[UserId]) -> Answer<Vec<Item>> {
    staff::read_many(read, ids).await?.iter().map(one_user).collect()
}

/// A member of staff.
pub(super) fn one_user(user: &User) -> Answer<Item> {
    let body = UserBody {
        name: user.name.clone().unwrap_or_default(),
        role: user.role.into(),
        active: user.status == UserStatus::Active,
    };
    let id = user.id.entity();
    put(Kind::User, id, id, user.version, &body)
}

/// Queues by their ids.
pub(super) async fn queues(read: &mut Read, ids: &[QueueId]) -> Answer<Vec<Item>> {
    queue::read_many(read, ids).await?.iter().map(one_queue).collect()
}

/// A queue.
pub(super) fn one_queue(queue: &Queue) -> Answer<Item> {
    let body = QueueBody { name: Sensitive::from(queue.name.as_str()) };
    let id = queue.id.entity();
    put(Kind::Queue, id, id, queue.version, &body)
}

/// The tenant itself.
pub(super) async fn tenant(read: &mut Read) -> Answer<Item> {
    let tenant = tenant::read(read).await?;
    let body = TenantBody { name: tenant.name.into() };
    let id = read.tenant().entity();
    put(Kind::Tenant, id, id, tenant.version, &body)
}

/// How far the viewer has read these conversations.
pub(super) async fn read_marks(
    read: &mut Read,
    viewer: &Viewer,
    ids: &[ConversationId],
) -> Answer<Vec<Item>> {
    let marks = read_mark::read_many(read, viewer.user, ids).await?;
    marks
        .into_iter()
        .map(|mark| {
            let body = ReadMarkBody { conversation: mark.conversation, through: mark.through };
            let id = mark.conversation.entity();
            put(Kind::ReadMark, id, id, mark.version, &body)
        })
        .collect()
}

fn put(kind: Kind, id: EntityId, root: EntityId, version: i64, body: &impl Serialize) -> Answer<Item> {
    let body = serde_json::to_value(body).map_err(|_| Failure::internal("an item could not be written"))?;
    Ok(Item { kind: kind.into(), id, version: seq_of(version), root, op: ItemOp::Put, body: Some(body) })
}

/// An entity that left the view.
pub(super) fn gone(kind: Kind, id: EntityId, root: EntityId, version: Seq, op: ItemOp) -> Item {
    Item { kind: kind.into(), id, version, root, op, body: None }
}

/// Bytes that an item takes on the wire.
pub(super) fn weight(item: &Item) -> usize {
    serde_json::to_vec(item).map_or(0, |text| text.len())
}
