//! What stands in the tree is finished. What is left undone is an issue, with a reason.

use super::Problem;
use super::crates::has_word;
use super::tree::Tree;

/// The marks of unfinished work, written so that this file does not find itself.
const MARKS: &[&str] = &[concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X")];
const CALLS: &[&str] = &[concat!("to", "do!("), concat!("unimple", "mented!(")];

/// Marks of unfinished work in sources and documents.
pub(crate) fn unfinished_work(tree: &Tree) -> Vec<Problem> {
    let mut problems = Vec::new();
    let endings = [".rs", ".ts", ".js", ".svelte", ".css", ".html", ".md", ".toml", ".sql"];
    for (path, text) in tree.ending(&endings) {
        for (at, line) in text.lines().enumerate() {
            let marks = MARKS.iter().filter(|mark| has_word(line, mark));
            let calls = CALLS.iter().filter(|call| line.contains(**call));
            problems.extend(marks.chain(calls).map(|found| {
                Problem::at(path, at + 1, format!("`{found}`: finish it, or say it in an issue"))
            }));
        }
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_and_stubs_are_found_and_longer_words_are_not() {
        let source = format!("// {}: later\nfn f() {{ {}) }}\n// MASTODON\n", MARKS[0], CALLS[0]);
        let lines: Vec<usize> =
            unfinished_work(&Tree::of(&[("a.rs", &source)])).iter().map(|problem| problem.line).collect();
        assert_eq!(lines, [1, 2]);
    }
}
