//! The tenant backend: storage, keys, ingest, sending, sync, sign-in.

pub mod auth;
pub mod cli;
mod commands;
pub mod config;
pub mod embed;
pub mod http;
pub mod ingest;
pub mod limits;
pub mod outgoing;
pub mod problem;
pub mod serve;
pub mod setup;
pub mod storage;
mod sync;
pub mod telemetry;
pub mod worker;

pub use storage::keys;
