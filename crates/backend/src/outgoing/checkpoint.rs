use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use deskbell_domain::MessageId;

/// A place in the sending of a message between two durable steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Step {
    /// The job is held; nothing is recorded yet.
    Taken,
    /// It is recorded that the call is made. It is not made yet.
    Recorded,
    /// Meta has answered. The outcome is not recorded yet.
    Answered,
}

/// Called between the durable steps of a send, so that a fault can be injected exactly there: a future that never
/// ends is a process that dies at this place. Empty in every ordinary run.
#[derive(Clone, Default)]
pub struct Checkpoint(Option<Arc<Hook>>);

type Hook = dyn Fn(Step, MessageId) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send + Sync;

impl Checkpoint {
    /// Calls `hook` at every step, and waits for what it returns.
    pub fn at<F>(hook: impl Fn(Step, MessageId) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        Self(Some(Arc::new(move |step, message| Box::pin(hook(step, message)))))
    }

    pub(super) async fn reached(&self, step: Step, message: MessageId) {
        if let Some(hook) = &self.0 {
            hook(step, message).await;
        }
    }
}

impl fmt::Debug for Checkpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Checkpoint(set)" } else { "Checkpoint(empty)" })
    }
}
