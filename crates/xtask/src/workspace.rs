//! Where things are: the workspace as cargo describes it.

use anyhow::{Context, Result, bail};
use serde::Deserialize;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::process;

/// The features of the window as people install it: the interface is embedded, no development server.
pub(crate) const WINDOW_FEATURES: &str = "deskbell/custom-protocol";

/// The same window, which lets a WebDriver drive it.
pub(crate) const WINDOW_TEST_FEATURES: &str = "deskbell/custom-protocol,deskbell/automation";

/// The packages of this workspace and their places.
pub(crate) struct Workspace {
    pub(crate) root: PathBuf,
    pub(crate) target: PathBuf,
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Metadata {
    workspace_root: PathBuf,
    target_directory: PathBuf,
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    targets: Vec<Target>,
}

#[derive(Deserialize)]
struct Target {
    name: String,
    kind: Vec<String>,
}

/// How a program is compiled.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Profile {
    Debug,
    Release,
}

impl Workspace {
    /// Asks cargo about the workspace this program is started in.
    pub(crate) fn find() -> Result<Self> {
        let mut command = Command::new(cargo_program());
        let text = process::output_of(command.args(["metadata", "--no-deps", "--format-version", "1"]))?;
        let metadata: Metadata = serde_json::from_str(&text).context("reading `cargo metadata`")?;
        let Metadata { workspace_root: root, target_directory: target, packages } = metadata;
        Ok(Self { root, target, packages })
    }

    /// A cargo command in the workspace's root. `RUST_BACKTRACE` is unset: it slows every error that is created.
    pub(crate) fn cargo(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(cargo_program());
        command.args(arguments).current_dir(&self.root).env_remove("RUST_BACKTRACE");
        command
    }

    /// An npm command in the interface's folder.
    pub(crate) fn npm(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("npm");
        command.args(arguments).current_dir(self.interface());
        command
    }

    /// The interface's folder.
    pub(crate) fn interface(&self) -> PathBuf {
        self.root.join("ui")
    }

    /// The folder for this tool's own logs, stamps and pictures.
    pub(crate) fn scratch(&self) -> PathBuf {
        self.target.join("xtask")
    }

    /// The names of a package's targets of one kind ("bin", "test").
    pub(crate) fn targets<'names>(
        &'names self,
        package: &'names str,
        kind: &'names str,
    ) -> impl Iterator<Item = &'names str> {
        let packages = self.packages.iter().filter(move |candidate| candidate.name == package);
        let targets = packages.flat_map(|candidate| &candidate.targets);
        targets
            .filter(move |target| target.kind.iter().any(|one| one == kind))
            .map(|target| target.name.as_str())
    }

    /// Whether a package has a target of this name and kind.
    pub(crate) fn has_target(&self, package: &str, kind: &str, target: &str) -> bool {
        self.targets(package, kind).any(|name| name == target)
    }

    /// The folder where a profile's programs are.
    pub(crate) fn programs(&self, profile: Profile) -> PathBuf {
        self.target.join(match profile {
            Profile::Debug => "debug",
            Profile::Release => "release",
        })
    }

    /// The path of a program that has been built.
    pub(crate) fn program(&self, profile: Profile, name: &str) -> Result<PathBuf> {
        let path = self.programs(profile).join(name);
        if !path.is_file() {
            bail!("{} was not built", path.display());
        }
        Ok(path)
    }
}

/// The cargo that started this program, so that a chosen toolchain is kept.
fn cargo_program() -> PathBuf {
    std::env::var_os("CARGO").map_or_else(|| Path::new("cargo").to_path_buf(), PathBuf::from)
}
