//! The log, over HTTP and on the socket.

pub(super) mod changes;
pub(super) mod hello;
pub(super) mod history;
pub(super) mod live;
pub(super) mod snapshot;
