use tauri::webview::NewWindowResponse;
use tauri::{AppHandle, Manager as _, Url, WebviewUrl, WebviewWindowBuilder};

use crate::options;

const LABEL: &str = "main";

/// The size the interface is drawn for, in logical pixels.
const SIZE: (f64, f64) = (1440.0, 900.0);

/// The smallest size the interface works at, in logical pixels.
const SIZE_MIN: (f64, f64) = (1100.0, 700.0);

/// Opens the window. It keeps nothing, goes nowhere and opens nothing.
pub(crate) fn open(app: &AppHandle) -> tauri::Result<()> {
    WebviewWindowBuilder::new(app, LABEL, WebviewUrl::App("index.html".into()))
        .title("Deskbell")
        .inner_size(SIZE.0, SIZE.1)
        .min_inner_size(SIZE_MIN.0, SIZE_MIN.1)
        // Nothing the web view would keep outlives the window. WebKit lets no driver near such a view, so that a driven
        // one, which only a build for tests has, is an ordinary one.
        .incognito(!options::is_driven())
        .on_navigation(is_own_page)
        .on_new_window(|_url, _features| NewWindowResponse::Deny)
        .build()?;
    Ok(())
}

/// Brings the window to the front, when the program is started a second time.
pub(crate) fn show(app: &AppHandle) {
    if let Some(window) = app.get_webview_window(LABEL) {
        let shown = window.unminimize().and_then(|()| window.show()).and_then(|()| window.set_focus());
        if let Err(error) = shown {
            tracing::warn!(%error, "the window could not be brought to the front");
        }
    }
}

/// Whether a page belongs to the interface. In development it comes from Vite's server on loopback.
fn is_own_page(url: &Url) -> bool {
    match url.scheme() {
        "tauri" => url.host_str() == Some("localhost"),
        "http" | "https" if url.host_str() == Some("tauri.localhost") => true,
        "http" => cfg!(not(feature = "custom-protocol")) && url.host_str() == Some("localhost"),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::is_own_page;

    #[test]
    fn the_window_leaves_its_own_pages_for_nothing() {
        assert!(is_own_page(&"tauri://localhost/index.html".parse().unwrap()));
        for foreign in [
            "https://example.com/",
            "file:///etc/passwd",
            "javascript:alert(1)",
            "data:text/html,x",
            "tauri://evil/",
        ] {
            assert!(!is_own_page(&foreign.parse().unwrap()), "{foreign}");
        }
    }
}
