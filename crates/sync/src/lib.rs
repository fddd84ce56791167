//! The sync engine as a state machine: events in, actions out. No I/O, no async, no clock and no randomness of its
//! own.
//!
//! [`Engine`] decides, a host carries out, and a [`Store`] remembers. One action is one durable step, and the state
//! of an engine is rebuilt from its store: a crash between any two actions loses nothing and doubles nothing.
//!
//! - [`store`]: what is remembered: [`StoreStep`]s, and what [`Store::restore`] gives back;
//! - [`view`]: what screens read: the cache with the pending commands laid over it;
//! - [`overlay`], [`row`]: the pure rules both stores share;
//! - [`memory`]: a store in memory, for tests, simulation, and computers without a keychain.
//!
//! Invariants: the engine's picture of the store changes when a step is reported done, never before. The optimistic
//! effect of a command is never stored in the cache. A cursor is stored with the rows it stands for, or not at all.

pub mod action;
pub mod engine;
pub mod event;
pub mod limits;
pub mod memory;
pub mod overlay;
pub mod random;
pub mod row;
pub mod store;
pub mod view;

pub use action::{Action, Alarm, Changed, ConnectionState, Report, Request, RequestId, StepId};
pub use engine::Engine;
pub use event::{Answer, EnqueueError, Event, Failure, FailureKind, NewCommand};
pub use memory::MemoryStore;
pub use store::{
    Applied, CommandState, OutboxItem, Outcomes, Position, Restored, SnapshotProgress, Store, StoreError,
    StoreStep,
};
pub use view::Views;
