use std::io::{self, BufRead, Read as _};
use std::thread;

use deskbell_domain::Sensitive;
use tokio::sync::mpsc;

use crate::limits::{LINE_BYTES_MAX, LINES_WAITING_MAX};

/// What was read.
#[derive(PartialEq, Eq)]
pub(super) enum Input {
    /// A line, without its end.
    Line {
        /// Counted from 1.
        number: u64,
        /// Its bytes.
        text: Vec<u8>,
    },
    /// A line that was not kept.
    TooLong {
        /// Counted from 1.
        number: u64,
    },
}

/// The lines of the input.
pub(super) struct Lines(mpsc::Receiver<Input>);

impl Lines {
    /// The lines of the standard input. They are read on a thread that does not keep the process from ending.
    pub(super) fn of_stdin() -> io::Result<Self> {
        let (sender, receiver) = mpsc::channel(LINES_WAITING_MAX);
        thread::Builder::new()
            .name("stdin".to_owned())
            .spawn(move || read_all(io::stdin().lock(), |input| sender.blocking_send(input).is_ok()))?;
        Ok(Self(receiver))
    }

    /// The next one that is not empty; `None` at the end.
    pub(super) async fn next(&mut self) -> Option<Input> {
        loop {
            match self.0.recv().await? {
                Input::Line { text, .. } if text.iter().all(u8::is_ascii_whitespace) => {}
                input => return Some(input),
            }
        }
    }

    /// The first line, as a password; `None` where there is no line, or none that could be one.
    pub(super) async fn password(&mut self) -> Option<Sensitive<String>> {
        match self.0.recv().await? {
            Input::Line { text, .. } => String::from_utf8(text).ok().map(Sensitive::new),
            Input::TooLong { .. } => None,
        }
    }
}

/// Reads lines until the end, an error of the input, or until nobody takes them any more.
fn read_all(mut reader: impl BufRead, mut take: impl FnMut(Input) -> bool) {
    for number in 1.. {
        match read_one(&mut reader, number) {
            Ok(Some(input)) => {
                if !take(input) {
                    return;
                }
            }
            Ok(None) => return,
            Err(error) => {
                tracing::warn!(error = %error.kind(), "the input cannot be read");
                return;
            }
        }
    }
}

fn read_one(reader: &mut impl BufRead, number: u64) -> io::Result<Option<Input>> {
    let mut text = Vec::new();
    // One byte more, to tell a line that fits from one that does not.
    let limit = u64::try_from(LINE_BYTES_MAX).unwrap_or(u64::MAX).saturating_add(1);
    if reader.take(limit).read_until(b'\n', &mut text)? == 0 {
        return Ok(None);
    }
    if text.last() == Some(&b'\n') {
        text.pop();
        if text.last() == Some(&b'\r') {
            text.pop();
        }
    } else if text.len() > LINE_BYTES_MAX {
        reader.skip_until(b'\n')?;
        return Ok(Some(Input::TooLong { number }));
    }
    Ok(Some(Input::Line { number, text }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> Vec<String> {
        let mut found = Vec::new();
        read_all(bytes, |input| {
            found.push(match input {
                Input::Line { number, text } => format!("{number} {}", String::from_utf8(text).unwrap()),
                Input::TooLong { number } => format!("{number} too long"),
            });
            true
        });
        found
    }

    #[test]
    fn lines_are_read_with_either_end_and_without_one() {
        assert_eq!(read(b"one\ntwo\r\n\nfour"), ["1 one", "2 two", "3 ", "4 four"]);
        assert!(read(b"").is_empty());
    }

    #[test]
    fn a_line_that_is_too_long_is_passed_over_and_the_next_is_read() {
        let mut bytes = vec![b'x'; LINE_BYTES_MAX + 5];
        bytes.extend_from_slice(b"\nnext\n");
        assert_eq!(read(&bytes), ["1 too long", "2 next"]);
        assert_eq!(read(&vec![b'x'; LINE_BYTES_MAX])[0].len(), LINE_BYTES_MAX + 2);
    }
}
