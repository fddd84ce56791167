use crate::cipher::{Form, VERSION, after_version, decrypt, encrypt};
use crate::limits::{ENVELOPE_EXTRA_BYTES, KEY_ID_BYTES, NONCE_BYTES};
use crate::{Aad, Key, SealError, random};

/// Seals `content` under `key`, bound to `aad`: version ‖ key id ‖ nonce ‖ ciphertext and tag.
///
/// The key id stands in the open, so that a reader knows which key to fetch.
///
/// # Errors
/// [`SealError::NoRandomness`]; [`SealError::TooLong`] beyond 256 GiB.
pub fn seal(key: &Key, key_id: &[u8; KEY_ID_BYTES], aad: &Aad, content: &[u8]) -> Result<Vec<u8>, SealError> {
    seal_with_nonce(key, key_id, &random()?, aad, content)
}

pub(crate) fn seal_with_nonce(
    key: &Key,
    key_id: &[u8; KEY_ID_BYTES],
    nonce: &[u8; NONCE_BYTES],
    aad: &Aad,
    content: &[u8],
) -> Result<Vec<u8>, SealError> {
    let sealed = encrypt(Form::Envelope, key, nonce, aad, content)?;
    let mut envelope = Vec::with_capacity(content.len() + ENVELOPE_EXTRA_BYTES);
    envelope.push(VERSION);
    envelope.extend_from_slice(key_id);
    envelope.extend_from_slice(nonce);
    envelope.extend_from_slice(&sealed);
    Ok(envelope)
}

/// Opens an envelope with the key it names, at the place it was sealed for.
///
/// # Errors
/// [`SealError::Refused`] when the key or the place is another, or a bit was changed; [`SealError::Malformed`] or
/// [`SealError::NewerFormat`] when it is no envelope of this version.
pub fn open(key: &Key, aad: &Aad, envelope: &[u8]) -> Result<Vec<u8>, SealError> {
    let (_, rest) = head(envelope)?;
    let (nonce, sealed) = rest.split_first_chunk().ok_or(SealError::Malformed)?;
    decrypt(Form::Envelope, key, nonce, aad, sealed)
}

/// The id of the key an envelope was sealed under, as it claims: only [`open`] proves it.
///
/// # Errors
/// [`SealError::Malformed`] or [`SealError::NewerFormat`] when it is no envelope of this version.
pub fn key_id_of(envelope: &[u8]) -> Result<[u8; KEY_ID_BYTES], SealError> {
    head(envelope).map(|(key_id, _)| *key_id)
}

fn head(envelope: &[u8]) -> Result<(&[u8; KEY_ID_BYTES], &[u8]), SealError> {
    let rest = after_version(envelope)?;
    if envelope.len() < ENVELOPE_EXTRA_BYTES {
        return Err(SealError::Malformed);
    }
    rest.split_first_chunk().ok_or(SealError::Malformed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Cell;

    const CELL: Cell<'static> = Cell { tenant: &[1; 16], table: "messages", row: &[2; 16], column: "body" };
    const KEY_ID: [u8; 16] = [9; 16];

    fn sealed(key: &Key) -> Vec<u8> {
        seal(key, &KEY_ID, &Aad::cell(CELL), "¿Está abierto?".as_bytes()).unwrap()
    }

    #[test]
    fn an_envelope_opens_where_it_was_sealed() {
        let key = Key::random().unwrap();
        let envelope = sealed(&key);
        assert_eq!(open(&key, &Aad::cell(CELL), &envelope).unwrap(), "¿Está abierto?".as_bytes());
        assert_eq!(key_id_of(&envelope), Ok(KEY_ID));
        assert_eq!(envelope.len(), "¿Está abierto?".len() + ENVELOPE_EXTRA_BYTES);
    }

    #[test]
    fn an_envelope_moved_to_another_tenant_table_row_or_column_stays_shut() {
        let key = Key::random().unwrap();
        let envelope = sealed(&key);
        let places = [
            Cell { tenant: &[3; 16], ..CELL },
            Cell { table: "notes", ..CELL },
            Cell { row: &[3; 16], ..CELL },
            Cell { column: "preview", ..CELL },
        ];
        for place in places {
            assert_eq!(open(&key, &Aad::cell(place), &envelope), Err(SealError::Refused), "{place:?}");
        }
    }

    #[test]
    fn an_envelope_stays_shut_under_another_key() {
        let envelope = sealed(&Key::random().unwrap());
        assert_eq!(open(&Key::random().unwrap(), &Aad::cell(CELL), &envelope), Err(SealError::Refused));
    }

    #[test]
    fn a_changed_bit_of_nonce_content_or_tag_is_noticed() {
        let key = Key::random().unwrap();
        let envelope = sealed(&key);
        for place in 1 + KEY_ID_BYTES..envelope.len() {
            let mut changed = envelope.clone();
            changed[place] ^= 1;
            assert_eq!(open(&key, &Aad::cell(CELL), &changed), Err(SealError::Refused), "byte {place}");
        }
    }

    #[test]
    fn what_is_no_envelope_is_said_to_be_none() {
        let key = Key::random().unwrap();
        let envelope = sealed(&key);
        let newer = [&[VERSION + 1], &envelope[1..]].concat();
        let shorter_than_its_head = &envelope[..ENVELOPE_EXTRA_BYTES - 1];
        assert_eq!(open(&key, &Aad::cell(CELL), &newer), Err(SealError::NewerFormat));
        assert_eq!(open(&key, &Aad::cell(CELL), shorter_than_its_head), Err(SealError::Malformed));
        assert_eq!(open(&key, &Aad::cell(CELL), &[]), Err(SealError::Malformed));
        assert_eq!(key_id_of(&[VERSION; 20]), Err(SealError::Malformed));
    }

    #[test]
    fn one_content_sealed_twice_gives_two_envelopes() {
        let key = Key::random().unwrap();
        assert_ne!(sealed(&key), sealed(&key));
    }
}
