use std::path::PathBuf;

use anyhow::{Context, bail};
use clap::Subcommand;
use deskbell_meta::decode;
use deskbell_meta::limits::WEBHOOK_BYTES_MAX;

use super::{Failure, output};

#[derive(Debug, Subcommand)]
pub(super) enum Webhook {
    /// Print one JSON line per event of webhook bodies. Touches no database.
    ///
    /// Each line has file, kind (message, status, echo, history, contact, template, account, phone_number, preference,
    /// user_id, unsupported, error), type (Meta's own word), id, from, timestamp_ms and text; what is not known is
    /// unsupported and has raw besides. A file that is no webhook is named on standard error; the others are done all
    /// the same, and the exit code is 1.
    Decode {
        /// Files with one body each, as Meta sent it.
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
    },
}

pub(super) fn run(command: Webhook) -> Result<(), Failure> {
    let Webhook::Decode { files } = command;
    let mut failed = false;
    for file in files {
        let name = file.display().to_string();
        match decoded(&file, &name) {
            Ok(lines) => {
                for line in lines {
                    output::line(&serde_json::to_string(&line)?)?;
                }
            }
            Err(error) => {
                failed = true;
                output::error(&format!("{name}: {error:#}"));
            }
        }
    }
    if failed { Err(Failure::Said) } else { Ok(()) }
}

fn decoded(file: &PathBuf, name: &str) -> anyhow::Result<Vec<decode::Line>> {
    let bytes = std::fs::metadata(file).context("cannot be read")?.len();
    if bytes > WEBHOOK_BYTES_MAX as u64 {
        bail!("not a webhook: larger than {WEBHOOK_BYTES_MAX} bytes");
    }
    let body = std::fs::read(file).context("cannot be read")?;
    decode::lines(name, &body).context("not a webhook")
}
