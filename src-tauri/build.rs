//! Checks tauri.conf.json and the capability, and keeps SQLCipher's symbols to ourselves.

use tauri_build::{AppManifest, Attributes};

fn main() {
    // The web view's libraries look for `sqlite3_*` in the process and would bind to our SQLCipher instead of the
    // system's SQLite, were its symbols exported. `cargo xtask test` asserts that none is.
    if std::env::var("CARGO_CFG_TARGET_OS").is_ok_and(|os| os == "linux") {
        println!("cargo:rustc-link-arg-bins=-Wl,--exclude-libs,ALL");
    }
    let attributes = Attributes::new()
        .capabilities_path_pattern("./src-tauri/capabilities/**/*")
        .app_manifest(AppManifest::new().commands(&["call", "subscribe"]));
    if let Err(error) = tauri_build::try_build(attributes) {
        println!("cargo:warning={error:#}");
        std::process::exit(1);
    }
}
