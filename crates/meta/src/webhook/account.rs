use deskbell_domain::{Sensitive, UtcMs};
use serde_json::Value;

use super::frame::Frame;
use super::person::{CONTACT, Person};
use super::{Event, EventKind, Unsupported, json};

/// The account changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// What changed.
    pub change: AccountChange,
    /// Meta's word for it.
    pub word: Option<String>,
}

/// What changed of an account. The details stand in the event's raw value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AccountChange {
    /// Something happened to it.
    Happened(AccountEvent),
    /// Meta raises a warning, of the type that the word names.
    Alert {
        /// `CRITICAL`, `WARNING` or `INFORMATIONAL`.
        severity: Option<String>,
    },
    /// Meta reviewed it; the word is the decision.
    Reviewed,
    /// Its limits changed.
    Capability {
        /// How many customers it may begin a conversation with a day: a number, or a tier such as `TIER_2K`.
        daily_conversations_max: Option<String>,
        /// How many numbers it may have.
        phone_numbers_max: Option<i64>,
    },
    /// A partner's solution, or a way to pay, changed.
    Other,
}

macro_rules! account_events {
    ($($(#[$doc:meta])* $name:ident = $word:literal,)+) => {
        /// What happened to an account.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum AccountEvent { $($(#[$doc])* $name,)+ }

        impl AccountEvent {
            fn parse(word: &str) -> Option<Self> {
                match word {
                    $($word => Some(Self::$name),)+
                    _ => None,
                }
            }
        }
    };
}

account_events! {
    /// Deleted: no call works any more.
    Deleted = "ACCOUNT_DELETED",
    /// Meta found it to violate a policy.
    Violation = "ACCOUNT_VIOLATION",
    /// Meta limits what it may do.
    Restriction = "ACCOUNT_RESTRICTION",
    /// Meta banned it, means to, or took that back.
    DisabledUpdate = "DISABLED_UPDATE",
    /// Meta verified the business.
    Verified = "VERIFIED_ACCOUNT",
    /// A business shared it with the partner.
    PartnerAdded = "PARTNER_ADDED",
    /// The partner no longer has access.
    PartnerRemoved = "PARTNER_REMOVED",
    /// The partner's app was installed on it.
    PartnerAppInstalled = "PARTNER_APP_INSTALLED",
    /// The partner's app was removed from it.
    PartnerAppUninstalled = "PARTNER_APP_UNINSTALLED",
    /// A partner's client was reviewed.
    PartnerClientCertification = "PARTNER_CLIENT_CERTIFICATION_STATUS_UPDATE",
    /// The business moved to another country.
    PrimaryCountry = "BUSINESS_PRIMARY_LOCATION_COUNTRY_UPDATE",
    /// International authentication prices apply, or will.
    AuthInternationalPrice = "AUTH_INTL_PRICE_ELIGIBILITY_UPDATE",
    /// The terms of Marketing Messages Lite were signed.
    MarketingLiteTermsSigned = "MM_LITE_TERMS_SIGNED",
    /// An advertising account was linked.
    AdAccountLinked = "AD_ACCOUNT_LINKED",
    /// Another price tier applies.
    PricingTier = "VOLUME_BASED_PRICING_TIER_UPDATE",
    /// The business's phone left: sending pauses, the token stays good.
    Offboarded = "ACCOUNT_OFFBOARDED",
    /// The business's phone is back.
    Reconnected = "ACCOUNT_RECONNECTED",
}

/// A business phone number changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PhoneNumber {
    /// The number as people write it.
    pub display_phone_number: Option<String>,
    /// What changed.
    pub change: PhoneNumberChange,
    /// Meta's word for it.
    pub word: Option<String>,
}

/// What changed of a business phone number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PhoneNumberChange {
    /// How much it may send; the word is the event.
    Quality {
        /// The limit now, such as `TIER_2K`.
        limit: Option<String>,
    },
    /// Meta decided on its display name; the word is the decision.
    Name {
        /// The name that was asked for.
        requested: Option<String>,
        /// Why it was refused.
        rejection_reason: Option<String>,
    },
    /// Its PIN; the word is the event.
    Security,
    /// Its user name; the word is the status.
    Username {
        /// The user name.
        username: Option<String>,
    },
}

/// A contact that the business's phone saved or removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BusinessContact {
    /// The contact, by the name under which the phone keeps it.
    pub person: Person,
    /// What the phone did.
    pub action: ContactAction,
    /// When.
    pub timestamp: Option<UtcMs>,
}

/// What the business's phone did with a contact.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ContactAction {
    /// Added or changed it.
    Add,
    /// Removed it.
    Remove,
}

/// A customer wants, or no longer wants, messages of a category.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Preference {
    /// The customer.
    pub person: Person,
    /// The category: `marketing_messages`.
    pub category: Option<String>,
    /// What the customer wants.
    pub value: PreferenceValue,
    /// When they said so.
    pub timestamp: Option<UtcMs>,
}

/// What a customer wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PreferenceValue {
    /// No more of it: an opt-out.
    Stop,
    /// Again.
    Resume,
}

/// A customer has another user id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserId {
    /// The customer as they are from now on.
    pub person: Person,
    /// The id before and after.
    pub user_id: Option<Renamed>,
    /// The parent id before and after.
    pub parent_user_id: Option<Renamed>,
    /// When it changed.
    pub timestamp: Option<UtcMs>,
}

/// An id before and after.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Renamed {
    /// Before.
    pub previous: Option<Sensitive<String>>,
    /// From now on.
    pub current: Option<Sensitive<String>>,
}

/// Reads a change of the account or of a phone number; `None` where the value is about something else.
pub(super) fn read(frame: &Frame<'_>) -> Option<EventKind> {
    let value = frame.value;
    let event = json::word(value, "event");
    let number = || json::word(value, "display_phone_number");
    let phone = |change, word| {
        EventKind::PhoneNumber(Box::new(PhoneNumber { display_phone_number: number(), change, word }))
    };
    let account = |change, word| EventKind::Account(Box::new(Account { change, word }));
    let field = || frame.field.map(str::to_owned);
    Some(match frame.field {
        Some("account_update") | None if event.is_some() => {
            let known = AccountEvent::parse(event.as_deref()?)?;
            account(AccountChange::Happened(known), event)
        }
        Some("account_alerts") => {
            let info = value.get("alert_info").unwrap_or(value);
            let severity = json::word(info, "alert_severity");
            account(AccountChange::Alert { severity }, json::word(info, "alert_type").or_else(field))
        }
        Some("account_review_update") => {
            account(AccountChange::Reviewed, json::word(value, "decision").or_else(field))
        }
        Some("business_capability_update") => account(
            AccountChange::Capability {
                daily_conversations_max: json::id(value, "max_daily_conversations_per_business")
                    .or_else(|| json::id(value, "max_daily_conversation_per_phone")),
                phone_numbers_max: json::whole(value, "max_phone_numbers_per_waba")
                    .or_else(|| json::whole(value, "max_phone_numbers_per_business")),
            },
            field(),
        ),
        Some("partner_solutions" | "payment_configuration_update") => {
            account(AccountChange::Other, event.or_else(field))
        }
        Some("phone_number_quality_update") => {
            let limit = json::word(value, "max_daily_conversations_per_business")
                .or_else(|| json::word(value, "current_limit"));
            phone(PhoneNumberChange::Quality { limit }, event.or_else(field))
        }
        Some("phone_number_name_update") => phone(
            PhoneNumberChange::Name {
                requested: json::word(value, "requested_verified_name"),
                rejection_reason: json::word(value, "rejection_reason"),
            },
            json::word(value, "decision").or_else(field),
        ),
        Some("security") => phone(PhoneNumberChange::Security, event.or_else(field)),
        Some("business_username_update") => phone(
            PhoneNumberChange::Username { username: json::word(value, "username") },
            json::word(value, "status").or_else(field),
        ),
        _ => return None,
    })
}

/// Contacts that the business's phone saved or removed.
pub(super) fn business_contacts(frame: &Frame<'_>, events: &mut Vec<Event>) {
    for item in json::items(frame.value, "state_sync") {
        let contact = item.get("contact").unwrap_or(&Value::Null);
        let metadata = item.get("metadata").unwrap_or(&Value::Null);
        let action = match json::text(item, "action") {
            Some("add") => Some(ContactAction::Add),
            Some("remove") => Some(ContactAction::Remove),
            _ => None,
        };
        let kind = match action {
            Some(action) => EventKind::Contact(Box::new(BusinessContact {
                person: Person {
                    name: json::secret(contact, "full_name").or_else(|| json::secret(contact, "first_name")),
                    username: json::secret(contact, "username"),
                    ..Person::read(contact, &SAVED)
                },
                action,
                timestamp: json::time(metadata, "timestamp"),
            })),
            None => unsupported(json::word(item, "action").or_else(|| json::word(item, "type"))),
        };
        events.push(frame.event_of_item(kind, "state_sync", item.clone(), None));
    }
}

/// How the business's phone names a contact.
const SAVED: super::person::Fields = super::person::Fields {
    phone: "phone_number",
    user_id: "user_id",
    parent_user_id: ["parent_user_id", "parent_user_id"],
};

/// Customers' preferences.
pub(super) fn preferences(frame: &Frame<'_>, events: &mut Vec<Event>) {
    let items = json::items(frame.value, "user_preferences");
    for item in items {
        let (person, contact) = frame.person(item, &CONTACT, items.len() == 1);
        let value = match json::text(item, "value") {
            Some("stop") => Some(PreferenceValue::Stop),
            Some("resume") => Some(PreferenceValue::Resume),
            _ => None,
        };
        let kind = match value {
            Some(value) => EventKind::Preference(Box::new(Preference {
                person,
                category: json::word(item, "category"),
                value,
                timestamp: json::time(item, "timestamp"),
            })),
            None => unsupported(json::word(item, "value")),
        };
        events.push(frame.event_of_item(kind, "user_preferences", item.clone(), contact));
    }
}

/// Customers' changed user ids.
pub(super) fn user_ids(frame: &Frame<'_>, events: &mut Vec<Event>) {
    let items = json::items(frame.value, "user_id_update");
    for item in items {
        let renamed = |key| {
            let both = item.get(key).filter(|both| both.is_object())?;
            Some(Renamed { previous: json::secret(both, "previous"), current: json::secret(both, "current") })
        };
        let (person, contact) = frame.person(item, &CONTACT, items.len() == 1);
        let user_id = renamed("user_id");
        let parent_user_id = renamed("parent_user_id");
        let current = |renamed: &Option<Renamed>| renamed.as_ref().and_then(|ids| ids.current.clone());
        let kind = EventKind::UserId(Box::new(UserId {
            person: Person {
                user_id: current(&user_id).or(person.user_id),
                parent_user_id: current(&parent_user_id).or(person.parent_user_id),
                ..person
            },
            user_id,
            parent_user_id,
            timestamp: json::time(item, "timestamp"),
        }));
        events.push(frame.event_of_item(kind, "user_id_update", item.clone(), contact));
    }
}

fn unsupported(word: Option<String>) -> EventKind {
    EventKind::Unsupported(Box::new(Unsupported { word, ..Unsupported::default() }))
}
