//! Limits of the engine, each with its unit and its reason.

/// Shortest ceiling of the pause before a connection is tried again, in milliseconds. Pauses are drawn between zero
/// and a ceiling that doubles, so that a thousand consoles do not come back in step after a restart of the backend.
pub const RECONNECT_MS_MIN: i64 = 500;

/// Longest ceiling of that pause, in milliseconds: a person waits no longer than this for a network that is back.
pub const RECONNECT_MS_MAX: i64 = 30_000;

/// Milliseconds without contact after which a console counts as having been away: it catches up before anything
/// queued goes out. Shorter than a colleague needs to read and answer.
pub const ABSENCE_MS: i64 = 60_000;

/// Milliseconds a frame may take to follow the answer that promises it. Later it is pulled.
pub const FRAME_GRACE_MS: i64 = 2_000;

/// Milliseconds a request may take before the engine gives it up, in case its host forgets to. Longer than any
/// time-out of a transport.
pub const REQUEST_MS_MAX: i64 = 90_000;

/// Frames of the socket that wait for the store. Beyond, they are dropped and pulled, so that a burst costs bounded
/// memory: 32 frames of 64 KiB are 2 MiB.
pub const FRAMES_WAITING_MAX: usize = 32;

/// Requests with commands in flight. One would let a slow answer hold every lane; more only crowd the backend.
pub const COMMAND_REQUESTS_MAX: usize = 4;

/// Commands that may wait in the outbox. A day of work without network is a few hundred.
pub const OUTBOX_ITEMS_MAX: usize = 10_000;

/// Conversations whose older messages are asked for at the same time. More are refused; the user scrolls one.
pub const HISTORY_REQUESTS_MAX: usize = 8;

/// Milliseconds before a step is tried again that the store refused: time to free some disk, not so much that
/// somebody waits for it.
pub const STEP_RETRY_MS: i64 = 1_000;

/// Milliseconds between two notes of the highest time seen, which shows a clock that was turned back.
pub const TIME_NOTE_MS: i64 = 60_000;

/// Milliseconds between two hellos of a console that is too old for its backend: the frozen core still has to run.
pub const UPDATE_NEEDED_HELLO_MS: i64 = 10 * 60_000;

/// The part of an access token's life after which it is renewed, in percent. The rest is for a slow network.
pub const RENEW_AT_PERCENT: i64 = 75;

/// Milliseconds by which the clock may be earlier than the highest time seen before that counts as turned back: clocks
/// are corrected by seconds, not by minutes.
pub const CLOCK_BACK_MS: i64 = 5 * 60_000;

/// Steps that may wait for the store before the engine stops asking the backend for more.
pub const STEPS_WAITING_MAX: usize = 64;
