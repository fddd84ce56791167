//! The platform: Graph API, webhooks, and what went wrong with either because it was told to.

mod bodies;
mod calls;
mod control;
mod errors;
mod faults;
mod limiter;
mod messages;
mod nodes;
mod sender;
mod state;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use deskbell_domain::{Clock, Sensitive, SystemClock};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};

pub use calls::Call;
pub use faults::{Fault, Faults, WebhookPlan};
pub use sender::Deliveries;
pub(crate) use state::{Incoming, Shared};

use crate::customer::{Customer, Received};
use crate::random::Random;

/// What a platform is like.
#[derive(Clone)]
pub struct PlatformConfig {
    /// What customers, ids and random faults are made from.
    pub seed: u64,
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Secret of the Meta app: signs the webhooks.
    pub app_secret: Sensitive<String>,
    /// What the receiver of webhooks answers the verification with.
    pub verify_token: Sensitive<String>,
    /// Where webhooks go. They wait until there is a place.
    pub webhook_url: Option<String>,
    /// The connected business numbers.
    pub numbers: Vec<BusinessNumber>,
    /// Number of the first message: a platform that goes on where another ended uses no id again.
    pub first_message: u64,
    /// How many fictional customers there are.
    pub customers: usize,
    /// How fast things happen.
    pub pace: Pace,
    /// Whether the control endpoints under `/_practice` exist.
    pub control: bool,
    /// What the platform takes for the time.
    pub clock: Arc<dyn Clock>,
}

/// A business number that is connected to the app.
#[derive(Debug, Clone)]
pub struct BusinessNumber {
    /// WhatsApp Business Account it belongs to.
    pub waba_id: String,
    /// Its id in the Graph API.
    pub phone_number_id: String,
    /// The number as Meta displays it, digits only.
    pub display_phone_number: String,
    /// The business's name.
    pub verified_name: String,
    /// The token that may use it.
    pub token: Sensitive<String>,
}

/// How fast things happen, each from the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// From an accepted message to its status `sent`.
    pub sent: Duration,
    /// From there to its delivery, where the customer's phone is on.
    pub delivered: Duration,
    /// From there to the customer reading it, where they read.
    pub read: Duration,
    /// From a failed webhook to its second attempt; doubled with each further one.
    pub webhook_retry: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            sent: Duration::from_millis(150),
            delivered: Duration::from_millis(350),
            read: Duration::from_millis(1500),
            webhook_retry: Duration::from_secs(1),
        }
    }
}

impl Pace {
    /// As fast as it goes: for tests.
    pub const INSTANT: Self = Self {
        sent: Duration::ZERO,
        delivered: Duration::ZERO,
        read: Duration::ZERO,
        webhook_retry: Duration::from_millis(20),
    };
}

impl PlatformConfig {
    /// One business number, twenty customers, a free port on the loopback address, secrets made from the seed.
    pub fn new(seed: u64) -> Self {
        let mut random = Random::of(seed, "platform");
        let mut secret = |name: &str| Sensitive::new(format!("practice-{name}-{:016x}", random.next()));
        let app_secret = secret("app-secret");
        let verify_token = secret("verify-token");
        let token = secret("token");
        Self {
            seed,
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            app_secret,
            verify_token,
            webhook_url: None,
            numbers: vec![BusinessNumber {
                waba_id: format!("1020{}", random.digits(11)),
                phone_number_id: format!("1065{}", random.digits(11)),
                display_phone_number: format!("1556{}", random.digits(7)),
                verified_name: "Practice Shop".to_owned(),
                token,
            }],
            first_message: 0,
            customers: 20,
            pace: Pace::default(),
            control: false,
            clock: Arc::new(SystemClock),
        }
    }
}

/// Why the platform did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The address cannot be listened on.
    #[error("cannot listen: {0}")]
    Listen(#[source] std::io::Error),
    /// There is no client to send webhooks with.
    #[error("TLS cannot be set up")]
    Tls,
    /// The system gives no random bytes for the control secret.
    #[error("the system gives no random bytes")]
    Random,
    /// A platform without a number has nobody to write to.
    #[error("no business number is configured")]
    NoNumber,
}

/// Webhooks or statuses were still on their way when the time was up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{pending} webhooks were still on their way when the time was up")]
pub struct NotSettled {
    /// How many.
    pub pending: usize,
}

/// A running platform. It ends when this is dropped.
pub struct Platform {
    shared: Arc<Shared>,
}

impl Platform {
    /// Starts a platform.
    ///
    /// # Errors
    /// When the address cannot be listened on, or the configuration has no business number.
    pub async fn start(config: PlatformConfig) -> Result<Self, StartError> {
        if config.numbers.is_empty() {
            return Err(StartError::NoNumber);
        }
        let listener = TcpListener::bind(config.listen).await.map_err(StartError::Listen)?;
        let address = listener.local_addr().map_err(StartError::Listen)?;
        let (updates, queued) = mpsc::unbounded_channel();
        let shared = Arc::new(Shared::new(config, address, updates)?);
        let client = sender::client()?;
        shared.spawn(sender::run(Arc::clone(&shared), client, queued));
        let router = calls::router(Arc::clone(&shared));
        shared.spawn(async move {
            // Serving ends with the task; an error of the listener would show as calls that find nobody.
            let _ = axum::serve(listener, router).await;
        });
        Ok(Self { shared })
    }

    /// Where the Graph API is, without version.
    pub fn base_url(&self) -> String {
        self.shared.base_url()
    }

    /// The configuration the platform runs with, secrets included.
    pub fn config(&self) -> &PlatformConfig {
        &self.shared.config
    }

    /// The first business number. There is always one.
    pub fn number(&self) -> &BusinessNumber {
        self.shared.first_number()
    }

    /// The secret of the control endpoints in this run, where they exist.
    pub fn control_secret(&self) -> Option<&Sensitive<String>> {
        self.shared.control_secret.as_ref()
    }

    /// Sends webhooks here from now on, those that waited included.
    pub fn set_webhook_url(&self, url: impl Into<String>) {
        self.shared.webhook_url.send_replace(Some(url.into()));
    }

    /// Makes the verification call that Meta makes when a webhook address is entered. Whether it was answered with
    /// the challenge.
    pub async fn verify_webhook(&self) -> bool {
        sender::verify(&self.shared).await
    }

    /// The customer with this position. Positions beyond the last begin again at the first.
    pub fn customer(&self, index: usize) -> Customer {
        Customer::new(Arc::clone(&self.shared), index)
    }

    /// All customers.
    pub fn customers(&self) -> Vec<Customer> {
        (0..self.shared.people.len()).map(|index| self.customer(index)).collect()
    }

    /// What the customer with this phone number or user id has received, oldest first.
    pub fn received_by(&self, phone_or_user_id: &str) -> Vec<Received> {
        self.shared.customer_of(phone_or_user_id).map(|index| self.shared.received(index)).unwrap_or_default()
    }

    /// What goes wrong.
    pub fn faults(&self) -> Faults {
        Faults::new(Arc::clone(&self.shared))
    }

    /// The calls made so far, oldest first.
    pub fn calls(&self) -> Vec<Call> {
        self.shared.lock().calls.clone()
    }

    /// What became of the webhooks so far.
    pub fn deliveries(&self) -> Deliveries {
        self.shared.lock().deliveries
    }

    /// Waits until every webhook that is due was accepted, and no status is about to follow.
    ///
    /// # Errors
    /// When that is not so within `limit`.
    pub async fn settled(&self, limit: Duration) -> Result<(), NotSettled> {
        let mut pending: watch::Receiver<usize> = self.shared.pending.subscribe();
        match tokio::time::timeout(limit, pending.wait_for(|pending| *pending == 0)).await {
            Ok(_) => Ok(()),
            Err(_) => Err(NotSettled { pending: *self.shared.pending.borrow() }),
        }
    }
}

impl Drop for Platform {
    fn drop(&mut self) {
        self.shared.stop();
    }
}
