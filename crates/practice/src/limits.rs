//! Meta's limits as the platform applies them, and the platform's own, each with its unit and its reason.

use std::time::Duration;

/// How many messages a business number may send to one customer at once: Meta lets it borrow from the future.
pub const PAIR_BURST: f64 = 45.0;

/// How fast the pair limit recovers, in messages a second: one in six seconds.
pub const PAIR_PER_S: f64 = 1.0 / 6.0;

/// How many messages a second a business number may send.
pub const THROUGHPUT_PER_S: f64 = 80.0;

/// Longest text, in characters.
pub const TEXT_CHARS_MAX: usize = 4096;

/// How long the address of a medium lives.
pub const MEDIA_URL_LIFE_MS: i64 = 5 * 60 * 1000;

/// Most updates in one webhook, as Meta promises.
pub const UPDATES_PER_WEBHOOK_MAX: usize = 1000;

/// How long the platform waits for the answer to a webhook.
pub const WEBHOOK_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a webhook is sent again and again: Meta's seven days.
pub const WEBHOOK_RETRY_FOR: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// Longest wait between two attempts of a webhook.
pub const WEBHOOK_RETRY_WAIT_MAX: Duration = Duration::from_secs(60);

/// How long an answer that never comes keeps its connection, at most: longer than any client waits.
pub const SILENCE: Duration = Duration::from_secs(10 * 60);

/// Largest body of a call, in bytes. A message has some thousand.
pub const CALL_BYTES_MAX: usize = 256 * 1024;
