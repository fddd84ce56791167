use deskbell_domain::Sensitive;
use serde_json::{Map, Value};

use super::person::{CONTACT, Fields, Person};
use super::{Event, EventKind, Target, json};

/// Objects of a value that every element of it shares.
pub(super) const CONTEXT: [&str; 2] = ["metadata", "waba_info"];

/// A change and what stands around it: all that its events need to be understood without the rest of the body.
pub(super) struct Frame<'a> {
    object: Option<&'a Value>,
    entry: &'a Value,
    change: &'a Value,
    /// The field's name, wherever Meta put it.
    pub(super) field: Option<&'a str>,
    pub(super) value: &'a Value,
    target: Target,
}

impl<'a> Frame<'a> {
    /// The frame of a change. `body` and `entry` may miss any of their own fields.
    pub(super) fn new(body: &'a Value, entry: &'a Value, change: &'a Value) -> Self {
        let value = change.get("value").unwrap_or(&Value::Null);
        // In bodies of Meta's own documents the field's name slipped into the value or out to the entry.
        let field = [change, value, entry].into_iter().find_map(|place| json::text(place, "field"));
        let object = [body, entry, value].into_iter().find_map(|place| place.get("object"));
        Self { object, entry, change, field, value, target: target(entry, value) }
    }

    /// An event about one element of the list `key`, with the person's contact if there is one.
    pub(super) fn event_of_item(
        &self,
        kind: EventKind,
        key: &str,
        item: Value,
        contact: Option<&Value>,
    ) -> Event {
        let mut value = self.context();
        if let Some(contact) = contact {
            value.insert("contacts".into(), Value::Array(vec![contact.clone()]));
        }
        value.insert(key.into(), Value::Array(vec![item]));
        self.event(kind, Value::Object(value))
    }

    /// The value with these parts of it alone, beside their context.
    pub(super) fn value_of_parts(&self, parts: Map<String, Value>) -> Value {
        let mut value = self.context();
        value.extend(parts);
        Value::Object(value)
    }

    /// The same frame around another value.
    pub(super) fn around<'b>(&self, value: &'b Value) -> Frame<'b>
    where
        'a: 'b,
    {
        Frame { value, target: self.target.clone(), ..*self }
    }

    /// An event about the whole value.
    pub(super) fn event_of_value(&self, kind: EventKind) -> Event {
        self.event(kind, self.value.clone())
    }

    fn event(&self, kind: EventKind, value: Value) -> Event {
        let change = match self.change {
            Value::Object(change) => {
                let mut change = change.clone();
                if let Some(field) = self.field {
                    change.insert("field".into(), field.into());
                }
                if !value.is_null() {
                    change.insert("value".into(), value);
                }
                Value::Object(change)
            }
            odd => odd.clone(),
        };
        let mut entry = Map::new();
        for key in ["id", "time"] {
            if let Some(known) = self.entry.get(key) {
                entry.insert(key.into(), known.clone());
            }
        }
        entry.insert("changes".into(), Value::Array(vec![change]));
        Event {
            target: self.target.clone(),
            entry_time: json::time(self.entry, "time"),
            kind,
            raw: body_of(self.object, Value::Object(entry)),
        }
    }

    /// What every element of the value shares: what is no list and no object, and the objects that say whose it is.
    fn context(&self) -> Map<String, Value> {
        let shared = |key: &str, part: &Value| match part {
            Value::Array(_) => false,
            Value::Object(_) => CONTEXT.contains(&key),
            _ => true,
        };
        let parts = self.value.as_object().into_iter().flatten().filter(|(key, part)| shared(key, part));
        parts.map(|(key, part)| (key.clone(), part.clone())).collect()
    }

    /// The person whom `item` names in `fields`, with the contact that tells more about them.
    ///
    /// `alone` says that the item is the only one of its kind here: then the only contact is theirs even if the two
    /// have no id in common, as happens where one of them lacks the id or has it misspelt.
    pub(super) fn person(&self, item: &Value, fields: &Fields, alone: bool) -> (Person, Option<&'a Value>) {
        let person = Person::read(item, fields);
        let contacts = json::items(self.value, "contacts");
        let agreeing =
            contacts.iter().find(|contact| person.shares_id_with(&Person::read(contact, &CONTACT)));
        match (agreeing, contacts) {
            (Some(contact), _) => (person.joined(Person::read_contact(contact), true), Some(contact)),
            (None, [only]) if alone => (person.joined(Person::read_contact(only), false), Some(only)),
            _ => (person, None),
        }
    }
}

/// A body with one entry.
pub(super) fn body_of(object: Option<&Value>, entry: Value) -> Sensitive<Value> {
    let mut body = Map::new();
    if let Some(object) = object {
        body.insert("object".into(), object.clone());
    }
    body.insert("entry".into(), Value::Array(vec![entry]));
    Sensitive::new(Value::Object(body))
}

fn target(entry: &Value, value: &Value) -> Target {
    let metadata = value.get("metadata").unwrap_or(&Value::Null);
    let entry_id = json::id(entry, "id");
    // Where the value names the WABA, the entry stands for the portfolio of the partner.
    let named = value.get("waba_info").and_then(|info| json::id(info, "waba_id"));
    let portfolio_id = if named.is_some() && named != entry_id { entry_id.clone() } else { None };
    Target {
        waba_id: named.or(entry_id),
        phone_number_id: json::id(metadata, "phone_number_id"),
        display_phone_number: json::id(metadata, "display_phone_number")
            .or_else(|| json::id(value, "display_phone_number"))
            .or_else(|| json::id(value, "phone_number")),
        portfolio_id,
    }
}
