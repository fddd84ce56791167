//! Limits of ingest, each with its unit and its reason.

use std::time::Duration;

/// Webhook bodies taken up together. Their events are grouped into transactions: a commit costs as much as ten events.
pub const BODIES_AT_ONCE: usize = 128;

/// How long a body is held while it is worked on, in milliseconds. A process that died holds it no longer than this.
pub const BODY_LEASE_MS: i64 = 30_000;

/// How long a body waits after a failure that passes by itself, in milliseconds.
pub const BODY_RETRY_MS: i64 = 1_000;

/// Free places in a transaction's change log below which it is committed: one event puts at most some five there.
pub const CHANGES_LEFT_MIN: usize = 50;

/// Tenants worked on side by side. Within one tenant there is one writer anyway.
pub const TENANTS_AT_ONCE: usize = 4;

/// How often work is looked for although nobody called: another process may have taken the call and died.
pub const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Webhook bodies that may wait. Some eight minutes of a flood at a thousand a second, and about a gigabyte; what comes
/// then is asked to come back, and Meta does for seven days.
pub const BACKLOG_BODIES_MAX: i64 = 500_000;

/// How often it is looked how many wait, in milliseconds.
pub const BACKLOG_LOOK_MS: i64 = 1_000;

/// How long an app's secrets are used before they are read again: how long a withdrawn secret stays good.
pub const APP_CACHE_MS: i64 = 5_000;

/// Characters kept of a word that names a type: Meta's are below thirty.
pub const WORD_CHARS_MAX: usize = 64;
