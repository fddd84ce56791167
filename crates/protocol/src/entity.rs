//! The objects that travel, as bodies of [`crate::sync::Item`]s.

use deskbell_domain::{
    ChannelAccountId, ContactId, ConversationId, ConversationStatus, DeliveryStatus, Direction, FailureCode,
    MessageId, MessageKind, Open, Origin, Priority, QueueId, Role, Sensitive, UserId, UtcMs,
};
use serde::{Deserialize, Serialize};

/// The kinds of entity this version knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// The tenant itself. Root; scope: tenant.
    Tenant,
    /// A member of staff. Root; scope: tenant.
    User,
    /// A queue. Root; scope: tenant.
    Queue,
    /// A conversation with its contact's card. Root; scopes: its queue, its assignee.
    Conversation,
    /// A message. Follows its conversation.
    Message,
    /// How far one user has read one conversation. Its id is the conversation's. Scope: that user.
    ReadMark,
}

impl Kind {
    /// All kinds, for code that must treat each.
    pub const ALL: [Self; 6] =
        [Self::Tenant, Self::User, Self::Queue, Self::Conversation, Self::Message, Self::ReadMark];

    /// The word on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Tenant => "tenant",
            Self::User => "user",
            Self::Queue => "queue",
            Self::Conversation => "conversation",
            Self::Message => "message",
            Self::ReadMark => "read_mark",
        }
    }
}

/// The tenant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TenantBody {
    /// The business's name.
    pub name: Sensitive<String>,
}

/// A member of staff.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserBody {
    /// Their name.
    pub name: Sensitive<String>,
    /// What they are.
    pub role: Open<Role>,
    /// Whether they may sign in.
    pub active: bool,
}

/// A queue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueueBody {
    /// Its name.
    pub name: Sensitive<String>,
}

/// What a conversation shows of its contact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContactCard {
    /// The contact.
    pub id: ContactId,
    /// The name the customer's app gives.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<Sensitive<String>>,
    /// The WhatsApp user name, without `@`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<Sensitive<String>>,
    /// The phone number as the tenant's policy shows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub masked_number: Option<Sensitive<String>>,
}

/// A conversation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConversationBody {
    /// Who the customer is.
    pub contact: ContactCard,
    /// The account the customer writes to.
    pub channel_account: ChannelAccountId,
    /// The queue it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queue: Option<QueueId>,
    /// Who has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assignee: Option<UserId>,
    /// Where it stands.
    pub status: Open<ConversationStatus>,
    /// How urgent it is.
    pub priority: Open<Priority>,
    /// When the newest message was written.
    pub last_message_at: UtcMs,
    /// When the customer last wrote, on Meta's clock: the start of the service window.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_customer_message_at: Option<UtcMs>,
    /// Since when the customer waits: the first message no answer has followed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waiting_since: Option<UtcMs>,
}

/// A file, as far as the wire carries it: that there is one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttachmentCard {
    /// Its name, where the sender gave one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file_name: Option<Sensitive<String>>,
    /// Its media type, as the sender says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mime_type: Option<String>,
}

/// A place.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Place {
    /// Degrees north.
    pub latitude: f64,
    /// Degrees east.
    pub longitude: f64,
    /// What it is called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<Sensitive<String>>,
    /// Its address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<Sensitive<String>>,
}

impl Eq for Place {}

/// What a message says. Sealed as one piece wherever it rests.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MessageContent {
    /// Text, caption, the chosen option's title, or a reaction's emoji.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<Sensitive<String>>,
    /// Its file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attachment: Option<AttachmentCard>,
    /// Its place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<Sensitive<Place>>,
    /// Names on the contact cards it carries.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub contact_names: Vec<Sensitive<String>>,
    /// The message it answers or reacts to, where that is known here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub about: Option<MessageId>,
    /// Meta's word for what this version cannot show.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unsupported_type: Option<String>,
}

/// A message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MessageBody {
    /// Its conversation.
    pub conversation: ConversationId,
    /// Which way it went.
    pub direction: Open<Direction>,
    /// How it came to be in the thread.
    pub origin: Open<Origin>,
    /// What it is.
    pub kind: Open<MessageKind>,
    /// What it says.
    pub content: MessageContent,
    /// Who wrote it, where that was staff.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub author: Option<UserId>,
    /// When it was written: Meta's clock where it came from there. Threads are ordered by this, then by id.
    pub at: UtcMs,
    /// How far it has come, where it goes out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<Open<DeliveryStatus>>,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Open<FailureCode>>,
}

/// How far a user has read a conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReadMarkBody {
    /// The conversation.
    pub conversation: ConversationId,
    /// Messages written up to this time are read.
    pub through: UtcMs,
}
