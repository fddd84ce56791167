//! Which crate may know which: the directions of the design, and the libraries reserved to one crate.

use std::collections::BTreeMap;

use super::Problem;
use super::scan::scan;
use super::tree::Tree;

/// The window's package, whose manifest is the workspace's root.
const SHELL: &str = "deskbell";

/// Our crates, each with those of ours it may depend on. `domain`, `protocol` and `seal` are all that the two
/// programs share; nothing but a test brings them together.
const MAY_DEPEND_ON: &[(&str, &[&str])] = &[
    (SHELL, &["deskbell-console", "deskbell-domain", "deskbell-protocol"]),
    ("deskbell-domain", &[]),
    ("deskbell-protocol", &["deskbell-domain"]),
    ("deskbell-seal", &["deskbell-domain"]),
    ("deskbell-sync", &["deskbell-domain", "deskbell-protocol"]),
    ("deskbell-store", &["deskbell-domain", "deskbell-protocol", "deskbell-seal", "deskbell-sync"]),
    ("deskbell-vault", &["deskbell-domain", "deskbell-seal"]),
    (
        "deskbell-console",
        &[
            "deskbell-domain",
            "deskbell-protocol",
            "deskbell-seal",
            "deskbell-store",
            "deskbell-sync",
            "deskbell-vault",
        ],
    ),
    ("deskbell-meta", &["deskbell-domain"]),
    ("deskbell-backend", &["deskbell-domain", "deskbell-meta", "deskbell-protocol", "deskbell-seal"]),
    ("deskbell-practice", &["deskbell-backend", "deskbell-domain", "deskbell-meta", "deskbell-protocol"]),
    ("deskbell-testkit", &["deskbell-domain", "deskbell-protocol", "deskbell-seal", "deskbell-sync"]),
    (
        "deskbell-e2e",
        &[
            "deskbell-backend",
            "deskbell-console",
            "deskbell-domain",
            "deskbell-meta",
            "deskbell-practice",
            "deskbell-protocol",
            "deskbell-seal",
            "deskbell-store",
            "deskbell-sync",
            "deskbell-testkit",
            "deskbell-vault",
        ],
    ),
    ("xtask", &[]),
];

/// What a crate's tests may use beyond that. The window's test drives the real window against the practice tenant.
const TESTS_MAY_USE: &[(&str, &[&str])] = &[
    (SHELL, &["deskbell-testkit", "deskbell-practice"]),
    ("deskbell-protocol", &["deskbell-testkit"]),
    ("deskbell-sync", &["deskbell-testkit"]),
    ("deskbell-store", &["deskbell-testkit"]),
    ("deskbell-vault", &["deskbell-testkit"]),
    ("deskbell-console", &["deskbell-testkit"]),
    ("deskbell-backend", &["deskbell-testkit"]),
    ("deskbell-practice", &["deskbell-testkit"]),
];

/// Libraries that only some crates may name, and why.
const RESERVED: &[(&[&str], &[&str], &str)] = &[
    (
        &["sqlx", "libsqlite3-sys", "rusqlite"],
        &["deskbell-store", "deskbell-backend"],
        "SQL lives in `store` and in `backend::storage` only",
    ),
    (
        &["chacha20poly1305", "aes-gcm", "ed25519-dalek", "blake2", "blake3", "hkdf", "ring", "rsa"],
        &["deskbell-seal"],
        "`seal` is the only crate that names an algorithm",
    ),
    (
        &["hmac", "sha2", "sha1"],
        &["deskbell-seal", "deskbell-meta"],
        "`seal` is the only crate that names an algorithm; `meta` checks Meta's own signatures",
    ),
    (&["argon2", "bcrypt"], &["deskbell-backend"], "passwords are checked by the backend alone"),
    (&["keyring"], &["deskbell-vault"], "`vault` is the only crate that knows the keychain"),
];

/// Where a dependency is listed in a manifest.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Purpose {
    Product,
    Tests,
}

struct Manifest<'tree> {
    path: &'tree str,
    name: String,
    inherits_lints: bool,
    dependencies: Vec<(String, Purpose)>,
}

/// Our crates depend on each other in the design's directions only.
pub(crate) fn directions(tree: &Tree) -> Vec<Problem> {
    let mut problems = Vec::new();
    let manifests = manifests(tree, &mut problems);
    let ours: Vec<&str> = manifests.iter().map(|manifest| manifest.name.as_str()).collect();
    let allowed: BTreeMap<&str, &[&str]> = MAY_DEPEND_ON.iter().copied().collect();
    let tests_may_use: BTreeMap<&str, &[&str]> = TESTS_MAY_USE.iter().copied().collect();
    for manifest in &manifests {
        let Some(product) = allowed.get(manifest.name.as_str()) else {
            let message = format!("the crate `{}` has no row in the table of tidy/crates.rs", manifest.name);
            problems.push(Problem::in_file(manifest.path, message));
            continue;
        };
        let tests = tests_may_use.get(manifest.name.as_str()).copied().unwrap_or_default();
        for (name, purpose) in manifest.dependencies.iter().filter(|(name, _)| ours.contains(&name.as_str()))
        {
            let for_tests = *purpose == Purpose::Tests && tests.contains(&name.as_str());
            if !product.contains(&name.as_str()) && !for_tests {
                let message = format!(
                    "`{}` must not depend on `{name}` (design: dependency directions)",
                    manifest.name
                );
                problems.push(Problem::in_file(manifest.path, message));
            }
        }
    }
    problems
}

/// Libraries reserved to one crate are named by no other; nothing under `crates/` names Tauri; in the backend,
/// only `storage` names the database library.
pub(crate) fn reserved_dependencies(tree: &Tree) -> Vec<Problem> {
    let mut problems = Vec::new();
    for manifest in manifests(tree, &mut Vec::new()) {
        for (name, _) in &manifest.dependencies {
            let broken = RESERVED.iter().filter(|(libraries, crates, _)| {
                libraries.contains(&name.as_str()) && !crates.contains(&manifest.name.as_str())
            });
            problems.extend(broken.map(|(_, _, reason)| {
                Problem::in_file(
                    manifest.path,
                    format!("`{}` must not name `{name}`: {reason}", manifest.name),
                )
            }));
            if manifest.name != SHELL && (name == "tauri" || name.starts_with("tauri-")) {
                let message =
                    format!("`{}` must not name `{name}`: the shell alone knows Tauri", manifest.name);
                problems.push(Problem::in_file(manifest.path, message));
            }
        }
    }
    problems.extend(database_outside_backend_storage(tree));
    problems
}

fn database_outside_backend_storage(tree: &Tree) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (path, text) in tree.ending(&[".rs"]) {
        if !path.starts_with("crates/backend/src/") || is_backend_storage(path) {
            continue;
        }
        for (at, line) in scan(text).code.lines().enumerate() {
            if has_word(line, "sqlx") || has_word(line, "libsqlite3_sys") {
                let message = "only `backend::storage` names the database library";
                problems.push(Problem::at(path, at + 1, message));
            }
        }
    }
    problems
}

/// Whether a file belongs to `backend::storage`: the module's file, one of its folder, or one of its tests.
pub(crate) fn is_backend_storage(path: &str) -> bool {
    ["crates/backend/src/storage", "crates/backend/tests/storage"].iter().any(|place| path.starts_with(place))
}

/// Whether a line contains a name as a whole word.
pub(crate) fn has_word(line: &str, word: &str) -> bool {
    let is_part = |next: char| next.is_alphanumeric() || next == '_';
    line.match_indices(word).any(|(at, _)| {
        let before = line.get(..at).and_then(|text| text.chars().next_back());
        let after = line.get(at + word.len()..).and_then(|text| text.chars().next());
        !before.is_some_and(is_part) && !after.is_some_and(is_part)
    })
}

/// Every crate takes over the workspace's lints.
pub(crate) fn workspace_lints(tree: &Tree) -> Vec<Problem> {
    let mut problems = Vec::new();
    let manifests = manifests(tree, &mut problems);
    let without = manifests.iter().filter(|manifest| !manifest.inherits_lints);
    problems.extend(
        without.map(|manifest| Problem::in_file(manifest.path, "`lints.workspace = true` is missing")),
    );
    problems
}

fn manifests<'tree>(tree: &'tree Tree, problems: &mut Vec<Problem>) -> Vec<Manifest<'tree>> {
    let mut found = Vec::new();
    for (path, text) in tree.ending(&["Cargo.toml"]) {
        match toml::from_str::<toml::Table>(text) {
            Ok(table) => found.extend(manifest(path, &table)),
            Err(error) => {
                problems.push(Problem::in_file(path, format!("is no manifest: {}", error.message())))
            }
        }
    }
    found
}

fn manifest<'tree>(path: &'tree str, table: &toml::Table) -> Option<Manifest<'tree>> {
    let name = table.get("package")?.get("name")?.as_str()?.to_owned();
    let inherits_lints = table.get("lints").and_then(|lints| lints.get("workspace")?.as_bool()) == Some(true);
    let mut dependencies = listed(table);
    let targets =
        table.get("target").and_then(toml::Value::as_table).into_iter().flat_map(toml::Table::values);
    dependencies.extend(targets.filter_map(toml::Value::as_table).flat_map(listed));
    Some(Manifest { path, name, inherits_lints, dependencies })
}

/// The packages a table lists under its three kinds of dependencies, by their real names.
fn listed(table: &toml::Table) -> Vec<(String, Purpose)> {
    let kinds = [
        ("dependencies", Purpose::Product),
        ("build-dependencies", Purpose::Product),
        ("dev-dependencies", Purpose::Tests),
    ];
    let mut found = Vec::new();
    for (key, purpose) in kinds {
        for (name, value) in table.get(key).and_then(toml::Value::as_table).into_iter().flatten() {
            let real = value.get("package").and_then(toml::Value::as_str).unwrap_or(name);
            found.push((real.to_owned(), purpose));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(name: &str, rest: &str) -> String {
        format!("[package]\nname = \"{name}\"\n[lints]\nworkspace = true\n{rest}")
    }

    fn messages(problems: Vec<Problem>) -> Vec<String> {
        problems.into_iter().map(|problem| problem.message).collect()
    }

    #[test]
    fn a_dependency_against_the_direction_is_found() {
        let domain =
            package("deskbell-domain", "[dependencies]\ndeskbell-protocol = { path = \"../protocol\" }");
        let protocol = package("deskbell-protocol", "[dependencies]\ndeskbell-domain.workspace = true");
        let tree =
            Tree::of(&[("crates/domain/Cargo.toml", &domain), ("crates/protocol/Cargo.toml", &protocol)]);
        let problems = directions(&tree);
        assert_eq!(problems.len(), 1);
        assert!(problems[0].message.contains("`deskbell-domain` must not depend on `deskbell-protocol`"));
    }

    #[test]
    fn the_shell_may_test_with_the_practice_tenant_and_never_ship_it() {
        let practice = package("deskbell-practice", "");
        let tests = package("deskbell", "[dev-dependencies]\ndeskbell-practice.workspace = true");
        let ships = package("deskbell", "[dependencies]\ndeskbell-practice.workspace = true");
        let tree =
            |shell: &str| Tree::of(&[("Cargo.toml", shell), ("crates/practice/Cargo.toml", &practice)]);
        assert_eq!(directions(&tree(&tests)), []);
        assert_eq!(directions(&tree(&ships)).len(), 1);
    }

    #[test]
    fn a_renamed_or_platform_dependency_does_not_hide() {
        let meta = package(
            "deskbell-meta",
            "[target.'cfg(unix)'.dependencies]\ndata = { package = \"deskbell-backend\", path = \"../backend\" }",
        );
        let backend = package("deskbell-backend", "");
        let tree = Tree::of(&[("crates/meta/Cargo.toml", &meta), ("crates/backend/Cargo.toml", &backend)]);
        assert_eq!(directions(&tree).len(), 1);
    }

    #[test]
    fn a_crate_nobody_placed_is_found() {
        let tree = Tree::of(&[("crates/extra/Cargo.toml", &package("deskbell-extra", ""))]);
        assert_eq!(
            messages(directions(&tree)),
            ["the crate `deskbell-extra` has no row in the table of tidy/crates.rs"]
        );
    }

    #[test]
    fn reserved_libraries_are_found_in_other_crates() {
        let console = package(
            "deskbell-console",
            "[dependencies]\nsqlx = \"0.9\"\nsha2 = \"0.11\"\ntauri-build = \"2\"",
        );
        let meta = package("deskbell-meta", "[dependencies]\nsha2 = \"0.11\"");
        let tree = Tree::of(&[("crates/console/Cargo.toml", &console), ("crates/meta/Cargo.toml", &meta)]);
        let found = messages(reserved_dependencies(&tree));
        assert_eq!(found.len(), 3, "{found:?}");
        assert!(found.iter().all(|message| message.contains("`deskbell-console` must not name")));
    }

    #[test]
    fn the_backend_names_sqlx_in_storage_only() {
        let tree = Tree::of(&[
            ("crates/backend/src/storage/tx.rs", "use sqlx::Row;"),
            ("crates/backend/src/storage.rs", "use sqlx::Pool;"),
            ("crates/backend/src/ingest.rs", "// sqlx is not here\nuse sqlx::Row;"),
        ]);
        let problems = reserved_dependencies(&tree);
        assert_eq!(
            problems,
            [Problem::at(
                "crates/backend/src/ingest.rs",
                2,
                "only `backend::storage` names the database library"
            )]
        );
    }

    #[test]
    fn a_crate_without_the_workspaces_lints_is_found() {
        let tree = Tree::of(&[
            ("crates/a/Cargo.toml", "[package]\nname = \"a\""),
            ("crates/b/Cargo.toml", &package("b", "")),
            ("crates/c/Cargo.toml", "[package]\nname = \"c\"\n[lints]\nworkspace = false"),
        ]);
        let paths: Vec<String> = workspace_lints(&tree).into_iter().map(|problem| problem.path).collect();
        assert_eq!(paths, ["crates/a/Cargo.toml", "crates/c/Cargo.toml"]);
    }

    #[test]
    fn a_manifest_that_cannot_be_read_is_a_problem() {
        assert_eq!(workspace_lints(&Tree::of(&[("crates/a/Cargo.toml", "[package")])).len(), 1);
    }
}
