//! How long scenarios wait, and how much they try, each with its unit and its reason.

use std::time::Duration;

/// How long a condition may take to come true: far longer than it takes on a busy machine, so that only what never
/// happens fails.
pub const WAIT_MAX: Duration = Duration::from_secs(60);

/// How often a condition is looked at.
pub const LOOK_EVERY: Duration = Duration::from_millis(10);

/// How long a call of the simulated Graph API may take before the backend gives it up: the answers that never come
/// should not hold up the tests.
pub const GRAPH_CALL_TIMEOUT: Duration = Duration::from_secs(2);

/// How often a process is killed by a test. Each costs a start, which takes about half a second.
pub const KILLS: u32 = 20;

/// Latest moment of a kill, in milliseconds after what it is to interrupt: a round trip takes about half of it.
pub const KILL_AFTER_MS_MAX: u64 = 150;
