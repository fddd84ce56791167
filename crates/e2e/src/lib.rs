//! What the scenario tests of `tests/` stand on: the simulated platform, a real backend, consoles, and lines between
//! them that can be broken. Everything talks over real HTTP on this machine.
#![allow(
    clippy::print_stderr,
    reason = "a test tells the person who runs it what it leaves out, and its seeds"
)]

mod canary;
mod chance;
mod desk;
mod engine;
mod program;
mod proxy;
mod system;
mod wait;
mod wire;

pub mod limits;

pub use canary::{Canary, Found, found_in_files, found_in_text};
pub use chance::Chance;
pub use desk::Desk;
pub use engine::Engine;
pub use program::{BackendProcess, Headless, HeadlessOptions};
pub use proxy::Proxy;
pub use system::{Agent, Options, Tenant, TestSystem};
pub use wait::until;
pub use wire::Wire;

/// Whether the tests run in a session with a keychain of its own. Says so where they do not.
pub fn has_keychain(test: &str) -> bool {
    let has = std::env::var("DESKBELL_TEST_KEYCHAIN").is_ok_and(|value| value == "1");
    if !has {
        eprintln!("{test}: skipped, because there is no keychain for tests (DESKBELL_TEST_KEYCHAIN=1)");
    }
    has
}
