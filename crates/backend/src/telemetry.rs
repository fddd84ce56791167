//! What the backend writes about itself: ids, codes, counts and durations. Never content, keys or tokens.
//!
//! Dependencies print frames, headers and keys below WARN, so everything that is not ours is capped there, whatever
//! the environment says. Release builds contain no TRACE at all (a feature of `tracing` in the workspace's manifest).

use std::panic::PanicHookInfo;

use tracing::level_filters::LevelFilter;
use tracing::{Level, Subscriber};
use tracing_subscriber::Layer as _;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::registry::LookupSpan;

/// What every target of ours begins with.
const OURS: &str = "deskbell";

/// How lines are written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Format {
    /// For people.
    #[default]
    Text,
    /// For programs: one JSON object a line.
    Json,
}

/// Somebody else already receives the logs of this process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the logs of this process already have a receiver")]
pub struct AlreadySet;

/// Lets lines of ours through up to `level`, and warnings and errors of everything else.
pub fn cap(level: Level) -> Targets {
    Targets::new().with_target(OURS, level).with_default(LevelFilter::WARN)
}

/// Writes capped lines to `writer`.
pub fn layer<S, W>(
    format: Format,
    level: Level,
    writer: W,
) -> Box<dyn tracing_subscriber::Layer<S> + Send + Sync>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let lines = tracing_subscriber::fmt::layer().with_writer(writer).with_ansi(false);
    match format {
        Format::Text => lines.with_filter(cap(level)).boxed(),
        Format::Json => lines.json().flatten_event(true).with_filter(cap(level)).boxed(),
    }
}

/// Sends the logs of this process to stderr, and lets a panic name its place only.
///
/// # Errors
/// When the logs already go elsewhere.
pub fn init(format: Format, level: Level) -> Result<(), AlreadySet> {
    let subscriber = tracing_subscriber::registry().with(layer(format, level, std::io::stderr));
    tracing::subscriber::set_global_default(subscriber).map_err(|_| AlreadySet)?;
    std::panic::set_hook(Box::new(name_the_place));
    Ok(())
}

/// What a panic says may hold what it was working on, so only its place is written.
pub fn name_the_place(panic: &PanicHookInfo<'_>) {
    match panic.location() {
        Some(place) => {
            tracing::error!(target: "deskbell::panic", file = place.file(), line = place.line(), "panic");
        }
        None => tracing::error!(target: "deskbell::panic", "panic"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_ours_is_capped_at_warnings_whatever_level_is_asked_for() {
        let cap = cap(Level::TRACE);
        for target in ["hyper::proto", "sqlx::query", "tungstenite", "rustls", "reqwest", "axum"] {
            assert!(cap.would_enable(target, &Level::WARN), "{target}");
            assert!(!cap.would_enable(target, &Level::INFO), "{target}");
            assert!(!cap.would_enable(target, &Level::TRACE), "{target}");
        }
        assert!(cap.would_enable("deskbell_backend::http", &Level::TRACE));
    }

    #[test]
    fn our_own_lines_stop_at_the_level_asked_for() {
        let cap = cap(Level::INFO);
        assert!(cap.would_enable("deskbell_backend::http", &Level::INFO));
        assert!(!cap.would_enable("deskbell_backend::http", &Level::DEBUG));
    }
}
