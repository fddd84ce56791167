use std::time::Duration;

use anyhow::{Context as _, Result};

use crate::limits::KILL_AFTER_MS_MAX;

/// Name of the variable that repeats a run by its seed.
const SEED_VARIABLE: &str = "DESKBELL_TEST_SEED";

/// Chance that can be repeated: SplitMix64.
#[derive(Debug, Clone)]
pub struct Chance(u64);

impl Chance {
    /// Chance for a test, whose seed is printed.
    ///
    /// # Errors
    /// When the seed that was given is no number, or the system has no randomness.
    pub fn of_test(test: &str) -> Result<Self> {
        let seed = match std::env::var(SEED_VARIABLE) {
            Ok(text) => text.parse().context(SEED_VARIABLE)?,
            Err(_) => u64::from_le_bytes(deskbell_seal::random()?),
        };
        eprintln!("{test}: {SEED_VARIABLE}={seed} repeats this run");
        Ok(Self(seed))
    }

    /// A number below `end`.
    pub fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)).checked_rem(end).unwrap_or(0)
    }

    /// How long after its cause something is to be interrupted. Early moments are the likelier ones: most happens
    /// there.
    pub fn moment(&mut self) -> Duration {
        let end = 1 + self.below(KILL_AFTER_MS_MAX);
        Duration::from_millis(self.below(end))
    }
}
