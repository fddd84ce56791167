//! Passwords: Argon2id, two at a time, and the same work whether or not somebody is there.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
use argon2::{Algorithm, Argon2, Params, Version};
use deskbell_domain::Sensitive;
use deskbell_seal::SecretToken;
use tokio::sync::Semaphore;

use crate::limits::{
    PASSWORD_BYTES_MAX, PASSWORD_CHARS_MIN, PASSWORD_KIB, PASSWORD_PASSES, PASSWORD_WAIT, PASSWORDS_AT_ONCE,
};

/// Why a password could not be hashed or compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PasswordError {
    /// Shorter than [`PASSWORD_CHARS_MIN`] characters.
    #[error("a password needs at least {PASSWORD_CHARS_MIN} characters")]
    TooShort,
    /// Longer than [`PASSWORD_BYTES_MAX`] bytes.
    #[error("a password may have {PASSWORD_BYTES_MAX} bytes")]
    TooLong,
    /// Others are being hashed.
    #[error("too many passwords are being hashed")]
    Busy,
    /// The machine has no randomness or no memory for it.
    #[error("a password could not be hashed")]
    Failed,
}

/// The hash of a new password, as it is stored: a PHC string. Takes tens of milliseconds; not for async code.
///
/// # Errors
/// [`PasswordError::TooShort`], [`PasswordError::TooLong`], [`PasswordError::Failed`].
pub fn hash(password: &Sensitive<String>) -> Result<Sensitive<String>, PasswordError> {
    if password.expose().chars().count() < PASSWORD_CHARS_MIN {
        return Err(PasswordError::TooShort);
    }
    if password.expose().len() > PASSWORD_BYTES_MAX {
        return Err(PasswordError::TooLong);
    }
    let hash = argon2()?.hash_password(password.expose().as_bytes()).map_err(|_| PasswordError::Failed)?;
    Ok(Sensitive::new(hash.to_string()))
}

fn argon2() -> Result<Argon2<'static>, PasswordError> {
    let params = Params::new(PASSWORD_KIB, PASSWORD_PASSES, 1, None).map_err(|_| PasswordError::Failed)?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

/// Compares passwords on threads of their own.
#[derive(Debug)]
pub struct Passwords {
    turns: Arc<Semaphore>,
    nobody: Sensitive<String>,
    compared: AtomicU64,
}

impl Passwords {
    /// Makes the hash that stands in for somebody who is not there.
    ///
    /// # Errors
    /// [`PasswordError::Failed`].
    pub fn new() -> Result<Self, PasswordError> {
        let unknown = SecretToken::random().map_err(|_| PasswordError::Failed)?;
        Ok(Self {
            turns: Arc::new(Semaphore::new(PASSWORDS_AT_ONCE)),
            nobody: hash(&Sensitive::from(unknown.expose()))?,
            compared: AtomicU64::new(0),
        })
    }

    /// Whether `password` is the one of `stored`. Without a stored hash the answer is no, after the same work.
    ///
    /// # Errors
    /// [`PasswordError::Busy`] after [`PASSWORD_WAIT`]; [`PasswordError::TooLong`]; [`PasswordError::Failed`].
    pub async fn verify(
        &self,
        password: Sensitive<String>,
        stored: Option<Sensitive<String>>,
    ) -> Result<bool, PasswordError> {
        if password.expose().len() > PASSWORD_BYTES_MAX {
            return Err(PasswordError::TooLong);
        }
        let turn = tokio::time::timeout(PASSWORD_WAIT, Arc::clone(&self.turns).acquire_owned())
            .await
            .map_err(|_| PasswordError::Busy)?
            .map_err(|_| PasswordError::Failed)?;
        self.compared.fetch_add(1, Ordering::Relaxed);
        let known = stored.is_some();
        let stored = stored.unwrap_or_else(|| self.nobody.clone());
        tokio::task::spawn_blocking(move || {
            // Held by the thread, not by the request: a client that hangs up frees no turn before its time.
            let _turn = turn;
            let hash = PasswordHash::new(stored.expose()).map_err(|_| PasswordError::Failed)?;
            let fits = argon2()?.verify_password(password.expose().as_bytes(), &hash).is_ok();
            Ok(fits && known)
        })
        .await
        .map_err(|_| PasswordError::Failed)?
    }

    /// How many passwords were compared since the start: the work that sign-ins made.
    pub fn compared(&self) -> u64 {
        self.compared.load(Ordering::Relaxed)
    }

    /// The turns, for a test that takes them all.
    pub fn turns(&self) -> &Arc<Semaphore> {
        &self.turns
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWORD: &str = "correct horse battery";

    #[test]
    fn a_hash_is_argon2id_with_the_documented_cost_and_a_salt_of_its_own() {
        let (one, other) = (hash(&PASSWORD.into()).unwrap(), hash(&PASSWORD.into()).unwrap());
        assert!(one.expose().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "another cost");
        assert_ne!(one, other);
    }

    #[test]
    fn short_and_endless_passwords_are_refused() {
        assert_eq!(hash(&"elevenchars".into()), Err(PasswordError::TooShort));
        assert_eq!(hash(&"x".repeat(PASSWORD_BYTES_MAX + 1).into()), Err(PasswordError::TooLong));
    }

    #[tokio::test]
    async fn the_right_password_fits_and_a_missing_hash_never_does() {
        let passwords = Passwords::new().unwrap();
        let stored = hash(&PASSWORD.into()).unwrap();
        assert_eq!(passwords.verify(PASSWORD.into(), Some(stored.clone())).await, Ok(true));
        assert_eq!(passwords.verify("correct horse batterz".into(), Some(stored)).await, Ok(false));
        assert_eq!(passwords.verify(PASSWORD.into(), None).await, Ok(false));
        assert_eq!(passwords.compared(), 3, "an unknown user costs the same work");
    }

    #[tokio::test]
    async fn a_third_password_at_a_time_is_told_that_the_backend_is_busy() {
        let passwords = Passwords::new().unwrap();
        let both = passwords.turns().acquire_many(2).await.unwrap();
        assert_eq!(passwords.verify(PASSWORD.into(), None).await, Err(PasswordError::Busy));
        drop(both);
        assert_eq!(passwords.verify(PASSWORD.into(), None).await, Ok(false));
    }
}
