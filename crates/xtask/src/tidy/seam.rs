//! The interface speaks to its host in one place, so that it runs in a plain browser against a mock host.

use super::Problem;
use super::tree::Tree;

/// The one folder that may name the host.
const SEAM: &str = "ui/src/lib/platform/";

/// Sources of the interface that import Tauri outside the seam.
pub(crate) fn host_named_outside_the_seam(tree: &Tree) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (path, text) in tree.ending(&[".ts", ".js", ".svelte"]) {
        if !path.starts_with("ui/src/") || path.starts_with(SEAM) {
            continue;
        }
        for (at, line) in text.lines().enumerate() {
            if line.contains("@tauri-apps/") || line.contains("__TAURI") {
                problems.push(Problem::at(path, at + 1, format!("only {SEAM} speaks to the host")));
            }
        }
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_component_that_calls_the_host_itself_is_found() {
        let text = "<script>\nimport { invoke } from '@tauri-apps/api/core';\n</script>";
        let tree = Tree::of(&[("ui/src/inbox/Inbox.svelte", text), ("ui/src/lib/platform/tauri.ts", text)]);
        let problems = host_named_outside_the_seam(&tree);
        assert_eq!(problems.len(), 1);
        assert_eq!((problems[0].path.as_str(), problems[0].line), ("ui/src/inbox/Inbox.svelte", 2));
    }
}
