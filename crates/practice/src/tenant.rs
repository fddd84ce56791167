//! A business to practise with: the simulated platform, a backend that is pointed at it, and staff who can sign in.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use deskbell_backend::config::{Config, ConfigError, MasterKeySource};
use deskbell_backend::embed::{self, Running};
use deskbell_backend::setup::{self, NewMember, NewNumber, SetupError};
use deskbell_backend::storage::directory::NewMetaApp;
use deskbell_backend::storage::{Db, NewTenant, StorageError};
use deskbell_domain::{Clock as _, Role, Sensitive, SystemClock, TenantId};
use serde::Serialize;

use crate::{BusinessNumber, Platform, PlatformConfig, Script};

/// Name of the Meta app in the webhook's path.
const APP: &str = "practice";

/// The business's name.
const NAME: &str = "Northgate Motors";

/// Everybody's password. It protects invented people from nobody.
const PASSWORD: &str = "practice-makes-perfect";

/// The queues of the business; the first one takes what customers write.
const QUEUES: [&str; 3] = ["Sales", "Service", "Parts"];

/// Who works there.
const STAFF: [(&str, &str, Role); 4] = [
    ("Noor Bakker", "noor@northgate.example", Role::Agent),
    ("Mateo Rivas", "mateo@northgate.example", Role::Agent),
    ("Ines Duarte", "ines@northgate.example", Role::Manager),
    ("Tom Ashdown", "tom@northgate.example", Role::Administrator),
];

/// How a practice is set up.
#[derive(Debug, Clone)]
pub struct TenantOptions {
    /// What customers, ids and texts are made from.
    pub seed: u64,
    /// Where the backend listens; port 0 takes a free one.
    pub listen: SocketAddr,
    /// How many fictional customers there are.
    pub customers: usize,
}

/// Why a practice does not begin.
#[derive(Debug, thiserror::Error)]
pub enum TenantError {
    /// The platform.
    #[error(transparent)]
    Platform(#[from] crate::StartError),
    /// The backend.
    #[error(transparent)]
    Backend(#[from] embed::StartError),
    /// The backend's configuration.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// What the business consists of.
    #[error(transparent)]
    Setup(#[from] SetupError),
    /// The backend's storage.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// Somebody who can sign in.
#[derive(Debug, Clone, Serialize)]
pub struct Member {
    /// Their name.
    pub name: &'static str,
    /// Their e-mail address.
    pub email: &'static str,
    /// Their password.
    pub password: &'static str,
    /// What they are.
    pub role: Role,
}

/// A running practice. Platform and backend end when this is dropped.
pub struct Tenant {
    /// The simulated platform.
    pub platform: Platform,
    backend: Running,
}

impl Tenant {
    /// Begins a practice in `folder`, or goes on with the one that is there.
    ///
    /// # Errors
    /// [`TenantError`].
    pub async fn start(folder: &Path, options: &TenantOptions) -> Result<Self, TenantError> {
        let platform = Platform::start(PlatformConfig {
            customers: options.customers,
            first_message: u64::try_from(SystemClock.now().as_ms()).unwrap_or(0),
            control: true,
            ..PlatformConfig::new(options.seed)
        })
        .await?;
        let keys = folder.join("keys");
        let master_key = MasterKeySource::FileOrNew(folder.join("master.key"));
        let mut config = Config::sqlite(&folder.join("data"), &keys, master_key);
        config.listen = options.listen;
        config.graph.base_url = platform.base_url();
        let backend = embed::embed(config, Arc::new(SystemClock)).await?;
        set_up(backend.db(), &platform).await?;
        platform.set_webhook_url(format!("http://{}/webhooks/whatsapp/{APP}", backend.address()));
        Ok(Self { platform, backend })
    }

    /// Where consoles find the backend.
    pub fn backend_url(&self) -> String {
        format!("http://{}", self.backend.address())
    }

    /// Who can sign in.
    pub fn members() -> Vec<Member> {
        STAFF.map(|(name, email, role)| Member { name, email, password: PASSWORD, role }).to_vec()
    }

    /// Lets the customers write by themselves, one after the other, as in a shop that opens.
    pub fn open_the_doors(&self, pause: Duration) {
        let seed = self.platform.config().seed;
        for (index, customer) in self.platform.customers().into_iter().enumerate() {
            let script = Script::of(seed, index, customer.person().language, pause);
            let begin = pause * u32::try_from(index).unwrap_or(u32::MAX);
            tokio::spawn(async move {
                tokio::time::sleep(begin).await;
                customer.plays(&script).await;
            });
        }
    }

    /// Ends what is under way, and closes the storage.
    ///
    /// # Errors
    /// When the backend's listener had failed before.
    pub async fn stop(self) -> std::io::Result<()> {
        self.backend.stop().await
    }
}

/// Makes the business, where it is not there yet, and points it at this run's platform.
async fn set_up(db: &Db, platform: &Platform) -> Result<(), TenantError> {
    let tenant = match db.directory().tenants().await?.first() {
        Some(tenant) => *tenant,
        None => create(db).await?,
    };
    let config = platform.config();
    db.directory()
        .put_meta_app(&NewMetaApp {
            app: APP.to_owned(),
            secret: config.app_secret.clone(),
            verify_token: config.verify_token.clone(),
            previous_secret: None,
        })
        .await?;
    for number in &config.numbers {
        connect(db, tenant, number).await?;
    }
    Ok(())
}

async fn create(db: &Db) -> Result<TenantId, TenantError> {
    let new = NewTenant { name: NAME.to_owned(), time_zone: "Europe/Madrid".to_owned() };
    let tenant = db.create_tenant(&new).await?;
    let mut queues = Vec::new();
    for name in QUEUES {
        queues.push(setup::create_queue(db, tenant, name).await?);
    }
    for (name, email, role) in STAFF {
        let member = NewMember {
            name: name.into(),
            email: email.into(),
            role,
            password: PASSWORD.into(),
            queues: queues.clone(),
        };
        setup::create_user(db, tenant, member).await?;
    }
    Ok(tenant)
}

async fn connect(db: &Db, tenant: TenantId, number: &BusinessNumber) -> Result<(), TenantError> {
    let [first, ..] = QUEUES;
    let new = NewNumber {
        phone_number_id: number.phone_number_id.clone(),
        waba_id: number.waba_id.clone(),
        portfolio_id: None,
        display_name: number.verified_name.clone(),
        display_number: format!("+{}", number.display_phone_number),
        queue: setup::queue_named(db, tenant, first).await?,
        token: Sensitive::new(number.token.expose().clone()),
    };
    setup::connect_number(db, tenant, new).await?;
    Ok(())
}
