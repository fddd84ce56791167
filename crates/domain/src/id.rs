use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::UtcMs;

/// A text that is no id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an id: a UUID is expected")]
pub struct IdError;

/// An id whose kind stands beside it, as in the log and on the wire.
pub trait Entity: Copy {
    /// The id without its kind.
    fn entity(self) -> EntityId;

    /// The id of this kind. The caller has looked at the kind.
    fn of(id: EntityId) -> Self;
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            /// A new UUIDv7: ordered by `now`, told apart by `random` (74 of its bits are used).
            pub fn new(now: UtcMs, random: [u8; 10]) -> Self {
                let ms = u64::try_from(now.as_ms()).unwrap_or(0);
                Self(uuid::Builder::from_unix_timestamp_millis(ms, &random).into_uuid())
            }

            /// The id with these 16 bytes.
            pub const fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(Uuid::from_bytes(bytes))
            }

            /// The 16 bytes, as they are stored.
            pub const fn as_bytes(&self) -> &[u8; 16] {
                self.0.as_bytes()
            }

            /// The id held by a stored byte string.
            ///
            /// # Errors
            /// When it is not 16 bytes long.
            pub fn from_slice(bytes: &[u8]) -> Result<Self, IdError> {
                Uuid::from_slice(bytes).map(Self).map_err(|_| IdError)
            }
        }

        impl Entity for $name {
            fn entity(self) -> EntityId {
                EntityId(self.0)
            }

            fn of(id: EntityId) -> Self {
                Self(id.0)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                Uuid::try_parse(text).map(Self).map_err(|_| IdError)
            }
        }
    )+};
}

ids! {
    /// Any entity of the log; its kind stands beside it.
    EntityId,
    /// A business that runs Deskbell: the border of all data, and the unit of ordering.
    TenantId,
    /// A member of the tenant's staff.
    UserId,
    /// One installation of the console, signed in as one user.
    DeviceId,
    /// A department that conversations are routed to.
    QueueId,
    /// A person who writes to the tenant.
    ContactId,
    /// The thread between a contact and one channel account.
    ConversationId,
    /// One message or note of a conversation.
    MessageId,
    /// A file that belongs to a message.
    AttachmentId,
    /// A connected number, page or account of a Meta platform.
    ChannelAccountId,
    /// An act of a user, made on a device: its idempotency key.
    CommandId,
    /// A unit of durable work on the backend.
    JobId,
    /// A data key in the key store.
    KeyId,
    /// One erasure, as devices acknowledge it.
    ErasureId,
    /// One lineage of a tenant's log; a restored copy starts another.
    EpochId,
    /// A line of the audit log.
    AuditId,
    /// A webhook body, from its arrival to the last event split from it.
    WebhookId,
    /// One attempt to renew a session, so that a lost answer can be asked for again.
    RefreshId,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_made_later_sort_later() {
        let early = MessageId::new(UtcMs::from_ms(1_000), [0xff; 10]);
        let late = MessageId::new(UtcMs::from_ms(1_001), [0; 10]);
        assert!(early < late);
    }

    #[test]
    fn an_id_survives_text_and_bytes() {
        let id = UserId::new(UtcMs::from_ms(1_763_785_000_000), [7; 10]);
        assert_eq!(id.to_string().parse(), Ok(id));
        assert_eq!(UserId::from_slice(id.as_bytes()), Ok(id));
        assert_eq!(UserId::from_slice(&[1, 2]), Err(IdError));
        assert_eq!("nonsense".parse::<UserId>(), Err(IdError));
    }
}
