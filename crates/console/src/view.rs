//! From what the store knows to what a screen shows: the one place where the two shapes meet.

use deskbell_domain::{MessageKind, Open, Sensitive, ServiceWindow, UserId, UtcMs, WindowState};
use deskbell_protocol::entity::{ContactCard, MessageContent};
use deskbell_sync::view::{Group, Header, ListPage, ListRow, MessageState, Older, Thread, ThreadMessage};

use crate::api::{
    Assignee, AttachmentView, ConversationList, ConversationRow, DeliveryView, ListGroup, ListGroupKind,
    ListQuery, ListView, MessageView, OlderMessages, Preview, ThreadView, WindowView,
};
use crate::limits::PREVIEW_CHARS_MAX;

pub(crate) fn list_query(query: ListQuery, me: UserId, limit: usize) -> deskbell_sync::view::ListQuery {
    use deskbell_sync::view::ListView as Stored;
    let view = match query.view {
        ListView::Mine => Stored::Mine,
        ListView::Unassigned => Stored::Unassigned,
        ListView::All => Stored::All,
        ListView::Resolved => Stored::Resolved,
    };
    let offset = usize::try_from(query.offset).unwrap_or(usize::MAX);
    deskbell_sync::view::ListQuery { view, offset, limit, me }
}

pub(crate) fn list(page: ListPage, me: UserId, now: UtcMs) -> ConversationList {
    let groups = page.groups.into_iter().map(|(group, count)| ListGroup {
        kind: match group {
            Group::NeedsReply => ListGroupKind::NeedsReply,
            Group::WaitingOnCustomer => ListGroupKind::WaitingOnCustomer,
            Group::Resolved => ListGroupKind::Resolved,
        },
        count,
    });
    ConversationList {
        groups: groups.collect(),
        rows: page.rows.into_iter().map(|row| self::row(row, me, now)).collect(),
        unread_total: page.counts.unread,
        mine: page.counts.mine,
        unassigned: page.counts.unassigned,
        all: page.counts.all,
    }
}

pub(crate) fn thread(thread: Thread, draft: Sensitive<String>, me: UserId, now: UtcMs) -> ThreadView {
    ThreadView {
        masked_number: thread.row.header.body.contact.masked_number.clone(),
        conversation: row(thread.row, me, now),
        messages: thread.messages.into_iter().map(|message| self::message(message, me)).collect(),
        has_older: thread.has_older,
        first_unread: thread.first_unread,
        draft,
    }
}

pub(crate) fn older(older: Older, me: UserId) -> OlderMessages {
    OlderMessages {
        messages: older.messages.into_iter().map(|message| self::message(message, me)).collect(),
        has_older: older.has_older,
    }
}

fn row(row: ListRow, me: UserId, now: UtcMs) -> ConversationRow {
    let Header { id, body, queue, assignee, .. } = row.header;
    let window = match ServiceWindow::since(body.last_customer_message_at).at(now) {
        WindowState::Open { until } => WindowView::Open { until },
        WindowState::Closed { since } => WindowView::Closed { since },
    };
    let (name, has_name) = shown_name(&body.contact);
    ConversationRow {
        id,
        name,
        has_name,
        queue,
        status: body.status,
        priority: body.priority,
        assignee: body.assignee.map(|id| Assignee {
            id,
            name: assignee.unwrap_or_default(),
            is_me: id == me,
        }),
        preview: row.preview.as_ref().map(preview),
        draft: row.draft,
        unread: row.unread,
        last_message_at: body.last_message_at,
        waiting_since: body.waiting_since,
        window,
    }
}

/// The customer's name, else the user name, else the masked number.
fn shown_name(contact: &ContactCard) -> (Sensitive<String>, bool) {
    let said = contact.name.as_ref().filter(|name| !name.expose().trim().is_empty());
    if let Some(name) = said {
        return (name.clone(), true);
    }
    if let Some(username) = &contact.username {
        return (Sensitive::new(format!("@{}", username.expose())), true);
    }
    (contact.masked_number.clone().unwrap_or_default(), false)
}

fn preview(message: &ThreadMessage) -> Preview {
    let delivery = delivery(message);
    let failed = matches!(
        delivery,
        Some(
            DeliveryView::Refused { .. }
                | DeliveryView::Known { status: Open::Known(deskbell_domain::DeliveryStatus::Failed), .. }
        )
    );
    Preview {
        kind: kind(message),
        text: text(&message.body.content).map(|text| text.map(|text| one_line(&text))),
        outbound: message.body.direction.known() == Some(deskbell_domain::Direction::Outbound),
        queued: matches!(delivery, Some(DeliveryView::Waiting)),
        failed,
    }
}

/// The start of a text, on one line.
fn one_line(text: &str) -> String {
    let mut line = String::new();
    for word in text.split_whitespace() {
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
        if line.chars().count() >= PREVIEW_CHARS_MAX {
            break;
        }
    }
    line.chars().take(PREVIEW_CHARS_MAX).collect()
}

fn message(message: ThreadMessage, me: UserId) -> MessageView {
    let delivery = delivery(&message);
    let kind = kind(&message);
    let body = message.body;
    MessageView {
        id: message.id,
        direction: body.direction,
        origin: body.origin,
        kind,
        text: text(&body.content),
        attachment: body
            .content
            .attachment
            .map(|file| AttachmentView { file_name: file.file_name, mime_type: file.mime_type }),
        author: message.author.filter(|_| body.author != Some(me)),
        at: body.at,
        delivery,
    }
}

/// The word for what a message is: of what nobody can show, Meta's own word.
fn kind(message: &ThreadMessage) -> String {
    match (message.body.kind, &message.body.content.unsupported_type) {
        (Open::Known(MessageKind::Unsupported), Some(word)) => format!("unsupported:{word}"),
        (Open::Known(kind), _) => word_of(kind),
        (Open::Unknown(word), _) => format!("unsupported:{}", word.as_str()),
    }
}

/// The wire's own word for a kind.
fn word_of(kind: MessageKind) -> String {
    match serde_json::to_value(kind) {
        Ok(serde_json::Value::String(word)) => word,
        _ => "unsupported".to_owned(),
    }
}

/// What there is to read in a message: its text, or the place or the names it carries.
fn text(content: &MessageContent) -> Option<Sensitive<String>> {
    if content.text.is_some() {
        return content.text.clone();
    }
    if let Some(place) = &content.place {
        let place = place.expose();
        let parts = [&place.name, &place.address].into_iter().flatten().map(|part| part.expose().as_str());
        let named = parts.collect::<Vec<_>>().join(", ");
        let shown = if named.is_empty() { format!("{}, {}", place.latitude, place.longitude) } else { named };
        return Some(Sensitive::new(shown));
    }
    let names = content.contact_names.iter().map(|name| name.expose().as_str()).collect::<Vec<_>>();
    (!names.is_empty()).then(|| Sensitive::new(names.join(", ")))
}

fn delivery(message: &ThreadMessage) -> Option<DeliveryView> {
    match message.state {
        MessageState::Waiting { .. } => Some(DeliveryView::Waiting),
        MessageState::Refused { code, .. } => Some(DeliveryView::Refused { code: word(code) }),
        MessageState::Stored => {
            let status = message.body.status?;
            Some(DeliveryView::Known { status, failure: message.body.failure })
        }
    }
}

fn word<T: serde::Serialize>(code: Open<T>) -> String {
    match serde_json::to_value(code) {
        Ok(serde_json::Value::String(word)) => word,
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_preview_is_one_short_line() {
        assert_eq!(one_line("  Hola,\n\n ¿qué   tal?  "), "Hola, ¿qué tal?");
        assert_eq!(one_line(&"palabra ".repeat(100)).chars().count(), PREVIEW_CHARS_MAX);
        assert_eq!(one_line(&"x".repeat(100_000)).chars().count(), PREVIEW_CHARS_MAX);
    }

    #[test]
    fn a_customer_without_a_name_is_shown_by_the_masked_number() {
        let mut card = ContactCard {
            id: deskbell_domain::ContactId::from_bytes([1; 16]),
            name: Some(" ".into()),
            username: None,
            masked_number: Some("••• 0142".into()),
        };
        assert_eq!(shown_name(&card), ("••• 0142".into(), false));
        card.username = Some("luciaf".into());
        assert_eq!(shown_name(&card), ("@luciaf".into(), true));
        card.name = Some("Lucía".into());
        assert_eq!(shown_name(&card), ("Lucía".into(), true));
    }

    #[test]
    fn what_nobody_can_show_keeps_metas_word() {
        let content =
            MessageContent { contact_names: vec!["Ana".into(), "Luis".into()], ..Default::default() };
        assert_eq!(text(&content), Some("Ana, Luis".into()));
        assert_eq!(word_of(MessageKind::Unsupported), "unsupported");
        assert_eq!(word_of(MessageKind::Text), "text");
    }
}
