//! Every wait and size of this tool, with its unit and its reason.

use std::time::Duration;

/// How long a child may take to end by itself before it is killed. PostgreSQL writes a checkpoint when it stops.
pub(crate) const CHILD_GRACE: Duration = Duration::from_secs(8);

/// How often a condition is looked at while waiting for it: short beside anything a person notices.
pub(crate) const POLL: Duration = Duration::from_millis(25);

/// How long a helper program (X server, message bus, keyring, PostgreSQL) may take until it is usable.
/// A cold PostgreSQL on a busy two-core machine takes a few seconds.
pub(crate) const HELPER_READY: Duration = Duration::from_secs(30);

/// How long the practice tenant may take until it says that it is ready: it creates its databases first.
pub(crate) const PRACTICE_READY: Duration = Duration::from_secs(60);

/// How long the window may take until something is painted. Software rendering on a busy machine is slow.
pub(crate) const WINDOW_PAINTED: Duration = Duration::from_secs(60);

/// How far apart two pictures of the screen are taken that must be the same before it counts as painted.
pub(crate) const PICTURE_INTERVAL: Duration = Duration::from_millis(700);

/// Fewer colours than this is an empty screen or a bare window frame; text alone has more by its smoothing.
pub(crate) const PAINTED_COLOURS_MIN: u32 = 24;

/// How many times a PostgreSQL is started on another port when the one just found free was taken meanwhile.
pub(crate) const PORT_ATTEMPTS: u32 = 4;

/// How many lines of a failed command's log are shown: the error, without pages of progress.
pub(crate) const LOG_TAIL_LINES: usize = 60;

/// The longest a source file may be before it holds more than one idea.
pub(crate) const FILE_LINES_MAX: usize = 700;

/// How long the disk is asked to make writes durable: long enough that its own cache does not decide the figure.
pub(crate) const FSYNC_MEASURE: Duration = Duration::from_secs(5);

/// Bytes written before each synchronisation: one database page.
pub(crate) const FSYNC_PAGE_BYTES: usize = 4096;
