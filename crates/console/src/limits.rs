//! Limits of the console, each with its unit and its reason.

use std::time::Duration;

/// How long a connection to the backend may take to come about: longer, and the user is told it is not reachable.
pub(crate) const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a request may take in all. A page of a snapshot over a slow line is the longest.
pub(crate) const REQUEST_TIMEOUT: Duration = Duration::from_secs(60);

/// Largest answer that is read, in bytes: a page of a snapshot is a quarter of a MiB, and one message may be large.
pub(crate) const ANSWER_BYTES_MAX: usize = 8 * 1024 * 1024;

/// Largest message on the socket, in bytes: frames are 64 KiB at most, with room for their envelope.
pub(crate) const SOCKET_BYTES_MAX: usize = 256 * 1024;

/// Events that wait for the engine. A reader of the socket that finds it full waits, and so does the backend.
pub(crate) const EVENTS_WAITING_MAX: usize = 256;

/// Changes of views that wait for a slow window. Beyond, it is told to read everything again.
pub(crate) const CHANGES_WAITING_MAX: usize = 256;

/// Rows in one answer of the list.
pub(crate) const LIST_ROWS_MAX: u32 = 200;

/// Messages in one answer of a thread.
pub(crate) const THREAD_MESSAGES_MAX: u32 = 500;

/// Messages in one answer of older ones.
pub(crate) const OLDER_MESSAGES_MAX: u32 = 200;

/// Characters of a row's preview: more than the widest list shows.
pub(crate) const PREVIEW_CHARS_MAX: usize = 160;

/// How long signing out waits for unsent commands and for the backend's answer.
pub(crate) const SIGN_OUT_TIMEOUT: Duration = Duration::from_secs(10);

/// Longest line that `deskbell-headless` reads, in bytes: the longest text with every character escaped is a tenth.
pub(crate) const LINE_BYTES_MAX: usize = 1024 * 1024;

/// Lines of `deskbell-headless` that wait to be read or written. Beyond, the other side waits.
pub(crate) const LINES_WAITING_MAX: usize = 256;

/// Requests that wait for one console of `deskbell-headless`. Beyond, the input is not read.
pub(crate) const REQUESTS_WAITING_MAX: usize = 64;
