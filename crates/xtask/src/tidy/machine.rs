//! Nothing in the tree speaks of the machine it was written on.

use super::Problem;
use super::tree::Tree;

/// Paths of this machine, and paths that can only be of somebody's machine.
pub(crate) fn machine_paths(tree: &Tree) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (path, text) in tree.all() {
        for (at, line) in text.lines().enumerate() {
            let folders = tree.machine_folders.iter().filter(|folder| starts_a_path(line, folder));
            problems.extend(folders.map(|folder| {
                Problem::at(path, at + 1, format!("`{folder}` is a path of the machine this was written on"))
            }));
        }
    }
    problems
}

/// Whether a path that begins with `folder` stands in the line, and not merely a longer one that contains it.
fn starts_a_path(line: &str, folder: &str) -> bool {
    line.match_indices(folder).any(|(at, _)| {
        let before = line.get(..at).and_then(|text| text.chars().next_back());
        !before.is_some_and(|before| {
            before.is_alphanumeric() || matches!(before, '_' | '.' | '-' | '/' | '$' | '}')
        })
    })
}

/// Download addresses in npm's lock file: they name whichever registry somebody happened to use.
pub(crate) fn recorded_downloads(tree: &Tree) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (path, text) in tree.ending(&["package-lock.json"]) {
        let first = text.lines().position(|line| line.contains("\"resolved\": \"http"));
        problems.extend(first.map(|at| {
            let message = "records download addresses; set `omit-lockfile-registry-resolved=true` in .npmrc";
            Problem::at(path, at + 1, message)
        }));
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_of_this_machine_is_found() {
        let text = "open /home/somebody/project/a\nsee https://example.test/home/somebody/a\n";
        let mut tree = Tree::of(&[("README.md", text)]);
        tree.machine_folders.push("/home/somebody/".to_owned());
        let lines: Vec<usize> = machine_paths(&tree).iter().map(|problem| problem.line).collect();
        assert_eq!(lines, [1]);
    }

    #[test]
    fn a_lock_file_with_download_addresses_is_found() {
        let with = "{\n  \"resolved\": \"https://registry.example.test/a.tgz\"\n}";
        let without = "{\n  \"resolved\": \"packages/a\",\n  \"integrity\": \"sha512-x\"\n}";
        let tree = Tree::of(&[("ui/package-lock.json", with), ("package-lock.json", without)]);
        let problems = recorded_downloads(&tree);
        assert_eq!(problems.len(), 1);
        assert_eq!(problems[0].line, 2);
    }
}
