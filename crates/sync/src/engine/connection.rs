//! The way to the backend: the socket where it can be had, else polling; pauses between attempts.
//!
//! An attempt opens the socket and says hello on it. Where that fails the hello is said over HTTP: if it is answered,
//! the log is pulled now and the socket tried again after a pause, so that a proxy that eats sockets costs seconds, not
//! the work. If it is not, the backend is out of reach.

use deskbell_domain::UtcMs;
use deskbell_protocol::limits::DEAD_MS;
use deskbell_protocol::problem::ProblemCode;
use deskbell_protocol::socket::ClientMessage;
use deskbell_protocol::sync::HelloRequest;
use deskbell_protocol::version::ProtocolRange;

use super::{Engine, Purpose};
use crate::action::{Action, Request};
use crate::event::{Failure, FailureKind};
use crate::limits::{ABSENCE_MS, RECONNECT_MS_MAX, REQUEST_MS_MAX, UPDATE_NEEDED_HELLO_MS};

/// Where an attempt stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Not started.
    Idle,
    /// Waiting for the next attempt.
    Down { retry_at: UtcMs },
    /// Waiting for an access token.
    Renewing,
    /// The socket is being opened.
    Opening { until: UtcMs },
    /// It is open, and the hello not answered yet.
    Greeting { until: UtcMs },
    /// The socket works.
    Live { since: UtcMs, heard_at: UtcMs },
    /// There is no socket, and the hello over HTTP is not answered yet.
    Asking,
    /// There is no socket, and HTTP works.
    Polling { retry_at: UtcMs },
    /// No protocol is spoken by both; a hello now and then.
    Outdated { retry_at: UtcMs },
}

/// The way to the backend.
#[derive(Debug)]
pub(super) struct Connection {
    stage: Stage,
    /// Whether the host has a socket, or is opening or closing one. Another is asked for when it is gone.
    socket_is_up: bool,
    /// Whether a hello was answered, and nothing was lost since.
    contact: bool,
    last_contact: UtcMs,
    /// Since when there is no contact, if there was none when it was last asked.
    away_since: Option<UtcMs>,
    /// Since when attempts fail.
    offline_since: Option<UtcMs>,
    /// Attempts since the last good connection.
    attempts: u32,
}

impl Connection {
    pub(super) const fn new(now: UtcMs) -> Self {
        Self {
            stage: Stage::Idle,
            socket_is_up: false,
            contact: false,
            last_contact: now,
            // However short the time since the last run was: what happened meanwhile is not known.
            away_since: Some(UtcMs::from_ms(i64::MIN)),
            offline_since: None,
            attempts: 0,
        }
    }

    pub(super) const fn begin(&mut self, now: UtcMs) {
        self.stage = Stage::Down { retry_at: now };
    }

    pub(super) const fn socket_is_gone(&mut self) {
        self.socket_is_up = false;
    }

    /// Ends every attempt. Whether there is a socket to close.
    pub(super) const fn close(&mut self) -> bool {
        self.stage = Stage::Idle;
        self.contact = false;
        self.socket_is_up
    }

    pub(super) const fn offline_since(&self) -> Option<UtcMs> {
        self.offline_since
    }

    pub(super) const fn is_outdated(&self) -> bool {
        matches!(self.stage, Stage::Outdated { .. })
    }

    pub(super) const fn has_contact(&self) -> bool {
        self.contact
    }

    pub(super) const fn heard(&mut self, now: UtcMs) {
        self.last_contact = now;
    }

    /// Whether a message of the socket counts: not when it was given up already.
    pub(super) const fn hears(&mut self, now: UtcMs) -> bool {
        match &mut self.stage {
            Stage::Live { heard_at, .. } => *heard_at = now,
            Stage::Greeting { .. } => {}
            _ => return false,
        }
        self.last_contact = now;
        true
    }

    /// Notes a hello that was answered. Gives how long the console was away, in milliseconds.
    pub(super) fn greeted(&mut self, now: UtcMs) -> i64 {
        self.contact = true;
        self.offline_since = None;
        self.last_contact = now;
        self.away_since.take().map_or(0, |since| now.since(since))
    }

    fn lose_contact(&mut self) {
        if self.contact {
            self.contact = false;
            self.away_since.get_or_insert(self.last_contact);
        }
    }

    pub(super) fn due(&self) -> Option<UtcMs> {
        let dead_ms = i64::try_from(DEAD_MS).unwrap_or(i64::MAX);
        match self.stage {
            Stage::Idle | Stage::Renewing | Stage::Asking => None,
            Stage::Down { retry_at } | Stage::Polling { retry_at } | Stage::Outdated { retry_at } => {
                Some(retry_at)
            }
            Stage::Opening { until } | Stage::Greeting { until } => Some(until),
            Stage::Live { heard_at, .. } => Some(heard_at.plus_ms(dead_ms)),
        }
    }
}

impl Engine {
    /// A computer that slept notices so by its clock, before it believes anything that waited for it.
    pub(super) fn notice_absence(&mut self) {
        if self.connection.contact && self.now.since(self.connection.last_contact) > ABSENCE_MS {
            self.link_lost();
        }
    }

    pub(super) fn begin_connection(&mut self) {
        let is_due = self.connection.due().is_some_and(|due| due <= self.now) && !self.steps.is_clogged();
        match self.connection.stage {
            Stage::Down { .. } | Stage::Polling { .. } if is_due && !self.connection.socket_is_up => {
                self.connect();
            }
            Stage::Opening { .. } | Stage::Greeting { .. } if is_due => {
                self.close_socket();
                self.ask_hello();
                self.connection.stage = Stage::Asking;
            }
            Stage::Live { .. } if is_due => self.link_lost(),
            Stage::Outdated { .. } if is_due => {
                if self.session.is_good(self.now) {
                    self.ask_hello();
                } else {
                    self.renew();
                }
                let retry_at = self.now.plus_ms(UPDATE_NEEDED_HELLO_MS);
                self.connection.stage = Stage::Outdated { retry_at };
            }
            _ => {}
        }
        let is_old = self.session.is_ageing(self.now) || !self.session.is_good(self.now);
        if self.connection.contact && is_old {
            self.renew();
        }
    }

    fn connect(&mut self) {
        if !self.session.is_good(self.now) {
            self.connection.stage = Stage::Renewing;
            return self.renew();
        }
        self.connection.stage = Stage::Opening { until: self.now.plus_ms(REQUEST_MS_MAX) };
        self.connection.socket_is_up = true;
        self.actions.push(Action::OpenSocket);
    }

    fn close_socket(&mut self) {
        if self.connection.socket_is_up {
            self.actions.push(Action::CloseSocket);
        }
    }

    /// After a renewal: rights may have changed with it, so a hello comes before everything else.
    pub(super) fn session_is_good(&mut self) {
        self.connection.lose_contact();
        match self.connection.stage {
            Stage::Idle => {}
            Stage::Renewing | Stage::Down { .. } => {
                self.connection.stage = Stage::Down { retry_at: self.now };
            }
            _ => self.ask_hello(),
        }
    }

    pub(super) fn ask_hello(&mut self) {
        self.requests.give_up(|purpose| *purpose == Purpose::Hello);
        let hello = self.hello_request();
        self.ask(Purpose::Hello, Request::Hello(hello));
    }

    fn hello_request(&self) -> HelloRequest {
        HelloRequest {
            protocol: ProtocolRange::OURS,
            console_version: env!("CARGO_PKG_VERSION").to_owned(),
            cursor: self.log.position.as_ref().map(|position| position.cursor.clone()),
        }
    }

    pub(super) fn network_changed(&mut self) {
        if self.connection.stage == Stage::Idle {
            return;
        }
        self.connection.attempts = 0;
        self.connection.lose_contact();
        self.requests.give_up(|purpose| *purpose == Purpose::Hello);
        self.close_socket();
        self.log.retry_now();
        if self.connection.stage != Stage::Renewing {
            self.connection.stage = Stage::Down { retry_at: self.now };
        }
    }

    pub(super) fn socket_opened(&mut self) {
        if matches!(self.connection.stage, Stage::Opening { .. }) {
            self.connection.stage = Stage::Greeting { until: self.now.plus_ms(REQUEST_MS_MAX) };
            let hello = self.hello_request();
            self.actions.push(Action::Send(ClientMessage::Hello(hello)));
        } else {
            self.close_socket();
        }
    }

    pub(super) fn socket_closed(&mut self) {
        self.connection.socket_is_up = false;
        match self.connection.stage {
            Stage::Opening { .. } | Stage::Greeting { .. } => {
                self.connection.stage = Stage::Asking;
                self.ask_hello();
            }
            Stage::Live { .. } => self.link_lost(),
            _ => {}
        }
    }

    pub(super) fn send_pong(&mut self) {
        self.actions.push(Action::Send(ClientMessage::Pong));
    }

    /// The socket's hello was answered.
    pub(super) fn socket_is_live(&mut self) {
        self.connection.stage = Stage::Live { since: self.now, heard_at: self.now };
    }

    /// The hello over HTTP was answered.
    pub(super) fn http_works(&mut self) {
        match self.connection.stage {
            Stage::Asking => {
                let pause = self.pause_ms(self.connection.attempts);
                self.connection.attempts = self.connection.attempts.saturating_add(1);
                self.connection.stage = Stage::Polling { retry_at: self.now.plus_ms(pause) };
            }
            Stage::Outdated { .. } => self.connection.stage = Stage::Down { retry_at: self.now },
            _ => {}
        }
    }

    pub(super) fn become_outdated(&mut self) {
        self.close_socket();
        self.connection.contact = false;
        self.connection.offline_since = None;
        if !self.connection.is_outdated() {
            let retry_at = self.now.plus_ms(UPDATE_NEEDED_HELLO_MS);
            self.connection.stage = Stage::Outdated { retry_at };
        }
    }

    pub(super) fn hello_failed(&mut self, failure: Failure) {
        match self.connection.stage {
            Stage::Asking | Stage::Polling { .. } => self.attempt_failed(failure),
            Stage::Live { .. } => self.link_lost(),
            _ => {}
        }
    }

    /// A connection that worked is gone. One that had held is tried again almost at once.
    pub(super) fn link_lost(&mut self) {
        let held = matches!(self.connection.stage,
            Stage::Live { since, .. } if self.now.since(since) >= RECONNECT_MS_MAX);
        self.connection.attempts = if held { 0 } else { self.connection.attempts.saturating_add(1) };
        self.go_down(Failure::UNREACHABLE);
    }

    /// The backend could not be reached.
    pub(super) fn attempt_failed(&mut self, failure: Failure) {
        if failure.kind != FailureKind::Refused(ProblemCode::Unauthorized) {
            self.connection.offline_since.get_or_insert(self.connection.last_contact);
        }
        self.connection.attempts = self.connection.attempts.saturating_add(1);
        self.go_down(failure);
    }

    fn go_down(&mut self, failure: Failure) {
        self.connection.lose_contact();
        self.requests.give_up(|purpose| *purpose == Purpose::Hello);
        self.close_socket();
        let retry_at = self.retry_at(self.connection.attempts.saturating_sub(1), failure);
        self.connection.stage = Stage::Down { retry_at };
    }
}
