//! The Graph API: sending, read marks, media and phone numbers.
//!
//! A send has no idempotency key at Meta. So the client tells apart what was certainly not sent, what Meta refused,
//! and what may have been sent although no answer came; only the caller, with its durable record, can decide what to
//! do about the last.

mod client;
mod error;
mod media;
mod message;
mod number;

pub use client::{Graph, GraphConfig, SetupError};
pub use error::{Action, GraphError, NotSent, Refusal, Uncertain, action, pair_wait};
pub use media::{MediaDigest, MediaInfo};
pub use message::{Accepted, Destination, TextMessage};
pub use number::PhoneNumberInfo;
