use std::sync::Arc;

use deskbell_backend::keys::{KeyLocation, KeyStore};
use deskbell_backend::storage::{
    DataLocation, Db, OneBackup, StorageError, conversation, message, postgres, staff, tenant,
};
use deskbell_domain::{Sensitive, TenantId};
use sqlx::{Connection as _, Executor as _, Row as _};

use crate::harness::{Server, World, engines, inbound};

engines! {
    a_tenant_sees_its_own_and_nothing_of_another(world) {
        let (one, other) = (world.office("one").await, world.office("other").await);
        let mut tx = one.tenant.begin().await.unwrap();
        let (contact, conversation) = one.customer(&mut tx, "34600000001").await;
        let new = inbound(&tx, "hello", "wamid.1");
        message::insert(&mut tx, &contact, &conversation, &new).await.unwrap();
        tx.commit().await.unwrap();

        let mut own = one.tenant.read().await.unwrap();
        assert_eq!(tenant::read(&mut own).await.unwrap().name, "one");
        assert_eq!(message::read_many(&mut own, &[new.id]).await.unwrap().len(), 1);

        let mut foreign = other.tenant.read().await.unwrap();
        assert_eq!(tenant::read(&mut foreign).await.unwrap().name, "other");
        assert!(message::read_many(&mut foreign, &[new.id]).await.unwrap().is_empty());
        assert!(conversation::read_many(&mut foreign, &[conversation.id]).await.unwrap().is_empty());
        assert!(staff::by_id(&mut foreign, one.agent).await.unwrap().is_none());
        let names = staff::list(&mut foreign).await.unwrap();
        assert_eq!(names.iter().map(|user| user.id).collect::<Vec<_>>(), [other.agent]);
    }

    a_transaction_that_is_dropped_leaves_nothing(world) {
        let office = world.office("one").await;
        let mut tx = office.tenant.begin().await.unwrap();
        let (contact, conversation) = office.customer(&mut tx, "34600000001").await;
        let new = inbound(&tx, "hello", "wamid.1");
        message::insert(&mut tx, &contact, &conversation, &new).await.unwrap();
        drop(tx);
        let mut read = office.tenant.read().await.unwrap();
        assert!(message::read_many(&mut read, &[new.id]).await.unwrap().is_empty());
        assert!(conversation::read_many(&mut read, &[conversation.id]).await.unwrap().is_empty());
    }

    a_reader_sees_one_state_while_others_write(world) {
        let office = world.office("one").await;
        let mut read = office.tenant.read().await.unwrap();
        let before = staff::list(&mut read).await.unwrap().len();
        let mut tx = office.tenant.begin().await.unwrap();
        staff::create(&mut tx, &crate::harness::agent("Bob", "bob@one.example")).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(staff::list(&mut read).await.unwrap().len(), before);
        drop(read);
        let mut read = office.tenant.read().await.unwrap();
        assert_eq!(staff::list(&mut read).await.unwrap().len(), before + 1);
    }

    what_was_committed_is_there_after_a_restart(world) {
        let office = world.office("one").await;
        let id = office.id();
        world.restart().await;
        let mut read = world.db.tenant(id).read().await.unwrap();
        let alice = staff::by_id(&mut read, office.agent).await.unwrap().unwrap();
        assert_eq!(alice.name, Some(Sensitive::from("Alice")));
        assert_eq!(world.db.directory().tenants().await.unwrap(), [id]);
        assert!(world.db.start_report().restored.is_empty(), "a restart is no restore");
    }
}

#[tokio::test]
async fn asking_for_a_tenant_that_is_not_there_makes_no_file() {
    let world = World::sqlite().await;
    let nobody = TenantId::from_bytes([9; 16]);
    let refused = world.db.tenant(nobody).read().await.err();
    assert!(matches!(refused, Some(StorageError::UnknownTenant(id)) if id == nobody));
    let files = std::fs::read_dir(world.folder.path().join("data/tenants")).unwrap().count();
    assert_eq!(files, 0);
}

#[tokio::test]
async fn one_process_serves_sqlite_files_and_a_second_is_refused() {
    let world = World::sqlite().await;
    world.db.release_leases().await.unwrap();
    let second = world.another().await;
    assert!(matches!(second.release_leases().await, Err(StorageError::AlreadyServed)));
    world.db.close().await;
    second.release_leases().await.unwrap();
}

/// A transaction of PostgreSQL for a tenant, by hand, as somebody would write it who forgets things.
async fn by_hand(world: &World, tenant: Option<TenantId>) -> sqlx::PgConnection {
    let DataLocation::Postgres { url } = &world.data else { panic!("not PostgreSQL") };
    let mut connection = sqlx::PgConnection::connect(url.expose()).await.unwrap();
    connection.execute("SET search_path TO deskbell").await.unwrap();
    connection.execute("BEGIN").await.unwrap();
    if let Some(tenant) = tenant {
        sqlx::query("SELECT set_config('deskbell.tenant', $1, true)")
            .bind(hex::encode(tenant.as_bytes()))
            .execute(&mut connection)
            .await
            .unwrap();
    }
    connection
}

async fn count(connection: &mut sqlx::PgConnection, table: &str) -> i64 {
    let statement = sqlx::AssertSqlSafe(format!("SELECT COUNT(*) FROM {table}"));
    connection.fetch_one(sqlx::raw_sql(statement)).await.unwrap().get(0)
}

#[tokio::test]
async fn a_forgotten_where_returns_nothing_of_others() {
    let Some(world) = World::postgres().await else { return };
    let (one, other) = (world.office("one").await, world.office("other").await);

    let mut forgetful = by_hand(&world, Some(one.id())).await;
    assert_eq!(count(&mut forgetful, "staff").await, 1);
    let seen: Vec<u8> = forgetful.fetch_one("SELECT tenant_id FROM staff").await.unwrap().get(0);
    assert_eq!(seen, one.id().as_bytes());
    let touched = forgetful.execute("UPDATE queue SET name = 'mine'").await.unwrap().rows_affected();
    assert_eq!(touched, 1, "a forgotten WHERE writes to nobody else either");
    let planted = sqlx::query(
        "INSERT INTO queue (tenant_id, id, name, created_at, version) VALUES ($1, $2, 'planted', 0, 0)",
    )
    .bind(other.id().as_bytes().as_slice())
    .bind([1_u8; 16].as_slice())
    .execute(&mut forgetful)
    .await;
    assert!(planted.is_err(), "a row cannot be written for another tenant");

    let mut nobody = by_hand(&world, None).await;
    assert_eq!(count(&mut nobody, "staff").await, 0, "without a tenant there is nothing");

    forgetful.close().await.unwrap();
    nobody.close().await.unwrap();
    // The control: without row security the same statement returns everybody's.
    world.as_superuser("ALTER TABLE deskbell.staff DISABLE ROW LEVEL SECURITY".to_owned()).await;
    let mut forgetful = by_hand(&world, Some(one.id())).await;
    assert_eq!(count(&mut forgetful, "staff").await, 2);
}

async fn open_as(world: &World, url: String) -> Result<Db, StorageError> {
    let clock = Arc::new(world.clock.clone());
    let keys = KeyStore::open(&world.key_location, world.master.clone(), clock).await.unwrap();
    Db::open(&DataLocation::Postgres { url: Sensitive::new(url) }, keys, OneBackup::Allow).await
}

#[tokio::test]
async fn a_role_that_could_step_around_row_security_does_not_serve() {
    let Some(world) = World::postgres().await else { return };
    let superuser = world.superuser.clone().unwrap();
    let server = Server::parse(&superuser);
    let database = superuser.rsplit('/').next().unwrap().to_owned();
    let name = hex::encode(deskbell_seal::random::<4>().unwrap());
    let role = |rights: &str, name: &str, groups: &str| {
        format!("CREATE ROLE {name} LOGIN {rights} PASSWORD '{}' IN ROLE {groups}", server.password)
    };
    let (bypassing, owning, plain) =
        (format!("bypass_{name}"), format!("owns_{name}"), format!("plain_{name}"));
    world.as_superuser(role("BYPASSRLS", &bypassing, postgres::APP_ROLE)).await;
    world.as_superuser(role("", &owning, "deskbell_app, deskbell_owner")).await;
    world.as_superuser(role("", &plain, postgres::APP_ROLE)).await;

    for unsafe_role in [server.user.as_str(), postgres::OWNER_ROLE, &bypassing, &owning] {
        let refused = open_as(&world, server.url(unsafe_role, &database)).await;
        assert!(matches!(refused, Err(StorageError::UnsafeRole(_))), "{unsafe_role} {:?}", refused.err());
    }
    // The control: the same without the rights is let in.
    open_as(&world, server.url(&plain, &database)).await.unwrap();

    world.as_superuser("ALTER TABLE deskbell.message NO FORCE ROW LEVEL SECURITY".to_owned()).await;
    let refused = open_as(&world, server.url(&plain, &database)).await;
    assert!(matches!(refused, Err(StorageError::UnsafeRole(why)) if why.contains("message")));
}

#[tokio::test]
async fn a_database_that_was_not_migrated_is_refused_and_a_newer_one_too() {
    let Some(world) = World::postgres().await else { return };
    let url = world.superuser.clone().unwrap();
    let server = Server::parse(&url);
    let database = url.rsplit('/').next().unwrap().to_owned();
    let app = server.url(postgres::APP_ROLE, &database);
    world.as_superuser("UPDATE deskbell.schema_version SET version = version + 100".to_owned()).await;
    let newer = open_as(&world, app.clone()).await;
    assert!(matches!(newer, Err(StorageError::NewerDatabase { .. })), "{:?}", newer.err());
    world.as_superuser("DELETE FROM deskbell.schema_version".to_owned()).await;
    let older = open_as(&world, app).await;
    assert!(matches!(older, Err(StorageError::OlderDatabase { found: 0, .. })), "{:?}", older.err());
}

#[tokio::test]
async fn keys_within_the_data_s_folder_are_refused_unless_allowed() {
    let folder = tempfile::tempdir().unwrap();
    let data = DataLocation::Sqlite { dir: folder.path().to_owned() };
    let world = World::sqlite().await;
    let open = async |keys: &std::path::Path, one_backup| {
        let keys = KeyLocation::Sqlite { dir: keys.to_owned() };
        let keys = KeyStore::open(&keys, world.master.clone(), Arc::new(world.clock.clone())).await.unwrap();
        Db::open(&data, keys, one_backup).await
    };
    let within = folder.path().join("keys");
    let refused = open(&within, OneBackup::Refuse).await;
    assert!(matches!(refused, Err(StorageError::OneBackup)), "{:?}", refused.err());
    let allowed = open(&within, OneBackup::Allow).await.unwrap();
    assert!(allowed.start_report().one_backup, "allowed, it is reported");
    allowed.close().await;
}

#[tokio::test]
async fn keys_beside_the_data_s_folder_are_let_in() {
    let world = World::sqlite().await;
    world.db.close().await;
    let keys = KeyStore::open(&world.key_location, world.master.clone(), Arc::new(world.clock.clone())).await;
    let db = Db::open(&world.data, keys.unwrap(), OneBackup::Refuse).await.unwrap();
    assert!(!db.start_report().one_backup);
}

#[tokio::test]
async fn data_and_keys_on_one_server_are_refused_unless_allowed() {
    let Some(world) = World::postgres().await else { return };
    assert!(world.db.start_report().one_backup, "allowed, it is reported");
    let clock = Arc::new(world.clock.clone());
    let keys = KeyStore::open(&world.key_location, world.master.clone(), clock).await.unwrap();
    let refused = Db::open(&world.data, keys, OneBackup::Refuse).await;
    assert!(matches!(refused, Err(StorageError::OneBackup)), "{:?}", refused.err());
}
