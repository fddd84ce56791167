use std::collections::{HashMap, VecDeque};
use std::sync::Mutex;

use super::*;

/// Long for a machine; only a broken test waits for it.
const PATIENT: Duration = Duration::from_secs(30);
const IMPATIENT: Duration = Duration::from_millis(50);

fn profile() -> Profile {
    Profile::new("https://desk.example", "1", "ana")
}

/// A session that shares its entries with all others, fails as it was told, and acts only when it is let.
#[derive(Clone, Default)]
struct TestSession {
    entries: Arc<Mutex<HashMap<String, Vec<u8>>>>,
    /// How the next calls turn out; those after them go well.
    outcomes: Arc<Mutex<VecDeque<Result<(), Failure>>>>,
    gate: Option<Arc<Mutex<Receiver<()>>>>,
}

impl TestSession {
    fn act(&self) -> Result<(), Failure> {
        if let Some(gate) = &self.gate {
            gate.lock().unwrap().recv().unwrap();
        }
        self.outcomes.lock().unwrap().pop_front().unwrap_or(Ok(()))
    }
}

impl Session for TestSession {
    fn get(&self, user: &str) -> Result<Option<Zeroizing<Vec<u8>>>, Failure> {
        self.act()?;
        Ok(self.entries.lock().unwrap().get(user).cloned().map(Zeroizing::new))
    }

    fn set(&self, user: &str, secret: &[u8]) -> Result<(), Failure> {
        self.act()?;
        self.entries.lock().unwrap().insert(user.to_owned(), secret.to_vec());
        Ok(())
    }

    fn delete(&self, user: &str) -> Result<(), Failure> {
        self.act()?;
        self.entries.lock().unwrap().remove(user);
        Ok(())
    }
}

/// A keychain whose connections turn out as listed: refused, or made, with how their first calls turn out.
fn keychain(connections: Vec<Result<Vec<Result<(), Failure>>, Failure>>) -> OsKeychain {
    let mut connections = connections.into_iter();
    let shared = TestSession::default();
    OsKeychain::start_with(PATIENT, move || {
        let outcomes = connections.next().expect("no further connection was expected")?;
        Ok(TestSession { outcomes: Arc::new(Mutex::new(outcomes.into())), ..shared.clone() })
    })
    .unwrap()
}

fn read(keychain: &OsKeychain) -> Result<Option<Vec<u8>>, KeychainError> {
    let secret = keychain.get(&profile(), Entry::RefreshToken)?;
    Ok(secret.map(|secret| secret.to_vec()))
}

#[test]
fn entries_are_stored_and_removed_over_one_connection() {
    let keychain = keychain(vec![Ok(vec![])]);
    keychain.set(&profile(), Entry::RefreshToken, b"token").unwrap();
    assert_eq!(read(&keychain), Ok(Some(b"token".to_vec())));
    keychain.delete(&profile(), Entry::RefreshToken).unwrap();
    assert_eq!(read(&keychain), Ok(None));
}

#[test]
fn a_keychain_that_starts_after_the_program_is_found() {
    let keychain = keychain(vec![Err(Failure::Lost), Ok(vec![])]);
    assert_eq!(read(&keychain), Err(KeychainError::Missing));
    assert_eq!(read(&keychain), Ok(None));
}

#[test]
fn a_keychain_that_was_restarted_is_found_again_within_the_call() {
    let keychain = keychain(vec![Ok(vec![Ok(()), Err(Failure::Lost)]), Ok(vec![])]);
    keychain.set(&profile(), Entry::RefreshToken, b"token").unwrap();
    assert_eq!(read(&keychain), Ok(Some(b"token".to_vec())));
}

#[test]
fn a_keychain_that_breaks_again_is_missing_until_the_next_call() {
    let keychain = keychain(vec![Ok(vec![Err(Failure::Lost)]), Ok(vec![])]);
    assert_eq!(read(&keychain), Err(KeychainError::Missing));
    assert_eq!(read(&keychain), Ok(None));
}

#[test]
fn a_locked_keychain_is_no_reason_to_connect_again() {
    let keychain = keychain(vec![Ok(vec![Err(Failure::Locked)])]);
    assert_eq!(read(&keychain), Err(KeychainError::Locked));
    assert_eq!(read(&keychain), Ok(None));
}

#[test]
fn a_prompt_nobody_answers_ends_the_wait_and_its_answer_serves_the_next_call() {
    let (open, gate) = mpsc::channel();
    let session = TestSession { gate: Some(Arc::new(Mutex::new(gate))), ..TestSession::default() };
    let mut keychain = OsKeychain::start_with(IMPATIENT, move || Ok(session.clone())).unwrap();
    assert_eq!(read(&keychain), Err(KeychainError::Timeout));
    open.send(()).unwrap();
    open.send(()).unwrap();
    keychain.call_max = PATIENT;
    assert_eq!(read(&keychain), Ok(None));
}

#[test]
fn a_call_that_was_given_up_in_the_queue_is_not_made_afterwards() {
    let (open, gate) = mpsc::channel();
    let session = TestSession { gate: Some(Arc::new(Mutex::new(gate))), ..TestSession::default() };
    let mut keychain = OsKeychain::start_with(IMPATIENT, move || Ok(session.clone())).unwrap();
    assert_eq!(read(&keychain), Err(KeychainError::Timeout));
    let late = keychain.set(&profile(), Entry::RefreshToken, b"late");
    assert_eq!(late, Err(KeychainError::Timeout));
    for _ in 0..3 {
        open.send(()).unwrap();
    }
    keychain.call_max = PATIENT;
    assert_eq!(read(&keychain), Ok(None));
}

#[test]
fn an_entry_that_windows_would_refuse_is_not_sent() {
    let keychain = keychain(vec![]);
    let long = [0; crate::KEYCHAIN_ENTRY_BYTES_MAX + 1];
    assert_eq!(keychain.set(&profile(), Entry::RefreshToken, &long), Err(KeychainError::TooLong));
}
