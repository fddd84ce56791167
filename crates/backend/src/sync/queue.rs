//! What waits for a socket: bounded, filled without waiting, and never silently short of anything.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use tokio::sync::Notify;

use crate::limits::{SOCKET_QUEUE_BYTES_MAX, SOCKET_QUEUE_FRAMES_MAX};

/// Messages on their way to one console.
#[derive(Debug, Default)]
pub(crate) struct SocketQueue {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct State {
    messages: VecDeque<String>,
    bytes: usize,
    closed: bool,
}

/// The queue is full: nothing of what waited will be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Full;

impl SocketQueue {
    /// Adds a message.
    ///
    /// # Errors
    /// [`Full`], when it would be one too many: the queue is empty then, and the console has to be told.
    pub(crate) fn push(&self, message: String) -> Result<(), Full> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.closed {
            return Ok(());
        }
        let bytes = state.bytes + message.len();
        if state.messages.len() >= SOCKET_QUEUE_FRAMES_MAX || bytes > SOCKET_QUEUE_BYTES_MAX {
            state.messages.clear();
            state.bytes = 0;
            return Err(Full);
        }
        state.bytes = bytes;
        state.messages.push_back(message);
        drop(state);
        self.changed.notify_one();
        Ok(())
    }

    /// Adds a last message, however full it is, and ends the queue behind it.
    pub(crate) fn close(&self, last: Option<String>) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if !state.closed {
            state.closed = true;
            state.messages.extend(last);
        }
        drop(state);
        self.changed.notify_one();
    }

    /// The next message; `None` when the queue has ended. For one reader.
    pub(crate) async fn next(&self) -> Option<String> {
        loop {
            {
                let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
                if let Some(message) = state.messages.pop_front() {
                    state.bytes = state.bytes.saturating_sub(message.len());
                    return Some(message);
                }
                if state.closed {
                    return None;
                }
            }
            self.changed.notified().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn messages_come_out_in_their_order_and_end_with_the_last() {
        let queue = SocketQueue::default();
        queue.push("one".to_owned()).unwrap();
        queue.close(Some("last".to_owned()));
        queue.push("late".to_owned()).unwrap();
        assert_eq!(queue.next().await.as_deref(), Some("one"));
        assert_eq!(queue.next().await.as_deref(), Some("last"));
        assert_eq!(queue.next().await, None);
    }

    #[tokio::test]
    async fn a_full_queue_says_so_and_drops_all_that_waited() {
        let queue = SocketQueue::default();
        for _ in 0..SOCKET_QUEUE_FRAMES_MAX {
            queue.push("x".to_owned()).unwrap();
        }
        assert_eq!(queue.push("one too many".to_owned()), Err(Full));
        queue.push("pull".to_owned()).unwrap();
        assert_eq!(queue.next().await.as_deref(), Some("pull"));
    }

    #[test]
    fn few_large_messages_fill_it_like_many_small_ones() {
        let queue = SocketQueue::default();
        let half = "x".repeat(SOCKET_QUEUE_BYTES_MAX / 2);
        queue.push(half.clone()).unwrap();
        queue.push(half.clone()).unwrap();
        assert_eq!(queue.push("x".to_owned()), Err(Full));
        queue.push(half).unwrap();
    }
}
