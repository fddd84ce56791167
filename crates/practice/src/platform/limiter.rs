use deskbell_domain::UtcMs;

/// A bucket of permits that refills steadily.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bucket {
    permits: f64,
    permits_max: f64,
    per_s: f64,
    filled: UtcMs,
}

impl Bucket {
    /// A full bucket.
    pub(super) fn new(permits_max: f64, per_s: f64, now: UtcMs) -> Self {
        Self { permits: permits_max, permits_max, per_s, filled: now }
    }

    /// Takes a permit, if there is one.
    pub(super) fn take(&mut self, now: UtcMs) -> bool {
        let elapsed_ms = f64::from(u32::try_from(now.since(self.filled).max(0)).unwrap_or(u32::MAX));
        self.permits = (self.permits + elapsed_ms / 1000.0 * self.per_s).min(self.permits_max);
        self.filled = now;
        let one = self.permits >= 1.0;
        if one {
            self.permits -= 1.0;
        }
        one
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::{PAIR_BURST, PAIR_PER_S};

    #[test]
    fn a_pair_may_burst_and_then_waits_six_seconds_for_each_message() {
        let start = UtcMs::from_ms(1_790_000_000_000);
        let mut pair = Bucket::new(PAIR_BURST, PAIR_PER_S, start);
        assert!((0..45).all(|_| pair.take(start)));
        assert!(!pair.take(start));
        assert!(!pair.take(start.plus_ms(5_900)));
        assert!(pair.take(start.plus_ms(6_001)));
        assert!(!pair.take(start.plus_ms(6_002)));
    }

    #[test]
    fn a_clock_that_goes_back_gives_no_permits() {
        let start = UtcMs::from_ms(1_790_000_000_000);
        let mut bucket = Bucket::new(1.0, 1.0, start);
        assert!(bucket.take(start));
        assert!(!bucket.take(start.plus_ms(-5_000)));
    }
}
