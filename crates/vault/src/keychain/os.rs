//! The keychain of the operating system, behind one thread and a time limit.
//!
//! A call may block for as long as the system's prompt stands open, and Windows wants its calls one at a time. So one
//! thread makes all of them; who waits too long gets [`KeychainError::Timeout`] and may try again, and the answer to
//! the prompt then serves the next call. The connection is made when it is first needed, and again when it broke: a
//! keychain that starts after the program is found.

mod session;
#[cfg(test)]
#[cfg(target_os = "linux")]
mod system_tests;
#[cfg(test)]
mod tests;

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender, SyncSender};
use std::thread;
use std::time::Duration;

use zeroize::Zeroizing;

use self::session::{Failure, KeyringSession, Session};
use super::{Entry, Keychain, check_length};
use crate::{KEYCHAIN_CALL_MAX, KeychainError, Profile};

/// The keychain of the operating system: Keychain Services, Credential Manager, or a Secret Service.
#[derive(Debug)]
pub struct OsKeychain {
    calls: Sender<Call>,
    call_max: Duration,
}

impl OsKeychain {
    /// Starts the thread that talks to the keychain. Whether there is one shows at the first call.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start() -> io::Result<Self> {
        Self::start_with(KEYCHAIN_CALL_MAX, KeyringSession::connect)
    }

    fn start_with<S: Session>(
        call_max: Duration,
        connect: impl FnMut() -> Result<S, Failure> + Send + 'static,
    ) -> io::Result<Self> {
        let (calls, incoming) = mpsc::channel();
        // It ends by itself, once the sender is dropped.
        thread::Builder::new().name("keychain".to_owned()).spawn(move || answer_calls(incoming, connect))?;
        Ok(Self { calls, call_max })
    }

    fn call(&self, profile: &Profile, entry: Entry, act: Act) -> Answer {
        let (answer, answered) = mpsc::sync_channel(1);
        let given_up = Arc::new(AtomicBool::new(false));
        let user = format!("{profile}.{}", entry.name());
        let call = Call { user, act, given_up: Arc::clone(&given_up), answer };
        self.calls.send(call).map_err(|_| KeychainError::Missing)?;
        answered.recv_timeout(self.call_max).unwrap_or_else(|error| match error {
            RecvTimeoutError::Timeout => {
                given_up.store(true, Ordering::Relaxed);
                Err(KeychainError::Timeout)
            }
            RecvTimeoutError::Disconnected => Err(KeychainError::Missing),
        })
    }
}

impl Keychain for OsKeychain {
    fn get(&self, profile: &Profile, entry: Entry) -> Answer {
        self.call(profile, entry, Act::Get)
    }

    fn set(&self, profile: &Profile, entry: Entry, secret: &[u8]) -> Result<(), KeychainError> {
        check_length(secret)?;
        self.call(profile, entry, Act::Set(Zeroizing::new(secret.to_vec()))).map(drop)
    }

    fn delete(&self, profile: &Profile, entry: Entry) -> Result<(), KeychainError> {
        self.call(profile, entry, Act::Delete).map(drop)
    }
}

type Answer = Result<Option<Zeroizing<Vec<u8>>>, KeychainError>;

enum Act {
    Get,
    Set(Zeroizing<Vec<u8>>),
    Delete,
}

impl Act {
    fn perform<S: Session>(&self, session: &S, user: &str) -> Result<Option<Zeroizing<Vec<u8>>>, Failure> {
        match self {
            Self::Get => session.get(user),
            Self::Set(secret) => session.set(user, secret).map(|()| None),
            Self::Delete => session.delete(user).map(|()| None),
        }
    }
}

struct Call {
    user: String,
    act: Act,
    /// Nobody waits for it any more: a token that was stored late would stand in place of a newer one.
    given_up: Arc<AtomicBool>,
    answer: SyncSender<Answer>,
}

fn answer_calls<S: Session>(incoming: Receiver<Call>, mut connect: impl FnMut() -> Result<S, Failure>) {
    let mut session = None;
    for call in incoming {
        if call.given_up.load(Ordering::Relaxed) {
            continue;
        }
        let answer = perform(&mut session, &mut connect, &call);
        // Who gave up meanwhile does not hear it.
        let _ = call.answer.send(answer);
    }
}

fn perform<S: Session>(
    session: &mut Option<S>,
    connect: &mut impl FnMut() -> Result<S, Failure>,
    call: &Call,
) -> Answer {
    if let Some(known) = session {
        match call.act.perform(known, &call.user) {
            Err(Failure::Lost) => *session = None,
            answer => return answer.map_err(KeychainError::from),
        }
    }
    // The keychain may have been restarted since the last call; every act may safely be done twice.
    let fresh = connect()?;
    let answer = call.act.perform(&fresh, &call.user);
    if !matches!(answer, Err(Failure::Lost)) {
        *session = Some(fresh);
    }
    answer.map_err(KeychainError::from)
}
