//! Limits of Meta's platform and of our patience with it, each with its unit and its reason.

use std::time::Duration;

/// Largest webhook body, in bytes: Meta sends up to 3 MB.
pub const WEBHOOK_BYTES_MAX: usize = 3 * 1024 * 1024;

/// Largest JSON answer read from the Graph API, in bytes. The answers of this crate's calls have some hundred.
pub const ANSWER_BYTES_MAX: usize = 1024 * 1024;

/// Largest medium WhatsApp lets a customer send, in bytes.
pub const MEDIA_BYTES_MAX: usize = 100 * 1024 * 1024;

/// How long connecting may take. Nothing was sent when this ends.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a whole call may take. Meta answers a send in about a second; past this the outcome counts as unknown.
pub const CALL_TIMEOUT: Duration = Duration::from_secs(20);

/// How long a download may take: the largest medium at some 7 Mbit/s.
pub const MEDIA_TIMEOUT: Duration = Duration::from_secs(120);

/// Base of the wait after Meta's pair limit, in seconds: Meta asks for `4^X`, with X counted from 0.
pub const PAIR_RETRY_BASE_S: u64 = 4;

/// Largest X in the wait after Meta's pair limit: 4^6 seconds are over an hour, and longer waits help nobody.
pub const PAIR_RETRY_EXPONENT_MAX: u32 = 6;

/// How long to wait while Meta moves a number to a higher throughput: it says "up to a minute".
pub const MAINTENANCE_WAIT: Duration = Duration::from_secs(60);

/// Graph API version used where the configuration names none.
pub const GRAPH_VERSION: &str = "v26.0";

/// Address of the Graph API where the configuration names none.
pub const GRAPH_BASE_URL: &str = "https://graph.facebook.com";

/// Domains that Meta serves WhatsApp media from. A download carries the access token, so no other host may see it.
pub const MEDIA_DOMAINS: [&str; 2] = ["fbsbx.com", "fbcdn.net"];
