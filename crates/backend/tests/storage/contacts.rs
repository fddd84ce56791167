use std::collections::HashSet;
use std::sync::Arc;

use deskbell_backend::storage::contact::{self, Alias, Profile};
use deskbell_backend::storage::{Entity, Op, change};
use deskbell_domain::{PhoneNumber, Scope, Sensitive};

use crate::harness::{engines, phone};

fn named(name: &str) -> Profile {
    Profile { name: Some(Sensitive::from(name)), username: None }
}

fn user_id(id: &str) -> Alias {
    Alias::UserId(Sensitive::from(id))
}

engines! {
    a_person_is_one_contact_by_whichever_alias_they_come(world) {
        let office = world.office("one").await;
        let mut tx = office.tenant.begin().await.unwrap();
        let first = contact::find_or_create(&mut tx, &[phone("34600000001")], &named("Ana")).await.unwrap();
        assert!(first.is_new());
        let both = [phone("34600000001"), user_id("ES.111")];
        let second = contact::find_or_create(&mut tx, &both, &named("Ana")).await.unwrap();
        let third = contact::find_or_create(&mut tx, &[user_id("ES.111")], &Profile::default()).await.unwrap();
        assert_eq!((second.id(), third.id()), (first.id(), first.id()));
        assert!(!second.is_new());
        let other = contact::find_or_create(&mut tx, &[user_id("ES.222")], &named("Eva")).await.unwrap();
        assert_ne!(other.id(), first.id());
        tx.commit().await.unwrap();

        let mut read = office.tenant.read().await.unwrap();
        assert_eq!(contact::find(&mut read, &[user_id("ES.111")]).await.unwrap(), Some(first.id()));
        assert_eq!(contact::find(&mut read, &[phone("34600000009")]).await.unwrap(), None);
        let aliases = contact::aliases(&mut read, first.id()).await.unwrap();
        assert_eq!(aliases.len(), 2);
        assert!(aliases.contains(&phone("34600000001")) && aliases.contains(&user_id("ES.111")));
        let cards = contact::cards(&mut read, &[first.id(), other.id()]).await.unwrap();
        let ana = cards.iter().find(|card| card.id == first.id()).unwrap();
        assert_eq!(ana.name, Some(Sensitive::from("Ana")));
        assert_eq!(ana.phone, Some(PhoneNumber::parse("34600000001").unwrap()));
        let eva = cards.iter().find(|card| card.id == other.id()).unwrap();
        assert_eq!(eva.phone, None);
    }

    a_user_id_and_a_parent_s_are_told_apart(world) {
        let office = world.office("one").await;
        let mut tx = office.tenant.begin().await.unwrap();
        let own = contact::find_or_create(&mut tx, &[user_id("X.1")], &Profile::default()).await.unwrap();
        let parent = Alias::ParentUserId(Sensitive::from("X.1"));
        let other = contact::find_or_create(&mut tx, &[parent], &Profile::default()).await.unwrap();
        assert_ne!(own.id(), other.id());
    }

    a_new_name_changes_the_card_and_so_the_conversations(world) {
        let office = world.office("one").await;
        let mut tx = office.tenant.begin().await.unwrap();
        let (contact, conversation) = office.customer(&mut tx, "34600000001").await;
        let start = tx.commit().await.unwrap().head.unwrap();

        let mut tx = office.tenant.begin().await.unwrap();
        let same = named("Lucía Ferrán");
        contact::find_or_create(&mut tx, &[phone("34600000001")], &same).await.unwrap();
        assert_eq!(tx.commit().await.unwrap().head, None, "the same name is no change");

        let mut tx = office.tenant.begin().await.unwrap();
        let profile = Profile { username: Some(Sensitive::from("lucia")), ..named("Lucía F.") };
        contact::find_or_create(&mut tx, &[phone("34600000001")], &profile).await.unwrap();
        contact::find_or_create(&mut tx, &[phone("34600000001")], &Profile::default()).await.unwrap();
        tx.commit().await.unwrap();

        let mut read = office.tenant.read().await.unwrap();
        let card = contact::cards(&mut read, &[contact.id()]).await.unwrap().remove(0);
        assert_eq!(card.name, Some(Sensitive::from("Lucía F.")));
        assert_eq!(card.username, Some(Sensitive::from("lucia")));
        let page = change::page(&mut read, start, &[Scope::Queue(office.queue)], 500).await.unwrap();
        let lines: Vec<_> = page.changes.iter().map(|change| (change.entity, change.op)).collect();
        assert_eq!(lines, [(Entity::conversation(conversation.id), Op::Put)]);
    }

    a_person_who_comes_many_times_at_once_is_one_contact(world) {
        let office = Arc::new(world.office("one").await);
        let mut comers = Vec::new();
        for n in 0..8 {
            let office = Arc::clone(&office);
            comers.push(tokio::spawn(async move {
                let mut tx = office.tenant.begin().await.unwrap();
                let aliases = [phone("34600000001"), user_id(&format!("ES.{}", n % 2))];
                let contact = contact::find_or_create(&mut tx, &aliases, &Profile::default()).await.unwrap();
                tx.commit().await.unwrap();
                contact.id()
            }));
        }
        let mut ids = HashSet::new();
        for comer in comers {
            ids.insert(comer.await.unwrap());
        }
        assert_eq!(ids.len(), 1);
    }

    a_contact_whose_keys_are_gone_is_not_written_to_and_comes_back_as_somebody_new(world) {
        let office = world.office("one").await;
        let mut tx = office.tenant.begin().await.unwrap();
        let (contact, _) = office.customer(&mut tx, "34600000001").await;
        tx.commit().await.unwrap();
        let key = contact.key_id();
        world.db.keys().destroy(office.id(), &[key]).await.unwrap();

        let mut tx = office.tenant.begin().await.unwrap();
        assert!(contact::writable(&mut tx, contact.id()).await.unwrap().is_none());
        let again = contact::find_or_create(&mut tx, &[phone("34600000001")], &named("Ana")).await.unwrap();
        assert_ne!(again.id(), contact.id());
        assert_ne!(again.key_id(), key);
        tx.commit().await.unwrap();
    }
}
