use deskbell_domain::{Role, Sensitive, UserId, UtcMs};
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use super::ApiErrorCode;

/// Credentials, on their way to the backend. They are kept nowhere.
#[derive(Debug, Clone, Deserialize, TS)]
pub struct SignIn {
    /// The backend's address: https, or http on loopback.
    pub backend: String,
    /// The user's e-mail address.
    #[ts(type = "string")]
    pub email: Sensitive<String>,
    /// The password.
    #[ts(type = "string")]
    pub password: Sensitive<String>,
}

/// What happens to commands that were not sent yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum Unsent {
    /// Send them first; signing out is refused while that is not possible.
    Send,
    /// Keep them, locked, for the same user.
    Keep,
    /// Drop them.
    Discard,
}

/// Ends the session.
#[derive(Debug, Clone, Copy, Deserialize, TS)]
pub struct SignOut {
    /// What happens to commands that were not sent yet.
    pub unsent: Unsent,
}

/// What signing out left behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, TS)]
pub struct SignOutResult {
    /// Commands kept, locked, on this computer.
    pub kept: u32,
}

/// A member of staff.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, TS)]
pub struct UserView {
    /// Their id.
    #[ts(type = "string")]
    pub id: UserId,
    /// Their name.
    #[ts(type = "string")]
    pub name: Sensitive<String>,
    /// What they are.
    #[ts(type = "\"agent\" | \"manager\" | \"administrator\" | \"privacy_officer\" | string")]
    pub role: deskbell_domain::Open<Role>,
}

/// Who is signed in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, TS)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum SessionState {
    /// Nobody.
    SignedOut,
    /// A session exists on this computer, and cannot be opened for this reason.
    Blocked {
        /// What stands in the way: the keychain, mostly.
        problem: ApiErrorCode,
    },
    /// Somebody.
    SignedIn {
        /// Who.
        user: UserView,
        /// The tenant's name.
        #[ts(type = "string")]
        tenant_name: Sensitive<String>,
    },
}

/// The session, as the window draws it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, TS)]
pub struct SessionView {
    /// Who is signed in.
    pub session: SessionState,
    /// The backend's address: of the session, or the one to offer at sign-in.
    pub backend: Option<String>,
    /// The backend's host, as the status bar shows it.
    pub host: Option<String>,
}

/// Whether the backend can be reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, TS)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Connection {
    /// Nobody is signed in.
    SignedOut,
    /// On the way to the head of the log.
    Connecting,
    /// First sync: conversations arrive.
    Loading,
    /// Level with the backend.
    InSync,
    /// Not reachable.
    Offline {
        /// Since when.
        #[ts(type = "number")]
        since: UtcMs,
    },
    /// This version is too old for the backend, or the reverse.
    UpdateNeeded,
    /// The session was ended by the backend.
    Revoked,
}

/// Where data is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum StorageKind {
    /// In the encrypted cache.
    Encrypted,
    /// In memory only, since there is no keychain. A crash loses drafts.
    Memory,
}

/// What the status bar shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, TS)]
pub struct StatusView {
    /// Whether the backend can be reached.
    pub connection: Connection,
    /// Commands that wait to be sent.
    pub queued: u32,
    /// Commands the backend refused, which wait for the user.
    pub refused: u32,
    /// Where data is kept.
    pub storage: StorageKind,
    /// When the cache was last level with the backend.
    #[ts(type = "number | null")]
    pub synced_at: Option<UtcMs>,
    /// The console's version.
    pub version: &'static str,
}

/// How the window looks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum Theme {
    /// As the system.
    #[default]
    System,
    /// Light.
    Light,
    /// Dark.
    Dark,
}

/// The user's choices on this computer. No personal data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(default)]
pub struct Preferences {
    /// How the window looks.
    pub theme: Theme,
    /// Whether single letters are shortcuts (WCAG 2.1.4 asks for a way to switch them off).
    pub single_keys: bool,
}

impl Default for Preferences {
    fn default() -> Self {
        Self { theme: Theme::System, single_keys: true }
    }
}
