use deskbell_domain::Sensitive;
use serde_json::Value;

use super::json;
use super::person::{CONTACT, Person};

/// What a message says. Where Meta names a type and leaves out its object, the parts of it are absent.
#[derive(Debug, Clone, PartialEq)]
pub enum Content {
    /// Text.
    Text,
    /// A picture.
    Image,
    /// A sound; a voice message if its media says so.
    Audio,
    /// A film.
    Video,
    /// A file.
    Document,
    /// A sticker.
    Sticker,
    /// A file of the history whose content Meta may send later.
    MediaPlaceholder,
    /// A place.
    Location(Location),
    /// Cards from the customer's address book, or the customer's own number.
    Contacts(Vec<ContactCard>),
    /// An answer to a menu, list or flow. Absent where Meta could not render it.
    Interactive(Option<Reply>),
    /// A press on a template's button.
    Button {
        /// What the template's author put behind the button.
        payload: Option<Sensitive<String>>,
    },
    /// An emoji on a message.
    Reaction {
        /// The message it is on.
        message_id: Option<Sensitive<String>>,
        /// The emoji; `None` takes an earlier one away.
        emoji: Option<Sensitive<String>>,
    },
    /// A shopping cart.
    Order(Order),
    /// A notice by WhatsApp.
    System(Box<System>),
    /// The customer changed a message.
    Edit(Box<Edited>),
    /// The customer took a message back.
    Revoke {
        /// The message that is gone.
        original_id: Option<Sensitive<String>>,
    },
    /// What Meta itself cannot show here.
    Unsupported {
        /// What it would be, where Meta says so.
        word: Option<String>,
    },
    /// A type this version does not know.
    Unknown,
}

/// A file on Meta's servers. The id in a webhook is good for seven days.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Media {
    /// Meta's id of the file.
    pub id: Option<Sensitive<String>>,
    /// Media type with its parameters.
    pub mime_type: Option<String>,
    /// SHA-256 of the file, in base64 here.
    pub sha256: Option<String>,
    /// Name the customer's device gave it.
    pub filename: Option<Sensitive<String>>,
    /// Address that lives five minutes and asks for the token. Not always there.
    pub url: Option<Sensitive<String>>,
    /// Recorded as a voice message.
    pub voice: bool,
    /// A sticker that moves.
    pub animated: bool,
}

/// A place.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Location {
    /// Degrees north.
    pub latitude: Option<Sensitive<f64>>,
    /// Degrees east.
    pub longitude: Option<Sensitive<f64>>,
    /// Its name.
    pub name: Option<Sensitive<String>>,
    /// Its postal address.
    pub address: Option<Sensitive<String>>,
    /// A page about it.
    pub url: Option<Sensitive<String>>,
}

/// A card from an address book.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ContactCard {
    /// The name as a whole.
    pub name: Option<Sensitive<String>>,
    /// The company.
    pub company: Option<Sensitive<String>>,
    /// Phone numbers as the card writes them.
    pub phones: Vec<Sensitive<String>>,
    /// `contact_request` where the customer answered a request for their own number: only then is the number the
    /// sender's.
    pub origin: Option<String>,
}

/// An answer to something we sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// What was answered.
    pub kind: ReplyKind,
    /// Our id of the button or row; for a flow, its name.
    pub id: Option<Sensitive<String>>,
    /// The label that was pressed.
    pub title: Option<Sensitive<String>>,
    /// The row's description.
    pub description: Option<Sensitive<String>>,
    /// A flow's answers, JSON in a text; not always an object.
    pub response_json: Option<Sensitive<String>>,
}

/// What was answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReplyKind {
    /// A button.
    Button,
    /// A row of a list.
    List,
    /// A flow (Meta: `nfm_reply`).
    Flow,
    /// Something this version does not know.
    Unknown,
}

/// A shopping cart.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Order {
    /// The catalogue it is from.
    pub catalog_id: Option<String>,
    /// What is in it.
    pub items: Vec<OrderItem>,
}

/// A line of a shopping cart.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct OrderItem {
    /// The seller's id of the product.
    pub product: Option<String>,
    /// How many.
    pub quantity: Option<i64>,
    /// Price of one.
    pub price: Option<f64>,
    /// ISO 4217 code of the price.
    pub currency: Option<String>,
}

/// A notice by WhatsApp.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct System {
    /// What happened.
    pub event: SystemEvent,
    /// Meta's word for it.
    pub word: Option<String>,
    /// The customer as they are from now on.
    pub now: Person,
}

/// What a notice is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SystemEvent {
    /// The customer has another phone number.
    ChangedNumber,
    /// The customer has another user id.
    ChangedUserId,
    /// The customer's identity keys changed: another device, or another person.
    ChangedIdentity,
    /// Something this version does not know.
    Unknown,
}

/// A message as it reads after the customer changed it.
#[derive(Debug, Clone, PartialEq)]
pub struct Edited {
    /// The message that was changed.
    pub original_id: Option<Sensitive<String>>,
    /// Meta's word for its type.
    pub word: Option<String>,
    /// What it says now.
    pub content: Content,
    /// Its file.
    pub media: Option<Media>,
}

/// The part of a message that depends on its type.
pub(super) struct Body {
    pub(super) word: Option<String>,
    pub(super) content: Content,
    pub(super) text: Option<Sensitive<String>>,
    pub(super) media: Option<Media>,
}

/// Reads what a message says. The type names the object that holds it; without a type, or under one that is not
/// known, the message is of unknown content.
pub(super) fn read(item: &Value) -> Body {
    let word = json::word(item, "type");
    let part = word.as_deref().and_then(|word| item.get(word)).unwrap_or(&Value::Null);
    let text = |key| json::secret(part, key);
    let nothing = None::<Sensitive<String>>;
    let (content, text) = match word.as_deref() {
        Some("text") => (Content::Text, text("body")),
        Some("image") => (Content::Image, text("caption")),
        Some("audio" | "voice") => (Content::Audio, nothing),
        Some("video") => (Content::Video, text("caption")),
        Some("document") => (Content::Document, text("caption")),
        Some("sticker") => (Content::Sticker, nothing),
        Some("media_placeholder") => (Content::MediaPlaceholder, nothing),
        Some("location") => (Content::Location(location(part)), text("name").or_else(|| text("address"))),
        Some("contacts") => {
            let cards: Vec<_> = json::items(item, "contacts").iter().map(card).collect();
            let name = cards.iter().find_map(|card| card.name.clone());
            (Content::Contacts(cards), name)
        }
        Some("interactive") => {
            let reply = reply(part);
            let label = reply.as_ref().and_then(|reply| reply.title.clone());
            (Content::Interactive(reply), label)
        }
        Some("button") => (Content::Button { payload: text("payload") }, text("text")),
        Some("reaction") => {
            let emoji = text("emoji");
            (Content::Reaction { message_id: text("message_id"), emoji: emoji.clone() }, emoji)
        }
        Some("order") => (Content::Order(order(part)), text("text")),
        Some("system") => (Content::System(Box::new(system(part))), text("body")),
        Some("edit") => edit(part),
        Some("revoke") => (Content::Revoke { original_id: text("original_message_id") }, nothing),
        Some("unsupported") => (Content::Unsupported { word: json::word(part, "type") }, nothing),
        _ => (Content::Unknown, nothing),
    };
    let media = match content {
        Content::Image | Content::Audio | Content::Video | Content::Document | Content::Sticker => {
            media(part)
        }
        _ => None,
    };
    Body { word, content, text, media }
}

fn media(part: &Value) -> Option<Media> {
    part.is_object().then(|| Media {
        id: json::secret(part, "id"),
        mime_type: json::word(part, "mime_type"),
        sha256: json::word(part, "sha256"),
        filename: json::secret(part, "filename"),
        url: json::secret(part, "url"),
        voice: json::flag(part, "voice"),
        animated: json::flag(part, "animated"),
    })
}

fn location(part: &Value) -> Location {
    let degrees = |key| {
        let value = part.get(key)?;
        let degrees = value.as_f64().or_else(|| value.as_str()?.trim().parse().ok())?;
        Some(Sensitive::new(degrees))
    };
    Location {
        latitude: degrees("latitude"),
        longitude: degrees("longitude"),
        name: json::secret(part, "name"),
        address: json::secret(part, "address"),
        url: json::secret(part, "url"),
    }
}

fn card(item: &Value) -> ContactCard {
    let name = item.get("name").unwrap_or(&Value::Null);
    ContactCard {
        name: json::secret(name, "formatted_name").or_else(|| json::secret(name, "first_name")),
        company: item.get("org").and_then(|org| json::secret(org, "company")),
        phones: json::items(item, "phones")
            .iter()
            .filter_map(|phone| json::secret(phone, "phone").or_else(|| json::secret(phone, "wa_id")))
            .collect(),
        origin: json::word(item, "origin"),
    }
}

fn reply(part: &Value) -> Option<Reply> {
    let word = json::text(part, "type");
    let kind = match word {
        Some("button_reply") => ReplyKind::Button,
        Some("list_reply") => ReplyKind::List,
        Some("nfm_reply") => ReplyKind::Flow,
        _ if part.is_object() => ReplyKind::Unknown,
        _ => return None,
    };
    let answer = word.and_then(|word| part.get(word)).unwrap_or(&Value::Null);
    let response_json = match answer.get("response_json") {
        // Documented as JSON in a text, and at times the JSON itself.
        Some(nested @ (Value::Object(_) | Value::Array(_))) => Some(Sensitive::new(nested.to_string())),
        _ => json::secret(answer, "response_json"),
    };
    Some(Reply {
        kind,
        id: json::secret(answer, "id").or_else(|| json::secret(answer, "name")),
        title: json::secret(answer, "title").or_else(|| json::secret(answer, "body")),
        description: json::secret(answer, "description"),
        response_json,
    })
}

fn order(part: &Value) -> Order {
    let item = |item: &Value| OrderItem {
        product: json::id(item, "product_retailer_id"),
        quantity: json::whole(item, "quantity"),
        price: item.get("item_price").and_then(Value::as_f64),
        currency: json::word(item, "currency"),
    };
    Order {
        catalog_id: json::id(part, "catalog_id"),
        items: json::items(part, "product_items").iter().map(item).collect(),
    }
}

fn system(part: &Value) -> System {
    let word = json::word(part, "type");
    let event = match word.as_deref() {
        Some("user_changed_number" | "customer_changed_number") => SystemEvent::ChangedNumber,
        Some("user_changed_user_id") => SystemEvent::ChangedUserId,
        Some("customer_identity_changed" | "user_identity_changed") => SystemEvent::ChangedIdentity,
        _ => SystemEvent::Unknown,
    };
    System { event, word, now: Person::read(part, &CONTACT) }
}

fn edit(part: &Value) -> (Content, Option<Sensitive<String>>) {
    // Edits within edits end where the JSON parser's limit on nesting does.
    let now = read(part.get("message").unwrap_or(&Value::Null));
    let edited = Edited {
        original_id: json::secret(part, "original_message_id"),
        word: now.word,
        content: now.content,
        media: now.media,
    };
    (Content::Edit(Box::new(edited)), now.text)
}
