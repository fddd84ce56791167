//! Webhooks: one body from Meta, split into typed events.
//!
//! Meta's bodies are read leniently: as JSON values first, typed afterwards. Fields that its documents call required
//! are absent in practice, several entries, changes and elements come in one body, and new words appear without
//! notice. What is not known is an event too, with its JSON kept. Nothing is dropped and nothing is an error, except
//! a body that is no webhook at all.

mod account;
mod content;
mod event;
mod frame;
pub(crate) mod json;
mod message;
mod person;
mod split;
mod status;
mod template;

pub use account::{
    Account, AccountChange, AccountEvent, BusinessContact, ContactAction, PhoneNumber, PhoneNumberChange,
    Preference, PreferenceValue, Renamed, UserId,
};
pub use content::{
    ContactCard, Content, Edited, Location, Media, Order, OrderItem, Reply, ReplyKind, System, SystemEvent,
};
pub use event::{Event, EventKind, Fault, Kind, Target, Unsupported};
pub use message::{Context, Echo, History, HistoryChunk, HistoryStatus, Message, Referral};
pub use person::Person;
pub use split::{NotAWebhook, split};
pub use status::{Pricing, Recipient, Status, StatusWord};
pub use template::{Template, TemplateChange, TemplateEvent};
