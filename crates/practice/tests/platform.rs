//! What the platform promises, seen from a backend: a receiver of webhooks on one side, Meta's client on the other.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "what helps a test fails as a test does"
)]

mod receiver;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use deskbell_domain::{Clock, UtcMs};
use deskbell_meta::graph::{
    Accepted, Action, Destination, Graph, GraphConfig, GraphError, NotSent, TextMessage, Uncertain,
};
use deskbell_meta::webhook::{Content, EventKind, Kind, StatusWord};
use deskbell_practice::{BusinessNumber, Fault, Pace, Platform, PlatformConfig, Script, Step, WebhookPlan};
use receiver::Receiver;
use serde_json::{Value, json};

/// How long anything in these tests may take at most. Nothing waits for it to pass.
const LIMIT: Duration = Duration::from_secs(20);

struct World {
    platform: Platform,
    receiver: Receiver,
    graph: Graph,
}

impl World {
    async fn begin() -> Self {
        Self::with(PlatformConfig { pace: Pace::INSTANT, ..PlatformConfig::new(41) }).await
    }

    async fn with(config: PlatformConfig) -> Self {
        let receiver = Receiver::start(config.app_secret.clone(), config.verify_token.clone()).await;
        let platform = Platform::start(config).await.unwrap();
        platform.set_webhook_url(receiver.url.clone());
        let graph = client(&platform, Duration::from_secs(10));
        Self { platform, receiver, graph }
    }

    async fn sends(&self, to: &str, text: &str) -> Result<Accepted, GraphError> {
        self.sends_from(self.platform.number(), Destination::Phone(to.into()), text).await
    }

    async fn sends_from(
        &self,
        number: &BusinessNumber,
        to: Destination,
        text: &str,
    ) -> Result<Accepted, GraphError> {
        let message = TextMessage {
            to,
            body: text.into(),
            preview_url: false,
            quotes: None,
            callback_data: format!("own {text}"),
        };
        self.graph.send_text(&number.token, &number.phone_number_id, &message).await
    }

    async fn settled(&self) {
        self.platform.settled(LIMIT).await.unwrap();
    }

    /// The words of the statuses that came, in the order in which they came.
    fn statuses(&self) -> Vec<StatusWord> {
        let statuses = self.receiver.events().into_iter();
        statuses
            .filter_map(
                |event| if let EventKind::Status(status) = event.kind { Some(status.word) } else { None },
            )
            .collect()
    }

    /// The texts of the messages that came, in the order in which they came.
    fn texts(&self) -> Vec<String> {
        let messages = self.receiver.events().into_iter();
        messages
            .filter_map(
                |event| if let EventKind::Message(message) = event.kind { message.text } else { None },
            )
            .map(deskbell_domain::Sensitive::into_exposed)
            .collect()
    }
}

fn client(platform: &Platform, call_timeout: Duration) -> Graph {
    Graph::new(GraphConfig { base_url: platform.base_url(), call_timeout, ..GraphConfig::default() }).unwrap()
}

/// The code and what to do about a refusal.
fn refused<T: std::fmt::Debug>(result: Result<T, GraphError>) -> (i64, Action) {
    match result {
        Err(GraphError::Refused(refusal)) => (refusal.code.unwrap(), refusal.action()),
        other => panic!("not refused: {other:?}"),
    }
}

/// A clock that stands still until it is put forward by hand, in milliseconds.
#[derive(Default)]
struct ForwardClock(AtomicI64);

impl Clock for ForwardClock {
    fn now(&self) -> UtcMs {
        UtcMs::from_ms(1_790_000_000_000).plus_ms(self.0.load(Ordering::SeqCst))
    }
}

#[tokio::test]
async fn a_customers_message_arrives_as_a_signed_webhook() {
    let world = World::begin().await;
    let customer = world.platform.customer(1);
    let id = customer.writes("¿Abrís el sábado? 🙂 a/b").await;
    world.settled().await;

    let events = world.receiver.events();
    let [event] = events.as_slice() else { panic!("{events:?}") };
    let EventKind::Message(message) = &event.kind else { panic!("{event:?}") };
    assert_eq!(message.id, Some(id.as_str().into()));
    assert_eq!(message.text, Some("¿Abrís el sábado? 🙂 a/b".into()));
    assert_eq!(message.from.phone, Some(customer.phone().into()));
    assert_eq!(message.from.name, Some(customer.person().name.as_str().into()));
    assert_eq!(event.target.phone_number_id.as_ref(), Some(&world.platform.number().phone_number_id));
    assert!(world.receiver.bodies()[0].is_ascii());
    assert_eq!(world.receiver.forged(), 0);
}

#[tokio::test]
async fn a_receiver_with_another_secret_takes_nothing() {
    let config = PlatformConfig { pace: Pace::INSTANT, ..PlatformConfig::new(41) };
    let receiver = Receiver::start("another-secret".into(), config.verify_token.clone()).await;
    let platform = Platform::start(config).await.unwrap();
    platform.set_webhook_url(receiver.url.clone());
    platform.customer(0).writes("hello").await;
    receiver.until(|receiver| receiver.forged() >= 2).await;
    assert!(receiver.events().is_empty());
}

#[tokio::test]
async fn a_customer_who_hides_their_number_is_reached_by_user_id() {
    let world = World::begin().await;
    let customer = world.platform.customer(4);
    assert!(!customer.person().shows_number);
    customer.writes("hi").await;
    world.settled().await;
    let EventKind::Message(message) = &world.receiver.events()[0].kind else { panic!() };
    assert_eq!(message.from.phone, None);
    let user_id = message.from.user_id.clone().unwrap();

    let sent =
        world.sends_from(world.platform.number(), Destination::UserId(user_id), "hello").await.unwrap();
    assert_eq!(sent.phone, None);
    assert!(sent.user_id.is_some());
    assert_eq!(customer.receives(1, LIMIT).await.unwrap()[0].text.as_deref(), Some("hello"));
}

#[tokio::test]
async fn an_answer_reaches_the_customer_and_its_statuses_come_in_order() {
    let world = World::begin().await;
    let customer = world.platform.customer(0);
    customer.writes("hi").await;
    let accepted = world.sends(customer.phone(), "hello").await.unwrap();
    assert_eq!(accepted.phone, Some(customer.phone().into()));

    let received = customer.receives(1, LIMIT).await.unwrap();
    assert_eq!(received[0].text.as_deref(), Some("hello"));
    assert_eq!(&received[0].id, accepted.id.expose());
    world.settled().await;
    assert_eq!(world.statuses(), [StatusWord::Sent, StatusWord::Delivered, StatusWord::Read]);
    for event in world.receiver.events() {
        let EventKind::Status(status) = event.kind else { continue };
        assert_eq!(status.id, Some(accepted.id.clone()));
        assert_eq!(status.callback_data, Some("own hello".into()));
        assert_eq!(status.recipient.person.phone, Some(customer.phone().into()));
        assert_eq!(status.pricing.is_some(), status.word != StatusWord::Read);
    }
    assert!(world.platform.received_by(customer.phone())[0].read);
}

#[tokio::test]
async fn a_phone_that_is_off_gets_its_messages_later_and_an_unread_chat_stays_unread() {
    let world = World::begin().await;
    let customer = world.platform.customer(0);
    customer.set_online(false);
    customer.set_reads(false);
    customer.writes("hi").await;
    world.sends(customer.phone(), "hello").await.unwrap();
    world.settled().await;
    assert_eq!(world.statuses(), [StatusWord::Sent]);
    assert!(customer.received().is_empty());

    customer.set_online(true);
    customer.receives(1, LIMIT).await.unwrap();
    world.receiver.until(|_| world.statuses().len() == 2).await;
    world.settled().await;
    assert_eq!(world.statuses(), [StatusWord::Sent, StatusWord::Delivered]);

    customer.set_reads(true);
    world.receiver.until(|_| world.statuses().len() == 3).await;
    assert_eq!(world.statuses().last(), Some(&StatusWord::Read));
}

#[tokio::test]
async fn a_customer_who_did_not_write_for_a_day_gets_templates_only() {
    let clock = Arc::new(ForwardClock::default());
    let config = PlatformConfig { pace: Pace::INSTANT, clock: clock.clone(), ..PlatformConfig::new(41) };
    let world = World::with(config).await;
    let customer = world.platform.customer(0);
    assert_eq!(refused(world.sends(customer.phone(), "hello").await), (131_047, Action::OfferTemplate));

    customer.writes("hi").await;
    clock.0.store(24 * 60 * 60 * 1000 - 5_000, Ordering::SeqCst);
    world.sends(customer.phone(), "in time").await.unwrap();
    clock.0.store(24 * 60 * 60 * 1000 + 5_000, Ordering::SeqCst);
    assert_eq!(refused(world.sends(customer.phone(), "late").await), (131_047, Action::OfferTemplate));

    let template = |name: &str| {
        json!({"messaging_product": "whatsapp", "to": customer.phone(), "type": "template",
            "template": {"name": name, "language": {"code": "en_US"}}})
    };
    assert_eq!(post(&world, &template("hello_world")).await.0, 200);
    assert_eq!(post(&world, &template("unheard_of")).await, (404, Some(132_001)));
    let words: Vec<String> =
        customer.receives(2, LIMIT).await.unwrap().into_iter().map(|received| received.word).collect();
    assert_eq!(words, ["text", "template"]);

    customer.writes("hi again").await;
    world.sends(customer.phone(), "open again").await.unwrap();
}

/// Posts a body as it is. Gives the HTTP status and the code of the refusal.
async fn post(world: &World, body: &Value) -> (u16, Option<i64>) {
    let number = world.platform.number();
    let url = format!("{}/v26.0/{}/messages", world.platform.base_url(), number.phone_number_id);
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let answer = client.post(url).bearer_auth(number.token.expose()).json(body).send().await.unwrap();
    let status = answer.status().as_u16();
    let answer: Value = answer.json().await.unwrap();
    (status, answer["error"]["code"].as_i64())
}

#[tokio::test]
async fn too_much_to_one_customer_is_refused_for_that_pair_alone() {
    let clock = Arc::new(ForwardClock::default());
    let config = PlatformConfig { pace: Pace::INSTANT, clock: clock.clone(), ..PlatformConfig::new(41) };
    let world = World::with(config).await;
    let (one, other) = (world.platform.customer(0), world.platform.customer(1));
    one.writes("hi").await;
    other.writes("hola").await;
    for number in 0..45 {
        world.sends(one.phone(), &number.to_string()).await.unwrap();
    }
    assert_eq!(refused(world.sends(one.phone(), "one more").await), (131_056, Action::RetryPair));
    world.sends(other.phone(), "hello").await.unwrap();
    clock.0.store(7_000, Ordering::SeqCst);
    world.sends(one.phone(), "one more").await.unwrap();
    assert_eq!(one.receives(46, LIMIT).await.unwrap().len(), 46);
}

#[tokio::test]
async fn too_much_from_one_number_is_refused() {
    let config = PlatformConfig {
        pace: Pace::INSTANT,
        clock: Arc::new(ForwardClock::default()),
        ..PlatformConfig::new(41)
    };
    let world = World::with(config).await;
    for customer in world.platform.customers() {
        customer.writes("hi").await;
    }
    for number in 0..80 {
        world.sends(world.platform.customer(number).phone(), "hello").await.unwrap();
    }
    let refusal = refused(world.sends(world.platform.customer(0).phone(), "hello").await);
    assert_eq!(refusal, (130_429, Action::SlowNumber));
}

#[tokio::test]
async fn malformed_messages_are_refused_as_meta_does() {
    let world = World::begin().await;
    let customer = world.platform.customer(0);
    customer.writes("hi").await;
    let to = customer.phone();
    let text = |body: &str| json!({"messaging_product": "whatsapp", "to": to, "type": "text", "text": {"body": body}});
    assert_eq!(
        post(&world, &json!({"to": to, "type": "text", "text": {"body": "x"}})).await,
        (400, Some(100))
    );
    assert_eq!(
        post(&world, &json!({"messaging_product": "whatsapp", "text": {"body": "x"}})).await,
        (400, Some(131_008))
    );
    assert_eq!(post(&world, &text("")).await, (400, Some(131_008)));
    assert_eq!(post(&world, &text(&"x".repeat(4097))).await, (400, Some(100)));
    assert_eq!(post(&world, &text(&"ñ".repeat(4096))).await, (200, None));
    assert_eq!(
        post(&world, &json!({"messaging_product": "whatsapp", "to": "nobody", "text": {"body": "x"}})).await,
        (400, Some(131_009))
    );
    let own = &world.platform.number().display_phone_number;
    assert_eq!(
        post(&world, &json!({"messaging_product": "whatsapp", "to": own, "text": {"body": "x"}})).await,
        (400, Some(131_021))
    );
    assert_eq!(customer.receives(1, LIMIT).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_number_that_nobody_has_fails_afterwards() {
    let world = World::begin().await;
    world.sends("15551112222", "hello").await.unwrap();
    world.settled().await;
    let events = world.receiver.events();
    let EventKind::Status(status) = &events[0].kind else { panic!() };
    assert_eq!((status.word, status.errors[0].code, events.len()), (StatusWord::Failed, Some(131_026), 1));
}

#[tokio::test]
async fn tokens_are_good_for_their_own_numbers_and_until_they_expire() {
    let world = World::with(two_numbers()).await;
    let customer = world.platform.customer(0);
    let [one, other] = world.platform.config().numbers.as_slice() else { panic!() };
    customer.writes("hi").await;
    let send = |token: &str, id: &str| {
        let message = TextMessage {
            to: Destination::Phone(customer.phone().into()),
            body: "x".into(),
            preview_url: false,
            quotes: None,
            callback_data: String::new(),
        };
        let (graph, token, id) = (world.graph.clone(), token.into(), id.to_owned());
        async move { graph.send_text(&token, &id, &message).await }
    };
    assert_eq!(refused(send("nonsense", &one.phone_number_id).await), (190, Action::Reconnect));
    assert_eq!(
        refused(send(other.token.expose(), &one.phone_number_id).await),
        (10, Action::CheckPermission)
    );
    assert_eq!(refused(send(one.token.expose(), "4711").await), (33, Action::CheckConnection));

    world.platform.faults().expire_tokens();
    assert_eq!(refused(send(one.token.expose(), &one.phone_number_id).await), (190, Action::Reconnect));
    world.platform.faults().renew_tokens();
    send(one.token.expose(), &one.phone_number_id).await.unwrap();
    assert_eq!(customer.receives(1, LIMIT).await.unwrap().len(), 1);
}

fn two_numbers() -> PlatformConfig {
    let config = PlatformConfig { pace: Pace::INSTANT, ..PlatformConfig::new(41) };
    let mut other = PlatformConfig::new(42).numbers;
    other.extend(config.numbers.clone());
    other.reverse();
    PlatformConfig { numbers: other, ..config }
}

#[tokio::test]
async fn a_call_that_times_out_after_metas_act_reaches_the_customer_once() {
    let world = World::begin().await;
    let customer = world.platform.customer(0);
    customer.writes("hi").await;
    world.platform.faults().no_answer(1);
    let patient = world.graph.clone();
    let impatient = World { graph: client(&world.platform, Duration::from_secs(1)), ..world };
    let sent = impatient.sends(customer.phone(), "hello").await;
    assert_eq!(sent, Err(GraphError::Uncertain(Uncertain::Timeout)));
    impatient.settled().await;
    assert_eq!(impatient.platform.received_by(customer.phone()).len(), 1);
    assert_eq!(impatient.statuses(), [StatusWord::Sent, StatusWord::Delivered, StatusWord::Read]);
    let patient = World { graph: patient, ..impatient };
    patient.sends(customer.phone(), "the next is answered").await.unwrap();
}

#[tokio::test]
async fn a_connection_that_ends_within_the_answer_reaches_the_customer_too() {
    let world = World::begin().await;
    let customer = world.platform.customer(0);
    customer.writes("hi").await;
    world.platform.faults().hang_up(1);
    let sent = world.sends(customer.phone(), "hello").await;
    assert_eq!(sent, Err(GraphError::Uncertain(Uncertain::ConnectionLost)));
    assert_eq!(customer.receives(1, LIMIT).await.unwrap().len(), 1);
}

#[tokio::test]
async fn calls_fail_when_told_to_and_nothing_is_done() {
    let world = World::begin().await;
    let customer = world.platform.customer(0);
    customer.writes("hi").await;
    world.platform.faults().fail_calls(2, 131_016);
    for _ in 0..2 {
        assert_eq!(refused(world.sends(customer.phone(), "hello").await), (131_016, Action::Retry));
    }
    world.sends(customer.phone(), "hello").await.unwrap();
    assert_eq!(customer.receives(1, LIMIT).await.unwrap().len(), 1);
    let codes: Vec<_> = world.platform.calls().iter().map(|call| (call.status, call.code)).collect();
    assert_eq!(codes, [(Some(500), Some(131_016)), (Some(500), Some(131_016)), (Some(200), None)]);
}

#[tokio::test]
async fn messages_fail_afterwards_when_told_to() {
    let world = World::begin().await;
    let customer = world.platform.customer(0);
    customer.writes("hi").await;
    world.platform.faults().fail_statuses(1, 131_049);
    world.sends(customer.phone(), "hello").await.unwrap();
    world.settled().await;
    assert_eq!(world.statuses(), [StatusWord::Failed]);
    assert!(customer.received().is_empty());
}

#[tokio::test]
async fn statuses_are_lost_when_told_to() {
    let world = World::begin().await;
    let customer = world.platform.customer(0);
    customer.writes("hi").await;
    world.platform.faults().inject(Fault::DropStatuses { count: 1, word: Some("delivered".to_owned()) });
    world.sends(customer.phone(), "hello").await.unwrap();
    customer.receives(1, LIMIT).await.unwrap();
    world.settled().await;
    assert_eq!(world.statuses(), [StatusWord::Sent, StatusWord::Read]);
}

#[tokio::test]
async fn a_webhook_that_is_not_accepted_comes_again() {
    let world = World::begin().await;
    world.receiver.refuse_next(3);
    world.platform.customer(0).writes("hi").await;
    world.settled().await;
    assert_eq!(world.texts(), ["hi"]);
    let deliveries = world.platform.deliveries();
    assert_eq!((deliveries.accepted, deliveries.refused), (1, 3));
}

#[tokio::test]
async fn webhooks_are_repeated_batched_and_held_as_the_plan_says() {
    let world = World::begin().await;
    let faults = world.platform.faults();
    faults.webhooks(WebhookPlan { copies: 3, ..WebhookPlan::default() });
    world.platform.customer(0).writes("thrice").await;
    world.settled().await;
    assert_eq!(world.texts(), ["thrice", "thrice", "thrice"]);

    let held = WebhookPlan { held: true, batch_max: 10, gather_ms: 5_000, ..WebhookPlan::default() };
    faults.webhooks(held);
    for index in 0..10 {
        world.platform.customer(index).writes("batched").await;
    }
    assert_eq!(world.receiver.bodies().len(), 3);
    faults.webhooks(WebhookPlan { held: false, ..held });
    world.settled().await;
    assert_eq!(world.receiver.bodies().len(), 4);
    assert_eq!(world.texts().len(), 13);
}

#[tokio::test]
async fn webhooks_change_their_order_and_lose_nothing_when_told_to() {
    let world = World::begin().await;
    let written: Vec<String> = (0..40).map(|number| format!("{number:02}")).collect();
    let shuffled = WebhookPlan { reorder_among: 40, gather_ms: 5_000, ..WebhookPlan::default() };
    for plan in [shuffled, WebhookPlan { delay_max_ms: 100, connections: 8, ..WebhookPlan::default() }] {
        let before = world.texts().len();
        world.platform.faults().webhooks(plan);
        for text in &written {
            world.platform.customer(0).writes(text).await;
        }
        world.settled().await;
        let mut texts = world.texts().split_off(before);
        assert_ne!(texts, written, "{plan:?}");
        texts.sort();
        assert_eq!(texts, written, "{plan:?}");
    }
}

#[tokio::test]
async fn without_a_plan_webhooks_come_in_order() {
    let world = World::begin().await;
    let written: Vec<String> = (0..40).map(|number| format!("{number:02}")).collect();
    for text in &written {
        world.platform.customer(0).writes(text).await;
    }
    world.settled().await;
    assert_eq!(world.texts(), written);
}

#[tokio::test]
async fn one_body_may_be_for_two_accounts() {
    let world = World::with(two_numbers()).await;
    let [one, other] = world.platform.config().numbers.clone().try_into().unwrap();
    world.platform.faults().webhooks(WebhookPlan {
        batch_max: 2,
        gather_ms: 5_000,
        ..WebhookPlan::default()
    });
    let customer = world.platform.customer(0);
    customer.writes_to(&one, "to one").await;
    customer.writes_to(&other, "to the other").await;
    world.settled().await;
    assert_eq!(world.receiver.bodies().len(), 1);
    let accounts: Vec<_> =
        world.receiver.events().into_iter().map(|event| event.target.waba_id.unwrap()).collect();
    assert_eq!(accounts, [one.waba_id, other.waba_id]);
}

#[tokio::test]
async fn the_address_of_webhooks_is_verified_as_meta_does() {
    let world = World::begin().await;
    assert!(world.platform.verify_webhook().await);
    let config = PlatformConfig { pace: Pace::INSTANT, ..PlatformConfig::new(41) };
    let stranger = Receiver::start(config.app_secret.clone(), "another-token".into()).await;
    world.platform.set_webhook_url(stranger.url.clone());
    assert!(!world.platform.verify_webhook().await);
}

#[tokio::test]
async fn a_picture_can_be_downloaded_with_the_token_for_five_minutes() {
    let clock = Arc::new(ForwardClock::default());
    let config = PlatformConfig { pace: Pace::INSTANT, clock: clock.clone(), ..PlatformConfig::new(41) };
    let world = World::with(config).await;
    world.platform.customer(0).sends_image("image/jpeg", b"JPEG of a kettle", Some("it leaks")).await;
    world.settled().await;
    let EventKind::Message(message) = &world.receiver.events()[0].kind else { panic!() };
    assert_eq!(message.text, Some("it leaks".into()));
    let media_id = message.media.as_ref().unwrap().id.clone().unwrap();

    let number = world.platform.number();
    let info = world.graph.media(&number.token, &number.phone_number_id, &media_id).await.unwrap();
    assert_eq!(info.file_bytes, Some(16));
    assert!(deskbell_meta::graph::MediaDigest::of(b"JPEG of a kettle").is(info.sha256.as_deref().unwrap()));
    let picture = world.graph.download(&number.token, &info.url, 100).await.unwrap();
    assert_eq!(picture.as_ref(), b"JPEG of a kettle");
    assert_eq!(refused(world.graph.download(&"nonsense".into(), &info.url, 100).await).0, 190);

    clock.0.store(5 * 60 * 1000 + 1, Ordering::SeqCst);
    let late = world.graph.download(&number.token, &info.url, 100).await;
    assert!(matches!(late, Err(GraphError::Refused(refusal)) if refusal.http_status == 404));
}

#[tokio::test]
async fn a_read_mark_is_seen_by_the_customer() {
    let world = World::begin().await;
    let number = world.platform.number();
    let customer = world.platform.customer(0);
    let id = customer.writes("hi").await;
    assert!(!customer.was_read(&id));
    world.graph.mark_read(&number.token, &number.phone_number_id, &id.as_str().into()).await.unwrap();
    assert!(customer.was_read(&id));
    let typing = world.graph.show_typing(&number.token, &number.phone_number_id, &id.as_str().into()).await;
    assert_eq!(typing, Ok(()));
    let unknown = world.graph.mark_read(&number.token, &number.phone_number_id, &"wamid.none".into()).await;
    assert_eq!(refused(unknown).0, 131_009);
}

#[tokio::test]
async fn numbers_and_tokens_tell_about_themselves() {
    let world = World::begin().await;
    let number = world.platform.number();
    let info = world.graph.phone_number(&number.token, &number.phone_number_id).await.unwrap();
    assert_eq!(info.verified_name.as_ref(), Some(&number.verified_name));
    assert_eq!(info.throughput.as_deref(), Some("STANDARD"));

    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let get = |path: String, token: String| {
        let request = client.get(format!("{}{path}", world.platform.base_url())).bearer_auth(token);
        async move { request.send().await.unwrap().json::<Value>().await.unwrap() }
    };
    let numbers =
        get(format!("/v26.0/{}/phone_numbers", number.waba_id), number.token.expose().clone()).await;
    assert_eq!(numbers["data"][0]["id"], number.phone_number_id.as_str());

    let app_token = format!("634974688087057|{}", world.platform.config().app_secret.expose());
    let inspect = format!("/v26.0/debug_token?input_token={}", number.token.expose());
    let inspected = get(inspect.clone(), app_token.clone()).await;
    assert_eq!(inspected["data"]["is_valid"], true);
    assert_eq!(inspected["data"]["granular_scopes"][0]["target_ids"][0], number.waba_id.as_str());
    world.platform.faults().expire_tokens();
    assert_eq!(get(inspect.clone(), app_token).await["data"]["is_valid"], false);
    assert_eq!(get(inspect, number.token.expose().clone()).await["error"]["code"], 190);
}

#[tokio::test]
async fn customers_play_their_scripts() {
    let world = World::begin().await;
    let customer = world.platform.customer(0);
    let script = Script {
        steps: vec![
            Step::Write("hi".to_owned()),
            Step::AwaitReply(LIMIT),
            Step::Read,
            Step::Write("thanks".to_owned()),
        ],
    };
    let playing = tokio::spawn({
        let customer = customer.clone();
        async move { customer.plays(&script).await }
    });
    world.receiver.until(|_| world.texts().len() == 1).await;
    world.sends(customer.phone(), "hello").await.unwrap();
    playing.await.unwrap();
    world.settled().await;
    assert_eq!(world.texts(), ["hi", "thanks"]);
}

#[tokio::test]
async fn quotes_reactions_and_unknown_types_arrive_as_such() {
    let world = World::begin().await;
    let customer = world.platform.customer(0);
    customer.writes("hi").await;
    let sent = world.sends(customer.phone(), "hello").await.unwrap();
    customer.answers(sent.id.expose(), "to that").await;
    customer.reacts(sent.id.expose(), "👍").await;
    customer.sends_something_new().await;
    world.settled().await;
    let messages: Vec<_> = world
        .receiver
        .events()
        .into_iter()
        .filter_map(|event| {
            let kind = event.kind();
            if let EventKind::Message(message) = event.kind { Some((kind, *message)) } else { None }
        })
        .collect();
    assert_eq!(messages[1].1.context.as_ref().unwrap().id.as_ref(), Some(&sent.id));
    assert!(
        matches!(&messages[2].1.content, Content::Reaction { message_id, .. } if message_id.as_ref() == Some(&sent.id))
    );
    assert_eq!(messages[3].0, Kind::Unsupported);
}

#[tokio::test]
async fn the_control_endpoints_ask_for_the_secret_of_this_run() {
    let config = PlatformConfig { pace: Pace::INSTANT, control: true, ..PlatformConfig::new(41) };
    let world = World::with(config).await;
    let secret = world.platform.control_secret().unwrap().expose().clone();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let base = world.platform.base_url();
    let post = |path: &str, secret: &str, body: Value| {
        let request = client.post(format!("{base}/_practice/{path}")).bearer_auth(secret).json(&body);
        async move { request.send().await.unwrap() }
    };
    let fault = json!({"fault": "fail_calls", "count": 1, "code": 131_000});
    assert_eq!(post("faults", "guess", fault.clone()).await.status(), 401);
    assert_eq!(post("faults", "", fault.clone()).await.status(), 401);
    let written =
        post("customers/0/writes", &secret, json!({"text": "hi"})).await.json::<Value>().await.unwrap();
    assert!(written["id"].as_str().unwrap().starts_with("wamid."));
    world.settled().await;
    assert_eq!(world.texts(), ["hi"]);

    let phone = world.platform.customer(0).phone().to_owned();
    world.sends(&phone, "the refused fault did nothing").await.unwrap();
    world.platform.customer(0).receives(1, LIMIT).await.unwrap();
    assert_eq!(post("faults", &secret, fault).await.status(), 204);
    assert_eq!(refused(world.sends(&phone, "x").await).0, 131_000);
    let received = client.get(format!("{base}/_practice/customers/0/received")).bearer_auth(&secret);
    let received = received.send().await.unwrap().json::<Value>().await.unwrap();
    assert_eq!(received.as_array().unwrap().len(), 1);
    assert_eq!(post("customers/99/writes", &secret, json!({"text": "hi"})).await.status(), 404);

    let closed = World::begin().await;
    let state = client.get(format!("{}/_practice/state", closed.platform.base_url())).send().await.unwrap();
    assert_ne!(state.status(), 200);
}

#[tokio::test]
async fn a_platform_that_ended_answers_nobody() {
    let world = World::begin().await;
    let World { platform, graph, receiver: _receiver } = world;
    let number = platform.number().clone();
    drop(platform);
    // Connections that were under way when it ended may still be cut; in the end there is nobody to connect to.
    let nobody = async {
        while graph.phone_number(&number.token, &number.phone_number_id).await
            != Err(GraphError::NotSent(NotSent::Connect))
        {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(LIMIT, nobody).await.unwrap();
}
