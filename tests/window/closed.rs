//! The web view is closed: nothing leads out of it, nothing gets into it, nothing stays in it.

use std::io::{ErrorKind, Read as _};

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::stage::Stage;

/// A place outside that hears who comes.
async fn outside() -> Result<(TcpListener, String)> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let address = format!("http://{}/", listener.local_addr()?);
    Ok((listener, address))
}

/// Fails when somebody has come and said something. The engine opens a connection already while it asks whether it may
/// go there, and closes it in silence when it may not.
fn assert_nothing_was_said(outside: TcpListener) -> Result<()> {
    let outside = outside.into_std()?;
    while let Ok((mut guest, _)) = outside.accept() {
        guest.set_nonblocking(true)?;
        let mut said = [0; 16];
        let silent = guest
            .read(&mut said)
            .map_or_else(|error| error.kind() == ErrorKind::WouldBlock, |read| read == 0);
        assert!(silent, "the window told a place outside: {}", String::from_utf8_lossy(&said));
    }
    Ok(())
}

#[tokio::test]
async fn the_window_cannot_be_led_to_another_page() -> Result<()> {
    // Given an agent at the window.
    let stage = Stage::enter().await?;
    let practice = stage.practice().await?;
    let window = stage.window(practice.backend()).await?;
    window.signs_in(practice.agent()?).await?;
    window.shows_all().await?;
    window.marks_the_page().await?;
    let (outside, address) = outside().await?;

    // When the page is told to go elsewhere, by each way that a page has.
    let leave =
        "const link = (target) => Object.assign(document.createElement('a'), { href: arguments[0], target });
        document.body.append(link(''), link('_blank'));
        for (const each of document.querySelectorAll('body > a')) each.click();
        const opened = window.open(arguments[0]);
        const form = Object.assign(document.createElement('form'), { action: arguments[0], method: 'post' });
        document.body.append(form);
        form.submit();
        location.assign(arguments[0]);
        return opened === null;";
    for target in [address.as_str(), "file:///etc/hostname", "data:text/html,elsewhere"] {
        let refused: bool = window.page.script(leave, &[target]).await?;
        assert!(refused, "a new window was opened on {target}");
    }

    // Then it goes on as the page it was, in one window, and nobody came to the place outside.
    practice.customer(0).writes("Still there?").await?;
    window.row(&practice.customer(0).name().await?, "Still there?").await?;
    window.is_the_same_page().await?;
    let place: String = window.page.script("return location.origin + location.pathname", &[]).await?;
    assert_eq!(place, "tauri://localhost/");
    assert_nothing_was_said(outside)
}

#[tokio::test]
async fn a_script_put_into_the_page_does_not_run() -> Result<()> {
    let stage = Stage::enter().await?;
    let practice = stage.practice().await?;
    let window = stage.window(practice.backend()).await?;

    // Given that a script that runs leaves a trace.
    let trace: Value = window.page.script("window.trace = 'driver'; return window.trace", &[]).await?;
    assert_eq!(trace, "driver");

    // When scripts are put into the page, each in another way, every one breaks the policy.
    let inject = "const done = arguments[1];
        document.addEventListener('securitypolicyviolation', (breach) => done(breach.effectiveDirective), { once: true });
        if (arguments[0] === 'eval') {
            try { (0, eval)('window.trace = 1'); } catch (refused) { if (!(refused instanceof EvalError)) throw refused; }
            return;
        }
        const holder = document.createElement('div');
        if (arguments[0] === 'script') {
            const script = document.createElement('script');
            script.textContent = 'window.trace = 1';
            holder.append(script);
        } else if (arguments[0] === 'handler') {
            holder.innerHTML = '<button onclick=\"window.trace = 1\"></button>';
        } else {
            holder.innerHTML = `<iframe src=\"javascript:parent.trace = 1\"></iframe>`;
        }
        document.body.append(holder);
        holder.querySelector('button')?.click();";
    for (way, directive) in [
        ("script", "script-src-elem"),
        ("handler", "script-src-attr"),
        ("frame", "script-src-elem"),
        ("eval", "script-src"),
    ] {
        let breached: String = window.page.script_calling_back(inject, &[way]).await?;
        assert_eq!(breached, directive, "{way}");
    }

    // Then none of them ran.
    let trace: Value = window.page.script("return window.trace", &[]).await?;
    assert_eq!(trace, "driver");
    Ok(())
}

#[tokio::test]
async fn the_page_has_the_command_list_and_nothing_else_of_its_host() -> Result<()> {
    let stage = Stage::enter().await?;
    let practice = stage.practice().await?;
    let window = stage.window(practice.backend()).await?;
    let invoke = "const done = arguments[2];
        window.__TAURI_INTERNALS__.invoke(arguments[0], JSON.parse(arguments[1]))
            .then((answer) => done({ answer }), (refused) => done({ refused: String(refused) }));";

    // Given that the page can ask its host for the status.
    let status = json!({"name": "status", "request": {}}).to_string();
    let answered: Value = window.page.script_calling_back(invoke, &["call", &status]).await?;
    assert!(answered.pointer("/answer/version").is_some(), "{answered}");

    // When it asks for what the framework could do, then it is refused.
    for command in [
        "plugin:window|close",
        "plugin:webview|create_webview_window",
        "plugin:event|emit",
        "plugin:path|resolve_directory",
    ] {
        let refused: Value = window.page.script_calling_back(invoke, &[command, "{}"]).await?;
        let reason = refused.get("refused").and_then(Value::as_str).context(command)?;
        assert!(reason.contains("not allowed"), "{command}: {reason}");
    }
    let global: bool = window.page.script("return '__TAURI__' in window", &[]).await?;
    assert!(!global, "the framework stands in the page for everybody");
    Ok(())
}

#[tokio::test]
async fn the_page_reaches_nobody_and_keeps_nothing() -> Result<()> {
    // Given a window that was used.
    let stage = Stage::enter().await?;
    let practice = stage.practice().await?;
    let window = stage.window(practice.backend()).await?;
    window.signs_in(practice.agent()?).await?;
    window.shows_all().await?;
    practice.customer(0).writes("Good morning").await?;
    window.opens(&practice.customer(0).name().await?).await?;
    window.message("Good morning").await?;

    // When the page wants to speak to somebody else, then the policy does not let it.
    let (outside, address) = outside().await?;
    let reach = "const done = arguments[1];
        const image = new Promise((told) => {
            document.addEventListener('securitypolicyviolation', (breach) => {
                if (breach.effectiveDirective === 'img-src') told('refused');
            });
        });
        new Image().src = arguments[0];
        const asked = fetch(arguments[0]).then(() => 'answered', () => 'refused');
        const socket = new Promise((told) => {
            try { new WebSocket(arguments[0].replace('http', 'ws')).onerror = () => told('refused'); }
            catch { told('refused'); }
        });
        Promise.all([image, asked, socket]).then(done);";
    let reached: Vec<String> = window.page.script_calling_back(reach, &[&address]).await?;
    assert_eq!(reached, ["refused"; 3]);
    assert_nothing_was_said(outside)?;

    // And it has kept nothing where a page keeps things.
    let kept = "return [localStorage.length, sessionStorage.length, document.cookie.length]";
    let kept_in_all: Vec<usize> = window.page.script(kept, &[]).await?;
    assert_eq!(kept_in_all, [0, 0, 0]);
    let put = format!("localStorage.setItem('a', 'b'); sessionStorage.setItem('a', 'b'); {kept}");
    let seen: Vec<usize> = window.page.script(&put, &[]).await?;
    assert_eq!(seen, [1, 1, 0], "what is kept would be seen");
    Ok(())
}
