//! Devices, one backend and a bad network between them, from a seed.
//!
//! The network drops, doubles, turns around and delays; sockets break; stores refuse; devices crash between any two
//! actions and start again from what their stores hold; people write, move, claim, resolve, and get other queues.
//! Then everything becomes calm, and at rest each device must show exactly what the backend shows for its scopes, and
//! each command must have been carried out once, or refused. What must hold at every moment is checked at every step.
//!
//! Nothing but the seed decides: a failing seed fails again in the same way, and tells its story.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use deskbell_domain::{ErasureId, UtcMs};
use deskbell_protocol::socket::{ClientMessage, ServerMessage};
use deskbell_sync::random::Random;
use deskbell_sync::{Event, MemoryStore, Request, RequestId, Store, StoreError, Views};

use crate::backend::Backend;
use crate::fixtures::EPOCH_START;

mod acts;
mod check;
mod device;
mod network;

use device::Device;
use network::Socket;

/// A safeguard that is switched off, so that the proof must fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sabotage {
    /// The backend delivers what the log names, without asking who may see it now.
    DeliverWithoutScopeCheck,
    /// Devices apply every frame, wherever it begins.
    IgnoreFrameRule,
    /// A command leaves the outbox before the cache has committed its effects.
    SettleBeforeCommit,
    /// Users are told that a command is kept before it is.
    ConfirmBeforeDurable,
}

/// How a run is set up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// Things people do, and the backend's customers.
    pub acts: u32,
    /// Messages of the network lost, in percent; as many are doubled.
    pub loss_percent: u64,
    /// Crashes, per thousand actions.
    pub crash_permille: u64,
    /// Whether the backend is restored from a backup in between.
    pub restores: bool,
    /// What is switched off.
    pub sabotage: Option<Sabotage>,
}

impl Default for Options {
    fn default() -> Self {
        Self { acts: 120, loss_percent: 12, crash_permille: 12, restores: false, sabotage: None }
    }
}

/// What happened in a run that ended well.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Story {
    /// Where it began.
    pub seed: u64,
    /// Events that engines were told.
    pub events: u64,
    /// Steps that stores carried out.
    pub steps: u64,
    /// Times a device died.
    pub crashes: u64,
    /// Commands that took effect.
    pub applied: u64,
    /// Commands refused for good.
    pub refused: u64,
    /// Caches dropped and loaded again.
    pub recoveries: u64,
    /// Follows from everything that happened, in order: equal for equal runs.
    pub digest: u64,
}

/// A promise that did not hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("seed {seed}: {broken}\n{}", .story.join("\n"))]
pub struct Failure {
    /// Run it again with this.
    pub seed: u64,
    /// What did not hold.
    pub broken: String,
    /// What happened last, oldest first.
    pub story: Vec<String>,
}

/// Opens the stores of a run's devices.
pub trait Stores {
    /// What is opened.
    type Store: Store + Views;

    /// The store of a device, as its last step left it.
    fn open(&self, device: usize) -> impl Future<Output = Self::Store>;

    /// Every row of its cache.
    fn rows(
        &self,
        store: &Self::Store,
    ) -> impl Future<Output = Result<Vec<deskbell_protocol::sync::Item>, StoreError>>;
}

/// Stores in memory.
#[derive(Debug, Clone, Default)]
pub struct MemoryStores([MemoryStore; 3]);

impl Stores for MemoryStores {
    type Store = MemoryStore;

    async fn open(&self, device: usize) -> MemoryStore {
        self.0[device].clone()
    }

    async fn rows(&self, store: &MemoryStore) -> Result<Vec<deskbell_protocol::sync::Item>, StoreError> {
        store.rows()
    }
}

/// Runs a seed on stores in memory. A failing one is run again for its story.
///
/// # Errors
/// The promise that did not hold.
pub fn simulate(seed: u64, options: Options) -> Result<Story, Failure> {
    let run = |tells| pollster::block_on(simulate_on(seed, options, MemoryStores::default(), tells));
    run(false).or_else(|_| run(true))
}

/// Runs a seed on these stores. `tells` keeps the story, which costs time.
///
/// # Errors
/// The promise that did not hold.
pub async fn simulate_on<S: Stores>(
    seed: u64,
    options: Options,
    stores: S,
    tells: bool,
) -> Result<Story, Failure> {
    let mut world = World::new(seed, options, stores, tells).await;
    match world.run().await {
        Ok(()) => Ok(world.story),
        Err(Broken(broken)) => Err(Failure { seed, broken, story: world.lines.into() }),
    }
}

/// What did not hold.
#[derive(Debug)]
struct Broken(String);

/// Something that is going to happen.
#[derive(Debug)]
enum Happening {
    /// Somebody does something.
    Act,
    /// A device's engine is told something; for its current life only.
    Tell { device: usize, life: u64, event: Event },
    /// New tokens arrive at a device.
    Tokens { device: usize, life: u64, id: RequestId, refresh: u64, access: u64 },
    /// A request arrives at the backend.
    Arrive { device: usize, life: u64, id: RequestId, request: Request, access: u64, is_copy: bool },
    /// A device's timer.
    Ring { device: usize, life: u64, at: UtcMs },
    /// A device's store carries out its step.
    Step { device: usize, life: u64 },
    /// A device starts again.
    Start { device: usize },
    /// A socket is open.
    Opened { socket: u64 },
    /// A message arrives at the backend.
    Up { socket: u64, message: ClientMessage },
    /// A message arrives at the device.
    Down { socket: u64, message: ServerMessage },
    /// A device learns that its socket closed.
    Closed { device: usize, life: u64, socket: u64 },
    /// The backend asks whether somebody is there.
    Ping { socket: u64 },
    /// A proof of an erasure arrives at the backend.
    Proof { device: usize, erasure: ErasureId },
}

struct World<S: Stores> {
    now: UtcMs,
    random: Random,
    options: Options,
    stores: S,
    backend: Backend,
    devices: Vec<Device<S::Store>>,
    sockets: BTreeMap<u64, Socket>,
    next_socket: u64,
    proved: BTreeSet<(usize, ErasureId)>,
    queue: BTreeMap<(UtcMs, u64), Happening>,
    order: u64,
    acts_left: u32,
    next_id: u32,
    restored: bool,
    /// Nothing is lost any more, and nobody does anything.
    calm: bool,
    story: Story,
    tells: bool,
    lines: VecDeque<String>,
}

/// Lines of a story that are kept.
const LINES_MAX: usize = 400;

/// Longest time from calm to rest, in milliseconds: three times the longest pause and time-out together.
const REST_MS_MAX: i64 = 15 * 60_000;

impl<S: Stores> World<S> {
    async fn new(seed: u64, options: Options, stores: S, tells: bool) -> Self {
        let mut world = Self {
            now: EPOCH_START,
            random: Random::new(seed),
            options,
            stores,
            backend: Backend::new(),
            devices: Vec::new(),
            sockets: BTreeMap::new(),
            next_socket: 0,
            proved: BTreeSet::new(),
            queue: BTreeMap::new(),
            order: 0,
            acts_left: options.acts,
            next_id: 0,
            restored: false,
            calm: false,
            story: Story { seed, ..Story::default() },
            tells,
            lines: VecDeque::new(),
        };
        world.found().await;
        world
    }

    async fn run(&mut self) -> Result<(), Broken> {
        self.after(0, 10, Happening::Act);
        while self.acts_left > 0 {
            self.next().await?;
        }
        self.become_calm().await?;
        let until = self.now.plus_ms(REST_MS_MAX);
        while !self.is_at_rest() {
            self.next().await?;
            if self.now > until {
                let unrest: Vec<String> = self.devices.iter().map(Device::unrest).collect();
                return Err(Broken(format!("no rest: {}", unrest.join("; "))));
            }
        }
        self.check_at_rest().await
    }

    async fn next(&mut self) -> Result<(), Broken> {
        let Some(((at, order), happening)) = self.queue.pop_first() else {
            return Err(Broken("nothing is going to happen, and there is no rest".to_owned()));
        };
        self.now = at;
        self.digest(order);
        self.tell(|| format!("{happening:?}"));
        match happening {
            Happening::Act => self.act().await,
            Happening::Tell { device, life, event } => self.hand(device, life, event).await,
            Happening::Tokens { device, life, id, refresh, access } => {
                self.take_tokens(device, life, id, refresh, access).await
            }
            Happening::Arrive { device, life, id, request, access, is_copy } => {
                self.arrive(device, life, id, request, access, is_copy);
                Ok(())
            }
            Happening::Ring { device, life, at } => self.ring(device, life, at).await,
            Happening::Step { device, life } => self.step(device, life).await,
            Happening::Start { device } => self.start(device).await,
            Happening::Opened { socket } => self.socket_opened(socket).await,
            Happening::Up { socket, message } => {
                self.socket_up(socket, &message);
                Ok(())
            }
            Happening::Down { socket, message } => self.socket_down(socket, message).await,
            Happening::Closed { device, life, socket } => self.socket_closed(device, life, socket).await,
            Happening::Ping { socket } => {
                self.ping(socket);
                Ok(())
            }
            Happening::Proof { device, erasure } => {
                self.proved.insert((device, erasure));
                Ok(())
            }
        }
    }

    /// Something happens between `from` and `to` milliseconds from now.
    fn after(&mut self, from: u64, to: u64, happening: Happening) {
        let delay = from + self.random.below(to - from + 1);
        let at = self.now.plus_ms(i64::try_from(delay).unwrap_or(0));
        self.at(at, happening);
    }

    fn at(&mut self, at: UtcMs, happening: Happening) {
        self.order += 1;
        self.queue.insert((at.max(self.now), self.order), happening);
    }

    fn is_lost(&mut self) -> bool {
        !self.calm && self.random.chance(self.options.loss_percent)
    }

    fn crashes_now(&mut self) -> bool {
        !self.calm && self.random.below(1000) < self.options.crash_permille
    }

    fn digest(&mut self, news: u64) {
        let mixed = Random::new(self.story.digest ^ news ^ self.now.as_ms().unsigned_abs()).next();
        self.story.digest = mixed;
    }

    fn tell(&mut self, line: impl FnOnce() -> String) {
        if self.tells {
            if self.lines.len() >= LINES_MAX {
                self.lines.pop_front();
            }
            self.lines.push_back(format!("{:>8} {}", self.now.since(EPOCH_START), line()));
        }
    }

    async fn become_calm(&mut self) -> Result<(), Broken> {
        self.calm = true;
        self.tell(|| "everything becomes calm".to_owned());
        for device in 0..self.devices.len() {
            let life = self.devices[device].life;
            self.hand(device, life, Event::NetworkChanged).await?;
        }
        Ok(())
    }

    fn is_at_rest(&self) -> bool {
        let head = self.backend.head();
        self.devices.iter().all(|device| {
            let engine = device.engine.as_ref();
            engine.is_some_and(|engine| {
                engine.is_at_rest() && engine.position().is_some_and(|position| position.seq == head)
            })
        })
    }
}
