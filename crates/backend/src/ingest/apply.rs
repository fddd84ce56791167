//! One event, in a tenant's transaction. Doing it again does nothing.

mod account;
mod message;
mod status;

use std::collections::HashMap;

use deskbell_domain::{ChannelAccountId, KeyId, MessageId, QueueId};
use deskbell_meta::webhook::{EventKind, Person};

use super::person::{aliases, profile};
use super::processor::Routed;
use crate::storage::contact::{self, WritableContact};
use crate::storage::{Result, StorageError, Tx, channel_account, raw_event};

/// What became of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Applied {
    /// It is in.
    In,
    /// It is in, and these keys of deleted tokens are to be destroyed after the commit.
    Disconnected(Vec<KeyId>),
    /// It is about somebody whom it does not name. Nothing was done.
    Nobody,
}

/// A tenant's accounts, as far as events came by them. Each is read once for many events.
#[derive(Debug, Default)]
pub(super) struct Accounts(HashMap<ChannelAccountId, KnownAccount>);

/// What an event needs to know of the account that it came by.
#[derive(Debug, Clone, Copy)]
struct KnownAccount {
    id: ChannelAccountId,
    queue: QueueId,
}

impl Accounts {
    /// The account of an event about a person. Routing gives such an event only with one.
    async fn of(&mut self, tx: &mut Tx, routed: &Routed) -> Result<KnownAccount> {
        let id = routed.to.account.ok_or(StorageError::Shape("an event of a person without an account"))?;
        if let Some(known) = self.0.get(&id) {
            return Ok(*known);
        }
        let account = channel_account::by_id(tx, id).await?;
        let account = account.ok_or(StorageError::Shape("a route to an account that is not there"))?;
        let known = KnownAccount { id, queue: account.queue };
        self.0.insert(id, known);
        Ok(known)
    }
}

/// Takes an event in.
pub(super) async fn apply(tx: &mut Tx, accounts: &mut Accounts, routed: &Routed) -> Result<Applied> {
    match &routed.event.kind {
        EventKind::Message(message) => message::customer(tx, accounts, routed, message).await,
        EventKind::Echo(echo) => message::echo(tx, accounts, routed, echo).await,
        EventKind::History(history) => message::history(tx, accounts, routed, history).await,
        EventKind::Status(status) => status::status(tx, routed, status).await,
        EventKind::Contact(contact) => keep(tx, routed, "contact", &contact.person).await,
        EventKind::Preference(preference) => keep(tx, routed, "preference", &preference.person).await,
        EventKind::UserId(changed) => account::user_id(tx, routed, changed).await,
        EventKind::Account(account) => account::account(tx, routed, account).await,
        EventKind::Template(_) => account::keep(tx, routed, "template").await,
        EventKind::PhoneNumber(_) => account::keep(tx, routed, "phone_number").await,
        EventKind::Error(_) => account::keep(tx, routed, "error").await,
        EventKind::Unsupported(_) => account::keep(tx, routed, "unsupported").await,
    }
}

/// Keeps an event with the person whom it is about. It has no other effect yet.
async fn keep(tx: &mut Tx, routed: &Routed, kind: &'static str, person: &Person) -> Result<Applied> {
    let Some(contact) = contact_of(tx, person).await? else { return Ok(Applied::Nobody) };
    keep_raw(tx, routed, kind, &contact, None).await?;
    Ok(Applied::In)
}

/// The contact that a person is, made where there is none yet; `None` where nobody is named.
async fn contact_of(tx: &mut Tx, person: &Person) -> Result<Option<WritableContact>> {
    let aliases = aliases(person);
    if aliases.is_empty() {
        return Ok(None);
    }
    contact::find_or_create(tx, &aliases, &profile(person)).await.map(Some)
}

/// Keeps an event's own JSON under the contact's key.
async fn keep_raw(
    tx: &mut Tx,
    routed: &Routed,
    kind: &'static str,
    contact: &WritableContact,
    message: Option<MessageId>,
) -> Result<()> {
    raw_event::insert(tx, contact, kind, message, &routed.event.raw).await
}
