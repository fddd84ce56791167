use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

use crate::api::{View, ViewsChanged};
use crate::limits::CHANGES_WAITING_MAX;

/// Where windows hear which views to read again.
#[derive(Debug, Clone)]
pub(crate) struct Announcer(broadcast::Sender<View>);

impl Announcer {
    pub(crate) fn new() -> Self {
        Self(broadcast::channel(CHANGES_WAITING_MAX).0)
    }

    /// Tells all windows. With no window there is nobody to tell.
    pub(crate) fn changed(&self, views: impl IntoIterator<Item = View>) {
        for view in views {
            let _ = self.0.send(view);
        }
    }

    pub(crate) fn listen(&self) -> Changes {
        Changes(self.0.subscribe())
    }
}

/// The changes one window hears of.
#[derive(Debug)]
pub struct Changes(broadcast::Receiver<View>);

impl Changes {
    /// What changed since the last call, all at once; `None` when the console has stopped.
    pub async fn next(&mut self) -> Option<ViewsChanged> {
        let mut views = vec![self.0.recv().await.map_or_else(behind, Some)?];
        while let Ok(view) = self.0.try_recv() {
            if !views.contains(&view) {
                views.push(view);
            }
        }
        Some(ViewsChanged { views })
    }
}

/// A window that fell behind reads everything again, instead of missing a change.
fn behind(error: RecvError) -> Option<View> {
    match error {
        RecvError::Lagged(_) => Some(View::Everything),
        RecvError::Closed => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn changes_between_two_reads_come_at_once_and_each_once() {
        let announcer = Announcer::new();
        let mut window = announcer.listen();
        announcer.changed([View::List, View::Status, View::List]);
        assert_eq!(window.next().await.unwrap().views, vec![View::List, View::Status]);
    }

    #[tokio::test]
    async fn a_window_that_fell_behind_reads_everything_again() {
        let announcer = Announcer::new();
        let mut window = announcer.listen();
        announcer.changed(std::iter::repeat_n(View::List, CHANGES_WAITING_MAX + 1));
        assert_eq!(window.next().await.unwrap().views.first(), Some(&View::Everything));
    }

    #[tokio::test]
    async fn a_window_hears_that_the_console_has_stopped() {
        let announcer = Announcer::new();
        let mut window = announcer.listen();
        drop(announcer);
        assert_eq!(window.next().await, None);
    }
}
