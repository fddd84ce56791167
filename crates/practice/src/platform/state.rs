use std::collections::HashMap;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use deskbell_domain::{Sensitive, UtcMs};
use serde_json::{Map, Value};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use super::bodies::{Direction, StatusNews, Update, message_id};
use super::faults::{self, Fault, WebhookPlan};
use super::limiter::Bucket;
use super::{BusinessNumber, Call, Deliveries, PlatformConfig, StartError};
use crate::customer::{Habits, Received};
use crate::limits::{PAIR_BURST, PAIR_PER_S, THROUGHPUT_PER_S};
use crate::people::{Person, people};
use crate::random::Random;

/// What all parts of the platform share.
pub(crate) struct Shared {
    pub(crate) config: PlatformConfig,
    pub(crate) people: Vec<Person>,
    address: SocketAddr,
    by_id: HashMap<String, usize>,
    habits: Vec<watch::Sender<Habits>>,
    state: Mutex<State>,
    updates: mpsc::UnboundedSender<(Update, OnItsWay)>,
    pub(super) webhook_url: watch::Sender<Option<String>>,
    pub(super) plan: watch::Sender<WebhookPlan>,
    /// Webhooks and statuses that are on their way.
    pub(super) pending: watch::Sender<usize>,
    /// Counts what customers received and what became of it, so that it can be waited for.
    pub(crate) changed: watch::Sender<u64>,
    pub(super) stopped: watch::Sender<bool>,
    pub(super) control_secret: Option<Sensitive<String>>,
    tasks: Mutex<JoinSet<()>>,
}

/// What changes.
pub(super) struct State {
    pub(super) random: Random,
    messages: u64,
    inboxes: Vec<Vec<Received>>,
    chats: HashMap<(String, usize), Chat>,
    throughput: HashMap<String, Bucket>,
    expired: HashMap<String, bool>,
    /// Messages of customers, by Meta's id: whose it is, and whether the business has read it.
    written: HashMap<String, Written>,
    pub(super) media: HashMap<String, Medium>,
    pub(super) media_urls: HashMap<String, (String, UtcMs)>,
    pub(super) faults: faults::Pending,
    pub(super) calls: Vec<Call>,
    pub(super) deliveries: Deliveries,
}

/// What is between a business number and a customer.
struct Chat {
    customer_wrote: Option<UtcMs>,
    pair: Bucket,
}

/// A message a customer wrote.
struct Written {
    phone_number_id: String,
    customer: usize,
    read: bool,
}

/// A file a customer sent.
#[derive(Clone)]
pub(super) struct Medium {
    pub(super) mime_type: String,
    pub(super) bytes: Vec<u8>,
}

/// A message a customer writes: Meta's type, and the object of that type.
pub(crate) struct Incoming {
    pub(crate) word: &'static str,
    pub(crate) content: Value,
    pub(crate) quotes: Option<String>,
    /// How long it was on its way, in milliseconds.
    pub(crate) ago_ms: i64,
}

impl Incoming {
    /// A message that quotes nothing and arrives at once.
    pub(crate) const fn new(word: &'static str, content: Value) -> Self {
        Self { word, content, quotes: None, ago_ms: 0 }
    }
}

/// Counts as one that is on its way until it is dropped.
pub(super) struct OnItsWay(watch::Sender<usize>);

impl Drop for OnItsWay {
    fn drop(&mut self) {
        self.0.send_modify(|pending| *pending = pending.saturating_sub(1));
    }
}

impl Shared {
    pub(super) fn new(
        config: PlatformConfig,
        address: SocketAddr,
        updates: mpsc::UnboundedSender<(Update, OnItsWay)>,
    ) -> Result<Self, StartError> {
        let people = people(config.seed, config.customers);
        let mut by_id = HashMap::new();
        for (index, person) in people.iter().enumerate() {
            by_id.insert(person.phone.clone(), index);
            by_id.insert(person.user_id.clone(), index);
        }
        let control_secret = if config.control { Some(one_run_secret()?) } else { None };
        let state = State {
            random: Random::of(config.seed, "faults"),
            messages: config.first_message,
            inboxes: vec![Vec::new(); people.len()],
            chats: HashMap::new(),
            throughput: HashMap::new(),
            expired: HashMap::new(),
            written: HashMap::new(),
            media: HashMap::new(),
            media_urls: HashMap::new(),
            faults: faults::Pending::default(),
            calls: Vec::new(),
            deliveries: Deliveries::default(),
        };
        Ok(Self {
            address,
            by_id,
            habits: people.iter().map(|_| watch::Sender::new(Habits::default())).collect(),
            people,
            state: Mutex::new(state),
            updates,
            webhook_url: watch::Sender::new(config.webhook_url.clone()),
            plan: watch::Sender::new(WebhookPlan::default()),
            pending: watch::Sender::new(0),
            changed: watch::Sender::new(0),
            stopped: watch::Sender::new(false),
            control_secret,
            tasks: Mutex::new(JoinSet::new()),
            config,
        })
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        // No code panics while it holds the lock, and a count that is off by one would harm no one here.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn now(&self) -> UtcMs {
        self.config.clock.now()
    }

    pub(super) fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    #[expect(clippy::indexing_slicing, reason = "a platform without a number does not start")]
    pub(crate) fn first_number(&self) -> &BusinessNumber {
        &self.config.numbers[0]
    }

    pub(crate) fn number(&self, phone_number_id: &str) -> Option<&BusinessNumber> {
        self.config.numbers.iter().find(|number| number.phone_number_id == phone_number_id)
    }

    /// Runs a task until it ends or the platform does.
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        while tasks.try_join_next().is_some() {}
        tasks.spawn(task);
    }

    pub(super) fn stop(&self) {
        self.stopped.send_replace(true);
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner).abort_all();
    }

    /// One more that is on its way.
    pub(super) fn on_its_way(&self) -> OnItsWay {
        self.pending.send_modify(|pending| *pending += 1);
        OnItsWay(self.pending.clone())
    }

    pub(super) fn queue(&self, update: Update, on_its_way: OnItsWay) {
        // The receiver is gone only when the platform is.
        let _ = self.updates.send((update, on_its_way));
    }

    fn tell(&self) {
        self.changed.send_modify(|changes| *changes = changes.wrapping_add(1));
    }

    pub(crate) fn habits(&self, customer: usize) -> Option<&watch::Sender<Habits>> {
        self.habits.get(customer)
    }

    /// The customer with this phone number or user id.
    pub(crate) fn customer_of(&self, phone_or_user_id: &str) -> Option<usize> {
        self.by_id.get(phone_or_user_id.trim_start_matches('+')).copied()
    }

    pub(crate) fn received(&self, customer: usize) -> Vec<Received> {
        self.lock().inboxes.get(customer).cloned().unwrap_or_default()
    }

    /// A customer writes to a number. Gives Meta's id of the message.
    pub(crate) fn write(
        &self,
        customer: usize,
        number: &BusinessNumber,
        incoming: Incoming,
    ) -> Option<String> {
        let person = self.people.get(customer)?;
        let at = self.now().plus_ms(incoming.ago_ms.saturating_neg());
        let mut state = self.lock();
        let id = state.next_id(self.config.seed, person, Direction::FromCustomer);
        let wrote = &mut state.chat(&number.phone_number_id, customer, at).customer_wrote;
        *wrote = (*wrote).max(Some(at));
        let written = Written { phone_number_id: number.phone_number_id.clone(), customer, read: false };
        state.written.insert(id.clone(), written);
        drop(state);

        let mut message = Map::new();
        if let Some(quotes) = incoming.quotes {
            let context = serde_json::json!({"from": number.display_phone_number, "id": quotes});
            message.insert("context".into(), context);
        }
        message.insert("type".into(), incoming.word.into());
        message.insert(incoming.word.into(), incoming.content);
        self.queue(Update::message(number, person, &id, at, message), self.on_its_way());
        Some(id)
    }

    /// Keeps a file for download and gives its id.
    pub(crate) fn keep_medium(&self, mime_type: &str, bytes: &[u8]) -> String {
        let mut state = self.lock();
        let id = state.random.digits(16);
        state.media.insert(id.clone(), Medium { mime_type: mime_type.to_owned(), bytes: bytes.to_vec() });
        id
    }

    /// A new address of a file.
    pub(crate) fn medium_url(&self, media_id: &str) -> String {
        let now = self.now();
        let mut state = self.lock();
        let key = format!("{:016x}{:016x}", state.random.next(), state.random.next());
        state.media_urls.insert(key.clone(), (media_id.to_owned(), now));
        format!("{}/attachments/{key}", self.base_url())
    }

    /// A message reaches the customer.
    pub(super) fn deliver(&self, customer: usize, received: Received) {
        if let Some(inbox) = self.lock().inboxes.get_mut(customer) {
            inbox.push(received);
        }
        self.tell();
    }

    /// The customer has read a message.
    pub(super) fn mark_seen(&self, customer: usize, id: &str) {
        let mut state = self.lock();
        let inbox = state.inboxes.get_mut(customer).map(Vec::as_mut_slice).unwrap_or_default();
        if let Some(received) = inbox.iter_mut().find(|received| received.id == id) {
            received.read = true;
        }
        drop(state);
        self.tell();
    }

    /// The business has read a customer's message. Whether there is such a message.
    pub(super) fn mark_read(&self, phone_number_id: &str, id: &str) -> bool {
        let mut state = self.lock();
        let known = state.written.get_mut(id).filter(|written| written.phone_number_id == phone_number_id);
        let found = known.map(|written| written.read = true).is_some();
        drop(state);
        self.tell();
        found
    }

    /// Whether the business has read a message of this customer.
    pub(crate) fn was_read(&self, customer: usize, id: &str) -> bool {
        self.lock().written.get(id).is_some_and(|written| written.customer == customer && written.read)
    }

    /// Sends a status, unless it is to be lost.
    pub(super) fn status(
        &self,
        number: &BusinessNumber,
        recipient: Option<usize>,
        to: &str,
        news: &StatusNews<'_>,
    ) {
        let lost = self.lock().faults.drops(news.word);
        if !lost {
            let person = recipient.and_then(|customer| self.people.get(customer));
            self.queue(Update::status(number, person, to, news), self.on_its_way());
        }
    }

    pub(super) fn inject(&self, fault: Fault) {
        match fault {
            Fault::Webhooks(plan) => {
                self.plan.send_replace(plan);
            }
            Fault::ExpireToken { phone_number_id } => self.set_expired(phone_number_id, true),
            Fault::RenewToken { phone_number_id } => self.set_expired(phone_number_id, false),
            counted => self.lock().faults.add(counted),
        }
    }

    fn set_expired(&self, phone_number_id: Option<String>, expired: bool) {
        let mut state = self.lock();
        for number in &self.config.numbers {
            if phone_number_id.as_ref().is_none_or(|only| *only == number.phone_number_id) {
                state.expired.insert(number.phone_number_id.clone(), expired);
            }
        }
    }
}

impl State {
    /// A new id for a message.
    pub(super) fn next_id(&mut self, seed: u64, person: &Person, direction: Direction) -> String {
        self.messages += 1;
        message_id(person, direction, (seed << 32) ^ self.messages)
    }

    fn chat(&mut self, phone_number_id: &str, customer: usize, now: UtcMs) -> &mut Chat {
        self.chats
            .entry((phone_number_id.to_owned(), customer))
            .or_insert_with(|| Chat { customer_wrote: None, pair: Bucket::new(PAIR_BURST, PAIR_PER_S, now) })
    }

    /// When the customer last wrote to this number.
    pub(super) fn customer_wrote(
        &mut self,
        phone_number_id: &str,
        customer: usize,
        now: UtcMs,
    ) -> Option<UtcMs> {
        self.chat(phone_number_id, customer, now).customer_wrote
    }

    /// Whether the pair limit lets another message through.
    pub(super) fn pair_allows(&mut self, phone_number_id: &str, customer: usize, now: UtcMs) -> bool {
        self.chat(phone_number_id, customer, now).pair.take(now)
    }

    /// Whether the number's throughput lets another message through.
    pub(super) fn throughput_allows(&mut self, phone_number_id: &str, now: UtcMs) -> bool {
        let bucket = self.throughput.entry(phone_number_id.to_owned());
        bucket.or_insert_with(|| Bucket::new(THROUGHPUT_PER_S, THROUGHPUT_PER_S, now)).take(now)
    }

    pub(super) fn token_expired(&self, phone_number_id: &str) -> bool {
        self.expired.get(phone_number_id).copied().unwrap_or(false)
    }
}

fn one_run_secret() -> Result<Sensitive<String>, StartError> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|_| StartError::Random)?;
    Ok(Sensitive::new(hex::encode(bytes)))
}
