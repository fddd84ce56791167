//! A person as Meta names them, as a contact of ours.

use deskbell_domain::{PhoneNumber, Sensitive};
use deskbell_meta::webhook::Person;

use crate::storage::contact::{Alias, Profile};

/// What a person is found by. Empty where the webhook names nobody.
pub(super) fn aliases(person: &Person) -> Vec<Alias> {
    let phone = person.phone.as_ref().and_then(|phone| PhoneNumber::parse(phone.expose()).ok());
    let user_id = person.user_id.clone().map(Alias::UserId);
    let parent = person.parent_user_id.clone().map(Alias::ParentUserId);
    phone.map(Alias::Phone).into_iter().chain(user_id).chain(parent).collect()
}

/// What is shown of a person.
pub(super) fn profile(person: &Person) -> Profile {
    Profile { name: person.name.clone(), username: person.username.as_ref().map(without_at) }
}

fn without_at(username: &Sensitive<String>) -> Sensitive<String> {
    Sensitive::from(username.expose().trim_start_matches('@'))
}
