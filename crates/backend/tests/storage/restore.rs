use deskbell_backend::limits::SEQ_STEP;
use deskbell_backend::storage::{DataLocation, Entity, LogClock, Op, StorageError, change};
use deskbell_domain::{ConversationId, MessageId, Scope};

use crate::harness::{Office, World, copy_folder, engines};

async fn clock(world: &World, office: &Office) -> LogClock {
    change::clock(&mut world.db.tenant(office.id()).read().await.unwrap()).await.unwrap()
}

/// Brings a tenant's log forward by `count` numbers.
async fn go_on(world: &World, office: &Office, count: u8) -> i64 {
    let mut tx = world.db.tenant(office.id()).begin().await.unwrap();
    for n in 0..count {
        let message = MessageId::from_bytes([n; 16]);
        tx.changed(Entity::message(message, ConversationId::from_bytes([9; 16])), Op::Put, &[Scope::Tenant]);
    }
    tx.commit().await.unwrap().head.unwrap()
}

/// A copy of the data as it is, put back later over what it became. The key store goes on.
enum Copy {
    Folder(std::path::PathBuf),
    Head(i64),
}

async fn copy(world: &mut World, office: &Office) -> Copy {
    let DataLocation::Sqlite { dir } = world.data.clone() else {
        return Copy::Head(clock(world, office).await.head);
    };
    world.db.close().await;
    let kept = world.folder.path().join("copy");
    copy_folder(&dir, &kept);
    world.db = world.another().await;
    Copy::Folder(kept)
}

async fn put_back(world: &mut World, copy: Copy) {
    world.db.close().await;
    match (copy, world.data.clone()) {
        (Copy::Folder(kept), DataLocation::Sqlite { dir }) => {
            std::fs::remove_dir_all(&dir).unwrap();
            copy_folder(&kept, &dir);
        }
        (Copy::Head(head), DataLocation::Postgres { .. }) => {
            world.as_superuser(format!("UPDATE deskbell.tenant_clock SET seq = {head}")).await;
            world.as_superuser(format!("DELETE FROM deskbell.change WHERE seq > {head}")).await;
        }
        _ => panic!("a copy of another engine"),
    }
    world.db = world.another().await;
}

engines! {
    a_copy_from_before_the_last_step_gets_a_new_epoch_and_reuses_no_number(world) {
        let office = world.office("one").await;
        let before = clock(&world, &office).await;
        let copy = copy(&mut world, &office).await;
        let mut used = 0;
        while used <= SEQ_STEP {
            used = go_on(&world, &office, 200).await;
        }
        put_back(&mut world, copy).await;

        let restored = world.db.start_report().restored.clone();
        assert_eq!(restored.len(), 1);
        assert_eq!(restored[0].tenant, office.id());
        let after = clock(&world, &office).await;
        assert_eq!(after.epoch, restored[0].epoch);
        assert_ne!(after.epoch, before.epoch);
        assert!(after.head >= used, "numbers of the lost copy are not used again");
        assert_eq!(after.floor, after.head, "no cursor of before is good");
        let mut read = world.db.tenant(office.id()).read().await.unwrap();
        assert!(change::page(&mut read, 0, &[Scope::Tenant], 500).await.unwrap().changes.is_empty());
        drop(read);

        let next = go_on(&world, &office, 3).await;
        assert_eq!(next, after.head + 3);
        world.restart().await;
        assert!(world.db.start_report().restored.is_empty(), "it is told once");
        assert_eq!(clock(&world, &office).await.epoch, after.epoch);
    }

    a_restart_at_any_place_of_a_step_is_no_restore(world) {
        let office = world.office("one").await;
        let epoch = clock(&world, &office).await.epoch;
        for _ in 0..8 {
            go_on(&world, &office, 150).await;
            world.restart().await;
            assert!(world.db.start_report().restored.is_empty());
        }
        assert_eq!(clock(&world, &office).await.epoch, epoch);
    }
}

#[tokio::test]
async fn a_tenant_s_file_that_is_gone_is_an_error_and_not_an_empty_tenant() {
    let world = World::sqlite().await;
    let office = world.office("one").await;
    world.db.close().await;
    let file = world.folder.path().join(format!("data/tenants/{}.db", office.id()));
    std::fs::remove_file(&file).unwrap();
    let clock = std::sync::Arc::new(world.clock.clone());
    let keys = deskbell_backend::keys::KeyStore::open(&world.key_location, world.master.clone(), clock)
        .await
        .unwrap();
    let opened =
        deskbell_backend::storage::Db::open(&world.data, keys, deskbell_backend::storage::OneBackup::Allow)
            .await;
    assert!(matches!(opened, Err(StorageError::UnknownTenant(id)) if id == office.id()));
    assert!(!file.exists());
}
