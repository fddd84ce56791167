//! The encrypted store answers like the store in memory, whatever happens to both.
//!
//! The steps come from a seed. They are wilder than what an engine ever asks for: old versions, other lineages, bodies
//! nobody can read, history that nobody asked for. A failure names its seed and its step.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "the whole program is a test")]

mod common;

use common::{Place, enqueue, everything, frame_step, me, one_conversation, scopes};
use deskbell_domain::{
    CommandId, ConversationId, ConversationStatus, Entity, EntityId, MessageId, Open, Scope, TenantId, UtcMs,
};
use deskbell_protocol::command::{Act, RejectCode};
use deskbell_protocol::entity::{ConversationBody, Kind};
use deskbell_protocol::sync::{HistoryStart, Item, ItemOp, Seq};
use deskbell_store::SealedStore;
use deskbell_sync::random::Random;
use deskbell_sync::view::{ListQuery, ListView, OlderQuery, ThreadQuery};
use deskbell_sync::{CommandState, MemoryStore, OutboxItem, Outcomes, Restored, Store, StoreStep, Views};
use deskbell_testkit::fixtures as fx;
use serde_json::json;

const CONVERSATIONS: u64 = 5;
const MESSAGES_EACH: u64 = 7;
const SEEDS: u64 = 8;
const STEPS: u32 = 80;

#[tokio::test]
async fn both_stores_answer_the_same_to_every_step_and_every_look() {
    for seed in 0..SEEDS {
        run(seed).await;
    }
}

async fn run(seed: u64) {
    let mut story = Story::of(seed);
    let place = Place::new();
    let memory = MemoryStore::new();
    let mut sealed = place.open().await;
    for number in 0..STEPS {
        let restored = memory.restore().await.unwrap();
        let gap = memory.gap(story.conversation()).await.unwrap();
        let step = if number == 0 {
            StoreStep::SetScopes { scopes: scopes(), restart: true }
        } else {
            story.step(&restored, gap.map(|gap| gap.0))
        };
        let context = format!("seed {seed}, step {number}: {step:?}");
        assert_eq!(memory.apply(&step).await, sealed.apply(&step).await, "{context}");
        if story.random.chance(5) {
            sealed.close().await;
            sealed = place.open().await;
        }
        compare(&memory, &sealed, &mut story, &context).await;
    }
}

/// A story told by hand, on both stores.
struct Pair {
    memory: MemoryStore,
    sealed: SealedStore,
    story: Story,
    _place: Place,
}

impl Pair {
    /// Two stores with one conversation, whose customer has written once.
    async fn new() -> Self {
        let place = Place::new();
        let (memory, sealed) = (MemoryStore::new(), place.open().await);
        let mut pair = Self { memory, sealed, story: Story::of(1), _place: place };
        pair.step(StoreStep::SetScopes { scopes: scopes(), restart: true }).await;
        let page = fx::page(5, one_conversation("Hola"), None);
        pair.step(StoreStep::ApplySnapshotPage { begins: true, page: Box::new(page) }).await;
        pair.step(StoreStep::FinishSnapshot { settled: Vec::new() }).await;
        pair
    }

    async fn step(&mut self, step: StoreStep) {
        let done = self.sealed.apply(&step).await;
        assert_eq!(self.memory.apply(&step).await, done);
        done.unwrap();
        for _ in 0..CONVERSATIONS {
            compare(&self.memory, &self.sealed, &mut self.story, &format!("{step:?}")).await;
        }
    }

    async fn items(&mut self, items: Vec<Item>) {
        let at = self.memory.restore().await.unwrap().position.unwrap().seq.0;
        self.step(frame_step(fx::frame(at, at + 1, items))).await;
    }

    /// Unread messages of the conversation: in its row, and whether the list counts it as unread.
    async fn unread(&self) -> (u32, u32) {
        let page = self.sealed.list(everything()).await.unwrap();
        (page.rows[0].unread, page.counts.unread)
    }
}

fn read_mark(version: u64, ms: i64) -> Item {
    let conversation = fx::conversation(1);
    let body = fx::read_mark_body(conversation, fx::EPOCH_START.plus_ms(ms));
    fx::put_root(Kind::ReadMark, conversation.entity(), version, &body)
}

fn inbound(n: u32, ms: i64) -> Item {
    let body = fx::inbound_body(fx::conversation(1), "¿Hay novedades?", fx::EPOCH_START.plus_ms(ms));
    fx::put_message(fx::message(n), 6, &body)
}

#[tokio::test]
async fn a_conversation_that_becomes_unreadable_is_hidden_and_comes_back_with_its_messages() {
    let mut pair = Pair::new().await;
    let root = fx::conversation(1).entity();
    let shape = json!({ "contact": "of a newer version" });

    pair.items(vec![fx::put(Kind::Conversation.into(), root, root, 6, shape)]).await;
    assert_eq!(pair.sealed.list(everything()).await.unwrap().rows, []);
    pair.items(vec![inbound(2, 1)]).await;

    let body = fx::conversation_body(1, fx::queue(1), fx::EPOCH_START);
    pair.items(vec![fx::put_conversation(fx::conversation(1), 7, &body)]).await;
    assert_eq!(pair.unread().await, (2, 1));
}

#[tokio::test]
async fn a_read_mark_counts_also_where_it_came_before_its_conversation() {
    let mut pair = Pair::new().await;
    pair.items(vec![fx::leave(fx::conversation(1), 6, ItemOp::Remove)]).await;
    pair.items(vec![read_mark(7, 5)]).await;
    let body = fx::conversation_body(1, fx::queue(1), fx::EPOCH_START);

    let items = vec![fx::put_conversation(fx::conversation(1), 8, &body), inbound(2, 5), inbound(3, 6)];
    pair.items(items).await;

    assert_eq!(pair.unread().await, (1, 1));
}

#[tokio::test]
async fn messages_are_unread_again_when_their_read_mark_goes() {
    let mut pair = Pair::new().await;
    pair.items(vec![read_mark(6, 0)]).await;
    assert_eq!(pair.unread().await, (0, 0));

    // Of what the user may see, the conversation stays by its queue.
    let scopes = vec![Scope::Tenant, Scope::Queue(fx::queue(1))];
    pair.step(StoreStep::SetScopes { scopes, restart: false }).await;
    assert_eq!(pair.unread().await, (1, 1));

    pair.items(vec![read_mark(7, 0)]).await;
    let remove = Item { op: ItemOp::Remove, body: None, ..read_mark(8, 0) };
    pair.items(vec![remove]).await;
    assert_eq!(pair.unread().await, (1, 1));
}

#[tokio::test]
async fn a_message_on_the_edge_of_a_gap_counts_as_unread_and_one_before_it_does_not() {
    let mut pair = Pair::new().await;
    let mut frame = fx::frame(5, 6, vec![inbound(20, 2), inbound(30, 3)]);
    frame.history = vec![fx::history(fx::conversation(1), Some("older"))];
    pair.step(frame_step(frame)).await;
    assert_eq!(pair.unread().await, (2, 1));

    // Of the same time as the edge: one sorts before it, one behind.
    pair.items(vec![inbound(19, 2), inbound(21, 2), inbound(10, 1)]).await;
    assert_eq!(pair.unread().await, (3, 1));

    let asked = fx::token("older");
    let history = fx::history(fx::conversation(1), None);
    pair.step(StoreStep::ApplyHistory { asked, items: vec![inbound(9, 0)], history }).await;
    assert_eq!(pair.unread().await, (6, 1));
}

#[tokio::test]
async fn conversations_with_waiting_commands_are_counted_and_placed_as_they_will_be() {
    let mut pair = Pair::new().await;
    let others = (2..6).map(|n| {
        let body = fx::conversation_body(n, fx::queue(1), fx::EPOCH_START.plus_ms(i64::from(n)));
        fx::put_conversation(fx::conversation(n), 6, &body)
    });
    pair.items(others.collect()).await;
    let act = |n: u32, act| {
        let command = fx::command(fx::command_id(n), fx::EPOCH_START, act);
        enqueue(OutboxItem { command, state: CommandState::Ready, send_after: None, not_after: None })
    };
    pair.step(act(1, Act::Claim { conversation: fx::conversation(2) })).await;
    pair.step(act(2, Act::Resolve { conversation: fx::conversation(3) })).await;
    pair.step(act(3, Act::MarkRead { conversation: fx::conversation(1), through: fx::EPOCH_START })).await;

    let page = pair.sealed.list(ListQuery { me: me(), ..everything() }).await.unwrap();
    let counts = page.counts;
    assert_eq!((counts.mine, counts.unassigned, counts.all, counts.unread), (1, 3, 4, 0));
}

async fn compare(memory: &MemoryStore, sealed: &impl StoreAndViews, story: &mut Story, context: &str) {
    let me = me();
    assert_eq!(memory.restore().await, sealed.restore().await, "{context}");
    assert_eq!(memory.outbox().await, sealed.outbox().await, "{context}");
    assert_eq!(memory.tenant().await, sealed.tenant().await, "{context}");
    let user = story.user();
    assert_eq!(memory.user(user).await, sealed.user(user).await, "{context}");
    for view in [ListView::Mine, ListView::Unassigned, ListView::All, ListView::Resolved] {
        let whole = ListQuery { view, offset: 0, limit: 100, me };
        let part = ListQuery { view, offset: story.small(5), limit: story.small(4), me };
        let query = if story.random.chance(60) { whole } else { part };
        assert_eq!(memory.list(query).await, sealed.list(query).await, "{query:?} after {context}");
    }
    for _ in 0..2 {
        let conversation = story.conversation();
        let query = ThreadQuery { conversation, limit: story.small(9), me };
        assert_eq!(memory.thread(query).await, sealed.thread(query).await, "{query:?} after {context}");
        let before = story.message(conversation);
        let query = OlderQuery { conversation, before, limit: story.small(9) };
        assert_eq!(memory.older(query).await, sealed.older(query).await, "{query:?} after {context}");
        let header = memory.header(conversation, me).await;
        assert_eq!(header, sealed.header(conversation, me).await, "{context}");
        assert_eq!(memory.gap(conversation).await, sealed.gap(conversation).await, "{context}");
        assert_eq!(memory.draft(conversation).await, sealed.draft(conversation).await, "{context}");
    }
}

trait StoreAndViews: Store + Views {}
impl<T: Store + Views> StoreAndViews for T {}

fn conversation(n: u64) -> ConversationId {
    fx::conversation(u32::try_from(n).unwrap())
}

/// Draws what happens.
struct Story {
    random: Random,
    next_command: u32,
}

impl Story {
    const fn of(seed: u64) -> Self {
        Self { random: Random::new(seed), next_command: 1 }
    }

    fn small(&mut self, end: u64) -> usize {
        usize::try_from(self.random.below(end)).unwrap()
    }

    fn number(&mut self, end: u64) -> u32 {
        u32::try_from(self.random.below(end)).unwrap()
    }

    /// Few times, so that many are the same.
    fn time(&mut self) -> UtcMs {
        fx::EPOCH_START.plus_ms(i64::from(self.number(12)) * 60_000)
    }

    fn conversation(&mut self) -> ConversationId {
        conversation(self.random.below(CONVERSATIONS))
    }

    /// A message of this conversation: each belongs to one.
    fn message(&mut self, conversation: ConversationId) -> MessageId {
        let own = u32::from(conversation.as_bytes()[15]);
        fx::message(own * 100 + self.number(MESSAGES_EACH))
    }

    fn user(&mut self) -> deskbell_domain::UserId {
        fx::user(1 + self.number(3))
    }

    fn step(&mut self, restored: &Restored, gap: Option<String>) -> StoreStep {
        let drawn = self.random.below(100);
        match drawn {
            0..=27 => self.frame(restored),
            28..=39 => self.page(restored),
            40..=46 => StoreStep::FinishSnapshot { settled: self.ids(restored) },
            47..=52 => self.history(gap),
            53..=55 => self.scopes(),
            56..=57 => StoreStep::PurgeRoots(vec![self.conversation().entity()]),
            58 => StoreStep::DropCache,
            59..=61 => StoreStep::ForgetSettled(self.ids(restored)),
            62..=76 => self.enqueue(restored),
            77..=80 => StoreStep::MarkSending(self.ids(restored)),
            81..=86 => self.outcomes(restored),
            87..=89 => StoreStep::Expire { ids: self.ids(restored), now: self.time().plus_ms(86_000_000) },
            90..=92 => StoreStep::TakeBack(self.command(restored)),
            93..=95 => {
                let text = ["", "half a sent", "¿y mañana?"][self.small(3)].into();
                StoreStep::SaveDraft { conversation: self.conversation(), text }
            }
            96 => StoreStep::PurgeOutbox(vec![self.conversation().entity(), self.conversation().entity()]),
            97 => StoreStep::BeginRenewal(fx::id(0xa0, self.number(3))),
            98 => StoreStep::EndRenewal,
            _ => {
                let lease_until = self.random.chance(50).then(|| self.time());
                StoreStep::NoteTime { highest_time: self.time(), lease_until }
            }
        }
    }

    fn frame(&mut self, restored: &Restored) -> StoreStep {
        let at = restored.position.as_ref().map_or(Seq(0), |at| at.seq);
        let from = if self.random.chance(95) { at.0 } else { at.0 + 1 };
        let to = (from + self.random.below(6)).saturating_sub(u64::from(self.random.chance(3)));
        let mut frame = fx::frame(from, to, self.items());
        frame.history = self.starts();
        frame.epoch = restored.position.as_ref().map_or(frame.epoch, |at| at.epoch);
        StoreStep::ApplyFrame { frame: Box::new(frame), settled: self.ids(restored) }
    }

    fn page(&mut self, restored: &Restored) -> StoreStep {
        let begins = restored.snapshot.is_none() || self.random.chance(10);
        let at = restored.snapshot.as_ref().filter(|_| self.random.chance(95)).map_or(40, |run| run.at.seq.0);
        let next = self.random.chance(40).then_some("next");
        let mut page = fx::page(at, self.items(), next);
        page.history = self.starts();
        StoreStep::ApplySnapshotPage { begins, page: Box::new(page) }
    }

    fn history(&mut self, gap: Option<String>) -> StoreStep {
        let asked = gap.filter(|_| self.random.chance(90)).unwrap_or_else(|| "stale".to_owned());
        let conversation = self.conversation();
        let items = (0..self.random.below(4)).map(|_| self.message_item(conversation)).collect();
        let history = self.start(conversation);
        StoreStep::ApplyHistory { asked: fx::token(&asked), items, history }
    }

    fn scopes(&mut self) -> StoreStep {
        let mut scopes = Vec::new();
        scopes.extend(self.random.chance(85).then_some(Scope::User(me())));
        scopes.extend(self.random.chance(80).then_some(Scope::Tenant));
        scopes.extend(self.random.chance(70).then_some(Scope::Queue(fx::queue(1))));
        scopes.extend(self.random.chance(70).then_some(Scope::Queue(fx::queue(2))));
        StoreStep::SetScopes { scopes, restart: self.random.chance(40) }
    }

    fn start(&mut self, conversation: ConversationId) -> HistoryStart {
        let tokens = [None, Some("older 1"), Some("older 2"), Some("older 3")];
        fx::history(conversation, tokens[self.small(4)])
    }

    fn starts(&mut self) -> Vec<HistoryStart> {
        let conversation = self.conversation();
        self.random.chance(30).then(|| self.start(conversation)).into_iter().collect()
    }

    /// At most one item per entity, as on the wire.
    fn items(&mut self) -> Vec<Item> {
        let mut items: Vec<Item> = Vec::new();
        for _ in 0..self.random.below(9) {
            let item = self.item();
            if !items.iter().any(|other| other.id == item.id && other.kind == item.kind) {
                items.push(item);
            }
        }
        items
    }

    fn item(&mut self) -> Item {
        let conversation = self.conversation();
        let root = conversation.entity();
        match self.random.below(20) {
            0..=5 => {
                let body = fx::json(&self.conversation_body(conversation));
                self.any(Kind::Conversation.into(), root, root, body)
            }
            6..=13 => self.message_item(conversation),
            14..=15 => {
                let body = json!({ "conversation": conversation, "through": self.time() });
                self.any(Kind::ReadMark.into(), root, root, body)
            }
            16 => {
                let user = self.user();
                let body = fx::json(&fx::user_body(["Inés", "Tomás", "Vera"][self.small(3)]));
                self.any(Kind::User.into(), user.entity(), user.entity(), body)
            }
            17 => {
                let queue = fx::queue(1 + self.number(2)).entity();
                let body = fx::json(&fx::queue_body(["Orders", "Returns"][self.small(2)]));
                self.any(Kind::Queue.into(), queue, queue, body)
            }
            18 => {
                let tenant = fx::id::<TenantId>(0x01, 1).entity();
                let body = fx::json(&fx::tenant_body(["Casa Verde", "Casa Azul"][self.small(2)]));
                self.any(Kind::Tenant.into(), tenant, tenant, body)
            }
            _ => {
                // A kind of a newer version: a root of its own, or following a conversation.
                let id: EntityId = fx::id(0xb0, u32::from(conversation.as_bytes()[15]));
                let root = if self.random.chance(50) { id } else { root };
                let kind = fx::unknown_kind(if id == root { "label" } else { "note" });
                self.any(kind, id, root, json!({ "colour": "green" }))
            }
        }
    }

    fn message_item(&mut self, conversation: ConversationId) -> Item {
        let id = self.message(conversation);
        let at = self.time();
        let body = if self.random.chance(60) {
            fx::inbound_body(conversation, "¿Está listo?", at)
        } else {
            fx::outbound_body(conversation, self.user(), "Listo", at)
        };
        self.any(Kind::Message.into(), id.entity(), conversation.entity(), fx::json(&body))
    }

    /// Mostly a put with this body, sometimes one that nobody can read, sometimes the end.
    fn any(&mut self, kind: Open<Kind>, id: EntityId, root: EntityId, body: serde_json::Value) -> Item {
        let body = match self.random.below(20) {
            0 => json!({ "name": 7, "at": "noon", "through": "noon", "status": [] }),
            1 => serde_json::Value::Null,
            _ => body,
        };
        let put = fx::put(kind, id, root, self.version(), body);
        Item { op: self.op(), ..put }
    }

    fn version(&mut self) -> u64 {
        self.random.below(9)
    }

    fn op(&mut self) -> ItemOp {
        match self.random.below(20) {
            0..=1 => ItemOp::Remove,
            2 => ItemOp::Erase,
            _ => ItemOp::Put,
        }
    }

    fn conversation_body(&mut self, conversation: ConversationId) -> ConversationBody {
        let number = u32::from(conversation.as_bytes()[15]);
        let queue = fx::queue(1 + self.number(2));
        let at = self.time();
        let mut body = fx::conversation_body(number, queue, at);
        body.queue = self.random.chance(80).then_some(queue);
        body.assignee = self.random.chance(60).then(|| self.user());
        body.waiting_since = self.random.chance(50).then(|| self.time());
        body.last_customer_message_at = self.random.chance(80).then(|| self.time());
        body.status = match self.random.below(10) {
            0..=2 => ConversationStatus::Resolved.into(),
            3 => serde_json::from_value("parked".into()).unwrap(),
            _ => ConversationStatus::Open.into(),
        };
        body
    }

    fn enqueue(&mut self, restored: &Restored) -> StoreStep {
        self.next_command += u32::from(self.random.chance(95));
        let id = fx::command_id(self.next_command);
        let conversation = self.conversation();
        let act = match self.random.below(8) {
            0..=2 => Act::SendText {
                conversation,
                message: self.message(conversation),
                text: ["Voy", "Enseguida"][self.small(2)].into(),
            },
            3..=4 => Act::MarkRead { conversation, through: self.time() },
            5 => Act::Claim { conversation },
            6 => Act::Release { conversation },
            _ if self.random.chance(50) => Act::Resolve { conversation },
            _ => Act::Reopen { conversation },
        };
        let item = OutboxItem {
            command: fx::command(id, self.time(), act),
            state: CommandState::Ready,
            send_after: self.random.chance(20).then(|| self.time()),
            not_after: self.random.chance(20).then(|| self.time()),
        };
        let replaces = self.random.chance(20).then(|| self.command(restored));
        StoreStep::Enqueue { item: Box::new(item), replaces }
    }

    fn outcomes(&mut self, restored: &Restored) -> StoreStep {
        let seq = Seq(self.random.below(60));
        StoreStep::Outcomes(Outcomes {
            applied: self.ids(restored).into_iter().map(|id| (id, fx::epoch(1), seq)).collect(),
            refused: self
                .ids(restored)
                .into_iter()
                .map(|id| (id, RejectCode::ContextChanged.into()))
                .collect(),
            removed: self.ids(restored),
            resend: self.ids(restored),
        })
    }

    /// A command of the outbox, or one that is not there.
    fn command(&mut self, restored: &Restored) -> CommandId {
        let place = self.small(u64::try_from(restored.outbox.len() + 1).unwrap());
        restored.outbox.get(place).map_or(fx::command_id(999), OutboxItem::id)
    }

    fn ids(&mut self, restored: &Restored) -> Vec<CommandId> {
        let mut ids: Vec<_> = (0..self.random.below(3)).map(|_| self.command(restored)).collect();
        ids.sort_unstable();
        ids.dedup();
        ids
    }
}
