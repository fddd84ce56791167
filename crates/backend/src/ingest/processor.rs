use std::collections::BTreeMap;
use std::pin::pin;

use deskbell_domain::{KeyId, TenantId, UtcMs, WebhookId};
use deskbell_meta::webhook::{Event, split};
use futures_util::StreamExt as _;
use tokio::sync::watch;
use tokio::time::sleep;

use super::apply::{Accounts, Applied, apply};
use super::limits::{BODY_LEASE_MS, BODY_RETRY_MS, CHANGES_LEFT_MIN, LOOK_EVERY, TENANTS_AT_ONCE};
use super::route::{Destination, Routes};
use crate::storage::arrivals::{QuarantineReason, StagedBody};
use crate::storage::{Db, Result, StorageError};

/// Takes stored bodies apart.
pub(crate) struct Processor {
    db: Db,
    /// Bodies taken up together.
    at_once: usize,
}

/// An event on its way to a tenant.
pub(super) struct Routed {
    /// Which of the bodies it came in.
    body: usize,
    /// Where it goes.
    pub(super) to: Destination,
    /// What it says.
    pub(super) event: Event,
    /// When its body came, on our clock.
    pub(super) received_at: UtcMs,
}

/// What becomes of a body. The worse of two holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Fate {
    /// All its events are in.
    Finished,
    /// It is put aside.
    Quarantined(Aside),
    /// Something passes by itself: it is taken up again.
    Retried,
}

/// Why a body is put aside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Aside {
    Malformed,
    UnknownTenant,
    NoPerson,
    Failed,
}

impl Processor {
    pub(crate) fn new(db: Db, at_once: usize) -> Self {
        Self { db, at_once }
    }

    /// Works until `stop` says true.
    pub(crate) async fn run(self, mut stop: watch::Receiver<bool>) {
        while !*stop.borrow() {
            let arrivals = self.db.arrivals();
            // Polled before the look, so that what is stored during it is not missed.
            let mut stored = pin!(arrivals.stored());
            let came = futures_util::poll!(stored.as_mut()).is_ready();
            let done = self.once().await;
            if let Err(error) = &done {
                tracing::warn!(%error, "webhooks could not be taken up");
            }
            if came || matches!(done, Ok(1..)) {
                continue;
            }
            tokio::select! {
                () = stored => {}
                () = sleep(LOOK_EVERY) => {}
                _ = stop.changed() => {}
            }
        }
    }

    /// Takes up what waits. Answers how many bodies that was.
    pub(crate) async fn once(&self) -> Result<usize> {
        let count = i64::try_from(self.at_once).unwrap_or(i64::MAX);
        let bodies = self.db.arrivals().lease(count, BODY_LEASE_MS).await?;
        if bodies.is_empty() {
            return Ok(0);
        }
        let mut fates = vec![Fate::Finished; bodies.len()];
        let of_tenants = self.split_and_route(&bodies, &mut fates).await;
        let done = futures_util::stream::iter(of_tenants)
            .map(|(tenant, events)| self.take_in(tenant, events))
            .buffer_unordered(TENANTS_AT_ONCE);
        let troubles: Vec<Vec<(usize, Fate)>> = done.collect().await;
        for (body, fate) in troubles.into_iter().flatten() {
            worsen(&mut fates, body, fate);
        }
        self.settle(&bodies, &fates).await?;
        Ok(bodies.len())
    }

    /// Splits bodies into events, and sorts these by tenant, each in the order in which they came.
    async fn split_and_route(
        &self,
        bodies: &[StagedBody],
        fates: &mut [Fate],
    ) -> BTreeMap<TenantId, Vec<Routed>> {
        let mut routes = Routes::new(&self.db);
        let mut of_tenants: BTreeMap<TenantId, Vec<Routed>> = BTreeMap::new();
        for (body, staged) in bodies.iter().enumerate() {
            // A body whose key is gone is noise; nothing can be done for it.
            let Some(bytes) = &staged.body else { continue };
            let Ok(events) = split(bytes.expose()) else {
                worsen(fates, body, Fate::Quarantined(Aside::Malformed));
                continue;
            };
            for event in events {
                match routes.of(&event).await {
                    Ok(found) if found.is_empty() => {
                        worsen(fates, body, Fate::Quarantined(Aside::UnknownTenant));
                    }
                    Ok(found) => {
                        for to in found {
                            let event = event.clone();
                            let routed = Routed { body, to, event, received_at: staged.received_at };
                            of_tenants.entry(to.tenant).or_default().push(routed);
                        }
                    }
                    Err(error) => {
                        tracing::warn!(webhook = %staged.id, %error, "an event could not be routed");
                        worsen(fates, body, of_error(&error));
                    }
                }
            }
        }
        of_tenants
    }

    /// Takes a tenant's events in, in few transactions. Answers which bodies have an event that did not go in.
    async fn take_in(&self, tenant: TenantId, events: Vec<Routed>) -> Vec<(usize, Fate)> {
        let mut troubles = Vec::new();
        let mut rest = events.as_slice();
        let mut together = rest.len();
        while !rest.is_empty() {
            let group = rest.get(..together.min(rest.len())).unwrap_or(rest);
            match self.transaction(tenant, group).await {
                Ok((done, nobody)) => {
                    troubles
                        .extend(nobody.into_iter().map(|body| (body, Fate::Quarantined(Aside::NoPerson))));
                    rest = rest.get(done..).unwrap_or_default();
                    together = together.saturating_mul(2);
                }
                Err(error) if error.is_retryable() => {
                    tracing::warn!(%tenant, %error, "webhooks are taken up again");
                    troubles.extend(rest.iter().map(|event| (event.body, Fate::Retried)));
                    return troubles;
                }
                // One of them cannot go in. The group is halved until it stands alone.
                Err(_) if group.len() > 1 => together = group.len() / 2,
                Err(error) => {
                    tracing::error!(%tenant, %error, "an event cannot be taken in");
                    troubles.extend(group.iter().map(|event| (event.body, of_error(&error))));
                    rest = rest.get(1..).unwrap_or_default();
                    together = together.saturating_mul(2);
                }
            }
        }
        troubles
    }

    /// Takes in as many of these events as fit into one transaction. Answers how many, and the bodies of those among
    /// them that name nobody.
    async fn transaction(&self, tenant: TenantId, events: &[Routed]) -> Result<(usize, Vec<usize>)> {
        let mut tx = self.db.tenant(tenant).begin().await?;
        let mut accounts = Accounts::default();
        let mut nobody = Vec::new();
        let mut done = 0;
        let mut dead_keys: Vec<KeyId> = Vec::new();
        for routed in events {
            if done > 0 && tx.changes_left() < CHANGES_LEFT_MIN {
                break;
            }
            match apply(&mut tx, &mut accounts, routed).await? {
                Applied::In => {}
                Applied::Disconnected(keys) => dead_keys.extend(keys),
                Applied::Nobody => nobody.push(routed.body),
            }
            done += 1;
        }
        tx.commit().await?;
        // The tokens are deleted already; their keys are all that could bring them back from a copy.
        if !dead_keys.is_empty() {
            self.db.keys().destroy(tenant, &dead_keys).await?;
        }
        Ok((done, nobody))
    }

    async fn settle(&self, bodies: &[StagedBody], fates: &[Fate]) -> Result<()> {
        let arrivals = self.db.arrivals();
        let finished: Vec<_> =
            with_fate(bodies, fates, |fate| fate == Fate::Finished).map(|(id, _)| id).collect();
        arrivals.finish(&finished).await?;
        let again = self.db.now().plus_ms(BODY_RETRY_MS);
        for (id, fate) in with_fate(bodies, fates, |fate| fate != Fate::Finished) {
            match fate {
                Fate::Finished => {}
                Fate::Retried => arrivals.retry(id, again).await?,
                Fate::Quarantined(aside) => {
                    tracing::warn!(webhook = %id, ?aside, "a webhook is put aside");
                    arrivals.quarantine(id, aside.into()).await?;
                }
            }
        }
        Ok(())
    }
}

impl From<Aside> for QuarantineReason {
    fn from(aside: Aside) -> Self {
        match aside {
            Aside::Malformed => Self::Malformed,
            Aside::UnknownTenant => Self::UnknownTenant,
            Aside::NoPerson => Self::NoPerson,
            Aside::Failed => Self::Failed,
        }
    }
}

fn with_fate(
    bodies: &[StagedBody],
    fates: &[Fate],
    wanted: impl Fn(Fate) -> bool,
) -> impl Iterator<Item = (WebhookId, Fate)> {
    bodies.iter().zip(fates).filter(move |(_, fate)| wanted(**fate)).map(|(body, fate)| (body.id, *fate))
}

fn worsen(fates: &mut [Fate], body: usize, fate: Fate) {
    if let Some(known) = fates.get_mut(body) {
        *known = (*known).max(fate);
    }
}

fn of_error(error: &StorageError) -> Fate {
    if error.is_retryable() { Fate::Retried } else { Fate::Quarantined(Aside::Failed) }
}
