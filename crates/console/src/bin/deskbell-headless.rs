//! `deskbell-headless`: the console's engine without a window.

use std::process::ExitCode;

fn main() -> ExitCode {
    deskbell_console::headless::main()
}
