use serde_json::Value;

use super::frame::Frame;
use super::{EventKind, Unsupported, json};

/// A message template of the account changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    /// Meta's id of the template: a number beyond 2^53 at times, so kept as text.
    pub id: Option<String>,
    /// Its name.
    pub name: Option<String>,
    /// Its language, as Meta writes it (`en-US` and `en_US` both occur).
    pub language: Option<String>,
    /// What changed.
    pub change: TemplateChange,
    /// Meta's word for the change.
    pub word: Option<String>,
}

/// What changed of a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TemplateChange {
    /// Its review, or whether it may be used.
    Status {
        /// What happened.
        event: TemplateEvent,
        /// Why, in Meta's word (`NONE` is read as no reason).
        reason: Option<String>,
        /// What to do about it, in Meta's sentence.
        recommendation: Option<String>,
    },
    /// Its quality, as customers react.
    Quality {
        /// Before.
        previous: Option<String>,
        /// Now: `GREEN`, `YELLOW`, `RED` or `UNKNOWN`.
        new: Option<String>,
    },
    /// Its price category.
    Category {
        /// Before; absent where the change is yet to come.
        previous: Option<String>,
        /// Now.
        new: Option<String>,
        /// What Meta will make it, where the change is yet to come.
        correct: Option<String>,
    },
    /// Its text or buttons.
    Components,
}

/// What happened to a template.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "Meta's words; its documents say no more about them")]
pub enum TemplateEvent {
    Approved,
    Archived,
    Deleted,
    Disabled,
    Flagged,
    InAppeal,
    LimitExceeded,
    Locked,
    Paused,
    Pending,
    Reinstated,
    PendingDeletion,
    Rejected,
}

impl TemplateEvent {
    fn parse(word: &str) -> Option<Self> {
        Some(match word {
            "APPROVED" => Self::Approved,
            "ARCHIVED" => Self::Archived,
            "DELETED" => Self::Deleted,
            "DISABLED" => Self::Disabled,
            "FLAGGED" => Self::Flagged,
            "IN_APPEAL" => Self::InAppeal,
            "LIMIT_EXCEEDED" => Self::LimitExceeded,
            "LOCKED" => Self::Locked,
            "PAUSED" => Self::Paused,
            "PENDING" => Self::Pending,
            "REINSTATED" => Self::Reinstated,
            "PENDING_DELETION" => Self::PendingDeletion,
            "REJECTED" => Self::Rejected,
            _ => return None,
        })
    }
}

/// Reads a change of a template; `None` where the value is about something else.
pub(super) fn read(frame: &Frame<'_>) -> Option<EventKind> {
    let value = frame.value;
    let has = |key: &str| value.get(key).is_some();
    let named = frame.field.is_some_and(|field| field.contains("template"));
    if !named && !has("message_template_id") && !has("message_template_name") {
        return None;
    }
    // By keys first: Meta's own documents show a quality change under the name of a status change.
    let (change, word) = if has("new_quality_score") {
        let new = json::word(value, "new_quality_score");
        (
            TemplateChange::Quality {
                previous: json::word(value, "previous_quality_score"),
                new: new.clone(),
            },
            new,
        )
    } else if has("new_category") {
        let new = json::word(value, "new_category");
        (
            TemplateChange::Category {
                previous: json::word(value, "previous_category"),
                new: new.clone(),
                correct: json::word(value, "correct_category"),
            },
            new,
        )
    } else if let Some(word) = json::word(value, "event") {
        let Some(event) = TemplateEvent::parse(&word) else { return Some(unsupported(value, word)) };
        (status(value, event), Some(word))
    } else if frame.field == Some("message_template_components_update") || has("message_template_element") {
        (TemplateChange::Components, Some("message_template_components_update".to_owned()))
    } else {
        return None;
    };
    Some(EventKind::Template(Box::new(Template {
        id: json::id(value, "message_template_id"),
        name: json::word(value, "message_template_name"),
        language: json::word(value, "message_template_language"),
        change,
        word,
    })))
}

fn status(value: &Value, event: TemplateEvent) -> TemplateChange {
    let rejection = value.get("rejection_info").unwrap_or(&Value::Null);
    let reason = json::word(value, "reason").filter(|reason| reason != "NONE");
    TemplateChange::Status { event, reason, recommendation: json::word(rejection, "recommendation") }
}

fn unsupported(value: &Value, word: String) -> EventKind {
    let id = json::secret(value, "message_template_id");
    EventKind::Unsupported(Box::new(Unsupported { word: Some(word), id, ..Unsupported::default() }))
}
