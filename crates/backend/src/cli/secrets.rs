use std::io::{BufRead, IsTerminal, stdin};

use anyhow::{Context, bail};
use deskbell_domain::Sensitive;

use super::{Failure, environment, output};

/// The secret in the variable `name`, or else the next line of standard input.
pub(super) fn read(name: &str, what: &str) -> Result<Sensitive<String>, Failure> {
    match from_environment(name) {
        Some(secret) => Ok(secret),
        None => from_input(name, what)?
            .with_context(|| format!("{what} is missing: give {name}, or a line on standard input"))
            .map_err(Failure::from),
    }
}

/// The secret in the variable `name`, if there is one.
pub(super) fn from_environment(name: &str) -> Option<Sensitive<String>> {
    environment(name).filter(|secret| !secret.is_empty()).map(Sensitive::new)
}

/// The next line of standard input; `None` at its end or where the line is empty.
pub(super) fn from_input(name: &str, what: &str) -> anyhow::Result<Option<Sensitive<String>>> {
    if stdin().is_terminal() {
        output::ask(&format!("{what} (shown as you type; {name} avoids that)"));
    }
    let mut line = String::new();
    stdin().lock().read_line(&mut line).context("standard input cannot be read")?;
    let line = line.strip_suffix('\n').unwrap_or(&line);
    let line = line.strip_suffix('\r').unwrap_or(line);
    if line.contains('\0') {
        bail!("{what} must be text");
    }
    Ok((!line.is_empty()).then(|| Sensitive::from(line)))
}
