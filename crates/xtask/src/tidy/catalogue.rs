//! The interface's texts: the same keys in every language, and no text asked for that does not exist.

use std::collections::BTreeSet;

use super::Problem;
use super::tree::Tree;

const CATALOGUES: &str = "ui/src/lib/i18n/";

/// The language whose catalogue is the list of all keys.
const FIRST: &str = "ui/src/lib/i18n/en.ts";

/// Keys that one language has and another lacks, and keys that are used and do not exist.
pub(crate) fn catalogues(tree: &Tree) -> Vec<Problem> {
    let Some(first) = tree.text(FIRST) else {
        return vec![Problem::in_file(FIRST, "is missing: it is the list of the interface's texts")];
    };
    let keys = keys(first);
    let mut problems = Vec::new();
    for (path, text) in tree.ending(&[".ts"]).filter(|(path, _)| is_language(path)) {
        let here = self::keys(text);
        let lacking = keys.difference(&here).map(|key| format!("lacks `{key}`"));
        let extra = here.difference(&keys).map(|key| format!("has `{key}`, which {FIRST} has not"));
        problems.extend(lacking.chain(extra).map(|message| Problem::in_file(path, message)));
    }
    problems.extend(unknown_keys(tree, &keys));
    problems
}

/// `ui/src/lib/i18n/es.ts`, but not `…/dates.ts`.
fn is_language(path: &str) -> bool {
    let name = path.strip_prefix(CATALOGUES).and_then(|name| name.strip_suffix(".ts"));
    name.is_some_and(|name| {
        let language = name.split('-').next().unwrap_or(name);
        language.len() == 2 && language.bytes().all(|byte| byte.is_ascii_lowercase())
    })
}

/// The keys of a catalogue: what stands quoted before a colon at the start of a line.
fn keys(text: &str) -> BTreeSet<&str> {
    let entries = text.lines().filter_map(|line| line.trim_start().strip_prefix('\''));
    entries.filter_map(|rest| rest.split_once("':")).map(|(key, _)| key).collect()
}

fn unknown_keys(tree: &Tree, keys: &BTreeSet<&str>) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (path, text) in tree.ending(&[".ts", ".svelte"]).filter(|(path, _)| path.starts_with("ui/src/")) {
        for (at, line) in text.lines().enumerate() {
            let unknown = used_keys(line).into_iter().filter(|key| !keys.contains(key));
            problems
                .extend(unknown.map(|key| Problem::at(path, at + 1, format!("there is no text `{key}`"))));
        }
    }
    problems
}

/// The keys that a line asks for by name: `t('…')`.
fn used_keys(line: &str) -> Vec<&str> {
    let is_part = |next: char| next.is_alphanumeric() || matches!(next, '_' | '.' | '$');
    let calls = line.match_indices("t('").filter(|(at, _)| {
        !line.get(..*at).and_then(|before| before.chars().next_back()).is_some_and(is_part)
    });
    calls.filter_map(|(at, call)| line.get(at + call.len()..)?.split('\'').next()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENGLISH: &str =
        "export const en = {\n  'signin.title': 'Sign in',\n  'thread.jump': { one: 'a', other: 'b' },\n};";

    fn messages(files: &[(&str, &str)]) -> Vec<String> {
        let all = [&[(FIRST, ENGLISH)], files].concat();
        catalogues(&Tree::of(&all)).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_language_that_lacks_a_key_or_has_one_of_its_own_is_found() {
        let spanish = "export const es = {\n  'signin.title': 'Iniciar sesión',\n  'signin.extra': 'x',\n};";
        assert_eq!(
            messages(&[("ui/src/lib/i18n/es.ts", spanish)]),
            [
                "ui/src/lib/i18n/es.ts: lacks `thread.jump`",
                "ui/src/lib/i18n/es.ts: has `signin.extra`, which ui/src/lib/i18n/en.ts has not"
            ]
        );
    }

    #[test]
    fn a_text_that_does_not_exist_is_found_where_it_is_asked_for() {
        let component =
            "<h1>{t('signin.title')}</h1>\n<p>{t('signin.gone', { a: 1 })}</p>\n<b>{await import('x')}</b>";
        assert_eq!(
            messages(&[("ui/src/screens/signin/SignIn.svelte", component)]),
            ["ui/src/screens/signin/SignIn.svelte:2: there is no text `signin.gone`"]
        );
    }

    #[test]
    fn other_files_beside_the_catalogues_are_no_language() {
        assert!(is_language("ui/src/lib/i18n/pt-BR.ts"));
        assert!(!is_language("ui/src/lib/i18n/dates.ts"));
        assert!(!is_language("ui/src/lib/i18n/i18n.test.ts"));
    }

    #[test]
    fn a_missing_list_of_texts_is_a_problem() {
        assert_eq!(catalogues(&Tree::of(&[])).len(), 1);
    }
}
