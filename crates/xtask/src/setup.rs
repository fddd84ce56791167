//! System packages: which are missing, and how they are installed.

use anyhow::{Context, Result, bail};
use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use crate::process;
use crate::step::Steps;
use crate::workspace::Workspace;

/// What the packages are for. A task asks for those it needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Group {
    /// Compiling everything but the window.
    Compile,
    /// Compiling the window.
    Window,
    /// Showing the window on a machine without a display.
    Headless,
    /// The tests that need more than a compiler: browser, PostgreSQL, WebDriver.
    Test,
}

/// How a package's presence is seen where there is no dpkg.
#[derive(Clone, Copy)]
enum Probe {
    Program(&'static str),
    Library(&'static str),
    Folder(&'static str),
}

struct Package {
    group: Group,
    /// Debian's name.
    name: &'static str,
    probe: Probe,
}

const fn package(group: Group, name: &'static str, probe: Probe) -> Package {
    Package { group, name, probe }
}

const PACKAGES: &[Package] = &[
    package(Group::Compile, "build-essential", Probe::Program("cc")),
    package(Group::Compile, "pkg-config", Probe::Program("pkg-config")),
    // OpenSSL, which SQLCipher is built with, configures itself in Perl.
    package(Group::Compile, "perl", Probe::Program("perl")),
    package(Group::Window, "libwebkit2gtk-4.1-dev", Probe::Library("webkit2gtk-4.1")),
    package(Group::Headless, "xvfb", Probe::Program("Xvfb")),
    package(Group::Headless, "dbus", Probe::Program("dbus-daemon")),
    package(Group::Headless, "dbus-bin", Probe::Program("dbus-send")),
    package(Group::Headless, "gnome-keyring", Probe::Program("gnome-keyring-daemon")),
    // Without any font the web view draws no text at all.
    package(Group::Headless, "fonts-dejavu-core", Probe::Folder("/usr/share/fonts")),
    package(Group::Headless, "imagemagick", Probe::Program("import")),
    package(Group::Test, "webkit2gtk-driver", Probe::Program("WebKitWebDriver")),
    package(Group::Test, "chromium", Probe::Program("chromium")),
    package(Group::Test, "postgresql", Probe::Program("postgres")),
    package(Group::Test, "binutils", Probe::Program("nm")),
];

/// Installing PostgreSQL starts a server that nobody asked for, unless this file says otherwise beforehand.
const CREATE_CLUSTER: &str = "/etc/postgresql-common/createcluster.conf";

/// Everything that building, running and testing need.
pub(crate) fn everything(steps: &mut Steps, workspace: &Workspace) -> Result<()> {
    system_packages(steps, workspace, &[Group::Compile, Group::Window, Group::Headless, Group::Test])?;
    crate::interface::install_packages(steps, workspace)?;
    eprintln!("Everything is installed.");
    Ok(())
}

/// Installs the missing packages of these groups, or says exactly what to install. Quiet when nothing is missing.
pub(crate) fn system_packages(steps: &mut Steps, workspace: &Workspace, groups: &[Group]) -> Result<()> {
    let wanted: Vec<&Package> = PACKAGES.iter().filter(|package| groups.contains(&package.group)).collect();
    let on_debian = process::is_on_path("dpkg-query") && process::is_on_path("apt-get");
    let missing = if on_debian { missing_by_dpkg(&wanted) } else { missing_by_probe(&wanted) };
    if missing.is_empty() {
        return Ok(());
    }
    match (on_debian, Rights::of_this_user()) {
        (true, Some(rights)) => steps
            .run(&format!("Installing system packages ({})", missing.join(", ")), || {
                install(workspace, rights, &missing)
            }),
        (true, None) => bail!(
            "these system packages are missing, and this user may not install them. Run, then try again:\n\n    \
             sudo apt-get install --no-install-recommends {}\n",
            missing.join(" ")
        ),
        (false, _) => bail!(
            "these are missing (named as in Debian 12; install what your system calls them, then try again):\n\n    {}\n",
            missing.join("\n    ")
        ),
    }
}

fn missing_by_dpkg(wanted: &[&Package]) -> Vec<&'static str> {
    let mut query = Command::new("dpkg-query");
    query.args(["--show", "--showformat", "${binary:Package} ${db:Status-Status}\n"]);
    query.args(wanted.iter().map(|package| package.name));
    // dpkg-query fails when one package is unknown, and still lists the others: its output is what counts.
    let listed = query.output().map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    let installed = installed_packages(&listed.unwrap_or_default());
    wanted.iter().map(|package| package.name).filter(|name| !installed.contains(*name)).collect()
}

/// The names in dpkg-query's list that are fully installed, without their architecture.
fn installed_packages(listed: &str) -> BTreeSet<String> {
    let installed = listed.lines().filter_map(|line| line.trim().strip_suffix(" installed"));
    installed.map(|name| name.split(':').next().unwrap_or(name).to_owned()).collect()
}

fn missing_by_probe(wanted: &[&Package]) -> Vec<&'static str> {
    // Other systems than Linux bring their web view, their compiler and their keychain with them.
    let needed = cfg!(target_os = "linux");
    wanted.iter().filter(|package| needed && !package.probe.succeeds()).map(|package| package.name).collect()
}

impl Probe {
    fn succeeds(self) -> bool {
        match self {
            Self::Program(name) => process::is_on_path(name),
            Self::Library(name) => {
                process::output_of(Command::new("pkg-config").args(["--exists", name])).is_ok()
            }
            Self::Folder(path) => Path::new(path).is_dir(),
        }
    }
}

/// How this user may change the system.
#[derive(Clone, Copy)]
enum Rights {
    Root,
    /// sudo works without asking for a password.
    Sudo,
}

impl Rights {
    fn of_this_user() -> Option<Self> {
        if rustix::process::geteuid().is_root() {
            return Some(Self::Root);
        }
        let sudo = process::output_of(Command::new("sudo").args(["-n", "true"]));
        sudo.is_ok().then_some(Self::Sudo)
    }

    fn command(self, program: &str) -> Command {
        match self {
            Self::Root => Command::new(program),
            Self::Sudo => {
                let mut command = Command::new("sudo");
                command.args(["-n", program]);
                command
            }
        }
    }
}

fn install(workspace: &Workspace, rights: Rights, missing: &[&str]) -> Result<()> {
    if missing.contains(&"postgresql") && !Path::new(CREATE_CLUSTER).exists() {
        keep_postgres_from_starting(rights)?;
    }
    let log = workspace.scratch().join("apt-install.log");
    // The package lists may be there already; fetching them takes longer than many an installation.
    if process::output_of(&mut apt(rights, &[&["--simulate", "install"], missing].concat())).is_ok()
        && process::run_logged(&mut apt(rights, &[&["install"], missing].concat()), &log).is_ok()
    {
        return Ok(());
    }
    process::run_logged(&mut apt(rights, &["update"]), &workspace.scratch().join("apt-update.log"))?;
    process::run_logged(&mut apt(rights, &[&["install"], missing].concat()), &log)
}

fn apt(rights: Rights, arguments: &[&str]) -> Command {
    // sudo drops the environment, so it is set by `env`.
    let mut command = rights.command("env");
    command.args(["DEBIAN_FRONTEND=noninteractive", "apt-get", "--yes", "--no-install-recommends"]);
    command.args(["-o", "Dpkg::Options::=--force-confold"]).args(arguments);
    command
}

fn keep_postgres_from_starting(rights: Rights) -> Result<()> {
    let script = format!(
        "mkdir -p \"$(dirname {CREATE_CLUSTER})\" && echo 'create_main_cluster = false' > {CREATE_CLUSTER}"
    );
    process::run(rights.command("sh").args(["-c", &script]))
        .with_context(|| format!("writing {CREATE_CLUSTER}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_fully_installed_packages_count() {
        let listed =
            "xvfb installed\nlibwebkit2gtk-4.1-dev:amd64 installed\nchromium config-files\ndbus unpacked\n";
        let installed = installed_packages(listed);
        let expected = ["libwebkit2gtk-4.1-dev", "xvfb"].map(str::to_owned);
        assert_eq!(installed, BTreeSet::from(expected));
    }

    #[test]
    fn a_probe_of_something_absent_fails() {
        assert!(!Probe::Program("deskbell-no-such-program").succeeds());
        assert!(!Probe::Folder("/no/such/folder").succeeds());
    }
}
