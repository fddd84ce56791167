use deskbell_domain::{PhoneNumber, Sensitive};
use serde_json::Value;

use super::json;

/// A WhatsApp user, by every name a webhook gives.
///
/// A person is not a phone number: users with a user name may have none to us. `user_id` is scoped to the business
/// portfolio and changes with the phone number.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Person {
    /// Phone number in E.164, digits only.
    pub phone: Option<Sensitive<String>>,
    /// Business-scoped user id, opaque.
    pub user_id: Option<Sensitive<String>>,
    /// The id that linked business portfolios share, opaque.
    pub parent_user_id: Option<Sensitive<String>>,
    /// The name the user chose to show.
    pub name: Option<Sensitive<String>>,
    /// The user name, with its `@`.
    pub username: Option<Sensitive<String>>,
    /// Changes when the user's identity keys do, where the business asked to be told.
    pub identity_key_hash: Option<Sensitive<String>>,
}

/// Names of the fields in which an object names a person.
pub(super) struct Fields {
    pub(super) phone: &'static str,
    pub(super) user_id: &'static str,
    /// Meta renamed this one: the newer name first.
    pub(super) parent_user_id: [&'static str; 2],
}

/// The sender of a message.
pub(super) const SENDER: Fields = Fields {
    phone: "from",
    user_id: "from_user_id",
    parent_user_id: ["from_parent_user_id", "parent_user_id"],
};

/// The receiver of an echoed message.
pub(super) const RECEIVER: Fields =
    Fields { phone: "to", user_id: "to_user_id", parent_user_id: ["to_parent_user_id", "parent_user_id"] };

/// The receiver of a message of ours.
pub(super) const RECIPIENT: Fields = Fields {
    phone: "recipient_id",
    user_id: "recipient_user_id",
    parent_user_id: ["recipient_parent_user_id", "parent_recipient_user_id"],
};

/// A person in a list of contacts.
pub(super) const CONTACT: Fields =
    Fields { phone: "wa_id", user_id: "user_id", parent_user_id: ["parent_user_id", "parent_user_id"] };

impl Person {
    /// Reads the ids in these fields. A field for phone numbers that holds something else holds a user id.
    pub(super) fn read(value: &Value, fields: &Fields) -> Self {
        let named = json::id(value, fields.phone);
        let (phone, misplaced) = match named {
            Some(named) => sorted(named),
            None => (None, None),
        };
        let [newer, older] = fields.parent_user_id;
        Self {
            phone,
            user_id: json::secret(value, fields.user_id).or(misplaced),
            parent_user_id: json::secret(value, newer).or_else(|| json::secret(value, older)),
            ..Self::default()
        }
    }

    /// Reads an element of a list of contacts.
    pub(super) fn read_contact(value: &Value) -> Self {
        let profile = value.get("profile").unwrap_or(&Value::Null);
        Self {
            name: json::secret(profile, "name"),
            username: json::secret(profile, "username").or_else(|| json::secret(value, "username")),
            identity_key_hash: json::secret(value, "identity_key_hash"),
            ..Self::read(value, &CONTACT)
        }
    }

    /// This person, with what the contact in the list tells besides. `agrees` says that they share an id; a contact
    /// that shares none gives its ids only to a person who has none.
    pub(super) fn joined(self, contact: Self, agrees: bool) -> Self {
        let ids = agrees || (self.phone.is_none() && self.user_id.is_none());
        let fill = |own: Option<Sensitive<String>>, other| own.or(if ids { other } else { None });
        Self {
            phone: fill(self.phone, contact.phone),
            user_id: fill(self.user_id, contact.user_id),
            parent_user_id: fill(self.parent_user_id, contact.parent_user_id),
            name: self.name.or(contact.name),
            username: self.username.or(contact.username),
            identity_key_hash: self.identity_key_hash.or(contact.identity_key_hash),
        }
    }

    /// Whether both have an id in common.
    pub(super) fn shares_id_with(&self, other: &Self) -> bool {
        let same = |a: &Option<_>, b: &Option<_>| a.is_some() && a == b;
        same(&self.phone, &other.phone) || same(&self.user_id, &other.user_id)
    }

    /// The phone number, or else the user id.
    pub fn any_id(&self) -> Option<&Sensitive<String>> {
        self.phone.as_ref().or(self.user_id.as_ref())
    }
}

/// A value of a phone field as (phone, user id).
fn sorted(named: String) -> (Option<Sensitive<String>>, Option<Sensitive<String>>) {
    match PhoneNumber::parse(&named) {
        Ok(phone) => (Some(Sensitive::from(phone.expose())), None),
        Err(_) if named.bytes().all(|byte| byte.is_ascii_digit()) => (Some(Sensitive::new(named)), None),
        Err(_) => (None, Some(Sensitive::new(named))),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_user_id_in_the_place_of_a_phone_number_is_still_a_user_id() {
        let person = Person::read(&json!({"from": "US.4417", "id": "wamid.1"}), &SENDER);
        assert_eq!(person.user_id, Some("US.4417".into()));
        assert_eq!(person.phone, None);

        let person = Person::read(&json!({"from": "+1 555 010 0001", "from_user_id": "US.1"}), &SENDER);
        assert_eq!(person.phone, Some("15550100001".into()));
        assert_eq!(person.user_id, Some("US.1".into()));
    }

    #[test]
    fn a_contact_who_shares_no_id_lends_none() {
        let sender = Person { phone: Some("15550100001".into()), ..Person::default() };
        let contact = Person::read_contact(&json!({"profile": {"name": "Ada"}, "user_id": "US.2"}));
        let stranger = sender.clone().joined(contact.clone(), false);
        assert_eq!((stranger.user_id, stranger.name), (None, Some("Ada".into())));
        assert_eq!(sender.joined(contact.clone(), true).user_id, Some("US.2".into()));
        assert_eq!(Person::default().joined(contact, false).user_id, Some("US.2".into()));
    }
}
