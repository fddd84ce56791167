//! Sessions: signing in, renewing, signing out.

pub(super) mod refresh;
pub(super) mod sign_in;
pub(super) mod sign_out;
