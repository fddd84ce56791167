use deskbell_domain::{Sensitive, UtcMs};
use serde_json::Value;

use super::frame::Frame;
use super::person::{Fields, Person, RECIPIENT};
use super::{Event, EventKind, Fault, json, split};

/// A message of ours moved on. Statuses arrive in any order, and `delivered` may never come.
#[derive(Debug, Clone, PartialEq)]
pub struct Status {
    /// Meta's id of the message.
    pub id: Option<Sensitive<String>>,
    /// How far it has come.
    pub word: StatusWord,
    /// When, on Meta's clock, to the second.
    pub timestamp: Option<UtcMs>,
    /// Whom the message was for.
    pub recipient: Recipient,
    /// The text that was given with the message when it was sent.
    pub callback_data: Option<Sensitive<String>>,
    /// Why it failed.
    pub errors: Vec<Fault>,
    /// What it costs.
    pub pricing: Option<Pricing>,
    /// Meta's billing conversation, where it still names one.
    pub conversation_id: Option<String>,
}

/// How far a message has come, in Meta's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum StatusWord {
    /// On its way.
    Sent,
    /// On the customer's device.
    Delivered,
    /// Seen.
    Read,
    /// Heard.
    Played,
    /// Not sent.
    Failed,
}

/// Whom a message was for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Recipient {
    /// The person: the customer, or in a group the member whom this status is about.
    pub person: Person,
    /// The group, if it was for one.
    pub group_id: Option<Sensitive<String>>,
}

/// What Meta charges for a message.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pricing {
    /// Whether it is charged.
    pub billable: Option<bool>,
    /// `CBP` (by conversation, before July 2025) or `PMP` (by message).
    pub model: Option<String>,
    /// `regular`, `free_customer_service` or `free_entry_point`.
    pub class: Option<String>,
    /// `marketing`, `utility`, `service` and others.
    pub category: Option<String>,
}

/// The member of a group whom a status is about.
const PARTICIPANT: Fields = Fields {
    phone: "recipient_participant_id",
    user_id: "recipient_participant_user_id",
    parent_user_id: ["recipient_participant_parent_user_id", "recipient_participant_parent_user_id"],
};

impl StatusWord {
    fn parse(word: &str) -> Option<Self> {
        [Self::Sent, Self::Delivered, Self::Read, Self::Played, Self::Failed]
            .into_iter()
            .find(|status| status.as_str() == word)
    }

    /// Meta's word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::Delivered => "delivered",
            Self::Read => "read",
            Self::Played => "played",
            Self::Failed => "failed",
        }
    }
}

impl Recipient {
    /// What tells this recipient from others of the same message.
    pub(super) fn key(&self) -> Option<Sensitive<String>> {
        self.person.any_id().or(self.group_id.as_ref()).cloned()
    }
}

impl Pricing {
    fn read(value: &Value) -> Self {
        Self {
            billable: value.get("billable").and_then(Value::as_bool),
            model: json::word(value, "pricing_model"),
            class: json::word(value, "type"),
            category: json::word(value, "category"),
        }
    }
}

/// Statuses of our messages. A status in a word that is not known is kept as unsupported.
pub(super) fn statuses(frame: &Frame<'_>, events: &mut Vec<Event>) {
    let items = json::items(frame.value, "statuses");
    for item in items {
        let Some(word) = json::text(item, "status").and_then(StatusWord::parse) else {
            let kind = EventKind::Unsupported(Box::new(split::unknown_status(item)));
            events.push(frame.event_of_item(kind, "statuses", item.clone(), None));
            continue;
        };
        let in_group = json::text(item, "recipient_type") == Some("group");
        let fields = if in_group { &PARTICIPANT } else { &RECIPIENT };
        let (person, contact) = frame.person(item, fields, items.len() == 1);
        let group_id = if in_group { json::secret(item, "recipient_id") } else { None };
        let status = Status {
            id: json::secret(item, "id"),
            word,
            timestamp: json::time(item, "timestamp"),
            recipient: Recipient { person, group_id },
            callback_data: json::secret(item, "biz_opaque_callback_data"),
            errors: Fault::all(item),
            pricing: item.get("pricing").map(Pricing::read),
            conversation_id: item.get("conversation").and_then(|conversation| json::id(conversation, "id")),
        };
        events.push(frame.event_of_item(
            EventKind::Status(Box::new(status)),
            "statuses",
            item.clone(),
            contact,
        ));
    }
}
