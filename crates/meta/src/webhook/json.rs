//! Reading JSON the way Meta writes it: numbers as strings, strings as numbers, absent where it says required.

use std::borrow::Cow;

use deskbell_domain::{Sensitive, UtcMs};
use serde_json::Value;

/// From here on a time counts as milliseconds: in seconds it would lie in the year 5138. WhatsApp writes seconds,
/// Messenger and Instagram write milliseconds.
const SECONDS_MAX: i64 = 100_000_000_000;

/// A text that is there and not empty.
pub(crate) fn text<'a>(value: &'a Value, key: &str) -> Option<&'a str> {
    value.get(key)?.as_str().filter(|text| !text.is_empty())
}

/// One of Meta's own words, as it came.
pub(crate) fn word(value: &Value, key: &str) -> Option<String> {
    text(value, key).map(str::to_owned)
}

/// An opaque id, written as text or as a number.
pub(crate) fn id(value: &Value, key: &str) -> Option<String> {
    match value.get(key)? {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// Personal data, or an id that contains some, written as text or as a number.
pub(crate) fn secret(value: &Value, key: &str) -> Option<Sensitive<String>> {
    id(value, key).map(Sensitive::new)
}

/// A whole number, written as a number or as text.
pub(crate) fn whole(value: &Value, key: &str) -> Option<i64> {
    match value.get(key)? {
        Value::Number(number) => number.as_i64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

/// A boolean that is there and true.
pub(crate) fn flag(value: &Value, key: &str) -> bool {
    value.get(key).and_then(Value::as_bool).unwrap_or(false)
}

/// A time in seconds since 1970, written as a number or as text.
pub(crate) fn time(value: &Value, key: &str) -> Option<UtcMs> {
    let time = whole(value, key)?;
    Some(UtcMs::from_ms(if time.abs() < SECONDS_MAX { time * 1000 } else { time }))
}

/// The elements of a list; a single object counts as a list of one.
pub(crate) fn items<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    match value.get(key) {
        Some(Value::Array(items)) => items,
        Some(single @ Value::Object(_)) => std::slice::from_ref(single),
        _ => &[],
    }
}

/// Parses a body. Where it is no JSON only because a text was cut within a character (a lone `\uD83D`, a stray byte),
/// the rest of that character is replaced by U+FFFD.
///
/// # Errors
/// When it is no JSON even so.
pub(crate) fn parse(body: &[u8]) -> Result<Value, serde_json::Error> {
    serde_json::from_slice(body).or_else(|error| {
        let text = String::from_utf8_lossy(body);
        match with_whole_characters(&text) {
            Cow::Borrowed(same) if same.len() == body.len() => Err(error),
            mended => serde_json::from_str(&mended),
        }
    })
}

/// The text with each `\uXXXX` that is half of a surrogate pair replaced by `\ufffd`.
fn with_whole_characters(text: &str) -> Cow<'_, str> {
    let mut mended = String::new();
    let mut kept = 0;
    let mut at = 0;
    let bytes = text.as_bytes();
    while let Some(&byte) = bytes.get(at) {
        if byte != b'\\' {
            at += 1;
            continue;
        }
        let Some(unit) = escape(text, at) else {
            // Another escape, such as `\\` or `\n`: its second character belongs to it.
            at += 2;
            continue;
        };
        let paired = matches!(unit, 0xD800..=0xDBFF)
            && matches!(escape(text, at + ESCAPE_BYTES), Some(0xDC00..=0xDFFF));
        if matches!(unit, 0xD800..=0xDFFF) && !paired {
            mended.push_str(text.get(kept..at).unwrap_or_default());
            mended.push_str("\\ufffd");
            kept = at + ESCAPE_BYTES;
        }
        at += if paired { 2 * ESCAPE_BYTES } else { ESCAPE_BYTES };
    }
    if kept == 0 {
        return Cow::Borrowed(text);
    }
    mended.push_str(text.get(kept..).unwrap_or_default());
    Cow::Owned(mended)
}

/// Length of `\uXXXX` in bytes.
const ESCAPE_BYTES: usize = 6;

/// The code unit written as `\uXXXX` at this place.
fn escape(text: &str, at: usize) -> Option<u16> {
    let digits = text.get(at..at + ESCAPE_BYTES)?.strip_prefix("\\u")?;
    u16::from_str_radix(digits, 16).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn numbers_are_read_in_both_spellings() {
        let value = json!({"a": "1790000000", "b": 1790000000, "c": 1790000000123_i64, "d": "soon", "e": ""});
        assert_eq!(time(&value, "a"), Some(UtcMs::from_ms(1_790_000_000_000)));
        assert_eq!(time(&value, "b"), time(&value, "a"));
        assert_eq!(time(&value, "c"), Some(UtcMs::from_ms(1_790_000_000_123)));
        assert_eq!(time(&value, "d"), None);
        assert_eq!(id(&value, "b").as_deref(), Some("1790000000"));
        assert_eq!(id(&value, "e"), None);
    }

    #[test]
    fn a_text_that_was_cut_within_a_character_is_still_read() {
        let read = |body: &[u8]| parse(body).map(|value| value["t"].as_str().unwrap().to_owned());
        assert_eq!(read(br#"{"t":"thumb \ud83d\udc4d"}"#).unwrap(), "thumb 👍");
        assert_eq!(read(br#"{"t":"thumb \ud83d"}"#).unwrap(), "thumb \u{fffd}");
        assert_eq!(read(br#"{"t":"\udc4d\ud83d\ud83d\udc4d"}"#).unwrap(), "\u{fffd}\u{fffd}👍");
        assert_eq!(read(br#"{"t":"\\ud83d \ud83d."}"#).unwrap(), "\\ud83d \u{fffd}.");
        assert_eq!(read(b"{\"t\":\"caf\xc3\"}").unwrap(), "caf\u{fffd}");
        assert!(read(br#"{"t":"\ud83d""#).is_err());
        assert!(read(b"{\"t\":").is_err());
    }
}
