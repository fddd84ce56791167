//! How fast messages may go: to one customer, and from one number.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use deskbell_domain::{ChannelAccountId, UtcMs};
use tokio::time::Instant;

use super::limits::{PAIR_BURST, PAIR_INTERVAL_MS};

/// When the next message to a customer may go, after those that went at these times, oldest first.
///
/// Meta allows one in six seconds over time, and bursts that are borrowed from the future. Nothing is stored for it:
/// the thread itself says what went, so a restart or another process cannot forget it.
pub(super) fn pair_free_at(went: &[UtcMs]) -> UtcMs {
    let mut paid_until = i64::MIN;
    for time in went {
        paid_until = paid_until.max(time.as_ms()).saturating_add(PAIR_INTERVAL_MS);
    }
    let borrowed = i64::from(PAIR_BURST.saturating_sub(1)).saturating_mul(PAIR_INTERVAL_MS);
    UtcMs::from_ms(paid_until.saturating_sub(borrowed))
}

/// Spaces the calls that this process makes for each number.
#[derive(Debug)]
pub(super) struct NumberPace {
    interval: Duration,
    free_at: Mutex<HashMap<ChannelAccountId, Instant>>,
}

impl NumberPace {
    pub(super) fn new(per_second: u32) -> Self {
        let interval = Duration::from_secs(1) / per_second.max(1);
        Self { interval, free_at: Mutex::default() }
    }

    /// Takes the number's next place. It may be used from the time that is given back.
    pub(super) fn take(&self, account: ChannelAccountId, now: Instant) -> Instant {
        let mut free_at = self.free_at.lock().unwrap_or_else(PoisonError::into_inner);
        let place = free_at.get(&account).map_or(now, |free| (*free).max(now));
        free_at.insert(account, place + self.interval);
        place
    }

    /// Lets the number rest until `until`, because Meta asked for it.
    pub(super) fn hold(&self, account: ChannelAccountId, until: Instant) {
        let mut free_at = self.free_at.lock().unwrap_or_else(PoisonError::into_inner);
        let free = free_at.entry(account).or_insert(until);
        *free = (*free).max(until);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> UtcMs {
        UtcMs::from_ms(seconds * 1000)
    }

    #[test]
    fn a_burst_of_forty_five_goes_at_once_and_the_next_waits_six_seconds() {
        let burst = vec![at(1000); 45];
        assert!(pair_free_at(&burst[..44]) <= at(1000));
        assert_eq!(pair_free_at(&burst), at(1006));
        assert_eq!(pair_free_at(&vec![at(1000); 47]), at(1018));
    }

    #[test]
    fn what_was_borrowed_is_paid_back_with_time() {
        let mut went = vec![at(1000); 45];
        assert!(pair_free_at(&went) <= at(1006));
        // 270 seconds pay the whole burst back.
        went.extend(vec![at(1270); 45]);
        assert_eq!(pair_free_at(&went), at(1276));
    }

    #[test]
    fn a_customer_who_was_not_written_to_can_be_written_to_now() {
        assert!(pair_free_at(&[]) < at(0));
    }

    #[test]
    fn calls_of_one_number_are_spaced_and_those_of_two_are_not() {
        let pace = NumberPace::new(80);
        let (one, two) = (ChannelAccountId::from_bytes([1; 16]), ChannelAccountId::from_bytes([2; 16]));
        let now = Instant::now();
        assert_eq!(pace.take(one, now), now);
        assert_eq!(pace.take(one, now), now + Duration::from_micros(12_500));
        assert_eq!(pace.take(two, now), now);
        let rest = now + Duration::from_secs(3);
        pace.hold(one, rest);
        assert_eq!(pace.take(one, now), rest);
    }
}
