//! The socket: a faster way to the log. What is lost on it is pulled.

use deskbell_domain::Open;
use serde::{Deserialize, Serialize};

use crate::sync::{EraseNotice, Frame, HelloRequest, HelloResponse, Receipt, ResyncReason, Seq};

/// From the console.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ClientMessage {
    /// First message on the socket.
    Hello(HelloRequest),
    /// Answers a ping.
    Pong,
    /// A purge is proved.
    Receipt(Receipt),
}

/// Why a session ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RevokeReason {
    /// The access token ran out; renew it and come back.
    TokenExpired,
    /// The device was signed out, by its user, an administrator, or because its refresh token was used twice.
    DeviceRevoked,
    /// The user may not sign in any more.
    UserInactive,
    /// Password, role or queues changed; renew the token and come back.
    RightsChanged,
}

/// From the backend.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ServerMessage {
    /// Answers the hello.
    Hello(HelloResponse),
    /// News.
    Frame(Frame),
    /// There is news too large for a frame: pull.
    Head {
        /// The newest place.
        seq: Seq,
    },
    /// Erase.
    Erase(EraseNotice),
    /// The session ends here. The socket closes.
    Revoke {
        /// Why.
        reason: Open<RevokeReason>,
    },
    /// Pull, or begin again.
    Resync {
        /// Why.
        reason: Open<ResyncReason>,
    },
    /// Are you there.
    Ping,
}
