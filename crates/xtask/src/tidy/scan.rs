//! Just enough of Rust's grammar to tell code, comments and string literals apart.

/// A string literal and where it starts.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Literal<'source> {
    /// Counted from 1.
    pub(crate) line: usize,
    /// Its text as written, escapes included.
    pub(crate) text: &'source str,
}

/// A source split into its parts.
#[derive(Debug, Default)]
pub(crate) struct Scanned<'source> {
    pub(crate) literals: Vec<Literal<'source>>,
    /// The source with comments and the inside of literals blanked out; line breaks stay.
    pub(crate) code: String,
}

/// Splits a Rust source. What is no Rust gives nonsense, never an error.
pub(crate) fn scan(source: &str) -> Scanned<'_> {
    let mut scanner = Scanner { source, at: 0, line: 1, found: Scanned::default() };
    while scanner.step() {}
    scanner.found
}

struct Scanner<'source> {
    source: &'source str,
    at: usize,
    line: usize,
    found: Scanned<'source>,
}

impl<'source> Scanner<'source> {
    fn rest(&self) -> &'source str {
        self.source.get(self.at..).unwrap_or_default()
    }

    /// Takes one token: a comment, a literal, a word, or one character. `false` at the end.
    fn step(&mut self) -> bool {
        let rest = self.rest();
        let Some(first) = rest.chars().next() else { return false };
        if rest.starts_with("//") {
            self.blank(rest.find('\n').unwrap_or(rest.len()));
        } else if rest.starts_with("/*") {
            self.blank(block_comment_length(rest));
        } else if let Some(hashes) = raw_string_hashes(rest) {
            self.raw_string(rest, hashes);
        } else if first == '"' {
            self.literal(1, string_length(rest), 1);
        } else if first == '\'' {
            self.blank(character_length(rest));
        } else if first.is_alphanumeric() || first == '_' {
            let end = rest.find(|next: char| !next.is_alphanumeric() && next != '_').unwrap_or(rest.len());
            // The prefix of a byte or C string belongs to the literal that follows.
            self.keep(end);
        } else {
            self.keep(first.len_utf8());
        }
        true
    }

    fn keep(&mut self, length: usize) {
        let taken = self.rest().get(..length).unwrap_or_default();
        self.line += taken.matches('\n').count();
        self.found.code.push_str(taken);
        self.at += length.max(1);
    }

    fn blank(&mut self, length: usize) {
        let taken = self.rest().get(..length).unwrap_or_default();
        let breaks = taken.matches('\n').count();
        self.line += breaks;
        self.found.code.push(' ');
        self.found.code.extend(std::iter::repeat_n('\n', breaks));
        self.at += length.max(1);
    }

    fn raw_string(&mut self, rest: &'source str, (open, hashes): (usize, usize)) {
        let close = format!("\"{}", "#".repeat(hashes));
        let body = rest.get(open..).unwrap_or_default();
        let end = body.find(&close).map_or(rest.len(), |at| open + at + close.len());
        self.literal(open, end, close.len());
    }

    fn literal(&mut self, open: usize, length: usize, close: usize) {
        let text = self.rest().get(open..length.saturating_sub(close)).unwrap_or_default();
        self.found.literals.push(Literal { line: self.line, text });
        self.blank(length);
    }
}

/// For `r"`, `br#"` and the like: the length up to the text, and the number of hashes.
fn raw_string_hashes(rest: &str) -> Option<(usize, usize)> {
    let prefix = ["br", "cr", "r"].into_iter().find(|prefix| rest.starts_with(prefix))?;
    let after = rest.get(prefix.len()..)?;
    let hashes = after.chars().take_while(|next| *next == '#').count();
    after.get(hashes..)?.starts_with('"').then_some((prefix.len() + hashes + 1, hashes))
}

fn string_length(rest: &str) -> usize {
    let mut escaped = false;
    for (at, next) in rest.char_indices().skip(1) {
        match next {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    rest.len()
}

/// A character literal, or the single quote of a lifetime.
fn character_length(rest: &str) -> usize {
    let mut characters = rest.char_indices().skip(1);
    match (characters.next(), characters.next()) {
        (Some((_, '\\')), _) => {
            let closing = rest.char_indices().skip(3).find(|(_, next)| *next == '\'');
            closing.map_or(rest.len(), |(at, _)| at + 1)
        }
        (Some(_), Some((at, '\''))) => at + 1,
        _ => 1,
    }
}

fn block_comment_length(rest: &str) -> usize {
    let mut depth = 0_usize;
    let mut at = 0;
    while let Some(here) = rest.get(at..).filter(|here| !here.is_empty()) {
        if here.starts_with("/*") {
            depth += 1;
            at += 2;
        } else if here.starts_with("*/") {
            depth = depth.saturating_sub(1);
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += here.chars().next().map_or(1, char::len_utf8);
        }
    }
    rest.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn literals(source: &str) -> Vec<(usize, &str)> {
        scan(source).literals.into_iter().map(|literal| (literal.line, literal.text)).collect()
    }

    #[test]
    fn literals_are_found_with_their_lines_and_comments_are_not_literals() {
        let source = "// \"no\"\nlet a = \"one\"; /* \"no\" /* nested */\n*/ let b = r#\"two \"quoted\" \"#;\nlet c = b\"three\";";
        assert_eq!(literals(source), [(2, "one"), (3, "two \"quoted\" "), (4, "three")]);
    }

    #[test]
    fn escapes_quotes_and_lifetimes_do_not_confuse_it() {
        let source = r#"fn f<'a>(x: &'a str) { let q = '"'; let e = '\''; let s = "a \" b"; let t = "c"; }"#;
        assert_eq!(literals(source), [(1, r#"a \" b"#), (1, "c")]);
    }

    #[test]
    fn code_keeps_its_lines_and_loses_its_comments() {
        let scanned = scan("use sqlx; // sqlx here\n/* and\nhere */ fn f() { \"sqlx\" }\n");
        assert_eq!(scanned.code.matches("sqlx").count(), 1);
        assert_eq!(scanned.code.lines().count(), 3);
        assert!(scanned.code.contains("fn f()"));
    }

    #[test]
    fn an_unfinished_source_ends_the_scan() {
        for source in ["\"open", "/* open", "r#\"open", "'", "'\\"] {
            let _no_endless_loop = scan(source);
        }
    }
}
