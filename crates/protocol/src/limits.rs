//! Limits of the wire, each with its unit and its reason.

/// Items in one answer to a pull: enough to fill a round trip, little enough to apply within one frame.
pub const PULL_ITEMS_MAX: usize = 500;

/// Bytes of items in one answer to a pull. An item is never split, so one larger item travels alone.
pub const PULL_BYTES_MAX: usize = 256 * 1024;

/// Bytes of a frame on the socket. What is larger is announced by its head, and pulled.
pub const FRAME_BYTES_MAX: usize = 64 * 1024;

/// Messages that come with a conversation when it enters a device's view: a screenful.
pub const NEWEST_MESSAGES: usize = 20;

/// Messages in one page of history.
pub const HISTORY_MESSAGES_MAX: usize = 100;

/// Conversations in one page of a snapshot: with 20 messages each, near the bytes of a pull.
pub const SNAPSHOT_CONVERSATIONS_MAX: usize = 25;

/// Commands in one request.
pub const COMMANDS_MAX: usize = 50;

/// Changes a single transaction may put into the log. A frame is never cut inside a transaction.
pub const TRANSACTION_CHANGES_MAX: usize = 500;

/// Bytes of a request body, other than a webhook: the commands of a request with the longest texts, with room.
pub const REQUEST_BYTES_MAX: usize = 2 * 1024 * 1024;

/// Milliseconds between pings on the socket, in both directions' interest: proxies drop idle connections after 60 s.
pub const PING_MS: u64 = 20_000;

/// Milliseconds of silence after which a socket is dead.
pub const DEAD_MS: u64 = 60_000;

/// Milliseconds an access token lives.
pub const ACCESS_TOKEN_MS: i64 = 15 * 60 * 1000;

/// Milliseconds within which the same refresh, asked again, gets the same answer.
pub const REFRESH_REPEAT_MS: i64 = 60 * 1000;
