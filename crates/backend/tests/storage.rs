//! The storage suite: every test runs on SQLite, and on PostgreSQL where `DESKBELL_TEST_PG_URL` names a superuser of a
//! throwaway server.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "the whole program is a test"
)]

#[path = "storage/harness.rs"]
mod harness;

#[path = "storage/arrivals.rs"]
mod arrivals;
#[path = "storage/contacts.rs"]
mod contacts;
#[path = "storage/directory.rs"]
mod directory;
#[path = "storage/jobs.rs"]
mod jobs;
#[path = "storage/keys.rs"]
mod keys;
#[path = "storage/log.rs"]
mod log;
#[path = "storage/messages.rs"]
mod messages;
#[path = "storage/restore.rs"]
mod restore;
#[path = "storage/sealing.rs"]
mod sealing;
#[path = "storage/sessions.rs"]
mod sessions;
#[path = "storage/tenants.rs"]
mod tenants;
