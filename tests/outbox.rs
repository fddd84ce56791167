//! What an agent does while the line is down, or while somebody else does the same.

use anyhow::Result;
use deskbell_console::api::{ConversationRef, DeliveryView, Host as _, MessageRef};
use deskbell_domain::DeliveryStatus::Read;
use deskbell_e2e::limits::WAIT_MAX;
use deskbell_e2e::{Engine, Options, TestSystem, until};
use deskbell_protocol::route;

const QUESTION: &str = "Are you open on Saturday?";

#[tokio::test(flavor = "multi_thread")]
async fn replies_written_offline_wait_and_go_out_once_and_in_order() -> Result<()> {
    for engine in Engine::all() {
        let system = TestSystem::start(Options::on(engine)).await?;
        let ada = system.desk("Ada").await?;
        let customer = system.platform.customer(0);
        customer.writes(QUESTION).await;
        let conversation = ada.sees(QUESTION).await?;

        // Given a line that is cut.
        ada.line.cut();
        ada.offline().await?;

        // When two replies are written, they are shown, and they wait.
        let first = ada.reply(conversation, "Yes, from ten.").await?;
        let second = ada.reply(conversation, "Until two.").await?;
        assert_eq!(ada.delivery(conversation, first).await?, DeliveryView::Waiting);
        assert_eq!(ada.delivery(conversation, second).await?, DeliveryView::Waiting);
        assert_eq!(ada.status().await?.queued, 2);
        assert!(customer.received().is_empty());

        // Then they go out when the line is back: once, in the order in which they were written.
        ada.back_online().await?;
        ada.shows(conversation, first, Read).await?;
        ada.shows(conversation, second, Read).await?;
        system.platform.settled(WAIT_MAX).await?;
        let received = customer.received().into_iter().filter_map(|message| message.text).collect::<Vec<_>>();
        assert_eq!(received, ["Yes, from ten.", "Until two."]);
        assert_eq!(ada.status().await?.queued, 0);
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reply_whose_acknowledgement_is_lost_goes_out_once() -> Result<()> {
    for engine in Engine::all() {
        let system = TestSystem::start(Options::on(engine)).await?;
        let ada = system.desk("Ada").await?;
        let customer = system.platform.customer(0);
        customer.writes(QUESTION).await;
        let conversation = ada.sees(QUESTION).await?;

        // When the backend carries the reply out, and the console never hears of it.
        ada.line.lose_answer_to(&format!("POST {}", route::COMMANDS));
        let reply = ada.reply(conversation, "Yes, from ten.").await?;
        until("the answer was lost", async || Ok((ada.line.lost() == 1).then_some(()))).await?;

        // Then it is one message, although the console has to ask again.
        ada.shows(conversation, reply, Read).await?;
        until("nothing waits", async || Ok((ada.status().await?.queued == 0).then_some(()))).await?;
        system.platform.settled(WAIT_MAX).await?;
        assert_eq!(customer.received().len(), 1);
        assert_eq!(ada.texts(conversation).await?, [QUESTION, "Yes, from ten."]);
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reply_that_a_colleague_overtook_is_refused_kept_and_sent_only_when_asked() -> Result<()> {
    for engine in Engine::all() {
        let system = TestSystem::start(Options::on(engine)).await?;
        let (ada, ben) = (system.desk("Ada").await?, system.desk("Ben").await?);
        let customer = system.platform.customer(0);
        customer.writes(QUESTION).await;
        let conversation = ada.sees(QUESTION).await?;
        ben.sees(QUESTION).await?;

        // Given that Ada answers without a line, and Ben answers meanwhile.
        ada.line.cut();
        ada.offline().await?;
        let late = ada.reply(conversation, "I will find out.").await?;
        let quick = ben.reply(conversation, "Yes, until two.").await?;
        ben.shows(conversation, quick, Read).await?;

        // When Ada is back, her reply is not sent into a conversation that has changed; her words are kept.
        ada.back_online().await?;
        assert_eq!(ada.refused(conversation, late).await?, "context_changed");
        assert!(ada.texts(conversation).await?.contains(&"I will find out.".to_owned()));
        assert_eq!(ada.status().await?.refused, 1);
        system.platform.settled(WAIT_MAX).await?;
        assert_eq!(customer.received().len(), 1);

        // Then it goes out once she has seen what changed and still wants it.
        until("Ada sees Ben's answer", async || {
            Ok(ada.texts(conversation).await?.iter().any(|text| text == "Yes, until two.").then_some(()))
        })
        .await?;
        let again = ada.console.retry(MessageRef { conversation, message: late }).await?;
        ada.shows(conversation, again.message, Read).await?;
        system.platform.settled(WAIT_MAX).await?;
        let received = customer.received().into_iter().filter_map(|message| message.text).collect::<Vec<_>>();
        assert_eq!(received, ["Yes, until two.", "I will find out."]);
        assert_eq!(ada.status().await?.refused, 0);
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_who_claim_one_wins_and_the_other_is_told_who() -> Result<()> {
    for engine in Engine::all() {
        let system = TestSystem::start(Options::on(engine)).await?;
        let (ada, ben) = (system.desk("Ada").await?, system.desk("Ben").await?);
        system.platform.customer(0).writes(QUESTION).await;
        let conversation = ada.sees(QUESTION).await?;
        ben.sees(QUESTION).await?;

        // Given that both take it without knowing of each other: each sees it as theirs.
        for desk in [&ada, &ben] {
            desk.line.cut();
            desk.offline().await?;
            desk.console.claim(ConversationRef { conversation }).await?;
            let row = desk.thread(conversation).await?.conversation;
            assert!(row.assignee.is_some_and(|assignee| assignee.is_me));
        }

        // When both are back.
        let (first, second) = tokio::join!(ada.back_online(), ben.back_online());
        first.and(second)?;

        // Then both see the same agent, who is one of them, by name.
        let mut seen = Vec::new();
        for desk in [&ada, &ben] {
            let assignee = until("the claim is settled", async || {
                let settled = desk.status().await?.queued == 0;
                let assignee = desk.thread(conversation).await?.conversation.assignee;
                Ok(assignee.filter(|_| settled))
            });
            seen.push(assignee.await?);
        }
        let [by_ada, by_ben] = seen.as_slice() else { unreachable!("two have looked") };
        assert_eq!(by_ada.id, by_ben.id);
        assert_eq!(by_ada.name, by_ben.name);
        assert_ne!(by_ada.is_me, by_ben.is_me, "one has won");
        let winner = if by_ada.is_me { "Ada" } else { "Ben" };
        assert_eq!(by_ada.name.expose(), winner);
    }
    Ok(())
}
