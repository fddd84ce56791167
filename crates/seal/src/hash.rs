use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use crate::Key;
use crate::aad::put;
use crate::fixed::fixed_bytes;
use crate::limits::KEY_BYTES;

fixed_bytes! {
    /// A keyed hash by which a sealed value is found: equal values of one purpose have equal hashes, and without the
    /// key nobody can tell which value it was. It is still personal data.
    LookupHash, 32
}

fixed_bytes! {
    /// A digest of public parts, such as a line of a hash chain.
    Digest, 32
}

/// The look-up hash of `value` for one purpose. The same number as a contact's alias and as a staff member's phone
/// has two hashes, so tables cannot be joined by them.
pub fn keyed_hash(key: &Key, purpose: &str, value: &[u8]) -> LookupHash {
    let mut head = Vec::with_capacity(64);
    put(&mut head, b"deskbell/lookup");
    put(&mut head, purpose.as_bytes());
    LookupHash::from_bytes(hmac(key.expose(), &[&head, value]))
}

/// The digest of `parts` for one purpose. The parts cannot be regrouped without changing it.
pub fn digest(purpose: &str, parts: &[&[u8]]) -> Digest {
    let mut bytes = Vec::new();
    put(&mut bytes, b"deskbell/digest");
    put(&mut bytes, purpose.as_bytes());
    for part in parts {
        put(&mut bytes, part);
    }
    Digest::from_bytes(sha256(&bytes))
}

pub(crate) fn sha256(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

pub(crate) fn hmac(key: &[u8; KEY_BYTES], parts: &[&[u8]]) -> [u8; 32] {
    let mut block = Zeroizing::new([0; HMAC_BLOCK_BYTES]);
    for (place, byte) in block.iter_mut().zip(key) {
        *place = *byte;
    }
    // A shorter key is filled up with zeros by definition; given as a whole block it cannot be refused.
    let mut mac = Hmac::<Sha256>::new((&*block).into());
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

const HMAC_BLOCK_BYTES: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SealError;

    #[test]
    fn equal_values_meet_only_under_one_key_and_one_purpose() {
        let key = Key::from_bytes([1; 32]);
        let phone = keyed_hash(&key, "alias.phone", b"+34600000001");
        assert_eq!(phone, keyed_hash(&key, "alias.phone", b"+34600000001"));
        assert_ne!(phone, keyed_hash(&key, "alias.phone", b"+34600000002"));
        assert_ne!(phone, keyed_hash(&key, "staff.phone", b"+34600000001"));
        assert_ne!(phone, keyed_hash(&Key::from_bytes([2; 32]), "alias.phone", b"+34600000001"));
    }

    #[test]
    fn a_letter_that_moves_from_purpose_to_value_makes_another_hash() {
        let key = Key::from_bytes([1; 32]);
        assert_ne!(keyed_hash(&key, "ab", b"c"), keyed_hash(&key, "a", b"bc"));
        assert_ne!(digest("p", &[b"ab", b"c"]), digest("p", &[b"a", b"bc"]));
        assert_ne!(digest("p", &[b"a"]), digest("q", &[b"a"]));
    }

    #[test]
    fn a_value_has_one_text_and_no_other_is_taken_for_it() {
        let text = Digest::from_bytes([0; 32]).to_text();
        assert_eq!(text, "A".repeat(43));
        assert_eq!(Digest::from_text(&text), Ok(Digest::from_bytes([0; 32])));
        for other in [format!("{}B", "A".repeat(42)), format!("{text}="), format!("{text}A"), "+".repeat(43)]
        {
            assert_eq!(Digest::from_text(&other), Err(SealError::Malformed), "{other}");
        }
    }

    #[test]
    fn hashes_do_not_show_in_debug_output() {
        assert_eq!(format!("{:?}", digest("p", &[])), "Digest(•••)");
    }
}
