//! WhatsApp in: from a signed webhook to messages in threads.
//!
//! Two halves. The [`Gate`] checks a body and stores it sealed, so that it can answer at once and truthfully; the
//! processor takes stored bodies apart, event by event, into each tenant's own transactions. Between the two a
//! process may die: a body is there until all its events are in, and an event that comes twice does nothing.

mod apply;
mod content;
mod gate;
pub mod limits;
mod person;
mod processor;
mod route;

pub use gate::{Delivery, Gate, Refused};
pub(crate) use processor::Processor;
