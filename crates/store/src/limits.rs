//! Limits of the store, each with its unit and its reason.

use sqlx::sqlite::SqliteSynchronous;

use crate::database::Purpose;

/// Connections that read beside the writer: the list, a thread and the status at once.
pub(crate) const READERS: u32 = 3;

/// Milliseconds a connection waits for another. Writes are short; longer than this means another program.
pub(crate) const BUSY_MS: u64 = 5_000;

/// Bytes the log of a file keeps on the disk once it is written back. A snapshot may have made it far larger.
pub(crate) const LOG_BYTES_KEPT: u32 = 10 * 1024 * 1024;

/// Roots looked at in one go when scopes change. All of them at once would hold every body in memory.
pub(crate) const ROOTS_AT_ONCE: i64 = 500;

/// The cache: read all day, and made anew when lost, so a commit need not reach the disk at once.
pub(crate) const CACHE: Purpose = Purpose {
    writer_cache_kib: 8 * 1024,
    reader_cache_kib: 4 * 1024,
    synchronous: SqliteSynchronous::Normal,
};

/// The outbox: small, and what a person typed is on the disk before they are told so.
pub(crate) const OUTBOX: Purpose =
    Purpose { writer_cache_kib: 1024, reader_cache_kib: 512, synchronous: SqliteSynchronous::Full };
