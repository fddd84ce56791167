//! What the split promises, on bodies of our own.

#![allow(clippy::unwrap_used, clippy::panic, reason = "what helps a test fails as a test does")]

use deskbell_domain::UtcMs;
use deskbell_meta::webhook::{
    AccountChange, AccountEvent, Content, Event, EventKind, HistoryStatus, Kind, Message, NotAWebhook,
    Person, StatusWord, SystemEvent, TemplateChange, TemplateEvent, split,
};
use proptest::prelude::*;
use serde_json::{Value, json};

fn events(name: &str) -> Vec<Event> {
    let path = format!("{}/tests/fixtures/{name}.json", env!("CARGO_MANIFEST_DIR"));
    split(&std::fs::read(path).unwrap()).unwrap()
}

fn messages(name: &str) -> Vec<Message> {
    let kinds = events(name).into_iter().map(|event| event.kind);
    kinds
        .filter_map(|kind| if let EventKind::Message(message) = kind { Some(*message) } else { None })
        .collect()
}

fn message_by_id(name: &str, id: &str) -> Message {
    let mut found =
        messages(name).into_iter().filter(|m| m.id.as_ref().is_some_and(|own| own.expose() == id));
    found.next().unwrap()
}

#[test]
fn messages_of_a_batch_keep_their_own_senders() {
    let all = messages("batch");
    let [ines, tom, ada, bare] = all.as_slice() else { panic!("{}", all.len()) };
    assert_eq!(
        ines.from,
        Person {
            phone: Some("15550100001".into()),
            user_id: Some("ES.1001".into()),
            name: Some("Ines Calder".into()),
            ..Person::default()
        }
    );
    assert_eq!(ines.timestamp, Some(UtcMs::from_ms(1_790_000_000_000)));
    assert_eq!(ines.text, Some("¿Sigue abierto el sábado? ☕".into()));
    assert_eq!(
        tom.from,
        Person {
            user_id: Some("GB.2002".into()),
            parent_user_id: Some("GB.ENT.77".into()),
            name: Some("Tom Arden".into()),
            username: Some("@tom.arden".into()),
            ..Person::default()
        }
    );
    assert_eq!(tom.context.as_ref().unwrap().id, Some("wamid.own.0".into()));
    assert_eq!((ada.content.clone(), ada.from.name.clone()), (Content::Unknown, Some("Ada Brook".into())));
    assert_eq!((bare.from.phone.clone(), bare.from.user_id.clone()), (None, Some("US.3003".into())));
}

#[test]
fn each_event_knows_the_account_it_belongs_to() {
    let all = events("batch");
    let accounts: Vec<_> = all.iter().map(|event| event.target.waba_id.as_deref().unwrap()).collect();
    assert_eq!(
        accounts,
        ["700100200300400", "700100200300400", "700100200300400", "700100200300401", "700100200300401"]
    );
    assert!(all.iter().all(|event| event.target.phone_number_id.as_deref() == Some("700900800700600")));
}

#[test]
fn where_the_value_names_the_account_the_entry_stands_for_the_portfolio() {
    let removed = events("account").remove(0);
    assert_eq!(removed.target.waba_id.as_deref(), Some("700100200300400"));
    assert_eq!(removed.target.portfolio_id.as_deref(), Some("6001"));
    let EventKind::Account(account) = removed.kind else { panic!() };
    assert_eq!(account.change, AccountChange::Happened(AccountEvent::PartnerRemoved));
}

#[test]
fn a_message_of_an_unknown_type_is_still_a_message_of_somebody() {
    let event = events("batch").into_iter().find(|event| event.kind() == Kind::Unsupported).unwrap();
    let EventKind::Message(message) = &event.kind else { panic!() };
    assert_eq!(message.word.as_deref(), Some("hologram"));
    assert_eq!(message.from.phone, Some("15550100003".into()));
    assert!(event.raw.expose().to_string().contains("\"depth\":3"));
}

#[test]
fn content_is_read_by_its_type() {
    let voice = message_by_id("content", "wamid.own.11");
    assert!(voice.content == Content::Audio && voice.media.unwrap().voice);

    let file = message_by_id("content", "wamid.own.12");
    assert_eq!(file.media.unwrap().filename, Some("garantía.pdf".into()));
    assert!(file.context.unwrap().forwarded);

    let Content::Location(place) = message_by_id("content", "wamid.own.13").content else { panic!() };
    assert_eq!(place.latitude.map(|degrees| *degrees.expose()), Some(40.4168));

    let Content::Interactive(Some(reply)) = message_by_id("content", "wamid.own.16").content else {
        panic!()
    };
    assert_eq!(reply.response_json, Some(r#"{"size":"L"}"#.into()));

    let removed = message_by_id("content", "wamid.own.19");
    assert!(matches!(removed.content, Content::Reaction { emoji: None, message_id: Some(_) }));

    let Content::System(notice) = message_by_id("content", "wamid.own.21").content else { panic!() };
    assert_eq!((notice.event, notice.now.phone), (SystemEvent::ChangedNumber, Some("15550100009".into())));

    let Content::Edit(edited) = message_by_id("content", "wamid.own.22").content else { panic!() };
    assert_eq!((edited.original_id, edited.content), (Some("wamid.own.1".into()), Content::Text));

    let unsupported = message_by_id("content", "wamid.own.24");
    assert_eq!(unsupported.content, Content::Unsupported { word: Some("poll".into()) });
    assert_eq!(unsupported.errors[0].code, Some(131_051));
    assert_eq!(unsupported.errors[0].details, Some("older shape".into()));
}

#[test]
fn statuses_name_their_recipient_in_both_spellings() {
    let all = events("statuses");
    let EventKind::Status(delivered) = &all[1].kind else { panic!() };
    assert_eq!(delivered.word, StatusWord::Delivered);
    assert_eq!(delivered.timestamp, None);
    assert_eq!(delivered.recipient.person.parent_user_id, Some("ES.ENT.9".into()));

    let EventKind::Status(in_group) = &all[4].kind else { panic!() };
    assert_eq!(in_group.recipient.group_id, Some("Z3JvdXA".into()));
    assert_eq!(in_group.recipient.person.phone, Some("15550100003".into()));

    assert_eq!(all[5].kind(), Kind::Unsupported);
    let EventKind::Status(ours) = &events("batch")[2].kind else { panic!() };
    assert_eq!(ours.callback_data, Some("0197-own".into()));
}

#[test]
fn history_knows_its_chunk_and_its_thread() {
    let histories: Vec<_> = events("coexistence")
        .into_iter()
        .filter_map(|event| if let EventKind::History(history) = event.kind { Some(*history) } else { None })
        .collect();
    let [ours, theirs, end, media] = histories.as_slice() else { panic!("{}", histories.len()) };
    assert_eq!(ours.customer.phone, Some("15550100001".into()));
    assert_eq!(ours.message.as_ref().unwrap().from.phone, Some("15550109000".into()));
    assert_eq!((ours.status, theirs.status), (Some(HistoryStatus::Read), Some(HistoryStatus::Delivered)));
    assert_eq!(ours.chunk.unwrap().progress, Some(55));
    assert!(end.message.is_none() && end.chunk.unwrap().progress == Some(100));
    assert!(media.chunk.is_none() && media.message.as_ref().unwrap().media.is_some());
}

#[test]
fn templates_keep_ids_beyond_what_a_double_can_hold() {
    let all = events("account");
    let templates: Vec<_> = all
        .iter()
        .filter_map(|e| if let EventKind::Template(t) = &e.kind { Some(t) } else { None })
        .collect();
    assert_eq!(templates[0].id.as_deref(), Some("9223372036854775807"));
    assert!(matches!(
        templates[0].change,
        TemplateChange::Status { event: TemplateEvent::PendingDeletion, reason: None, .. }
    ));
    assert!(matches!(templates[1].change, TemplateChange::Quality { .. }));
}

#[test]
fn every_raw_value_reads_as_the_event_it_was_kept_for() {
    for name in ["account", "batch", "coexistence", "content", "instagram", "odd", "statuses"] {
        for event in events(name) {
            assert_eq!(Event::from_raw(&event.raw), Ok(event), "{name}");
        }
    }
}

#[test]
fn the_same_event_has_one_identity_however_it_is_delivered() {
    let all = events("batch");
    for (position, event) in all.iter().enumerate() {
        let again = Event::from_raw(&event.raw).unwrap();
        assert_eq!(event.identity(), again.identity());
        assert!(all[position + 1..].iter().all(|other| other.identity() != event.identity()));
    }
    let word = |status: &str, recipient: &str| {
        let body = json!({"entry": [{"id": "1", "changes": [{"field": "messages", "value": {
            "statuses": [{"id": "wamid.own.1", "status": status, "recipient_id": recipient}]}}]}]});
        split(body.to_string().as_bytes()).unwrap()[0].identity()
    };
    assert_eq!(word("read", "15550100001"), word("read", "15550100001"));
    assert_ne!(word("read", "15550100001"), word("delivered", "15550100001"));
    assert_ne!(word("read", "15550100001"), word("read", "15550100002"));
}

#[test]
fn what_is_no_webhook_is_said_to_be_none() {
    for body in ["", "hello", "{\"object\":", "{\"entry\":[}"] {
        assert_eq!(split(body.as_bytes()), Err(NotAWebhook::NotJson), "{body}");
    }
    for body in ["[]", "7", "{}", "{\"object\":\"whatsapp_business_account\"}", "{\"entry\":{}}"] {
        assert_eq!(split(body.as_bytes()), Err(NotAWebhook::NoEntries), "{body}");
    }
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    assert_eq!(split(deep.as_bytes()), Err(NotAWebhook::NotJson));
    assert_eq!(split(b"{\"object\":\"whatsapp_business_account\",\"entry\":[]}"), Ok(vec![]));
}

#[test]
fn nothing_personal_shows_in_debug_output() {
    // The control: what must not show is there to be shown.
    let personal = [
        "Ines",
        "15550100001",
        "wamid.own",
        "sábado",
        "tom.arden",
        "ES.1001",
        "broken one",
        "garantía",
        "40.4",
    ];
    let bodies = ["batch", "coexistence", "content", "statuses", "odd"];
    let exposed: String =
        bodies.iter().flat_map(|name| events(name)).map(|e| e.raw.expose().to_string()).collect();
    for word in personal {
        assert!(exposed.contains(word), "{word}");
    }
    for name in bodies {
        let shown = format!("{:#?}", events(name));
        for word in personal {
            assert!(!shown.contains(word), "{name} shows {word}");
        }
    }
}

/// JSON of any shape, with Meta's own keys at random places.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "\\PC{0,8}".prop_map(Value::from),
        Just(Value::from("text")),
        Just(Value::from("edit")),
        Just(Value::from("account_update")),
        Just(Value::from("security")),
        Just(Value::from("read")),
        Just(Value::from("PARTNER_REMOVED")),
    ];
    let key = prop::sample::select(vec![
        "object",
        "entry",
        "id",
        "time",
        "changes",
        "field",
        "value",
        "messages",
        "statuses",
        "contacts",
        "history",
        "threads",
        "errors",
        "type",
        "text",
        "edit",
        "message",
        "from",
        "event",
        "state_sync",
        "contact",
        "groups",
        "message_echoes",
        "user_id_update",
        "waba_info",
        "waba_id",
        "phone_number",
        "message_template_id",
        "user_preferences",
        "status",
        "metadata",
        "timestamp",
        "messaging",
        "odd",
    ]);
    leaf.prop_recursive(8, 96, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::vec((key.clone(), inner), 0..6)
                .prop_map(|pairs| pairs.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()),
        ]
    })
}

proptest! {
    // A failing case is printed and becomes a test of its own rather than a file of seeds.
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn no_bytes_make_the_split_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = split(&bytes);
    }

    #[test]
    fn no_json_makes_the_split_panic_and_every_raw_value_reads_as_its_event(value in any_json(), wrap in 0..3) {
        let body = match wrap {
            0 => value,
            1 => json!({"entry": value}),
            _ => json!({"object": "whatsapp_business_account", "entry": [{"id": "1", "changes": [{"value": value}]}]}),
        };
        for event in split(body.to_string().as_bytes()).unwrap_or_default() {
            prop_assert_eq!(Event::from_raw(&event.raw), Ok(event));
        }
    }
}
