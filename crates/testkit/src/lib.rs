//! What tests share: a store's promises, a model of the backend, devices on a simulated network. A dev-dependency only.
//!
//! - [`suite`]: what every [`deskbell_sync::Store`] promises, one test per promise; [`store_suite!`] makes them tests of
//!   a crate;
//! - [`backend`]: the backend as the protocol describes it, in memory, without I/O;
//! - [`world`]: devices, that backend and a bad network between them, from a seed: [`simulate`].

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "test support: a broken assumption ends the test"
)]

pub mod backend;
pub mod fixtures;
pub mod suite;
pub mod world;

pub use world::{Failure, Options, Sabotage, Story, simulate};
