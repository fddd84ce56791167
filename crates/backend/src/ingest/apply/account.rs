use deskbell_domain::{ChannelAccountId, PhoneNumber};
use deskbell_meta::webhook::{Account, AccountChange, AccountEvent, UserId};

use super::{Applied, Routed, aliases, keep_raw, profile};
use crate::storage::channel_account::{self, AccountStatus, ChannelAccount};
use crate::storage::contact::{self, Alias};
use crate::storage::{Result, StorageError, Tx, raw_event};

/// Keeps an event with the account that it is about. It has no other effect yet.
pub(super) async fn keep(tx: &mut Tx, routed: &Routed, kind: &'static str) -> Result<Applied> {
    let Some(account) = of_event(tx, routed).await?.into_iter().next() else { return Ok(Applied::Nobody) };
    keep_raw_of(tx, routed, kind, account.id).await?;
    Ok(Applied::In)
}

/// Keeps an event's own JSON under the account's key. Of an account that was disconnected nothing is kept any more: its
/// key is gone.
async fn keep_raw_of(tx: &mut Tx, routed: &Routed, kind: &'static str, id: ChannelAccountId) -> Result<()> {
    match raw_event::insert_for_account(tx, id, kind, &routed.event.raw).await {
        Err(StorageError::KeyGone) => {
            tracing::info!(account = %id, kind, "an event of a disconnected account is not kept");
            Ok(())
        }
        other => other,
    }
}

/// Something happened to the business account, or to one of its numbers.
pub(super) async fn account(tx: &mut Tx, routed: &Routed, account: &Account) -> Result<Applied> {
    let accounts = of_event(tx, routed).await?;
    let Some(first) = accounts.first() else { return Ok(Applied::Nobody) };
    keep_raw_of(tx, routed, "account", first.id).await?;
    let AccountChange::Happened(event) = account.change else { return Ok(Applied::In) };
    let affected = accounts.iter().filter(|account| is_meant(account, routed));
    let mut dead_keys = Vec::new();
    for account in affected {
        match (event, account.status) {
            (
                AccountEvent::Deleted | AccountEvent::PartnerRemoved | AccountEvent::PartnerAppUninstalled,
                AccountStatus::Connected | AccountStatus::Paused | AccountStatus::ReauthNeeded,
            ) => {
                tracing::warn!(account = %account.id, "Meta took the access away: the account is disconnected");
                dead_keys.push(channel_account::disconnect(tx, account.id).await?);
            }
            (AccountEvent::Offboarded, AccountStatus::Connected) => {
                tracing::warn!(account = %account.id, "the business's phone has left: sending pauses");
                channel_account::set_status(tx, account.id, AccountStatus::Paused).await?;
            }
            (AccountEvent::Reconnected, AccountStatus::Paused) => {
                tracing::info!(account = %account.id, "the business's phone is back: sending goes on");
                channel_account::set_status(tx, account.id, AccountStatus::Connected).await?;
            }
            _ => {}
        }
    }
    if dead_keys.is_empty() { Ok(Applied::In) } else { Ok(Applied::Disconnected(dead_keys)) }
}

/// A customer has another user id. Meta says that both are the same person, so both are aliases of one contact.
pub(super) async fn user_id(tx: &mut Tx, routed: &Routed, changed: &UserId) -> Result<Applied> {
    let ids = [&changed.user_id, &changed.parent_user_id];
    let [user, parent] = ids.map(|renamed| {
        let renamed = renamed.as_ref();
        [renamed.and_then(|ids| ids.previous.clone()), renamed.and_then(|ids| ids.current.clone())]
    });
    let user = user.into_iter().flatten().map(Alias::UserId);
    let parent = parent.into_iter().flatten().map(Alias::ParentUserId);
    let mut all: Vec<Alias> = user.chain(parent).collect();
    for alias in aliases(&changed.person) {
        if !all.contains(&alias) {
            all.push(alias);
        }
    }
    if all.is_empty() {
        return Ok(Applied::Nobody);
    }
    let profile = profile(&changed.person);
    let contact = contact::find_or_create(tx, &all, &profile).await?;
    keep_raw(tx, routed, "user_id", &contact, None).await?;
    Ok(Applied::In)
}

/// The tenant's accounts that an event may be about: the one it came by, or those of its business account.
async fn of_event(tx: &mut Tx, routed: &Routed) -> Result<Vec<ChannelAccount>> {
    if let Some(id) = routed.to.account {
        return Ok(channel_account::by_id(tx, id).await?.into_iter().collect());
    }
    let waba = routed.event.target.waba_id.as_deref();
    let mut accounts = channel_account::list(tx).await?;
    accounts.retain(|account| Some(account.waba_id.as_str()) == waba);
    Ok(accounts)
}

/// Whether an event of the business account means this number of it: all, unless it names one.
fn is_meant(account: &ChannelAccount, routed: &Routed) -> bool {
    let Some(named) = &routed.event.target.display_phone_number else { return true };
    match (PhoneNumber::parse(named), PhoneNumber::parse(&account.display_number)) {
        (Ok(named), Ok(own)) => named == own,
        // A number that cannot be read must not keep a token alive whose access is gone.
        _ => true,
    }
}
