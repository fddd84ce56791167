use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Shared;

/// Something that goes wrong, because it was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "fault", rename_all = "snake_case")]
pub enum Fault {
    /// The next calls are refused with this code of Meta's table, and nothing is done.
    FailCalls {
        /// How many.
        count: u32,
        /// The code.
        code: i64,
    },
    /// The next messages are accepted, and a `failed` status with this code follows in place of the others.
    FailStatuses {
        /// How many.
        count: u32,
        /// The code.
        code: i64,
    },
    /// The next messages are accepted and reach the customer, and the call is never answered.
    NoAnswer {
        /// How many.
        count: u32,
    },
    /// The next messages are accepted and reach the customer, and the connection ends within the answer.
    HangUp {
        /// How many.
        count: u32,
    },
    /// The next statuses are never sent.
    DropStatuses {
        /// How many.
        count: u32,
        /// Only those in this word; all of them where there is none.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        word: Option<String>,
    },
    /// Tokens are no longer good, of this number or of all.
    ExpireToken {
        /// The number.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        phone_number_id: Option<String>,
    },
    /// Tokens are good again, of this number or of all.
    RenewToken {
        /// The number.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        phone_number_id: Option<String>,
    },
    /// How webhooks are sent from now on.
    Webhooks(WebhookPlan),
}

/// How webhooks are sent. The default is as they happen, one by one, once, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct WebhookPlan {
    /// How often each is sent.
    pub copies: u32,
    /// Most updates in one.
    pub batch_max: usize,
    /// How many updates are shuffled among each other.
    pub reorder_among: usize,
    /// How long updates are gathered for a batch or a shuffle, in milliseconds.
    pub gather_ms: u64,
    /// Each webhook waits a random time of up to so many milliseconds, so that later ones overtake it.
    pub delay_max_ms: u64,
    /// How many are sent at once. More than one gives up their order.
    pub connections: usize,
    /// Nothing is sent while this holds.
    pub held: bool,
}

impl Default for WebhookPlan {
    fn default() -> Self {
        Self {
            copies: 1,
            batch_max: 1,
            reorder_among: 1,
            gather_ms: 50,
            delay_max_ms: 0,
            connections: 1,
            held: false,
        }
    }
}

impl WebhookPlan {
    pub(super) fn gather(&self) -> Duration {
        Duration::from_millis(self.gather_ms)
    }
}

/// What is still to go wrong.
#[derive(Debug, Default)]
pub(super) struct Pending {
    calls: Vec<(u32, i64)>,
    statuses: Vec<(u32, i64)>,
    no_answer: u32,
    hang_up: u32,
    dropped: Vec<(u32, Option<String>)>,
}

/// How the answer to a call that was acted upon is spoilt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Spoilt {
    /// It never comes.
    NoAnswer,
    /// The connection ends within it.
    HangUp,
}

impl Pending {
    pub(super) fn add(&mut self, fault: Fault) {
        match fault {
            Fault::FailCalls { count, code } => self.calls.push((count, code)),
            Fault::FailStatuses { count, code } => self.statuses.push((count, code)),
            Fault::NoAnswer { count } => self.no_answer += count,
            Fault::HangUp { count } => self.hang_up += count,
            Fault::DropStatuses { count, word } => self.dropped.push((count, word)),
            // Not counted: these change how things are from now on.
            Fault::ExpireToken { .. } | Fault::RenewToken { .. } | Fault::Webhooks(_) => {}
        }
    }

    /// The code that this call is refused with.
    pub(super) fn call(&mut self) -> Option<i64> {
        next(&mut self.calls, |_| true)
    }

    /// The code that this message fails with.
    pub(super) fn status(&mut self) -> Option<i64> {
        next(&mut self.statuses, |_| true)
    }

    /// How this answer is spoilt.
    pub(super) fn answer(&mut self) -> Option<Spoilt> {
        if take(&mut self.no_answer) {
            return Some(Spoilt::NoAnswer);
        }
        take(&mut self.hang_up).then_some(Spoilt::HangUp)
    }

    /// Whether this status is lost.
    pub(super) fn drops(&mut self, word: &str) -> bool {
        next(&mut self.dropped, |only| only.as_deref().is_none_or(|only| only == word)).is_some()
    }
}

fn take(count: &mut u32) -> bool {
    let any = *count > 0;
    *count = count.saturating_sub(1);
    any
}

/// The first fault of a list that is left and applies.
fn next<T: Clone>(faults: &mut Vec<(u32, T)>, applies: impl Fn(&T) -> bool) -> Option<T> {
    faults.retain(|(left, _)| *left > 0);
    let (left, what) = faults.iter_mut().find(|(_, what)| applies(what))?;
    *left -= 1;
    Some(what.clone())
}

/// A handle to make things go wrong.
#[derive(Clone)]
pub struct Faults {
    shared: Arc<Shared>,
}

impl Faults {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    /// Makes this go wrong.
    pub fn inject(&self, fault: Fault) {
        self.shared.inject(fault);
    }

    /// Refuses the next `count` calls with this code, without acting.
    pub fn fail_calls(&self, count: u32, code: i64) {
        self.inject(Fault::FailCalls { count, code });
    }

    /// Accepts the next `count` messages and lets them fail afterwards.
    pub fn fail_statuses(&self, count: u32, code: i64) {
        self.inject(Fault::FailStatuses { count, code });
    }

    /// Acts upon the next `count` messages and never answers.
    pub fn no_answer(&self, count: u32) {
        self.inject(Fault::NoAnswer { count });
    }

    /// Acts upon the next `count` messages and ends the connection within the answer.
    pub fn hang_up(&self, count: u32) {
        self.inject(Fault::HangUp { count });
    }

    /// Loses the next `count` statuses, whatever they say.
    pub fn drop_statuses(&self, count: u32) {
        self.inject(Fault::DropStatuses { count, word: None });
    }

    /// Makes all tokens invalid.
    pub fn expire_tokens(&self) {
        self.inject(Fault::ExpireToken { phone_number_id: None });
    }

    /// Makes all tokens valid again.
    pub fn renew_tokens(&self) {
        self.inject(Fault::RenewToken { phone_number_id: None });
    }

    /// Sends webhooks by this plan from now on.
    pub fn webhooks(&self, plan: WebhookPlan) {
        self.inject(Fault::Webhooks(plan));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn faults_happen_as_often_as_asked_and_in_order() {
        let mut pending = Pending::default();
        pending.add(Fault::FailCalls { count: 2, code: 131_000 });
        pending.add(Fault::FailCalls { count: 1, code: 190 });
        assert_eq!([(); 4].map(|()| pending.call()), [Some(131_000), Some(131_000), Some(190), None]);

        pending.add(Fault::DropStatuses { count: 1, word: Some("delivered".to_owned()) });
        assert_eq!(["sent", "delivered", "delivered"].map(|word| pending.drops(word)), [false, true, false]);

        pending.add(Fault::HangUp { count: 1 });
        pending.add(Fault::NoAnswer { count: 1 });
        let answers = [(); 3].map(|()| pending.answer());
        assert_eq!(answers, [Some(Spoilt::NoAnswer), Some(Spoilt::HangUp), None]);
    }

    #[test]
    fn faults_are_read_from_json() {
        let read = |value| serde_json::from_value::<Fault>(value).unwrap();
        assert_eq!(read(json!({"fault": "no_answer", "count": 1})), Fault::NoAnswer { count: 1 });
        assert_eq!(
            read(json!({"fault": "webhooks", "copies": 3})),
            Fault::Webhooks(WebhookPlan { copies: 3, ..WebhookPlan::default() })
        );
        assert_eq!(read(json!({"fault": "expire_token"})), Fault::ExpireToken { phone_number_id: None });
    }
}
