//! The formats cannot change unseen: what older versions wrote, this one must write and read alike.

use std::io::{Cursor, Read};

use serde::Deserialize;

use crate::cipher::VERSION;
use crate::envelope::seal_with_nonce;
use crate::hash::sha256;
use crate::token::token_seal_with_nonce;
use crate::*;

#[derive(Deserialize)]
#[serde(try_from = "String")]
struct Hex(Vec<u8>);

impl TryFrom<String> for Hex {
    type Error = hex::FromHexError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        hex::decode(text).map(Self)
    }
}

impl Hex {
    fn array<const N: usize>(&self) -> [u8; N] {
        self.0.as_slice().try_into().unwrap()
    }

    fn key(&self) -> Key {
        Key::from_bytes(self.array())
    }
}

#[derive(Deserialize)]
struct Place {
    tenant: Hex,
    table: String,
    row: Hex,
    column: String,
}

impl Place {
    fn aad(&self) -> Aad {
        Aad::cell(Cell {
            tenant: &self.tenant.array(),
            table: &self.table,
            row: &self.row.0,
            column: &self.column,
        })
    }
}

#[derive(Deserialize)]
struct Purpose {
    label: String,
    parts: Vec<Hex>,
}

impl Purpose {
    fn aad(&self) -> Aad {
        let parts: Vec<&[u8]> = self.parts.iter().map(|part| part.0.as_slice()).collect();
        Aad::purpose(&self.label, &parts)
    }
}

fn vectors<'de, V: Deserialize<'de>>(text: &'de str) -> Vec<V> {
    let vectors: Vec<V> = serde_json::from_str(text).unwrap();
    assert!(!vectors.is_empty());
    vectors
}

#[test]
fn envelopes_keep_their_format() {
    #[derive(Deserialize)]
    struct Vector {
        key: Hex,
        key_id: Hex,
        nonce: Hex,
        place: Place,
        content: Hex,
        envelope: Hex,
    }
    for vector in vectors::<Vector>(include_str!("../tests/vectors/envelope.json")) {
        let (key, aad) = (vector.key.key(), vector.place.aad());
        let envelope =
            seal_with_nonce(&key, &vector.key_id.array(), &vector.nonce.array(), &aad, &vector.content.0);
        assert_eq!(hex::encode(envelope.unwrap()), hex::encode(&vector.envelope.0));
        assert_eq!(open(&key, &aad, &vector.envelope.0).unwrap(), vector.content.0);
        assert_eq!(key_id_of(&vector.envelope.0).unwrap(), vector.key_id.array());
    }
}

#[test]
fn chunked_files_keep_their_format() {
    #[derive(Deserialize)]
    struct Vector {
        key: Hex,
        nonce: Hex,
        place: Place,
        /// The content is the bytes 0 to 250, over and over.
        content_bytes: usize,
        header: Hex,
        last_chunk_sha256: Hex,
        file_sha256: Hex,
    }
    for vector in vectors::<Vector>(include_str!("../tests/vectors/chunked.json")) {
        let (key, aad) = (vector.key.key(), vector.place.aad());
        let content: Vec<u8> = (0..vector.content_bytes).map(|place| (place % 251) as u8).collect();
        let mut sealer = ChunkSealer::with_nonce(&key, vector.nonce.array(), &aad);
        let mut file = sealer.header();
        assert_eq!(hex::encode(&file), hex::encode(&vector.header.0));
        let full = content.len().saturating_sub(1) / CHUNK_BYTES * CHUNK_BYTES;
        for chunk in content[..full].chunks(CHUNK_BYTES) {
            file.extend(sealer.next(chunk).unwrap());
        }
        let last = sealer.last(&content[full..]).unwrap();
        assert_eq!(hex::encode(sha256(&last)), hex::encode(&vector.last_chunk_sha256.0));
        file.extend(last);
        assert_eq!(hex::encode(sha256(&file)), hex::encode(&vector.file_sha256.0));
        let mut read = Vec::new();
        SealedFile::open(&key, &aad, Cursor::new(file)).unwrap().read_to_end(&mut read).unwrap();
        assert!(read == content);
    }
}

#[test]
fn wrapped_keys_keep_their_format() {
    #[derive(Deserialize)]
    struct Vector {
        under: Hex,
        key: Hex,
        nonce: Hex,
        purpose: Purpose,
        wrapped: Hex,
    }
    for vector in vectors::<Vector>(include_str!("../tests/vectors/wrapped_key.json")) {
        let (under, aad) = (vector.under.key(), vector.purpose.aad());
        let wrapped = under.wrap_with_nonce(&vector.key.key(), &vector.nonce.array(), &aad).unwrap();
        assert_eq!(hex::encode(wrapped.as_bytes()), hex::encode(&vector.wrapped.0));
        assert_eq!(under.unwrap(&wrapped, &aad).unwrap(), vector.key.key());
    }
}

#[test]
fn page_tokens_keep_their_format() {
    #[derive(Deserialize)]
    struct Vector {
        key: Hex,
        nonce: Hex,
        purpose: Purpose,
        content: Hex,
        token: String,
    }
    for vector in vectors::<Vector>(include_str!("../tests/vectors/token.json")) {
        let (key, aad) = (vector.key.key(), vector.purpose.aad());
        let token = token_seal_with_nonce(&key, &vector.nonce.array(), &aad, &vector.content.0).unwrap();
        assert_eq!(token, vector.token);
        assert_eq!(token_open(&key, &aad, &vector.token).unwrap(), vector.content.0);
    }
}

#[test]
fn derived_keys_and_hashes_stay_what_they_were() {
    #[derive(Deserialize)]
    #[serde(rename_all = "snake_case", tag = "form")]
    enum Vector {
        Derive { label: String, secrets: Vec<Hex>, out: Hex },
        Lookup { key: Hex, purpose: String, value: Hex, out: Hex },
        Digest { purpose: String, parts: Vec<Hex>, out: Hex },
        TokenHash { token: String, out: Hex },
        Fingerprint { key: Hex, out: String },
    }
    for vector in vectors::<Vector>(include_str!("../tests/vectors/hash.json")) {
        match vector {
            Vector::Derive { label, secrets, out } => {
                let secrets: Vec<Key> = secrets.iter().map(Hex::key).collect();
                let derived = Key::derive(&label, &secrets.iter().collect::<Vec<_>>());
                assert_eq!(derived.expose_hex().as_str(), hex::encode(out.0));
            }
            Vector::Lookup { key, purpose, value, out } => {
                assert_eq!(keyed_hash(&key.key(), &purpose, &value.0).as_bytes().as_slice(), out.0);
            }
            Vector::Digest { purpose, parts, out } => {
                let parts: Vec<&[u8]> = parts.iter().map(|part| part.0.as_slice()).collect();
                assert_eq!(digest(&purpose, &parts).as_bytes().as_slice(), out.0);
            }
            Vector::TokenHash { token, out } => {
                assert_eq!(TokenHash::of(&token).as_bytes().as_slice(), out.0);
            }
            Vector::Fingerprint { key, out } => {
                assert_eq!(VerifyingKey::from_bytes(key.array()).fingerprint(), out);
            }
        }
    }
}

#[test]
fn signatures_stay_what_they_were() {
    #[derive(Deserialize)]
    struct Vector {
        secret: Hex,
        public: Hex,
        context: String,
        payload: Hex,
        signature: Hex,
    }
    for vector in vectors::<Vector>(include_str!("../tests/vectors/statement.json")) {
        let key = SigningKey::from_secret(&vector.secret.array());
        assert_eq!(key.verifying_key().as_bytes().as_slice(), vector.public.0);
        let signature = key.sign(&vector.context, &vector.payload.0);
        assert_eq!(hex::encode(signature.as_bytes()), hex::encode(&vector.signature.0));
        key.verifying_key().verify(&vector.context, &vector.payload.0, &signature).unwrap();
    }
}

#[test]
fn the_version_the_vectors_speak_of_is_the_one_written() {
    assert_eq!(VERSION, 1);
}
