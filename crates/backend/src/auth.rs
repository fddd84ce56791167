//! Sign-in and rights: passwords, limits on attempts, sessions of devices, who calls.

pub mod attempts;
pub mod caller;
pub mod password;
pub mod session;

pub use attempts::{AttemptLimits, Attempts};
pub use caller::Caller;
pub use password::Passwords;
