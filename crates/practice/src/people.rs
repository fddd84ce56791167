use serde::Serialize;

use crate::random::Random;

/// The language a fictional customer writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Language {
    /// English.
    English,
    /// Spanish.
    Spanish,
}

/// A fictional customer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Person {
    /// Name shown on WhatsApp.
    pub name: String,
    /// Phone number, digits only. The area code 555 is nobody's.
    pub phone: String,
    /// Business-scoped user id.
    pub user_id: String,
    /// User name, if they took one.
    pub username: Option<String>,
    /// Whether WhatsApp tells businesses the number. Some users with a user name hide it.
    pub shows_number: bool,
    /// The language they write.
    pub language: Language,
}

const ENGLISH: ([&str; 12], [&str; 12]) = (
    ["Ada", "Tom", "Grace", "Oliver", "Maya", "Henry", "Ruth", "Noah", "Chloë", "Sam", "Ivy", "Jack"],
    [
        "Brook", "Arden", "Holloway", "Finch", "Marsh", "Whitlock", "Osgood", "Pell", "Quayle", "Thorne",
        "Vance", "Wilder",
    ],
);

const SPANISH: ([&str; 12], [&str; 12]) = (
    ["Inés", "Luis", "Lucía", "Mateo", "Sofía", "Andrés", "Pilar", "Hugo", "Begoña", "Íñigo", "Noa", "Tomás"],
    [
        "Calder", "Prado", "Ferrán", "Núñez", "Rivas", "Montero", "Ibáñez", "Salas", "Otero", "Peña",
        "Vidal", "Zamora",
    ],
);

/// Every which customer hides their number: the last of five.
const HIDES_EVERY: usize = 5;

/// The first `count` people of a seed. Asking for more changes none of those before.
pub fn people(seed: u64, count: usize) -> Vec<Person> {
    let mut random = Random::of(seed, "people");
    (0..count).map(|index| person(&mut random, index)).collect()
}

fn person(random: &mut Random, index: usize) -> Person {
    let language = if index.is_multiple_of(2) { Language::English } else { Language::Spanish };
    let (first, last) = match language {
        Language::English => ENGLISH,
        Language::Spanish => SPANISH,
    };
    let first = random.pick(&first).copied().unwrap_or_default();
    let last = random.pick(&last).copied().unwrap_or_default();
    let shows_number = index % HIDES_EVERY != HIDES_EVERY - 1;
    let username = (!shows_number).then(|| format!("@{}{}", ascii(last), random.digits(3)));
    let country = match language {
        Language::English => "US",
        Language::Spanish => "ES",
    };
    Person {
        name: format!("{first} {last}"),
        // The index makes the number unique, the digits make it look like one.
        phone: format!("1555{}{index:04}", random.digits(3)),
        user_id: format!("{country}.{}{index:04}", random.digits(16)),
        username,
        shows_number,
        language,
    }
}

/// A name in the letters that user names may have.
fn ascii(name: &str) -> String {
    name.chars().filter(char::is_ascii_alphabetic).map(|letter| letter.to_ascii_lowercase()).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use deskbell_domain::PhoneNumber;

    use super::*;

    #[test]
    fn a_seed_always_invents_the_same_people() {
        assert_eq!(people(41, 20), people(41, 20));
        assert_eq!(people(41, 20)[..10], people(41, 10));
        assert_ne!(people(41, 20), people(42, 20));
    }

    #[test]
    fn people_have_numbers_of_their_own_that_are_nobodys() {
        let all = people(41, 3000);
        let numbers: HashSet<&str> = all.iter().map(|person| person.phone.as_str()).collect();
        assert_eq!(numbers.len(), all.len());
        assert!(all.iter().all(|person| person.phone.starts_with("1555")));
        assert!(all.iter().all(|person| PhoneNumber::parse(&person.phone).is_ok()));
    }

    #[test]
    fn people_write_two_languages_and_some_hide_their_number() {
        let all = people(41, 10);
        assert_eq!(all.iter().filter(|person| person.language == Language::Spanish).count(), 5);
        assert_eq!(all.iter().filter(|person| !person.shows_number).count(), 2);
        assert!(all.iter().all(|person| person.shows_number == person.username.is_none()));
    }
}
