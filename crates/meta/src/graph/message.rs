use deskbell_domain::Sensitive;
use serde_json::{Value, json};

use super::{Graph, GraphError, Uncertain};
use crate::webhook::json::{id, items, secret};

/// Whom a message is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Destination {
    /// A phone number in E.164, digits only.
    Phone(Sensitive<String>),
    /// A business-scoped user id, for a customer whose number is not known.
    UserId(Sensitive<String>),
}

/// A text to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TextMessage {
    /// Whom it is for.
    pub to: Destination,
    /// The text, at most 4096 characters.
    pub body: Sensitive<String>,
    /// Whether WhatsApp shows a preview of the first link.
    pub preview_url: bool,
    /// Meta's id of the message it answers, shown above it.
    pub quotes: Option<Sensitive<String>>,
    /// Our own id of the message. Each status brings it back: the only way to find a message again whose send ended
    /// without an answer.
    pub callback_data: String,
}

/// Meta has taken a message on. It is not sent yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    /// Meta's id of the message. It contains the phone number.
    pub id: Sensitive<String>,
    /// The number as WhatsApp knows it, which may differ from the one given (Argentina, Brazil, Mexico).
    pub phone: Option<Sensitive<String>>,
    /// The customer's user id.
    pub user_id: Option<Sensitive<String>>,
}

impl Graph {
    /// Sends a text from a business phone number.
    ///
    /// # Errors
    /// [`GraphError::Uncertain`] where the message may have been sent all the same.
    pub async fn send_text(
        &self,
        token: &Sensitive<String>,
        phone_number_id: &str,
        message: &TextMessage,
    ) -> Result<Accepted, GraphError> {
        let mut body = json!({
            "messaging_product": "whatsapp",
            "recipient_type": "individual",
            "type": "text",
            "text": {"preview_url": message.preview_url, "body": message.body},
            "biz_opaque_callback_data": message.callback_data,
        });
        if let Some(body) = body.as_object_mut() {
            match &message.to {
                Destination::Phone(phone) => body.insert("to".into(), format!("+{}", phone.expose()).into()),
                Destination::UserId(user_id) => {
                    body.insert("recipient".into(), user_id.expose().as_str().into())
                }
            };
            if let Some(quotes) = &message.quotes {
                body.insert("context".into(), json!({"message_id": quotes}));
            }
        }
        let url = self.address(&[phone_number_id, "messages"])?;
        let answer = self.call(self.post(token, url, &body)).await?;
        accepted(&answer).ok_or_else(|| Uncertain::Unreadable(200).into())
    }

    /// Tells the customer that a message, and those before it, were read.
    ///
    /// # Errors
    /// As every call. To make it again does no harm.
    pub async fn mark_read(
        &self,
        token: &Sensitive<String>,
        phone_number_id: &str,
        message_id: &Sensitive<String>,
    ) -> Result<(), GraphError> {
        let body = json!({"messaging_product": "whatsapp", "status": "read", "message_id": message_id});
        self.tell(token, phone_number_id, &body).await
    }

    /// Marks a message as read, and shows the customer that somebody is writing, until an answer or for 25 seconds.
    ///
    /// # Errors
    /// As every call. To make it again does no harm.
    pub async fn show_typing(
        &self,
        token: &Sensitive<String>,
        phone_number_id: &str,
        message_id: &Sensitive<String>,
    ) -> Result<(), GraphError> {
        let body = json!({
            "messaging_product": "whatsapp",
            "status": "read",
            "message_id": message_id,
            "typing_indicator": {"type": "text"},
        });
        self.tell(token, phone_number_id, &body).await
    }

    async fn tell(
        &self,
        token: &Sensitive<String>,
        phone_number_id: &str,
        body: &Value,
    ) -> Result<(), GraphError> {
        let url = self.address(&[phone_number_id, "messages"])?;
        self.call(self.post(token, url, body)).await.map(|_| ())
    }
}

fn accepted(answer: &Value) -> Option<Accepted> {
    let contact = items(answer, "contacts").first().unwrap_or(&Value::Null);
    Some(Accepted {
        id: Sensitive::new(id(items(answer, "messages").first()?, "id")?),
        phone: secret(contact, "wa_id"),
        user_id: secret(contact, "user_id"),
    })
}
