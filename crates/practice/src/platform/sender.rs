//! Sends webhooks: signed, batched, repeated and shuffled as the plan says, and again until they are accepted.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use deskbell_meta::signature;
use reqwest::{Client, StatusCode};
use serde::Serialize;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::{sleep, timeout_at};

use super::bodies::{self, Update};
use super::state::OnItsWay;
use super::{Shared, StartError, WebhookPlan};
use crate::limits::{UPDATES_PER_WEBHOOK_MAX, WEBHOOK_RETRY_FOR, WEBHOOK_RETRY_WAIT_MAX, WEBHOOK_TIMEOUT};
use crate::random::Random;

/// What became of the webhooks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Deliveries {
    /// Answered with 200.
    pub accepted: u64,
    /// Answered with something else; sent again later.
    pub refused: u64,
    /// Not answered; sent again later.
    pub unanswered: u64,
}

pub(super) fn client() -> Result<Client, StartError> {
    // Fails only where the process has a provider, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::builder()
        .timeout(WEBHOOK_TIMEOUT)
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .user_agent("facebookexternalua")
        .build()
        .map_err(|_| StartError::Tls)
}

/// Makes the verification call of a webhook address.
pub(super) async fn verify(shared: &Shared) -> bool {
    let Some(url) = shared.webhook_url.borrow().clone() else { return false };
    let Ok(client) = client() else { return false };
    let challenge = shared.lock().random.digits(10);
    let query = [
        ("hub.mode", "subscribe"),
        ("hub.challenge", challenge.as_str()),
        ("hub.verify_token", shared.config.verify_token.expose().as_str()),
    ];
    let Ok(answer) = client.get(url).query(&query).send().await else { return false };
    answer.status() == StatusCode::OK && answer.text().await.is_ok_and(|text| text == challenge)
}

/// An update and the mark that it is on its way.
type Queued = (Update, OnItsWay);

/// Sends what is queued, until the platform ends.
pub(super) async fn run(shared: Arc<Shared>, client: Client, mut queued: mpsc::UnboundedReceiver<Queued>) {
    let mut plans = shared.plan.subscribe();
    let mut random = Random::of(shared.config.seed, "webhooks");
    let mut lanes = Lanes::new(1);
    while let Some(first) = queued.recv().await {
        let Ok(plan) = plans.wait_for(|plan| !plan.held).await.map(|plan| *plan) else { return };
        lanes.resize(plan.connections.max(1));
        let mut gathered = gather(first, &mut queued, &plan).await;
        if plan.reorder_among > 1 {
            random.shuffle(&mut gathered);
        }
        let batch_max = plan.batch_max.clamp(1, UPDATES_PER_WEBHOOK_MAX);
        while !gathered.is_empty() {
            let rest = gathered.split_off(batch_max.min(gathered.len()));
            let (updates, on_its_way): (Vec<Update>, Vec<OnItsWay>) = gathered.into_iter().unzip();
            gathered = rest;
            let body = Bytes::from(bodies::webhook(&updates));
            let on_its_way = Arc::new(on_its_way);
            for _ in 0..plan.copies {
                let webhook = Webhook {
                    shared: Arc::clone(&shared),
                    client: client.clone(),
                    body: body.clone(),
                    _on_its_way: Arc::clone(&on_its_way),
                };
                let delay = Duration::from_millis(random.below_u64(plan.delay_max_ms));
                let permits = Arc::clone(&lanes.permits);
                if delay.is_zero() {
                    // Taken here, so that what is not delayed keeps its order.
                    let permit = permits.acquire_owned().await.ok();
                    shared.spawn(webhook.send(permit));
                } else {
                    shared.spawn(async move {
                        sleep(delay).await;
                        let permit = permits.acquire_owned().await.ok();
                        webhook.send(permit).await;
                    });
                }
            }
        }
    }
}

/// The updates for one batch or shuffle.
async fn gather(
    first: Queued,
    queued: &mut mpsc::UnboundedReceiver<Queued>,
    plan: &WebhookPlan,
) -> Vec<Queued> {
    let wanted = plan.batch_max.max(plan.reorder_among).min(UPDATES_PER_WEBHOOK_MAX);
    let until = tokio::time::Instant::now() + plan.gather();
    let mut gathered = vec![first];
    while gathered.len() < wanted {
        match timeout_at(until, queued.recv()).await {
            Ok(Some(next)) => gathered.push(next),
            Ok(None) | Err(_) => break,
        }
    }
    gathered
}

/// How many webhooks may be under way at once.
struct Lanes {
    size: usize,
    permits: Arc<Semaphore>,
}

impl Lanes {
    fn new(size: usize) -> Self {
        Self { size, permits: Arc::new(Semaphore::new(size)) }
    }

    fn resize(&mut self, size: usize) {
        if size != self.size {
            *self = Self::new(size);
        }
    }
}

/// A webhook to send.
struct Webhook {
    shared: Arc<Shared>,
    client: Client,
    body: Bytes,
    _on_its_way: Arc<Vec<OnItsWay>>,
}

impl Webhook {
    /// Sends it until it is accepted. Only the first attempt keeps its lane: those that follow, follow late anyway.
    async fn send(self, permit: Option<OwnedSemaphorePermit>) {
        let begun = Instant::now();
        let mut wait = self.shared.config.pace.webhook_retry;
        let mut accepted = self.attempt().await;
        drop(permit);
        while !accepted && begun.elapsed() < WEBHOOK_RETRY_FOR {
            sleep(wait).await;
            wait = (wait * 2).min(WEBHOOK_RETRY_WAIT_MAX);
            accepted = self.attempt().await;
        }
    }

    async fn attempt(&self) -> bool {
        let mut urls = self.shared.webhook_url.subscribe();
        let url = urls.wait_for(Option::is_some).await.ok().and_then(|url| url.clone());
        let Some(url) = url else { return false };
        let signed = signature::sign(&self.body, &self.shared.config.app_secret);
        let sent = self
            .client
            .post(url)
            .header("content-type", "application/json")
            .header(signature::HEADER, signed)
            .body(self.body.clone())
            .send()
            .await;
        let mut state = self.shared.lock();
        match sent {
            Ok(answer) if answer.status() == StatusCode::OK => {
                state.deliveries.accepted += 1;
                true
            }
            Ok(_) => {
                state.deliveries.refused += 1;
                false
            }
            Err(_) => {
                state.deliveries.unanswered += 1;
                false
            }
        }
    }
}
