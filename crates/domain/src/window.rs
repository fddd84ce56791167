use serde::{Deserialize, Serialize};

use crate::{UtcMs, WINDOW_MARGIN_MS, WINDOW_MS};

/// The customer service window: opened by each message of the customer, for 24 hours of Meta's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ServiceWindow {
    last_customer_message: Option<UtcMs>,
}

/// Whether free text may be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WindowState {
    /// Free text may be sent until this time.
    Open {
        /// The last moment to send, margin included.
        until: UtcMs,
    },
    /// Only templates may be sent.
    Closed {
        /// Since when; `None` where the customer never wrote.
        since: Option<UtcMs>,
    },
}

impl ServiceWindow {
    /// The window of a customer whose newest message has this time on Meta's clock.
    pub const fn since(last_customer_message: Option<UtcMs>) -> Self {
        Self { last_customer_message }
    }

    /// Whether free text may be sent at `now`.
    pub const fn at(self, now: UtcMs) -> WindowState {
        let Some(opened) = self.last_customer_message else {
            return WindowState::Closed { since: None };
        };
        let until = opened.plus_ms(WINDOW_MS - WINDOW_MARGIN_MS);
        if now.as_ms() < until.as_ms() {
            WindowState::Open { until }
        } else {
            WindowState::Closed { since: Some(until) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_closes_a_margin_before_metas_24_hours() {
        let window = ServiceWindow::since(Some(UtcMs::from_ms(0)));
        let end = UtcMs::from_ms(WINDOW_MS - WINDOW_MARGIN_MS);
        assert_eq!(window.at(end.plus_ms(-1)), WindowState::Open { until: end });
        assert_eq!(window.at(end), WindowState::Closed { since: Some(end) });
    }

    #[test]
    fn nobody_may_be_written_to_who_never_wrote() {
        assert_eq!(ServiceWindow::since(None).at(UtcMs::from_ms(5)), WindowState::Closed { since: None });
    }
}
