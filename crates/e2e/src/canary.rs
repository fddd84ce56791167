//! Looks for planted words in everything that was written, in every form in which they could have been.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Result;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

/// A word that must not be found, and what it is.
#[derive(Clone)]
pub struct Canary {
    what: &'static str,
    forms: Vec<(&'static str, Vec<u8>)>,
}

/// A place where a planted word was found.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Found {
    /// What it is: a name, a number, a text …
    pub what: &'static str,
    /// The form it was in.
    pub form: &'static str,
    /// Where.
    pub place: PathBuf,
}

impl Canary {
    /// Looks for this word.
    ///
    /// # Panics
    /// When the word is so short that it could stand anywhere by chance.
    pub fn new(what: &'static str, word: &str) -> Self {
        assert!(word.len() >= 6, "{what} is too short to be looked for: it would be found by chance");
        let utf16 = word.encode_utf16().collect::<Vec<_>>();
        let mut forms = vec![
            ("UTF-8", word.as_bytes().to_vec()),
            ("UTF-16 LE", utf16.iter().flat_map(|unit| unit.to_le_bytes()).collect()),
            ("UTF-16 BE", utf16.iter().flat_map(|unit| unit.to_be_bytes()).collect()),
            ("JSON", json(word).into_bytes()),
            ("URL", url(word).into_bytes()),
            ("hexadecimal", hex::encode(word).into_bytes()),
            ("hexadecimal, capitals", hex::encode_upper(word).into_bytes()),
        ];
        for skipped in 0..3 {
            forms.push(("Base64", base64_within(word.as_bytes(), skipped, &STANDARD_NO_PAD)));
            forms.push(("Base64 of URLs", base64_within(word.as_bytes(), skipped, &URL_SAFE_NO_PAD)));
        }
        Self { what, forms }
    }

    fn found_in(&self, bytes: &[u8], place: &Path) -> impl Iterator<Item = Found> {
        let forms = self.forms.iter().filter(|(_, form)| contains(bytes, form));
        forms.map(|(form, _)| Found { what: self.what, form, place: place.to_owned() })
    }
}

/// Where any of the words is found in a text.
pub fn found_in_text(canaries: &[Canary], text: &str) -> BTreeSet<Found> {
    let place = Path::new("text");
    canaries.iter().flat_map(|canary| canary.found_in(text.as_bytes(), place)).collect()
}

/// Where any of the words is found in a file below a folder, or in its name.
///
/// # Errors
/// When a file cannot be read.
pub fn found_in_files(canaries: &[Canary], folder: &Path) -> Result<BTreeSet<Found>> {
    let mut found = BTreeSet::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            let name = path.file_name().unwrap_or_default().as_encoded_bytes().to_vec();
            found.extend(canaries.iter().flat_map(|canary| canary.found_in(&name, &path)));
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            match fs::read(&path) {
                Ok(bytes) => found.extend(canaries.iter().flat_map(|canary| canary.found_in(&bytes, &path))),
                // A journal that was removed meanwhile.
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
    Ok(found)
}

fn contains(bytes: &[u8], word: &[u8]) -> bool {
    let Some(first) = word.first() else { return false };
    let mut rest = bytes;
    while let Some(at) = rest.iter().position(|byte| byte == first) {
        rest = rest.get(at..).unwrap_or_default();
        if rest.starts_with(word) {
            return true;
        }
        rest = rest.get(1..).unwrap_or_default();
    }
    false
}

/// The characters of a Base64 text that come from the word alone, when so many bytes stand before it in its group of
/// three.
fn base64_within(word: &[u8], before: usize, engine: &impl base64::Engine) -> Vec<u8> {
    let mut padded = vec![0; before];
    padded.extend_from_slice(word);
    let text = engine.encode(&padded);
    // A character carries six bits: those at either end are shared with what stands there.
    let first = (before * 8).div_ceil(6);
    let last = padded.len() * 8 / 6;
    text.as_bytes().get(first..last).unwrap_or_default().to_vec()
}

/// As JSON writes it that keeps to ASCII.
fn json(word: &str) -> String {
    let mut written = String::new();
    for unit in word.encode_utf16() {
        match char::from_u32(unit.into()).filter(char::is_ascii) {
            Some(character) => written.push(character),
            None => written.push_str(&format!("\\u{unit:04x}")),
        }
    }
    written
}

/// As it stands in a URL.
fn url(word: &str) -> String {
    let mut written = String::new();
    for byte in word.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            written.push(char::from(byte));
        } else {
            written.push_str(&format!("%{byte:02X}"));
        }
    }
    written
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;

    use super::*;

    const WORD: &str = "Ñandú 4711 canta";

    fn forms(canaries: &[Canary], folder: &Path) -> Vec<&'static str> {
        found_in_files(canaries, folder).unwrap().into_iter().map(|found| found.form).collect()
    }

    #[test]
    fn a_planted_word_is_found_in_every_form() {
        let canaries = [Canary::new("text", WORD)];
        let utf16 = WORD.encode_utf16().collect::<Vec<_>>();
        let written: [(&str, Vec<u8>); 8] = [
            ("UTF-8", format!("before {WORD} after").into_bytes()),
            ("UTF-16 LE", utf16.iter().flat_map(|unit| unit.to_le_bytes()).collect()),
            ("UTF-16 BE", utf16.iter().flat_map(|unit| unit.to_be_bytes()).collect()),
            ("JSON", br"{a:\u00d1and\u00fa 4711 canta}".to_vec()),
            ("URL", b"q=%C3%91and%C3%BA%204711%20canta".to_vec()),
            ("hexadecimal", hex::encode(WORD).into_bytes()),
            ("hexadecimal, capitals", hex::encode_upper(WORD).into_bytes()),
            ("Base64", STANDARD.encode(format!("x{WORD}yz")).into_bytes()),
        ];
        for (form, bytes) in written {
            let folder = tempfile::tempdir().unwrap();
            fs::create_dir(folder.path().join("deep")).unwrap();
            fs::write(folder.path().join("deep/file"), bytes).unwrap();
            assert!(forms(&canaries, folder.path()).contains(&form), "{form}");
        }
    }

    #[test]
    fn a_word_is_found_in_base64_wherever_it_stands() {
        let canaries = [Canary::new("text", WORD)];
        for before in 0..7 {
            let text = STANDARD.encode(format!("{}{WORD}tail", "b".repeat(before)));
            assert!(!found_in_text(&canaries, &text).is_empty(), "after {before} bytes");
        }
    }

    #[test]
    fn a_word_is_found_in_the_name_of_a_file() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(format!("{WORD}.txt")), b"").unwrap();
        assert_eq!(forms(&[Canary::new("text", WORD)], folder.path()), ["UTF-8"]);
    }

    #[test]
    fn nothing_is_found_where_nothing_is() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("file"), "Ñandú 4711 cant".repeat(50)).unwrap();
        assert!(forms(&[Canary::new("text", WORD)], folder.path()).is_empty());
    }
}
