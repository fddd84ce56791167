//! The one protocol number.
//!
//! History:
//! 1. Sessions, hello, changes, snapshot, history pages, commands, socket.

use serde::{Deserialize, Serialize};

/// The newest protocol this build speaks.
pub const PROTOCOL_MAX: u32 = 1;

/// The oldest protocol this build speaks. `hello`, `erase`, `revoke` and `receipt` are spoken in every version.
pub const PROTOCOL_MIN: u32 = 1;

/// The protocols a program speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProtocolRange {
    /// The oldest.
    pub min: u32,
    /// The newest.
    pub max: u32,
}

impl ProtocolRange {
    /// What this build speaks.
    pub const OURS: Self = Self { min: PROTOCOL_MIN, max: PROTOCOL_MAX };

    /// The newest protocol both speak.
    pub fn common(self, other: Self) -> Option<u32> {
        let newest = self.max.min(other.max);
        (newest >= self.min.max(other.min)).then_some(newest)
    }
}

#[cfg(test)]
mod tests {
    use super::ProtocolRange;

    #[test]
    fn two_programs_speak_the_newest_protocol_both_know() {
        let range = |min, max| ProtocolRange { min, max };
        assert_eq!(range(1, 4).common(range(3, 9)), Some(4));
        assert_eq!(range(3, 9).common(range(1, 4)), Some(4));
        assert_eq!(range(1, 2).common(range(3, 9)), None);
    }
}
