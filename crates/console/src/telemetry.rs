//! Logs without content.
//!
//! What is not ours is capped at WARN whatever the environment says: dependencies print frames, keys and headers at
//! TRACE. Ours log places, counts and codes; texts, names, numbers and tokens travel as `Sensitive`.

use std::panic::PanicHookInfo;

use tracing::level_filters::LevelFilter;
use tracing::{Level, Metadata};
use tracing_subscriber::filter::FilterFn;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer as _};

/// Decides for our own targets; the word is `DESKBELL_LOG`, as in `DESKBELL_LOG=debug`.
const LEVEL_VARIABLE: &str = "DESKBELL_LOG";

/// Starts logging to stderr, and makes panics say where, not what. Once per process; later calls change nothing.
pub fn init() {
    let level = EnvFilter::builder()
        .with_default_directive(LevelFilter::INFO.into())
        .with_env_var(LEVEL_VARIABLE)
        .from_env_lossy();
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_filter(FilterFn::new(is_ours_or_serious))
        .with_filter(level);
    if tracing_subscriber::registry().with(lines).try_init().is_ok() {
        std::panic::set_hook(Box::new(report_panic));
    }
}

/// The cap: our own records, and of others only warnings and errors.
pub fn is_ours_or_serious(record: &Metadata<'_>) -> bool {
    *record.level() <= Level::WARN || record.target().starts_with("deskbell")
}

fn report_panic(panic: &PanicHookInfo<'_>) {
    let place = panic.location().map(|at| format!("{}:{}", at.file(), at.line())).unwrap_or_default();
    tracing::error!(place, "a bug: the program stopped here");
}
