//! Promises of the outbox.

use deskbell_domain::{Entity, RefreshId};
use deskbell_protocol::command::{Act, RejectCode};
use deskbell_protocol::sync::Seq;
use deskbell_sync::store::{CommandState, OutboxItem, Outcomes, StoreError};
use deskbell_sync::{Store, StoreStep, Views};

use super::{Bench, at, done, enqueue, filled, follow, refused, reply};
use crate::fixtures::{self, command, command_id, conversation, epoch};

async fn states(store: &impl Store) -> Vec<(u8, CommandState)> {
    let outbox = store.restore().await.unwrap().outbox;
    outbox.iter().map(|item| (item.id().as_bytes()[15], item.state)).collect()
}

/// A command is there after a crash, behind those before it, with its times.
pub async fn a_command_is_there_after_a_crash_in_its_order<B: Bench>(bench: &B) {
    let store = bench.open().await;
    for n in [3, 1, 2] {
        let command = reply(n);
        let item = OutboxItem {
            command,
            state: CommandState::Ready,
            send_after: Some(at(5)),
            not_after: Some(at(9)),
        };
        done(&store, StoreStep::Enqueue { item: Box::new(item), replaces: None }).await;
    }
    drop(store);

    let outbox = bench.open().await.restore().await.unwrap().outbox;
    let commands: Vec<_> = outbox.iter().map(|item| item.command.clone()).collect();
    assert_eq!(commands, [reply(3), reply(1), reply(2)]);
    assert!(outbox.iter().all(|item| item.state == CommandState::Ready));
    assert!(outbox.iter().all(|item| item.send_after == Some(at(5)) && item.not_after == Some(at(9))));
}

/// The same id twice is refused, and changes nothing.
pub async fn a_command_id_is_taken_once<B: Bench>(bench: &B) {
    let store = bench.open().await;
    enqueue(&store, reply(1)).await;
    let mut other = reply(1);
    other.act = Act::Claim { conversation: conversation(2) };
    let item = OutboxItem { command: other, state: CommandState::Ready, send_after: None, not_after: None };
    let step = StoreStep::Enqueue { item: Box::new(item), replaces: None };
    assert_eq!(refused(&store, step).await, StoreError::Conflict);
    let outbox = store.restore().await.unwrap().outbox;
    assert_eq!(outbox.len(), 1);
    assert_eq!(outbox[0].command, reply(1));
}

/// The replaced command is gone when the new one is there.
pub async fn a_replaced_command_goes_with_the_step_that_replaces_it<B: Bench>(bench: &B) {
    let store = bench.open().await;
    enqueue(&store, reply(1)).await;
    enqueue(&store, reply(2)).await;
    let item =
        OutboxItem { command: reply(3), state: CommandState::Ready, send_after: None, not_after: None };
    done(&store, StoreStep::Enqueue { item: Box::new(item), replaces: Some(command_id(1)) }).await;
    drop(store);
    let ids: Vec<_> = states(&bench.open().await).await.into_iter().map(|(n, _)| n).collect();
    assert_eq!(ids, [2, 3]);
}

/// Every state survives; ids that are not there are no error.
pub async fn the_state_of_a_command_survives_a_crash<B: Bench>(bench: &B) {
    let store = bench.open().await;
    for n in 1..=5 {
        enqueue(&store, reply(n)).await;
    }
    done(&store, StoreStep::MarkSending((1..=5).chain([77]).map(command_id).collect())).await;
    let refused = RejectCode::ContextChanged.into();
    done(
        &store,
        StoreStep::Outcomes(Outcomes {
            applied: vec![
                (command_id(1), epoch(1), Seq(12)),
                (command_id(5), epoch(1), Seq(13)),
                (command_id(78), epoch(1), Seq(1)),
            ],
            refused: vec![(command_id(2), refused), (command_id(79), refused)],
            removed: vec![command_id(3), command_id(80)],
            resend: vec![command_id(81)],
        }),
    )
    .await;
    done(&store, StoreStep::Outcomes(Outcomes { resend: vec![command_id(5)], ..Outcomes::default() })).await;
    drop(store);
    let expected = [
        (1, CommandState::Applied { epoch: epoch(1), seq: Seq(12) }),
        (2, CommandState::Refused { code: refused }),
        (4, CommandState::Sending),
        (5, CommandState::Sending),
    ];
    assert_eq!(states(&bench.open().await).await, expected);
}

/// A mark for sending does not undo an outcome.
pub async fn only_a_command_that_never_left_becomes_sending<B: Bench>(bench: &B) {
    let store = bench.open().await;
    enqueue(&store, reply(1)).await;
    let code = RejectCode::WindowClosed.into();
    let refused = Outcomes { refused: vec![(command_id(1), code)], ..Outcomes::default() };
    done(&store, StoreStep::Outcomes(refused)).await;
    done(&store, StoreStep::MarkSending(vec![command_id(1)])).await;
    assert_eq!(states(&store).await, [(1, CommandState::Refused { code })]);
}

/// The text of a command taken back is in the draft, behind what is there; an act without text leaves no draft.
pub async fn a_command_taken_back_becomes_the_draft<B: Bench>(bench: &B) {
    let store = bench.open().await;
    enqueue(&store, reply(1)).await;
    enqueue(&store, reply(2)).await;
    let claim = Act::Claim { conversation: conversation(2) };
    enqueue(&store, command(command_id(3), at(0), claim)).await;
    for n in 1..=3 {
        done(&store, StoreStep::TakeBack(command_id(n))).await;
    }
    drop(store);
    let store = bench.open().await;
    assert!(states(&store).await.is_empty());
    assert_eq!(store.draft(conversation(1)).await.unwrap().expose(), "reply 1\nreply 2");
    assert_eq!(store.draft(conversation(2)).await.unwrap().expose(), "");
}

/// A draft survives a crash, and goes when it is emptied.
pub async fn a_draft_is_kept_until_it_is_empty<B: Bench>(bench: &B) {
    let store = filled(bench).await;
    let draft = |text: &str| StoreStep::SaveDraft { conversation: conversation(1), text: text.into() };
    done(&store, draft("half a")).await;
    done(&store, draft("half a sentence")).await;
    drop(store);
    let store = bench.open().await;
    assert_eq!(store.draft(conversation(1)).await.unwrap().expose(), "half a sentence");
    let row = super::thread(&store, 1).await.unwrap().row;
    assert_eq!(row.draft.unwrap().expose(), "half a sentence");
    done(&store, draft("")).await;
    assert_eq!(super::thread(&store, 1).await.unwrap().row.draft, None);
}

/// A reply and the draft it was typed as are one text: it is neither lost nor doubled. Another draft stays.
pub async fn a_reply_takes_the_draft_that_says_the_same<B: Bench>(bench: &B) {
    let store = bench.open().await;
    let draft = |text: &str| StoreStep::SaveDraft { conversation: conversation(1), text: text.into() };
    done(&store, draft(" reply 1\n")).await;
    enqueue(&store, reply(1)).await;
    drop(store);
    let store = bench.open().await;
    assert_eq!(store.draft(conversation(1)).await.unwrap().expose(), "");
    done(&store, draft("reply 2, and more")).await;
    enqueue(&store, reply(2)).await;
    assert_eq!(store.draft(conversation(1)).await.unwrap().expose(), "reply 2, and more");
}

/// A command that never left becomes refused where the newest customer message is more than a window ago; where the
/// customer wrote again, where it may have left, and where the conversation is not known, it stays.
pub async fn a_command_expires_only_where_the_window_is_closed<B: Bench>(bench: &B) {
    let store = filled(bench).await;
    let day = 24 * 3_600_000;
    follow(&store, fixtures::frame(10, 11, super::waiting(2, day, 11).to_vec())).await;
    let to = |n, lane| fixtures::reply(command_id(n), conversation(lane), fixtures::message(n), "x", at(0));
    for (n, lane) in [(11, 1), (12, 2), (13, 3), (14, 1)] {
        enqueue(&store, to(n, lane)).await;
    }
    done(&store, StoreStep::MarkSending(vec![command_id(14)])).await;
    let ids: Vec<_> = (11..=14).map(command_id).collect();
    let applied = done(&store, StoreStep::Expire { ids, now: at(day + 60_000) }).await;
    assert_eq!(applied.expired, [command_id(11)]);
    let closed = CommandState::Refused { code: RejectCode::WindowClosed.into() };
    let expected =
        [(11, closed), (12, CommandState::Ready), (13, CommandState::Ready), (14, CommandState::Sending)];
    assert_eq!(states(&store).await, expected);
}

/// A renewal's id survives a crash, until it ends.
pub async fn a_renewal_is_remembered_until_it_ends<B: Bench>(bench: &B) {
    let id = RefreshId::new(at(0), [7; 10]);
    let store = bench.open().await;
    assert_eq!(store.restore().await.unwrap().renewal, None);
    done(&store, StoreStep::BeginRenewal(id)).await;
    drop(store);
    let store = bench.open().await;
    assert_eq!(store.restore().await.unwrap().renewal, Some(id));
    done(&store, StoreStep::EndRenewal).await;
    drop(store);
    assert_eq!(bench.open().await.restore().await.unwrap().renewal, None);
}

/// The highest time seen never falls; the lease is the newest one given.
pub async fn times_only_rise<B: Bench>(bench: &B) {
    let store = bench.open().await;
    let note = |highest, lease_until| StoreStep::NoteTime { highest_time: at(highest), lease_until };
    done(&store, note(100, Some(at(900)))).await;
    done(&store, note(50, None)).await;
    drop(store);
    let store = bench.open().await;
    let restored = store.restore().await.unwrap();
    assert_eq!((restored.highest_time, restored.lease_until), (Some(at(100)), Some(at(900))));
    done(&store, note(60, Some(at(300)))).await;
    let restored = store.restore().await.unwrap();
    assert_eq!((restored.highest_time, restored.lease_until), (Some(at(100)), Some(at(300))));
}

/// An erasure purges what waits for its conversation, and nothing else.
pub async fn an_erasure_takes_commands_and_drafts_of_its_conversation_only<B: Bench>(bench: &B) {
    let store = bench.open().await;
    enqueue(&store, reply(1)).await;
    let other = fixtures::reply(command_id(2), conversation(2), fixtures::message(2), "stays", at(0));
    enqueue(&store, other).await;
    for n in [1, 2] {
        let text = format!("draft {n}").into();
        done(&store, StoreStep::SaveDraft { conversation: conversation(n), text }).await;
    }
    let roots = vec![conversation(1).entity(), conversation(9).entity()];
    let applied = done(&store, StoreStep::PurgeOutbox(roots)).await;
    assert_eq!(applied.dropped, [command_id(1)]);
    drop(store);
    let store = bench.open().await;
    assert_eq!(states(&store).await, [(2, CommandState::Ready)]);
    assert_eq!(store.draft(conversation(1)).await.unwrap().expose(), "");
    assert_eq!(store.draft(conversation(2)).await.unwrap().expose(), "draft 2");
}
