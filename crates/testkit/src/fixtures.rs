//! Ids, bodies and commands for tests. Ids of different kinds never coincide by chance.

use deskbell_domain::{
    ChannelAccountId, CommandId, ContactId, ConversationId, ConversationStatus, DeliveryStatus, Direction,
    Entity, EntityId, MessageId, MessageKind, Open, Origin, Priority, QueueId, Sensitive, UserId, UtcMs,
};
use deskbell_protocol::command::{Act, Command, Seen};
use deskbell_protocol::entity::{
    ContactCard, ConversationBody, Kind, MessageBody, MessageContent, QueueBody, ReadMarkBody, TenantBody,
    UserBody,
};
use deskbell_protocol::sync::{Cursor, Frame, HistoryStart, Item, ItemOp, PageToken, Seq, SnapshotPage};
use serde::Serialize;
use serde_json::Value;

/// The beginning of every test's time.
pub const EPOCH_START: UtcMs = UtcMs::from_ms(1_760_000_000_000);

/// The `n`th id of a kind; `tag` tells kinds apart.
pub fn id<T: Entity>(tag: u8, n: u32) -> T {
    let mut bytes = [0; 16];
    bytes[0] = tag;
    bytes[12..].copy_from_slice(&n.to_be_bytes());
    T::of(EntityId::from_bytes(bytes))
}

/// The `n`th user.
pub fn user(n: u32) -> UserId {
    id(0x10, n)
}

/// The `n`th queue.
pub fn queue(n: u32) -> QueueId {
    id(0x20, n)
}

/// The `n`th conversation.
pub fn conversation(n: u32) -> ConversationId {
    id(0x30, n)
}

/// The `n`th message.
pub fn message(n: u32) -> MessageId {
    id(0x40, n)
}

/// The `n`th command.
pub fn command_id(n: u32) -> CommandId {
    id(0x50, n)
}

/// The `n`th lineage of a log.
pub fn epoch(n: u32) -> deskbell_domain::EpochId {
    id(0x60, n)
}

/// The `n`th erasure.
pub fn erasure(n: u32) -> deskbell_domain::ErasureId {
    id(0x70, n)
}

/// A body as it travels.
pub fn json(body: &impl Serialize) -> Value {
    serde_json::to_value(body).expect("a body is JSON")
}

/// The tenant.
pub fn tenant_body(name: &str) -> TenantBody {
    TenantBody { name: name.into() }
}

/// A member of staff.
pub fn user_body(name: &str) -> UserBody {
    UserBody { name: name.into(), role: deskbell_domain::Role::Agent.into(), active: true }
}

/// A queue.
pub fn queue_body(name: &str) -> QueueBody {
    QueueBody { name: name.into() }
}

/// An open conversation in a queue, whose customer wrote at `at` and waits.
pub fn conversation_body(n: u32, queue: QueueId, at: UtcMs) -> ConversationBody {
    ConversationBody {
        contact: ContactCard {
            id: id::<ContactId>(0x80, n),
            name: Some(format!("Customer {n}").into()),
            username: None,
            masked_number: Some("••• 0142".into()),
        },
        channel_account: id::<ChannelAccountId>(0x90, 1),
        queue: Some(queue),
        assignee: None,
        status: ConversationStatus::Open.into(),
        priority: Priority::Normal.into(),
        last_message_at: at,
        last_customer_message_at: Some(at),
        waiting_since: Some(at),
    }
}

/// A text of the customer.
pub fn inbound_body(conversation: ConversationId, text: &str, at: UtcMs) -> MessageBody {
    MessageBody {
        conversation,
        direction: Direction::Inbound.into(),
        origin: Origin::Customer.into(),
        kind: MessageKind::Text.into(),
        content: MessageContent { text: Some(text.into()), ..MessageContent::default() },
        author: None,
        at,
        status: None,
        failure: None,
    }
}

/// A text of an agent, as the backend has it.
pub fn outbound_body(conversation: ConversationId, author: UserId, text: &str, at: UtcMs) -> MessageBody {
    MessageBody {
        direction: Direction::Outbound.into(),
        origin: Origin::Agent.into(),
        author: Some(author),
        status: Some(DeliveryStatus::Queued.into()),
        ..inbound_body(conversation, text, at)
    }
}

/// How far a conversation is read.
pub const fn read_mark_body(conversation: ConversationId, through: UtcMs) -> ReadMarkBody {
    ReadMarkBody { conversation, through }
}

/// A put of a root.
pub fn put_root(kind: Kind, id: EntityId, version: u64, body: &impl Serialize) -> Item {
    put(kind.into(), id, id, version, json(body))
}

/// A put of a message.
pub fn put_message(id: MessageId, version: u64, body: &MessageBody) -> Item {
    put(Kind::Message.into(), id.entity(), body.conversation.entity(), version, json(body))
}

/// A put.
pub const fn put(kind: Open<Kind>, id: EntityId, root: EntityId, version: u64, body: Value) -> Item {
    Item { kind, id, version: Seq(version), root, op: ItemOp::Put, body: Some(body) }
}

/// A put of a conversation.
pub fn put_conversation(id: ConversationId, version: u64, body: &ConversationBody) -> Item {
    put_root(Kind::Conversation, id.entity(), version, body)
}

/// A conversation that leaves.
pub fn leave(id: ConversationId, version: u64, op: ItemOp) -> Item {
    Item {
        kind: Kind::Conversation.into(),
        id: id.entity(),
        version: Seq(version),
        root: id.entity(),
        op,
        body: None,
    }
}

/// A kind that this version does not know.
pub fn unknown_kind(word: &str) -> Open<Kind> {
    let kind: Open<Kind> = serde_json::from_value(Value::from(word)).expect("every word is a kind");
    assert!(kind.known().is_none(), "{word} is known");
    kind
}

/// A token.
pub fn token(text: &str) -> PageToken {
    PageToken(text.to_owned())
}

/// The beginning of a conversation's messages.
pub fn history(conversation: ConversationId, older: Option<&str>) -> HistoryStart {
    HistoryStart { conversation, older: older.map(token) }
}

/// A frame of the first lineage.
pub fn frame(from: u64, to: u64, items: Vec<Item>) -> Frame {
    Frame {
        epoch: epoch(1),
        from: Seq(from),
        to: Seq(to),
        cursor: cursor(to),
        items,
        history: Vec::new(),
        settled: Vec::new(),
        more: false,
    }
}

/// A page of a snapshot of the first lineage.
pub fn page(as_of: u64, items: Vec<Item>, next: Option<&str>) -> SnapshotPage {
    SnapshotPage {
        epoch: epoch(1),
        as_of: Seq(as_of),
        cursor: cursor(as_of),
        items,
        history: Vec::new(),
        next: next.map(token),
    }
}

/// A cursor of the first lineage.
pub fn cursor(seq: u64) -> Cursor {
    Cursor(format!("1.{seq}"))
}

/// A command.
pub const fn command(id: CommandId, created_at: UtcMs, act: Act) -> Command {
    Command { id, created_at, seen: None, act }
}

/// A reply.
pub fn reply(
    id: CommandId,
    conversation: ConversationId,
    message: MessageId,
    text: &str,
    at: UtcMs,
) -> Command {
    command(id, at, Act::SendText { conversation, message, text: Sensitive::from(text) })
}

/// What an author saw of a conversation.
pub const fn seen(version: Seq, body: &ConversationBody) -> Seen {
    Seen { version, assignee: body.assignee, status: body.status }
}
