//! The shell: it opens the window and wires it to the engine. It has no rules of its own.

mod commands;
mod options;
mod window;

use std::process::ExitCode;

use deskbell_console::{Console, telemetry};
use tauri::Manager as _;

/// Opens the window and runs until it is closed.
pub fn run() -> ExitCode {
    telemetry::init();
    if let Err(refusal) = options::refuse_automation() {
        tracing::error!(%refusal, "not started");
        return ExitCode::FAILURE;
    }
    let app = tauri::Builder::default()
        .plugin(tauri_plugin_single_instance::init(|app, _arguments, _folder| window::show(app)))
        .invoke_handler(tauri::generate_handler![commands::call, commands::subscribe])
        .setup(|app| {
            let options = options::console(app.handle())?;
            let console = tauri::async_runtime::block_on(Console::start(options))?;
            app.manage(console);
            window::open(app.handle())?;
            Ok(())
        })
        .build(tauri::generate_context!());
    let app = match app {
        Ok(app) => app,
        Err(error) => {
            tracing::error!(%error, "not started");
            return ExitCode::FAILURE;
        }
    };
    app.run(|app, event| {
        if matches!(event, tauri::RunEvent::Exit)
            && let Some(console) = app.try_state::<Console>()
        {
            tauri::async_runtime::block_on(console.stop());
        }
    });
    ExitCode::SUCCESS
}
