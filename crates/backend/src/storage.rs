//! The only place that knows SQL: two engines, one set of statements, one suite of tests.
//!
//! A tenant's data is reached through a transaction opened *for that tenant* ([`Tenant::begin`], [`Tenant::read`]);
//! there is no other way to get one. On SQLite each tenant is a SQLCipher file of its own; on PostgreSQL tenants share
//! tables behind row security, and a forgotten `WHERE` returns nothing of others. In every statement of a tenant `$1`
//! is the tenant, put there by the transaction and not by its caller.
//!
//! Typed functions stand in a module per noun. They seal what they write and open what they read: content, names,
//! numbers and Meta's ids are [`deskbell_domain::Sensitive`] on this side and envelopes on the other. What changes is
//! recorded for the log by the same functions, and numbered at commit.

pub mod arrivals;
pub mod audit;
pub mod change;
pub mod channel_account;
pub mod command_outcome;
pub mod contact;
pub mod conversation;
mod db;
pub mod device;
pub mod directory;
mod error;
pub mod fresh;
pub mod job;
pub mod keys;
pub mod link;
pub mod message;
pub(crate) mod migrate;
#[cfg(test)]
mod plans;
pub mod postgres;
pub mod queue;
pub mod raw_event;
pub mod read_mark;
mod sealing;
pub(crate) mod session;
pub(crate) mod sqlite;
pub mod staff;
pub(crate) mod statement;
pub mod tenant;
mod token;
mod tx;
pub(crate) mod value;
mod wake;

pub use change::{Change, ChangePage, Entity, EntityKind, LogClock, Op};
pub use db::{DataLocation, Db, NewTenant, OneBackup, Restored, StartReport, Tenant};
pub use error::{Result, StorageError};
pub use statement::Engine;
pub use token::TenantToken;
pub use tx::{Committed, Read, Tx};
