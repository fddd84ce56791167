//! Writes the TypeScript types of the command list, or with `--check` says whether they are current.
#![allow(clippy::print_stderr, reason = "a command-line tool")]

use std::process::ExitCode;

const PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../ui/src/lib/platform/bindings.ts");

fn main() -> ExitCode {
    let wanted = deskbell_console::bindings::typescript();
    if std::env::args().any(|argument| argument == "--check") {
        if std::fs::read_to_string(PATH).is_ok_and(|found| found == wanted) {
            return ExitCode::SUCCESS;
        }
        eprintln!("ui/src/lib/platform/bindings.ts is not current: run `cargo xtask bindings`");
        return ExitCode::FAILURE;
    }
    match std::fs::write(PATH, wanted) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{PATH}: {error}");
            ExitCode::FAILURE
        }
    }
}
