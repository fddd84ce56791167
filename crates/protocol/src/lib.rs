//! What console and backend say to each other. Types only.
//!
//! Every message has a golden file under `tests/golden`, so that a change of the wire is seen as one. Words that a
//! newer version may add travel as [`deskbell_domain::Open`]; unknown fields are ignored.

pub mod command;
pub mod entity;
pub mod limits;
pub mod problem;
pub mod route;
pub mod session;
pub mod socket;
pub mod sync;
pub mod version;
