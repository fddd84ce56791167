//! What the backend says first: whether the cache still stands for something, and what it may hold.
//!
//! There is one recovery path. Whatever is wrong with the cache (its cursor, its lineage, its file), it is dropped, the
//! outbox is kept, and a snapshot is taken.

use deskbell_domain::{ConversationId, Entity, EntityId, EpochId, Open, Scope};
use deskbell_protocol::sync::{EraseNotice, HelloResponse, ResyncReason};

use super::{Engine, Purpose};
use crate::action::{Alarm, Changed, Report};
use crate::limits::ABSENCE_MS;
use crate::store::{Outcomes, StoreStep};

impl Engine {
    pub(super) fn socket_hello(&mut self, hello: HelloResponse) {
        if hello.protocol.is_some() {
            self.socket_is_live();
        }
        self.hello(hello);
    }

    pub(super) fn http_hello(&mut self, hello: HelloResponse) {
        if hello.protocol.is_some() {
            self.http_works();
        }
        self.hello(hello);
    }

    fn hello(&mut self, mut hello: HelloResponse) {
        if self.steps.is_clogged() {
            return self.link_lost();
        }
        let away_ms = self.connection.greeted(self.now);
        let highest = self.now.max(hello.server_time);
        self.highest_time = self.highest_time.max(Some(highest));
        self.time_noted_at = Some(self.now);
        self.steps.push(StoreStep::NoteTime {
            highest_time: highest,
            lease_until: Some(self.now.plus_ms(hello.lease_ms)),
        });
        for notice in std::mem::take(&mut hello.erasures) {
            self.erase(notice);
        }
        if hello.protocol.is_none() {
            return self.update_needed();
        }
        if away_ms > ABSENCE_MS {
            self.log.level = false;
        }
        self.resend_from_other_lineages(hello.epoch);

        let verdict = self.judge(&hello);
        self.log.greet(hello.epoch, hello.head);
        let mut scopes = hello.scopes;
        scopes.sort_unstable();
        scopes.dedup();
        self.log.known_scopes = Some(scopes.clone());
        if let Err(reason) = verdict {
            return self.recover(reason);
        }
        let restart = scopes != self.log.scopes || !self.log.has_begun();
        if restart {
            self.give_up_loading();
        }
        self.set_scopes(scopes, restart);
    }

    /// Whether the cache can go on from where it stands; else why not, as far as the backend said.
    fn judge(&mut self, hello: &HelloResponse) -> Result<(), Option<Open<ResyncReason>>> {
        let Some(at) = self.log.stands_for() else {
            // There is no cursor: that the backend says so too is no news.
            return Ok(());
        };
        if at.epoch != hello.epoch {
            return Err(Some(ResyncReason::EpochChanged.into()));
        }
        if at.seq > hello.head {
            self.report(Report::Alarm(Alarm::CursorAhead));
            return Err(Some(ResyncReason::CursorAhead.into()));
        }
        let told = hello.resync.filter(|reason| reason.known() != Some(ResyncReason::Lagging));
        match told {
            Some(reason) if self.log.position.is_some() => Err(Some(reason)),
            _ => Ok(()),
        }
    }

    /// Keeps what the device may see, and purges the rest. Done at every hello, also when nothing changed: rows may
    /// have come under rights that were given and taken since the last one.
    fn set_scopes(&mut self, scopes: Vec<Scope>, restart: bool) {
        self.steps.push(StoreStep::SetScopes { scopes, restart });
    }

    pub(super) fn scopes_set(&mut self, scopes: &[Scope], restart: bool, purged: u64) {
        self.log.scopes = scopes.to_vec();
        if restart {
            self.log.begin_again();
        }
        if purged > 0 {
            self.report(Report::Changed(Changed::Everything));
        }
    }

    pub(super) fn resync_told(&mut self, reason: Open<ResyncReason>) {
        if reason.known() == Some(ResyncReason::Lagging) {
            self.log.must_pull = true;
        } else {
            self.recover(Some(reason));
        }
    }

    /// The one recovery path.
    pub(super) fn recover(&mut self, reason: Option<Open<ResyncReason>>) {
        self.give_up_loading();
        self.requests.give_up(|purpose| matches!(purpose, Purpose::Commands(_)));
        self.outbox.requests_given_up();
        self.steps.forget_cache_steps();
        self.log.abandon();
        if !self.steps.has(|step| *step == StoreStep::DropCache) {
            self.log.drop_reason = reason;
            self.steps.push(StoreStep::DropCache);
        }
        if let Some(scopes) = self.log.known_scopes.clone() {
            self.set_scopes(scopes, true);
        }
    }

    /// Gives up every answer that would be written into a cache which is about to be another.
    fn give_up_loading(&mut self) {
        self.requests.give_up(|purpose| matches!(purpose, Purpose::Pull | Purpose::Snapshot(_)));
        self.give_up_history(|_| true);
    }

    /// Purges what an erasure names. The proof is asked for when both files are clean.
    pub(super) fn erase(&mut self, notice: EraseNotice) {
        let EraseNotice { erasure, roots } = notice;
        self.give_up_history(|conversation| roots.iter().any(|root| is_it(*root, conversation)));
        self.steps.push(StoreStep::PurgeOutbox(roots.clone()));
        self.steps.push_proof(StoreStep::PurgeRoots(roots), erasure);
    }

    pub(super) fn update_needed(&mut self) {
        self.give_up_loading();
        self.requests.give_up(|purpose| matches!(purpose, Purpose::Commands(_)));
        self.outbox.requests_given_up();
        self.become_outdated();
    }

    fn resend_from_other_lineages(&mut self, epoch: EpochId) {
        let resend = self.outbox.applied_elsewhere(epoch);
        if !resend.is_empty() {
            self.steps.push(StoreStep::Outcomes(Outcomes { resend, ..Outcomes::default() }));
        }
    }
}

/// Whether a root is this conversation.
pub(super) fn is_it(root: EntityId, conversation: ConversationId) -> bool {
    conversation.entity() == root
}
