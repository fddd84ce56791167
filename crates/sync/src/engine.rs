//! The engine: what to do next, decided from what happened.
//!
//! Split by concern, each with the state it owns: `connection` (socket, pauses), `session` (renewal), `hello`
//! (what the backend says first), `pull` (frames, gaps), `snapshot`, `history`, `outbox` (lanes) and `steps`
//! (one durable step at a time). An event is put to the concern it belongs to; then every concern is asked what it can
//! begin now. So nothing depends on the order in which answers come.

use deskbell_domain::UtcMs;
use deskbell_protocol::problem::ProblemCode;
use deskbell_protocol::socket::ServerMessage;

use crate::action::{Action, Alarm, ConnectionState, Report};
use crate::event::{Answer, EnqueueError, Event, Failure, FailureKind};
use crate::limits::{CLOCK_BACK_MS, RECONNECT_MS_MAX, RECONNECT_MS_MIN, TIME_NOTE_MS};
use crate::random::Random;
use crate::store::{Restored, StoreError, StoreStep};

mod connection;
mod hello;
mod history;
mod outbox;
mod pull;
mod requests;
mod session;
mod snapshot;
mod steps;

use connection::Connection;
use history::History;
use outbox::Outbox;
use pull::Log;
use requests::{Purpose, Requests};
use session::Session;
use steps::Steps;

/// The state machine. Its host carries out what it asks for, and tells it what came of it.
#[derive(Debug)]
pub struct Engine {
    /// The time of the event being handled.
    now: UtcMs,
    random: Random,
    actions: Vec<Action>,
    steps: Steps,
    requests: Requests,
    connection: Connection,
    session: Session,
    log: Log,
    history: History,
    outbox: Outbox,
    /// Why the engine does nothing more, where it does not.
    ended: Option<ConnectionState>,
    highest_time: Option<UtcMs>,
    time_noted_at: Option<UtcMs>,
    reported: Option<ConnectionState>,
    timer: Option<UtcMs>,
}

impl Engine {
    /// An engine that goes on where the store stands. `seed` spreads pauses and makes ids; it need not be secret, and
    /// differs from start to start.
    pub fn new(restored: Restored, now: UtcMs, seed: u64) -> Self {
        let Restored {
            position,
            snapshot,
            scopes,
            settled,
            outbox,
            renewal,
            highest_time,
            lease_until: _,
            cache_is_new: _,
        } = restored;
        let mut engine = Self {
            now,
            random: Random::new(seed),
            actions: Vec::new(),
            steps: Steps::default(),
            requests: Requests::default(),
            connection: Connection::new(now),
            session: Session::new(renewal),
            log: Log::new(position, snapshot, scopes),
            history: History::default(),
            outbox: Outbox::default(),
            ended: None,
            highest_time,
            time_noted_at: None,
            reported: None,
            timer: None,
        };
        engine.restore_outbox(outbox, settled);
        engine
    }

    /// Takes an event, at `now`, and says what to do, in order.
    pub fn handle(&mut self, event: Event, now: UtcMs) -> Vec<Action> {
        self.now = now;
        if self.ended.is_none() {
            self.notice_absence();
            self.take(event);
        } else {
            self.take_after_the_end(event);
        }
        if self.ended.is_none() {
            self.begin_what_can_begin();
        }
        if self.ended.is_none() {
            self.begin_step();
        }
        self.report_connection();
        self.set_timer();
        std::mem::take(&mut self.actions)
    }

    /// Where the cache stands, for proofs: the place of the log, once a snapshot was complete.
    pub fn position(&self) -> Option<&crate::Position> {
        self.log.position.as_ref()
    }

    /// Whether nothing is under way and nothing is due: the store holds all that the backend has told, and the outbox
    /// waits for nobody. For proofs.
    pub fn is_at_rest(&self) -> bool {
        self.steps.is_idle() && self.requests.is_empty() && self.is_in_step() && self.outbox.is_drained()
    }

    fn take(&mut self, event: Event) {
        match event {
            Event::Started { access_ms } => self.start(access_ms),
            Event::NetworkChanged => self.network_changed(),
            Event::SocketOpened => self.socket_opened(),
            Event::SocketMessage(message) => self.socket_message(message),
            Event::SocketClosed => self.socket_closed(),
            Event::Answered(id, answer) => {
                // An answer to what was given up is one that never came.
                if let Some(purpose) = self.requests.end(id) {
                    self.answered(purpose, answer);
                }
            }
            Event::StepDone(id, result) => self.step_done(id, result),
            Event::Timer => self.timer = None,
            Event::Enqueue(new) => self.enqueue(new),
            Event::TakeBack(id) => self.take_back(id),
            Event::FillGap { conversation, token } => self.fill_gap(conversation, token),
        }
    }

    fn take_after_the_end(&mut self, event: Event) {
        match event {
            Event::StepDone(id, result) => self.step_done(id, result),
            Event::Enqueue(new) => {
                self.report(Report::Enqueued(new.command.id, Err(EnqueueError::Ended)));
            }
            Event::TakeBack(id) => self.report(Report::TakenBack(id, Err(EnqueueError::Ended))),
            Event::FillGap { conversation, .. } => {
                self.report(Report::GapFilled(conversation, Err(Failure::UNREACHABLE)));
            }
            Event::SocketClosed => self.connection.socket_is_gone(),
            _ => {}
        }
    }

    fn start(&mut self, access_ms: Option<i64>) {
        if let Some(highest) = self.highest_time.filter(|highest| highest.since(self.now) > CLOCK_BACK_MS) {
            self.report(Report::Alarm(Alarm::ClockTurnedBack { highest }));
        }
        if let Some(access_ms) = access_ms {
            self.session.hold(access_ms, self.now);
        }
        self.report_outbox();
        self.connection.begin(self.now);
    }

    fn answered(&mut self, purpose: Purpose, answer: Result<Answer, Failure>) {
        let backend_answered = match &answer {
            Ok(_) => true,
            Err(failure) => matches!(failure.kind, FailureKind::Refused(_)),
        };
        if backend_answered {
            self.connection.heard(self.now);
        }
        let failure = match (&purpose, answer) {
            (Purpose::Hello, Ok(Answer::Hello(hello))) => return self.http_hello(hello),
            (Purpose::Pull, Ok(Answer::Changes(frame))) => return self.pulled(frame),
            (Purpose::Snapshot(asked), Ok(Answer::Snapshot(page))) => {
                let begins = asked.is_none();
                return self.snapshot_pulled(begins, page);
            }
            (Purpose::History(conversation), Ok(Answer::History(page))) => {
                let conversation = *conversation;
                return self.history_pulled(conversation, page);
            }
            (Purpose::Commands(ids), Ok(Answer::Commands(response))) => {
                return self.commands_answered(ids, &response);
            }
            (Purpose::Renew, Ok(Answer::Renewed { access_ms })) => return self.renewed(access_ms),
            (_, Ok(_)) => Failure::new(FailureKind::Malformed),
            (_, Err(failure)) => failure,
        };
        self.failed(purpose, failure);
    }

    fn failed(&mut self, purpose: Purpose, failure: Failure) {
        let ends_session = match (&purpose, failure.kind) {
            (_, FailureKind::Refused(ProblemCode::DeviceRevoked)) => {
                self.revoked(None);
                true
            }
            (
                Purpose::Renew,
                FailureKind::Refused(ProblemCode::Unauthorized | ProblemCode::WrongCredentials),
            ) => {
                self.end(ConnectionState::SignInNeeded);
                true
            }
            _ => false,
        };
        if ends_session {
            return;
        }
        match failure.kind {
            FailureKind::Refused(ProblemCode::Unauthorized) => self.session.expire(),
            FailureKind::Refused(ProblemCode::UpdateNeeded) => self.update_needed(),
            _ => {}
        }
        match purpose {
            Purpose::Hello => self.hello_failed(failure),
            Purpose::Pull => self.pull_failed(failure),
            Purpose::Snapshot(asked) => self.snapshot_failed(asked.is_some(), failure),
            Purpose::History(conversation) => self.history_failed(conversation, failure),
            Purpose::Commands(ids) => self.commands_failed(&ids, failure),
            Purpose::Renew => self.renewal_failed(failure),
        }
    }

    fn socket_message(&mut self, message: ServerMessage) {
        if !self.connection.hears(self.now) {
            return;
        }
        match message {
            ServerMessage::Hello(hello) => self.socket_hello(hello),
            ServerMessage::Frame(frame) => self.socket_frame(frame),
            ServerMessage::Head { seq } => self.head_announced(seq),
            ServerMessage::Erase(notice) => self.erase(notice),
            ServerMessage::Revoke { reason } => self.revoke(reason),
            ServerMessage::Resync { reason } => self.resync_told(reason),
            ServerMessage::Ping => self.send_pong(),
        }
    }

    fn begin_what_can_begin(&mut self) {
        for purpose in self.requests.overdue(self.now) {
            self.failed(purpose, Failure::UNREACHABLE);
        }
        if self.ended.is_some() {
            return;
        }
        self.note_time();
        self.begin_connection();
        self.begin_frame();
        self.begin_pull();
        self.begin_snapshot();
        self.release_lanes();
    }

    /// Keeps the highest time seen, so that a clock turned back shows at the next start.
    fn note_time(&mut self) {
        let due = self.time_noted_at.is_none_or(|noted| self.now.since(noted) >= TIME_NOTE_MS);
        if due && self.highest_time.is_none_or(|highest| self.now > highest) && !self.steps.is_clogged() {
            self.highest_time = Some(self.now);
            self.time_noted_at = Some(self.now);
            self.steps.push(StoreStep::NoteTime { highest_time: self.now, lease_until: None });
        }
    }

    /// Stops everything but what was already handed to the store.
    fn end(&mut self, state: ConnectionState) {
        self.ended = Some(state);
        for step in self.steps.forget_waiting() {
            self.users_step_refused(&step, StoreError::Closed);
        }
        self.requests.clear();
        self.give_up_history(|_| true);
        if self.connection.close() {
            self.actions.push(Action::CloseSocket);
        }
        self.timer = None;
    }

    fn report(&mut self, report: Report) {
        self.actions.push(Action::Report(report));
    }

    fn report_connection(&mut self) {
        let state = self.connection_state();
        if self.reported != Some(state) {
            self.reported = Some(state);
            self.report(Report::Connection(state));
        }
    }

    fn connection_state(&self) -> ConnectionState {
        if let Some(ended) = self.ended {
            return ended;
        }
        if self.connection.is_outdated() {
            return ConnectionState::UpdateNeeded;
        }
        if let Some(since) = self.connection.offline_since() {
            return ConnectionState::Offline { since };
        }
        if !self.is_greeted() {
            return ConnectionState::Connecting;
        }
        match (&self.log.position, self.log.level) {
            (None, _) => ConnectionState::Loading,
            (Some(_), true) => ConnectionState::InSync,
            (Some(_), false) => ConnectionState::Connecting,
        }
    }

    fn set_timer(&mut self) {
        if self.ended.is_some() {
            return;
        }
        let due = [
            self.connection.due(),
            self.session.due(),
            self.requests.due(),
            self.steps.due(),
            self.log.due(),
            self.outbox.due().filter(|_| self.may_release()),
        ];
        // What is due already and did not begin waits for something else than the time.
        let Some(due) = due.into_iter().flatten().filter(|due| *due > self.now).min() else { return };
        // A timer that is early is asked for again when it rings; so news on the socket moves none.
        if self.timer.is_none_or(|set| due < set || set <= self.now) {
            self.timer = Some(due);
            self.actions.push(Action::SetTimer(due));
        }
    }

    /// A pause with full jitter: anything between nothing and a ceiling that doubles with every attempt.
    fn pause_ms(&mut self, attempts: u32) -> i64 {
        let ceiling = RECONNECT_MS_MIN
            .saturating_mul(1_i64.checked_shl(attempts.min(16)).unwrap_or(i64::MAX))
            .min(RECONNECT_MS_MAX);
        let drawn = self.random.below(u64::try_from(ceiling).unwrap_or(0).saturating_add(1));
        i64::try_from(drawn).unwrap_or(RECONNECT_MS_MAX)
    }

    /// When to try again after a failure: after a pause, and not before the backend wants it.
    fn retry_at(&mut self, attempts: u32, failure: Failure) -> UtcMs {
        let pause = self.pause_ms(attempts).max(failure.retry_after_ms.unwrap_or(0));
        self.now.plus_ms(pause)
    }
}
