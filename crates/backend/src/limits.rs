//! The backend's limits, each with its unit and its reason.

use std::time::Duration;

/// Most changes in one transaction. A frame or page is cut only between transactions and holds 500 items.
pub const CHANGES_PER_TX_MAX: usize = 500;

/// Fewest changes a page of the log may ask for: a whole transaction has to fit.
pub const CHANGE_PAGE_MIN: i64 = 500;

/// Sequence numbers promised to the key store at a time. The data may never be behind a promise, so a restored copy
/// is noticed when it lies more than a step back.
pub const SEQ_STEP: i64 = 1_000;

/// Connections that read one SQLite file side by side. Readers do not wait for the writer.
pub(crate) const SQLITE_READERS: u32 = 4;

/// How long a SQLite connection waits for another process's lock, such as a backup's.
pub(crate) const SQLITE_BUSY: Duration = Duration::from_secs(5);

/// How long a transaction waits for a connection. Longer means overload, which is answered, not queued.
pub(crate) const ACQUIRE_WAIT: Duration = Duration::from_secs(30);

/// Page cache of a SQLite connection, in KiB.
pub(crate) const SQLITE_CACHE_KIB: u32 = 16_000;

/// Prepared statements kept per connection. Lists are padded to few lengths, so that this is enough.
pub(crate) const STATEMENTS_CACHED: usize = 400;

/// Connections of one process to PostgreSQL. With two cores a process cannot use more.
pub(crate) const POSTGRES_CONNECTIONS: u32 = 16;

/// Most list elements or rows in one statement. SQLite takes 32,766 parameters, PostgreSQL 65,535.
pub(crate) const STATEMENT_LIST_MAX: usize = 256;

/// How long a key may be used after it was read, so that a destroyed key dies in every process.
pub const KEY_CACHE: Duration = Duration::from_secs(60);

/// Keys kept in memory at a time; beyond it the cache starts anew.
pub(crate) const KEYS_CACHED_MAX: usize = 20_000;

/// Contact keys committed in one go. A webhook of new customers then costs one commit of the key store for many.
pub(crate) const CONTACT_KEYS_AHEAD: usize = 32;

/// Life of an ingest key, in milliseconds: what could not be processed by then is noise, and Meta stops retrying.
pub const INGEST_KEY_MS: i64 = 7 * DAY_MS;

/// One day in milliseconds.
pub const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// Longest webhook body, in bytes. Meta's own limit.
pub const WEBHOOK_BYTES_MAX: usize = 3 * 1024 * 1024;

/// Webhook bodies that may wait to be stored, in KiB. Beyond it the sender is asked to come back.
pub(crate) const ARRIVALS_WAITING_KIB: usize = 64 * 1024;

/// Most bodies stored in one commit.
pub(crate) const ARRIVALS_PER_COMMIT: usize = 512;

/// Most bytes stored in one commit; a body more may come on top.
pub(crate) const ARRIVALS_COMMIT_BYTES: usize = 8 * 1024 * 1024;

/// Least time between two notices to other processes: on PostgreSQL each costs every listener a wake-up.
pub(crate) const NOTIFY_EVERY: Duration = Duration::from_millis(10);

/// How often the log's head is asked for, in case a notice was lost.
pub(crate) const POLL_EVERY: Duration = Duration::from_secs(1);

/// Life of a command's stored outcome, in milliseconds: a device that was offline longer takes a snapshot anyway.
pub const COMMAND_OUTCOME_MS: i64 = 30 * DAY_MS;

/// How long a spent refresh token may be presented again with the same request id, in milliseconds: its answer was
/// lost on the way.
pub const REFRESH_REPEAT_MS: i64 = 60 * 1000;

/// How long spent refresh tokens are remembered, in milliseconds, so that a stolen one is recognised.
pub const REFRESH_MEMORY_MS: i64 = 90 * DAY_MS;

/// Longest life of an invitation or reset link, in milliseconds.
pub const LINK_MS: i64 = DAY_MS;

/// First pause before a failed job is tried again, in milliseconds; it doubles from try to try.
pub const JOB_BACKOFF_FIRST_MS: i64 = 2_000;

/// Longest pause before a failed job is tried again, in milliseconds.
pub const JOB_BACKOFF_MAX_MS: i64 = 60 * 60 * 1000;

/// Messages that come with a conversation when it enters a view; older ones come on demand.
pub const NEWEST_MESSAGES: i64 = 20;

// ---- http, auth, sync, commands ----

/// Bytes of a request that carries names, passwords or tokens only.
pub const SESSION_BYTES_MAX: usize = 16 * 1024;

/// How long a request may take, its body included. A pull takes milliseconds; what takes this long is stuck.
pub const REQUEST_TIME: Duration = Duration::from_secs(30);

/// How long a connection may wait for the next request's head. Clients keep idle connections for at most 90 s, and it
/// has to be they who close them: otherwise a request may meet a connection that is being closed.
pub const HEAD_TIME: Duration = Duration::from_secs(100);

/// Connections at a time: two thousand consoles with a socket and a request each, and webhooks beside them.
pub const CONNECTIONS_MAX: usize = 8_192;

/// How long open requests and sockets have to end when the backend stops.
pub const STOP_TIME: Duration = Duration::from_secs(10);

/// Passwords hashed at a time: each takes 19 MiB and a core for tens of milliseconds.
pub const PASSWORDS_AT_ONCE: usize = 2;

/// How long a sign-in waits for its turn to be hashed before the answer is "busy".
pub const PASSWORD_WAIT: Duration = Duration::from_secs(1);

/// Memory of one password hash in KiB, and passes over it: OWASP's first recommendation for Argon2id.
pub(crate) const PASSWORD_KIB: u32 = 19 * 1024;
pub(crate) const PASSWORD_PASSES: u32 = 2;

/// Fewest characters of a new password: NIST asks for 8, and for 15 without a second factor; this lies between.
pub const PASSWORD_CHARS_MIN: usize = 12;

/// Longest password, in bytes: a passphrase of any language, and no work for nothing.
pub const PASSWORD_BYTES_MAX: usize = 1024;

/// Longest e-mail address, in bytes (RFC 5321).
pub const EMAIL_BYTES_MAX: usize = 254;

/// Longest name of a device, in bytes: a computer's name.
pub const DEVICE_NAME_BYTES_MAX: usize = 255;

/// Keys of attempts remembered at a time. The limit in total keeps them far below it.
pub(crate) const ATTEMPT_KEYS_MAX: usize = 10_000;

/// How long a console's cache may be shown without contact, in milliseconds: a long weekend.
pub const LEASE_MS: i64 = 72 * 60 * 60 * 1000;

/// How long the first message of a socket may take.
pub(crate) const SOCKET_HELLO_TIME: Duration = Duration::from_secs(10);

/// Bytes of a message from the console on the socket: hello, pong, a receipt.
pub(crate) const SOCKET_MESSAGE_BYTES_MAX: usize = 16 * 1024;

/// Frames that wait for a slow socket. Beyond it the console is told to pull.
pub(crate) const SOCKET_QUEUE_FRAMES_MAX: usize = 256;

/// Bytes that wait for a slow socket. Beyond it the console is told to pull.
pub(crate) const SOCKET_QUEUE_BYTES_MAX: usize = 1024 * 1024;

/// Messages that a snapshot brings with a resolved conversation: the one that a list shows.
pub(crate) const NEWEST_OF_RESOLVED: i64 = 1;

/// Milliseconds after which a command that met a busy database is to be sent again.
pub(crate) const COMMAND_RETRY_MS: i64 = 1_000;

/// Milliseconds after which a request that met a busy backend is to be sent again.
pub(crate) const BUSY_RETRY_MS: i64 = 1_000;

/// How often a transaction that met a busy engine is begun anew before the client is told to come back.
pub(crate) const TRANSACTION_TRIES: usize = 4;

/// Changes that a device does not see, of which its socket is not told before the next ping: without an end, each
/// look at the log would read them all again.
pub(crate) const QUIET_CHANGES_MAX: u64 = 1_000;
