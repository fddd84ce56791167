use deskbell_domain::{Sensitive, UtcMs};
use serde_json::{Map, Value, json as object};

use super::content::{self, Content, Media};
use super::frame::Frame;
use super::person::{Person, RECEIVER, SENDER};
use super::{Event, EventKind, Fault, json, split};

/// One message, from whichever side.
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    /// Meta's message id. It contains the phone number.
    pub id: Option<Sensitive<String>>,
    /// Who wrote it.
    pub from: Person,
    /// When, on Meta's clock, to the second.
    pub timestamp: Option<UtcMs>,
    /// Meta's word for its type.
    pub word: Option<String>,
    /// What it says.
    pub content: Content,
    /// What of it a person can read as text: body, caption, label of the pressed button, emoji.
    pub text: Option<Sensitive<String>>,
    /// The file that belongs to it.
    pub media: Option<Media>,
    /// What it refers to.
    pub context: Option<Context>,
    /// The advertisement or button it was begun from.
    pub referral: Option<Referral>,
    /// The group it was written in.
    pub group_id: Option<Sensitive<String>>,
    /// Why it cannot be shown, where Meta could not read it itself.
    pub errors: Vec<Fault>,
}

/// What a message refers to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Context {
    /// The quoted message. Its text is not sent along.
    pub id: Option<Sensitive<String>>,
    /// Who wrote the quoted message.
    pub from: Option<Sensitive<String>>,
    /// Passed on by the customer.
    pub forwarded: bool,
    /// Passed on more than five times.
    pub frequently_forwarded: bool,
    /// A product of the business's catalogue, as (catalogue, product).
    pub product: Option<(Option<String>, String)>,
}

/// Where a conversation was begun from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Referral {
    /// `ad` or `post`.
    pub source_type: Option<String>,
    /// Id of the advertisement or post.
    pub source_id: Option<String>,
    /// Its address.
    pub source_url: Option<String>,
    /// Its title.
    pub headline: Option<String>,
    /// Its text.
    pub body: Option<String>,
    /// The click, as Meta counts it.
    pub click_id: Option<Sensitive<String>>,
}

/// A message that the business wrote on its phone. It opens no service window.
#[derive(Debug, Clone, PartialEq)]
pub struct Echo {
    /// The message; `from` is the business.
    pub message: Message,
    /// Whom it was written to.
    pub to: Person,
}

/// A part of the history from before the connection.
#[derive(Debug, Clone, PartialEq)]
pub struct History {
    /// The part it came in; absent with media, which Meta sends afterwards.
    pub chunk: Option<HistoryChunk>,
    /// The customer of the thread.
    pub customer: Person,
    /// The message; absent where a part holds progress and no messages.
    pub message: Option<Message>,
    /// How far the message had come when it was synchronised.
    pub status: Option<HistoryStatus>,
}

/// Which part of the history this is. Parts arrive in any order.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct HistoryChunk {
    /// 0: the first day, 1: to day 90, 2: to day 180.
    pub phase: Option<i64>,
    /// Position within the phase.
    pub order: Option<i64>,
    /// Percentage done; 100 is the end.
    pub progress: Option<i64>,
}

/// How far a message of the history had come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HistoryStatus {
    /// Not yet sent.
    Pending,
    /// Sent.
    Sent,
    /// Delivered.
    Delivered,
    /// Read.
    Read,
    /// Heard.
    Played,
    /// Not sent.
    Error,
    /// A word this version does not know.
    Unknown,
}

impl Message {
    fn read(item: &Value, from: Person) -> Self {
        let body = content::read(item);
        Self {
            id: json::secret(item, "id"),
            from,
            timestamp: json::time(item, "timestamp"),
            word: body.word,
            content: body.content,
            text: body.text,
            media: body.media,
            context: item.get("context").map(Context::read),
            referral: item.get("referral").map(Referral::read),
            group_id: json::secret(item, "group_id"),
            errors: Fault::all(item),
        }
    }
}

impl Context {
    fn read(value: &Value) -> Self {
        let product = value.get("referred_product");
        Self {
            id: json::secret(value, "id"),
            from: json::secret(value, "from"),
            forwarded: json::flag(value, "forwarded"),
            frequently_forwarded: json::flag(value, "frequently_forwarded"),
            product: product.and_then(|product| {
                Some((json::id(product, "catalog_id"), json::id(product, "product_retailer_id")?))
            }),
        }
    }
}

impl Referral {
    fn read(value: &Value) -> Self {
        Self {
            source_type: json::word(value, "source_type"),
            source_id: json::id(value, "source_id"),
            source_url: json::word(value, "source_url"),
            headline: json::word(value, "headline"),
            body: json::word(value, "body"),
            click_id: json::secret(value, "ctwa_clid"),
        }
    }
}

impl HistoryStatus {
    fn read(item: &Value) -> Option<Self> {
        let word = item.get("history_context").and_then(|context| json::text(context, "status"))?;
        Some(match word.to_ascii_uppercase().as_str() {
            "PENDING" => Self::Pending,
            "SENT" => Self::Sent,
            "DELIVERED" => Self::Delivered,
            "READ" => Self::Read,
            "PLAYED" => Self::Played,
            "ERROR" => Self::Error,
            _ => Self::Unknown,
        })
    }
}

/// Customers' messages; in the field `history`, the media of the history.
pub(super) fn messages(frame: &Frame<'_>, events: &mut Vec<Event>) {
    let items = json::items(frame.value, "messages");
    for item in items {
        if !item.is_object() {
            let kind = EventKind::Unsupported(Box::new(split::unknown(item, None)));
            events.push(frame.event_of_item(kind, "messages", item.clone(), None));
            continue;
        }
        let (from, contact) = frame.person(item, &SENDER, items.len() == 1);
        let message = Message::read(item, from);
        let kind = if frame.field == Some("history") {
            let customer = message.from.clone();
            let status = HistoryStatus::read(item);
            EventKind::History(Box::new(History { chunk: None, customer, message: Some(message), status }))
        } else {
            EventKind::Message(Box::new(message))
        };
        events.push(frame.event_of_item(kind, "messages", item.clone(), contact));
    }
}

/// Messages that the business wrote on its phone.
pub(super) fn echoes(frame: &Frame<'_>, events: &mut Vec<Event>) {
    let items = json::items(frame.value, "message_echoes");
    for item in items {
        let (to, contact) = frame.person(item, &RECEIVER, items.len() == 1);
        let message = Message::read(item, Person::read(item, &SENDER));
        let kind = EventKind::Echo(Box::new(Echo { message, to }));
        events.push(frame.event_of_item(kind, "message_echoes", item.clone(), contact));
    }
}

/// Parts of the history: an event for each message, and one for a part without any.
pub(super) fn history(frame: &Frame<'_>, events: &mut Vec<Event>) {
    for part in json::items(frame.value, "history") {
        let before = events.len();
        let metadata = part.get("metadata");
        let chunk = metadata.map(|metadata| HistoryChunk {
            phase: json::whole(metadata, "phase"),
            order: json::whole(metadata, "chunk_order"),
            progress: json::whole(metadata, "progress"),
        });
        for thread in json::items(part, "threads") {
            let (customer, contact) = frame.person(thread, &THREAD, false);
            for item in json::items(thread, "messages") {
                let message = Message::read(item, Person::read(item, &SENDER));
                let kind = EventKind::History(Box::new(History {
                    chunk,
                    customer: customer.clone(),
                    message: Some(message),
                    status: HistoryStatus::read(item),
                }));
                let raw = part_with(metadata, thread, item);
                events.push(frame.event_of_item(kind, "history", raw, contact));
            }
        }
        for item in json::items(part, "errors") {
            let kind = EventKind::Error(Box::new(Fault::read(item)));
            events.push(frame.event_of_item(kind, "history", object!({"errors": [item]}), None));
        }
        if events.len() == before {
            let history = History { chunk, customer: Person::default(), message: None, status: None };
            let kind = EventKind::History(Box::new(history));
            events.push(frame.event_of_item(kind, "history", part.clone(), None));
        }
    }
}

/// How a thread of the history names its customer.
const THREAD: super::person::Fields = super::person::Fields {
    phone: "id",
    user_id: "user_id",
    parent_user_id: ["parent_user_id", "parent_user_id"],
};

/// A part of the history that holds this message alone.
fn part_with(metadata: Option<&Value>, thread: &Value, message: &Value) -> Value {
    let mut alone = thread.as_object().cloned().unwrap_or_default();
    alone.insert("messages".into(), Value::Array(vec![message.clone()]));
    let mut part = Map::new();
    if let Some(metadata) = metadata {
        part.insert("metadata".into(), metadata.clone());
    }
    part.insert("threads".into(), Value::Array(vec![Value::Object(alone)]));
    Value::Object(part)
}
