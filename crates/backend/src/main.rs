//! `deskbell-backend`: takes webhooks, sends messages, serves consoles.

use std::process::ExitCode;

fn main() -> ExitCode {
    deskbell_backend::cli::main()
}
