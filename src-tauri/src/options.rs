use deskbell_console::{KeychainChoice, Options};
use tauri::{AppHandle, Manager as _};

/// A WebDriver would read all that is on the screen.
#[derive(Debug, thiserror::Error)]
#[error("{variable} is set, and this build does not let itself be driven: unset it")]
pub(crate) struct AutomationRefused {
    variable: &'static str,
}

/// The variables that make the web view open to automation.
const AUTOMATION: [&str; 2] = ["TAURI_AUTOMATION", "TAURI_WEBVIEW_AUTOMATION"];

/// Whether a WebDriver drives this window. Never true but in a build for tests.
pub(crate) fn is_driven() -> bool {
    cfg!(feature = "automation")
        && AUTOMATION.into_iter().any(|variable| std::env::var_os(variable).is_some())
}

/// Refuses to start where somebody asks for automation of a build that is not made for tests.
pub(crate) fn refuse_automation() -> Result<(), AutomationRefused> {
    if cfg!(feature = "automation") {
        return Ok(());
    }
    match AUTOMATION.into_iter().find(|variable| std::env::var_os(variable).is_some()) {
        Some(variable) => Err(AutomationRefused { variable }),
        None => Ok(()),
    }
}

/// Where the console keeps its files, and which backend it offers at sign-in.
pub(crate) fn console(app: &AppHandle) -> tauri::Result<Options> {
    let data_dir = match std::env::var_os("DESKBELL_DATA_DIR") {
        Some(folder) => folder.into(),
        None => app.path().app_local_data_dir()?,
    };
    Ok(Options {
        data_dir,
        keychain: KeychainChoice::System,
        backend: std::env::var("DESKBELL_BACKEND").ok(),
    })
}
