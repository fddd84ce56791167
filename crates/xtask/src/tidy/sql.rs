//! SQL stands in the two places that own a database, and nowhere else.

use super::Problem;
use super::crates::is_backend_storage;
use super::scan::scan;
use super::tree::Tree;

/// String literals that read as SQL, outside `store` and `backend::storage`.
pub(crate) fn sql_outside_storage(tree: &Tree) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (path, text) in tree.ending(&[".rs"]) {
        if owns_sql(path) {
            continue;
        }
        let literals = scan(text).literals;
        let sql = literals.iter().filter(|literal| is_sql(literal.text));
        problems.extend(sql.map(|literal| {
            Problem::at(path, literal.line, "SQL stands in `store` and in `backend::storage` only")
        }));
    }
    problems
}

fn owns_sql(path: &str) -> bool {
    // This tool makes the roles of a test server, and the tests beside this file show SQL to the check.
    path.starts_with("crates/store/") || is_backend_storage(path) || path.starts_with("crates/xtask/")
}

/// Whether a text holds a statement. Statements are written in capitals here, so ordinary sentences do not match.
fn is_sql(text: &str) -> bool {
    let words: Vec<&str> = text.split(|next: char| !next.is_alphanumeric() && next != '_').collect();
    let words: Vec<&str> = words.into_iter().filter(|word| !word.is_empty()).collect();
    let follows = |first: &str, second: &str| {
        words.iter().zip(words.iter().skip(1)).any(|(a, b)| *a == first && *b == second)
    };
    let both = |first: &str, second: &str| {
        let at = words.iter().position(|word| *word == first);
        at.is_some_and(|at| words.iter().skip(at + 1).any(|word| *word == second))
    };
    both("SELECT", "FROM")
        || words.first() == Some(&"SELECT")
        || follows("INSERT", "INTO")
        || both("INSERT", "INTO")
        || follows("DELETE", "FROM")
        || both("UPDATE", "SET")
        || follows("CREATE", "TABLE")
        || follows("ALTER", "TABLE")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(path: &str, text: &str) -> Vec<usize> {
        sql_outside_storage(&Tree::of(&[(path, text)])).into_iter().map(|problem| problem.line).collect()
    }

    #[test]
    fn statements_are_found_where_they_do_not_belong() {
        let source = "let a = \"SELECT id FROM message\";\nlet b = r\"UPDATE message SET body = $1\";\n\
                      let c = \"INSERT INTO message VALUES ($1)\";\nlet d = \"DELETE FROM message\";\nlet e = \"SELECT 1\";";
        assert_eq!(lines("crates/console/src/list.rs", source), [1, 2, 3, 4, 5]);
        assert_eq!(lines("crates/backend/src/ingest.rs", source).len(), 5);
    }

    #[test]
    fn the_owners_of_a_database_and_ordinary_sentences_are_left_alone() {
        let source = "let a = \"SELECT id FROM message\";";
        assert_eq!(lines("crates/store/src/query.rs", source), [0_usize; 0]);
        assert_eq!(lines("crates/backend/src/storage/tenant.rs", source), [0_usize; 0]);
        let prose = "// SELECT id FROM message\nlet a = \"Select a conversation from the list\";\nlet b = \"update set\";";
        assert_eq!(lines("crates/console/src/list.rs", prose), [0_usize; 0]);
    }
}
