mod crash;
mod world;

use std::fs;

use deskbell_seal::VerifyingKey;

use self::world::{Missing, World};
use super::*;
use crate::{KEYCHAIN_ENTRY_BYTES_MAX, KeychainError, MemoryKeychain};

const BOTH: [DatabaseFile; 2] = [DatabaseFile::Cache, DatabaseFile::Outbox];

#[test]
fn a_new_vault_opens_again_with_the_same_keys() {
    let world = World::new();
    let vault = world.open_or_create().unwrap();
    let (keys, signer) = (vault.keys().unwrap().clone(), vault.signing_key().unwrap().verifying_key());
    assert_ne!(keys.cache.key, keys.outbox.key);
    assert_eq!(keys.cache.file_name(), "cache-1.db");
    drop(vault);
    let vault = world.open().unwrap();
    assert_eq!(vault.keys().unwrap(), &keys);
    assert_eq!(vault.signing_key().unwrap().verifying_key(), signer);
}

#[test]
fn a_vault_that_was_never_created_is_not_created_by_opening_it() {
    let world = World::new();
    assert_eq!(world.open().unwrap_err().code(), "vault_not_created");
    assert!(!world.folder().exists());
}

#[test]
fn without_a_keychain_there_is_no_vault_and_no_file() {
    for error in [KeychainError::Missing, KeychainError::Locked, KeychainError::Timeout] {
        let world = World::new();
        let keychain = Arc::new(Missing(error));
        let opened = Vault::open_or_create(world.profile(), keychain, world.folder());
        assert!(matches!(opened, Err(VaultError::Keychain(said)) if said == error));
        assert_eq!(world.files(), Vec::<String>::new());
    }
}

#[test]
fn a_keychain_that_is_locked_for_now_costs_nothing() {
    let world = World::new();
    let keys = world.open_or_create().unwrap().keys().unwrap().clone();
    let keychain = Arc::new(Missing(KeychainError::Locked));
    let opened = Vault::open_or_create(world.profile(), keychain, world.folder());
    assert_eq!(opened.unwrap_err().code(), "keychain_locked");
    assert_eq!(world.open().unwrap().keys().unwrap(), &keys);
}

#[test]
fn any_missing_or_foreign_key_means_that_the_key_is_gone() {
    for entry in [Entry::KeyEncryptionKey, Entry::RotationSecret(Slot::Odd), Entry::SigningKey] {
        let world = World::new();
        world.open_or_create().unwrap();
        world.keychain().delete(&world.profile(), entry).unwrap();
        assert_eq!(world.open_or_create().unwrap_err().code(), "key_gone", "{entry:?} missing");
        world.keychain().set(&world.profile(), entry, b"short").unwrap();
        assert_eq!(world.open_or_create().unwrap_err().code(), "key_gone", "{entry:?} too short");
    }
    for entry in [Entry::KeyEncryptionKey, Entry::RotationSecret(Slot::Odd)] {
        let world = World::new();
        world.open_or_create().unwrap();
        world.keychain().set(&world.profile(), entry, &[7; 32]).unwrap();
        assert_eq!(world.open_or_create().unwrap_err().code(), "key_gone", "{entry:?} foreign");
    }
}

#[test]
fn databases_without_their_keyring_file_are_not_passed_over() {
    let world = World::new();
    world.open_or_create().unwrap();
    fs::write(world.folder().join("outbox-1.db"), b"sealed").unwrap();
    fs::remove_file(world.folder().join(KEYRING_FILE)).unwrap();
    assert_eq!(world.open_or_create().unwrap_err().code(), "key_gone");
    Vault::destroy(&world.profile(), &*world.keychain(), &world.folder()).unwrap();
    world.open_or_create().unwrap();
}

#[test]
fn a_damaged_or_newer_keyring_file_is_said_to_be_that_and_left_alone() {
    for (content, code) in
        [("{\"version\":1,", "keyring_file_corrupt"), ("{\"version\":9}", "keyring_file_newer")]
    {
        let world = World::new();
        world.open_or_create().unwrap();
        fs::write(world.folder().join(KEYRING_FILE), content).unwrap();
        assert_eq!(world.open_or_create().unwrap_err().code(), code);
        assert_eq!(fs::read_to_string(world.folder().join(KEYRING_FILE)).unwrap(), content);
    }
    let world = World::new();
    world.open_or_create().unwrap();
    fs::write(world.folder().join(KEYRING_FILE), " ".repeat(1 << 20)).unwrap();
    assert_eq!(world.open().unwrap_err().code(), "keyring_file_corrupt");
}

#[test]
fn a_rotation_renews_what_is_rewritten_and_keeps_the_rest() {
    let world = World::new();
    let mut vault = world.open_or_create().unwrap();
    let before = vault.keys().unwrap().clone();
    let rotation = vault.begin_rotation(&[DatabaseFile::Cache]).unwrap();
    let after = rotation.keys().clone();
    assert_eq!(vault.keys().unwrap(), &before, "nothing counts before the commit");
    vault.commit(rotation).unwrap();
    vault.forget_old_secret().unwrap();
    assert_eq!(vault.keys().unwrap(), &after);
    assert_eq!((after.cache.generation, after.outbox.generation), (2, 1));
    assert_ne!(after.cache.key, before.cache.key);
    assert_eq!(after.outbox, before.outbox);
    assert_eq!(world.open().unwrap().keys().unwrap(), &after);
}

#[test]
fn an_old_copy_of_the_keyring_file_opens_nothing_after_a_rotation() {
    let world = World::new();
    let mut vault = world.open_or_create().unwrap();
    let path = world.folder().join(KEYRING_FILE);
    let old = fs::read(&path).unwrap();
    let keys = vault.keys().unwrap().clone();
    let rotation = vault.begin_rotation(&BOTH).unwrap();
    vault.commit(rotation).unwrap();

    // The control: until the old secret is forgotten, the copy opens.
    let new = fs::read(&path).unwrap();
    let secret = world.secret(Entry::RotationSecret(Slot::Odd)).unwrap();
    let old_file = KeyringFile::read(&world.folder_with(&old)).unwrap().unwrap();
    let kek = Key::from_slice(&world.secret(Entry::KeyEncryptionKey).unwrap()).unwrap();
    let opened = old_file.unwrap(&world.profile(), &wrapping_key(&kek, &Key::from_slice(&secret).unwrap()));
    assert_eq!(opened.unwrap(), keys);

    vault.forget_old_secret().unwrap();
    assert_eq!(world.secret(Entry::RotationSecret(Slot::Odd)), None);
    fs::write(&path, &old).unwrap();
    assert_eq!(world.open().unwrap_err().code(), "key_gone");
    fs::write(&path, &new).unwrap();
    world.open().unwrap();
}

#[test]
fn rotations_follow_one_another_and_leave_one_secret() {
    let world = World::new();
    let mut vault = world.open_or_create().unwrap();
    for generation in 2..6 {
        let rotation = vault.begin_rotation(&BOTH).unwrap();
        vault.commit(rotation).unwrap();
        vault.forget_old_secret().unwrap();
        assert_eq!(vault.keys().unwrap().outbox.generation, generation);
        assert_eq!(world.rotation_secrets(), 1);
    }
    assert_eq!(world.open().unwrap().keys().unwrap(), vault.keys().unwrap());
}

#[test]
fn a_rotation_begun_before_another_was_committed_is_refused() {
    let world = World::new();
    let mut vault = world.open_or_create().unwrap();
    let (first, second) = (vault.begin_rotation(&BOTH).unwrap(), vault.begin_rotation(&BOTH).unwrap());
    vault.commit(first).unwrap();
    let keys = vault.keys().unwrap().clone();
    assert_eq!(vault.commit(second).unwrap_err().code(), "vault_rotation_outdated");
    assert_eq!(world.open().unwrap().keys().unwrap(), &keys);
}

#[test]
fn a_locked_vault_gives_nothing_until_the_keychain_is_read_again() {
    let world = World::new();
    let mut vault = world.open_or_create().unwrap();
    let keys = vault.keys().unwrap().clone();
    vault.lock();
    assert!(!vault.is_open());
    assert!(matches!(vault.keys(), Err(VaultError::Locked)));
    assert!(matches!(vault.signing_key(), Err(VaultError::Locked)));
    assert!(matches!(vault.begin_rotation(&BOTH), Err(VaultError::Locked)));
    assert!(matches!(vault.forget_old_secret(), Err(VaultError::Locked)));
    vault.unlock().unwrap();
    assert_eq!(vault.keys().unwrap(), &keys);
    vault.lock();
    world.keychain().delete(&world.profile(), Entry::KeyEncryptionKey).unwrap();
    assert_eq!(vault.unlock().unwrap_err().code(), "key_gone");
}

#[test]
fn the_refresh_token_lives_in_the_keychain_alone() {
    let world = World::new();
    let vault = world.open_or_create().unwrap();
    assert_eq!(vault.refresh_token().unwrap(), None);
    vault.set_refresh_token(&Sensitive::from("first")).unwrap();
    vault.set_refresh_token(&Sensitive::from("second")).unwrap();
    assert_eq!(vault.refresh_token().unwrap(), Some(Sensitive::from("second")));
    let long = Sensitive::from("x".repeat(KEYCHAIN_ENTRY_BYTES_MAX + 1));
    assert_eq!(vault.set_refresh_token(&long).unwrap_err().code(), "keychain_entry_too_long");
    assert_eq!(vault.refresh_token().unwrap(), Some(Sensitive::from("second")));
    vault.delete_refresh_token().unwrap();
    assert_eq!(vault.refresh_token().unwrap(), None);
}

#[test]
fn the_key_a_device_was_registered_with_takes_the_first_ones_place() {
    let world = World::new();
    let mut vault = world.open_or_create().unwrap();
    let registered = SigningKey::random().unwrap();
    let public: VerifyingKey = registered.verifying_key();
    vault.set_signing_key(registered).unwrap();
    assert_eq!(vault.signing_key().unwrap().verifying_key(), public);
    assert_eq!(world.open().unwrap().signing_key().unwrap().verifying_key(), public);
}

#[test]
fn destroying_leaves_no_entry_and_no_file_and_touches_nothing_else() {
    let world = World::new();
    let mut vault = world.open_or_create().unwrap();
    vault.set_refresh_token(&Sensitive::from("token")).unwrap();
    let rotation = vault.begin_rotation(&BOTH).unwrap();
    vault.commit(rotation).unwrap();
    let others = ["notes.txt", "cache.db", "cache-x.db", "outbox-2.txt"];
    for name in ["cache-1.db", "cache-2.db-wal", "outbox-12.db", "outbox-12.db-shm", "keyring.json.new"] {
        fs::write(world.folder().join(name), b"sealed").unwrap();
    }
    for name in others {
        fs::write(world.folder().join(name), b"kept").unwrap();
    }
    let colleague = Profile::new("https://desk.example", "1", "ben");
    world.keychain().set(&colleague, Entry::RefreshToken, b"theirs").unwrap();

    Vault::destroy(&world.profile(), &*world.keychain(), &world.folder()).unwrap();

    assert!(Entry::ALL.iter().all(|entry| world.secret(*entry).is_none()));
    let mut others = others.map(str::to_owned);
    others.sort();
    assert_eq!(world.files(), others);
    assert!(world.keychain().get(&colleague, Entry::RefreshToken).unwrap().is_some());
    Vault::destroy(&world.profile(), &*world.keychain(), &world.folder()).unwrap();
}

#[test]
fn destroying_without_a_keychain_removes_the_files_and_says_what_is_left() {
    let world = World::new();
    world.open_or_create().unwrap();
    let keychain = Missing(KeychainError::Locked);
    let destroyed = Vault::destroy(&world.profile(), &keychain, &world.folder());
    assert_eq!(destroyed.unwrap_err().code(), "keychain_locked");
    assert_eq!(world.files(), Vec::<String>::new());
    Vault::destroy(&world.profile(), &*world.keychain(), &world.folder()).unwrap();
    assert!(Entry::ALL.iter().all(|entry| world.secret(*entry).is_none()));
}

#[test]
fn no_secret_ever_reaches_a_file() {
    let world = World::new();
    let mut vault = world.open_or_create().unwrap();
    vault.set_refresh_token(&Sensitive::from("a-refresh-token-of-some-length")).unwrap();
    let rotation = vault.begin_rotation(&BOTH).unwrap();
    vault.commit(rotation).unwrap();
    let entries = Entry::ALL.iter().filter_map(|entry| world.secret(*entry)).collect::<Vec<_>>();
    let keys = vault.keys().unwrap();
    let databases = [&keys.cache, &keys.outbox].map(|database| database.key.expose().to_vec());
    assert_eq!(entries.len(), 5);
    for secret in entries.into_iter().chain(databases) {
        assert!(!world.holds(&secret));
    }
    // The control: what is looked for would be found.
    fs::write(world.folder().join("leak"), b"..a-refresh-token-of-some-length..").unwrap();
    assert!(world.holds(b"a-refresh-token-of-some-length"));
}

#[test]
fn debug_output_shows_no_key() {
    let world = World::new();
    let vault = world.open_or_create().unwrap();
    let hex = vault.keys().unwrap().cache.key.expose_hex();
    let rotation = vault.begin_rotation(&BOTH).unwrap();
    let shown = format!("{vault:?} {:?} {rotation:?} {:?}", vault.keys(), world.keychain());
    assert!(shown.contains("Key(•••)") && !shown.contains(hex.as_str()));
}

#[cfg(unix)]
#[test]
fn only_the_user_can_read_the_folder_and_the_file() {
    use std::os::unix::fs::PermissionsExt;
    let world = World::new();
    world.open_or_create().unwrap();
    let mode = |path: PathBuf| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(world.folder()), 0o700);
    assert_eq!(mode(world.folder().join(KEYRING_FILE)), 0o600);
}

#[test]
fn a_memory_keychain_serves_a_vault_until_it_is_dropped() {
    let world = World::new();
    let first: Arc<dyn Keychain> = Arc::new(MemoryKeychain::new());
    Vault::open_or_create(world.profile(), Arc::clone(&first), world.folder()).unwrap();
    Vault::open(world.profile(), first, world.folder()).unwrap();
    let second = Vault::open(world.profile(), Arc::new(MemoryKeychain::new()), world.folder());
    assert_eq!(second.unwrap_err().code(), "key_gone");
}
