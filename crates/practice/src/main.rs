//! `deskbell-practice`: a business to practise with, or the simulated platform alone.

mod drive;

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use clap::{Args, Parser, Subcommand};
use deskbell_backend::telemetry;
use deskbell_practice::{Platform, PlatformConfig, Tenant, TenantOptions};
use serde_json::{Value, json};

/// A business to practise with: a simulated Meta platform, fictional customers, and a real backend between them.
///
/// Without a command it runs the business, prints one line of JSON once people can sign in (where the backend is, and
/// who they are), and ends when it is interrupted.
#[derive(Parser)]
#[command(name = "deskbell-practice", version, args_conflicts_with_subcommands = true)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    business: Business,
}

#[derive(Subcommand)]
enum Command {
    /// Sends messages all the way and back without a window, and says how long that takes. Exit code 0 or 1.
    Drive {
        /// For how many seconds.
        #[arg(long = "for", default_value_t = 10)]
        seconds: u64,
    },
    /// Runs the simulated platform alone, to point another backend at.
    Platform(PlatformAlone),
}

#[derive(Args)]
struct Business {
    /// What customers, ids and texts are made from: the same seed, the same practice.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Where the backend listens; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// How many fictional customers there are.
    #[arg(long, default_value_t = 20)]
    customers: usize,
    /// How long customers pause between what they do, in milliseconds, about.
    #[arg(long, default_value_t = 4_000)]
    pause_ms: u64,
    /// Where the business is kept for the next time. Without it, it is forgotten at the end.
    #[arg(long)]
    data_dir: Option<PathBuf>,
    /// Customers write only when they are told to, at the control endpoints.
    #[arg(long)]
    quiet_customers: bool,
}

#[derive(Args)]
struct PlatformAlone {
    /// What customers, ids and texts are made from.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Where to listen; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// Where webhooks go. Without it they wait until the control endpoint `webhook` names a place.
    #[arg(long)]
    webhook_url: Option<String>,
    /// How many fictional customers there are.
    #[arg(long, default_value_t = 20)]
    customers: usize,
}

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    let arguments = Arguments::parse();
    telemetry::init(telemetry::Format::Text, deskbell_backend::config::LogLevel::Warn.into())?;
    match arguments.command {
        None => run_business(arguments.business).await?,
        Some(Command::Platform(alone)) => run_platform(alone).await?,
        Some(Command::Drive { seconds }) => return drive::run(Duration::from_secs(seconds)).await,
    }
    Ok(ExitCode::SUCCESS)
}

async fn run_business(business: Business) -> anyhow::Result<()> {
    // Held to the end: the folder goes with it.
    let forgotten = tempfile::tempdir().context("no folder for the practice")?;
    let folder = business.data_dir.as_deref().unwrap_or(forgotten.path());
    std::fs::create_dir_all(folder).context("the practice's folder")?;
    let options =
        TenantOptions { seed: business.seed, listen: business.listen, customers: business.customers };
    let tenant = Tenant::start(folder, &options).await.context("the practice did not start")?;
    say(&json!({
        "ready": true,
        "backend": tenant.backend_url(),
        "users": Tenant::members(),
        "platform": introduction(&tenant.platform),
    }))?;
    if !business.quiet_customers {
        tenant.open_the_doors(Duration::from_millis(business.pause_ms));
    }
    interrupted().await?;
    tenant.stop().await.context("the backend had failed")
}

async fn run_platform(alone: PlatformAlone) -> anyhow::Result<()> {
    let platform = Platform::start(PlatformConfig {
        listen: alone.listen,
        webhook_url: alone.webhook_url,
        customers: alone.customers,
        control: true,
        ..PlatformConfig::new(alone.seed)
    })
    .await
    .context("the practice platform did not start")?;
    say(&introduction(&platform))?;
    interrupted().await
}

fn say(line: &Value) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}")?;
    Ok(out.flush()?)
}

/// Waits for an interrupt, or for being told to end.
async fn interrupted() -> anyhow::Result<()> {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let mut terminate = signal(SignalKind::terminate()).context("cannot wait for signals")?;
        tokio::select! {
            interrupt = tokio::signal::ctrl_c() => interrupt.context("cannot wait for the interrupt"),
            _ = terminate.recv() => Ok(()),
        }
    }
    #[cfg(not(unix))]
    tokio::signal::ctrl_c().await.context("cannot wait for the interrupt")
}

/// What a backend, and whoever controls the practice, has to know. The secrets protect nothing but the practice.
fn introduction(platform: &Platform) -> Value {
    let config = platform.config();
    let numbers: Vec<Value> = config
        .numbers
        .iter()
        .map(|number| {
            json!({
                "waba_id": number.waba_id,
                "phone_number_id": number.phone_number_id,
                "display_phone_number": number.display_phone_number,
                "token": number.token.expose(),
            })
        })
        .collect();
    json!({
        "base_url": platform.base_url(),
        "app_secret": config.app_secret.expose(),
        "verify_token": config.verify_token.expose(),
        "control_secret": platform.control_secret().map(deskbell_domain::Sensitive::expose),
        "numbers": numbers,
    })
}
