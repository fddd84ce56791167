//! Webhook bodies in Meta's shapes.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use deskbell_domain::UtcMs;
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::{BusinessNumber, errors};
use crate::people::Person;

/// What happened, on its way into a webhook: one change of one account.
#[derive(Debug, Clone)]
pub(super) struct Update {
    waba_id: String,
    change: Value,
}

/// A message id as Meta makes them: it contains the customer's number, or else their user id.
pub(super) fn message_id(person: &Person, direction: Direction, number: u64) -> String {
    let whom = if person.shows_number { &person.phone } else { &person.user_id };
    let mut bytes = vec![0x1c, 0x18, u8::try_from(whom.len()).unwrap_or(u8::MAX)];
    bytes.extend_from_slice(whom.as_bytes());
    bytes.extend_from_slice(&[0x15, 0x02, 0x00]);
    bytes.push(match direction {
        Direction::FromCustomer => 0x12,
        Direction::ToCustomer => 0x11,
    });
    bytes.extend_from_slice(&[0x18, 0x14]);
    bytes.extend_from_slice(format!("3A{number:018X}").as_bytes());
    bytes.push(0);
    format!("wamid.{}", STANDARD.encode(bytes))
}

/// Which way a message goes.
#[derive(Debug, Clone, Copy)]
pub(super) enum Direction {
    FromCustomer,
    ToCustomer,
}

/// A status of a message of the business.
pub(super) struct StatusNews<'a> {
    pub(super) id: &'a str,
    pub(super) word: &'static str,
    pub(super) at: UtcMs,
    pub(super) callback_data: Option<&'a str>,
    /// Code of the error, where it failed.
    pub(super) error: Option<i64>,
}

impl Update {
    /// A message of a customer. `message` holds type, content and context.
    pub(super) fn message(
        number: &BusinessNumber,
        person: &Person,
        id: &str,
        at: UtcMs,
        message: Map<String, Value>,
    ) -> Self {
        let mut item = Map::new();
        if person.shows_number {
            item.insert("from".into(), person.phone.as_str().into());
        }
        item.insert("from_user_id".into(), person.user_id.as_str().into());
        item.insert("id".into(), id.into());
        item.insert("timestamp".into(), seconds(at).into());
        item.extend(message);
        let contact = contact(person, true);
        Self::change(number, json!({"contacts": [contact], "messages": [item]}))
    }

    /// A status. `recipient` is absent for a number that nobody has.
    pub(super) fn status(
        number: &BusinessNumber,
        recipient: Option<&Person>,
        to: &str,
        news: &StatusNews<'_>,
    ) -> Self {
        let mut item = Map::new();
        item.insert("id".into(), news.id.into());
        item.insert("status".into(), news.word.into());
        item.insert("timestamp".into(), seconds(news.at).into());
        match recipient {
            Some(person) => {
                if person.shows_number {
                    item.insert("recipient_id".into(), person.phone.as_str().into());
                }
                item.insert("recipient_user_id".into(), person.user_id.as_str().into());
            }
            None => {
                item.insert("recipient_id".into(), to.into());
            }
        }
        if let Some(data) = news.callback_data {
            item.insert("biz_opaque_callback_data".into(), data.into());
        }
        if matches!(news.word, "sent" | "delivered") {
            item.insert(
                "pricing".into(),
                json!({"billable": false, "pricing_model": "PMP", "type": "free_customer_service",
                    "category": "service"}),
            );
        }
        let mut value = Map::new();
        if let Some(code) = news.error {
            let (_, title, details) = errors::row(code);
            item.insert(
                "errors".into(),
                json!([{"code": code, "title": title, "message": title, "error_data": {"details": details},
                    "href": "/documentation/business-messaging/whatsapp/support/error-codes"}]),
            );
        } else if let Some(person) = recipient {
            // Contacts come with every status but failures; the user name not with the first.
            value.insert("contacts".into(), json!([contact(person, news.word != "sent")]));
        }
        value.insert("statuses".into(), json!([item]));
        Self::change(number, Value::Object(value))
    }

    fn change(number: &BusinessNumber, mut value: Value) -> Self {
        if let Some(value) = value.as_object_mut() {
            value.insert("messaging_product".into(), "whatsapp".into());
            value.insert(
                "metadata".into(),
                json!({"display_phone_number": number.display_phone_number,
                    "phone_number_id": number.phone_number_id}),
            );
        }
        Self { waba_id: number.waba_id.clone(), change: json!({"field": "messages", "value": value}) }
    }
}

fn contact(person: &Person, with_username: bool) -> Value {
    let mut profile = json!({"name": person.name});
    let mut contact = json!({"user_id": person.user_id});
    if let (Some(profile), Some(username), true) = (profile.as_object_mut(), &person.username, with_username)
    {
        profile.insert("username".into(), username.as_str().into());
    }
    if let Some(contact) = contact.as_object_mut() {
        contact.insert("profile".into(), profile);
        if person.shows_number {
            contact.insert("wa_id".into(), person.phone.as_str().into());
        }
    }
    contact
}

/// A time as Meta writes it in messages.
fn seconds(at: UtcMs) -> String {
    (at.as_ms() / 1000).to_string()
}

/// A webhook's body for these updates, one entry for each run of the same account.
pub(super) fn webhook(updates: &[Update]) -> Vec<u8> {
    let entries: Vec<Value> = updates
        .chunk_by(|one, next| one.waba_id == next.waba_id)
        .map(|run| {
            let changes: Vec<&Value> = run.iter().map(|update| &update.change).collect();
            let waba_id = run.first().map(|update| update.waba_id.as_str());
            json!({"id": waba_id, "changes": changes})
        })
        .collect();
    escaped(&json!({"object": "whatsapp_business_account", "entry": entries}))
}

/// JSON as Meta writes it: everything beyond ASCII as `\u` with lower-case digits, and slashes escaped. It is why a
/// signature must be checked over the bytes as they came.
fn escaped(value: &Value) -> Vec<u8> {
    let mut written = Vec::new();
    let mut serializer = serde_json::Serializer::with_formatter(&mut written, Ascii);
    // Writing a JSON value into memory cannot fail.
    let _ = value.serialize(&mut serializer);
    written
}

struct Ascii;

impl serde_json::ser::Formatter for Ascii {
    fn write_string_fragment<W>(&mut self, writer: &mut W, fragment: &str) -> std::io::Result<()>
    where
        W: ?Sized + std::io::Write,
    {
        let mut units = [0; 2];
        for letter in fragment.chars() {
            if letter == '/' {
                writer.write_all(b"\\/")?;
            } else if letter.is_ascii() {
                write!(writer, "{letter}")?;
            } else {
                for unit in letter.encode_utf16(&mut units) {
                    write!(writer, "\\u{unit:04x}")?;
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use deskbell_meta::webhook::{EventKind, split};

    use super::*;
    use crate::people::people;

    #[test]
    fn what_is_not_ascii_is_escaped_as_meta_does() {
        let body = escaped(&json!({"t": "café 👍 a/b \"q\"\n"}));
        assert_eq!(body, br#"{"t":"caf\u00e9 \ud83d\udc4d a\/b \"q\"\n"}"#);
        assert_eq!(serde_json::from_slice::<Value>(&body).unwrap(), json!({"t": "café 👍 a/b \"q\"\n"}));
    }

    #[test]
    fn a_message_id_contains_the_number() {
        let person = people(1, 1).remove(0);
        let id = message_id(&person, Direction::FromCustomer, 77);
        let bytes = STANDARD.decode(id.strip_prefix("wamid.").unwrap()).unwrap();
        assert!(bytes.windows(person.phone.len()).any(|part| part == person.phone.as_bytes()));
        assert_ne!(id, message_id(&person, Direction::FromCustomer, 78));
    }

    #[test]
    fn a_body_for_two_accounts_has_an_entry_for_each() {
        let number = |waba_id: &str| BusinessNumber {
            waba_id: waba_id.to_owned(),
            phone_number_id: format!("{waba_id}0"),
            display_phone_number: "15560000000".to_owned(),
            verified_name: "Shop".to_owned(),
            token: "t".into(),
        };
        let person = people(1, 1).remove(0);
        let at = UtcMs::from_ms(1_790_000_000_500);
        let text = |body: &str| json!({"type": "text", "text": {"body": body}}).as_object().unwrap().clone();
        let updates = [
            Update::message(&number("1"), &person, "wamid.1", at, text("one")),
            Update::message(&number("1"), &person, "wamid.2", at, text("two")),
            Update::message(&number("2"), &person, "wamid.3", at, text("three")),
        ];
        let body = webhook(&updates);
        assert_eq!(serde_json::from_slice::<Value>(&body).unwrap()["entry"].as_array().unwrap().len(), 2);
        let events = split(&body).unwrap();
        let accounts: Vec<_> = events.iter().map(|event| event.target.waba_id.clone().unwrap()).collect();
        assert_eq!(accounts, ["1", "1", "2"]);
        let EventKind::Message(message) = &events[0].kind else { panic!() };
        assert_eq!(message.from.phone, Some(person.phone.into()));
        assert_eq!(message.timestamp, Some(UtcMs::from_ms(1_790_000_000_000)));
    }
}
