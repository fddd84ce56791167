//! The window is killed.

use anyhow::Result;

use crate::line::Line;
use crate::stage::Stage;
use crate::webdriver::free_address;

#[tokio::test]
async fn a_killed_window_has_its_draft_and_its_queued_reply_when_it_opens_again() -> Result<()> {
    const REPLY: &str = "See you at five.";
    const DRAFT: &str = "The part costs";

    // Given two customers, and an agent whose network has gone.
    let stage = Stage::enter().await?;
    let address = free_address()?;
    let backend = format!("http://{address}");
    let line = Line::open(address, stage.practice_address()).await?;
    let practice = stage.practice().await?;
    let (queued, drafted) = (practice.customer(0), practice.customer(2));
    queued.writes("When can I come?").await?;
    drafted.writes("What does it cost?").await?;
    let (queued_name, drafted_name) = (queued.name().await?, drafted.name().await?);
    let window = stage.window(&backend).await?;
    window.signs_in(practice.agent()?).await?;
    window.shows_all().await?;
    window.row(&queued_name, "When can I come?").await?;
    window.row(&drafted_name, "What does it cost?").await?;
    window.opens(&queued_name).await?;
    window.message("When can I come?").await?;
    drop(line);
    window.status("Offline since").await?;

    // When they queue a reply, begin to write another one, and the power goes.
    window.replies(REPLY).await?;
    window.ticks(REPLY, "waiting").await?;
    window.opens(&drafted_name).await?;
    window.writes(DRAFT).await?;
    window.row(&drafted_name, &format!("Draft: {DRAFT}")).await?;
    window.page.kill()?;

    // Then the window opens again without a network and without a password, with all of it.
    let window = stage.window(&backend).await?;
    window.shows_the_inbox().await?;
    window.status("Cache encrypted").await?;
    // What was read counts too among what waits.
    window.status("Offline — ").await?;
    window.shows_all().await?;
    window.row(&drafted_name, &format!("Draft: {DRAFT}")).await?;
    window.opens(&drafted_name).await?;
    assert_eq!(window.composer().await?, DRAFT);
    window.opens(&queued_name).await?;
    window.ticks(REPLY, "waiting").await?;
    assert!(queued.received().await?.is_empty());

    // And with the network back the reply goes out, once.
    let _line = Line::open(address, stage.practice_address()).await?;
    window.ticks(REPLY, "read").await?;
    practice.settled().await?;
    assert_eq!(queued.received().await?, [REPLY]);
    assert!(drafted.received().await?.is_empty(), "a draft is sent by nobody");
    assert_eq!(practice.messages_sent().await?, 1);
    Ok(())
}
