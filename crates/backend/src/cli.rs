//! `deskbell-backend`: the command line.

mod account;
mod meta_app;
mod output;
mod queue;
mod secrets;
mod serve;
mod storage;
mod tenant;
mod user;
mod webhook;

use std::process::ExitCode;
use std::sync::Arc;

use clap::{Parser, Subcommand};
use deskbell_domain::SystemClock;

use crate::config::{Config, ConfigError, Settings};
use crate::storage::Db;

/// The command did not do what it should.
const FAILED: u8 = 1;

/// The command line or the configuration is not right; nothing was done. clap ends with the same code.
const MISUSED: u8 = 2;

const AFTER_HELP: &str = "\
Secrets are never arguments. Passwords, tokens and app secrets are read from the environment, from files, or from
standard input; the help of each command says which.

Settings come from flags, then the environment (--data-dir is DESKBELL_DATA_DIR), then the configuration file
(data_dir), then the defaults.

Exit codes: 0 done, 1 failed, 2 wrong arguments or configuration.";

/// The tenant backend of Deskbell.
#[derive(Debug, Parser)]
#[command(name = "deskbell-backend", version, about, after_help = AFTER_HELP, propagate_version = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    settings: Settings,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Take webhooks, send messages, serve consoles. Ends by SIGINT or SIGTERM, after what is under way.
    Serve,
    /// Bring the PostgreSQL databases to this version's schema. SQLite does this by itself.
    ///
    /// Needs DESKBELL_OWNER_URL or --owner-url-file: the address for the role that owns the tables.
    Migrate,
    /// Businesses.
    #[command(subcommand)]
    Tenant(tenant::Tenant),
    /// Members of staff.
    #[command(subcommand)]
    User(user::User),
    /// Queues (departments).
    #[command(subcommand)]
    Queue(queue::Queue),
    /// WhatsApp numbers.
    #[command(subcommand)]
    Account(account::Account),
    /// Meta apps whose webhooks are taken.
    #[command(subcommand)]
    MetaApp(meta_app::MetaApp),
    /// The key that opens the key store.
    #[command(subcommand)]
    MasterKey(storage::MasterKeyCommand),
    /// Webhook bodies.
    #[command(subcommand)]
    Webhook(webhook::Webhook),
    /// Print the description of the HTTP interface (OpenAPI, JSON).
    Openapi,
}

/// Why a command did not do what it should.
#[derive(Debug)]
enum Failure {
    /// The command line or configuration is not right.
    Misused(anyhow::Error),
    /// Something else.
    Failed(anyhow::Error),
    /// It was said already.
    Said,
}

impl<E: Into<anyhow::Error>> From<E> for Failure {
    fn from(error: E) -> Self {
        let error = error.into();
        match error.downcast_ref::<ConfigError>() {
            Some(ConfigError::Storage(_)) | None => Self::Failed(error),
            Some(_) => Self::Misused(error),
        }
    }
}

/// Runs the program with the process's arguments and environment.
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let done = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(Failure::from)
        .and_then(|runtime| runtime.block_on(run(arguments)));
    let (error, code) = match done {
        Ok(()) => return ExitCode::SUCCESS,
        Err(Failure::Said) => return ExitCode::from(FAILED),
        Err(Failure::Failed(error)) => (error, FAILED),
        Err(Failure::Misused(error)) => (error, MISUSED),
    };
    output::error(&format!("{error:#}"));
    ExitCode::from(code)
}

async fn run(arguments: Arguments) -> Result<(), Failure> {
    let Arguments { command, settings } = arguments;
    match command {
        Command::Serve => serve::serve(load(settings)?).await,
        Command::Migrate => storage::migrate(load(settings)?).await,
        Command::Tenant(command) => with_db(settings, async |db| tenant::run(db, command).await).await,
        Command::User(command) => with_db(settings, async |db| user::run(db, command).await).await,
        Command::Queue(command) => with_db(settings, async |db| queue::run(db, command).await).await,
        Command::Account(command) => with_db(settings, async |db| account::run(db, command).await).await,
        Command::MetaApp(command) => with_db(settings, async |db| meta_app::run(db, command).await).await,
        Command::MasterKey(command) => storage::master_key(command),
        Command::Webhook(command) => webhook::run(command),
        Command::Openapi => output::line(&serde_json::to_string_pretty(&crate::http::openapi::document())?),
    }
}

fn load(settings: Settings) -> Result<Config, Failure> {
    Ok(Config::load(settings, &environment)?)
}

/// A variable of the process's environment, if it is there and is text.
fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// Opens the storage, does something with it, and closes it in good order.
async fn with_db(
    settings: Settings,
    act: impl AsyncFnOnce(&Db) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let db = load(settings)?.open(Arc::new(SystemClock)).await?;
    let done = act(&db).await;
    db.close().await;
    done
}
