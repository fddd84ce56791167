//! Ids, entities and pure rules: what Deskbell talks about.
//!
//! Nothing here reads a clock, draws randomness or does I/O. Both programs depend on it, so a rule that decides the
//! same question on the desktop and on the backend (is the window open, may this role do that) is written once.

mod clock;
mod conversation;
mod id;
mod limits;
mod message;
mod open;
mod permission;
mod phone;
mod scope;
mod sensitive;
mod window;

pub use clock::{Clock, SystemClock, UtcMs};
pub use conversation::{ConversationStatus, Priority};
pub use id::*;
pub use limits::*;
pub use message::{DeliveryStatus, Direction, FailureCode, MessageKind, Origin};
pub use open::Open;
pub use permission::{Permission, Role};
pub use phone::{PhoneError, PhoneNumber};
pub use scope::{Scope, ScopeError};
pub use sensitive::Sensitive;
pub use window::{ServiceWindow, WindowState};
