//! What people do, on both sides.

use deskbell_domain::{ConversationId, QueueId, UserId, UtcMs};
use deskbell_protocol::command::{Act, Command, Seen};
use deskbell_sync::view::{ListQuery, ListView};
use deskbell_sync::{Event, NewCommand, StoreStep, Views};

use super::device::{Device, Record};
use super::{Broken, Happening, Stores, World};
use crate::fixtures;

const QUEUES: u32 = 3;

impl<S: Stores> World<S> {
    /// A tenant with three queues, two users on three devices, and some conversations.
    pub(super) async fn found(&mut self) {
        self.backend.frame_changes_max = 3 + usize::try_from(self.random.below(40)).unwrap_or(0);
        self.backend.page_roots_max = 1 + usize::try_from(self.random.below(6)).unwrap_or(0);
        self.backend.checks_scopes = self.options.sabotage != Some(super::Sabotage::DeliverWithoutScopeCheck);
        for n in 1..=QUEUES {
            self.backend.add_queue(fixtures::queue(n), &format!("Queue {n}"));
        }
        let (alice, bob) = (fixtures::user(1), fixtures::user(2));
        self.backend.add_user(alice, "Alice", &[fixtures::queue(1), fixtures::queue(2)]);
        self.backend.add_user(bob, "Bob", &[fixtures::queue(2)]);
        for n in 1..=4 {
            self.new_conversation(n);
        }
        // One with more messages than a screenful, so that there is history.
        let at = self.now;
        for n in 0..30 {
            self.backend.inbound(fixtures::conversation(1), &format!("before {n}"), at.plus_ms(n));
        }
        let people = [("alice.laptop", alice), ("alice.desktop", alice), ("bob.desktop", bob)];
        for (device, (name, user)) in people.into_iter().enumerate() {
            let rights = self.backend.rights_version(user);
            let (refresh, access) = self.backend.sessions.sign_in(device, rights);
            let store = self.stores.open(device).await;
            self.devices.push(Device::new(name, user, store, refresh, access));
            self.after(0, 2_000, Happening::Start { device });
        }
    }

    /// One thing that somebody does; then the next one.
    pub(super) async fn act(&mut self) -> Result<(), Broken> {
        self.acts_left -= 1;
        match self.random.below(100) {
            0..=19 => self.customer_writes(),
            20..=29 => self.status_arrives(),
            30..=69 => self.user_acts().await?,
            70..=74 => self.user_scrolls().await?,
            75..=80 => self.conversation_moves(),
            81..=83 => self.rights_change(),
            84..=85 => {
                let n = self.number();
                self.new_conversation(100 + n);
            }
            86 => {
                let n = self.number();
                let conversation = self.any_conversation();
                self.backend.put_unknown(n, conversation);
            }
            87 => self.customer_is_erased(),
            88 => self.backend.compact(),
            89 => self.log_is_cut(),
            90..=92 => self.socket_breaks(),
            93 => self.backend.sessions.expire_all(),
            94 => self.computer_sleeps(),
            95 => self.backup(),
            96..=97 => self.take_back().await?,
            _ => self.draft().await?,
        }
        self.push_news();
        if self.acts_left > 0 {
            let slowest = if self.random.chance(10) { 30_000 } else { 1_500 };
            self.after(0, slowest, Happening::Act);
        }
        Ok(())
    }

    fn number(&mut self) -> u32 {
        self.next_id += 1;
        self.next_id
    }

    fn any_queue(&mut self) -> QueueId {
        fixtures::queue(1 + u32::try_from(self.random.below(u64::from(QUEUES))).unwrap_or(0))
    }

    fn any_conversation(&mut self) -> ConversationId {
        let all = self.backend.conversations();
        let index = usize::try_from(self.random.below(all.len() as u64)).unwrap_or(0);
        all.get(index).copied().unwrap_or_else(|| fixtures::conversation(1))
    }

    fn new_conversation(&mut self, n: u32) {
        let queue = self.any_queue();
        self.backend.add_conversation(fixtures::conversation(n), n, queue, self.now);
    }

    fn customer_writes(&mut self) {
        let conversation = self.any_conversation();
        let texts = if self.random.chance(5) { 25 } else { 1 + self.random.below(3) };
        for n in 0..texts {
            let at = self.now.plus_ms(i64::try_from(n).unwrap_or(0));
            self.backend.inbound(conversation, "a question", at);
        }
    }

    fn status_arrives(&mut self) {
        let conversation = self.any_conversation();
        let n = self.random.next();
        self.backend.advance_status(conversation, n);
    }

    fn conversation_moves(&mut self) {
        let conversation = self.any_conversation();
        if self.random.chance(30) {
            let assignee = [None, Some(fixtures::user(1)), Some(fixtures::user(2))];
            let index = usize::try_from(self.random.below(3)).unwrap_or(0);
            self.backend.assign(conversation, assignee[index]);
        } else {
            let queue = self.any_queue();
            self.backend.move_to(conversation, queue);
        }
    }

    fn rights_change(&mut self) {
        let user = fixtures::user(1 + u32::try_from(self.random.below(2)).unwrap_or(0));
        let queues: Vec<QueueId> =
            (1..=QUEUES).filter(|_| self.random.chance(50)).map(fixtures::queue).collect();
        self.backend.set_queues(user, &queues);
    }

    fn customer_is_erased(&mut self) {
        let conversation = self.any_conversation();
        if let Some(erasure) = self.backend.erase(conversation) {
            self.push_erasure(erasure, conversation);
        }
    }

    fn log_is_cut(&mut self) {
        let floor = self.backend.head();
        self.backend.raise_floor(floor);
    }

    fn socket_breaks(&mut self) {
        if let Some(socket) = self.sockets.keys().next().copied() {
            self.cut(socket);
        }
    }

    /// A device hears and does nothing for a while; everybody else goes on.
    fn computer_sleeps(&mut self) {
        let device = usize::try_from(self.random.below(3)).unwrap_or(0);
        let until = self.now.plus_ms(150_000);
        let life = self.devices[device].life;
        let is_its = |happening: &Happening| match happening {
            Happening::Tell { device: its, life: of, .. }
            | Happening::Tokens { device: its, life: of, .. }
            | Happening::Ring { device: its, life: of, .. }
            | Happening::Closed { device: its, life: of, .. }
            | Happening::Step { device: its, life: of, .. } => *its == device && *of == life,
            _ => false,
        };
        let sleeping: Vec<(UtcMs, u64)> = self
            .queue
            .iter()
            .filter(|((at, _), happening)| *at < until && is_its(happening))
            .map(|(place, _)| *place)
            .collect();
        for place in sleeping {
            if let Some(happening) = self.queue.remove(&place) {
                self.queue.insert((until, place.1), happening);
            }
        }
        if let Some(socket) = self.devices[device].socket {
            self.sockets.remove(&socket);
            let closed = Happening::Closed { device, life, socket };
            self.at(until, closed);
        }
    }

    fn backup(&mut self) {
        if !self.options.restores {
            return;
        }
        if self.random.chance(60) {
            self.backend.save_copy();
        } else if self.backend.restore_copy() {
            self.restored = true;
            let sockets: Vec<u64> = self.sockets.keys().copied().collect();
            for socket in sockets {
                self.cut(socket);
            }
        }
    }

    /// A conversation that the user of a device sees, if there is one.
    async fn pick(&mut self) -> Result<Option<(usize, UserId, ConversationId)>, Broken> {
        let device = usize::try_from(self.random.below(3)).unwrap_or(0);
        let one = &self.devices[device];
        if one.engine.is_none() {
            return Ok(None);
        }
        let me = one.user;
        let query = ListQuery { view: ListView::All, offset: 0, limit: 100, me };
        let list = one.store.list(query).await.map_err(|error| Broken(format!("list: {error}")))?;
        let index = usize::try_from(self.random.below(list.rows.len() as u64)).unwrap_or(0);
        Ok(list.rows.get(index).map(|row| (device, me, row.header.id)))
    }

    async fn user_acts(&mut self) -> Result<(), Broken> {
        let Some((device, me, conversation)) = self.pick().await? else { return Ok(()) };
        let header = self.devices[device].store.header(conversation, me).await;
        let Ok(Some(header)) = header else { return Ok(()) };
        let n = self.number();
        let act = match self.random.below(10) {
            0..=4 => Act::SendText {
                conversation,
                message: fixtures::message(n),
                text: format!("answer {n}").into(),
            },
            5 => Act::Claim { conversation },
            6 => Act::Release { conversation },
            7 => Act::Resolve { conversation },
            8 => Act::Reopen { conversation },
            _ => Act::MarkRead { conversation, through: header.body.last_message_at },
        };
        let seen = act.is_customer_visible().then_some(Seen {
            version: header.version,
            assignee: header.body.assignee,
            status: header.body.status,
        });
        let command = Command { id: fixtures::command_id(n), created_at: self.now, seen, act };
        let record = Record {
            command: command.clone(),
            confirmed: false,
            taken_back: false,
            refused: false,
            left: false,
            order: usize::MAX,
        };
        let one = &mut self.devices[device];
        one.ledger.insert(command.id, record);
        let life = one.life;
        let send_after = self.random.chance(10).then(|| self.now.plus_ms(5_000));
        let not_after = self.random.chance(10).then(|| self.now.plus_ms(2_000));
        let new = NewCommand { command, send_after, not_after, replaces: None };
        self.hand(device, life, Event::Enqueue(new)).await
    }

    async fn user_scrolls(&mut self) -> Result<(), Broken> {
        let Some((device, _, conversation)) = self.pick().await? else { return Ok(()) };
        let gap = self.devices[device].store.gap(conversation).await;
        let Ok(Some(token)) = gap else { return Ok(()) };
        let life = self.devices[device].life;
        self.hand(device, life, Event::FillGap { conversation, token }).await
    }

    async fn take_back(&mut self) -> Result<(), Broken> {
        let device = usize::try_from(self.random.below(3)).unwrap_or(0);
        let Ok(outbox) = self.devices[device].store.outbox().await else { return Ok(()) };
        let Some(item) = outbox.last() else { return Ok(()) };
        let life = self.devices[device].life;
        self.hand(device, life, Event::TakeBack(item.id())).await
    }

    async fn draft(&mut self) -> Result<(), Broken> {
        use deskbell_sync::Store;
        let Some((device, _, conversation)) = self.pick().await? else { return Ok(()) };
        let step = StoreStep::SaveDraft { conversation, text: "half a sent".into() };
        let saved = self.devices[device].store.apply(&step).await;
        saved.map(|_| ()).map_err(|error| Broken(format!("draft: {error}")))
    }
}
