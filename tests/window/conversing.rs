//! A customer writes, the agent answers.

use anyhow::Result;

use crate::stage::Stage;

#[tokio::test]
async fn what_a_customer_writes_appears_in_list_and_thread_without_a_reload() -> Result<()> {
    // Given an agent who looks at all open conversations.
    let stage = Stage::enter().await?;
    let practice = stage.practice().await?;
    let window = stage.window(practice.backend()).await?;
    window.signs_in(practice.agent()?).await?;
    window.status("In sync").await?;
    window.shows_all().await?;
    window.marks_the_page().await?;

    // When a customer writes, the row says so, and that nobody has read it.
    let customer = practice.customer(1);
    let name = customer.name().await?;
    customer.writes("¿Siguen abiertos hoy?").await?;
    window.row(&name, "¿Siguen abiertos hoy?").await?;
    window.row(&name, "1 unread").await?;

    // And the open thread shows what comes next.
    window.opens(&name).await?;
    assert_eq!(window.message("¿Siguen abiertos hoy?").await?, "received");
    customer.writes("Llego a las cinco 🚗").await?;
    assert_eq!(window.message("Llego a las cinco 🚗").await?, "received");
    window.row(&name, "Llego a las cinco 🚗").await?;

    // Then all of that was one and the same page.
    window.is_the_same_page().await
}

#[tokio::test]
async fn a_reply_is_ticked_until_it_is_read_and_arrives_once() -> Result<()> {
    const REPLY: &str = "Yes, until six.";

    // Given an agent in the thread of a customer whose phone is off.
    let stage = Stage::enter().await?;
    let practice = stage.practice().await?;
    let window = stage.window(practice.backend()).await?;
    window.signs_in(practice.agent()?).await?;
    window.shows_all().await?;
    let customer = practice.customer(0);
    let name = customer.name().await?;
    customer.writes("Are you still open?").await?;
    window.opens(&name).await?;
    customer.phone(false, false).await?;
    window.follows_the_ticks(REPLY).await?;

    // When the agent answers with Ctrl and Enter.
    window.replies(REPLY).await?;

    // Then each tick is shown when it is true, with its word.
    window.ticks(REPLY, "sent").await?;
    assert_eq!(window.tick_word(REPLY).await?, "Sent");
    assert!(customer.received().await?.is_empty(), "the phone is off");
    customer.phone(true, false).await?;
    window.ticks(REPLY, "delivered").await?;
    customer.phone(true, true).await?;
    window.ticks(REPLY, "read").await?;
    assert_eq!(window.tick_word(REPLY).await?, "Read");
    let order = ["waiting", "queued", "sent", "delivered", "read"];
    let seen = window.followed_ticks().await?;
    let places: Vec<_> = seen.iter().map(|state| order.iter().position(|known| known == state)).collect();
    assert!(places.is_sorted() && places.iter().all(Option::is_some), "{seen:?}");

    // And the customer has it once, and nothing of it is left in the composer.
    assert_eq!(customer.received().await?, [REPLY]);
    assert_eq!(window.count(REPLY).await?, 1);
    window.row(&name, &format!("You: {REPLY}")).await?;
    assert_eq!(window.composer().await?, "");
    Ok(())
}
