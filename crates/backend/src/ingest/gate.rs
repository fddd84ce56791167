use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use bytes::Bytes;
use deskbell_domain::{Sensitive, UtcMs};
use deskbell_meta::{signature, webhook};
use deskbell_protocol::problem::ProblemCode;
use serde::de::IgnoredAny;

use super::limits::{APP_CACHE_MS, BACKLOG_BODIES_MAX, BACKLOG_LOOK_MS};
use crate::limits::WEBHOOK_BYTES_MAX;
use crate::storage::arrivals::{NewBody, RejectReason, Rejected};
use crate::storage::{Db, StorageError};

/// A webhook as it came.
#[derive(Debug)]
pub struct Delivery<'a> {
    /// The Meta app that the path names.
    pub app: &'a str,
    /// The header [`signature::HEADER`].
    pub signature: Option<&'a str>,
    /// The body, byte for byte: the signature covers these.
    pub body: Bytes,
    /// Who sent it, as far as that is known. Only a hash of it is kept, and only where it is refused.
    pub sender: Option<IpAddr>,
}

/// Why a webhook is not taken.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// No app has this name.
    #[error("no app has this name")]
    UnknownApp,
    /// The body is larger than Meta's are.
    #[error("the body is too large")]
    TooLarge,
    /// The signature is missing or does not fit.
    #[error("the signature does not fit the body")]
    BadSignature,
    /// Signed, but not JSON.
    #[error("the body is not JSON")]
    BadBody,
    /// The subscription is not verified: another mode or token than agreed.
    #[error("the token is not the one agreed on")]
    BadToken,
    /// More comes in than can be stored. Meta will send it again.
    #[error("too much is waiting")]
    Busy,
    /// It could not be stored. Meta will send it again.
    #[error(transparent)]
    Storage(StorageError),
}

impl Refused {
    /// What to answer.
    pub fn problem(&self) -> ProblemCode {
        match self {
            Self::UnknownApp => ProblemCode::NotFound,
            Self::TooLarge => ProblemCode::TooLarge,
            Self::BadSignature => ProblemCode::BadSignature,
            Self::BadBody => ProblemCode::BadRequest,
            Self::BadToken => ProblemCode::Forbidden,
            Self::Busy => ProblemCode::Busy,
            Self::Storage(error) if error.is_retryable() => ProblemCode::Busy,
            Self::Storage(_) => ProblemCode::Internal,
        }
    }
}

impl From<StorageError> for Refused {
    fn from(error: StorageError) -> Self {
        match error {
            StorageError::ArrivalsFull => Self::Busy,
            error => Self::Storage(error),
        }
    }
}

/// Where webhooks come in. Cheap to clone.
#[derive(Clone)]
pub struct Gate {
    db: Db,
    apps: Arc<RwLock<HashMap<String, KnownApp>>>,
    backlog: Arc<Backlog>,
}

/// Whether too much waits, as it was a moment ago.
#[derive(Debug)]
struct Backlog {
    bodies_max: i64,
    looked_at_ms: AtomicI64,
    full: AtomicBool,
}

/// An app's secrets, as they were a moment ago.
#[derive(Debug, Clone)]
struct KnownApp {
    read_at: UtcMs,
    secrets: Arc<[Sensitive<String>]>,
}

impl Gate {
    /// A gate to this storage.
    pub fn new(db: Db) -> Self {
        Self::with_backlog(db, BACKLOG_BODIES_MAX)
    }

    /// A gate to this storage that closes while `bodies_max` bodies wait.
    pub fn with_backlog(db: Db, bodies_max: i64) -> Self {
        let backlog =
            Backlog { bodies_max, looked_at_ms: AtomicI64::new(i64::MIN), full: AtomicBool::new(false) };
        Self { db, apps: Arc::default(), backlog: Arc::new(backlog) }
    }

    /// Takes a webhook. When it returns, the body is stored and survives whatever happens next.
    ///
    /// # Errors
    /// When the app is not known, the body is too large, not signed by the app or not JSON, which is recorded without
    /// content; and when it cannot be stored.
    pub async fn accept(&self, delivery: Delivery<'_>) -> Result<(), Refused> {
        let Delivery { app, signature, body, sender } = delivery;
        let bytes = body.len();
        let Some(secrets) = self.secrets(app).await? else {
            self.reject(None, RejectReason::UnknownApp, bytes, sender).await;
            return Err(Refused::UnknownApp);
        };
        if bytes > WEBHOOK_BYTES_MAX {
            self.reject(Some(app), RejectReason::TooLarge, bytes, sender).await;
            return Err(Refused::TooLarge);
        }
        if signature::verify(signature.unwrap_or_default(), &body, &secrets).is_err() {
            self.reject(Some(app), RejectReason::BadSignature, bytes, sender).await;
            return Err(Refused::BadSignature);
        }
        if !is_json(&body) {
            self.reject(Some(app), RejectReason::BadBody, bytes, sender).await;
            return Err(Refused::BadBody);
        }
        if self.is_full().await? {
            return Err(Refused::Busy);
        }
        self.db.arrivals().accept(NewBody { app: app.to_owned(), bytes: body }).await?;
        Ok(())
    }

    /// Records a body that was refused for its size before it was read.
    pub async fn too_large(&self, app: &str, bytes: Option<u64>, sender: Option<IpAddr>) {
        let known = matches!(self.secrets(app).await, Ok(Some(_)));
        let bytes = bytes.and_then(|bytes| usize::try_from(bytes).ok()).unwrap_or(WEBHOOK_BYTES_MAX);
        self.reject(known.then_some(app), RejectReason::TooLarge, bytes, sender).await;
    }

    /// Answers Meta's question whether the subscription is ours: the challenge, where the token is the one agreed on.
    ///
    /// # Errors
    /// When the app is not known, or mode or token are others.
    pub async fn verify(
        &self,
        app: &str,
        mode: Option<&str>,
        token: Option<&str>,
        challenge: Option<&str>,
    ) -> Result<String, Refused> {
        if self.secrets(app).await?.is_none() {
            return Err(Refused::UnknownApp);
        }
        let (Some("subscribe"), Some(token), Some(challenge)) = (mode, token, challenge) else {
            return Err(Refused::BadToken);
        };
        if self.db.directory().verify_token_matches(app, token).await? {
            Ok(challenge.to_owned())
        } else {
            Err(Refused::BadToken)
        }
    }

    /// Whether too much waits. Counted once a second, by whoever comes first then.
    async fn is_full(&self) -> Result<bool, StorageError> {
        let Backlog { bodies_max, looked_at_ms, full } = &*self.backlog;
        let now = self.db.now().as_ms();
        let looked_at = looked_at_ms.load(Ordering::Relaxed);
        let due = now.saturating_sub(looked_at) >= BACKLOG_LOOK_MS;
        if due && looked_at_ms.compare_exchange(looked_at, now, Ordering::Relaxed, Ordering::Relaxed).is_ok()
        {
            full.store(self.db.arrivals().counts().await?.staged >= *bodies_max, Ordering::Relaxed);
        }
        Ok(full.load(Ordering::Relaxed))
    }

    /// The app's secrets: from memory for a few seconds, because every webhook asks for them.
    async fn secrets(&self, app: &str) -> Result<Option<Arc<[Sensitive<String>]>>, StorageError> {
        let now = self.db.now();
        let known = self.apps.read().unwrap_or_else(PoisonError::into_inner).get(app).cloned();
        if let Some(known) = known
            && (0..APP_CACHE_MS).contains(&now.since(known.read_at))
        {
            return Ok(Some(known.secrets));
        }
        let found = self.db.directory().meta_app(app).await?;
        let mut apps = self.apps.write().unwrap_or_else(PoisonError::into_inner);
        // Names that are not known are not remembered: a stranger may invent any number of them.
        let Some(found) = found else {
            apps.remove(app);
            return Ok(None);
        };
        let secrets: Arc<[_]> = found.secrets.into();
        apps.insert(app.to_owned(), KnownApp { read_at: now, secrets: Arc::clone(&secrets) });
        Ok(Some(secrets))
    }

    /// Records a refusal. The name of an app that is not known is not kept: it is a stranger's text.
    async fn reject(&self, app: Option<&str>, reason: RejectReason, bytes: usize, sender: Option<IpAddr>) {
        let rejected = Rejected {
            app: app.map(str::to_owned),
            reason,
            bytes: i64::try_from(bytes).unwrap_or(i64::MAX),
            sender,
        };
        // The answer is no either way.
        if let Err(error) = self.db.arrivals().record_rejected(rejected).await {
            tracing::warn!(%error, "a refused webhook could not be recorded");
        }
    }
}

/// Whether a body is JSON, by the quick way, or else by the tolerant one that splits it later.
fn is_json(body: &[u8]) -> bool {
    serde_json::from_slice::<IgnoredAny>(body).is_ok()
        || !matches!(webhook::split(body), Err(webhook::NotAWebhook::NotJson))
}
