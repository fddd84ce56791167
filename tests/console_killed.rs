//! The console dies at any moment: nothing typed is lost.

use std::collections::BTreeMap;

use anyhow::Result;
use deskbell_e2e::limits::{KILLS, WAIT_MAX};
use deskbell_e2e::{
    Chance, Engine, Headless, HeadlessOptions, Options, Proxy, TestSystem, has_keychain, until,
};
use serde_json::{Value, json};
use tokio::time::sleep;

const QUESTION: &str = "I was charged twice – could you have a look?";

/// Needs a keychain: what is to be there after a kill must be openable after a kill.
#[tokio::test(flavor = "multi_thread")]
async fn a_console_killed_at_any_moment_loses_nothing_that_was_typed() -> Result<()> {
    if !has_keychain("console_killed") {
        return Ok(());
    }
    let mut chance = Chance::of_test("console_killed")?;
    let system = TestSystem::start(Options::on(Engine::Sqlite)).await?;
    let line = Proxy::to(system.address()).await?;
    let folder = tempfile::tempdir()?;
    let options = HeadlessOptions {
        memory_vault: false,
        ..HeadlessOptions::new(&line, system.agent("Ada")?, folder.path())
    };
    let customer = system.platform.customer(0);
    let mut console = Headless::start(&options).await?;
    customer.writes(QUESTION).await;
    let conversation = console.sees(QUESTION).await?;

    // Whether each reply was acknowledged as durable before the kill.
    let mut replies = BTreeMap::new();
    for round in 0..KILLS {
        // Given a line that is there in one half of the rounds: in the other, all of it lies in the outbox.
        if round % 2 == 0 {
            line.heal();
        } else {
            line.cut();
        }
        let (reply, draft) = (format!("reply {round}"), format!("half a sentence {round}"));

        // When the agent sends and goes on typing, and the console is killed.
        let sent = console.ask("reply", &json!({"conversation": conversation, "text": reply})).await?;
        let typed = console.ask("save_draft", &json!({"conversation": conversation, "text": draft})).await?;
        sleep(chance.moment()).await;
        let answers = console.killed().await?;
        let was_done = |id| answers.get(&id).is_some_and(|answer: &Value| answer.get("ok").is_some());
        replies.insert(reply.clone(), was_done(sent));

        // Then the session goes on, and what was acknowledged is there.
        console = Headless::start(&options).await?;
        assert!(console.reopened, "nobody has to sign in again");
        let thread = console.call("thread", &json!({"conversation": conversation, "limit": 200})).await?;
        if was_done(typed) {
            assert_eq!(thread.get("draft"), Some(&Value::from(draft)), "round {round}");
        }
        let texts = texts(&thread);
        for (reply, _) in replies.iter().filter(|(_, durable)| **durable) {
            assert!(texts.contains(&reply.as_str()), "round {round}: {reply} is gone");
        }
    }
    let durable = replies.values().filter(|durable| **durable).count();
    eprintln!("{durable} of {} replies were durable before the kill", replies.len());

    // And in the end the customer has each of them once, and of the others none twice.
    line.heal();
    console.call("reconnect", &json!({})).await?;
    until("nothing waits any more", async || {
        let status = console.call("status", &json!({})).await?;
        Ok((status.get("queued") == Some(&Value::from(0))).then_some(()))
    })
    .await?;
    until("the customer has every reply", async || {
        let received = customer.received();
        let missing = replies.iter().filter(|(reply, durable)| {
            **durable && !received.iter().any(|message| message.text.as_deref() == Some(reply.as_str()))
        });
        Ok((missing.count() == 0).then_some(()))
    })
    .await?;
    system.platform.settled(WAIT_MAX).await?;
    for reply in replies.keys() {
        let times = customer.received().iter().filter(|message| message.text.as_ref() == Some(reply)).count();
        assert!(times <= 1, "{reply} was received {times} times");
    }
    assert!(console.finish().await?);
    Ok(())
}

fn texts(thread: &Value) -> Vec<&str> {
    let messages = thread.get("messages").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    messages.iter().filter_map(|message| message.get("text")?.as_str()).collect()
}
