//! WhatsApp out: from a durable job to one message at the customer.
//!
//! Meta knows no idempotency key, so the order of records decides. Before the call the job says durably that the call
//! is made; after it, outcome and job end in one transaction. Whoever finds a job that says "calling" and has no
//! outcome cannot know what Meta did: the message becomes uncertain, and only a status resolves it. It is never sent
//! again by itself.

mod checkpoint;
mod failure;
pub mod job;
pub mod limits;
mod pace;
mod plan;
mod runner;
mod sender;

pub use checkpoint::{Checkpoint, Step};
pub use failure::failure_code;
pub(crate) use runner::Runner;
pub(crate) use sender::{SendCounts, Sender};
