//! The access token's life. The tokens themselves never come here.
//!
//! A renewal's id is durable before the request leaves, so that after a lost answer, or a crash, the same renewal is
//! asked for again, and the backend gives the same answer instead of seeing a stolen token. Every renewal is followed
//! by a hello before anything is pulled: rights may have changed with it.

use deskbell_domain::{Open, RefreshId, UtcMs};
use deskbell_protocol::problem::ProblemCode;
use deskbell_protocol::socket::RevokeReason;

use super::{Engine, Purpose};
use crate::action::{ConnectionState, Request};
use crate::event::{Failure, FailureKind};
use crate::limits::RENEW_AT_PERCENT;
use crate::store::StoreStep;

/// What is known of the access token the host holds.
#[derive(Debug)]
pub(super) struct Session {
    access_until: Option<UtcMs>,
    renew_at: Option<UtcMs>,
    renewal: Renewal,
}

/// How far a renewal has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Renewal {
    /// None is under way.
    None,
    /// Its id is on the way to the store.
    Storing,
    /// Its id is stored; to be asked, or asked again.
    Stored(RefreshId),
    /// Its request is in flight.
    Asked(RefreshId),
    /// Its answer has come; the store is on the way to forget it.
    Ending,
}

impl Session {
    pub(super) const fn new(renewal: Option<RefreshId>) -> Self {
        let renewal = match renewal {
            Some(id) => Renewal::Stored(id),
            None => Renewal::None,
        };
        Self { access_until: None, renew_at: None, renewal }
    }

    pub(super) const fn hold(&mut self, access_ms: i64, now: UtcMs) {
        self.access_until = Some(now.plus_ms(access_ms));
        self.renew_at = Some(now.plus_ms(access_ms.saturating_mul(RENEW_AT_PERCENT) / 100));
    }

    pub(super) const fn expire(&mut self) {
        self.access_until = None;
        self.renew_at = None;
    }

    pub(super) fn is_good(&self, now: UtcMs) -> bool {
        self.access_until.is_some_and(|until| now < until)
    }

    pub(super) const fn renewal_forgotten(&mut self) {
        self.renewal = Renewal::None;
    }

    /// Whether the token is to be renewed while it is still good.
    pub(super) fn is_ageing(&self, now: UtcMs) -> bool {
        self.renew_at.is_some_and(|at| at <= now)
    }

    pub(super) fn due(&self) -> Option<UtcMs> {
        self.renew_at.filter(|_| matches!(self.renewal, Renewal::None | Renewal::Stored(_)))
    }
}

impl Engine {
    /// Renews the session, from wherever a renewal stands.
    pub(super) fn renew(&mut self) {
        match self.session.renewal {
            Renewal::None => {
                let id = RefreshId::new(self.now, self.random.bytes());
                self.session.renewal = Renewal::Storing;
                self.steps.push(StoreStep::BeginRenewal(id));
            }
            Renewal::Stored(refresh_id) => {
                self.session.renewal = Renewal::Asked(refresh_id);
                self.ask(Purpose::Renew, Request::Renew { refresh_id });
            }
            Renewal::Storing | Renewal::Asked(_) | Renewal::Ending => {}
        }
    }

    pub(super) fn renewal_stored(&mut self, refresh_id: RefreshId) {
        self.session.renewal = Renewal::Stored(refresh_id);
        self.renew();
    }

    pub(super) fn renewed(&mut self, access_ms: i64) {
        self.session.renewal = Renewal::Ending;
        self.session.hold(access_ms, self.now);
        self.steps.push(StoreStep::EndRenewal);
        self.session_is_good();
    }

    pub(super) fn renewal_failed(&mut self, failure: Failure) {
        if let Renewal::Asked(id) = self.session.renewal {
            self.session.renewal = Renewal::Stored(id);
        }
        if self.session.is_good(self.now) {
            // Not pressing yet: again after a pause.
            let at = self.retry_at(3, failure);
            self.session.renew_at = Some(at);
        } else if failure.kind != FailureKind::Refused(ProblemCode::UpdateNeeded) {
            self.attempt_failed(failure);
        }
    }

    pub(super) fn revoke(&mut self, reason: Open<RevokeReason>) {
        match reason.known() {
            Some(RevokeReason::TokenExpired | RevokeReason::RightsChanged) => {
                self.session.expire();
                self.link_lost();
            }
            Some(RevokeReason::DeviceRevoked | RevokeReason::UserInactive) => self.revoked(Some(reason)),
            // A reason from a newer backend destroys nothing.
            None => self.end(ConnectionState::SignInNeeded),
        }
    }

    pub(super) fn revoked(&mut self, reason: Option<Open<RevokeReason>>) {
        let unsent = self.outbox.waiting();
        self.end(ConnectionState::Revoked { reason, unsent });
    }
}
