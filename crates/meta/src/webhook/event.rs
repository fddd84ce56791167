use deskbell_domain::{Sensitive, UtcMs};
use serde::Serialize;
use serde_json::Value;

use super::{
    Account, BusinessContact, Echo, History, Message, PhoneNumber, Preference, Status, Template, UserId, json,
};
use crate::webhook::content::Content;

/// One thing that happened, as a webhook told it.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// Which account it happened to.
    pub target: Target,
    /// When Meta wrote the entry, where it says so; messages and statuses carry times of their own instead.
    pub entry_time: Option<UtcMs>,
    /// What happened.
    pub kind: EventKind,
    /// The event's own JSON in the smallest webhook body that contains it: splitting it gives this event again.
    pub raw: Sensitive<Value>,
}

/// The business account an event belongs to. Each id is there only if the webhook names it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Target {
    /// WhatsApp Business Account.
    pub waba_id: Option<String>,
    /// Business phone number, as the Graph API calls it.
    pub phone_number_id: Option<String>,
    /// The business's number as people write it.
    pub display_phone_number: Option<String>,
    /// Business portfolio, where the entry stands for one instead of a WABA.
    pub portfolio_id: Option<String>,
}

/// What happened.
#[derive(Debug, Clone, PartialEq)]
pub enum EventKind {
    /// A customer wrote, pressed or reacted. Its content may be of a type this version does not know.
    Message(Box<Message>),
    /// A message of ours moved on.
    Status(Box<Status>),
    /// The business wrote from its phone.
    Echo(Box<Echo>),
    /// A message, or the progress, of the history from before the connection.
    History(Box<History>),
    /// The business's phone saved or removed a contact.
    Contact(Box<BusinessContact>),
    /// A template changed.
    Template(Box<Template>),
    /// The account changed.
    Account(Box<Account>),
    /// A business phone number changed.
    PhoneNumber(Box<PhoneNumber>),
    /// A customer wants, or no longer wants, marketing.
    Preference(Box<Preference>),
    /// A customer has another user id.
    UserId(Box<UserId>),
    /// An error that belongs to no message.
    Error(Box<Fault>),
    /// What this version does not know. The raw value is kept.
    Unsupported(Box<Unsupported>),
}

/// What this version does not know, as far as it can be read all the same.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Unsupported {
    /// Meta's word for it: a type, event or field.
    pub word: Option<String>,
    /// Meta's id of it.
    pub id: Option<Sensitive<String>>,
    /// Who caused it.
    pub from: Option<Sensitive<String>>,
    /// When it happened.
    pub timestamp: Option<UtcMs>,
    /// A text in it.
    pub text: Option<Sensitive<String>>,
}

/// An error as Meta reports it within a webhook. Decide by `code`; the texts may quote numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Number in Meta's error table.
    pub code: Option<i64>,
    /// Short description.
    pub title: Option<Sensitive<String>>,
    /// What went wrong here, where Meta says more than the title.
    pub details: Option<Sensitive<String>>,
}

/// The kinds of events, by the names that `webhook decode` prints.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A customer's message of a known type.
    Message,
    /// A message of ours moved on.
    Status,
    /// The business wrote from its phone.
    Echo,
    /// A message from before the connection.
    History,
    /// A contact on the business's phone.
    Contact,
    /// A template.
    Template,
    /// The account.
    Account,
    /// A business phone number.
    PhoneNumber,
    /// A marketing preference.
    Preference,
    /// A changed user id.
    UserId,
    /// Unknown to this version.
    Unsupported,
    /// An error.
    Error,
}

impl Event {
    /// The kind of the event. A message of an unknown type is [`Kind::Unsupported`], though it is read as a message.
    pub fn kind(&self) -> Kind {
        match &self.kind {
            EventKind::Message(message) if message.content == Content::Unknown => Kind::Unsupported,
            EventKind::Message(_) => Kind::Message,
            EventKind::Status(_) => Kind::Status,
            EventKind::Echo(_) => Kind::Echo,
            EventKind::History(_) => Kind::History,
            EventKind::Contact(_) => Kind::Contact,
            EventKind::Template(_) => Kind::Template,
            EventKind::Account(_) => Kind::Account,
            EventKind::PhoneNumber(_) => Kind::PhoneNumber,
            EventKind::Preference(_) => Kind::Preference,
            EventKind::UserId(_) => Kind::UserId,
            EventKind::Error(_) => Kind::Error,
            EventKind::Unsupported(_) => Kind::Unsupported,
        }
    }

    /// Bytes that are the same for each delivery of the same event, and for no other event: what a keyed hash is
    /// made of to recognise duplicates. They contain Meta's ids.
    pub fn identity(&self) -> Sensitive<Vec<u8>> {
        let number = self.target.phone_number_id.as_deref().unwrap_or_default();
        let expose =
            |id: &Option<Sensitive<String>>| id.as_ref().map(|id| id.expose().clone()).unwrap_or_default();
        let parts = match &self.kind {
            EventKind::Message(message) if message.id.is_some() => {
                ["message", number, &expose(&message.id)].join("\0")
            }
            EventKind::Status(status) if status.id.is_some() => {
                let recipient = status.recipient.key().map(Sensitive::into_exposed).unwrap_or_default();
                ["status", number, &expose(&status.id), status.word.as_str(), &recipient].join("\0")
            }
            EventKind::Echo(echo) if echo.message.id.is_some() => {
                ["echo", number, &expose(&echo.message.id)].join("\0")
            }
            // An entry's own time is part of its raw value, so the same change on another day is another event.
            _ => ["other", &self.raw.expose().to_string()].join("\0"),
        };
        Sensitive::new(parts.into_bytes())
    }
}

impl Fault {
    /// Reads an error in its newer shape (`error_data.details`) or its older one (`details`).
    pub(super) fn read(value: &Value) -> Self {
        let nested = value.get("error_data").and_then(|data| json::secret(data, "details"));
        Self {
            code: json::whole(value, "code"),
            title: json::secret(value, "title").or_else(|| json::secret(value, "message")),
            details: nested
                .or_else(|| json::secret(value, "details"))
                .or_else(|| json::secret(value, "message")),
        }
    }

    /// The errors of a value, none where it has none.
    pub(super) fn all(value: &Value) -> Vec<Self> {
        json::items(value, "errors").iter().map(Self::read).collect()
    }
}
