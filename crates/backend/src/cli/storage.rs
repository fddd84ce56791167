use std::path::PathBuf;
use std::sync::Arc;

use clap::Subcommand;
use deskbell_domain::SystemClock;

use super::Failure;
use crate::config::{Config, ConfigError};
use crate::keys::MasterKey;
use crate::setup;

#[derive(Debug, Subcommand)]
pub(super) enum MasterKeyCommand {
    /// Make a master key in a new file that only its owner may read.
    ///
    /// Keep a copy where neither the data nor the key store is backed up. Without it nothing can be read any more.
    Create {
        /// The file. It must not be there yet.
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
}

pub(super) fn master_key(command: MasterKeyCommand) -> Result<(), Failure> {
    let MasterKeyCommand::Create { file } = command;
    MasterKey::create_file(&file)?;
    Ok(())
}

pub(super) async fn migrate(config: Config) -> Result<(), Failure> {
    setup::migrate(&config, Arc::new(SystemClock)).await.map_err(|error| match error {
        // Nothing was done: an address is missing.
        error @ ConfigError::Missing(_) => Failure::Misused(error.into()),
        error => error.into(),
    })
}
