//! A file holds one idea.

use super::Problem;
use super::tree::Tree;
use crate::limits::FILE_LINES_MAX;

/// Sources that are longer than one idea needs. Files that a program wrote say so in their first lines.
pub(crate) fn long_files(tree: &Tree) -> Vec<Problem> {
    let sources = tree.ending(&[".rs", ".ts", ".js", ".svelte"]).filter(|(_, text)| !is_generated(text));
    let long = sources.filter(|(_, text)| text.lines().count() > FILE_LINES_MAX);
    let message = |text: &str| format!("has {} lines; {FILE_LINES_MAX} is the most", text.lines().count());
    long.map(|(path, text)| Problem::in_file(path, message(text))).collect()
}

fn is_generated(text: &str) -> bool {
    text.lines().take(3).any(|line| line.to_ascii_lowercase().contains("generated"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_source_is_found_and_a_generated_one_is_not() {
        let long = "let x = 1;\n".repeat(FILE_LINES_MAX + 1);
        let generated = format!("// Generated from the command list.\n{long}");
        let enough = "let x = 1;\n".repeat(FILE_LINES_MAX);
        let tree = Tree::of(&[("a.rs", &long), ("b.ts", &generated), ("c.svelte", &enough), ("d.md", &long)]);
        let paths: Vec<String> = long_files(&tree).into_iter().map(|problem| problem.path).collect();
        assert_eq!(paths, ["a.rs"]);
    }
}
