use deskbell_domain::{JobId, TenantId};

/// Why storage or the key store could not do what was asked.
///
/// Texts name engines, codes and ids, never a value that was stored.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StorageError {
    /// The engine is busy, gone, or broke a deadlock. The same transaction may succeed when it is run again.
    #[error("the database is busy or out of reach: {0}")]
    Unavailable(String),
    /// The engine refused a statement: a broken constraint, a full disk, a bug.
    #[error("the database refused: {0}")]
    Refused(String),
    /// A stored value has not the shape that was written. The text names the place.
    #[error("a stored value is not what was written: {0}")]
    Shape(&'static str),
    /// A file or folder could not be used.
    #[error("a file could not be used: {0}")]
    Io(#[from] std::io::Error),
    /// The address of a PostgreSQL database cannot be read. It is not repeated here: it holds a password.
    #[error("not a PostgreSQL address")]
    Address,
    /// The linked SQLite has no SQLCipher: it would write in the clear.
    #[error("SQLCipher is not linked: the file would be written in the clear")]
    NoCipher,
    /// The database was made by a newer version of the program.
    #[error("the database has schema {found}, this program knows {known}: use the newer program")]
    NewerDatabase {
        /// The version found.
        found: i64,
        /// The newest version this program knows.
        known: i64,
    },
    /// The PostgreSQL database has not been migrated.
    #[error("the database has schema {found}, this program needs {known}: run `deskbell-backend migrate`")]
    OlderDatabase {
        /// The version found; 0 when there is none.
        found: i64,
        /// The version this program needs.
        known: i64,
    },
    /// The PostgreSQL role that serves could read across tenants.
    #[error("the role that serves is not safe: {0}")]
    UnsafeRole(String),
    /// One physical backup would cover the data and the keys that make its erasures final.
    #[error("one physical backup covers the data and the key store: give the key store a server of its own")]
    OneBackup,
    /// Another process serves these files.
    #[error("another process serves these files")]
    AlreadyServed,
    /// No tenant has this id.
    #[error("no tenant {0}")]
    UnknownTenant(TenantId),
    /// The transaction holds more changes than a frame may cut.
    #[error("more than {0} changes in one transaction")]
    TooManyChanges(usize),
    /// Another worker holds this job now; what was done for it must not be committed.
    #[error("the lease of job {0} was lost")]
    LeaseLost(JobId),
    /// Webhooks arrive faster than the disk takes them.
    #[error("too many webhooks wait to be stored")]
    ArrivalsFull,
    /// The master key is not the one the key store was made with.
    #[error("the master key does not open this key store")]
    WrongMasterKey,
    /// A master key is 64 hexadecimal digits.
    #[error("not a master key: 64 hexadecimal digits are expected")]
    MasterKeyShape,
    /// The key was destroyed, or never was.
    #[error("the key is gone")]
    KeyGone,
    /// A sealed value does not open at this place with its key: it was moved or changed.
    #[error("a sealed value does not open at {0}")]
    Sealed(&'static str),
    /// The system gave no random bytes.
    #[error("no random bytes")]
    Random,
}

/// What storage answers.
pub type Result<T, E = StorageError> = std::result::Result<T, E>;

impl StorageError {
    /// Whether the same work, begun anew, may succeed.
    pub const fn is_retryable(&self) -> bool {
        matches!(self, Self::Unavailable(_) | Self::ArrivalsFull)
    }
}

/// SQLite's result codes that pass by themselves: busy, locked. Extended codes keep them in the low byte.
const SQLITE_PASSING: [i32; 2] = [5, 6];

/// PostgreSQL's classes and codes that pass by themselves: serialisation, deadlock, lock timeout, shutdown, too many
/// connections, lost connections.
const POSTGRES_PASSING: [&str; 7] = ["40001", "40P01", "55P03", "57P01", "57P02", "57P03", "53300"];

impl From<sqlx::Error> for StorageError {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::Database(database) => {
                // The message of an engine names tables and constraints. Its detail would name values: it is left out.
                let code = database.code().unwrap_or_default().into_owned();
                let text = format!("{code} {}", database.message());
                if passes(&code) { Self::Unavailable(text) } else { Self::Refused(text) }
            }
            sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed
            | sqlx::Error::BeginFailed => Self::Unavailable(error.to_string()),
            sqlx::Error::RowNotFound => Self::Shape("a row that must exist"),
            _ => Self::Refused(error.to_string()),
        }
    }
}

fn passes(code: &str) -> bool {
    match code.parse::<i32>() {
        Ok(number) if code.len() < 5 => SQLITE_PASSING.contains(&(number & 0xff)),
        _ => code.starts_with("08") || POSTGRES_PASSING.contains(&code),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_passes_by_itself_is_told_from_what_does_not() {
        for code in ["5", "261", "517", "6", "40001", "40P01", "08006", "57P01"] {
            assert!(passes(code), "{code}");
        }
        for code in ["1", "19", "2067", "23505", "42501", "26"] {
            assert!(!passes(code), "{code}");
        }
    }
}
