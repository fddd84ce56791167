//! `deskbell-headless`: the console's engine without a window, by its lines.

use anyhow::Result;
use deskbell_e2e::limits::WAIT_MAX;
use deskbell_e2e::{Engine, Headless, HeadlessOptions, Options, Proxy, TestSystem};
use serde_json::{Value, json};

const QUESTION: &str = "I was charged twice – could you have a look?";
const ANSWER: &str = "I see it: the money is on its way.";

#[tokio::test(flavor = "multi_thread")]
async fn a_console_without_a_window_carries_the_round_trip() -> Result<()> {
    let system = TestSystem::start(Options::on(Engine::Sqlite)).await?;
    let line = Proxy::to(system.address()).await?;
    let folder = tempfile::tempdir()?;
    let mut console =
        Headless::start(&HeadlessOptions::new(&line, system.agent("Ada")?, folder.path())).await?;
    assert!(!console.reopened);
    let customer = system.platform.customer(0);

    customer.writes(QUESTION).await;
    let conversation = console.sees(QUESTION).await?;
    console.call("reply", &json!({"conversation": conversation, "text": ANSWER})).await?;
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

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_request_is_answered_as_such_and_the_next_is_carried_out() -> Result<()> {
    let system = TestSystem::start(Options::on(Engine::Sqlite)).await?;
    let line = Proxy::to(system.address()).await?;
    let folder = tempfile::tempdir()?;
    let options =
        HeadlessOptions { count: 2, ..HeadlessOptions::new(&line, system.agent("Ada")?, folder.path()) };
    let mut consoles = Headless::start(&options).await?;
    assert!(options.data_dir.join("1").is_dir() && options.data_dir.join("2").is_dir());

    let nonsense = [
        ("hello there", "not_json"),
        (r#"{"call":5}"#, "not_a_request"),
        (r#"{"console":3,"call":"status"}"#, "no_such_console"),
        (r#"{"call":"dance"}"#, "bad_request"),
        (r#"{"call":"reply","request":{"conversation":"nobody"}}"#, "bad_request"),
    ];
    for (text, code) in nonsense {
        consoles.say(text).await?;
        let line = consoles.until_line(|line| line.get("error").is_some()).await?;
        assert_eq!(line.pointer("/error/code"), Some(&Value::from(code)), "{text}");
    }
    consoles.say(r#"{"console":2,"id":"mine","call":"session"}"#).await?;
    let line = consoles.until_line(|line| line.get("id") == Some(&Value::from("mine"))).await?;
    assert_eq!(line.pointer("/ok/session/state"), Some(&Value::from("signed_in")));
    assert_eq!(line.get("console"), Some(&Value::from(2)));

    assert!(consoles.terminated().await?, "it ends well when it is told to");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_ends_it_and_says_so() -> Result<()> {
    let system = TestSystem::start(Options::on(Engine::Sqlite)).await?;
    let line = Proxy::to(system.address()).await?;
    let folder = tempfile::tempdir()?;
    let right = HeadlessOptions::new(&line, system.agent("Ada")?, folder.path());
    let wrong = HeadlessOptions { password: "the password of nobody".to_owned(), ..right };

    let refused = Headless::start(&wrong).await.err().map(|error| error.to_string());
    assert_eq!(refused.as_deref(), Some("not signed in: wrong_credentials"));
    Ok(())
}
