//! One whole installation: platform, backend, two tenants, and their agents.

use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result, anyhow};
use deskbell_backend::config::Config;
use deskbell_backend::embed::{Running, embed_with};
use deskbell_backend::outgoing::{Checkpoint, Step};
use deskbell_backend::setup::{self, NewMember, NewNumber};
use deskbell_backend::storage::directory::NewMetaApp;
use deskbell_backend::storage::{Db, NewTenant};
use deskbell_backend::worker::WorkerOptions;
use deskbell_domain::{ChannelAccountId, QueueId, Role, SystemClock, TenantId, UserId};
use deskbell_practice::{BusinessNumber, Pace, Platform, PlatformConfig};
use tempfile::TempDir;
use tokio::sync::watch;

use crate::engine::{self, Engine};
use crate::limits::GRAPH_CALL_TIMEOUT;
use crate::program::BackendProcess;
use crate::{Desk, Wire};

/// The Meta app whose webhooks the backend takes.
const APP: &str = "main";

/// Customers and ids are the same in every run.
const PLATFORM_SEED: u64 = 20_261_122;

/// How an installation is made.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where the backend keeps its data.
    pub engine: Engine,
    /// How fast the platform is.
    pub pace: Pace,
}

impl Options {
    /// As fast as it goes, on this engine.
    pub const fn on(engine: Engine) -> Self {
        Self { engine, pace: Pace::INSTANT }
    }
}

/// A member of staff who can sign in.
#[derive(Debug, Clone)]
pub struct Agent {
    /// Who.
    pub id: UserId,
    /// How they are called.
    pub name: &'static str,
    /// How they sign in.
    pub email: String,
    /// And with what.
    pub password: String,
}

/// A business.
#[derive(Debug, Clone)]
pub struct Tenant {
    /// Its id.
    pub id: TenantId,
    /// The queue that its agents work.
    pub queue: QueueId,
    /// Its connected number.
    pub account: ChannelAccountId,
    /// The same number, as the platform knows it.
    pub number: BusinessNumber,
    /// Its agents.
    pub agents: Vec<Agent>,
}

/// One installation.
pub struct TestSystem {
    /// Meta and the customers.
    pub platform: Platform,
    /// The business that most tests are about: agents Ada and Ben.
    pub north: Tenant,
    /// Another business, which is to notice nothing of it: agent Eve.
    pub south: Tenant,
    config: Config,
    running: Option<Running>,
    sending: watch::Sender<bool>,
    folder: TempDir,
}

impl TestSystem {
    /// An installation whose backend runs in this process.
    ///
    /// # Errors
    /// When a part of it does not start.
    pub async fn start(options: Options) -> Result<Self> {
        let mut system = Self::set_up(options).await?;
        system.serve().await?;
        Ok(system)
    }

    /// An installation whose backend is set up and does not run yet.
    ///
    /// # Errors
    /// When a part of it cannot be set up.
    pub async fn set_up(options: Options) -> Result<Self> {
        if std::env::var_os("DESKBELL_LOG").is_some() {
            deskbell_console::telemetry::init();
        }
        let folder = tempfile::tempdir()?;
        let mut meta = PlatformConfig::new(PLATFORM_SEED);
        meta.pace = options.pace;
        let first = meta.numbers.first().context("the platform has a number")?.clone();
        meta.numbers.push(another_number(&first));
        let platform = Platform::start(meta).await?;

        let mut config = engine::config(&options.engine, folder.path()).await?;
        config.listen = free_address()?;
        config.graph.base_url = platform.base_url();
        let db = config.open(Arc::new(SystemClock)).await?;
        db.directory().put_meta_app(&meta_app(&platform)).await?;
        let [north_number, south_number] = platform.config().numbers.as_slice() else {
            return Err(anyhow!("the platform has two numbers"));
        };
        let north = tenant(&db, "Northgate", north_number, &["Ada", "Ben"]).await?;
        let south = tenant(&db, "Southgate", south_number, &["Eve"]).await?;
        db.close().await;

        platform.set_webhook_url(format!("http://{}/webhooks/whatsapp/{APP}", config.listen));
        Ok(Self { platform, north, south, config, running: None, sending: watch::Sender::new(true), folder })
    }

    /// Starts the backend in this process, on what it has stored.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn serve(&mut self) -> Result<()> {
        let mut options = WorkerOptions::from_config(&self.config);
        options.graph.call_timeout = GRAPH_CALL_TIMEOUT;
        let sending = self.sending.subscribe();
        options.checkpoint = Checkpoint::at(move |step, _| {
            let mut sending = sending.clone();
            async move {
                if step == Step::Taken {
                    // The sender ends with the installation, and so does the wait.
                    let _ = sending.wait_for(|sending| *sending).await;
                }
            }
        });
        self.running = Some(embed_with(self.config.clone(), options, Arc::new(SystemClock)).await?);
        Ok(())
    }

    /// Stops the backend of this process in good order.
    ///
    /// # Errors
    /// When it had failed before.
    pub async fn stop(&mut self) -> Result<()> {
        match self.running.take() {
            Some(running) => Ok(running.stop().await?),
            None => Ok(()),
        }
    }

    /// Starts the backend as a process of its own, which can be killed. Its log is written into `logs`.
    ///
    /// # Errors
    /// When its program is not built, or it does not serve in time.
    pub async fn spawn(&self, logs: &Path) -> Result<BackendProcess> {
        BackendProcess::start(&self.config, &engine::master_key_file(self.folder.path()), logs).await
    }

    /// Where the backend listens, now and after each start.
    pub const fn address(&self) -> SocketAddr {
        self.config.listen
    }

    /// Where webhooks are delivered.
    pub fn webhook_url(&self) -> String {
        format!("http://{}/webhooks/whatsapp/{APP}", self.address())
    }

    /// The folder under which the backend keeps everything, on SQLite.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Storage of the backend in this process.
    ///
    /// # Errors
    /// When it does not run.
    pub fn db(&self) -> Result<&Db> {
        self.running.as_ref().map(Running::db).context("the backend does not run in this process")
    }

    /// Holds every message before it is sent to Meta, or lets them go.
    pub fn hold_sends(&self, held: bool) {
        self.sending.send_replace(!held);
    }

    /// An agent of either business.
    ///
    /// # Errors
    /// When there is none of that name.
    pub fn agent(&self, name: &str) -> Result<&Agent> {
        let mut agents = self.north.agents.iter().chain(&self.south.agents);
        agents.find(|agent| agent.name == name).with_context(|| format!("there is no agent {name}"))
    }

    /// A console at which this agent is signed in.
    ///
    /// # Errors
    /// When the agent cannot sign in.
    pub async fn desk(&self, name: &str) -> Result<Desk> {
        Desk::sign_in(self.address(), self.agent(name)?).await
    }

    /// Somebody who talks to the backend without a console.
    ///
    /// # Errors
    /// When there is no HTTP client.
    pub fn wire(&self) -> Result<Wire> {
        Wire::to(self.address())
    }

    /// Ends the access tokens of an agent, as a change of their rights does: every device has to renew its session.
    ///
    /// # Errors
    /// Those of the storage.
    pub async fn end_access_tokens(&self, name: &str) -> Result<()> {
        let agent = self.agent(name)?.id;
        let db = self.db()?;
        let queue = setup::create_queue(db, self.north.id, &format!("Another queue of {name}")).await?;
        Ok(setup::assign_queue(db, self.north.id, agent, queue).await?)
    }
}

async fn tenant(db: &Db, name: &str, number: &BusinessNumber, agents: &[&'static str]) -> Result<Tenant> {
    let id =
        db.create_tenant(&NewTenant { name: name.to_owned(), time_zone: "Europe/Madrid".to_owned() }).await?;
    let queue = setup::create_queue(db, id, "Sales").await?;
    let connected = NewNumber {
        phone_number_id: number.phone_number_id.clone(),
        waba_id: number.waba_id.clone(),
        portfolio_id: None,
        display_name: number.verified_name.clone(),
        display_number: format!("+{}", number.display_phone_number),
        queue,
        token: number.token.clone(),
    };
    let account = setup::connect_number(db, id, connected).await?;
    let mut staff = Vec::with_capacity(agents.len());
    for agent in agents {
        let email = format!("{}@{}.example", agent.to_lowercase(), name.to_lowercase());
        let password = format!("the password of {agent}");
        let member = NewMember {
            name: (*agent).into(),
            email: email.as_str().into(),
            role: Role::Agent,
            password: password.as_str().into(),
            queues: vec![queue],
        };
        let id = setup::create_user(db, id, member).await?;
        staff.push(Agent { id, name: agent, email, password });
    }
    Ok(Tenant { id, queue, account, number: number.clone(), agents: staff })
}

/// A second number, of another business.
fn another_number(first: &BusinessNumber) -> BusinessNumber {
    BusinessNumber {
        waba_id: format!("{}1", first.waba_id),
        phone_number_id: format!("{}1", first.phone_number_id),
        display_phone_number: "15550199002".to_owned(),
        verified_name: "Southgate".to_owned(),
        token: first.token.clone().map(|token| format!("{token}-south")),
    }
}

fn meta_app(platform: &Platform) -> NewMetaApp {
    NewMetaApp {
        app: APP.to_owned(),
        secret: platform.config().app_secret.clone(),
        previous_secret: None,
        verify_token: platform.config().verify_token.clone(),
    }
}

/// An address on this machine that nobody listens on. It stays the same over restarts, so the system's choice is
/// made once, here.
fn free_address() -> Result<SocketAddr> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?)
}
