//! A device: its host, with an engine that may die at any moment, and a store and keychain that outlive it.

use std::collections::BTreeMap;
use std::sync::Arc;

use deskbell_domain::{CommandId, UserId, UtcMs};
use deskbell_protocol::command::Command;
use deskbell_protocol::sync::Seq;
use deskbell_sync::store::Outcomes;
use deskbell_sync::{
    Action, Alarm, Answer, Applied, ConnectionState, Engine, Event, Report, RequestId, StepId, Store,
    StoreError, StoreStep,
};

use super::{Broken, Happening, Sabotage, Stores, World};

/// Milliseconds the model's access tokens live.
const ACCESS_MS: i64 = 15 * 60_000;

/// What became of a command, as far as its device was told.
#[derive(Debug, Clone)]
pub(super) struct Record {
    pub(super) command: Command,
    /// The user was told that it is kept.
    pub(super) confirmed: bool,
    pub(super) taken_back: bool,
    pub(super) refused: bool,
    /// It left the outbox: settled, or refused without a text to keep.
    pub(super) left: bool,
    /// Its place among the device's commands.
    pub(super) order: usize,
}

pub(super) struct Device<T> {
    pub(super) name: &'static str,
    pub(super) user: UserId,
    pub(super) store: T,
    pub(super) engine: Option<Engine>,
    /// Raised at each start: what was meant for an earlier life is lost.
    pub(super) life: u64,
    /// The keychain.
    pub(super) refresh: u64,
    /// In memory only.
    pub(super) access: u64,
    pub(super) socket: Option<u64>,
    timer: Option<UtcMs>,
    step: Option<(StepId, Arc<StoreStep>)>,
    pub(super) ledger: BTreeMap<CommandId, Record>,
    pub(super) connection: Option<ConnectionState>,
    /// The highest place its cache ever stood at, by lineage.
    pub(super) highest: BTreeMap<deskbell_domain::EpochId, Seq>,
}

impl<T> Device<T> {
    pub(super) fn new(name: &'static str, user: UserId, store: T, refresh: u64, access: u64) -> Self {
        Self {
            name,
            user,
            store,
            engine: None,
            life: 0,
            refresh,
            access,
            socket: None,
            timer: None,
            step: None,
            ledger: BTreeMap::new(),
            connection: None,
            highest: BTreeMap::new(),
        }
    }

    pub(super) fn unrest(&self) -> String {
        let engine = self.engine.as_ref().map(|engine| format!("{engine:?}"));
        format!("{} {:?} {}", self.name, self.connection, engine.unwrap_or_default())
    }
}

impl<S: Stores> World<S> {
    /// A device starts, with what its store holds.
    pub(super) async fn start(&mut self, device: usize) -> Result<(), Broken> {
        let store = self.stores.open(device).await;
        let restored = store.restore().await.map_err(|error| Broken(format!("restore: {error}")))?;
        let seed = self.random.next();
        let engine = Engine::new(restored, self.now, seed);
        let one = &mut self.devices[device];
        one.store = store;
        one.engine = Some(engine);
        let life = one.life;
        let access_ms = (one.access != 0).then_some(ACCESS_MS);
        self.hand(device, life, Event::Started { access_ms }).await
    }

    /// A device dies: everything but store and keychain is gone.
    pub(super) fn crash(&mut self, device: usize) {
        let one = &mut self.devices[device];
        self.story.crashes += 1;
        one.engine = None;
        one.life += 1;
        one.access = 0;
        one.timer = None;
        one.step = None;
        if let Some(socket) = one.socket.take() {
            self.sockets.remove(&socket);
        }
        let name = one.name;
        self.tell(|| format!("{name} crashes"));
        self.after(100, 20_000, Happening::Start { device });
    }

    /// Tells an engine something, and does what it asks for: one action after the other, each perhaps the last.
    pub(super) async fn hand(&mut self, device: usize, life: u64, event: Event) -> Result<(), Broken> {
        let now = self.now;
        let event = self.sabotaged(device, event);
        let one = &mut self.devices[device];
        let Some(engine) = one.engine.as_mut().filter(|_| one.life == life) else { return Ok(()) };
        self.story.events += 1;
        let actions = engine.handle(event, now);
        for action in actions {
            if self.crashes_now() {
                self.crash(device);
                return Ok(());
            }
            self.perform(device, action)?;
        }
        Ok(())
    }

    fn sabotaged(&mut self, device: usize, mut event: Event) -> Event {
        use deskbell_protocol::socket::ServerMessage;
        if self.options.sabotage == Some(Sabotage::IgnoreFrameRule)
            && let Event::SocketMessage(ServerMessage::Frame(frame)) = &mut event
            && let Some(position) = self.devices[device].engine.as_ref().and_then(Engine::position)
            && frame.to > position.seq
        {
            frame.from = position.seq;
        }
        event
    }

    fn perform(&mut self, device: usize, action: Action) -> Result<(), Broken> {
        let (name, life) = (self.devices[device].name, self.devices[device].life);
        self.tell(|| format!("  {name}: {action:?}"));
        match action {
            Action::Step(id, step) => {
                if self.devices[device].step.replace((id, step)).is_some() {
                    return Err(Broken(format!("{name}: a second step while one is under way")));
                }
                self.after(0, 15, Happening::Step { device, life });
            }
            Action::Request(id, request) => self.depart(device, id, request),
            Action::OpenSocket => return self.open_socket(device),
            Action::Send(message) => self.send_up(device, message),
            Action::CloseSocket => self.close_socket(device),
            Action::SetTimer(at) => {
                self.devices[device].timer = Some(at);
                self.at(at, Happening::Ring { device, life, at });
            }
            Action::Prove { erasure, .. } => {
                if !self.is_lost() {
                    self.after(5, 500, Happening::Proof { device, erasure });
                }
            }
            Action::Report(report) => return self.note(device, report),
        }
        Ok(())
    }

    fn note(&mut self, device: usize, report: Report) -> Result<(), Broken> {
        let one = &mut self.devices[device];
        match report {
            Report::Connection(state) => {
                one.connection = Some(state);
                if matches!(state, ConnectionState::Revoked { .. } | ConnectionState::SignInNeeded) {
                    return Err(Broken(format!("{} was signed out: {state:?}", one.name)));
                }
            }
            Report::Enqueued(id, result) => {
                let order = one.ledger.len();
                if let Some(record) = one.ledger.get_mut(&id) {
                    record.confirmed = result.is_ok();
                    record.order = order;
                }
            }
            Report::Refused(id, _) => {
                if let Some(record) = one.ledger.get_mut(&id) {
                    record.refused = true;
                }
            }
            Report::Alarm(Alarm::CacheDropped { .. }) => self.story.recoveries += 1,
            _ => {}
        }
        Ok(())
    }

    pub(super) async fn ring(&mut self, device: usize, life: u64, at: UtcMs) -> Result<(), Broken> {
        let one = &mut self.devices[device];
        if one.life == life && one.timer == Some(at) {
            one.timer = None;
            return self.hand(device, life, Event::Timer).await;
        }
        Ok(())
    }

    /// The store carries out a step: perhaps it is not reached, perhaps nobody hears of it.
    pub(super) async fn step(&mut self, device: usize, life: u64) -> Result<(), Broken> {
        if self.devices[device].life != life {
            return Ok(());
        }
        if self.crashes_now() {
            self.crash(device);
            return Ok(());
        }
        let Some((id, step)) = self.devices[device].step.take() else { return Ok(()) };
        let refuses = !self.calm && self.random.below(1000) < 8;
        if refuses {
            return self.hand(device, life, Event::StepDone(id, Err(StoreError::Disk))).await;
        }
        if let (Some(Sabotage::SettleBeforeCommit), StoreStep::ApplyFrame { settled, .. }) =
            (self.options.sabotage, &*step)
        {
            let early = Outcomes { removed: settled.clone(), ..Outcomes::default() };
            self.apply(device, &StoreStep::Outcomes(early)).await?;
        }
        let is_lie = self.options.sabotage == Some(Sabotage::ConfirmBeforeDurable)
            && matches!(*step, StoreStep::Enqueue { .. })
            && self.random.chance(30);
        let applied = if is_lie { Applied::default() } else { self.apply(device, &step).await? };
        if self.crashes_now() {
            self.crash(device);
            return Ok(());
        }
        self.hand(device, life, Event::StepDone(id, Ok(applied))).await
    }

    async fn apply(&mut self, device: usize, step: &StoreStep) -> Result<Applied, Broken> {
        self.check_before(device, step).await?;
        let one = &self.devices[device];
        let applied = one.store.apply(step).await;
        let applied = applied.map_err(|error| Broken(format!("{}: {step:?}: {error}", one.name)))?;
        self.story.steps += 1;
        self.check_after(device, step).await?;
        Ok(applied)
    }

    pub(super) async fn take_tokens(
        &mut self,
        device: usize,
        life: u64,
        id: RequestId,
        refresh: u64,
        access: u64,
    ) -> Result<(), Broken> {
        let one = &mut self.devices[device];
        if one.life != life || one.engine.is_none() {
            return Ok(());
        }
        // The keychain first: the old token works no more.
        one.refresh = refresh;
        if self.crashes_now() {
            self.crash(device);
            return Ok(());
        }
        self.devices[device].access = access;
        let answer = Ok(Answer::Renewed { access_ms: ACCESS_MS });
        self.hand(device, life, Event::Answered(id, answer)).await
    }
}
