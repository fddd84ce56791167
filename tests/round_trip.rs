//! One customer's message, the whole way and back.

use anyhow::{Context as _, Result};
use deskbell_console::api::{DeliveryView, WindowView};
use deskbell_domain::DeliveryStatus::{Delivered, Queued, Read, Sent};
use deskbell_e2e::limits::WAIT_MAX;
use deskbell_e2e::{Engine, Options, TestSystem};

const QUESTION: &str = "¿Dónde está mi pedido? Tenía que llegar ayer.";
const ANSWER: &str = "Sale hoy: mañana lo tiene en casa 👍";

/// DMS-01, DMS-02, DMS-03, DMS-06.
#[tokio::test(flavor = "multi_thread")]
async fn a_customers_message_is_answered_and_the_ticks_turn_from_queued_to_read() -> Result<()> {
    for engine in Engine::all() {
        let context = format!("on {engine:?}");
        round_trip(engine).await.context(context)?;
    }
    Ok(())
}

async fn round_trip(engine: Engine) -> Result<()> {
    // Given an agent at a console, and a customer whose phone is about to be switched off.
    let system = TestSystem::start(Options::on(engine)).await?;
    let ada = system.desk("Ada").await?;
    let customer = system.platform.customer(1);
    assert!(system.platform.verify_webhook().await, "the webhook's address is the tenant's");

    // When the customer writes, the agent sees who it is, what it is, and that somebody waits.
    let wrote = customer.writes(QUESTION).await;
    let conversation = ada.sees(QUESTION).await?;
    let rows = ada.list().await?;
    let preview = rows.first().and_then(|row| row.preview.as_ref()).context("the list shows its start")?;
    assert_eq!((rows.len(), preview.text.as_ref()), (1, Some(&QUESTION.into())));
    let thread = ada.thread(conversation).await?;
    assert_eq!(thread.conversation.name.expose(), &customer.person().name);
    assert_eq!((thread.messages.len(), thread.conversation.unread), (1, 1));
    assert!(thread.conversation.waiting_since.is_some());
    assert!(matches!(thread.conversation.window, WindowView::Open { .. }));
    let shown = thread.masked_number.context("the customer shows their number")?;
    assert!(!shown.expose().contains(customer.phone()), "the whole number is not sent to desktops");

    // When the agent answers, each tick is shown when it is true, and not before.
    customer.set_online(false);
    customer.set_reads(false);
    system.hold_sends(true);
    let answer = ada.reply(conversation, ANSWER).await?;
    ada.shows(conversation, answer, Queued).await?;
    assert!(customer.received().is_empty());
    system.hold_sends(false);
    ada.shows(conversation, answer, Sent).await?;
    assert!(customer.received().is_empty(), "the phone is off");
    customer.set_online(true);
    ada.shows(conversation, answer, Delivered).await?;
    customer.set_reads(true);
    let message = ada.shows(conversation, answer, Read).await?;
    assert_eq!(message.delivery, Some(DeliveryView::Known { status: Read.into(), failure: None }));

    // Then the customer has it exactly once, and nobody waits any more.
    system.platform.settled(WAIT_MAX).await?;
    let received = customer.received();
    let texts = received.iter().map(|message| message.text.as_deref()).collect::<Vec<_>>();
    assert_eq!(texts, [Some(ANSWER)]);
    assert_ne!(received.first().map(|message| &message.id), Some(&wrote));
    assert_eq!(ada.texts(conversation).await?, [QUESTION, ANSWER]);
    assert_eq!(ada.thread(conversation).await?.conversation.waiting_since, None);
    let status = ada.status().await?;
    assert_eq!((status.queued, status.refused), (0, 0));
    Ok(())
}

/// DMS-04: what this version cannot show is shown as such, with Meta's own word.
#[tokio::test(flavor = "multi_thread")]
async fn a_message_of_a_type_nobody_knows_is_shown_as_unsupported() -> Result<()> {
    let system = TestSystem::start(Options::on(Engine::Sqlite)).await?;
    let ada = system.desk("Ada").await?;
    let customer = system.platform.customer(0);

    customer.writes("first words").await;
    let conversation = ada.sees("first words").await?;
    customer.sends_something_new().await;

    let kind = deskbell_e2e::until("the odd message is shown", async || {
        let messages = ada.thread(conversation).await?.messages;
        Ok(messages.get(1).map(|message| message.kind.clone()))
    });
    assert_eq!(kind.await?, "unsupported:hologram");
    Ok(())
}
