//! The console dies at any moment: nothing typed is lost.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result};
use deskbell_e2e::limits::{KILL_AFTER_MS_MAX, KILLS, WAIT_MAX};
use deskbell_e2e::{
    Chance, Engine, Headless, HeadlessOptions, Options, Proxy, TestSystem, has_keychain, until,
};
use serde_json::{Value, json};
use tokio::time::sleep;

const QUESTION: &str = "I was charged twice – could you have a look?";

fn options(system: &TestSystem, line: &Proxy, folder: &Path, memory_vault: bool) -> Result<HeadlessOptions> {
    let agent = system.agent("Ada")?;
    Ok(HeadlessOptions {
        backend: line.url(),
        email: agent.email.clone(),
        password: agent.password.clone(),
        data_dir: folder.join("data"),
        logs: folder.to_owned(),
        memory_vault,
    })
}

/// The conversation in which this was written last, when it has arrived.
async fn sees(console: &mut Headless, text: &str) -> Result<String> {
    loop {
        let list = console.call("list", &json!({"view": "all", "offset": 0, "limit": 10})).await?;
        let rows = list.get("rows").and_then(Value::as_array).context("a list has rows")?;
        let row = rows.iter().find(|row| row.pointer("/preview/text") == Some(&Value::from(text)));
        if let Some(id) = row.and_then(|row| row.get("id")).and_then(Value::as_str) {
            return Ok(id.to_owned());
        }
        console.until_line(|line| line.get("changed").is_some()).await?;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_console_without_a_window_carries_the_round_trip() -> Result<()> {
    let system = TestSystem::start(Options::on(Engine::Sqlite)).await?;
    let line = Proxy::to(system.address()).await?;
    let folder = tempfile::tempdir()?;
    let mut console = Headless::start(&options(&system, &line, folder.path(), true)?).await?;
    assert!(!console.reopened);
    let customer = system.platform.customer(0);

    customer.writes(QUESTION).await;
    let conversation = sees(&mut console, QUESTION).await?;
    console
        .call("reply", &json!({"conversation": conversation, "text": "I see it: the money is on its way."}))
        .await?;
    customer.receives(1, WAIT_MAX).await?;
    loop {
        let thread = console.call("thread", &json!({"conversation": conversation, "limit": 10})).await?;
        if thread.pointer("/messages/1/delivery/status") == Some(&Value::from("read")) {
            break;
        }
        console.until_line(|line| line.get("changed").is_some()).await?;
    }

    let refused = console.ask("reply", &json!({"conversation": conversation, "text": "  "})).await?;
    assert_eq!(console.answer(refused).await?, Err("empty_text".to_owned()));
    assert!(console.finish().await?, "it ends well at the end of its input");
    Ok(())
}

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
    let options = options(&system, &line, folder.path(), false)?;
    let customer = system.platform.customer(0);
    let mut console = Headless::start(&options).await?;
    customer.writes(QUESTION).await;
    let conversation = sees(&mut console, QUESTION).await?;

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
        sleep(Duration::from_millis(chance.below(KILL_AFTER_MS_MAX))).await;
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
