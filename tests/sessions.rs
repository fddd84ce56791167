//! Signing in, staying signed in, and what ends it.

use std::path::Path;

use anyhow::{Context as _, Result};
use deskbell_console::api::ApiErrorCode;
use deskbell_domain::DeliveryStatus::Read;
use deskbell_e2e::{Desk, Engine, Options, TestSystem, until};
use deskbell_protocol::route;
use serde_json::Value;

const QUESTION: &str = "How long is the guarantee?";

/// CCP-10.
#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_is_refused_in_the_same_words_as_an_unknown_user() -> Result<()> {
    let system = TestSystem::start(Options::on(Engine::Sqlite)).await?;
    let agent = system.agent("Ada")?.clone();
    let desk = Desk::new(system.address()).await?;

    for (email, password) in [(agent.email.as_str(), "the password of nobody"), ("nobody@north.example", "x")]
    {
        let refused = desk.try_sign_in(email, password).await.err().context("it is refused")?;
        assert_eq!(refused.code, ApiErrorCode::WrongCredentials);
    }
    let wire = system.wire()?;
    let (status, wrong) = wire.try_sign_in(&agent.email, "the password of nobody").await?;
    let (unknown_status, unknown) =
        wire.try_sign_in("nobody@north.example", "the password of nobody").await?;
    assert_eq!((status, unknown_status), (401, 401));
    assert_eq!(without_request_id(wrong), without_request_id(unknown));

    // The right one is let in at the same console: it was the password that stopped the others.
    desk.try_sign_in(&agent.email, &agent.password).await?;
    desk.in_sync().await
}

/// CCP-10.
#[tokio::test(flavor = "multi_thread")]
async fn a_lost_answer_to_a_renewal_leaves_the_user_signed_in() -> Result<()> {
    for engine in Engine::all() {
        let system = TestSystem::start(Options::on(engine)).await?;
        let ada = system.desk("Ada").await?;
        let customer = system.platform.customer(0);

        // Given a console that has to renew its session, and never hears the answer.
        ada.line.lose_answer_to(&format!("POST {}", route::SESSION_REFRESH));
        system.end_access_tokens("Ada").await?;
        until("the answer was lost", async || Ok((ada.line.lost() == 1).then_some(()))).await?;

        // Then it asks again, and goes on as if nothing had been.
        customer.writes(QUESTION).await;
        let conversation = ada.sees(QUESTION).await?;
        let answer = ada.reply(conversation, "Three years.").await?;
        ada.shows(conversation, answer, Read).await?;
        assert!(ada.is_signed_in().await?);

        // And may renew again after that: the chain of tokens is whole.
        system.end_access_tokens("Ada").await?;
        customer.writes("And for the battery?").await;
        ada.sees("And for the battery?").await?;
    }
    Ok(())
}

/// CCP-10.
#[tokio::test(flavor = "multi_thread")]
async fn a_stolen_refresh_token_that_is_used_twice_ends_the_device() -> Result<()> {
    for engine in Engine::all() {
        // Given a thief who knows Ada's refresh token, and is quicker.
        let system = TestSystem::start(Options::on(engine)).await?;
        let (ada, ben) = (system.desk("Ada").await?, system.desk("Ben").await?);
        system.platform.customer(0).writes(QUESTION).await;
        ada.sees(QUESTION).await?;
        let heard = ada.line.heard();
        let stolen = heard.split("\"refresh_token\":\"").nth(1).and_then(|rest| rest.split('"').next());
        let thief = system.wire()?;
        let (status, answer) = thief.refresh(stolen.context("Ada was given a token")?).await?;
        assert_eq!(status, 200, "a token is worth what its holder makes of it, until it is used twice");
        let thiefs_next =
            answer.get("refresh_token").and_then(Value::as_str).context("it is renewed")?.to_owned();
        assert!(has_databases(ada.folder())?);

        // When Ada's console renews with the same token.
        system.end_access_tokens("Ada").await?;

        // Then neither goes on: her console ends and destroys its files, and the thief's token is worth nothing.
        ada.signed_out().await?;
        until("the files are destroyed", async || Ok((!has_databases(ada.folder())?).then_some(()))).await?;
        let (status, answer) = thief.refresh(&thiefs_next).await?;
        assert_eq!(status, 401, "{answer}");

        // And nobody else is touched by it. She signs in again as on a new device.
        assert!(ben.is_signed_in().await?);
        let agent = system.agent("Ada")?.clone();
        ada.try_sign_in(&agent.email, &agent.password).await?;
        ada.sees(QUESTION).await?;
    }
    Ok(())
}

/// The request's id is the only thing that may differ.
fn without_request_id(mut problem: Value) -> Value {
    if let Some(fields) = problem.as_object_mut() {
        fields.remove("request_id");
    }
    problem
}

/// Whether a database lies anywhere below.
fn has_databases(folder: &Path) -> Result<bool> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() && has_databases(&path)? || path.extension().is_some_and(|end| end == "db") {
            return Ok(true);
        }
    }
    Ok(false)
}
