use std::sync::Arc;

use deskbell_backend::keys::{Extent, KeyKind, KeyLocation, KeyStore, LedgerEntry, LedgerHash, MasterKey};
use deskbell_backend::limits::{DAY_MS, INGEST_KEY_MS};
use deskbell_backend::storage::StorageError;
use deskbell_domain::{Clock as _, ErasureId, KeyId, TenantId, UtcMs};

use crate::harness::{World, engines};

async fn reopened(world: &World) -> KeyStore {
    let clock = Arc::new(world.clock.clone());
    KeyStore::open(&world.key_location, world.master.clone(), clock).await.unwrap()
}

engines! {
    a_key_is_there_for_other_processes_as_soon_as_it_is_given_out(world) {
        let tenant = world.tenant("one").await.id();
        let (id, key) = world.db.keys().create_contact_key(tenant).await.unwrap();
        let (next, _) = world.db.keys().create_contact_key(tenant).await.unwrap();
        assert_ne!(id, next);
        assert_eq!(reopened(&world).await.get(tenant, id).await.unwrap(), Some(key));
    }

    a_key_of_one_tenant_is_not_another_s(world) {
        let (one, other) = (world.tenant("one").await.id(), world.tenant("other").await.id());
        let (id, _) = world.db.keys().create(one, KeyKind::User).await.unwrap();
        assert_eq!(reopened(&world).await.get(other, id).await.unwrap(), None);
        let hash = async |tenant| world.db.keys().lookup_hash(tenant, "alias.phone", b"346").await.unwrap();
        assert_ne!(hash(one).await, hash(other).await, "nobody can join two tenants by a number");
        assert_eq!(hash(one).await, reopened(&world).await.lookup_hash(one, "alias.phone", b"346").await.unwrap());
    }

    a_destroyed_key_does_not_come_back(world) {
        let tenant = world.tenant("one").await.id();
        let (gone, _) = world.db.keys().create(tenant, KeyKind::User).await.unwrap();
        let (kept, key) = world.db.keys().create(tenant, KeyKind::User).await.unwrap();
        world.db.keys().destroy(tenant, &[gone]).await.unwrap();
        world.db.keys().destroy(tenant, &[gone]).await.unwrap();
        assert_eq!(world.db.keys().get(tenant, gone).await.unwrap(), None);
        assert_eq!(world.db.keys().get(tenant, kept).await.unwrap(), Some(key.clone()));
        world.restart().await;
        assert_eq!(world.db.keys().get(tenant, gone).await.unwrap(), None);
        assert_eq!(world.db.keys().get(tenant, kept).await.unwrap(), Some(key));
    }

    another_master_key_opens_nothing(world) {
        let clock = Arc::new(world.clock.clone());
        let refused = KeyStore::open(&world.key_location, MasterKey::from_bytes([8; 32]), clock).await;
        assert!(matches!(refused, Err(StorageError::WrongMasterKey)), "{:?}", refused.err());
    }

    an_ingest_key_serves_its_day_and_lives_a_week_longer(world) {
        let keys = world.db.keys();
        let now = world.clock.now();
        let (today, _) = keys.ingest_key(now).await.unwrap();
        assert_eq!(keys.ingest_key(now.plus_ms(1)).await.unwrap().0, today);
        let (tomorrow, _) = keys.ingest_key(now.plus_ms(DAY_MS)).await.unwrap();
        assert_ne!(today, tomorrow);
        assert_eq!(keys.destroy_expired(now.plus_ms(INGEST_KEY_MS)).await.unwrap(), 0);
        assert_eq!(keys.destroy_expired(now.plus_ms(INGEST_KEY_MS + DAY_MS)).await.unwrap(), 1);
        let installation = TenantId::from_bytes([0; 16]);
        assert_eq!(keys.get(installation, today).await.unwrap(), None);
        assert!(keys.get(installation, tomorrow).await.unwrap().is_some());
    }

    the_ledger_answers_with_the_latest_cutoff(world) {
        let tenant = world.tenant("one").await.id();
        let other = world.tenant("other").await.id();
        let keys = world.db.keys();
        let of = |purpose: &str, byte| LedgerHash {
            purpose: purpose.to_owned(),
            hash: deskbell_seal::LookupHash::from_bytes([byte; 32]),
        };
        let entry = |of, erasure, cutoff| LedgerEntry {
            of,
            erasure: ErasureId::from_bytes([erasure; 16]),
            cutoff: UtcMs::from_ms(cutoff),
            extent: Extent::Everything,
            expires_at: UtcMs::from_ms(i64::MAX),
        };
        let entries = [
            entry(of("alias.phone", 1), 1, 100),
            entry(of("alias.phone", 1), 2, 300),
            entry(of("alias.phone", 2), 3, 200),
        ];
        keys.ledger_add(tenant, &entries).await.unwrap();
        keys.ledger_add(tenant, &entries).await.unwrap();
        let cutoff = async |tenant, of: &[LedgerHash]| keys.ledger_cutoff(tenant, of).await.unwrap();
        assert_eq!(cutoff(tenant, &[of("alias.phone", 1)]).await, Some(UtcMs::from_ms(300)));
        let both = [of("alias.phone", 2), of("alias.phone", 3)];
        assert_eq!(cutoff(tenant, &both).await, Some(UtcMs::from_ms(200)));
        assert_eq!(cutoff(tenant, &[of("alias.user_id", 1)]).await, None, "of another purpose");
        assert_eq!(cutoff(other, &[of("alias.phone", 1)]).await, None, "of another tenant");
        assert_eq!(cutoff(tenant, &[]).await, None);
    }
}

#[tokio::test]
async fn destroying_rewrites_the_key_file_under_a_new_key() {
    let mut world = World::sqlite().await;
    let tenant = world.tenant("one").await.id();
    let KeyLocation::Sqlite { dir } = world.key_location.clone() else { panic!("not SQLite") };
    let files = || {
        let names =
            std::fs::read_dir(&dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<String> = names.filter(|name| name.ends_with(".db")).collect();
        names.sort();
        names
    };
    assert_eq!(files(), ["keys-1.db"]);
    let wrapped = std::fs::read(dir.join("keys.key")).unwrap();
    let (gone, _) = world.db.keys().create(tenant, KeyKind::User).await.unwrap();
    let (kept, _) = world.db.keys().create(tenant, KeyKind::User).await.unwrap();
    world.db.keys().destroy(tenant, &[gone]).await.unwrap();
    assert_eq!(files(), ["keys-2.db"]);
    assert_ne!(std::fs::read(dir.join("keys.key")).unwrap(), wrapped);
    // A rewrite that was cut short before its end leaves the pair as it was, and its own file is cleared away.
    std::fs::write(dir.join("keys-3.db"), b"half").unwrap();
    world.restart().await;
    assert_eq!(files(), ["keys-2.db"]);
    assert!(world.db.keys().get(tenant, kept).await.unwrap().is_some());
}

#[tokio::test]
async fn a_key_file_that_another_process_has_open_is_not_rewritten() {
    let world = World::sqlite().await;
    let tenant = world.tenant("one").await.id();
    let (gone, _) = world.db.keys().create(tenant, KeyKind::User).await.unwrap();
    let other = reopened(&world).await;
    let refused = world.db.keys().destroy(tenant, &[gone]).await;
    assert!(matches!(&refused, Err(error) if error.is_retryable()), "{refused:?}");
    let (made, _): (KeyId, _) = other.create(tenant, KeyKind::User).await.unwrap();
    other.close().await;
    drop(other);
    world.db.keys().destroy(tenant, &[gone]).await.unwrap();
    assert!(
        world.db.keys().get(tenant, made).await.unwrap().is_some(),
        "what the other process made is kept"
    );
}
