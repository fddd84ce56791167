//! Sessions of devices: signing in, renewing, signing out.

use std::net::IpAddr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use deskbell_domain::{DeviceId, Sensitive, TenantId, UserId, UtcMs};
use deskbell_protocol::limits::ACCESS_TOKEN_MS;
use deskbell_protocol::problem::ProblemCode;
use deskbell_protocol::session::{
    AccessToken, RefreshRequest, RefreshResponse, SignInRequest, SignInResponse,
};

use super::Caller;
use super::password::PasswordError;
use crate::limits::{BUSY_RETRY_MS, DEVICE_NAME_BYTES_MAX, EMAIL_BYTES_MAX, PASSWORD_BYTES_MAX};
use crate::problem::{Answer, Failure};
use crate::serve::Backend;
use crate::storage::audit::{self, AuditFact};
use crate::storage::device::{self, NewDevice, Refreshed};
use crate::storage::staff::{self, UserStatus};
use crate::storage::{StorageError, TenantToken, Tx, fresh, tenant};

/// Signs a user in on a device.
///
/// The answer for an unknown address, a wrong password and an account that is not active is the same, and so is the
/// work: a look-up, a read of somebody's row, and one password hash.
///
/// # Errors
/// [`ProblemCode::WrongCredentials`], [`ProblemCode::TooManyRequests`], [`ProblemCode::Busy`],
/// [`ProblemCode::BadRequest`].
pub async fn sign_in(backend: &Backend, sender: IpAddr, request: SignInRequest) -> Answer<SignInResponse> {
    let public_key = check(&request)?;
    let SignInRequest { email, password, device } = request;
    let attempt = backend
        .attempts()
        .take(backend.db().now(), &email, sender)
        .map_err(|wait_ms| Failure::retry(ProblemCode::TooManyRequests, wait_ms))?;

    let candidate = find(backend, &email).await?;
    let stored = candidate.as_ref().and_then(|candidate| candidate.password_hash.clone());
    let fits = backend.passwords().verify(password, stored).await?;
    let (true, Some(candidate)) = (fits, candidate) else {
        return Err(ProblemCode::WrongCredentials.into());
    };

    let device = NewDevice { id: device.id, user: candidate.user, name: device.name, public_key };
    let response = open(backend, &candidate, device).await?;
    backend.attempts().give_back(attempt);
    backend.sessions_changed();
    tracing::info!(tenant = %response.tenant, user = %response.user, device = %response.device, "signed in");
    Ok(response)
}

/// Refuses what no console sends; answers the device's key.
fn check(request: &SignInRequest) -> Answer<Vec<u8>> {
    let fits = request.email.expose().len() <= EMAIL_BYTES_MAX
        && request.password.expose().len() <= PASSWORD_BYTES_MAX
        && request.device.name.expose().len() <= DEVICE_NAME_BYTES_MAX;
    let key = URL_SAFE_NO_PAD.decode(&request.device.public_key).ok();
    let key = key.filter(|key| fits && key.len() == PUBLIC_KEY_BYTES);
    key.ok_or_else(|| Failure::new(ProblemCode::BadRequest))
}

/// An Ed25519 public key.
const PUBLIC_KEY_BYTES: usize = 32;

/// Who might be signing in.
struct Candidate {
    tenant: TenantId,
    user: UserId,
    password_hash: Option<Sensitive<String>>,
}

/// Looks for the user of an address. For an unknown one, a row that is not there is read all the same, so that the
/// time tells nothing.
async fn find(backend: &Backend, email: &Sensitive<String>) -> Answer<Option<Candidate>> {
    let directory = backend.db().directory();
    let found = directory.sign_in(email).await?;
    let (tenant, user) = match found {
        Some(found) => found,
        None => match directory.tenants().await?.into_iter().next() {
            Some(tenant) => (tenant, fresh::user_id(backend.db().now())?),
            None => return Ok(None),
        },
    };
    let mut read = backend.db().tenant(tenant).read().await?;
    let user = staff::by_id(&mut read, user).await?;
    Ok(user.map(|user| Candidate { tenant, user: user.id, password_hash: user.password_hash }))
}

/// Opens the session, if the account is still as it was when its password was compared.
async fn open(backend: &Backend, candidate: &Candidate, device: NewDevice) -> Answer<SignInResponse> {
    let refresh = TenantToken::issue(candidate.tenant)?;
    let mut tx = backend.db().tenant(candidate.tenant).begin().await?;
    let user = staff::by_id(&mut tx, candidate.user).await?;
    let user = user
        .filter(|user| user.status == UserStatus::Active && user.password_hash == candidate.password_hash);
    let user = user.ok_or(ProblemCode::WrongCredentials)?;
    let tenant = tenant::read(&mut tx).await?;
    let id = device.id;
    if !device::sign_in(&mut tx, &device, &refresh).await? {
        // The id is another user's device, who may not be signed out by it.
        return Err(ProblemCode::BadRequest.into());
    }
    let access = issue_access(&mut tx, id, &refresh).await?;
    audit::pending(&mut tx, &fact(user.id, id, "signed_in")).await?;
    tx.commit().await?;
    Ok(SignInResponse {
        tenant: candidate.tenant,
        tenant_name: tenant.name.into(),
        user: user.id,
        user_name: user.name.unwrap_or_default(),
        role: user.role.into(),
        device: id,
        access,
        refresh_token: refresh.text(),
        lease_ms: backend.settings().lease_ms,
        server_time: backend.db().now(),
    })
}

/// A line of the audit log about somebody's own session.
const fn fact(user: UserId, device: DeviceId, act: &'static str) -> AuditFact {
    AuditFact { actor: Some(user), device: Some(device), act, subject: None }
}

async fn issue_access(tx: &mut Tx, device: DeviceId, refresh: &TenantToken) -> Answer<AccessToken> {
    let access = TenantToken::issue(tx.tenant())?;
    let expires_at: UtcMs = tx.now().plus_ms(ACCESS_TOKEN_MS);
    device::put_access_token(tx, device, &access, refresh, expires_at).await?;
    Ok(AccessToken { token: access.text(), expires_at })
}

/// Renews a session. The old refresh token is spent; asked again with the same id, within a minute or until the new
/// one is used, it gives the same successor. Anything else is a second holder of the token: the device is revoked.
///
/// # Errors
/// [`ProblemCode::Unauthorized`], [`ProblemCode::DeviceRevoked`].
pub async fn refresh(backend: &Backend, request: &RefreshRequest) -> Answer<RefreshResponse> {
    let old = TenantToken::parse(request.refresh_token.expose()).ok_or(ProblemCode::Unauthorized)?;
    let mut tx = match backend.db().tenant(old.tenant()).begin().await {
        Err(StorageError::UnknownTenant(_)) => return Err(ProblemCode::Unauthorized.into()),
        tx => tx?,
    };
    let (device, next) = match device::refresh(&mut tx, &old, request.refresh_id).await? {
        Refreshed::Rotated { device, next, .. } | Refreshed::Repeated { device, next, .. } => (device, next),
        Refreshed::Unknown => return Err(ProblemCode::Unauthorized.into()),
        Refreshed::Reused { device, user } => {
            audit::pending(&mut tx, &fact(user, device, "refresh_token_reused")).await?;
            tx.commit().await?;
            backend.sessions_changed();
            tracing::warn!(tenant = %old.tenant(), %device, "a refresh token was used twice: device revoked");
            return Err(ProblemCode::DeviceRevoked.into());
        }
    };
    let access = issue_access(&mut tx, device, &next).await?;
    tx.commit().await?;
    Ok(RefreshResponse { access, refresh_token: next.text(), server_time: backend.db().now() })
}

/// Signs the caller's device out: its tokens end, its sockets close.
///
/// # Errors
/// Those of storage.
pub async fn sign_out(backend: &Backend, caller: &Caller) -> Answer<()> {
    let mut tx = backend.db().tenant(caller.tenant).begin().await?;
    // Shut out rather than only signed out: that is in the log, so sockets of every process hear of it.
    device::revoke(&mut tx, caller.device()).await?;
    audit::pending(&mut tx, &fact(caller.user(), caller.device(), "signed_out")).await?;
    tx.commit().await?;
    backend.sessions_changed();
    tracing::info!(tenant = %caller.tenant, user = %caller.user(), device = %caller.device(), "signed out");
    Ok(())
}

impl From<PasswordError> for Failure {
    fn from(error: PasswordError) -> Self {
        match error {
            PasswordError::TooShort | PasswordError::TooLong => ProblemCode::BadRequest.into(),
            PasswordError::Busy => Self::retry(ProblemCode::Busy, BUSY_RETRY_MS),
            PasswordError::Failed => Self::internal(error.to_string()),
        }
    }
}
