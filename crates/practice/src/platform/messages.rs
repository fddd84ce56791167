//! Sending: what Meta checks, what it answers, and what happens to the message afterwards.

use std::sync::Arc;

use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use deskbell_domain::{PhoneNumber, WINDOW_MS};
use futures_util::future::ready;
use futures_util::stream;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use super::bodies::{Direction, StatusNews};
use super::calls::authorised_for;
use super::errors::Refusal;
use super::faults::Spoilt;
use super::state::OnItsWay;
use super::{BusinessNumber, Shared};
use crate::customer::{Habits, Received};
use crate::limits::{SILENCE, TEXT_CHARS_MAX};
use crate::people::{Language, Person};

/// Templates that the business has.
const TEMPLATES: [&str; 2] = ["hello_world", "order_update"];

/// A message to send, as far as it was checked.
struct Outgoing {
    to: String,
    word: String,
    text: Option<String>,
    quotes: Option<String>,
    callback_data: Option<String>,
}

/// `POST /{version}/{phone_number_id}/messages`.
pub(super) async fn send(
    State(shared): State<Arc<Shared>>,
    Path((_version, id)): Path<(String, String)>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let number = match authorised_for(&shared, &headers, &id) {
        Ok(number) => number.clone(),
        Err(refusal) => return refusal.into_response(),
    };
    let answer = act(&shared, &number, &body);
    let sent = answer.as_ref().is_ok_and(|answer| answer.get("messages").is_some());
    let spoilt = if sent { shared.lock().faults.answer() } else { None };
    match (answer, spoilt) {
        (Err(refusal), _) => refusal.into_response(),
        (Ok(answer), None) => Json(answer).into_response(),
        (Ok(_), Some(Spoilt::NoAnswer)) => {
            let mut stopped = shared.stopped.subscribe();
            // Ends with the client, with the platform, or when nobody can be waiting any more.
            let _ = timeout(SILENCE, stopped.wait_for(|stopped| *stopped)).await;
            Refusal::new(2).into_response()
        }
        (Ok(answer), Some(Spoilt::HangUp)) => cut_short(&answer),
    }
}

/// An answer that promises more than it sends.
fn cut_short(answer: &Value) -> Response {
    let promised = answer.to_string().len();
    let lost = std::io::Error::from(std::io::ErrorKind::ConnectionReset);
    let nothing = Body::from_stream(stream::once(ready(Err::<Bytes, _>(lost))));
    let headers = [
        (header::CONTENT_TYPE, "application/json".to_owned()),
        (header::CONTENT_LENGTH, promised.to_string()),
    ];
    (headers, nothing).into_response()
}

fn act(shared: &Arc<Shared>, number: &BusinessNumber, body: &[u8]) -> Result<Value, Refusal> {
    let request: Value = serde_json::from_slice(body).map_err(|_| Refusal::new(100))?;
    if text(&request, "messaging_product") != Some("whatsapp") {
        return Err(Refusal::with_details(100, "The parameter messaging_product is required."));
    }
    if text(&request, "status") == Some("read") {
        return read(shared, number, &request);
    }
    let outgoing = check(&request)?;
    accept(shared, number, outgoing)
}

/// A read mark, with or without a sign that somebody is writing.
fn read(shared: &Shared, number: &BusinessNumber, request: &Value) -> Result<Value, Refusal> {
    let id = text(request, "message_id").ok_or(Refusal::new(131_008))?;
    if shared.mark_read(&number.phone_number_id, id) {
        Ok(json!({"success": true}))
    } else {
        Err(Refusal::with_details(131_009, "The message does not exist."))
    }
}

/// Checks a message as far as it can be without knowing whom it is for.
fn check(request: &Value) -> Result<Outgoing, Refusal> {
    let to = text(request, "to").or_else(|| text(request, "recipient"));
    let to = to.ok_or(Refusal::with_details(131_008, "The parameter to or recipient is required."))?;
    // Without a type it is a text, as with Meta.
    let word = text(request, "type").unwrap_or("text");
    let part = request.get(word).unwrap_or(&Value::Null);
    let missing = || Refusal::with_details(131_008, format!("The parameter {word} is not complete."));
    let readable = match word {
        "text" => Some(text(part, "body").ok_or_else(missing)?),
        "template" => {
            let name = text(part, "name").ok_or_else(missing)?;
            let language = part.get("language").ok_or_else(missing)?;
            text(language, "code").ok_or_else(missing)?;
            if !TEMPLATES.contains(&name) {
                return Err(Refusal::new(132_001));
            }
            Some(name)
        }
        "image" | "audio" | "video" | "document" | "sticker" => {
            text(part, "id").or_else(|| text(part, "link")).ok_or_else(missing)?;
            text(part, "caption")
        }
        "reaction" => {
            text(part, "message_id").ok_or_else(missing)?;
            text(part, "emoji")
        }
        "interactive" => part.get("body").and_then(|body| text(body, "text")),
        "location" | "contacts" if !part.is_null() => None,
        _ => return Err(Refusal::with_details(100, format!("The type {word} is not supported."))),
    };
    if readable.is_some_and(|text| text.chars().count() > TEXT_CHARS_MAX) {
        return Err(Refusal::with_details(100, "Param text['body'] must be at most 4096 characters long."));
    }
    let context = request.get("context");
    Ok(Outgoing {
        to: to.to_owned(),
        word: word.to_owned(),
        text: readable.map(str::to_owned),
        quotes: context.and_then(|context| text(context, "message_id")).map(str::to_owned),
        callback_data: text(request, "biz_opaque_callback_data").map(str::to_owned),
    })
}

/// Takes a message on, if limits and window allow it.
fn accept(shared: &Arc<Shared>, number: &BusinessNumber, outgoing: Outgoing) -> Result<Value, Refusal> {
    let phone = PhoneNumber::parse(&outgoing.to).ok();
    if phone.is_none() && !outgoing.to.contains('.') {
        return Err(Refusal::with_details(131_009, "The recipient is neither a phone number nor a user id."));
    }
    let to = phone.map_or_else(|| outgoing.to.clone(), |phone| phone.expose().to_owned());
    if to == number.display_phone_number {
        return Err(Refusal::new(131_021));
    }
    let now = shared.now();
    let customer = shared.customer_of(&to);
    let mut state = shared.lock();
    if !state.throughput_allows(&number.phone_number_id, now) {
        return Err(Refusal::new(130_429));
    }
    if let Some(customer) = customer {
        let wrote = state.customer_wrote(&number.phone_number_id, customer, now);
        let open = wrote.is_some_and(|wrote| now.since(wrote) < WINDOW_MS);
        if !open && outgoing.word != "template" {
            return Err(Refusal::new(131_047));
        }
        if !state.pair_allows(&number.phone_number_id, customer, now) {
            return Err(Refusal::new(131_056));
        }
    }
    // Nobody has this number: Meta takes the message on all the same, and says so in a status.
    let failure = if customer.is_none() { Some(131_026) } else { state.faults.status() };
    let stranger = stranger(&to);
    let person = customer.and_then(|customer| shared.people.get(customer)).unwrap_or(&stranger);
    let id = state.next_id(shared.config.seed, person, Direction::ToCustomer);
    drop(state);

    let contact = if to == person.phone {
        json!({"input": outgoing.to, "wa_id": to})
    } else {
        json!({"input": outgoing.to, "user_id": to})
    };
    let answer = json!({"messaging_product": "whatsapp", "contacts": [contact], "messages": [{"id": id}]});
    let on_its_way = shared.on_its_way();
    let course =
        Course { shared: Arc::clone(shared), number: number.clone(), customer, to, id, outgoing, failure };
    shared.spawn(async move {
        course.run(on_its_way).await;
    });
    Ok(answer)
}

/// Somebody with this number whom the platform does not know.
fn stranger(to: &str) -> Person {
    Person {
        name: String::new(),
        phone: to.to_owned(),
        user_id: String::new(),
        username: None,
        shows_number: true,
        language: Language::English,
    }
}

/// The way of a message to its customer.
struct Course {
    shared: Arc<Shared>,
    number: BusinessNumber,
    customer: Option<usize>,
    to: String,
    id: String,
    outgoing: Outgoing,
    failure: Option<i64>,
}

impl Course {
    async fn run(self, on_its_way: OnItsWay) {
        let pace = self.shared.config.pace;
        sleep(pace.sent).await;
        let (None, Some(customer)) = (self.failure, self.customer) else {
            self.status("failed", self.failure);
            return;
        };
        self.status("sent", None);
        sleep(pace.delivered).await;
        let Some(habits) = self.shared.habits(customer) else { return };
        let mut habits = habits.subscribe();
        let Some(on_its_way) = self.until(&mut habits, |habits| habits.online, on_its_way).await else {
            return;
        };
        self.shared.deliver(
            customer,
            Received {
                id: self.id.clone(),
                phone_number_id: self.number.phone_number_id.clone(),
                word: self.outgoing.word.clone(),
                text: self.outgoing.text.clone(),
                quotes: self.outgoing.quotes.clone(),
                at: self.shared.now(),
                read: false,
            },
        );
        self.status("delivered", None);
        sleep(pace.read).await;
        let looks = |habits: &Habits| habits.online && habits.reads;
        let Some(_on_its_way) = self.until(&mut habits, looks, on_its_way).await else { return };
        self.shared.mark_seen(customer, &self.id);
        self.status("read", None);
    }

    /// Waits until the customer's phone lets the message go on. Until then, if that is not now, nothing is on its way:
    /// a phone that is off may stay off.
    async fn until(
        &self,
        habits: &mut watch::Receiver<Habits>,
        ready: impl Fn(&Habits) -> bool,
        on_its_way: OnItsWay,
    ) -> Option<OnItsWay> {
        if ready(&habits.borrow()) {
            return Some(on_its_way);
        }
        drop(on_its_way);
        habits.wait_for(ready).await.ok()?;
        Some(self.shared.on_its_way())
    }

    fn status(&self, word: &'static str, error: Option<i64>) {
        let news = StatusNews {
            id: &self.id,
            word,
            at: self.shared.now(),
            callback_data: self.outgoing.callback_data.as_deref(),
            error,
        };
        self.shared.status(&self.number, self.customer, &self.to, &news);
    }
}

fn text<'a>(value: &'a Value, key: &str) -> Option<&'a str> {
    value.get(key)?.as_str().filter(|text| !text.is_empty())
}
