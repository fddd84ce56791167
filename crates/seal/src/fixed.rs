//! Byte strings of one length, and their text: base64 for addresses, without padding.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::SealError;

/// Bytes as text.
pub(crate) fn to_text(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Text as bytes. A text that another encoder would have written differently is refused: one value, one text.
pub(crate) fn from_text(text: &str) -> Result<Vec<u8>, SealError> {
    URL_SAFE_NO_PAD.decode(text).map_err(|_| SealError::Malformed)
}

/// A byte string of a fixed length with stored form, text form and serialisation. `Debug` names the type alone:
/// a keyed hash or a token's hash in a log would tell one person's lines from another's.
macro_rules! fixed_bytes {
    ($(#[$doc:meta])* $name:ident, $length:expr) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; $length]);

        impl $name {
            /// The value with these bytes.
            pub const fn from_bytes(bytes: [u8; $length]) -> Self {
                Self(bytes)
            }

            /// The bytes, as they are stored.
            pub const fn as_bytes(&self) -> &[u8; $length] {
                &self.0
            }

            /// The value held by a stored byte string.
            ///
            /// # Errors
            /// [`SealError::Malformed`](crate::SealError::Malformed), when the length is another.
            pub fn from_slice(bytes: &[u8]) -> Result<Self, crate::SealError> {
                bytes.try_into().map(Self).map_err(|_| crate::SealError::Malformed)
            }

            /// The value as text: base64 for addresses, without padding.
            pub fn to_text(&self) -> String {
                crate::fixed::to_text(&self.0)
            }

            /// The value of a text.
            ///
            /// # Errors
            /// [`SealError::Malformed`](crate::SealError::Malformed), when it is no such text.
            pub fn from_text(text: &str) -> Result<Self, crate::SealError> {
                Self::from_slice(&crate::fixed::from_text(text)?)
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(concat!(stringify!($name), "(•••)"))
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.to_text())
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
                Self::from_text(&text).map_err(serde::de::Error::custom)
            }
        }
    };
}

pub(crate) use fixed_bytes;
