use serde::{Deserialize, Serialize};

/// Which way a message goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// From the customer.
    Inbound,
    /// To the customer.
    Outbound,
}

/// How a message came to be in the thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// Written by the customer.
    Customer,
    /// Written by a member of staff in Deskbell.
    Agent,
    /// Written in the WhatsApp Business app on the business's phone.
    Phone,
    /// Brought in from before the connection.
    History,
}

/// What a message is. Meta's own words, where they exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MessageKind {
    /// Plain text.
    Text,
    /// A picture.
    Image,
    /// A sound file or voice message.
    Audio,
    /// A film.
    Video,
    /// A file.
    Document,
    /// A sticker.
    Sticker,
    /// A place.
    Location,
    /// One or more contact cards.
    Contacts,
    /// An answer to a menu, list or flow.
    Interactive,
    /// A press on a template's button.
    Button,
    /// An emoji on another message.
    Reaction,
    /// A shopping cart.
    Order,
    /// A notice by WhatsApp itself, such as a changed number.
    System,
    /// What neither WhatsApp nor this version can show. The raw value is kept.
    Unsupported,
}

/// How far an outgoing message has come. Statuses only move forward.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryStatus {
    /// Accepted by the backend, waiting for its turn.
    Queued,
    /// The call to Meta ended without an answer: sent or not, a status will tell. Never sent again by itself.
    Uncertain,
    /// Accepted by Meta.
    Sent,
    /// Not delivered; a [`FailureCode`] says why.
    Failed,
    /// On the customer's phone.
    Delivered,
    /// Seen by the customer.
    Read,
    /// Heard by the customer (voice messages).
    Played,
}

impl DeliveryStatus {
    /// The status after `news` arrived, in whatever order webhooks came: the later one in the order in which the
    /// variants stand.
    ///
    /// `Failed` stands between `Sent` and `Delivered`: what was sent may fail, but a message that was delivered
    /// cannot, and one that is said to be delivered did not.
    #[must_use]
    pub fn merge(self, news: Self) -> Self {
        self.max(news)
    }
}

/// Why a message failed, as far as somebody decides by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureCode {
    /// More than 24 hours since the customer last wrote: only templates may be sent.
    WindowClosed,
    /// The number cannot receive WhatsApp messages.
    Undeliverable,
    /// The account must be connected again.
    AccountDisconnected,
    /// Meta limits or blocks the account, number or payment.
    AccountRestricted,
    /// Too much was sent, and trying again did not help.
    RateLimited,
    /// The customer does not want marketing.
    OptedOut,
    /// Meta refused the message as it is.
    Refused,
    /// Meta could not be reached or could not do it, and trying again did not help.
    Unavailable,
}

#[cfg(test)]
mod tests {
    use super::DeliveryStatus::{self, *};

    const ALL: [DeliveryStatus; 7] = [Queued, Uncertain, Sent, Delivered, Read, Played, Failed];

    #[test]
    fn the_order_in_which_statuses_arrive_does_not_matter() {
        for a in ALL {
            for b in ALL {
                assert_eq!(a.merge(b), b.merge(a), "{a:?} {b:?}");
                assert_eq!(a.merge(b).merge(b), a.merge(b), "{a:?} {b:?}");
                for c in ALL {
                    assert_eq!(a.merge(b).merge(c), a.merge(b.merge(c)), "{a:?} {b:?} {c:?}");
                }
            }
        }
    }

    #[test]
    fn a_status_never_moves_back() {
        assert_eq!(Read.merge(Sent), Read);
        assert_eq!(Delivered.merge(Failed), Delivered);
        assert_eq!(Failed.merge(Delivered), Delivered);
        assert_eq!(Sent.merge(Failed), Failed);
        assert_eq!(Uncertain.merge(Queued), Uncertain);
    }
}
