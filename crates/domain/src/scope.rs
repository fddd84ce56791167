use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{QueueId, UserId};

/// A unit of visibility. A root object has a set of them; a device sees what shares one with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// What all staff of the tenant see.
    Tenant,
    /// What those who work a queue see.
    Queue(QueueId),
    /// What one person sees: assigned to, followed by, mentioned.
    User(UserId),
}

/// A text that is no scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a scope: `tenant`, `queue:ID` or `user:ID` is expected")]
pub struct ScopeError;

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tenant => f.write_str("tenant"),
            Self::Queue(id) => write!(f, "queue:{id}"),
            Self::User(id) => write!(f, "user:{id}"),
        }
    }
}

impl FromStr for Scope {
    type Err = ScopeError;

    fn from_str(text: &str) -> Result<Self, ScopeError> {
        if text == "tenant" {
            return Ok(Self::Tenant);
        }
        match text.split_once(':') {
            Some(("queue", id)) => id.parse().map(Self::Queue).map_err(|_| ScopeError),
            Some(("user", id)) => id.parse().map(Self::User).map_err(|_| ScopeError),
            _ => Err(ScopeError),
        }
    }
}

impl Serialize for Scope {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Scope {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::UtcMs;

    #[test]
    fn a_scope_survives_its_text() {
        let queue = QueueId::new(UtcMs::from_ms(1), [3; 10]);
        for scope in [Scope::Tenant, Scope::Queue(queue), Scope::User(UserId::from_bytes([9; 16]))] {
            assert_eq!(scope.to_string().parse(), Ok(scope));
        }
        assert_eq!("queue:".parse::<Scope>(), Err(ScopeError));
        assert_eq!("tenants".parse::<Scope>(), Err(ScopeError));
    }
}
