use deskbell_domain::{
    AuditId, ChannelAccountId, CommandId, ContactId, ConversationId, DeviceId, EpochId, ErasureId, JobId,
    KeyId, MessageId, QueueId, RefreshId, TenantId, UserId, UtcMs, WebhookId,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Result, StorageError};

/// A parameter or a column, in the three types that both engines share. `None` is NULL, typed, because PostgreSQL
/// wants to know the type of a NULL too.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Value {
    /// Numbers, times in milliseconds, booleans as 0 and 1.
    Int(Option<i64>),
    /// Words, JSON, texts that are no personal data.
    Text(Option<String>),
    /// Ids, hashes, sealed values.
    Bytes(Option<Vec<u8>>),
}

impl Value {
    /// A word of a closed enumeration, as `serde` spells it.
    pub(crate) fn word<T: Serialize>(word: &T) -> Self {
        let text = serde_json::to_value(word).ok().and_then(|json| json.as_str().map(str::to_owned));
        Self::Text(text)
    }

    /// A word that may be absent.
    pub(crate) fn word_or_null<T: Serialize>(word: Option<&T>) -> Self {
        word.map_or(Self::Text(None), Self::word)
    }
}

/// A type that can be a parameter and a column.
pub(crate) trait Stored: Sized {
    /// What is written.
    fn to_value(&self) -> Value;
    /// What NULL of this type is.
    fn null() -> Value;
    /// What was read; `None` when it has another shape.
    fn from_value(value: Value) -> Option<Self>;
}

impl Stored for i64 {
    fn to_value(&self) -> Value {
        Value::Int(Some(*self))
    }
    fn null() -> Value {
        Value::Int(None)
    }
    fn from_value(value: Value) -> Option<Self> {
        match value {
            Value::Int(number) => number,
            _ => None,
        }
    }
}

impl Stored for bool {
    fn to_value(&self) -> Value {
        Value::Int(Some(i64::from(*self)))
    }
    fn null() -> Value {
        Value::Int(None)
    }
    fn from_value(value: Value) -> Option<Self> {
        match value {
            Value::Int(Some(0)) => Some(false),
            Value::Int(Some(1)) => Some(true),
            _ => None,
        }
    }
}

impl Stored for UtcMs {
    fn to_value(&self) -> Value {
        Value::Int(Some(self.as_ms()))
    }
    fn null() -> Value {
        Value::Int(None)
    }
    fn from_value(value: Value) -> Option<Self> {
        i64::from_value(value).map(Self::from_ms)
    }
}

impl Stored for String {
    fn to_value(&self) -> Value {
        Value::Text(Some(self.clone()))
    }
    fn null() -> Value {
        Value::Text(None)
    }
    fn from_value(value: Value) -> Option<Self> {
        match value {
            Value::Text(text) => text,
            _ => None,
        }
    }
}

impl Stored for Vec<u8> {
    fn to_value(&self) -> Value {
        Value::Bytes(Some(self.clone()))
    }
    fn null() -> Value {
        Value::Bytes(None)
    }
    fn from_value(value: Value) -> Option<Self> {
        match value {
            Value::Bytes(bytes) => bytes,
            _ => None,
        }
    }
}

impl<const N: usize> Stored for [u8; N] {
    fn to_value(&self) -> Value {
        Value::Bytes(Some(self.to_vec()))
    }
    fn null() -> Value {
        Value::Bytes(None)
    }
    fn from_value(value: Value) -> Option<Self> {
        Vec::from_value(value).and_then(|bytes| bytes.try_into().ok())
    }
}

impl<T: Stored> Stored for Option<T> {
    fn to_value(&self) -> Value {
        self.as_ref().map_or_else(T::null, T::to_value)
    }
    fn null() -> Value {
        T::null()
    }
    fn from_value(value: Value) -> Option<Self> {
        match value {
            Value::Int(None) | Value::Text(None) | Value::Bytes(None) => Some(None),
            value => T::from_value(value).map(Some),
        }
    }
}

macro_rules! stored_ids {
    ($($id:ident),+) => {$(
        impl Stored for $id {
            fn to_value(&self) -> Value {
                self.as_bytes().to_value()
            }
            fn null() -> Value {
                Value::Bytes(None)
            }
            fn from_value(value: Value) -> Option<Self> {
                <[u8; 16]>::from_value(value).map(Self::from_bytes)
            }
        }
    )+};
}

stored_ids!(
    AuditId,
    ChannelAccountId,
    CommandId,
    ContactId,
    ConversationId,
    DeviceId,
    EpochId,
    ErasureId,
    JobId,
    KeyId,
    MessageId,
    QueueId,
    RefreshId,
    TenantId,
    UserId,
    WebhookId
);

impl<T: Stored> From<T> for Value {
    fn from(value: T) -> Self {
        value.to_value()
    }
}

/// Ids for a list, each once.
pub(crate) fn list_of<T: Stored + Ord + Copy>(ids: &[T]) -> Vec<Value> {
    let mut unique = ids.to_vec();
    unique.sort_unstable();
    unique.dedup();
    unique.into_iter().map(Value::from).collect()
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(Some(text.to_owned()))
    }
}

impl From<&[u8]> for Value {
    fn from(bytes: &[u8]) -> Self {
        Self::Bytes(Some(bytes.to_vec()))
    }
}

/// One row of a result, read column by column in the order of the statement.
pub(crate) struct Row {
    values: std::vec::IntoIter<Value>,
}

impl Row {
    pub(crate) fn new(values: Vec<Value>) -> Self {
        Self { values: values.into_iter() }
    }

    /// The next column. `place` names it in the error.
    pub(crate) fn take<T: Stored>(&mut self, place: &'static str) -> Result<T> {
        self.values.next().and_then(T::from_value).ok_or(StorageError::Shape(place))
    }

    /// The next column, a word of a closed enumeration.
    pub(crate) fn word<T: DeserializeOwned>(&mut self, place: &'static str) -> Result<T> {
        self.word_or_null(place)?.ok_or(StorageError::Shape(place))
    }

    /// The next column, a word or NULL.
    pub(crate) fn word_or_null<T: DeserializeOwned>(&mut self, place: &'static str) -> Result<Option<T>> {
        let Some(text) = self.take::<Option<String>>(place)? else { return Ok(None) };
        serde_json::from_value(serde_json::Value::String(text))
            .map(Some)
            .map_err(|_| StorageError::Shape(place))
    }
}

/// A list of parameters from values of different types.
macro_rules! values {
    ($($value:expr),* $(,)?) => { vec![$($crate::storage::value::Value::from($value)),*] };
}
pub(crate) use values;

#[cfg(test)]
mod tests {
    use super::*;
    use deskbell_domain::ConversationStatus;

    #[test]
    fn values_come_back_as_they_went() {
        let id = MessageId::from_bytes([7; 16]);
        let mut row = Row::new(values![5_i64, true, "x", id, Option::<i64>::None, UtcMs::from_ms(9)]);
        assert_eq!(row.take::<i64>("a").unwrap(), 5);
        assert!(row.take::<bool>("b").unwrap());
        assert_eq!(row.take::<String>("c").unwrap(), "x");
        assert_eq!(row.take::<MessageId>("d").unwrap(), id);
        assert_eq!(row.take::<Option<UserId>>("e").unwrap(), None);
        assert_eq!(row.take::<Option<UtcMs>>("f").unwrap(), Some(UtcMs::from_ms(9)));
        assert!(matches!(row.take::<i64>("past the end"), Err(StorageError::Shape("past the end"))));
    }

    #[test]
    fn a_value_of_another_shape_is_an_error_that_names_the_place() {
        let mut row = Row::new(values![2_i64, "sideways", vec![1_u8, 2]]);
        assert!(matches!(row.take::<bool>("flag"), Err(StorageError::Shape("flag"))));
        assert!(matches!(row.word::<ConversationStatus>("status"), Err(StorageError::Shape("status"))));
        assert!(matches!(row.take::<MessageId>("id"), Err(StorageError::Shape("id"))));
    }

    #[test]
    fn words_are_spelt_as_on_the_wire() {
        assert!(Value::word(&ConversationStatus::Snoozed) == Value::from("snoozed"));
        let mut row = Row::new(values!["snoozed"]);
        assert_eq!(row.word::<ConversationStatus>("status").unwrap(), ConversationStatus::Snoozed);
    }
}
