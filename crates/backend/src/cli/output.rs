use std::io::{self, Write};

use super::Failure;

/// Writes a line to standard output. A reader that has gone away is no failure.
pub(super) fn line(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    match writeln!(out, "{text}").and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => Ok(other?),
    }
}

/// Writes columns, apart by tabs, so that both people and scripts can read them.
pub(super) fn columns<const N: usize>(values: [&str; N]) -> Result<(), Failure> {
    line(&values.map(|value| value.replace(['\t', '\n', '\r'], " ")).join("\t"))
}

/// Writes what went wrong to standard error.
pub(super) fn error(text: &str) {
    // Where standard error is gone there is nobody left to tell.
    let _ = writeln!(io::stderr().lock(), "deskbell-backend: {text}");
}

/// Asks a person for something, on standard error, so that standard output stays clean.
pub(super) fn ask(text: &str) {
    let mut err = io::stderr().lock();
    let _ = write!(err, "{text}: ").and_then(|()| err.flush());
}
