//! Scenarios without a window: the simulated platform, a real backend, real consoles, and lines that break.

mod at_rest;
mod backend_killed;
mod console_killed;
mod graph;
mod headless;
mod outbox;
mod round_trip;
mod sessions;
mod tenants;
mod webhooks;
