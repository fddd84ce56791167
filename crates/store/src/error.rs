use deskbell_sync::StoreError;
use sqlx::Error;

/// Why a file could not be opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FileError {
    /// SQLCipher is not linked: the key would have been ignored without a word, and the file in the clear.
    #[error("SQLCipher is not linked: the file would not be encrypted")]
    NotEncrypted,
    /// The file is not of this key, or no database any more.
    #[error("the file cannot be read with its key")]
    WrongKey,
    /// The outbox was written by a newer version.
    #[error("the file was written by a newer version")]
    Newer,
    /// The disk is full or refuses to be written to, or another program holds the file.
    #[error("the file cannot be opened or written")]
    Unusable,
}

/// SQLite's primary result codes that somebody decides by.
mod code {
    pub(super) const ERROR: u32 = 1;
    pub(super) const CORRUPT: u32 = 11;
    pub(super) const TOO_BIG: u32 = 18;
    pub(super) const CONSTRAINT: u32 = 19;
    pub(super) const MISMATCH: u32 = 20;
    pub(super) const NOT_A_DATABASE: u32 = 26;
}

/// SQLite's primary result code, where the database gave one.
fn primary_code(error: &Error) -> Option<u32> {
    // The extended code carries the primary one in its low byte.
    error.as_database_error()?.code()?.parse::<u32>().ok().map(|code| code & 0xff)
}

impl From<Error> for FileError {
    fn from(error: Error) -> Self {
        let code = primary_code(&error);
        tracing::debug!(code, "a database file cannot be opened");
        match code {
            Some(code::ERROR | code::CORRUPT | code::NOT_A_DATABASE) => Self::WrongKey,
            _ => Self::Unusable,
        }
    }
}

/// Which of the two files failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Cache,
    Outbox,
}

/// What a failed statement means to the engine. Only the result code is logged: a message may quote a row.
pub(crate) fn store_error(side: Side, error: &Error) -> StoreError {
    let damaged = match side {
        Side::Cache => StoreError::CacheDamaged,
        Side::Outbox => StoreError::OutboxDamaged,
    };
    let code = primary_code(error);
    let meaning = match (error, code) {
        (Error::PoolClosed, _) => StoreError::Closed,
        (Error::ColumnDecode { .. } | Error::Decode(_) | Error::RowNotFound, _) => damaged,
        // The statements are constant and each is tested: one that SQLite does not understand has met a schema that is
        // not ours.
        (_, Some(code::ERROR | code::CORRUPT | code::NOT_A_DATABASE)) => damaged,
        (_, Some(code::TOO_BIG | code::CONSTRAINT | code::MISMATCH)) => StoreError::Conflict,
        _ => StoreError::Disk,
    };
    if meaning != StoreError::Closed {
        tracing::warn!(?side, code, %meaning, "a database file failed");
    }
    meaning
}
