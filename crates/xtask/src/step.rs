//! A step says what it does before, and how long it took after.

use anyhow::{Context, Result};
use std::time::{Duration, Instant};

/// The steps done so far, for the summary at the end.
#[derive(Default)]
pub(crate) struct Steps {
    done: Vec<(String, Duration)>,
}

impl Steps {
    /// Does one step. Its failure is returned with the step's title in front.
    pub(crate) fn run<T>(&mut self, title: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
        eprintln!("» {title}");
        let started = Instant::now();
        let outcome = work();
        let took = started.elapsed();
        let (mark, result) = match outcome {
            Ok(value) => ("✓", Ok(value)),
            Err(error) => ("✗", Err(error).with_context(|| format!("{title} failed"))),
        };
        eprintln!("{mark} {title}: {}", in_words(took));
        self.done.push((title.to_owned(), took));
        result
    }

    /// Prints every step with its time, and the time of all.
    pub(crate) fn print_summary(&self) {
        let width = self.done.iter().map(|(title, _)| title.chars().count()).max().unwrap_or(0);
        eprintln!();
        for (title, took) in &self.done {
            eprintln!("  {title:width$}  {:>10}", in_words(*took));
        }
        let total: Duration = self.done.iter().map(|(_, took)| *took).sum();
        eprintln!("  {:width$}  {:>10}", "", in_words(total));
    }
}

/// "0.4 s", "59.9 s", "1 min 05 s".
pub(crate) fn in_words(took: Duration) -> String {
    let seconds = took.as_secs_f64();
    if seconds < 59.95 {
        return format!("{seconds:.1} s");
    }
    let whole = seconds.round() as u64;
    format!("{} min {:02} s", whole / 60, whole % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_as_a_person_says_them() {
        assert_eq!(in_words(Duration::from_millis(420)), "0.4 s");
        assert_eq!(in_words(Duration::from_millis(59_970)), "1 min 00 s");
        assert_eq!(in_words(Duration::from_secs(125)), "2 min 05 s");
    }

    #[test]
    fn a_failed_step_carries_its_title() {
        let failed = Steps::default().run("Formatting", || anyhow::bail!("two places"));
        let message = format!("{:#}", failed.map(|()| String::new()).unwrap_err());
        assert_eq!(message, "Formatting failed: two places");
    }
}
