use std::time::Duration;

use deskbell_backend::limits::{CHANGES_PER_TX_MAX, SEQ_STEP};
use deskbell_backend::storage::change::{self, Change};
use deskbell_backend::storage::command_outcome::{self, Found, NewOutcome};
use deskbell_backend::storage::{
    Committed, Entity, EntityKind, Op, StorageError, conversation, message, queue, read_mark, staff,
};
use deskbell_domain::{CommandId, ConversationId, DeviceId, MessageId, Scope, UserId, UtcMs};

use crate::harness::{Office, engines, inbound};

/// How long anything here may take before a test gives up.
const LIMIT: Duration = Duration::from_secs(20);

async fn all(office: &Office, scopes: &[Scope]) -> Vec<Change> {
    let mut read = office.tenant.read().await.unwrap();
    let mut from = 0;
    let mut changes = Vec::new();
    loop {
        let page = change::page(&mut read, from, scopes, 500).await.unwrap();
        assert_eq!(page.from, from);
        changes.extend(page.changes);
        from = page.to;
        if !page.more {
            return changes;
        }
    }
}

async fn head(office: &Office) -> i64 {
    change::clock(&mut office.tenant.read().await.unwrap()).await.unwrap().head
}

/// A commit of `count` changes, each seen by `scope`.
async fn commit(office: &Office, count: u8, scope: Scope) -> Result<Committed, StorageError> {
    let mut tx = office.tenant.begin().await.unwrap();
    for n in 0..count {
        tx.changed(
            Entity::message(MessageId::from_bytes([n; 16]), ConversationId::from_bytes([9; 16])),
            Op::Put,
            &[scope],
        );
    }
    tx.commit().await
}

engines! {
    numbers_have_no_gaps_whoever_commits_when(world) {
        let office = std::sync::Arc::new(world.office("one").await);
        let start = head(&office).await;
        let scope = Scope::Queue(office.queue);
        let mut writers = Vec::new();
        for writer in 1..=6_u8 {
            let office = std::sync::Arc::clone(&office);
            writers.push(tokio::spawn(async move {
                for _ in 0..10 {
                    let before = head(&office).await;
                    let committed = commit(&office, writer, scope).await.unwrap();
                    assert!(committed.head.unwrap() >= before + i64::from(writer));
                }
            }));
        }
        for writer in writers {
            writer.await.unwrap();
        }
        let changes: Vec<_> = all(&office, &[scope, Scope::Tenant, Scope::User(office.agent)]).await;
        let numbers: Vec<i64> = changes.iter().map(|change| change.seq).collect();
        assert_eq!(numbers, (1..=start + 210).collect::<Vec<_>>());
    }

    a_rolled_back_transaction_leaves_no_gap(world) {
        let office = world.office("one").await;
        let before = head(&office).await;
        let mut tx = office.tenant.begin().await.unwrap();
        queue::create(&mut tx, "Never").await.unwrap();
        drop(tx);
        let committed = commit(&office, 1, Scope::Tenant).await.unwrap();
        assert_eq!(committed.head, Some(before + 1));
    }

    a_transaction_with_too_many_changes_is_refused_whole(world) {
        let office = world.office("one").await;
        let before = head(&office).await;
        let mut tx = office.tenant.begin().await.unwrap();
        let made = queue::create(&mut tx, "Never").await.unwrap();
        for n in 0..CHANGES_PER_TX_MAX {
            let mut id = [0; 16];
            id[..8].copy_from_slice(&n.to_be_bytes());
            tx.changed(Entity::message(MessageId::from_bytes(id), ConversationId::from_bytes(id)), Op::Put, &[Scope::Tenant]);
        }
        assert_eq!(tx.changes_left(), 0);
        assert!(matches!(tx.commit().await, Err(StorageError::TooManyChanges(_))));
        assert_eq!(head(&office).await, before);
        let mut read = office.tenant.read().await.unwrap();
        assert!(queue::read_many(&mut read, &[made]).await.unwrap().is_empty());
    }

    a_page_ends_where_a_transaction_ends(world) {
        let office = world.office("one").await;
        let scope = Scope::Queue(office.queue);
        let start = head(&office).await;
        for _ in 0..3 {
            commit(&office, 200, scope).await.unwrap();
        }
        let mut read = office.tenant.read().await.unwrap();
        let page = change::page(&mut read, start, &[scope], 500).await.unwrap();
        assert_eq!((page.to, page.changes.len(), page.more), (start + 400, 400, true));
        let rest = change::page(&mut read, page.to, &[scope], 500).await.unwrap();
        assert_eq!((rest.to, rest.changes.len(), rest.more), (start + 600, 200, false));

        assert_eq!(change::last_end(&mut read, start, start + 399).await.unwrap(), start + 200);
        assert_eq!(change::last_end(&mut read, start, start + 199).await.unwrap(), start);
        assert_eq!(change::next_end(&mut read, start + 1).await.unwrap(), start + 200);
        assert_eq!(change::next_end(&mut read, start + 600).await.unwrap(), start + 600);
    }

    a_page_covers_what_others_see_without_showing_it(world) {
        let office = world.office("one").await;
        let start = head(&office).await;
        commit(&office, 5, Scope::Queue(office.queue)).await.unwrap();
        let mut read = office.tenant.read().await.unwrap();
        let stranger = Scope::User(UserId::from_bytes([4; 16]));
        let page = change::page(&mut read, start, &[stranger], 500).await.unwrap();
        assert_eq!((page.to, page.changes.len()), (start + 5, 0));
        let page = change::page(&mut read, start, &[], 500).await.unwrap();
        assert_eq!((page.to, page.changes.len()), (start + 5, 0));
    }

    everything_of_a_transaction_has_its_version(world) {
        let office = world.office("one").await;
        let mut tx = office.tenant.begin().await.unwrap();
        let (contact, mut conversation) = office.customer(&mut tx, "34600000001").await;
        let new = inbound(&tx, "hello", "wamid.1");
        message::insert(&mut tx, &contact, &conversation, &new).await.unwrap();
        let before = conversation;
        conversation.last_message_at = before.last_message_at.plus_ms(5);
        conversation::save(&mut tx, &before, &conversation).await.unwrap();
        assert!(read_mark::put(&mut tx, office.agent, conversation.id, UtcMs::from_ms(9)).await.unwrap());
        let head = tx.commit().await.unwrap().head.unwrap();

        let mut read = office.tenant.read().await.unwrap();
        let stored = conversation::read_many(&mut read, &[conversation.id]).await.unwrap();
        assert_eq!(stored[0].version, head);
        assert_eq!(message::read_many(&mut read, &[new.id]).await.unwrap()[0].version, head);
        let marks = read_mark::read_many(&mut read, office.agent, &[conversation.id]).await.unwrap();
        assert_eq!((marks[0].version, marks[0].through), (head, UtcMs::from_ms(9)));
    }

    a_read_mark_moves_forward_only_and_is_its_owner_s(world) {
        let office = world.office("one").await;
        let mut tx = office.tenant.begin().await.unwrap();
        let (_, conversation) = office.customer(&mut tx, "34600000001").await;
        let bob = staff::create(&mut tx, &crate::harness::agent("Bob", "bob@one.example")).await.unwrap();
        assert!(read_mark::put(&mut tx, office.agent, conversation.id, UtcMs::from_ms(9)).await.unwrap());
        assert!(read_mark::put(&mut tx, bob, conversation.id, UtcMs::from_ms(20)).await.unwrap());
        let first = tx.commit().await.unwrap().head.unwrap();
        let mut tx = office.tenant.begin().await.unwrap();
        assert!(!read_mark::put(&mut tx, office.agent, conversation.id, UtcMs::from_ms(8)).await.unwrap());
        assert!(read_mark::put(&mut tx, office.agent, conversation.id, UtcMs::from_ms(10)).await.unwrap());
        let second = tx.commit().await.unwrap().head.unwrap();

        let mut read = office.tenant.read().await.unwrap();
        let own = read_mark::read_many(&mut read, office.agent, &[conversation.id]).await.unwrap();
        assert_eq!((own[0].through, own[0].version), (UtcMs::from_ms(10), second));
        let bobs = read_mark::read_many(&mut read, bob, &[conversation.id]).await.unwrap();
        assert_eq!((bobs[0].through, bobs[0].version), (UtcMs::from_ms(20), first));
        drop(read);
        let seen = all(&office, &[Scope::User(bob)]).await;
        assert_eq!(seen.iter().filter(|change| change.entity.kind == EntityKind::ReadMark).count(), 1);
    }

    a_conversation_that_is_assigned_enters_one_scope_and_leaves_another(world) {
        let office = world.office("one").await;
        let mut tx = office.tenant.begin().await.unwrap();
        let other_queue = queue::create(&mut tx, "Service").await.unwrap();
        let (_, conversation) = office.customer(&mut tx, "34600000001").await;
        tx.commit().await.unwrap();
        let start = head(&office).await;

        let mut tx = office.tenant.begin().await.unwrap();
        let before = conversation::lock(&mut tx, conversation.id).await.unwrap().unwrap();
        let after = conversation::Conversation { assignee: Some(office.agent), ..before };
        conversation::save(&mut tx, &before, &after).await.unwrap();
        tx.commit().await.unwrap();
        let mut tx = office.tenant.begin().await.unwrap();
        let before = conversation::lock(&mut tx, conversation.id).await.unwrap().unwrap();
        let after = conversation::Conversation { queue: other_queue, assignee: None, ..before };
        conversation::save(&mut tx, &before, &after).await.unwrap();
        conversation::save(&mut tx, &after, &after).await.unwrap();
        tx.commit().await.unwrap();

        let ops = |changes: Vec<Change>| -> Vec<Op> {
            changes.into_iter().filter(|change| change.seq > start).map(|change| change.op).collect()
        };
        assert_eq!(ops(all(&office, &[Scope::Queue(office.queue)]).await), [Op::Put, Op::Remove]);
        assert_eq!(ops(all(&office, &[Scope::User(office.agent)]).await), [Op::Scope, Op::Remove]);
        assert_eq!(ops(all(&office, &[Scope::Queue(other_queue)]).await), [Op::Scope]);
    }

    whoever_waits_for_the_head_is_woken_by_any_process(world) {
        let office = world.office("one").await;
        let other = world.another().await;
        let mut waiting = other.tenant(office.id()).watch().await.unwrap();
        assert_eq!(*waiting.borrow_and_update(), head(&office).await);
        let committed = commit(&office, 2, Scope::Tenant).await.unwrap().head.unwrap();
        let woken = async {
            while *waiting.borrow_and_update() < committed {
                waiting.changed().await.unwrap();
            }
        };
        tokio::time::timeout(LIMIT, woken).await.unwrap();
    }

    a_stored_outcome_is_found_by_its_owner_and_settled_at_its_place(world) {
        let office = world.office("one").await;
        let (command, device) = (CommandId::from_bytes([1; 16]), DeviceId::from_bytes([2; 16]));
        let outcome = |hash| NewOutcome {
            command,
            user: office.agent,
            device,
            body_hash: [hash; 32],
            outcome: serde_json::json!({"status": "applied"}),
        };
        let mut tx = office.tenant.begin().await.unwrap();
        assert_eq!(command_outcome::find(&mut tx, command, office.agent, &[5; 32]).await.unwrap(), Found::New);
        queue::create(&mut tx, "Service").await.unwrap();
        command_outcome::store(&mut tx, &outcome(5)).await.unwrap();
        let seq = tx.commit().await.unwrap().head.unwrap();

        let mut tx = office.tenant.begin().await.unwrap();
        let found = command_outcome::find(&mut tx, command, office.agent, &[5; 32]).await.unwrap();
        assert_eq!(found, Found::Stored { outcome: serde_json::json!({"status": "applied"}), seq });
        let other_body = command_outcome::find(&mut tx, command, office.agent, &[6; 32]).await.unwrap();
        assert_eq!(other_body, Found::Reused);
        let other_user = UserId::from_bytes([8; 16]);
        let stolen = command_outcome::find(&mut tx, command, other_user, &[5; 32]).await.unwrap();
        assert_eq!(stolen, Found::Reused);
        let again = command_outcome::store(&mut tx, &outcome(5)).await;
        assert!(matches!(again, Err(error) if error.is_retryable()));
        drop(tx);

        let mut read = office.tenant.read().await.unwrap();
        for (from, to, expected) in [(0, seq, vec![command]), (seq, seq + 9, vec![]), (0, seq - 1, vec![])] {
            assert_eq!(command_outcome::settled(&mut read, device, from, to).await.unwrap(), expected);
        }
        let others = DeviceId::from_bytes([3; 16]);
        assert!(command_outcome::settled(&mut read, others, 0, seq).await.unwrap().is_empty());
        drop(read);

        world.clock.forward(deskbell_backend::limits::COMMAND_OUTCOME_MS);
        let mut tx = office.tenant.begin().await.unwrap();
        assert_eq!(command_outcome::forget_expired(&mut tx).await.unwrap(), 1);
    }

    an_outcome_without_effects_stands_at_the_head(world) {
        let office = world.office("one").await;
        let before = head(&office).await;
        let mut tx = office.tenant.begin().await.unwrap();
        let new = NewOutcome {
            command: CommandId::from_bytes([1; 16]),
            user: office.agent,
            device: DeviceId::from_bytes([2; 16]),
            body_hash: [5; 32],
            outcome: serde_json::json!({"status": "rejected"}),
        };
        command_outcome::store(&mut tx, &new).await.unwrap();
        assert_eq!(tx.commit().await.unwrap().head, Some(before));
        assert_eq!(head(&office).await, before);
        let mut read = office.tenant.read().await.unwrap();
        let found = command_outcome::find(&mut read, new.command, office.agent, &[5; 32]).await.unwrap();
        assert!(matches!(found, Found::Stored { seq, .. } if seq == before));
    }

    numbers_are_promised_to_the_key_store_before_they_are_used(world) {
        let office = world.office("one").await;
        let water = world.db.keys().high_water(office.id()).await.unwrap().unwrap();
        assert_eq!(water.promised, SEQ_STEP);
        while head(&office).await <= SEQ_STEP {
            commit(&office, 200, Scope::Tenant).await.unwrap();
        }
        let water = world.db.keys().high_water(office.id()).await.unwrap().unwrap();
        assert_eq!(water.promised, 2 * SEQ_STEP);
        assert!(water.raised_from <= SEQ_STEP && water.raised_from > SEQ_STEP - 200);
    }
}
