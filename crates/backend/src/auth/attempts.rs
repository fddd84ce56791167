//! Limits on attempts to sign in: per e-mail address, per network address, in total. In memory, per process.
//!
//! Each limit is a bucket that empties evenly: an attempt is allowed while fewer than `burst` of them are in it. What
//! is stored of a bucket is the one moment at which it will be empty, so it is forgotten by looking at the clock.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use deskbell_domain::{Sensitive, UtcMs};
use deskbell_seal::{Digest, digest};

use crate::limits::ATTEMPT_KEYS_MAX;

/// `burst` attempts at once; a used-up burst is whole again after `per_ms`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// Attempts at once.
    pub burst: u32,
    /// Milliseconds in which as many are free again.
    pub per_ms: i64,
}

impl Limit {
    const fn interval_ms(self) -> i64 {
        let interval = self.per_ms / if self.burst == 0 { 1 } else { self.burst as i64 };
        if interval < 1 { 1 } else { interval }
    }

    /// When the bucket will be empty after one attempt more, or how long to wait for it.
    fn after_one(self, empty_at: i64, now: i64) -> Result<i64, i64> {
        let next = empty_at.max(now).saturating_add(self.interval_ms());
        let over = next.saturating_sub(now).saturating_sub(self.interval_ms() * i64::from(self.burst));
        if over > 0 { Err(over) } else { Ok(next) }
    }
}

/// The three limits. Success gives its attempt back to the first two, so they count failures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AttemptLimits {
    /// For one e-mail address, known or not: guessing one person's password.
    pub email: Limit,
    /// For one network address (IPv6: its /64): trying many people. An office shares one.
    pub address: Limit,
    /// For all together: trying many people from many places. It also bounds the memory of the other two.
    pub total: Limit,
}

impl Default for AttemptLimits {
    fn default() -> Self {
        const MINUTE_MS: i64 = 60 * 1000;
        Self {
            email: Limit { burst: 10, per_ms: 15 * MINUTE_MS },
            address: Limit { burst: 100, per_ms: 15 * MINUTE_MS },
            total: Limit { burst: 1_200, per_ms: 2 * MINUTE_MS },
        }
    }
}

/// An attempt that was allowed.
#[derive(Debug)]
#[must_use = "an attempt that succeeded is given back"]
pub struct Attempt {
    email: Key,
    address: Key,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Key {
    Email(Digest),
    Address([u8; 8]),
}

/// The attempts of the last minutes.
#[derive(Debug)]
pub struct Attempts {
    limits: AttemptLimits,
    buckets: Mutex<Buckets>,
}

#[derive(Debug, Default)]
struct Buckets {
    total: i64,
    by_key: HashMap<Key, i64>,
}

impl Attempts {
    /// No attempts yet.
    pub fn new(limits: AttemptLimits) -> Self {
        Self { limits, buckets: Mutex::default() }
    }

    /// Counts an attempt.
    ///
    /// # Errors
    /// When a limit is reached: in how many milliseconds there is room. The answer does not say which limit it was,
    /// and is the same whether or not the e-mail address belongs to somebody.
    pub fn take(&self, now: UtcMs, email: &Sensitive<String>, address: IpAddr) -> Result<Attempt, i64> {
        let now = now.as_ms();
        let attempt = Attempt { email: email_key(email), address: address_key(address) };
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let empty_at = |key| buckets.by_key.get(&key).copied().unwrap_or(0);
        let total = self.limits.total.after_one(buckets.total, now)?;
        let by_email = self.limits.email.after_one(empty_at(attempt.email), now)?;
        let by_address = self.limits.address.after_one(empty_at(attempt.address), now)?;
        if buckets.by_key.len() + 2 > ATTEMPT_KEYS_MAX {
            buckets.by_key.retain(|_, empty_at| *empty_at > now);
            if buckets.by_key.len() + 2 > ATTEMPT_KEYS_MAX {
                return Err(self.limits.email.interval_ms());
            }
        }
        buckets.total = total;
        buckets.by_key.insert(attempt.email, by_email);
        buckets.by_key.insert(attempt.address, by_address);
        Ok(attempt)
    }

    /// The attempt succeeded: it counts against neither the person nor the place.
    pub fn give_back(&self, attempt: Attempt) {
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        for (key, limit) in [(attempt.email, self.limits.email), (attempt.address, self.limits.address)] {
            if let Some(empty_at) = buckets.by_key.get_mut(&key) {
                *empty_at = empty_at.saturating_sub(limit.interval_ms());
            }
        }
    }
}

/// One person's ways to write an address are one key.
fn email_key(email: &Sensitive<String>) -> Key {
    Key::Email(digest("sign-in attempt", &[email.expose().trim().to_lowercase().as_bytes()]))
}

/// A provider gives a customer a whole /64 of IPv6, so it counts as one address.
fn address_key(address: IpAddr) -> Key {
    let mut key = [0; 8];
    let octets = address.to_canonical();
    let bytes: &[u8] = match &octets {
        IpAddr::V4(v4) => &v4.octets(),
        IpAddr::V6(v6) => &v6.octets(),
    };
    for (to, from) in key.iter_mut().zip(bytes) {
        *to = *from;
    }
    Key::Address(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOME: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 7));
    const START: UtcMs = UtcMs::from_ms(1_763_785_000_000);

    fn limits() -> AttemptLimits {
        AttemptLimits {
            email: Limit { burst: 2, per_ms: 20_000 },
            address: Limit { burst: 3, per_ms: 30_000 },
            total: Limit { burst: 5, per_ms: 50_000 },
        }
    }

    fn address(last: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, last])
    }

    #[test]
    fn an_e_mail_address_has_its_failures_and_then_waits() {
        let attempts = Attempts::new(limits());
        for from in 1..=2 {
            drop(attempts.take(START, &"ana@example.com".into(), address(from)).unwrap());
        }
        let wait = attempts.take(START, &" Ana@Example.com".into(), address(3)).unwrap_err();
        assert_eq!(wait, 10_000);
        assert!(attempts.take(START.plus_ms(wait), &"ana@example.com".into(), address(3)).is_ok());
    }

    #[test]
    fn a_network_address_has_its_failures_whoever_it_asks_for() {
        let attempts = Attempts::new(limits());
        for person in ["a@x.com", "b@x.com", "c@x.com"] {
            drop(attempts.take(START, &person.into(), HOME).unwrap());
        }
        assert_eq!(attempts.take(START, &"d@x.com".into(), HOME).unwrap_err(), 10_000);
        assert!(attempts.take(START, &"d@x.com".into(), address(9)).is_ok());
    }

    #[test]
    fn all_together_have_a_limit_from_wherever_they_come() {
        let attempts = Attempts::new(limits());
        for n in 1..=5 {
            drop(attempts.take(START, &format!("{n}@x.com").into(), address(n)).unwrap());
        }
        assert!(attempts.take(START, &"6@x.com".into(), address(6)).is_err());
    }

    #[test]
    fn success_gives_the_attempt_back() {
        let attempts = Attempts::new(AttemptLimits { total: Limit { burst: 99, per_ms: 99 }, ..limits() });
        for _ in 0..10 {
            let attempt = attempts.take(START, &"ana@example.com".into(), HOME).unwrap();
            attempts.give_back(attempt);
        }
    }

    #[test]
    fn a_provider_s_customer_cannot_change_the_address_within_its_network() {
        let (one, other): (IpAddr, IpAddr) =
            ("2001:db8:1:2::1".parse().unwrap(), "2001:db8:1:2:ffff::9".parse().unwrap());
        assert_eq!(address_key(one), address_key(other));
        assert_ne!(address_key(one), address_key("2001:db8:1:3::1".parse().unwrap()));
        assert_eq!(address_key("::ffff:192.0.2.7".parse().unwrap()), address_key(HOME));
    }

    #[test]
    fn memory_is_bounded_and_old_keys_make_room() {
        let wide = Limit { burst: 1_000_000, per_ms: 1_000_000 };
        let attempts = Attempts::new(AttemptLimits { total: wide, address: wide, ..limits() });
        let mut refused = 0;
        for n in 0..ATTEMPT_KEYS_MAX {
            refused += usize::from(attempts.take(START, &format!("{n}@x.com").into(), HOME).is_err());
        }
        assert_eq!(attempts.buckets.lock().unwrap().by_key.len() + refused, ATTEMPT_KEYS_MAX + 1);
        assert!(attempts.buckets.lock().unwrap().by_key.len() <= ATTEMPT_KEYS_MAX);
        let later = START.plus_ms(ATTEMPT_KEYS_MAX as i64 + 60_000);
        assert!(attempts.take(later, &"late@x.com".into(), HOME).is_ok());
        assert_eq!(attempts.buckets.lock().unwrap().by_key.len(), 2);
    }
}
