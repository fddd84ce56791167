//! Limits of sending, each with its unit and its reason.

use std::time::Duration;

/// Messages per second and number: what Meta allows a number that was not raised.
pub const MESSAGES_PER_SECOND: u32 = 80;

/// Messages on their way to Meta at a time. At half a second a call this is near what one number may send.
pub const SENDS_AT_ONCE: usize = 32;

/// Time between two messages to one customer, in milliseconds, as Meta allows it over time.
pub const PAIR_INTERVAL_MS: i64 = 6_000;

/// Messages that may go to one customer at once, borrowed from the future.
pub const PAIR_BURST: u32 = 45;

/// Earlier messages looked at to pace a pair: more than a burst, so that the debt of a longer queue is seen.
pub const PAIR_LOOK_BACK: usize = 200;

/// How long a message is held by the process that sends it, in milliseconds: a call, which ends after 20 s, with room
/// for the record of its outcome.
pub const SEND_LEASE_MS: i64 = 40_000;

/// How long a message waits while its account is paused, before it looks again, in milliseconds.
pub const PAUSED_WAIT_MS: i64 = 30_000;

/// How long a message may wait for what passes by itself, in milliseconds. After that an answer to the customer is no
/// answer any more, and the agent should decide.
pub const PATIENCE_MS: i64 = 60 * 60 * 1000;

/// Longest wait after a failure that passes by itself, in milliseconds.
pub const BACKOFF_MAX_MS: i64 = 5 * 60 * 1000;

/// How long stopping waits for calls that are on their way. A call ends after 20 s.
pub const STOP_WAIT: Duration = Duration::from_secs(25);

/// Longest wait for the number's turn with a job in hand; what takes longer is put back.
pub const PLACE_WAIT_MAX: Duration = Duration::from_secs(2);

/// How long a number rests after Meta said that it sends too fast.
pub const NUMBER_REST: Duration = Duration::from_secs(1);

/// How long a number rests after Meta said that its account calls too often, or looks like spam.
pub const ACCOUNT_REST: Duration = Duration::from_secs(30);

/// Tries to record the outcome of a call, while the storage is out of reach.
pub const RECORD_TRIES: u32 = 20;

/// Time between them: together they end before the lease of the job does.
pub const RECORD_PAUSE: Duration = Duration::from_millis(500);
