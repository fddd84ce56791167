use deskbell_domain::{
    ConversationStatus, DeliveryStatus, Direction, MessageId, Origin, PhoneNumber, Sensitive, UtcMs,
};
use deskbell_meta::webhook::{Echo, History, HistoryStatus, Message, Person};

use super::{Accounts, Applied, KnownAccount, Routed, account, contact_of, keep_raw};
use crate::ingest::content::{Shown, Weight, shown};
use crate::storage::contact::WritableContact;
use crate::storage::conversation::{self, Conversation};
use crate::storage::message::{self, Inserted, NewMessage};
use crate::storage::{Result, StorageError, Tx, contact, fresh};

/// How a message goes into its thread.
struct Placed {
    origin: Origin,
    direction: Direction,
    status: Option<DeliveryStatus>,
    raw_kind: &'static str,
}

/// A customer wrote.
pub(super) async fn customer(
    tx: &mut Tx,
    accounts: &mut Accounts,
    routed: &Routed,
    message: &Message,
) -> Result<Applied> {
    let account = accounts.of(tx, routed).await?;
    let Some(contact) = contact_of(tx, &message.from).await? else { return Ok(Applied::Nobody) };
    if message.group_id.is_some() {
        // A group is no thread between the business and one customer: an answer there would go to the wrong place.
        keep_raw(tx, routed, "group_message", &contact, None).await?;
        return Ok(Applied::In);
    }
    let placed =
        Placed { origin: Origin::Customer, direction: Direction::Inbound, status: None, raw_kind: "message" };
    let shown = shown(message);
    let weight = shown.weight;
    let Some((before, at)) = insert(tx, routed, &account, &contact, message, shown, placed).await? else {
        return Ok(Applied::In);
    };
    let mut after = moved(&before, at);
    if weight != Weight::Notice {
        after.last_customer_message_at = before.last_customer_message_at.max(Some(at));
    }
    if weight == Weight::Words {
        after.waiting_since = before.waiting_since.or(Some(at));
        after.status = ConversationStatus::Open;
        after.snoozed_until = None;
    }
    conversation::save(tx, &before, &after).await?;
    Ok(Applied::In)
}

/// The business wrote on its phone. That opens no window; it answers a customer who waits.
pub(super) async fn echo(
    tx: &mut Tx,
    accounts: &mut Accounts,
    routed: &Routed,
    echo: &Echo,
) -> Result<Applied> {
    let account = accounts.of(tx, routed).await?;
    let Some(contact) = contact_of(tx, &echo.to).await? else { return Ok(Applied::Nobody) };
    let placed = Placed {
        origin: Origin::Phone,
        direction: Direction::Outbound,
        status: Some(DeliveryStatus::Sent),
        raw_kind: "echo",
    };
    let shown = shown(&echo.message);
    let answers = shown.weight == Weight::Words;
    let Some((before, at)) = insert(tx, routed, &account, &contact, &echo.message, shown, placed).await?
    else {
        return Ok(Applied::In);
    };
    let mut after = moved(&before, at);
    if answers && before.waiting_since.is_some_and(|since| since <= at) {
        after.waiting_since = None;
    }
    conversation::save(tx, &before, &after).await?;
    Ok(Applied::In)
}

/// A message from before the connection. It opens nothing and asks for nothing.
pub(super) async fn history(
    tx: &mut Tx,
    accounts: &mut Accounts,
    routed: &Routed,
    history: &History,
) -> Result<Applied> {
    let Some(message) = &history.message else { return account::keep(tx, routed, "history").await };
    if history.chunk.is_none()
        && let Some(wamid) = &message.id
        && let Some(known) = message::by_wamid(tx, wamid).await?
    {
        // The file of a message that came before: it names the business where the business sent it.
        return keep_with(tx, routed, "history", known).await;
    }
    let account = accounts.of(tx, routed).await?;
    let ours = is_business(&message.from, routed);
    if ours && history.chunk.is_none() {
        return Ok(Applied::Nobody);
    }
    let Some(contact) = contact_of(tx, &history.customer).await? else {
        return Ok(Applied::Nobody);
    };
    let placed = Placed {
        origin: Origin::History,
        direction: if ours { Direction::Outbound } else { Direction::Inbound },
        status: ours.then(|| of_history(history.status)),
        raw_kind: "history",
    };
    let shown = shown(message);
    let Some((before, at)) = insert(tx, routed, &account, &contact, message, shown, placed).await? else {
        return Ok(Applied::In);
    };
    let mut after = moved(&before, at);
    let brought_in =
        before.version == 0 && before.last_customer_message_at.is_none() && before.waiting_since.is_none();
    if brought_in {
        // A thread that is all history is done: half a year of them must not fill the queue.
        after.status = ConversationStatus::Resolved;
    }
    conversation::save(tx, &before, &after).await?;
    Ok(Applied::In)
}

/// Keeps an event with a message that is here already.
pub(super) async fn keep_with(
    tx: &mut Tx,
    routed: &Routed,
    kind: &'static str,
    id: MessageId,
) -> Result<Applied> {
    let Some(message) = message::read_many(tx, &[id]).await?.pop() else { return Ok(Applied::Nobody) };
    let Some(conversation) = conversation::read_many(tx, &[message.conversation]).await?.pop() else {
        return Ok(Applied::Nobody);
    };
    // Erased in the meantime: nothing of them is kept any more.
    let Some(contact) = contact::writable(tx, conversation.contact).await? else { return Ok(Applied::In) };
    keep_raw(tx, routed, kind, &contact, Some(id)).await?;
    Ok(Applied::In)
}

/// Writes a message into its thread, once, with its raw event. `None` where it was there before.
async fn insert(
    tx: &mut Tx,
    routed: &Routed,
    account: &KnownAccount,
    contact: &WritableContact,
    message: &Message,
    shown: Shown,
    placed: Placed,
) -> Result<Option<(Conversation, UtcMs)>> {
    let provider_at = message.timestamp.or(routed.event.entry_time);
    let at = provider_at.unwrap_or(routed.received_at);
    let before = conversation::find_or_create(tx, contact, account.id, account.queue, at).await?;
    let mut content = shown.content;
    if let Some(about) = &shown.about {
        content.about = message::by_wamid(tx, about).await?;
    }
    let body = serde_json::to_string(&content).map_err(|_| StorageError::Shape("a message's content"))?;
    let new = NewMessage {
        id: id_of(tx, routed, message, at).await?,
        kind: shown.kind,
        direction: placed.direction,
        origin: placed.origin,
        at,
        provider_at,
        author: None,
        status: placed.status,
        body: Sensitive::new(body),
        wamid: message.id.clone(),
    };
    match message::insert(tx, contact, &before, &new).await? {
        Inserted::Known(_) => Ok(None),
        Inserted::New(id) => {
            keep_raw(tx, routed, placed.raw_kind, contact, Some(id)).await?;
            Ok(Some((before, at)))
        }
    }
}

/// A new message's id. Where Meta gives none by which a repetition would be known, ours is made of the event, so that
/// the same event makes the same id.
async fn id_of(tx: &Tx, routed: &Routed, message: &Message, at: UtcMs) -> Result<MessageId> {
    if message.id.is_some() {
        return fresh::message_id(tx.now());
    }
    let identity = routed.event.identity();
    let hash = tx.keys().lookup_hash(tx.tenant(), "message.event", identity.expose()).await?;
    let mut random = [0; 10];
    for (to, from) in random.iter_mut().zip(hash.as_bytes()) {
        *to = *from;
    }
    Ok(MessageId::new(at, random))
}

/// The conversation with a message of this time in it.
fn moved(before: &Conversation, at: UtcMs) -> Conversation {
    Conversation { last_message_at: before.last_message_at.max(at), ..*before }
}

/// Whether a sender is the business itself.
fn is_business(person: &Person, routed: &Routed) -> bool {
    let business =
        routed.event.target.display_phone_number.as_deref().and_then(|n| PhoneNumber::parse(n).ok());
    let sender = person.phone.as_ref().and_then(|phone| PhoneNumber::parse(phone.expose()).ok());
    business.is_some() && business == sender
}

const fn of_history(status: Option<HistoryStatus>) -> DeliveryStatus {
    match status {
        Some(HistoryStatus::Delivered) => DeliveryStatus::Delivered,
        Some(HistoryStatus::Read) => DeliveryStatus::Read,
        Some(HistoryStatus::Played) => DeliveryStatus::Played,
        Some(HistoryStatus::Error) => DeliveryStatus::Failed,
        Some(HistoryStatus::Pending | HistoryStatus::Sent | HistoryStatus::Unknown) | None => {
            DeliveryStatus::Sent
        }
    }
}
