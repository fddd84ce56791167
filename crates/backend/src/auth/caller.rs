//! Who makes a request, as far as the backend has proof of it.

use std::fmt;

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use deskbell_domain::{DeviceId, Permission, Role, Scope, TenantId, UserId};
use deskbell_protocol::problem::ProblemCode;
use deskbell_protocol::socket::RevokeReason;

use crate::problem::{Answer, Failure};
use crate::serve::Backend;
use crate::storage::device::{self, Session};
use crate::storage::staff::{self, UserStatus};
use crate::storage::{self, Read, StorageError, TenantToken};

/// A user on a device, proved by an access token, with the rights at the time of the proof.
#[derive(Clone)]
pub struct Caller {
    /// The tenant.
    pub tenant: TenantId,
    /// What the user sees, in order.
    pub scopes: Vec<Scope>,
    session: Session,
    token: TenantToken,
}

impl fmt::Debug for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Caller")
            .field("tenant", &self.tenant)
            .field("user", &self.user())
            .field("device", &self.device())
            .field("role", &self.role())
            .finish_non_exhaustive()
    }
}

impl Caller {
    /// The user.
    pub const fn user(&self) -> UserId {
        self.session.user
    }

    /// The device.
    pub const fn device(&self) -> DeviceId {
        self.session.device
    }

    /// What the user is.
    pub const fn role(&self) -> Role {
        self.session.role
    }

    /// The caller that the `Authorization` header proves. Tokens are taken from there alone: an address is written
    /// into logs and histories.
    ///
    /// # Errors
    /// [`ProblemCode::Unauthorized`]; those of storage.
    pub async fn of_headers(backend: &Backend, headers: &HeaderMap) -> Answer<Self> {
        let token = bearer(headers).and_then(TenantToken::parse).ok_or(ProblemCode::Unauthorized)?;
        let mut read = match backend.db().tenant(token.tenant()).read().await {
            Err(StorageError::UnknownTenant(_)) => return Err(ProblemCode::Unauthorized.into()),
            read => read?,
        };
        Self::of_token(&mut read, token).await?.ok_or_else(|| ProblemCode::Unauthorized.into())
    }

    /// The caller that a token proves.
    async fn of_token(read: &mut Read, token: TenantToken) -> storage::Result<Option<Self>> {
        let Some(session) = device::authenticate(read, &token).await? else { return Ok(None) };
        let mut scopes = staff::scopes_of(read, session.user).await?;
        scopes.sort_unstable();
        Ok(Some(Self { tenant: read.tenant(), scopes, session, token }))
    }

    /// Why the session does not hold any more, in this state of the database; `None` while it does, with the rights
    /// it began with.
    ///
    /// # Errors
    /// Those of storage.
    pub async fn ended(&self, read: &mut Read) -> storage::Result<Option<RevokeReason>> {
        if let Some(now) = Self::of_token(read, self.token.clone()).await? {
            let changed = now.role() != self.role() || now.scopes != self.scopes;
            return Ok(changed.then_some(RevokeReason::RightsChanged));
        }
        let user = staff::by_id(read, self.user()).await?;
        if user.is_none_or(|user| user.status != UserStatus::Active) {
            return Ok(Some(RevokeReason::UserInactive));
        }
        let device = device::by_id(read, self.device()).await?;
        if device.is_none_or(|device| device.revoked_at.is_some()) {
            return Ok(Some(RevokeReason::DeviceRevoked));
        }
        if self.session.expires_at <= read.now() {
            return Ok(Some(RevokeReason::TokenExpired));
        }
        // The token was ended before its time, and the device may renew it.
        Ok(Some(RevokeReason::RightsChanged))
    }

    /// Notes that the device was heard of: what its last renewal gave has reached it.
    ///
    /// # Errors
    /// Those of storage.
    pub async fn seen(&self, backend: &Backend) -> storage::Result<()> {
        let mut tx = backend.db().tenant(self.tenant).begin().await?;
        device::seen(&mut tx, &self.session).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Refuses a caller whose role does not include the permission.
    ///
    /// # Errors
    /// [`ProblemCode::Forbidden`].
    pub fn require(&self, permission: Permission) -> Answer<()> {
        if self.role().may(permission) { Ok(()) } else { Err(Failure::new(ProblemCode::Forbidden)) }
    }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    #[test]
    fn a_token_is_read_from_a_bearer_header_alone() {
        let of =
            |value: &'static str| HeaderMap::from_iter([(AUTHORIZATION, HeaderValue::from_static(value))]);
        assert_eq!(bearer(&of("Bearer abc")), Some("abc"));
        assert_eq!(bearer(&of("bearer  abc")), Some("abc"));
        assert_eq!(bearer(&of("Basic abc")), None);
        assert_eq!(bearer(&of("abc")), None);
        assert_eq!(bearer(&HeaderMap::new()), None);
    }
}
