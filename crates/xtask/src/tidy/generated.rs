//! What is generated and committed is what would be generated now.

use anyhow::{Context, Result};

use crate::process;
use crate::workspace::Workspace;

/// The TypeScript side of the command list is current. Its generator compares when asked with `--check`.
pub(crate) fn bindings_are_current(workspace: &Workspace) -> Result<()> {
    if !workspace.has_target("deskbell-console", "bin", "generate-bindings") {
        eprintln!(
            "The interface's bindings are not checked: deskbell-console has no program `generate-bindings`."
        );
        return Ok(());
    }
    let arguments =
        ["run", "--quiet", "-p", "deskbell-console", "--bin", "generate-bindings", "--", "--check"];
    process::run(&mut workspace.cargo(&arguments)).context(
        "the interface's bindings are not those of the command list; \
         run `cargo xtask bindings`",
    )
}
