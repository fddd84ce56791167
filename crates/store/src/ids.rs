//! Ids as statements take them: many in one parameter, unpacked by `json_each` and `unhex`.

use std::fmt::Write as _;

/// Ids as a JSON list of hexadecimal texts.
pub(crate) fn hex_list(ids: impl IntoIterator<Item = [u8; 16]>) -> String {
    let mut list = String::from("[");
    for id in ids {
        if list.len() > 1 {
            list.push(',');
        }
        list.push('"');
        list.push_str(&hex(&id));
        list.push('"');
    }
    list.push(']');
    list
}

/// An id in hexadecimal.
pub(crate) fn hex(id: &[u8; 16]) -> String {
    let mut text = String::with_capacity(32);
    for byte in id {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_become_a_list_that_sqlite_can_unpack() {
        assert_eq!(hex_list([]), "[]");
        let list = hex_list([[0x0a; 16], [0xff; 16]]);
        assert_eq!(list, format!("[\"{}\",\"{}\"]", "0a".repeat(16), "ff".repeat(16)));
    }
}
