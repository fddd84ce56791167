use std::collections::{BTreeSet, HashMap};

use deskbell_domain::{QueueId, Sensitive, UserId};
use deskbell_protocol::entity::{ConversationBody, Kind, QueueBody, UserBody};
use deskbell_sync::StoreError;
use deskbell_sync::view::{Header, MessageState, ThreadMessage};
use sqlx::Row as _;
use sqlx::sqlite::SqliteConnection;

use super::{Conversation, StoredMessage, bytes, parsed};
use crate::cache::failed;
use crate::ids::hex_list;

pub(super) const NAMES: &str = "SELECT kind, id, body FROM entity
    WHERE kind IN ('user', 'queue') AND id IN (SELECT unhex(value) FROM json_each($1))";

/// Names of staff and queues that a screen shows, looked up together.
#[derive(Default)]
pub(super) struct Names {
    users: HashMap<UserId, Sensitive<String>>,
    queues: HashMap<QueueId, Sensitive<String>>,
}

impl Names {
    /// The names that these conversations and authors need, as far as they are known.
    pub(super) async fn of<'a>(
        tx: &mut SqliteConnection,
        conversations: impl IntoIterator<Item = &'a ConversationBody>,
        authors: impl IntoIterator<Item = UserId>,
    ) -> Result<Self, StoreError> {
        let mut wanted: BTreeSet<[u8; 16]> = authors.into_iter().map(|user| *user.as_bytes()).collect();
        for body in conversations {
            wanted.extend(body.queue.map(|queue| *queue.as_bytes()));
            wanted.extend(body.assignee.map(|user| *user.as_bytes()));
        }
        let mut names = Self::default();
        if wanted.is_empty() {
            return Ok(names);
        }
        let rows = sqlx::query(NAMES).bind(hex_list(wanted)).fetch_all(tx).await.map_err(failed)?;
        for row in &rows {
            let kind: &str = row.try_get(0).map_err(failed)?;
            let id = bytes(row, 1)?;
            if kind == Kind::User.as_str() {
                let body = parsed::<UserBody>(row, 2);
                names.users.extend(body.map(|body| (UserId::from_bytes(id), body.name)));
            } else {
                let body = parsed::<QueueBody>(row, 2);
                names.queues.extend(body.map(|body| (QueueId::from_bytes(id), body.name)));
            }
        }
        Ok(names)
    }

    fn user(&self, user: Option<UserId>) -> Option<Sensitive<String>> {
        self.users.get(&user?).cloned()
    }

    /// The conversation with the names it shows.
    pub(super) fn head(&self, conversation: Conversation) -> Header {
        let Conversation { id, version, body, .. } = conversation;
        let queue = body.queue.and_then(|queue| self.queues.get(&queue)).cloned();
        let assignee = self.user(body.assignee);
        Header { id, version, body, queue, assignee }
    }

    /// A stored message with its author's name.
    pub(super) fn sign(&self, message: StoredMessage) -> ThreadMessage {
        let StoredMessage { id, body, .. } = message;
        let author = self.user(body.author);
        ThreadMessage { id, body, state: MessageState::Stored, author }
    }

    /// A message that is not sent, with its author's name.
    pub(super) fn sign_unsent(&self, message: ThreadMessage) -> ThreadMessage {
        ThreadMessage { author: self.user(message.body.author), ..message }
    }
}
