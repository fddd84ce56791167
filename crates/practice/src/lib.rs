//! A simulated Meta platform and its fictional customers, over real HTTP on this machine.
//!
//! It is what Deskbell is practised, tested and measured against: a backend that is pointed at it sends and receives
//! exactly as with Meta. The customers are invented from a seed, so that a run can be repeated; their names, numbers
//! and texts are nobody's, which is why they are plain strings here.

mod customer;
mod people;
mod platform;
mod random;
mod script;
mod tenant;

pub mod limits;

pub use customer::{Customer, NotReceived, Received};
pub use people::{Language, Person, people};
pub use platform::{
    BusinessNumber, Call, Deliveries, Fault, Faults, NotSettled, Pace, Platform, PlatformConfig, StartError,
    WebhookPlan,
};
pub use script::{Script, Step};
pub use tenant::{Member, Tenant, TenantError, TenantOptions};
