use std::collections::HashSet;

use bytes::Bytes;
use deskbell_backend::limits::{DAY_MS, INGEST_KEY_MS};
use deskbell_backend::storage::StorageError;
use deskbell_backend::storage::arrivals::{NewBody, QuarantineReason, RejectReason, Rejected};

use crate::harness::engines;

const LEASE_MS: i64 = 30_000;

pub(crate) fn body(text: &str) -> NewBody {
    NewBody { app: "main".to_owned(), bytes: Bytes::copy_from_slice(text.as_bytes()) }
}

engines! {
    every_accepted_body_is_there_once_byte_for_byte_after_a_restart(world) {
        let mut senders = Vec::new();
        for n in 0..200 {
            let arrivals = world.db.arrivals().clone();
            senders.push(tokio::spawn(async move { arrivals.accept(body(&format!("{{\"n\":{n}}}"))).await.unwrap() }));
        }
        let mut accepted = HashSet::new();
        for sender in senders {
            accepted.insert(sender.await.unwrap());
        }
        assert_eq!(accepted.len(), 200);
        world.restart().await;

        let staged = world.db.arrivals().lease(500, LEASE_MS).await.unwrap();
        assert_eq!(staged.iter().map(|staged| staged.id).collect::<HashSet<_>>(), accepted);
        let texts: HashSet<Vec<u8>> =
            staged.iter().map(|staged| staged.body.clone().unwrap().into_exposed()).collect();
        assert_eq!(texts, (0..200).map(|n| format!("{{\"n\":{n}}}").into_bytes()).collect::<HashSet<_>>());
        assert!(staged.iter().all(|staged| staged.app == "main" && staged.attempts == 1));
    }

    a_body_that_was_answered_is_on_the_disk_before_the_answer(world) {
        let id = world.db.arrivals().accept(body("{}")).await.unwrap();
        // Another process sees it at once: it was committed, not promised.
        let other = world.another().await;
        let staged = other.arrivals().lease(1, LEASE_MS).await.unwrap();
        assert_eq!(staged[0].id, id);
    }

    a_leased_body_is_nobody_else_s_until_its_lease_is_over(world) {
        let arrivals = world.db.arrivals();
        arrivals.insert_many(&[body("1"), body("2"), body("3")]).await.unwrap();
        let first = arrivals.lease(2, LEASE_MS).await.unwrap();
        let second = arrivals.lease(9, LEASE_MS).await.unwrap();
        assert_eq!((first.len(), second.len()), (2, 1));
        assert!(arrivals.lease(9, LEASE_MS).await.unwrap().is_empty());
        world.clock.forward(LEASE_MS);
        let again = arrivals.lease(9, LEASE_MS).await.unwrap();
        assert_eq!(again.len(), 3);
        assert!(again.iter().all(|staged| staged.attempts == 2));
        arrivals.finish(&again.iter().map(|staged| staged.id).collect::<Vec<_>>()).await.unwrap();
        world.clock.forward(LEASE_MS);
        assert!(arrivals.lease(9, LEASE_MS).await.unwrap().is_empty());
        assert_eq!(arrivals.counts().await.unwrap().staged, 0);
    }

    a_body_given_back_waits_its_time_and_one_put_aside_does_not_come_back(world) {
        let arrivals = world.db.arrivals();
        let ids = arrivals.insert_many(&[body("1"), body("2")]).await.unwrap();
        arrivals.lease(9, LEASE_MS).await.unwrap();
        arrivals.retry(ids[0], world.db.now().plus_ms(500)).await.unwrap();
        arrivals.quarantine(ids[1], QuarantineReason::Malformed).await.unwrap();
        assert!(arrivals.lease(9, LEASE_MS).await.unwrap().is_empty());
        world.clock.forward(500);
        let again = arrivals.lease(9, LEASE_MS).await.unwrap();
        assert_eq!(again.iter().map(|staged| staged.id).collect::<Vec<_>>(), [ids[0]]);
        let counts = arrivals.counts().await.unwrap();
        assert_eq!((counts.staged, counts.quarantined), (1, 1));
        assert_eq!(counts.oldest, Some(world.db.now().plus_ms(-500)));
    }

    a_body_whose_ingest_key_is_over_is_noise_and_forgotten(world) {
        let arrivals = world.db.arrivals();
        arrivals.insert_many(&[body("1")]).await.unwrap();
        world.clock.forward(INGEST_KEY_MS + DAY_MS);
        world.db.keys().destroy_expired(world.db.now()).await.unwrap();
        let staged = arrivals.lease(9, LEASE_MS).await.unwrap();
        assert_eq!(staged[0].body, None);
        arrivals.forget_before(world.db.now().plus_ms(-INGEST_KEY_MS)).await.unwrap();
        assert_eq!(arrivals.counts().await.unwrap().staged, 0);
    }

    a_refused_call_is_recorded_without_its_sender_s_address(world) {
        let rejected = Rejected {
            app: None,
            reason: RejectReason::BadSignature,
            bytes: 1_000,
            sender: Some("203.0.113.7".parse().unwrap()),
        };
        world.db.arrivals().record_rejected(rejected).await.unwrap();
        assert_eq!(world.db.arrivals().counts().await.unwrap().rejected, 1);
        if world.is_postgres() {
            let rows = world.as_superuser("SELECT t::text FROM deskbell.rejected_webhook t".to_owned()).await;
            let text: String = sqlx::Row::get(&rows[0], 0);
            assert!(text.contains("bad_signature") && !text.contains("203.0.113.7"), "{text}");
        }
    }

    a_body_larger_than_all_memory_set_aside_is_refused(world) {
        let bytes = Bytes::from(vec![b'x'; 65 * 1024 * 1024]);
        let refused = world.db.arrivals().accept(NewBody { app: "main".to_owned(), bytes }).await;
        assert!(matches!(refused, Err(StorageError::ArrivalsFull)));
        assert_eq!(world.db.arrivals().counts().await.unwrap().staged, 0);
        world.db.arrivals().accept(body("{}")).await.unwrap();
    }
}
