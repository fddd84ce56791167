use std::sync::{Mutex, PoisonError};

use deskbell_domain::UtcMs;
use deskbell_sync::action::ConnectionState;
use tokio::sync::watch;

use crate::api::{Connection, StatusView, StorageKind, View};
use crate::changes::Announcer;

/// What the status bar shows, kept current by the driver.
pub(crate) struct Status {
    announcer: Announcer,
    storage: StorageKind,
    shown: Mutex<Shown>,
    /// Set once the backend has ended the session.
    ended: watch::Sender<Option<Ended>>,
}

#[derive(Debug, Clone, Copy)]
struct Shown {
    connection: Connection,
    queued: u32,
    refused: u32,
    synced_at: Option<UtcMs>,
}

/// How the backend ended a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    /// For good: what is on this computer is to be destroyed.
    Revoked,
    /// It does not know the session any more: sign in again, the outbox is kept.
    SignInNeeded,
}

impl Status {
    pub(crate) fn new(announcer: Announcer, storage: StorageKind) -> Self {
        let shown = Shown { connection: Connection::Connecting, queued: 0, refused: 0, synced_at: None };
        Self { announcer, storage, shown: Mutex::new(shown), ended: watch::Sender::new(None) }
    }

    pub(crate) const fn announcer(&self) -> &Announcer {
        &self.announcer
    }

    /// How the session ended, as soon as it does.
    pub(crate) fn ended(&self) -> watch::Receiver<Option<Ended>> {
        self.ended.subscribe()
    }

    pub(crate) fn connection(&self, state: ConnectionState) {
        let connection = match state {
            ConnectionState::Connecting => Connection::Connecting,
            ConnectionState::Loading => Connection::Loading,
            ConnectionState::InSync => Connection::InSync,
            ConnectionState::Offline { since } => Connection::Offline { since },
            ConnectionState::UpdateNeeded => Connection::UpdateNeeded,
            ConnectionState::Revoked { unsent, .. } => {
                tracing::warn!(unsent, "the backend ended this device's session");
                self.ended.send_replace(Some(Ended::Revoked));
                Connection::Revoked
            }
            ConnectionState::SignInNeeded => {
                self.ended.send_replace(Some(Ended::SignInNeeded));
                Connection::Revoked
            }
        };
        self.change(|shown| shown.connection = connection);
    }

    pub(crate) fn in_step(&self, now: UtcMs) {
        self.change(|shown| shown.synced_at = Some(now));
    }

    /// The cache was level with the backend when the console last ran; this is the last time it noted.
    pub(crate) fn was_in_step(&self, noted: Option<UtcMs>) {
        self.change(|shown| shown.synced_at = noted);
    }

    pub(crate) fn outbox(&self, waiting: usize, refused: usize) {
        self.change(|shown| {
            shown.queued = u32::try_from(waiting).unwrap_or(u32::MAX);
            shown.refused = u32::try_from(refused).unwrap_or(u32::MAX);
        });
    }

    pub(crate) fn view(&self) -> StatusView {
        let shown = *self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        StatusView {
            connection: shown.connection,
            queued: shown.queued,
            refused: shown.refused,
            storage: self.storage,
            synced_at: shown.synced_at,
            version: env!("CARGO_PKG_VERSION"),
        }
    }

    fn change(&self, change: impl FnOnce(&mut Shown)) {
        change(&mut self.shown.lock().unwrap_or_else(PoisonError::into_inner));
        self.announcer.changed([View::Status]);
    }
}
