//! Webhooks as they should not be: repeated, out of order, forged, cut off, too large.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result};
use deskbell_console::api::DeliveryView;
use deskbell_domain::DeliveryStatus::{self, Read};
use deskbell_domain::Sensitive;
use deskbell_e2e::{Engine, Options, TestSystem, until};
use deskbell_meta::signature;
use deskbell_practice::{BusinessNumber, WebhookPlan};
use serde_json::{Value, json};

const CUSTOMERS: usize = 5;
const MESSAGES_EACH: usize = 6;

/// Meta's own limit is 3 MB.
const TOO_LARGE_BYTES: usize = 3 * 1024 * 1024 + 1;

/// DMS-02.
#[tokio::test(flavor = "multi_thread")]
async fn repeated_shuffled_and_batched_webhooks_bring_each_message_once_and_statuses_only_forward()
-> Result<()> {
    for engine in Engine::all() {
        // Given a platform that sends every webhook three times, in batches, shuffled, on several connections.
        let system = TestSystem::start(Options::on(engine)).await?;
        let ada = system.desk("Ada").await?;
        system.platform.faults().webhooks(WebhookPlan {
            copies: 3,
            batch_max: 4,
            reorder_among: 6,
            gather_ms: 20,
            delay_max_ms: 40,
            connections: 4,
            held: false,
        });

        // When customers write, and every one of them is answered.
        let mut written = BTreeMap::new();
        for round in 0..MESSAGES_EACH {
            for index in 0..CUSTOMERS {
                let text = format!("message {round} of customer {index}");
                system.platform.customer(index).writes(&text).await;
                written.entry(index).or_insert_with(BTreeSet::new).insert(text);
            }
        }
        let threads = until("every message has arrived", async || {
            let rows = ada.list().await?;
            let mut threads = Vec::new();
            for row in &rows {
                threads.push((row.id, ada.texts(row.id).await?));
            }
            let count = threads.iter().map(|(_, texts)| texts.len()).sum::<usize>();
            Ok((count >= CUSTOMERS * MESSAGES_EACH).then_some(threads))
        })
        .await?;
        let mut answers = Vec::new();
        for (conversation, _) in &threads {
            answers.push((*conversation, ada.reply(*conversation, "an answer").await?));
        }

        // Then no status is ever seen to go back, and each gets as far as it can.
        let mut furthest = BTreeMap::<_, DeliveryStatus>::new();
        until("every answer is read", async || {
            for (conversation, answer) in &answers {
                if let DeliveryView::Known { status, .. } = ada.delivery(*conversation, *answer).await? {
                    let status = status.known().context("a status of ours")?;
                    let before = furthest.insert(*answer, status);
                    assert!(
                        before.is_none_or(|before| before <= status),
                        "{before:?} was followed by {status:?}"
                    );
                }
            }
            let read = furthest.values().filter(|status| **status == Read).count();
            Ok((read == CUSTOMERS).then_some(()))
        })
        .await?;

        // And every message is there once, also after the last repetition.
        system.platform.settled(deskbell_e2e::limits::WAIT_MAX).await?;
        let mut found = BTreeMap::new();
        for (conversation, _) in &threads {
            let texts = ada.texts(*conversation).await?;
            assert_eq!(texts.len(), MESSAGES_EACH + 1, "each once, and the answer");
            let texts = texts.into_iter().filter(|text| text != "an answer").collect::<BTreeSet<_>>();
            found.insert(texts.first().cloned(), texts);
        }
        assert_eq!(found.into_values().collect::<Vec<_>>(), written.into_values().collect::<Vec<_>>());
        for index in 0..CUSTOMERS {
            assert_eq!(system.platform.customer(index).received().len(), 1);
        }
    }
    Ok(())
}

/// CCP-16.
#[tokio::test(flavor = "multi_thread")]
async fn a_forged_truncated_or_oversized_webhook_is_refused_recorded_and_not_processed() -> Result<()> {
    for engine in Engine::all() {
        // Given a body that would be processed if it came from Meta.
        let system = TestSystem::start(Options::on(engine)).await?;
        let ada = system.desk("Ada").await?;
        let (url, wire) = (system.webhook_url(), system.wire()?);
        let secret = system.platform.config().app_secret.clone();
        let entry = text_entry(&system.north.number, "15550109999", "wamid.FORGED", "a forged message");
        let body = serde_json::to_vec(&webhook(&[entry]))?;
        let truncated = body.get(..body.len() / 2).unwrap_or_default().to_vec();
        let oversized = vec![b' '; TOO_LARGE_BYTES];

        // When it comes without a signature, with one that is none, of another secret, of another body; cut off; too
        // large.
        let sign = |body: &[u8]| signature::sign(body, &secret);
        let other_secret = signature::sign(&body, &Sensitive::from("another secret"));
        let refused = [
            (None, body.clone(), 401),
            (Some("sha256=nonsense".to_owned()), body.clone(), 401),
            (Some(other_secret), body.clone(), 401),
            (Some(sign(b"{}")), body.clone(), 401),
            (Some(sign(&truncated)), truncated, 400),
            (Some(sign(&oversized)), oversized, 413),
        ];
        let tried = refused.len();
        for (signature, body, status) in refused {
            assert_eq!(wire.webhook(&url, signature.as_deref(), body).await?, status);
        }

        // Then each refusal is recorded, and nothing else is.
        let counts = system.db()?.arrivals().counts().await?;
        assert_eq!(counts.rejected, i64::try_from(tried)?);
        assert_eq!((counts.staged, counts.quarantined), (0, 0));

        // And the same body is processed when Meta has signed it: it was the signature that stopped it. What comes
        // later is processed later, so that the forged ones would have been seen by now.
        assert_eq!(wire.webhook(&url, Some(&sign(&body)), body.clone()).await?, 200);
        let conversation = ada.sees("a forged message").await?;
        assert_eq!(ada.texts(conversation).await?, ["a forged message"]);
        assert_eq!(ada.list().await?.len(), 1);
    }
    Ok(())
}

/// CCP-09.
#[tokio::test(flavor = "multi_thread")]
async fn one_body_for_two_tenants_gives_each_its_own() -> Result<()> {
    for engine in Engine::all() {
        let system = TestSystem::start(Options::on(engine)).await?;
        let (ada, eve) = (system.desk("Ada").await?, system.desk("Eve").await?);
        let body = serde_json::to_vec(&webhook(&[
            text_entry(&system.north.number, "15550109999", "wamid.NORTH", "for the north"),
            text_entry(&system.south.number, "15550109999", "wamid.SOUTH", "for the south"),
        ]))?;

        let signature = signature::sign(&body, &system.platform.config().app_secret);
        assert_eq!(system.wire()?.webhook(&system.webhook_url(), Some(&signature), body).await?, 200);

        let (north, south) = (ada.sees("for the north").await?, eve.sees("for the south").await?);
        assert_ne!(north, south, "one person, two businesses, two conversations");
        assert_eq!((ada.list().await?.len(), eve.list().await?.len()), (1, 1));
        assert_eq!(ada.texts(north).await?, ["for the north"]);
        assert_eq!(eve.texts(south).await?, ["for the south"]);
    }
    Ok(())
}

fn webhook(entries: &[Value]) -> Value {
    json!({"object": "whatsapp_business_account", "entry": entries})
}

/// A text as Meta reports it.
fn text_entry(number: &BusinessNumber, from: &str, id: &str, text: &str) -> Value {
    let now = deskbell_domain::Clock::now(&deskbell_domain::SystemClock).as_ms() / 1000;
    json!({
        "id": number.waba_id,
        "changes": [{
            "field": "messages",
            "value": {
                "messaging_product": "whatsapp",
                "metadata": {
                    "display_phone_number": number.display_phone_number,
                    "phone_number_id": number.phone_number_id,
                },
                "contacts": [{"profile": {"name": "Somebody"}, "wa_id": from}],
                "messages": [{
                    "from": from,
                    "id": id,
                    "timestamp": now.to_string(),
                    "type": "text",
                    "text": {"body": text},
                }],
            },
        }],
    })
}
