//! What to do with a message whose turn has come.

use deskbell_domain::{
    ChannelAccountId, ConversationId, DeliveryStatus, FailureCode, Sensitive, UtcMs, WINDOW_MS,
};
use deskbell_meta::graph::{Destination, TextMessage};
use deskbell_protocol::entity::MessageContent;

use super::job::SendMessage;
use super::limits::{PAIR_LOOK_BACK, PAUSED_WAIT_MS};
use super::pace::pair_free_at;
use crate::storage::channel_account::{self, AccountStatus};
use crate::storage::contact::{self, Alias};
use crate::storage::{Read, Result, StorageError, conversation, message};

/// What to do.
pub(super) enum Plan {
    /// Make the call.
    Call(Box<Letter>),
    /// Look again at this time.
    Wait(UtcMs),
    /// The message will not go.
    Fail(FailureCode),
    /// There is nothing to do any more.
    Drop,
}

/// A message ready for its call.
pub(super) struct Letter {
    pub(super) account: ChannelAccountId,
    pub(super) phone_number_id: String,
    pub(super) token: Sensitive<String>,
    pub(super) text: TextMessage,
}

/// Decides about a message as everything stands now.
pub(super) async fn plan(read: &mut Read, send: SendMessage) -> Result<Plan> {
    let now = read.now();
    // Erased, or deleted: whoever did that does not want it sent.
    let Some(message) = message::read_many(read, &[send.message]).await?.pop() else { return Ok(Plan::Drop) };
    if message.status != Some(DeliveryStatus::Queued) {
        return Ok(Plan::Drop);
    }
    let Some(conversation) = conversation::read_many(read, &[send.conversation]).await?.pop() else {
        return Ok(Plan::Drop);
    };
    let Some(body) = message.body else { return Ok(Plan::Drop) };
    let content: MessageContent =
        serde_json::from_str(body.expose()).map_err(|_| StorageError::Shape("message.body"))?;
    let Some(text) = content.text else { return Ok(Plan::Drop) };
    let Some(account) = channel_account::by_id(read, conversation.account).await? else {
        return Ok(Plan::Fail(FailureCode::AccountDisconnected));
    };
    let token = match (account.status, account.token) {
        (AccountStatus::Connected, Some(token)) => token,
        (AccountStatus::Paused, Some(_)) if now.since(message.at) < WINDOW_MS => {
            return Ok(Plan::Wait(now.plus_ms(PAUSED_WAIT_MS)));
        }
        (AccountStatus::Paused, Some(_)) => return Ok(Plan::Fail(FailureCode::WindowClosed)),
        _ => return Ok(Plan::Fail(FailureCode::AccountDisconnected)),
    };
    let Some(to) = destination(contact::aliases(read, conversation.contact).await?) else {
        return Ok(Plan::Fail(FailureCode::Undeliverable));
    };
    let mut went = message::outbound_times(read, send.conversation, PAIR_LOOK_BACK).await?;
    went.reverse();
    let free_at = pair_free_at(&went);
    if free_at > now {
        return Ok(Plan::Wait(free_at));
    }
    let text = TextMessage {
        to,
        body: text,
        preview_url: false,
        quotes: None,
        callback_data: send.message.to_string(),
    };
    Ok(Plan::Call(Box::new(Letter {
        account: account.id,
        phone_number_id: account.phone_number_id,
        token,
        text,
    })))
}

/// The account that a conversation runs on; `None` when there is no such conversation any more.
pub(super) async fn account_of(read: &mut Read, id: ConversationId) -> Result<Option<ChannelAccountId>> {
    Ok(conversation::read_many(read, &[id]).await?.pop().map(|conversation| conversation.account))
}

/// Since when a message waits, in milliseconds.
pub(super) async fn waited_ms(read: &mut Read, send: SendMessage, now: UtcMs) -> Result<i64> {
    Ok(message::read_many(read, &[send.message])
        .await?
        .pop()
        .map_or(i64::MAX, |message| now.since(message.at)))
}

/// Where a contact is reached: by number, or by user id where there is none.
fn destination(aliases: Vec<Alias>) -> Option<Destination> {
    let mut user_id = None;
    for alias in aliases {
        match alias {
            Alias::Phone(phone) => return Some(Destination::Phone(Sensitive::from(phone.expose()))),
            Alias::UserId(id) => user_id = Some(Destination::UserId(id)),
            Alias::ParentUserId(_) => {}
        }
    }
    user_id
}
