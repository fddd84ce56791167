use deskbell_domain::{DeliveryStatus, MessageId};
use deskbell_meta::webhook::{Status, StatusWord};

use super::{Applied, Routed, contact_of, keep_raw};
use crate::outgoing::failure_code;
use crate::storage::message::{self, Message, StatusNews, StatusTarget};
use crate::storage::{Result, Tx, contact, conversation};

/// A message of ours moved on, whether or not its call has been answered yet.
pub(super) async fn status(tx: &mut Tx, routed: &Routed, status: &Status) -> Result<Applied> {
    let Some(message) = known(tx, status).await? else {
        // Sent by another program on this number, or erased. It is about a person all the same.
        let person = &status.recipient.person;
        let Some(contact) = contact_of(tx, person).await? else { return Ok(Applied::Nobody) };
        keep_raw(tx, routed, "status", &contact, None).await?;
        return Ok(Applied::In);
    };
    let Some(conversation) = conversation::read_many(tx, &[message.conversation]).await?.pop() else {
        return Ok(Applied::Nobody);
    };
    // Erased in the meantime: nothing of them is kept any more.
    let Some(contact) = contact::writable(tx, conversation.contact).await? else { return Ok(Applied::In) };
    if let (None, Some(wamid)) = (&message.wamid, &status.id) {
        // The answer to the call was lost, or has not come yet.
        message::set_wamid(tx, message.id, wamid).await?;
    }
    let failure = (status.word == StatusWord::Failed)
        .then(|| failure_code(status.errors.iter().find_map(|error| error.code)));
    let news = StatusNews {
        status: delivery(status.word),
        at: status.timestamp.unwrap_or(routed.received_at),
        failure,
    };
    let advanced = message::advance_status(tx, StatusTarget::Message(message.id), &news).await?;
    if advanced.is_some() {
        keep_raw(tx, routed, "status", &contact, Some(message.id)).await?;
    }
    Ok(Applied::In)
}

/// The message that a status is of: by our id, which it brings back, or else by Meta's.
async fn known(tx: &mut Tx, status: &Status) -> Result<Option<Message>> {
    let ours = status.callback_data.as_ref().and_then(|data| data.expose().parse::<MessageId>().ok());
    if let Some(id) = ours
        && let Some(message) = message::read_many(tx, &[id]).await?.pop()
    {
        return Ok(Some(message));
    }
    let Some(wamid) = &status.id else { return Ok(None) };
    let Some(id) = message::by_wamid(tx, wamid).await? else { return Ok(None) };
    Ok(message::read_many(tx, &[id]).await?.pop())
}

const fn delivery(word: StatusWord) -> DeliveryStatus {
    match word {
        StatusWord::Sent => DeliveryStatus::Sent,
        StatusWord::Delivered => DeliveryStatus::Delivered,
        StatusWord::Read => DeliveryStatus::Read,
        StatusWord::Played => DeliveryStatus::Played,
        StatusWord::Failed => DeliveryStatus::Failed,
    }
}
