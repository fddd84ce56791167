//! A message as Meta writes it, as a message of ours.

use deskbell_domain::{MessageKind, Sensitive};
use deskbell_meta::webhook::{Content, Message};
use deskbell_protocol::entity::{AttachmentCard, MessageContent, Place};

use super::limits::WORD_CHARS_MAX;

/// What a message of Meta's becomes in a thread.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Shown {
    /// What it is.
    pub(super) kind: MessageKind,
    /// What it says. `about` is not yet in it.
    pub(super) content: MessageContent,
    /// Meta's id of the message that it answers, reacts to or changes.
    pub(super) about: Option<Sensitive<String>>,
    /// What it means for the conversation.
    pub(super) weight: Weight,
}

/// What a message means for the conversation it stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Weight {
    /// The customer said something: the window opens, and somebody has to answer.
    Words,
    /// The customer reacted: the window opens, nobody has to answer.
    Gesture,
    /// WhatsApp says something about the customer or about an earlier message.
    Notice,
}

/// Maps a message. Nothing is lost by it: the raw event is kept beside.
pub(super) fn shown(message: &Message) -> Shown {
    let text = message.text.clone();
    let with_text = |text| MessageContent { text, ..MessageContent::default() };
    let quoted = message.context.as_ref().and_then(|context| context.id.clone());
    let words = |kind, content| Shown { kind, content, about: quoted.clone(), weight: Weight::Words };
    let file =
        |kind| words(kind, MessageContent { attachment: Some(card(message)), ..with_text(text.clone()) });
    match &message.content {
        Content::Text => words(MessageKind::Text, with_text(text)),
        Content::Image => file(MessageKind::Image),
        Content::Audio => file(MessageKind::Audio),
        Content::Video => file(MessageKind::Video),
        Content::Document => file(MessageKind::Document),
        Content::Sticker => file(MessageKind::Sticker),
        Content::Location(location) => {
            let place = location.latitude.zip(location.longitude).map(|(latitude, longitude)| {
                Sensitive::new(Place {
                    latitude: *latitude.expose(),
                    longitude: *longitude.expose(),
                    name: location.name.clone(),
                    address: location.address.clone(),
                })
            });
            let text = if place.is_none() { text } else { None };
            words(MessageKind::Location, MessageContent { place, ..with_text(text) })
        }
        Content::Contacts(cards) => {
            let contact_names = cards.iter().filter_map(|card| card.name.clone()).collect();
            words(MessageKind::Contacts, MessageContent { contact_names, ..MessageContent::default() })
        }
        Content::Interactive(_) => words(MessageKind::Interactive, with_text(text)),
        Content::Button { .. } => words(MessageKind::Button, with_text(text)),
        Content::Reaction { message_id, emoji } => Shown {
            kind: MessageKind::Reaction,
            content: with_text(emoji.clone()),
            about: message_id.clone().or(quoted),
            weight: Weight::Gesture,
        },
        Content::Order(_) => words(MessageKind::Order, with_text(text)),
        Content::System(_) => {
            Shown { kind: MessageKind::System, content: with_text(text), about: None, weight: Weight::Notice }
        }
        Content::Edit(edited) => changed(message, edited.original_id.clone()),
        Content::Revoke { original_id } => changed(message, original_id.clone()),
        Content::Unsupported { word } => words(MessageKind::Unsupported, unsupported(word.as_ref(), message)),
        Content::MediaPlaceholder | Content::Unknown => {
            words(MessageKind::Unsupported, unsupported(None, message))
        }
    }
}

/// A message that changes another or takes it back. This version shows that there was one.
fn changed(message: &Message, original: Option<Sensitive<String>>) -> Shown {
    Shown {
        kind: MessageKind::Unsupported,
        content: unsupported(None, message),
        about: original,
        weight: Weight::Notice,
    }
}

fn card(message: &Message) -> AttachmentCard {
    let media = message.media.as_ref();
    AttachmentCard {
        file_name: media.and_then(|media| media.filename.clone()),
        mime_type: media.and_then(|media| media.mime_type.as_deref().map(word)),
    }
}

fn unsupported(inner: Option<&String>, message: &Message) -> MessageContent {
    let named = inner.or(message.word.as_ref());
    let unsupported_type = named.map_or_else(|| "unknown".to_owned(), |named| word(named));
    MessageContent { unsupported_type: Some(unsupported_type), ..MessageContent::default() }
}

/// A word of the sender's or of Meta's, cut where no word is that long.
fn word(text: &str) -> String {
    text.chars().take(WORD_CHARS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use deskbell_meta::webhook::{EventKind, split};
    use serde_json::{Value, json};

    use super::*;

    /// The message of a webhook with this element.
    fn read(mut item: Value) -> Shown {
        item["from"] = "15550100001".into();
        item["id"] = "wamid.1".into();
        let body = json!({"object": "whatsapp_business_account", "entry": [{"id": "7", "changes": [
            {"field": "messages", "value": {"messages": [item]}}]}]});
        let mut events = split(body.to_string().as_bytes()).unwrap();
        match events.pop().unwrap().kind {
            EventKind::Message(message) => shown(&message),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_caption_and_the_file_stand_in_one_message() {
        let shown = read(json!({"type": "document", "document":
            {"caption": "The receipt", "filename": "receipt.pdf", "mime_type": "application/pdf", "id": "9"}}));
        assert_eq!(shown.kind, MessageKind::Document);
        assert_eq!(shown.content.text, Some("The receipt".into()));
        let card = shown.content.attachment.unwrap();
        assert_eq!(card.file_name, Some("receipt.pdf".into()));
        assert_eq!(card.mime_type.as_deref(), Some("application/pdf"));
    }

    #[test]
    fn a_file_without_its_object_is_still_a_file() {
        let shown = read(json!({"type": "image"}));
        assert_eq!(shown.kind, MessageKind::Image);
        assert!(shown.content.attachment.is_some());
    }

    #[test]
    fn a_place_is_shown_as_a_place_and_without_degrees_as_text() {
        let shown = read(
            json!({"type": "location", "location": {"latitude": 1.5, "longitude": "2.5", "name": "Quay"}}),
        );
        assert_eq!(shown.content.text, None);
        assert_eq!(shown.content.place.unwrap().expose().longitude, 2.5);
        let nameless = read(json!({"type": "location", "location": {"name": "Quay"}}));
        assert_eq!((nameless.content.text, nameless.content.place), (Some("Quay".into()), None));
    }

    #[test]
    fn a_reaction_names_its_message_and_asks_for_no_answer() {
        let shown = read(json!({"type": "reaction", "reaction": {"message_id": "wamid.0", "emoji": "👍"}}));
        assert_eq!(shown.about, Some("wamid.0".into()));
        assert_eq!(shown.content.text, Some("👍".into()));
        assert_eq!(shown.weight, Weight::Gesture);
        let gone = read(json!({"type": "reaction", "reaction": {"message_id": "wamid.0"}}));
        assert_eq!((gone.kind, gone.content.text), (MessageKind::Reaction, None));
    }

    #[test]
    fn what_is_not_known_is_shown_by_metas_word_for_it() {
        for (item, word) in [
            (json!({"type": "hologram", "hologram": {}}), "hologram"),
            (json!({"type": "unsupported", "unsupported": {"type": "poll"}}), "poll"),
            (json!({"type": "unsupported"}), "unsupported"),
            (json!({}), "unknown"),
        ] {
            let shown = read(item);
            assert_eq!(shown.kind, MessageKind::Unsupported);
            assert_eq!(shown.content.unsupported_type.as_deref(), Some(word));
            assert_eq!(shown.weight, Weight::Words);
        }
    }

    #[test]
    fn an_edit_and_a_revoke_open_no_window() {
        let edit = read(json!({"type": "edit", "edit": {"original_message_id": "wamid.0",
            "message": {"type": "text", "text": {"body": "changed"}}}}));
        let revoke = read(json!({"type": "revoke", "revoke": {"original_message_id": "wamid.0"}}));
        for shown in [edit, revoke] {
            assert_eq!(shown.about, Some("wamid.0".into()));
            assert_eq!(shown.weight, Weight::Notice);
            assert_eq!(shown.kind, MessageKind::Unsupported);
        }
    }

    #[test]
    fn the_chosen_option_is_the_text() {
        let shown = read(json!({"type": "interactive", "context": {"id": "wamid.0"}, "interactive":
            {"type": "list_reply", "list_reply": {"id": "x", "title": "Express"}}}));
        assert_eq!(shown.content.text, Some("Express".into()));
        assert_eq!(shown.about, Some("wamid.0".into()));
    }
}
