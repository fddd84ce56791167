//! A desktop session of its own for programs that want one: home folder, message bus, unlocked keyring, and a
//! screen that exists in memory only. Nothing of the user's own session is read or written.

use anyhow::{Context, Result, bail};
use std::ffi::OsString;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{ChildStdout, Command, Stdio};
use std::time::Instant;
use tempfile::TempDir;

use crate::limits::{HELPER_READY, PAINTED_COLOURS_MIN, PICTURE_INTERVAL, WINDOW_PAINTED};
use crate::process::{self, Running};

/// The keyring is thrown away with the session; the password only has to exist.
const KEYRING_PASSWORD: &str = "throwaway";

/// The screen: the size the pictures of the design have.
const SCREEN: &str = "1440x900x24";

/// Variables of the user's session that must not reach into this one.
const FOREIGN: &[&str] = &[
    "DISPLAY",
    "WAYLAND_DISPLAY",
    "XAUTHORITY",
    "DBUS_SESSION_BUS_ADDRESS",
    "GNOME_KEYRING_CONTROL",
    "SSH_AUTH_SOCK",
    "XDG_CURRENT_DESKTOP",
    "XDG_SESSION_ID",
    "DESKTOP_SESSION",
];

/// Whether the user has a display that a window can open on.
pub(crate) fn user_has_display() -> bool {
    let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    set("DISPLAY") || set("WAYLAND_DISPLAY") || !cfg!(target_os = "linux")
}

/// A running session. Dropping it ends its programs, in this order, and deletes its folders.
pub(crate) struct Session {
    environment: Vec<(&'static str, OsString)>,
    _screen: Option<Running>,
    _keyring: Running,
    _bus: Running,
    _folder: TempDir,
}

impl Session {
    /// Message bus and keyring, without a screen.
    pub(crate) fn without_screen() -> Result<Self> {
        Self::start(false)
    }

    /// Message bus, keyring, and a screen in memory.
    pub(crate) fn with_screen() -> Result<Self> {
        Self::start(true)
    }

    fn start(with_screen: bool) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("deskbell-session-").tempdir()?;
        // Services that the bus starts inherit the bus's environment: it must be complete before the bus is.
        let mut environment = folders(folder.path())?;
        let screen = if with_screen {
            let (screen, display) = start_screen(&environment)?;
            environment.push(("DISPLAY", display.into()));
            // A toolkit that finds no Wayland asks for it first, and complains.
            environment.push(("GDK_BACKEND", "x11".into()));
            Some(screen)
        } else {
            None
        };
        let (bus, address) = start_bus(&environment)?;
        environment.push(("DBUS_SESSION_BUS_ADDRESS", address.into()));
        let keyring = start_keyring(&environment)?;
        Ok(Self { environment, _screen: screen, _keyring: keyring, _bus: bus, _folder: folder })
    }

    /// Lets a command run inside this session.
    pub(crate) fn enter<'command>(&self, command: &'command mut Command) -> &'command mut Command {
        set_environment(command, &self.environment)
    }

    /// Takes a picture of the screen as soon as something is painted on it and stands still.
    pub(crate) fn picture_when_painted(&self, to: &Path, window: &mut Running) -> Result<()> {
        if let Some(folder) = to.parent() {
            fs::create_dir_all(folder).with_context(|| format!("creating {}", folder.display()))?;
        }
        let give_up = Instant::now() + WINDOW_PAINTED;
        let mut before = String::new();
        loop {
            window.still_runs()?;
            self.picture(to)?;
            let (colours, content) = described(to)?;
            let painted = colours >= PAINTED_COLOURS_MIN;
            if painted && content == before {
                return Ok(());
            }
            if Instant::now() > give_up {
                // Something may move forever, such as a caret: a painted screen is enough then.
                return if painted { Ok(()) } else { Err(nothing_painted()) };
            }
            before = content;
            let _ended = window.wait_until(Instant::now() + PICTURE_INTERVAL)?;
        }
    }

    /// Takes a picture of the whole screen now.
    fn picture(&self, to: &Path) -> Result<()> {
        let mut command = Command::new("import");
        process::output_of(self.enter(&mut command).args(["-window", "root"]).arg(to)).map(drop)
    }
}

fn nothing_painted() -> anyhow::Error {
    anyhow::anyhow!("the window painted nothing within {} s", WINDOW_PAINTED.as_secs())
}

/// How many colours a picture has, and a signature of its pixels.
fn described(picture: &Path) -> Result<(u32, String)> {
    let mut command = Command::new("identify");
    let text = process::output_of(command.args(["-format", "%k %#"]).arg(picture))?;
    let (colours, signature) = text.trim().split_once(' ').context("unexpected answer of `identify`")?;
    Ok((colours.parse().context("the number of colours")?, signature.to_owned()))
}

fn set_environment<'command>(
    command: &'command mut Command,
    environment: &[(&'static str, OsString)],
) -> &'command mut Command {
    for name in FOREIGN {
        command.env_remove(name);
    }
    command.envs(environment.iter().map(|(name, value)| (name, value)))
}

/// The session's folders, and where cargo and rustup find theirs although the home folder is another.
fn folders(base: &Path) -> Result<Vec<(&'static str, OsString)>> {
    let make = |name: &str| -> Result<OsString> {
        let path = base.join(name);
        fs::create_dir_all(&path).with_context(|| format!("creating {}", path.display()))?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o700))?;
        Ok(path.into_os_string())
    };
    let mut environment = vec![
        ("HOME", make("home")?),
        ("XDG_CONFIG_HOME", make("home/.config")?),
        ("XDG_DATA_HOME", make("home/.local/share")?),
        ("XDG_STATE_HOME", make("home/.local/state")?),
        ("XDG_CACHE_HOME", make("home/.cache")?),
        ("XDG_RUNTIME_DIR", make("run")?),
    ];
    if let Some(home) = std::env::var_os("HOME").map(PathBuf::from) {
        for (name, below) in [("CARGO_HOME", ".cargo"), ("RUSTUP_HOME", ".rustup")] {
            let chosen = std::env::var_os(name).unwrap_or_else(|| home.join(below).into_os_string());
            environment.push((name, chosen));
        }
    }
    Ok(environment)
}

fn start_screen(environment: &[(&'static str, OsString)]) -> Result<(Running, String)> {
    let mut command = Command::new("Xvfb");
    // It takes a free display by itself and writes its number once it accepts connections.
    command.args(["-displayfd", "1", "-screen", "0", SCREEN, "-nolisten", "tcp", "-noreset"]);
    set_environment(&mut command, environment)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    let mut screen = Running::start("Xvfb", &mut command)?;
    let number = first_line(&mut screen)?;
    Ok((screen, format!(":{number}")))
}

fn start_bus(environment: &[(&'static str, OsString)]) -> Result<(Running, String)> {
    let mut command = Command::new("dbus-daemon");
    command.args(["--session", "--nofork", "--nopidfile", "--nosyslog", "--print-address=1"]);
    set_environment(&mut command, environment)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    let mut bus = Running::start("the message bus", &mut command)?;
    let address = first_line(&mut bus)?;
    Ok((bus, address))
}

/// The first line a program prints. Its end of the pipe stays open, so that printing more does not end it.
fn first_line(running: &mut Running) -> Result<String> {
    let output: &mut ChildStdout = running.child.stdout.as_mut().context("standard output was not piped")?;
    let mut line = String::new();
    BufReader::new(output).read_line(&mut line)?;
    let line = line.trim();
    if line.is_empty() {
        bail!("a helper program of the session ended before it was ready");
    }
    Ok(line.to_owned())
}

fn start_keyring(environment: &[(&'static str, OsString)]) -> Result<Running> {
    let mut command = Command::new("gnome-keyring-daemon");
    command.args(["--foreground", "--unlock", "--components=secrets"]);
    set_environment(&mut command, environment)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let mut keyring = Running::start("the keyring", &mut command)?;
    let mut password = keyring.child.stdin.take().context("standard input was not piped")?;
    password.write_all(KEYRING_PASSWORD.as_bytes())?;
    drop(password);
    // Asking the keyring itself before it owns its name would make the bus start a second, locked one.
    process::wait_for("the keyring's start", HELPER_READY, || {
        keyring.still_runs()?;
        let owned = bus_answers_true(
            environment,
            &["/", "org.freedesktop.DBus.NameHasOwner"],
            "org.freedesktop.secrets",
        );
        Ok(owned.then_some(()))
    })?;
    process::wait_for("the keyring's unlocking", HELPER_READY, || {
        keyring.still_runs()?;
        Ok(login_keyring_is_open(environment).then_some(()))
    })?;
    Ok(keyring)
}

fn bus_answers_true(environment: &[(&'static str, OsString)], call: &[&str], argument: &str) -> bool {
    let mut command = Command::new("dbus-send");
    command.args(["--session", "--print-reply", "--dest=org.freedesktop.DBus"]).args(call);
    command.arg(format!("string:{argument}"));
    let answer = process::output_of(set_environment(&mut command, environment));
    answer.is_ok_and(|text| text.contains("boolean true"))
}

fn login_keyring_is_open(environment: &[(&'static str, OsString)]) -> bool {
    let mut command = Command::new("dbus-send");
    command.args(["--session", "--print-reply", "--dest=org.freedesktop.secrets"]);
    command.args(["/org/freedesktop/secrets/collection/login", "org.freedesktop.DBus.Properties.Get"]);
    command.args(["string:org.freedesktop.Secret.Collection", "string:Locked"]);
    let answer = process::output_of(set_environment(&mut command, environment));
    answer.is_ok_and(|text| text.contains("boolean false"))
}
