use std::sync::Arc;

use anyhow::Context;
use deskbell_domain::SystemClock;
use tokio::signal::unix::{SignalKind, signal};

use super::Failure;
use crate::config::Config;
use crate::embed::{StartError, embed};
use crate::telemetry;

pub(super) async fn serve(config: Config) -> Result<(), Failure> {
    let format = if config.log.json { telemetry::Format::Json } else { telemetry::Format::Text };
    telemetry::init(format, config.log.level.into())?;
    let mut interrupt = signal(SignalKind::interrupt()).context("signals cannot be heard")?;
    let mut terminate = signal(SignalKind::terminate()).context("signals cannot be heard")?;
    let running = match embed(config, Arc::new(SystemClock)).await {
        Ok(running) => running,
        // Told apart, because the exit code is.
        Err(StartError::Config(error)) => return Err(error.into()),
        Err(error) => return Err(error.into()),
    };
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    tracing::info!("stopping");
    running.stop().await.context("the listener had failed")?;
    Ok(())
}
