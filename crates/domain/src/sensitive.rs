use std::fmt;

use serde::{Deserialize, Serialize};

/// Personal data or a secret: it can be read, stored and sent, and cannot be logged.
///
/// `Debug` prints `•••` and there is no `Display`, so a value that slips into a log line or an error shows nothing.
/// `Serialize` writes the value itself, because the wire and the store exist to carry it; what is serialised must
/// never be a log record.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Sensitive<T>(T);

impl<T> Sensitive<T> {
    /// Marks a value as not to be logged.
    pub const fn new(value: T) -> Self {
        Self(value)
    }

    /// The value. Named so that each use can be found and questioned.
    pub const fn expose(&self) -> &T {
        &self.0
    }

    /// The value, consumed.
    pub fn into_exposed(self) -> T {
        self.0
    }

    /// A value made from this one, still marked.
    pub fn map<U>(self, f: impl FnOnce(T) -> U) -> Sensitive<U> {
        Sensitive(f(self.0))
    }
}

impl<T> fmt::Debug for Sensitive<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("•••")
    }
}

impl From<String> for Sensitive<String> {
    fn from(value: String) -> Self {
        Self(value)
    }
}

impl From<&str> for Sensitive<String> {
    fn from(value: &str) -> Self {
        Self(value.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sensitive_value_shows_nothing_in_debug_output() {
        let name = Sensitive::from("Lucía Ferrán");
        assert_eq!(format!("{name:?} {:?}", Some(&name)), "••• Some(•••)");
    }

    #[test]
    fn a_sensitive_value_travels_as_itself() {
        let json = serde_json::to_string(&Sensitive::from("x")).unwrap();
        assert_eq!(json, "\"x\"");
    }
}
