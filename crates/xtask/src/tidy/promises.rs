//! `docs/promises.md`: every promise names the tests that prove it, and every test it names exists.

use std::collections::BTreeSet;

use super::Problem;
use super::scan::scan;
use super::tree::Tree;

const PROMISES: &str = "docs/promises.md";

/// Rows without a test, rows with a test that does not exist, and ids that stand twice.
pub(crate) fn unproved_promises(tree: &Tree) -> Vec<Problem> {
    let Some(text) = tree.text(PROMISES) else {
        return vec![Problem::in_file(
            PROMISES,
            "is missing: it says which promise is kept, how, and what proves it",
        )];
    };
    let known = tests(tree);
    let mut seen = BTreeSet::new();
    let mut problems = Vec::new();
    for (at, line) in text.lines().enumerate() {
        let Some(row) = Row::of(line) else { continue };
        let mut report = |message: String| problems.push(Problem::at(PROMISES, at + 1, message));
        if !seen.insert(row.id) {
            report(format!("{} has a row already", row.id));
        }
        if row.tests.is_empty() {
            report(format!("{} names no test", row.id));
        }
        for test in row.tests.iter().filter(|test| !known.contains(last_segment(test))) {
            report(format!("{} names `{test}`, which is no test", row.id));
        }
    }
    problems
}

/// A line of the table: `| id | how it is kept | tests as names in backticks |`.
struct Row<'text> {
    id: &'text str,
    tests: Vec<&'text str>,
}

impl<'text> Row<'text> {
    /// The row a line is, or `None` for the head of the table and for everything that is no table.
    fn of(line: &'text str) -> Option<Self> {
        let inside = line.trim().strip_prefix('|')?.strip_suffix('|')?;
        let (id, rest) = inside.split_once('|')?;
        let (_, tests) = rest.rsplit_once('|')?;
        let id = id.trim();
        let is_id = id.contains('-') && id.starts_with(|first: char| first.is_ascii_uppercase());
        is_id.then(|| Self { id, tests: tests.split('`').skip(1).step_by(2).map(str::trim).collect() })
    }
}

/// A test may be named with its module; its own name decides. A title in the interface's tests has no `::`.
fn last_segment(name: &str) -> &str {
    name.rsplit("::").next().unwrap_or(name)
}

/// The names of every test: functions in Rust, titles in the interface's tests.
fn tests(tree: &Tree) -> BTreeSet<String> {
    let rust = tree.ending(&[".rs"]).flat_map(|(_, text)| rust_tests(text));
    let interface = tree.ending(&[".test.ts", ".test.js", ".spec.ts", ".spec.js"]);
    rust.chain(interface.flat_map(|(_, text)| titles(text))).collect()
}

/// The functions that carry a test attribute: `#[test]`, `#[tokio::test(…)]`.
fn rust_tests(text: &str) -> Vec<String> {
    let code = scan(text).code;
    let mut names = Vec::new();
    for mark in ["#[test]", "::test]", "::test("] {
        for (at, _) in code.match_indices(mark) {
            let after = code.get(at + mark.len()..).unwrap_or_default();
            let name = after.split_once("fn ").map(|(between, rest)| (between, identifier(rest)));
            // The attribute belongs to the next item, which may be preceded by other attributes only.
            if let Some((between, name)) = name
                && !between.contains(['{', '}', ';'])
            {
                names.push(name.to_owned());
            }
        }
    }
    names
}

fn identifier(text: &str) -> &str {
    let end = text.find(|next: char| !next.is_alphanumeric() && next != '_').unwrap_or(text.len());
    text.get(..end).unwrap_or_default()
}

/// The titles given to `it`, `test` and `describe`, also where a table of cases stands between.
fn titles(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for opening in ["it(", "test(", "describe(", ")("] {
        for (at, _) in text.match_indices(opening) {
            let after = text.get(at + opening.len()..).unwrap_or_default();
            let Some(quote) = after.chars().next().filter(|first| matches!(first, '\'' | '"' | '`')) else {
                continue;
            };
            let title = after.get(1..).and_then(|rest| rest.split_once(quote));
            found.extend(title.map(|(title, _)| title.to_owned()));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    const RUST: &str = "#[test]\nfn one_message_once() {}\n#[tokio::test(flavor = \"multi_thread\")]\n#[cfg(unix)]\n\
                        async fn ticks_only_forward() {}\nfn helper() {}\n// #[test] fn commented_out() {}\n";
    const INTERFACE: &str =
        "describe('the list', () => { it(\"shows what waits longest\", f); it.each([1])('sorts', f); });";

    fn messages(rows: &str) -> Vec<String> {
        let table = format!("# Promises\n\n| id | how | tests |\n| --- | --- | --- |\n{rows}");
        let tree =
            Tree::of(&[(PROMISES, &table), ("crates/a/src/a.rs", RUST), ("ui/src/list.test.ts", INTERFACE)]);
        unproved_promises(&tree).into_iter().map(|problem| problem.message).collect()
    }

    #[test]
    fn rows_that_name_existing_tests_pass() {
        let rows = "| DMS-01 | a | `one_message_once`, `sync::tests::ticks_only_forward` |\n\
                    | CCP-09 | b | `shows what waits longest`, `sorts` |\n";
        assert_eq!(messages(rows), Vec::<String>::new());
    }

    #[test]
    fn a_row_that_names_no_test_or_a_missing_one_is_found() {
        let rows = "| DMS-01 | a | later |\n| DMS-02 | b | `helper` |\n| DMS-03 | c | `commented_out` |\n";
        assert_eq!(
            messages(rows),
            [
                "DMS-01 names no test",
                "DMS-02 names `helper`, which is no test",
                "DMS-03 names `commented_out`, which is no test"
            ]
        );
    }

    #[test]
    fn an_id_that_stands_twice_is_found() {
        let row = "| DMS-01 | a | `one_message_once` |\n";
        assert_eq!(messages(&format!("{row}{row}")), ["DMS-01 has a row already"]);
    }

    #[test]
    fn a_missing_document_is_a_problem() {
        assert_eq!(unproved_promises(&Tree::of(&[])).len(), 1);
    }
}
