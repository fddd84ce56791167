//! The real Secret Service: a bus and a gnome-keyring of the test's own, in a folder of their own.
//!
//! They run where `DESKBELL_TEST_KEYCHAIN=1` says that `dbus-daemon` and `gnome-keyring-daemon` are installed. Each
//! test runs itself a second time as a program within its session, because a program has one session bus for life.

use std::env;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Instant;

use secret_service::EncryptionType;
use secret_service::blocking::SecretService;
use tempfile::TempDir;

use super::*;
use crate::{DatabaseFile, Vault, VaultError};

const WANTED: &str = "DESKBELL_TEST_KEYCHAIN";
const WITHIN: &str = "DESKBELL_TEST_KEYCHAIN_WITHIN";

/// How long a service may take to come up. It takes some 100 ms.
const START_MAX: Duration = Duration::from_secs(20);

/// Runs `body` in a session of its own with a bus, or says that it was skipped.
fn in_session(test: &str, body: fn()) {
    if env::var(WITHIN).is_ok_and(|within| within == test) {
        return body();
    }
    if env::var(WANTED).is_ok_and(|wanted| wanted == "1") {
        let session = Session::start();
        let status = session
            .command(env::current_exe().unwrap())
            .args([&format!("keychain::os::system_tests::{test}"), "--exact", "--nocapture"])
            .env(WITHIN, test)
            .status();
        assert!(status.unwrap().success());
    } else {
        // Not `println`: the test runner would swallow it.
        let said = writeln!(
            io::stderr(),
            "skipped: {test} needs gnome-keyring; set {WANTED}=1 where it is installed"
        );
        said.unwrap();
    }
}

/// A session bus that starts no service by itself.
struct Session {
    folder: TempDir,
    _bus: Stopped,
}

/// A service that is stopped when dropped.
struct Stopped(Child);

impl Drop for Stopped {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Session {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("bus.conf");
        let socket = folder.path().join("bus");
        fs::write(
            &config,
            format!(
                "<busconfig><type>session</type><listen>unix:path={}</listen><policy context=\"default\">\
                 <allow send_destination=\"*\" eavesdrop=\"true\"/><allow eavesdrop=\"true\"/>\
                 <allow own=\"*\"/></policy></busconfig>",
                socket.display()
            ),
        )
        .unwrap();
        let bus = within(folder.path(), "dbus-daemon")
            .args(["--nofork", "--nopidfile", "--config-file"])
            .arg(&config)
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let session = Self { folder, _bus: Stopped(bus) };
        wait_until("the bus listens", || std::os::unix::net::UnixStream::connect(&socket).is_ok());
        session
    }

    fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        within(self.folder.path(), program)
    }
}

/// A command that finds its home, its data and its bus in `folder`.
fn within(folder: &Path, program: impl AsRef<std::ffi::OsStr>) -> Command {
    let mut command = Command::new(program);
    command
        .env("HOME", folder)
        .env("XDG_DATA_HOME", folder)
        .env("XDG_RUNTIME_DIR", folder)
        .env("DBUS_SESSION_BUS_ADDRESS", format!("unix:path={}", folder.join("bus").display()))
        .env_remove("DISPLAY")
        .env_remove("WAYLAND_DISPLAY")
        .stdin(Stdio::null());
    command
}

/// Starts gnome-keyring in this program's session, its login collection open or shut.
fn start_service(password: Option<&str>) -> Stopped {
    let mut command = within(Path::new(&env::var("HOME").unwrap()), "gnome-keyring-daemon");
    command
        .args(["--foreground", "--components=secrets"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    if password.is_some() {
        command.arg("--unlock");
    }
    let mut daemon = command.spawn().unwrap();
    daemon.stdin.take().unwrap().write_all(password.unwrap_or_default().as_bytes()).unwrap();
    Stopped(daemon)
}

fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < START_MAX, "not in time: {what}");
        thread::sleep(Duration::from_millis(10));
    }
}

fn profile() -> Profile {
    Profile::new("https://desk.example", "1", "ana")
}

fn read(keychain: &OsKeychain, entry: Entry) -> Result<Option<Vec<u8>>, KeychainError> {
    Ok(keychain.get(&profile(), entry)?.map(|secret| secret.to_vec()))
}

fn found(keychain: &OsKeychain) -> bool {
    read(keychain, Entry::RefreshToken).is_ok()
}

#[test]
fn secrets_are_kept_in_the_secret_service() {
    in_session("secrets_are_kept_in_the_secret_service", || {
        let _service = start_service(Some("test"));
        let keychain = OsKeychain::start().unwrap();
        wait_until("the keychain answers", || found(&keychain));
        let secret = [0, 255, 10, 0];
        keychain.set(&profile(), Entry::KeyEncryptionKey, b"first").unwrap();
        keychain.set(&profile(), Entry::KeyEncryptionKey, &secret).unwrap();
        keychain.set(&profile(), Entry::RefreshToken, &[7; crate::KEYCHAIN_ENTRY_BYTES_MAX]).unwrap();

        // Another connection, and the service itself, see what was stored.
        let other = OsKeychain::start().unwrap();
        assert_eq!(read(&other, Entry::KeyEncryptionKey), Ok(Some(secret.to_vec())));
        assert_eq!(read(&other, Entry::RefreshToken), Ok(Some(vec![7; crate::KEYCHAIN_ENTRY_BYTES_MAX])));
        assert_eq!(stored_items(), 2);

        keychain.delete(&profile(), Entry::KeyEncryptionKey).unwrap();
        keychain.delete(&profile(), Entry::KeyEncryptionKey).unwrap();
        assert_eq!(read(&other, Entry::KeyEncryptionKey), Ok(None));
        keychain.delete(&profile(), Entry::RefreshToken).unwrap();
        assert_eq!(stored_items(), 0);
    });
}

#[test]
fn a_vault_lives_in_the_secret_service() {
    in_session("a_vault_lives_in_the_secret_service", || {
        let _service = start_service(Some("test"));
        let keychain = Arc::new(OsKeychain::start().unwrap());
        wait_until("the keychain answers", || found(&keychain));
        let folder = Path::new(&env::var("HOME").unwrap()).join("profile");
        let open = || Vault::open_or_create(profile(), keychain.clone(), folder.clone());
        let mut vault = open().unwrap();
        let rotation = vault.begin_rotation(&[DatabaseFile::Cache, DatabaseFile::Outbox]).unwrap();
        vault.commit(rotation).unwrap();
        assert_eq!(stored_items(), 4, "for a moment there are two rotation secrets");
        vault.forget_old_secret().unwrap();
        assert_eq!(stored_items(), 3);
        assert_eq!(open().unwrap().keys().unwrap(), vault.keys().unwrap());
        Vault::destroy(&profile(), &*keychain, &folder).unwrap();
        assert_eq!(stored_items(), 0);
        assert!(matches!(Vault::open(profile(), keychain, folder), Err(VaultError::NotCreated)));
    });
}

#[test]
fn a_locked_secret_service_is_said_to_be_locked_and_never_empty() {
    in_session("a_locked_secret_service_is_said_to_be_locked_and_never_empty", || {
        let service = start_service(Some("test"));
        let keychain = OsKeychain::start().unwrap();
        wait_until("the keychain answers", || found(&keychain));
        keychain.set(&profile(), Entry::KeyEncryptionKey, b"kept").unwrap();
        SecretService::connect(EncryptionType::Plain)
            .unwrap()
            .get_default_collection()
            .unwrap()
            .lock()
            .unwrap();
        // There is no display for the prompt, so it counts as dismissed.
        assert_eq!(read(&keychain, Entry::KeyEncryptionKey), Err(KeychainError::Locked));
        assert_eq!(read(&keychain, Entry::SigningKey), Err(KeychainError::Locked));
        assert_eq!(keychain.set(&profile(), Entry::SigningKey, b"new"), Err(KeychainError::Locked));
        assert_eq!(keychain.delete(&profile(), Entry::SigningKey), Err(KeychainError::Locked));
        drop(service);

        let _service = start_service(Some("test"));
        wait_until("the keychain answers", || found(&keychain));
        assert_eq!(read(&keychain, Entry::KeyEncryptionKey), Ok(Some(b"kept".to_vec())));
    });
}

#[test]
fn a_secret_service_that_starts_late_is_found() {
    in_session("a_secret_service_that_starts_late_is_found", || {
        let keychain = OsKeychain::start().unwrap();
        assert_eq!(read(&keychain, Entry::RefreshToken), Err(KeychainError::Missing));
        let _service = start_service(Some("test"));
        wait_until("the keychain answers", || found(&keychain));
        assert_eq!(read(&keychain, Entry::RefreshToken), Ok(None));
    });
}

#[test]
fn a_service_without_a_collection_is_no_keychain() {
    in_session("a_service_without_a_collection_is_no_keychain", || {
        let _service = start_service(None);
        wait_until("the service answers", || SecretService::connect(EncryptionType::Plain).is_ok());
        let keychain = OsKeychain::start().unwrap();
        assert_eq!(read(&keychain, Entry::RefreshToken), Err(KeychainError::Missing));
        let stored = keychain.set(&profile(), Entry::RefreshToken, b"token");
        assert_eq!(stored, Err(KeychainError::Missing));
    });
}

/// How many entries the service itself counts in the open collection.
fn stored_items() -> usize {
    let service = SecretService::connect(EncryptionType::Plain).unwrap();
    let collection = service.get_default_collection().unwrap();
    collection.get_all_items().unwrap().len()
}
