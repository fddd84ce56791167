//! Meta as it should not be: silent after acting, refusing, with a token that is no longer good.

use anyhow::{Context as _, Result};
use deskbell_backend::setup::{self, NewNumber};
use deskbell_backend::storage::channel_account::{self, AccountStatus};
use deskbell_console::api::{DeliveryView, Host as _, MessageRef};
use deskbell_domain::DeliveryStatus::{Failed, Read, Uncertain};
use deskbell_domain::FailureCode;
use deskbell_e2e::limits::WAIT_MAX;
use deskbell_e2e::{Engine, Options, TestSystem};
use deskbell_practice::{Fault, WebhookPlan};

const QUESTION: &str = "Can I change the delivery address?";

/// Meta's code for a text outside the 24-hour window.
const OUTSIDE_WINDOW: i64 = 131_047;

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_meta_never_answered_is_one_message_uncertain_until_its_status() -> Result<()> {
    for engine in Engine::all() {
        let system = TestSystem::start(Options::on(engine)).await?;
        let ada = system.desk("Ada").await?;
        let customer = system.platform.customer(0);
        customer.writes(QUESTION).await;
        let conversation = ada.sees(QUESTION).await?;
        for (sent, fault) in (1..).zip([Fault::HangUp { count: 1 }, Fault::NoAnswer { count: 1 }]) {
            // Given a Meta that acts, falls silent, and reports nothing for now.
            system.platform.faults().webhooks(WebhookPlan { held: true, ..WebhookPlan::default() });
            system.platform.faults().inject(fault);

            // When the agent answers, the customer has it, and the agent is told that nobody knows.
            let answer = ada.reply(conversation, &format!("answer {sent}")).await?;
            ada.shows(conversation, answer, Uncertain).await?;
            customer.receives(sent, WAIT_MAX).await?;

            // Then the status resolves it, and the message was never sent again.
            system.platform.faults().webhooks(WebhookPlan::default());
            ada.shows(conversation, answer, Read).await?;
            system.platform.settled(WAIT_MAX).await?;
            assert_eq!(customer.received().len(), sent);
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_meta_refuses_fails_with_its_reason_and_keeps_its_text() -> Result<()> {
    let system = TestSystem::start(Options::on(Engine::Sqlite)).await?;
    let ada = system.desk("Ada").await?;
    let customer = system.platform.customer(0);
    customer.writes(QUESTION).await;
    let conversation = ada.sees(QUESTION).await?;

    // Once at the call, once later by a status.
    let faults = [
        Fault::FailCalls { count: 1, code: OUTSIDE_WINDOW },
        Fault::FailStatuses { count: 1, code: OUTSIDE_WINDOW },
    ];
    for fault in faults {
        system.platform.faults().inject(fault);
        let answer = ada.reply(conversation, "Of course, where to?").await?;
        let message = ada.shows(conversation, answer, Failed).await?;
        let reason =
            DeliveryView::Known { status: Failed.into(), failure: Some(FailureCode::WindowClosed.into()) };
        assert_eq!(message.delivery, Some(reason));
        assert_eq!(message.text, Some("Of course, where to?".into()));
    }
    system.platform.settled(WAIT_MAX).await?;
    assert!(customer.received().is_empty());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_expired_at_meta_stops_the_account_until_it_is_connected_again() -> Result<()> {
    for engine in Engine::all() {
        let system = TestSystem::start(Options::on(engine)).await?;
        let ada = system.desk("Ada").await?;
        let customer = system.platform.customer(0);
        customer.writes(QUESTION).await;
        let conversation = ada.sees(QUESTION).await?;

        // When the token is no longer good, the message fails with the reason, and the account says so.
        system.platform.faults().expire_tokens();
        let failed = ada.reply(conversation, "Of course, where to?").await?;
        let message = ada.shows(conversation, failed, Failed).await?;
        let reason = FailureCode::AccountDisconnected.into();
        assert_eq!(
            message.delivery,
            Some(DeliveryView::Known { status: Failed.into(), failure: Some(reason) })
        );
        assert_eq!(account_status(&system).await?, AccountStatus::ReauthNeeded);

        // And nothing more is tried with it: the next one is refused before any call.
        let calls = system.platform.calls().len();
        let refused = ada.reply(conversation, "Which street?").await?;
        assert_eq!(ada.refused(conversation, refused).await?, "account_disconnected");
        assert_eq!(system.platform.calls().len(), calls);
        assert!(customer.received().is_empty());

        // Then, with the account connected again, both texts are still there to be sent.
        system.platform.faults().renew_tokens();
        connect_again(&system).await?;
        assert_eq!(account_status(&system).await?, AccountStatus::Connected);
        for message in [failed, refused] {
            let again = ada.console.retry(MessageRef { conversation, message }).await?;
            ada.shows(conversation, again.message, Read).await?;
        }
        system.platform.settled(WAIT_MAX).await?;
        let received = customer.received().into_iter().filter_map(|message| message.text).collect::<Vec<_>>();
        assert_eq!(received, ["Of course, where to?", "Which street?"]);
    }
    Ok(())
}

async fn account_status(system: &TestSystem) -> Result<AccountStatus> {
    let mut read = system.db()?.tenant(system.north.id).read().await?;
    let account = channel_account::by_id(&mut read, system.north.account).await?;
    Ok(account.context("the account is there")?.status)
}

async fn connect_again(system: &TestSystem) -> Result<()> {
    let number = &system.north.number;
    let connected = NewNumber {
        phone_number_id: number.phone_number_id.clone(),
        waba_id: number.waba_id.clone(),
        portfolio_id: None,
        display_name: number.verified_name.clone(),
        display_number: format!("+{}", number.display_phone_number),
        queue: system.north.queue,
        token: number.token.clone(),
    };
    setup::connect_number(system.db()?, system.north.id, connected).await?;
    Ok(())
}
