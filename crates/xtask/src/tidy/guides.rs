//! The map shows the country: `ARCHITECTURE.md` names every crate, and no crate that is not there.

use std::collections::BTreeSet;

use super::Problem;
use super::tree::Tree;

const MAP: &str = "ARCHITECTURE.md";

/// Crates that the map lacks, and crates that only the map has.
pub(crate) fn crates_on_the_map(tree: &Tree) -> Vec<Problem> {
    let Some(map) = tree.text(MAP) else {
        return vec![Problem::in_file(MAP, "is missing: it is the first page a newcomer reads")];
    };
    let here: BTreeSet<&str> =
        tree.ending(&["/Cargo.toml"]).filter_map(|(path, _)| crate_named(path)).collect();
    let mut problems = Vec::new();
    let mut named = BTreeSet::new();
    for (at, line) in map.lines().enumerate() {
        for name in line.match_indices("crates/").filter_map(|(from, _)| crate_named(line.get(from..)?)) {
            named.insert(name);
            if !here.contains(name) {
                problems.push(Problem::at(
                    MAP,
                    at + 1,
                    format!("names `crates/{name}`, which does not exist"),
                ));
            }
        }
    }
    let absent = here.difference(&named);
    problems.extend(absent.map(|name| Problem::in_file(MAP, format!("does not name `crates/{name}`"))));
    problems
}

/// `store` of `crates/store/src/lib.rs`; nothing for `crates/*` and the like.
fn crate_named(text: &str) -> Option<&str> {
    let rest = text.strip_prefix("crates/")?;
    let end = rest
        .find(|next: char| !next.is_ascii_alphanumeric() && next != '-' && next != '_')
        .unwrap_or(rest.len());
    rest.get(..end).filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_map_must_name_every_crate_and_no_other() {
        let tree = Tree::of(&[
            (
                MAP,
                "Everything under `crates/` is free of Tauri.\n- `crates/store`: the cache\n- `crates/gone/src`: was here\n",
            ),
            ("crates/store/Cargo.toml", ""),
            ("crates/sync/Cargo.toml", ""),
        ]);
        let messages: Vec<String> =
            crates_on_the_map(&tree).into_iter().map(|problem| problem.message).collect();
        assert_eq!(messages, ["names `crates/gone`, which does not exist", "does not name `crates/sync`"]);
    }

    #[test]
    fn a_missing_map_is_a_problem() {
        assert_eq!(crates_on_the_map(&Tree::of(&[])).len(), 1);
    }
}
