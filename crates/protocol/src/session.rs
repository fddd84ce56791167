//! Signing in, renewing, signing out.

use deskbell_domain::{DeviceId, Open, RefreshId, Role, Sensitive, TenantId, UserId, UtcMs};
use serde::{Deserialize, Serialize};

/// A console that wants to be a device of the user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewDevice {
    /// Made by the console, kept over sign-ins of the same user on the same computer.
    pub id: DeviceId,
    /// How the user tells it from others: the computer's name.
    pub name: Sensitive<String>,
    /// The Ed25519 public key it signs receipts with, base64url without padding.
    pub public_key: String,
}

/// `POST` [`crate::route::SESSION`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignInRequest {
    /// The user's e-mail address.
    pub email: Sensitive<String>,
    /// The password.
    pub password: Sensitive<String>,
    /// The device.
    pub device: NewDevice,
}

/// A short-lived token for the `Authorization` header. Held in memory only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessToken {
    /// Opaque.
    pub token: Sensitive<String>,
    /// When it ends, on the backend's clock.
    pub expires_at: UtcMs,
}

/// The answer to a sign-in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignInResponse {
    /// The tenant.
    pub tenant: TenantId,
    /// The tenant's name.
    pub tenant_name: Sensitive<String>,
    /// The user.
    pub user: UserId,
    /// The user's name.
    pub user_name: Sensitive<String>,
    /// The user's role.
    pub role: Open<Role>,
    /// The device, as the backend knows it.
    pub device: DeviceId,
    /// For the next 15 minutes.
    pub access: AccessToken,
    /// Renews the session, once.
    pub refresh_token: Sensitive<String>,
    /// How long the cache may be shown without contact, in milliseconds.
    pub lease_ms: i64,
    /// The backend's clock.
    pub server_time: UtcMs,
}

/// `POST` [`crate::route::SESSION_REFRESH`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefreshRequest {
    /// The newest refresh token of the device.
    pub refresh_token: Sensitive<String>,
    /// Made by the console, kept until the answer has come: a repeat with the same id gets the same answer.
    pub refresh_id: RefreshId,
}

/// The answer to a renewal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefreshResponse {
    /// For the next 15 minutes.
    pub access: AccessToken,
    /// Replaces the token that was sent.
    pub refresh_token: Sensitive<String>,
    /// The backend's clock.
    pub server_time: UtcMs,
}
