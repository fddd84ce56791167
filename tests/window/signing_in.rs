//! Signing in at the window.

use anyhow::Result;

use crate::stage::Stage;
use crate::window::Fields;

#[tokio::test]
async fn a_wrong_password_says_so_keeps_the_email_and_asks_again() -> Result<()> {
    // Given a window at which nobody is signed in.
    let stage = Stage::enter().await?;
    let practice = stage.practice().await?;
    let window = stage.window(practice.backend()).await?;
    let agent = practice.agent()?;

    // When somebody types a wrong password.
    window.tries_to_sign_in(&agent.email, "not the password").await?;

    // Then the window says what is wrong, and only the password has to be typed again.
    let alert = "return document.querySelector('[role=alert]')?.innerText ?? null";
    let alert: String = window.page.until("the window says what is wrong", alert, &[]).await?;
    assert!(alert.contains("The e-mail or password is wrong."), "{alert}");
    let focused = "return document.activeElement.id === 'password' ? true : null";
    window.page.until::<bool>("the password is asked for again", focused, &[]).await?;
    let wanted = Fields { email: agent.email.clone(), password: String::new(), focus: "password".to_owned() };
    assert_eq!(window.fields().await?, wanted);

    // And with the right one the inbox opens.
    window.page.types(&agent.password).await?;
    window.page.presses(&[crate::webdriver::key::ENTER]).await?;
    window.shows_the_inbox().await
}

#[tokio::test]
async fn signing_in_and_reading_go_by_keyboard_alone() -> Result<()> {
    // Given a customer who wrote while nobody was there.
    let stage = Stage::enter().await?;
    let practice = stage.practice().await?;
    let customer = practice.customer(0);
    customer.writes("Is the blue van still there?").await?;
    practice.settled().await?;

    // When the agent signs in and goes to the first conversation, all by keyboard.
    let window = stage.window(practice.backend()).await?;
    window.signs_in(practice.agent()?).await?;
    window.status("In sync").await?;
    window.shows_unassigned().await?;
    window.row(&customer.name().await?, "Is the blue van still there?").await?;
    window.page.types("j").await?;

    // Then the thread shows what the customer wrote.
    assert_eq!(window.message("Is the blue van still there?").await?, "received");
    window.status("Cache encrypted").await
}
