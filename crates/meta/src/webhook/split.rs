use deskbell_domain::Sensitive;
use serde_json::{Map, Value};

use super::frame::{CONTEXT, Frame, body_of};
use super::{Event, EventKind, Fault, Target, Unsupported, account, json, message, status, template};

/// A body that is no webhook.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotAWebhook {
    /// Not JSON, or nested too deeply to be Meta's.
    #[error("not JSON")]
    NotJson,
    /// JSON without a list of entries.
    #[error("JSON, but not a webhook: it has no list \"entry\"")]
    NoEntries,
}

/// Splits a webhook's body into its events, in the order in which they stand in it.
///
/// # Errors
/// When the body is not JSON or has no list of entries. Whatever stands within an entry is an event.
pub fn split(body: &[u8]) -> Result<Vec<Event>, NotAWebhook> {
    split_value(&json::parse(body).map_err(|_| NotAWebhook::NotJson)?)
}

fn split_value(body: &Value) -> Result<Vec<Event>, NotAWebhook> {
    let Some(Value::Array(entries)) = body.get("entry") else { return Err(NotAWebhook::NoEntries) };
    let mut events = Vec::new();
    for entry in entries {
        split_entry(body, entry, &mut events);
    }
    Ok(events)
}

fn split_entry(body: &Value, entry: &Value, events: &mut Vec<Event>) {
    let before = events.len();
    let object = json::text(body, "object");
    let changes = json::items(entry, "changes");
    match object {
        None | Some("whatsapp_business_account") => {
            for change in changes {
                split_change(&Frame::new(body, entry, change), events);
            }
        }
        // Messenger, Instagram and whatever comes: not this version's business, and kept.
        Some(_) => {
            for change in changes {
                let frame = Frame::new(body, entry, change);
                events.push(frame.event_of_value(unknown_value(&frame)));
            }
            for key in ["messaging", "standby"] {
                for item in json::items(entry, key) {
                    events.push(other_platform(body, entry, key, item));
                }
            }
        }
    }
    if events.len() == before {
        events.push(Event {
            target: Target { waba_id: json::id(entry, "id"), ..Target::default() },
            entry_time: json::time(entry, "time"),
            kind: EventKind::Unsupported(Box::default()),
            raw: body_of(body.get("object"), entry.clone()),
        });
    }
}

/// Reads the elements of one list of a value.
type ReadList = fn(&Frame<'_>, &mut Vec<Event>);

/// The lists that a value may hold, in the order in which they are read, and what reads them. Dispatch is by these
/// rather than by the field's name, because the name is at times absent or wrong.
const LISTS: [(&str, ReadList); 10] = [
    ("messages", message::messages),
    ("statuses", status::statuses),
    ("message_echoes", message::echoes),
    ("history", message::history),
    ("state_sync", account::business_contacts),
    ("user_preferences", account::preferences),
    ("user_id_update", account::user_ids),
    ("groups", |frame, events| unknown_items(frame, "groups", events)),
    ("calls", |frame, events| unknown_items(frame, "calls", events)),
    ("errors", errors),
];

fn split_change(frame: &Frame<'_>, events: &mut Vec<Event>) {
    let before = events.len();
    for (_, read) in LISTS {
        read(frame, events);
    }
    if events.len() == before {
        events.push(frame.event_of_value(read_value(frame)));
        return;
    }
    let rest = unread_parts(frame.value);
    if !rest.is_empty() {
        let rest = frame.value_of_parts(rest);
        let frame = frame.around(&rest);
        events.push(frame.event_of_value(read_value(&frame)));
    }
}

/// Reads a value that is one thing as a whole.
fn read_value(frame: &Frame<'_>) -> EventKind {
    template::read(frame).or_else(|| account::read(frame)).unwrap_or_else(|| unknown_value(frame))
}

/// Lists and objects that stand beside a known list and that nothing has read.
fn unread_parts(value: &Value) -> Map<String, Value> {
    let unread = |key: &str, part: &Value| {
        let read = key == "contacts" || CONTEXT.contains(&key) || LISTS.iter().any(|(list, _)| *list == key);
        !read && (part.is_array() || part.is_object())
    };
    let parts = value.as_object().into_iter().flatten().filter(|(key, part)| unread(key, part));
    parts.map(|(key, part)| (key.clone(), part.clone())).collect()
}

fn errors(frame: &Frame<'_>, events: &mut Vec<Event>) {
    for item in json::items(frame.value, "errors") {
        let kind = EventKind::Error(Box::new(Fault::read(item)));
        events.push(frame.event_of_item(kind, "errors", item.clone(), None));
    }
}

/// Elements of a list that is known to Meta and of no use to us: groups, calls.
fn unknown_items(frame: &Frame<'_>, key: &str, events: &mut Vec<Event>) {
    for item in json::items(frame.value, key) {
        let unsupported = unknown(item, frame.field.map(str::to_owned));
        events.push(frame.event_of_item(
            EventKind::Unsupported(Box::new(unsupported)),
            key,
            item.clone(),
            None,
        ));
    }
}

fn unknown_value(frame: &Frame<'_>) -> EventKind {
    let word = json::word(frame.value, "event").or_else(|| frame.field.map(str::to_owned));
    EventKind::Unsupported(Box::new(Unsupported { word, ..Unsupported::default() }))
}

/// What can be read of an element that is not known. Its own word for itself comes before `word`.
pub(super) fn unknown(item: &Value, word: Option<String>) -> Unsupported {
    Unsupported {
        word: ["type", "event", "status"].iter().find_map(|key| json::word(item, key)).or(word),
        id: json::secret(item, "id"),
        from: json::secret(item, "from").or_else(|| json::secret(item, "from_user_id")),
        timestamp: json::time(item, "timestamp"),
        text: None,
    }
}

/// What can be read of a status whose word is not known.
pub(super) fn unknown_status(item: &Value) -> Unsupported {
    Unsupported { from: None, word: json::word(item, "status"), ..unknown(item, None) }
}

/// An element of a Messenger or Instagram entry.
fn other_platform(body: &Value, entry: &Value, key: &str, item: &Value) -> Event {
    const WORDS: [&str; 8] =
        ["message", "reaction", "postback", "read", "delivery", "referral", "optin", "message_edit"];
    let word = WORDS.into_iter().find(|word| item.get(word).is_some());
    let part = word.and_then(|word| item.get(word)).unwrap_or(&Value::Null);
    let unsupported = Unsupported {
        word: word.map(str::to_owned),
        id: json::secret(part, "mid"),
        from: item.get("sender").and_then(|sender| json::secret(sender, "id")),
        timestamp: json::time(item, "timestamp"),
        text: json::secret(part, "text"),
    };
    let mut alone = Map::new();
    for known in ["id", "time"] {
        if let Some(value) = entry.get(known) {
            alone.insert(known.into(), value.clone());
        }
    }
    alone.insert(key.into(), Value::Array(vec![item.clone()]));
    Event {
        target: Target::default(),
        entry_time: json::time(entry, "time"),
        kind: EventKind::Unsupported(Box::new(unsupported)),
        raw: body_of(body.get("object"), Value::Object(alone)),
    }
}

impl Event {
    /// Reads an event again from the raw value that was kept of it, as this version understands it.
    ///
    /// # Errors
    /// When the value is not one that [`split`] gave.
    pub fn from_raw(raw: &Sensitive<Value>) -> Result<Self, NotAWebhook> {
        let mut events = split_value(raw.expose())?;
        events.pop().filter(|_| events.is_empty()).ok_or(NotAWebhook::NoEntries)
    }
}
