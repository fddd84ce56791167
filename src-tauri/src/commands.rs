use deskbell_console::Console;
use deskbell_console::api::{self, ApiError, ViewsChanged};
use serde_json::Value;
use tauri::State;
use tauri::ipc::Channel;

/// Runs a command of the one command list.
#[tauri::command]
pub(crate) async fn call(
    console: State<'_, Console>,
    name: String,
    request: Value,
) -> Result<Value, ApiError> {
    api::dispatch(console.inner(), &name, request).await
}

/// Tells the window, until it goes away, which views to read again.
#[tauri::command]
pub(crate) async fn subscribe(
    console: State<'_, Console>,
    channel: Channel<ViewsChanged>,
) -> Result<(), ApiError> {
    let mut changes = console.changes();
    tauri::async_runtime::spawn(async move {
        while let Some(changed) = changes.next().await {
            if channel.send(changed).is_err() {
                break;
            }
        }
    });
    Ok(())
}
