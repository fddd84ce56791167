//! The bodies that Meta itself wrote, and the vectors of its signatures. They are read from `../shared/platform`
//! beside the project and are no part of it; where they are not, the tests say so and pass.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "what helps a test fails as a test does"
)]

use std::fs;
use std::path::PathBuf;

use deskbell_domain::Sensitive;
use deskbell_meta::signature::{self, HEADER};
use deskbell_meta::signed_request;
use deskbell_meta::webhook::{Event, Kind, split};
use serde_json::Value;

fn platform() -> Option<PathBuf> {
    let platform: PathBuf =
        [env!("CARGO_MANIFEST_DIR"), "..", "..", "..", "shared", "platform"].iter().collect();
    if platform.is_dir() {
        return Some(platform);
    }
    eprintln!(
        "SKIPPED: ../shared/platform is not there; Meta's own bodies and vectors are not part of the project"
    );
    None
}

fn vectors() -> Option<Value> {
    let vectors = fs::read(platform()?.join("meta-vectors.json")).unwrap();
    Some(serde_json::from_slice(&vectors).unwrap())
}

fn text<'a>(vector: &'a Value, key: &str) -> &'a str {
    vector[key].as_str().unwrap()
}

/// The kinds of events that a sample of this name has.
fn expected(name: &str) -> &'static [Kind] {
    const KINDS: [(&str, &[Kind]); 16] = [
        ("openapi_group", &[Kind::Unsupported]),
        ("webhooks", &[Kind::Unsupported]),
        ("account_", &[Kind::Account]),
        ("coex_account_", &[Kind::Account]),
        ("business_capability_update", &[Kind::Account]),
        ("partner_solutions", &[Kind::Account]),
        ("payment_configuration_update", &[Kind::Account]),
        ("bsuid2026_incoming", &[Kind::Message]),
        ("errors", &[Kind::Error]),
        ("history", &[Kind::History]),
        ("message_template_", &[Kind::Template]),
        ("phone_number_", &[Kind::PhoneNumber]),
        ("security", &[Kind::PhoneNumber]),
        ("smb_app_state_sync", &[Kind::Contact]),
        ("smb_message_echoes", &[Kind::Echo]),
        ("user_preferences", &[Kind::Preference]),
    ];
    const OTHERS: [(&str, &[Kind]); 5] = [
        ("bsuid_3", &[Kind::Message]),
        ("bsuid", &[Kind::Status]),
        ("status", &[Kind::Status]),
        ("messages", &[Kind::Status]),
        ("template_", &[Kind::Template]),
    ];
    let known = KINDS.iter().chain(&OTHERS).find(|(prefix, _)| name.starts_with(prefix));
    known.map_or(&[Kind::Message], |(_, kinds)| kinds)
}

#[test]
fn every_body_that_meta_wrote_decodes_to_the_kind_it_is_named_after() {
    let Some(platform) = platform() else { return };
    let mut bodies = 0;
    for file in fs::read_dir(platform.join("meta-samples")).unwrap() {
        let path = file.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        if name == "MANIFEST" {
            continue;
        }
        bodies += 1;
        let events = split(&fs::read(&path).unwrap()).unwrap();
        assert!(!events.is_empty(), "{name}");
        for event in &events {
            assert!(expected(&name).contains(&event.kind()), "{name}: {:?}", event.kind());
            assert_eq!(
                Event::from_raw(&event.raw).as_ref(),
                Ok(event),
                "{name}: the raw value says something else"
            );
            assert!(event.target.waba_id.is_some(), "{name}");
        }
    }
    assert_eq!(bodies, 88);
}

#[test]
fn the_vectors_of_webhook_signatures_hold() {
    let Some(vectors) = vectors() else { return };
    let vectors = vectors["x_hub_signature_256"].as_array().unwrap();
    assert!(!vectors.is_empty());
    for vector in vectors {
        let secret = Sensitive::from(text(vector, "app_secret"));
        let body = text(vector, "body").as_bytes();
        let header = text(vector, "header").strip_prefix(HEADER).unwrap().strip_prefix(": ").unwrap();
        assert_eq!(signature::sign(body, &secret), header, "{}", vector["name"]);
        assert_eq!(signature::verify(header, body, &["other".into(), secret]), Ok(1), "{}", vector["name"]);
    }
}

#[test]
fn the_vectors_of_signed_requests_hold() {
    let Some(vectors) = vectors() else { return };
    let vectors = vectors["signed_request"].as_array().unwrap();
    assert!(!vectors.is_empty());
    for vector in vectors {
        let secret = Sensitive::from(text(vector, "app_secret"));
        let read = signed_request::parse(text(vector, "signed_request"), &[secret]);
        assert_eq!(read.is_ok(), vector["accept"], "{}: {read:?}", vector["name"]);
        let signed = !matches!(
            read,
            Err(signed_request::SignedRequestError::Signature | signed_request::SignedRequestError::Malformed)
        );
        assert_eq!(signed, vector["signature_valid"], "{}: {read:?}", vector["name"]);
    }
}

#[test]
fn the_vector_of_the_app_secret_proof_holds() {
    let Some(vectors) = vectors() else { return };
    for vector in vectors["appsecret_proof"].as_array().unwrap() {
        let proof = signature::appsecret_proof(
            &text(vector, "access_token").into(),
            &text(vector, "app_secret").into(),
        );
        assert_eq!(proof.expose(), text(vector, "appsecret_proof"));
    }
}
