//! Counts passed and failed tests from what the test runners print, for the one line at the end.

/// Tests passed and failed so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
}

impl Tally {
    /// Takes one line of output into account. Lines that are no result change nothing.
    pub(crate) fn read(&mut self, line: &str) {
        let plain = without_colours(line);
        let plain = plain.trim();
        let is_cargo = plain.starts_with("test result:");
        // Vitest prints "Tests  1 failed | 11 passed (12)"; its "Test Files" line counts files.
        let is_vitest = plain.strip_prefix("Tests").is_some_and(|rest| rest.starts_with("  "));
        if is_cargo || is_vitest {
            self.passed += number_before(plain, "passed");
            self.failed += number_before(plain, "failed");
            return;
        }
        // Node's test runner: "ℹ pass 12", or "# pass 12" without a terminal.
        if let Some(rest) = plain.strip_prefix("ℹ ").or_else(|| plain.strip_prefix("# ")) {
            self.passed += number_after(rest, "pass ");
            self.failed += number_after(rest, "fail ");
        }
    }
}

fn number_before(line: &str, word: &str) -> u64 {
    let words: Vec<&str> =
        line.split([' ', ';', '.', '|', '(', ')']).filter(|part| !part.is_empty()).collect();
    let pairs = words.iter().zip(words.iter().skip(1));
    pairs.filter(|(_, next)| **next == word).find_map(|(number, _)| number.parse().ok()).unwrap_or(0)
}

fn number_after(line: &str, word: &str) -> u64 {
    line.strip_prefix(word).and_then(|number| number.trim().parse().ok()).unwrap_or(0)
}

/// The line without the escape sequences that colour it.
fn without_colours(line: &str) -> String {
    let mut plain = String::with_capacity(line.len());
    let mut rest = line.chars();
    while let Some(character) = rest.next() {
        if character != '\u{1b}' {
            plain.push(character);
        } else if rest.next() == Some('[') {
            let _sequence = rest.by_ref().find(|end| end.is_ascii_alphabetic());
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally_of(lines: &[&str]) -> Tally {
        let mut tally = Tally::default();
        lines.iter().for_each(|line| tally.read(line));
        tally
    }

    #[test]
    fn cargo_results_are_summed_over_all_test_programs() {
        let tally = tally_of(&[
            "test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s",
            "test sends_two_failed_messages ... ok",
            "test result: FAILED. 3 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.1s",
        ]);
        assert_eq!(tally, Tally { passed: 15, failed: 2 });
    }

    #[test]
    fn colours_do_not_hide_a_result() {
        let line = "test result: \u{1b}[32mok\u{1b}(B\u{1b}[m. 7 passed; 0 failed; 0 ignored";
        assert_eq!(tally_of(&[line]).passed, 7);
    }

    #[test]
    fn vitest_counts_tests_and_not_files() {
        let tally = tally_of(&[" Test Files  3 passed (3)", "      Tests  1 failed | 11 passed (12)"]);
        assert_eq!(tally, Tally { passed: 11, failed: 1 });
    }

    #[test]
    fn nodes_own_runner_counts() {
        assert_eq!(tally_of(&["ℹ tests 5", "ℹ pass 4", "ℹ fail 1"]), Tally { passed: 4, failed: 1 });
        assert_eq!(tally_of(&["# pass 4", "# fail 0"]), Tally { passed: 4, failed: 0 });
    }
}
