//! The console's encrypted databases: the cache, which can be dropped, and the outbox, which cannot.
//!
//! [`SealedStore`] keeps the rules of [`deskbell_sync::row`] in SQL; the store in memory is its reference, and one
//! suite runs on both. The two files are SQLCipher under raw random keys. Nobody else on the console's side knows SQL.

mod cache;
mod database;
mod error;
mod ids;
mod limits;
mod outbox;
mod sealed;

pub use error::FileError;
pub use sealed::{Files, SealedStore};
