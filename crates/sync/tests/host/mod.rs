//! A host without a network: steps go to a store in memory at once, everything else is kept to be looked at.

#![allow(dead_code, reason = "each test file uses a part of it")]

use std::collections::VecDeque;

use deskbell_domain::{Scope, UtcMs};
use deskbell_protocol::command::{Command, CommandResult, CommandsResponse, Outcome};
use deskbell_protocol::entity::Kind;
use deskbell_protocol::socket::{ClientMessage, ServerMessage};
use deskbell_protocol::sync::{Frame, HelloResponse, Item, Seq, SnapshotPage};
use deskbell_sync::{
    Action, Answer, ConnectionState, Engine, Event, Failure, MemoryStore, NewCommand, Report, Request,
    RequestId, Store, StoreError, StoreStep,
};
use deskbell_testkit::fixtures::{self, EPOCH_START, queue, user};

/// Milliseconds the tests' access tokens live.
pub(crate) const ACCESS_MS: i64 = 900_000;

pub(crate) struct Host {
    pub(crate) engine: Engine,
    pub(crate) store: MemoryStore,
    pub(crate) now: UtcMs,
    /// What was asked for since it was last looked at, steps apart.
    said: VecDeque<Action>,
    /// Every step carried out, or refused, since it was last looked at.
    steps: Vec<StoreStep>,
    pub(crate) refuses: Option<Refusal>,
}

/// Which step is refused next, and how.
pub(crate) type Refusal = (fn(&StoreStep) -> bool, StoreError);

pub(crate) fn scopes() -> Vec<Scope> {
    vec![Scope::Tenant, Scope::Queue(queue(1)), Scope::User(user(1))]
}

pub(crate) fn hello(head: u64) -> HelloResponse {
    HelloResponse {
        protocol: Some(1),
        epoch: fixtures::epoch(1),
        head: Seq(head),
        user: user(1),
        scopes: scopes(),
        server_time: EPOCH_START,
        lease_ms: 1_000_000,
        resync: None,
        erasures: Vec::new(),
    }
}

pub(crate) fn page() -> SnapshotPage {
    let body = fixtures::conversation_body(1, queue(1), EPOCH_START);
    let items = vec![fixtures::put_conversation(fixtures::conversation(1), 5, &body)];
    fixtures::page(10, items, None)
}

/// Something small that changed.
pub(crate) fn news(version: u64) -> Vec<Item> {
    let id = fixtures::id(0x20, 1);
    vec![fixtures::put_root(Kind::Queue, id, version, &fixtures::queue_body("Sales"))]
}

impl Host {
    /// An engine on a store, not started.
    pub(crate) fn on(store: MemoryStore, now: UtcMs) -> Self {
        let restored = pollster::block_on(store.restore()).unwrap();
        let engine = Engine::new(restored, now, 7);
        Self { engine, store, now, said: VecDeque::new(), steps: Vec::new(), refuses: None }
    }

    /// A console that was set up, level with the backend at 10, with an open socket.
    pub(crate) fn online() -> Self {
        let mut host = Self::on(MemoryStore::new(), EPOCH_START);
        host.tell(Event::Started { access_ms: Some(ACCESS_MS) });
        host.greet(hello(10));
        host.answer(Ok(Answer::Snapshot(page())));
        host.answer(Ok(Answer::Changes(fixtures::frame(10, 10, Vec::new()))));
        assert_eq!(host.connection(), Some(ConnectionState::InSync));
        host.forget();
        host
    }

    /// The same store under a new engine, started.
    pub(crate) fn restart(self) -> Self {
        let mut host = Self::on(self.store, self.now);
        host.tell(Event::Started { access_ms: Some(ACCESS_MS) });
        host
    }

    pub(crate) fn tell(&mut self, event: Event) {
        let mut events = VecDeque::from([event]);
        while let Some(event) = events.pop_front() {
            for action in self.engine.handle(event, self.now) {
                if let Action::Step(id, step) = action {
                    self.steps.push((*step).clone());
                    let refusal = self.refuses.take_if(|(is_it, _)| is_it(&step)).map(|(_, error)| error);
                    let result = refusal.map_or_else(|| pollster::block_on(self.store.apply(&step)), Err);
                    events.push_back(Event::StepDone(id, result));
                } else {
                    self.said.push_back(action);
                }
            }
        }
    }

    /// The socket opens, and the hello on it is answered.
    pub(crate) fn greet(&mut self, hello: HelloResponse) {
        self.take(|action| matches!(action, Action::OpenSocket).then_some(()));
        self.tell(Event::SocketOpened);
        self.take(|action| matches!(action, Action::Send(ClientMessage::Hello(_))).then_some(()));
        self.push(ServerMessage::Hello(hello));
    }

    pub(crate) fn push(&mut self, message: ServerMessage) {
        self.tell(Event::SocketMessage(message));
    }

    pub(crate) fn frame(&mut self, frame: Frame) {
        self.push(ServerMessage::Frame(frame));
    }

    pub(crate) fn wait(&mut self, ms: i64) {
        self.now = self.now.plus_ms(ms);
        self.tell(Event::Timer);
    }

    /// The socket stays alive for so long.
    pub(crate) fn pass(&mut self, ms: i64) {
        for _ in 0..ms / 10_000 {
            self.wait(10_000);
            self.push(ServerMessage::Ping);
        }
        self.wait(ms % 10_000);
    }

    /// The first action of that kind, and all before it, are taken.
    pub(crate) fn take<T>(&mut self, wanted: impl Fn(&Action) -> Option<T>) -> T {
        let place = self.said.iter().position(|action| wanted(action).is_some());
        let place = place.unwrap_or_else(|| panic!("not asked for; but: {:#?}", self.said));
        let found = wanted(&self.said[place]).unwrap();
        self.said.remove(place);
        found
    }

    pub(crate) fn has(&self, wanted: impl Fn(&Action) -> bool) -> bool {
        self.said.iter().any(wanted)
    }

    pub(crate) fn request(&mut self) -> (RequestId, Request) {
        self.take(|action| match action {
            Action::Request(id, request) => Some((*id, request.clone())),
            _ => None,
        })
    }

    pub(crate) fn has_request(&self) -> bool {
        self.has(|action| matches!(action, Action::Request(..)))
    }

    /// Answers the next request.
    pub(crate) fn answer(&mut self, answer: Result<Answer, Failure>) -> Request {
        let (id, request) = self.request();
        self.tell(Event::Answered(id, answer));
        request
    }

    /// The commands of the next request, which has nothing else.
    pub(crate) fn commands(&mut self) -> (RequestId, Vec<Command>) {
        match self.request() {
            (id, Request::Commands(request)) => (id, request.commands),
            (_, other) => panic!("not commands: {other:?}"),
        }
    }

    pub(crate) fn outcomes(&mut self, id: RequestId, results: &[(u32, Outcome)]) {
        let result =
            |(n, outcome): &(u32, Outcome)| CommandResult { id: fixtures::command_id(*n), outcome: *outcome };
        let results = results.iter().map(result).collect();
        self.tell(Event::Answered(id, Ok(Answer::Commands(CommandsResponse { results }))));
    }

    pub(crate) fn enqueue(&mut self, command: Command) {
        let new = NewCommand { command, send_after: None, not_after: None, replaces: None };
        self.tell(Event::Enqueue(new));
    }

    pub(crate) fn connection(&self) -> Option<ConnectionState> {
        self.said.iter().rev().find_map(|action| match action {
            Action::Report(Report::Connection(state)) => Some(*state),
            _ => None,
        })
    }

    pub(crate) fn has_report(&self, report: &Report) -> bool {
        self.has(|action| matches!(action, Action::Report(said) if said == report))
    }

    /// When the engine wants to be woken.
    pub(crate) fn timer(&self) -> Option<UtcMs> {
        self.said.iter().rev().find_map(|action| match action {
            Action::SetTimer(at) => Some(*at),
            _ => None,
        })
    }

    pub(crate) fn took_step(&self, wanted: impl Fn(&StoreStep) -> bool) -> bool {
        self.steps.iter().any(wanted)
    }

    /// Only timers set from now on count.
    pub(crate) fn forget_timer(&mut self) {
        self.said.retain(|action| !matches!(action, Action::SetTimer(_)));
    }

    pub(crate) fn forget(&mut self) {
        self.said.clear();
        self.steps.clear();
    }

    pub(crate) fn seq(&self) -> Option<u64> {
        pollster::block_on(self.store.restore()).unwrap().position.map(|at| at.seq.0)
    }
}

/// The `n`th reply, into the lane of a conversation.
pub(crate) fn reply(n: u32, lane: u32) -> Command {
    let (id, message) = (fixtures::command_id(n), fixtures::message(n));
    fixtures::reply(id, fixtures::conversation(lane), message, &format!("reply {n}"), EPOCH_START)
}

/// The numbers of commands.
pub(crate) fn numbers(commands: &[Command]) -> Vec<u8> {
    commands.iter().map(|command| command.id.as_bytes()[15]).collect()
}
