use deskbell_backend::storage::contact;
use deskbell_backend::storage::message::{self, Inserted};
use deskbell_backend::storage::{Db, StorageError, channel_account, raw_event, staff};
use deskbell_domain::{MessageId, Sensitive};
use sqlx::Row as _;

use crate::harness::{Office, World, engines, inbound};

async fn receive(
    office: &Office,
    number: &str,
    text: &str,
    wamid: &str,
) -> (MessageId, contact::WritableContact) {
    let mut tx = office.tenant.begin().await.unwrap();
    let (contact, conversation) = office.customer(&mut tx, number).await;
    let new = inbound(&tx, text, wamid);
    let inserted = message::insert(&mut tx, &contact, &conversation, &new).await.unwrap();
    assert!(matches!(inserted, Inserted::New(_)));
    let raw = Sensitive::new(serde_json::json!({ "body": text }));
    raw_event::insert(&mut tx, &contact, "message", Some(new.id), &raw).await.unwrap();
    tx.commit().await.unwrap();
    (new.id, contact)
}

async fn body(db: &Db, office: &Office, id: MessageId) -> Option<Sensitive<String>> {
    let mut read = db.tenant(office.id()).read().await.unwrap();
    message::read_many(&mut read, &[id]).await.unwrap().remove(0).body
}

engines! {
    a_destroyed_key_makes_a_person_s_data_noise_and_nobody_else_s(world) {
        let office = world.office("one").await;
        let (gone, contact) = receive(&office, "34600000001", "secret", "wamid.1").await;
        let (kept, other) = receive(&office, "34600000002", "other", "wamid.2").await;
        assert!(body(&world.db, &office, gone).await.is_some());

        world.db.keys().destroy(office.id(), &[contact.key_id()]).await.unwrap();
        for _ in 0..2 {
            assert_eq!(body(&world.db, &office, gone).await, None);
            assert_eq!(body(&world.db, &office, kept).await, Some(Sensitive::from("{\"text\":\"other\"}")));
            let mut read = world.db.tenant(office.id()).read().await.unwrap();
            let cards = contact::cards(&mut read, &[contact.id(), other.id()]).await.unwrap();
            assert_eq!(cards.iter().filter(|card| card.name.is_some()).count(), 1);
            assert!(contact::aliases(&mut read, contact.id()).await.unwrap().is_empty());
            assert!(raw_event::of_contact(&mut read, contact.id()).await.unwrap().is_empty());
            drop(read);
            world.restart().await;
        }
    }

    an_account_s_token_comes_back_until_it_is_disconnected(world) {
        let office = world.office("one").await;
        let mut tx = office.tenant.begin().await.unwrap();
        let account = channel_account::by_phone_number_id(&mut tx, "number-of-one").await.unwrap().unwrap();
        assert_eq!(account.token, Some(Sensitive::from("EAAG-the-token")));
        let key = channel_account::disconnect(&mut tx, account.id).await.unwrap();
        tx.commit().await.unwrap();
        world.db.keys().destroy(office.id(), &[key]).await.unwrap();

        let mut tx = office.tenant.begin().await.unwrap();
        let gone = channel_account::by_id(&mut tx, account.id).await.unwrap().unwrap();
        assert_eq!((gone.token, gone.status), (None, channel_account::AccountStatus::Disconnected));
        let paused = channel_account::AccountStatus::Paused;
        assert!(!channel_account::set_status(&mut tx, account.id, paused).await.unwrap(), "without a token");
        channel_account::connect(&mut tx, account.id, &Sensitive::from("new")).await.unwrap();
        assert!(channel_account::set_status(&mut tx, account.id, paused).await.unwrap());
        let back = channel_account::by_id(&mut tx, account.id).await.unwrap().unwrap();
        assert_eq!((back.token, back.status), (Some(Sensitive::from("new")), paused));
    }
}

/// Every value of every table, as a stolen backup would show it.
async fn stolen(world: &World) -> String {
    let tables =
        world.as_superuser("SELECT tablename FROM pg_tables WHERE schemaname = 'deskbell'".to_owned()).await;
    let mut text = String::new();
    for table in tables {
        let table: String = table.get(0);
        let rows = world.as_superuser(format!("SELECT t::text FROM deskbell.{table} t")).await;
        for row in rows {
            text.push_str(&row.get::<String, _>(0));
            text.push('\n');
        }
    }
    text
}

fn as_stored(text: &str) -> [String; 2] {
    [text.to_owned(), hex::encode(text)]
}

#[tokio::test]
async fn a_stolen_database_shows_nobody_s_words_names_numbers_or_tokens() {
    let Some(world) = World::postgres().await else { return };
    let office = world.office("one").await;
    receive(&office, "34600123456", "nightingale", "wamid.HBgLMzQ2").await;
    let mut tx = office.tenant.begin().await.unwrap();
    let user = staff::by_id(&mut tx, office.agent).await.unwrap().unwrap();
    world
        .db
        .directory()
        .set_sign_in(&Sensitive::from("alice@one.example"), office.id(), user.id)
        .await
        .unwrap();
    world.db.arrivals().insert_many(&[crate::arrivals::body("{\"text\":\"nightingale\"}")]).await.unwrap();

    let stolen = stolen(&world).await;
    let secrets = [
        "nightingale",
        "34600123456",
        "Lucía",
        "wamid.HBgLMzQ2",
        "EAAG-the-token",
        "alice@one.example",
        "Alice",
        "argon2id",
    ];
    for secret in secrets {
        for form in as_stored(secret) {
            assert!(!stolen.contains(&form), "{secret} lies in the open");
        }
    }
    // The control: what is not sealed is found by the same search, as text and as bytes.
    assert!(stolen.contains("Sales"));
    assert!(stolen.contains(&hex::encode(office.id().as_bytes())));
}

#[tokio::test]
async fn a_sealed_value_that_was_moved_to_another_row_does_not_open() {
    let Some(world) = World::postgres().await else { return };
    let office = world.office("one").await;
    let (one, _) = receive(&office, "34600000001", "one", "wamid.1").await;
    let (other, _) = receive(&office, "34600000001", "other", "wamid.2").await;
    let place = |id: MessageId| format!("decode('{}', 'hex')", hex::encode(id.as_bytes()));
    let (one_place, other_place) = (place(one), place(other));
    world
        .as_superuser(format!(
            "UPDATE deskbell.message SET body = (SELECT body FROM deskbell.message WHERE id = {one_place}) WHERE id = {other_place}"
        ))
        .await;
    assert!(body(&world.db, &office, one).await.is_some());
    let mut read = office.tenant.read().await.unwrap();
    let moved = message::read_many(&mut read, &[other]).await;
    assert!(matches!(moved, Err(StorageError::Sealed("message.body"))));
}
