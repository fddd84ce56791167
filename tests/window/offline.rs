//! The backend goes away, and comes back.

use anyhow::Result;

use crate::line::Line;
use crate::stage::Stage;
use crate::webdriver::free_address;

#[tokio::test]
async fn without_the_backend_a_reply_queues_and_goes_out_once_when_it_is_back() -> Result<()> {
    const REPLY: &str = "It is ready.";

    // Given an agent in a thread, and a network between the window and the backend.
    let stage = Stage::enter().await?;
    let address = free_address()?;
    let line = Line::open(address, stage.practice_address()).await?;
    let practice = stage.practice().await?;
    let window = stage.window(&format!("http://{address}")).await?;
    window.signs_in(practice.agent()?).await?;
    window.shows_all().await?;
    practice.customer(0).writes("Is my car ready?").await?;
    let name = practice.customer(0).name().await?;
    window.opens(&name).await?;
    window.message("Is my car ready?").await?;
    assert!(window.send_button().await?.starts_with("Send"));

    // When the backend ends, the window says that it is offline, and what it does with a reply.
    drop(line);
    practice.stop().await?;
    window.status("Offline since").await?;
    assert!(window.send_button().await?.starts_with("Queue"));
    window.replies(REPLY).await?;
    window.ticks(REPLY, "waiting").await?;
    assert_eq!(window.tick_word(REPLY).await?, "Queued on this computer");
    // What was read counts too among what waits.
    window.status("Offline — ").await?;

    // And when it is back, with a platform that knows of the customer only what they write now.
    let practice = stage.practice().await?;
    practice.customer(0).writes("Hello?").await?;
    practice.settled().await?;
    let _line = Line::open(address, stage.practice_address()).await?;

    // Then the window finds it by itself, the reply goes out once, and what the customer wrote meanwhile is there.
    window.status("In sync").await?;
    window.ticks(REPLY, "read").await?;
    window.message("Hello?").await?;
    assert_eq!(window.count(REPLY).await?, 1);
    practice.settled().await?;
    assert_eq!(practice.customer(0).received().await?, [REPLY]);
    assert_eq!(practice.messages_sent().await?, 1);
    Ok(())
}
