//! Webhook bodies as lines that a person or a script can read: what `deskbell-backend webhook decode` prints.

use deskbell_domain::{Sensitive, UtcMs};
use serde::Serialize;
use serde_json::Value;

use crate::webhook::{Event, EventKind, Kind, Message, NotAWebhook, split};

/// One event of a webhook, in one line of JSON. Absent values are `null`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Line {
    /// Name of the file the body was read from.
    pub file: String,
    /// Kind of the event.
    pub kind: Kind,
    /// Meta's own word: a message's type, a status, an account's event.
    #[serde(rename = "type")]
    pub word: Option<String>,
    /// Meta's id of what the event is about: the message, the template, the account, the number.
    pub id: Option<Sensitive<String>>,
    /// The person it comes from: phone number, or else user id.
    pub from: Option<Sensitive<String>>,
    /// When it happened; where it bears no time of its own, when Meta wrote the entry.
    pub timestamp_ms: Option<UtcMs>,
    /// What of it can be read as text.
    pub text: Option<Sensitive<String>>,
    /// The raw value, of what is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub raw: Option<Sensitive<Value>>,
}

/// The lines of a body, in the order of its events.
///
/// # Errors
/// When the body is no webhook.
pub fn lines(file: &str, body: &[u8]) -> Result<Vec<Line>, NotAWebhook> {
    Ok(split(body)?.into_iter().map(|event| Line::new(file, event)).collect())
}

impl Line {
    fn new(file: &str, event: Event) -> Self {
        let kind = event.kind();
        let Event { target, entry_time, kind: happened, raw } = event;
        let line = Self {
            file: file.to_owned(),
            kind,
            word: None,
            id: None,
            from: None,
            timestamp_ms: entry_time,
            text: None,
            raw: (kind == Kind::Unsupported).then_some(raw),
        };
        match happened {
            EventKind::Message(message) => line.with_message(*message),
            EventKind::Echo(echo) => line.with_message(echo.message),
            EventKind::History(history) => match history.message {
                Some(message) => line.with_message(message),
                None => Self { word: Some("history".into()), ..line },
            },
            EventKind::Status(status) => Self {
                word: Some(status.word.as_str().to_owned()),
                id: status.id,
                timestamp_ms: status.timestamp.or(entry_time),
                text: status.errors.into_iter().find_map(|error| error.title),
                ..line
            },
            EventKind::Contact(contact) => Self {
                word: Some(match contact.action {
                    crate::webhook::ContactAction::Add => "add".to_owned(),
                    crate::webhook::ContactAction::Remove => "remove".to_owned(),
                }),
                from: contact.person.any_id().cloned(),
                timestamp_ms: contact.timestamp.or(entry_time),
                text: contact.person.name,
                ..line
            },
            EventKind::Template(template) => Self {
                word: template.word,
                id: template.id.map(Sensitive::new),
                text: template.name.map(Sensitive::new),
                ..line
            },
            EventKind::Account(account) => {
                Self { word: account.word, id: target.waba_id.map(Sensitive::new), ..line }
            }
            EventKind::PhoneNumber(number) => {
                Self { word: number.word, id: number.display_phone_number.map(Sensitive::new), ..line }
            }
            EventKind::Preference(preference) => Self {
                word: Some(match preference.value {
                    crate::webhook::PreferenceValue::Stop => "stop".to_owned(),
                    crate::webhook::PreferenceValue::Resume => "resume".to_owned(),
                }),
                from: preference.person.any_id().cloned(),
                timestamp_ms: preference.timestamp.or(entry_time),
                ..line
            },
            EventKind::UserId(changed) => Self {
                word: Some("user_id_update".to_owned()),
                id: changed.user_id.and_then(|ids| ids.current),
                from: changed.person.any_id().cloned(),
                timestamp_ms: changed.timestamp.or(entry_time),
                ..line
            },
            EventKind::Error(fault) => Self {
                word: fault.code.map(|code| code.to_string()),
                text: fault.details.or(fault.title),
                ..line
            },
            EventKind::Unsupported(unknown) => Self {
                word: unknown.word,
                id: unknown.id,
                from: unknown.from,
                timestamp_ms: unknown.timestamp.or(entry_time),
                text: unknown.text,
                ..line
            },
        }
    }

    fn with_message(self, message: Message) -> Self {
        Self {
            word: message.word,
            id: message.id,
            from: message.from.any_id().cloned(),
            timestamp_ms: message.timestamp.or(self.timestamp_ms),
            text: message.text,
            ..self
        }
    }
}
