//! Whose an event is.

use std::collections::HashMap;

use deskbell_domain::{ChannelAccountId, TenantId};
use deskbell_meta::webhook::{Event, EventKind, Target};

use crate::storage::{Db, Result};

/// Where an event goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Destination {
    /// The tenant.
    pub(super) tenant: TenantId,
    /// The account, where the event names its number.
    pub(super) account: Option<ChannelAccountId>,
}

/// Looks destinations up, each number and business account once.
pub(super) struct Routes<'a> {
    db: &'a Db,
    numbers: HashMap<String, Option<Destination>>,
    wabas: HashMap<String, Vec<Destination>>,
}

impl<'a> Routes<'a> {
    pub(super) fn new(db: &'a Db) -> Self {
        Self { db, numbers: HashMap::new(), wabas: HashMap::new() }
    }

    /// Where an event goes: by its number, or else by its business account, which several tenants may share. Nowhere,
    /// where neither is connected, or where it is about a person and only the business account is known.
    pub(super) async fn of(&mut self, event: &Event) -> Result<Vec<Destination>> {
        let Target { waba_id, phone_number_id, .. } = &event.target;
        if let Some(number) = phone_number_id {
            let known = self.number(number).await?;
            if known.is_some() || names_a_person(&event.kind) {
                return Ok(known.into_iter().collect());
            }
        }
        match waba_id {
            Some(waba) if !names_a_person(&event.kind) => self.waba(waba).await,
            _ => Ok(Vec::new()),
        }
    }

    async fn number(&mut self, number: &str) -> Result<Option<Destination>> {
        if let Some(known) = self.numbers.get(number) {
            return Ok(*known);
        }
        let found = self.db.directory().by_phone_number(number).await?;
        let found = found.map(|route| Destination { tenant: route.tenant, account: Some(route.account) });
        self.numbers.insert(number.to_owned(), found);
        Ok(found)
    }

    async fn waba(&mut self, waba: &str) -> Result<Vec<Destination>> {
        if let Some(known) = self.wabas.get(waba) {
            return Ok(known.clone());
        }
        let tenants = self.db.directory().by_waba(waba).await?;
        let found: Vec<_> = tenants.into_iter().map(|tenant| Destination { tenant, account: None }).collect();
        self.wabas.insert(waba.to_owned(), found.clone());
        Ok(found)
    }
}

/// Whether an event is about a person: such a one goes to one tenant, or to nobody.
const fn names_a_person(kind: &EventKind) -> bool {
    match kind {
        EventKind::Message(_)
        | EventKind::Status(_)
        | EventKind::Echo(_)
        | EventKind::History(_)
        | EventKind::Contact(_)
        | EventKind::Preference(_)
        | EventKind::UserId(_) => true,
        EventKind::Template(_)
        | EventKind::Account(_)
        | EventKind::PhoneNumber(_)
        | EventKind::Error(_)
        | EventKind::Unsupported(_) => false,
    }
}
