//! The console's engine without a window: sync, store, vault and transport behind one command list.
//!
//! [`Console`] is the host of the command list in [`api`]: the window and `deskbell-headless` both talk to it and to
//! nothing below it.

pub mod api;
pub mod bindings;
pub mod headless;
pub mod telemetry;

mod address;
mod changes;
mod console;
mod driver;
mod files;
mod limits;
mod session;
mod storage;
mod transport;
mod view;

pub use address::{AddressError, BackendAddress};
pub use changes::Changes;
pub use console::{Console, KeychainChoice, Options, StartError};
