use std::io::{self, Write};
use std::thread;

use tokio::sync::{mpsc, watch};

use super::line::Said;
use crate::limits::LINES_WAITING_MAX;

/// Where lines are written. Cheap to clone; the clones write to one place.
#[derive(Clone)]
pub(super) struct Output {
    lines: mpsc::Sender<String>,
    ended: watch::Receiver<bool>,
}

impl Output {
    /// The standard output. It is written on a thread of its own; who has something to say waits while too much waits
    /// to be read.
    pub(super) fn to_stdout() -> io::Result<Self> {
        Self::to(io::stdout())
    }

    fn to(writer: impl Write + Send + 'static) -> io::Result<Self> {
        let (lines, waiting) = mpsc::channel(LINES_WAITING_MAX);
        let (end, ended) = watch::channel(false);
        thread::Builder::new().name("stdout".to_owned()).spawn(move || {
            write_all(writer, waiting);
            end.send_replace(true);
        })?;
        Ok(Self { lines, ended })
    }

    /// Writes a line. When nobody reads any more, there is nobody to tell.
    pub(super) async fn say(&self, said: Said) {
        if let Ok(line) = serde_json::to_string(&said) {
            let _ = self.lines.send(line).await;
        }
    }

    /// Resolves when nobody reads the output any more.
    pub(super) async fn closed(&self) {
        self.lines.closed().await;
    }

    /// Waits until everything that was said is written. All clones must be gone by then.
    pub(super) async fn finish(self) {
        let Self { lines, mut ended } = self;
        drop(lines);
        // The thread that ends without a word has ended, too.
        let _ = ended.wait_for(|ended| *ended).await;
    }
}

/// Writes lines as they come, each at once.
fn write_all(mut writer: impl Write, mut lines: mpsc::Receiver<String>) {
    while let Some(mut line) = lines.blocking_recv() {
        line.push('\n');
        if writer.write_all(line.as_bytes()).and_then(|()| writer.flush()).is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;
    use crate::api::View;

    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl Write for Written {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    struct Broken;

    impl Write for Broken {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn news() -> Said {
        Said::Changed { console: 1, changed: vec![View::Status] }
    }

    #[tokio::test]
    async fn everything_said_is_written_before_the_end() {
        let written = Written::default();
        let output = Output::to(written.clone()).unwrap();
        for _ in 0..LINES_WAITING_MAX * 2 {
            output.say(news()).await;
        }
        output.finish().await;
        let text = String::from_utf8(written.0.lock().unwrap().clone()).unwrap();
        assert_eq!(text.lines().count(), LINES_WAITING_MAX * 2);
        assert!(text.ends_with("}\n"));
    }

    #[tokio::test]
    async fn an_output_that_nobody_reads_is_noticed() {
        let output = Output::to(Broken).unwrap();
        output.say(news()).await;
        output.closed().await;
    }
}
