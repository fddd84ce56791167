//! Nothing in the clear: planted words are looked for in everything that was written.

use std::collections::BTreeSet;
use std::fs;

use anyhow::{Context as _, Result};
use deskbell_e2e::limits::WAIT_MAX;
use deskbell_e2e::{
    Canary, Engine, Headless, HeadlessOptions, Options, Proxy, TestSystem, found_in_files, found_in_text,
};
use serde_json::{Value, json};

const QUESTION: &str = "Mi contraseña del wifi es búho azul 88";
const REPLY: &str = "Apúntela: tortuga verde 77";
const DRAFT: &str = "y no se lo diga a nadie, ¿vale?";

/// DMS-15 at rest, ONB-03: on the desktop, on the backend, and in every log at its most talkative.
#[tokio::test(flavor = "multi_thread")]
async fn no_content_name_number_id_or_token_is_written_in_the_clear() -> Result<()> {
    // Given a backend and a console as processes of their own, with logs at their most talkative.
    let system = TestSystem::set_up(Options::on(Engine::Sqlite)).await?;
    let logs = tempfile::tempdir()?;
    let backend = system.spawn(logs.path()).await?;
    let line = Proxy::to(system.address()).await?;
    let desktop = tempfile::tempdir()?;
    let agent = system.agent("Ada")?.clone();
    let options = HeadlessOptions {
        data_dir: desktop.path().to_owned(),
        ..HeadlessOptions::new(&line, &agent, logs.path())
    };
    let mut console = Headless::start(&options).await?;
    let customer = system.platform.customer(1);

    // When there was a round trip, a draft, and a call that fails, with everything that is said about it.
    let question_id = customer.writes(QUESTION).await;
    let changed = console.until_line(|line| conversation_of(line).is_some()).await?;
    let conversation = conversation_of(&changed).context("the line names it")?.to_owned();
    system.platform.faults().fail_calls(1, 131_047);
    for _ in 0..2 {
        console.call("reply", &json!({"conversation": conversation, "text": REPLY})).await?;
    }
    let received = customer.receives(1, WAIT_MAX).await?;
    console.call("save_draft", &json!({"conversation": conversation, "text": DRAFT})).await?;
    system.platform.settled(WAIT_MAX).await?;

    // Then none of it is found: not in the desktop's files, not in the backend's, not in a log.
    let heard = line.heard();
    let given = |name: &str| {
        let found = heard.split(&format!("\"{name}\":\"")).nth(1).and_then(|rest| rest.split('"').next());
        found.map(str::to_owned).with_context(|| format!("the backend has given a {name}"))
    };
    let meta = system.platform.config();
    let reply_id = received.first().map(|message| message.id.clone()).context("the reply has an id")?;
    let canaries = [
        Canary::new("the customer's text", QUESTION),
        Canary::new("the agent's text", REPLY),
        Canary::new("the draft", DRAFT),
        Canary::new("the customer's name", &customer.person().name),
        Canary::new("the customer's number", customer.phone()),
        Canary::new("the customer's user id", &customer.person().user_id),
        Canary::new("Meta's id of the question", &question_id),
        Canary::new("Meta's id of the reply", &reply_id),
        Canary::new("the access token", &given("token")?),
        Canary::new("the refresh token", &given("refresh_token")?),
        Canary::new("the password", &agent.password),
        Canary::new("Meta's token", system.north.number.token.expose()),
        Canary::new("the app secret", meta.app_secret.expose()),
        Canary::new("the verify token", meta.verify_token.expose()),
    ];
    // Once while everything is open, with its journals, and once after the end.
    let places = [desktop.path(), system.folder(), logs.path()];
    for place in places {
        assert_eq!(found_in_files(&canaries, place)?, [].into());
    }
    let asked = console.ask("thread", &json!({"conversation": conversation, "limit": 10})).await?;
    let thread = console.answer(asked).await?.map_err(anyhow::Error::msg)?;
    fs::remove_file(logs.path().join("headless.out")).context("the answer stands in it, as it should")?;
    assert!(console.finish().await?);
    backend.kill().await?;
    for place in places {
        assert_eq!(found_in_files(&canaries, place)?, [].into());
        assert!(bytes_below(place)? > 1000, "there is something to look at in {}", place.display());
    }

    // And these eyes do see: what the console shows to the agent, and what a careless program would have written.
    let shown = found_in_text(&canaries, &thread.to_string());
    let shown = shown.iter().map(|found| found.what).collect::<Vec<_>>();
    for what in ["the customer's text", "the agent's text", "the draft", "the customer's name"] {
        assert!(shown.contains(&what), "{what} is not seen in {shown:?}");
    }
    fs::write(desktop.path().join("careless.log"), format!("refreshed with {}", given("refresh_token")?))?;
    let found = found_in_files(&canaries, desktop.path())?;
    assert_eq!(
        found.into_iter().map(|found| found.what).collect::<BTreeSet<_>>(),
        ["the refresh token"].into()
    );
    Ok(())
}

/// The conversation that a line says has changed.
fn conversation_of(line: &Value) -> Option<&str> {
    let views = line.get("changed")?.as_array()?;
    views.iter().find_map(|view| view.get("conversation")?.as_str())
}

fn bytes_below(folder: &std::path::Path) -> Result<u64> {
    let mut bytes = 0;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        bytes += if entry.path().is_dir() { bytes_below(&entry.path())? } else { entry.metadata()?.len() };
    }
    Ok(bytes)
}
