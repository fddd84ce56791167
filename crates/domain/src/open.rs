use serde::{Deserialize, Deserializer, Serialize, Serializer, de::DeserializeOwned};

/// A closed enumeration on an open wire: a value this version does not know is kept as it came, never dropped and
/// never an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Open<T> {
    /// A value this version knows.
    Known(T),
    /// A word from a newer version. It is shown as unsupported.
    Unknown(Word),
}

/// A word of at most 40 bytes that this version does not know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Word {
    bytes: [u8; Word::BYTES_MAX],
    len: u8,
}

impl Word {
    const BYTES_MAX: usize = 40;

    fn new(text: &str) -> Self {
        let mut end = text.len().min(Self::BYTES_MAX);
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        let mut bytes = [0; Self::BYTES_MAX];
        for (to, from) in bytes.iter_mut().zip(text.as_bytes().iter().take(end)) {
            *to = *from;
        }
        Self { bytes, len: u8::try_from(end).unwrap_or(0) }
    }

    /// The word as it came.
    pub fn as_str(&self) -> &str {
        let bytes = self.bytes.get(..usize::from(self.len)).unwrap_or_default();
        std::str::from_utf8(bytes).unwrap_or_default()
    }
}

impl<T: Copy> Open<T> {
    /// The value, when this version knows it.
    pub const fn known(&self) -> Option<T> {
        match self {
            Self::Known(value) => Some(*value),
            Self::Unknown(_) => None,
        }
    }
}

impl<T> From<T> for Open<T> {
    fn from(value: T) -> Self {
        Self::Known(value)
    }
}

impl<T: Serialize> Serialize for Open<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Known(value) => value.serialize(serializer),
            Self::Unknown(word) => serializer.serialize_str(word.as_str()),
        }
    }
}

impl<'de, T: DeserializeOwned> Deserialize<'de> for Open<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use serde::de::IntoDeserializer;
        use serde::de::value::{Error, StringDeserializer};
        let text = String::deserialize(deserializer)?;
        let word = Word::new(&text);
        let known: StringDeserializer<Error> = text.into_deserializer();
        Ok(T::deserialize(known).map_or(Self::Unknown(word), Self::Known))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Direction;

    #[test]
    fn a_value_from_a_newer_version_is_kept_as_it_came() {
        let known: Open<Direction> = serde_json::from_str("\"inbound\"").unwrap();
        assert_eq!(known, Open::Known(Direction::Inbound));

        let unknown: Open<Direction> = serde_json::from_str("\"sideways\"").unwrap();
        assert_eq!(unknown.known(), None);
        assert_eq!(serde_json::to_string(&unknown).unwrap(), "\"sideways\"");
    }

    #[test]
    fn a_word_is_cut_between_characters() {
        let long: Open<Direction> = serde_json::from_str(&format!("\"{}é\"", "x".repeat(39))).unwrap();
        let Open::Unknown(word) = long else { panic!("known") };
        assert_eq!(word.as_str(), "x".repeat(39));
    }
}
