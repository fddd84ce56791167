use std::sync::Arc;
use std::time::Duration;

use deskbell_domain::UtcMs;
use deskbell_meta::graph::MediaDigest;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::time::{sleep, timeout};

use crate::people::Person;
use crate::platform::{BusinessNumber, Incoming, Shared};
use crate::script::{Script, Step};

/// A message as it stands on a customer's phone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Received {
    /// Meta's id of it.
    pub id: String,
    /// The business number it came from.
    pub phone_number_id: String,
    /// Meta's word for its type.
    pub word: String,
    /// What can be read of it.
    pub text: Option<String>,
    /// The message it answers.
    pub quotes: Option<String>,
    /// When it arrived.
    pub at: UtcMs,
    /// Whether the customer has seen it.
    pub read: bool,
}

/// What a customer's phone does with what arrives. A customer begins with both on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub(crate) struct Habits {
    /// The phone is on.
    pub(crate) online: bool,
    /// The customer looks at the chat.
    pub(crate) reads: bool,
}

impl Default for Habits {
    fn default() -> Self {
        Self { online: true, reads: true }
    }
}

/// The customer had not received so many messages when the time was up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{received} of {wanted} messages had arrived when the time was up")]
pub struct NotReceived {
    /// How many were waited for.
    pub wanted: usize,
    /// How many there were.
    pub received: usize,
}

/// A handle to a fictional customer.
#[derive(Clone)]
pub struct Customer {
    shared: Arc<Shared>,
    index: usize,
}

impl Customer {
    pub(crate) fn new(shared: Arc<Shared>, index: usize) -> Self {
        let index = index.checked_rem(shared.people.len()).unwrap_or(0);
        Self { shared, index }
    }

    /// Who this is.
    ///
    /// # Panics
    /// On a platform that was started without customers.
    #[expect(clippy::expect_used, reason = "a caller who asks a platform without customers for one is wrong")]
    pub fn person(&self) -> &Person {
        self.shared.people.get(self.index).expect("the platform has customers")
    }

    /// The phone number, whether or not WhatsApp shows it.
    pub fn phone(&self) -> &str {
        &self.person().phone
    }

    /// Writes a text to the first business number. Gives Meta's id of it, as soon as it is on its way.
    pub async fn writes(&self, text: &str) -> String {
        self.writes_to(self.shared.first_number(), text).await
    }

    /// Wrote a text to the first business number some milliseconds ago, which arrives only now.
    pub async fn wrote(&self, text: &str, ago_ms: i64) -> String {
        let incoming = Incoming { ago_ms, ..Incoming::new("text", json!({"body": text})) };
        self.sends(self.shared.first_number(), incoming).await
    }

    /// Writes a text to a business number.
    pub async fn writes_to(&self, number: &BusinessNumber, text: &str) -> String {
        self.sends(number, Incoming::new("text", json!({"body": text}))).await
    }

    /// Answers a message of the business.
    pub async fn answers(&self, id: &str, text: &str) -> String {
        let incoming =
            Incoming { quotes: Some(id.to_owned()), ..Incoming::new("text", json!({"body": text})) };
        self.sends(self.shared.first_number(), incoming).await
    }

    /// Puts an emoji on a message of the business, or takes it away with an empty one.
    pub async fn reacts(&self, id: &str, emoji: &str) -> String {
        let content = json!({"message_id": id, "emoji": emoji});
        self.sends(self.shared.first_number(), Incoming::new("reaction", content)).await
    }

    /// Sends a picture.
    pub async fn sends_image(&self, mime_type: &str, bytes: &[u8], caption: Option<&str>) -> String {
        let id = self.shared.keep_medium(mime_type, bytes);
        let mut content = json!({
            "mime_type": mime_type,
            "sha256": MediaDigest::of(bytes).base64(),
            "id": id,
            "url": self.shared.medium_url(&id),
        });
        if let (Some(content), Some(caption)) = (content.as_object_mut(), caption) {
            content.insert("caption".into(), caption.into());
        }
        self.sends(self.shared.first_number(), Incoming::new("image", content)).await
    }

    /// Sends something of a type that no version of Deskbell knows.
    pub async fn sends_something_new(&self) -> String {
        let incoming = Incoming::new("hologram", json!({"depth": 3}));
        self.sends(self.shared.first_number(), incoming).await
    }

    // Asynchronous although nothing in it waits: what a customer does is an act in time, and scenarios read as such.
    async fn sends(&self, number: &BusinessNumber, incoming: Incoming) -> String {
        self.shared.write(self.index, number, incoming).unwrap_or_default()
    }

    /// Switches the phone on or off. What is sent meanwhile arrives when it is on again.
    pub fn set_online(&self, online: bool) {
        self.change(|habits| habits.online = online);
    }

    /// Begins or ends to look at the chat.
    pub fn set_reads(&self, reads: bool) {
        self.change(|habits| habits.reads = reads);
    }

    fn change(&self, change: impl FnOnce(&mut Habits)) {
        if let Some(habits) = self.shared.habits(self.index) {
            habits.send_modify(change);
        }
    }

    /// What has arrived, oldest first.
    pub fn received(&self) -> Vec<Received> {
        self.shared.received(self.index)
    }

    /// Whether the business has marked this message of the customer as read.
    pub fn was_read(&self, id: &str) -> bool {
        self.shared.was_read(self.index, id)
    }

    /// Waits until so many messages have arrived in all, and gives them.
    ///
    /// # Errors
    /// When they have not within `limit`.
    pub async fn receives(&self, wanted: usize, limit: Duration) -> Result<Vec<Received>, NotReceived> {
        let mut changed = self.shared.changed.subscribe();
        let arrived = changed.wait_for(|_| self.received().len() >= wanted);
        match timeout(limit, arrived).await {
            Ok(_) => Ok(self.received()),
            Err(_) => Err(NotReceived { wanted, received: self.received().len() }),
        }
    }

    /// Does what a script says. Ends with the script, or with the platform.
    pub async fn plays(&self, script: &Script) {
        let mut known = self.received().len();
        for step in &script.steps {
            match step {
                Step::Write(text) => {
                    known = self.received().len();
                    self.writes(text).await;
                }
                Step::Wait(time) => sleep(*time).await,
                // A customer whom nobody answers goes on all the same.
                Step::AwaitReply(limit) => drop(self.receives(known + 1, *limit).await),
                Step::Read => self.set_reads(true),
            }
        }
    }
}
