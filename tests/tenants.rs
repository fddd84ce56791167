//! Two businesses on one backend: nothing crosses.

use anyhow::{Context as _, Result};
use deskbell_domain::{Clock as _, CommandId, MessageId, SystemClock};
use deskbell_e2e::{Engine, Options, TestSystem};
use deskbell_protocol::route;
use reqwest::Method;
use serde_json::{Value, json};

const QUESTION: &str = "Only the north may read this";

/// CCP-08, CCP-09.
#[tokio::test(flavor = "multi_thread")]
async fn what_belongs_to_another_tenant_does_not_exist() -> Result<()> {
    for engine in Engine::all() {
        // Given a conversation in the north, and an agent of the south who knows its ids, cursor and all.
        let system = TestSystem::start(Options::on(engine)).await?;
        let ada = system.desk("Ada").await?;
        let customer = system.platform.customer(0);
        customer.writes(QUESTION).await;
        let conversation = ada.sees(QUESTION).await?;
        let seen = ada.line.heard();
        let cursor = seen.rsplit("\"cursor\":\"").next().and_then(|rest| rest.split('"').next());
        let cursor = cursor.context("Ada has a cursor")?;
        let mut eve = system.wire()?;
        let agent = system.agent("Eve")?.clone();
        eve.sign_in(&agent.email, &agent.password).await?;
        let mut ben = system.wire()?;
        let agent = system.agent("Ben")?.clone();
        ben.sign_in(&agent.email, &agent.password).await?;

        // When she acts on it, it is not found; a colleague of Ada's who does the same is not refused.
        let claim = |id: [u8; 10]| {
            json!({"commands": [{
                "id": CommandId::new(SystemClock.now(), id),
                "created_at": SystemClock.now(),
                "act": "claim",
                "conversation": conversation,
            }]})
        };
        let send = json!({"commands": [{
            "id": CommandId::new(SystemClock.now(), [2; 10]),
            "created_at": SystemClock.now(),
            "seen": {"version": 1_000_000, "assignee": null, "status": "open"},
            "act": "send_text",
            "conversation": conversation,
            "message": MessageId::new(SystemClock.now(), [3; 10]),
            "text": "Hello from the south",
        }]});
        for commands in [claim([1; 10]), send] {
            let (status, answer) = eve.call(Method::POST, route::COMMANDS, Some(&commands)).await?;
            assert_eq!(status, 200);
            assert_eq!(answer.pointer("/results/0/code"), Some(&Value::from("not_found")), "{answer}");
        }
        let (_, answer) = ben.call(Method::POST, route::COMMANDS, Some(&claim([4; 10]))).await?;
        assert_eq!(answer.pointer("/results/0/status"), Some(&Value::from("applied")), "{answer}");

        // And the north's cursor opens nothing for her; her own view holds nothing of it.
        let changes = format!("{}?cursor={cursor}", route::CHANGES);
        let (status, answer) = eve.call::<()>(Method::GET, &changes, None).await?;
        assert!((400..500).contains(&status), "{status} {answer}");
        let souths = eve.snapshot().await?;
        assert!(!souths.contains(QUESTION) && !souths.contains(&conversation.to_string()));
        assert!(souths.contains("Southgate"), "she has a view of her own");
        assert!(ben.snapshot().await?.contains(QUESTION), "who may read it, does");
        assert!(customer.received().is_empty());

        // Without a token there is nothing at all.
        let (status, _) = system.wire()?.call::<()>(Method::GET, route::SNAPSHOT, None).await?;
        assert_eq!(status, 401);
    }
    Ok(())
}
