//! Meta's platform as contracts: signed webhooks, signed requests and the Graph API.
//!
//! The crate speaks Meta's words and knows nothing of tenants, storage or conversations. What it reads is kept as it
//! came wherever this version does not know it, because Meta adds types and fields without notice and sends nothing
//! twice once it was acknowledged.

pub mod decode;
pub mod graph;
pub mod limits;
pub mod signature;
pub mod signed_request;
pub mod webhook;
