//! The backend dies at any moment.

use std::time::Duration;

use anyhow::{Context as _, Result};
use deskbell_console::api::{DeliveryView, Host as _, Nothing};
use deskbell_domain::DeliveryStatus::{Read, Uncertain};
use deskbell_domain::{ConversationId, MessageId};
use deskbell_e2e::limits::{KILLS, WAIT_MAX};
use deskbell_e2e::{BackendProcess, Chance, Desk, Engine, Options, TestSystem, until};
use deskbell_practice::Customer;
use tokio::time::sleep;

/// DMS-05 in part: what was acknowledged to Meta is never lost.
#[tokio::test(flavor = "multi_thread")]
async fn a_backend_killed_at_any_moment_loses_no_message_and_sends_none_twice() -> Result<()> {
    let mut chance = Chance::of_test("backend_killed")?;
    let system = TestSystem::set_up(Options::on(Engine::Sqlite)).await?;
    let logs = tempfile::tempdir()?;
    let mut backend = system.spawn(logs.path()).await?;
    let ada = system.desk("Ada").await?;

    let mut uncertain = 0;
    let mut moments = Vec::new();
    for round in 0..KILLS / 2 {
        let customer = system.platform.customer(usize::try_from(round)?);
        let (question, reply) = (format!("question {round}"), format!("reply {round}"));

        // When the customer writes, and the backend is killed on the way: the message is there afterwards.
        customer.writes(&question).await;
        backend = killed(&system, backend, logs.path(), &mut chance, &mut moments).await?;
        ada.console.reconnect(Nothing {}).await?;
        let conversation =
            ada.sees(&question).await.with_context(|| format!("{question}, killed after {moments:?}"))?;

        // When the agent replies, and it is killed again: the reply goes out once, or nobody knows and it says so.
        let message = ada.reply(conversation, &reply).await?;
        backend = killed(&system, backend, logs.path(), &mut chance, &mut moments).await?;
        ada.console.reconnect(Nothing {}).await?;
        let certain = settled(&system, &ada, &customer, conversation, message)
            .await
            .with_context(|| format!("{reply}, killed after {moments:?}"))?;
        uncertain += u32::from(!certain);
    }
    eprintln!("killed {} times after {moments:?}; {uncertain} replies stayed uncertain", moments.len());

    // Then, after all of it, every customer's message is there once, and nobody has received anything twice.
    system.platform.settled(WAIT_MAX).await?;
    let mut received = 0;
    for round in 0..KILLS / 2 {
        let texts = system.platform.customer(usize::try_from(round)?).received();
        assert!(texts.len() <= 1, "customer {round} has received {} messages", texts.len());
        received += u32::try_from(texts.len())?;
    }
    assert_eq!(received + uncertain, KILLS / 2, "a reply is received, or uncertain");
    let rows = ada.list().await?;
    assert_eq!(rows.len(), usize::try_from(KILLS / 2)?);
    for row in rows {
        let texts = ada.texts(row.id).await?;
        assert_eq!(texts.len(), 2, "one question and one reply: {texts:?}");
    }
    backend.kill().await
}

/// Kills the backend after a random while, and starts another on what is left.
async fn killed(
    system: &TestSystem,
    backend: BackendProcess,
    logs: &std::path::Path,
    chance: &mut Chance,
    moments: &mut Vec<Duration>,
) -> Result<BackendProcess> {
    let moment = chance.moment();
    moments.push(moment);
    sleep(moment).await;
    backend.kill().await?;
    system.spawn(logs).await
}

/// Waits until a reply has come to its end. Whether it is certain: received and read. An uncertain one was never
/// received, or a status would have resolved it.
async fn settled(
    system: &TestSystem,
    ada: &Desk,
    customer: &Customer,
    conversation: ConversationId,
    message: MessageId,
) -> Result<bool> {
    until("the reply is read, or nobody can know", async || {
        let DeliveryView::Known { status, .. } = ada.delivery(conversation, message).await? else {
            return Ok(None);
        };
        if status == Read.into() {
            anyhow::ensure!(
                customer.received().len() == 1,
                "read, and received {} times",
                customer.received().len()
            );
            return Ok(Some(true));
        }
        // The call that was cut off may still be on its way to the platform; then its status is, too.
        system.platform.settled(WAIT_MAX).await?;
        let unknown = status == Uncertain.into() && customer.received().is_empty();
        Ok(unknown.then_some(false))
    })
    .await
}
