use deskbell_backend::storage::job::{self, LeasedJob, NewJob, Retry};
use deskbell_backend::storage::{Db, StorageError, queue};
use deskbell_domain::{JobId, UtcMs};
use serde_json::json;

use crate::harness::{Office, engines};

const KIND: &str = "send";
const LEASE_MS: i64 = 30_000;

async fn enqueue(office: &Office, lane: Option<u8>, run_at: UtcMs, n: i64) -> JobId {
    let mut tx = office.tenant.begin().await.unwrap();
    let new = NewJob { kind: KIND, run_at, lane: lane.map(|lane| [lane; 16]), args: json!({ "n": n }) };
    let id = job::enqueue(&mut tx, &new).await.unwrap();
    tx.commit().await.unwrap();
    id
}

async fn lease(db: &Db, count: i64) -> Vec<LeasedJob> {
    db.jobs().lease(&[KIND], count, LEASE_MS).await.unwrap()
}

async fn complete(office: &Office, job: &LeasedJob) -> Result<(), StorageError> {
    let mut tx = office.tenant.begin().await.unwrap();
    queue::create(&mut tx, "made by the job").await.unwrap();
    job::complete(&mut tx, job).await?;
    tx.commit().await.map(|_| ())
}

fn numbers(jobs: &[LeasedJob]) -> Vec<i64> {
    jobs.iter().map(|job| job.args["n"].as_i64().unwrap()).collect()
}

engines! {
    a_job_exists_if_and_only_if_its_cause_was_committed(world) {
        let office = world.office("one").await;
        let mut tx = office.tenant.begin().await.unwrap();
        let new = NewJob { kind: KIND, run_at: tx.now(), lane: None, args: json!({}) };
        job::enqueue(&mut tx, &new).await.unwrap();
        drop(tx);
        assert!(lease(&world.db, 9).await.is_empty());
        let id = enqueue(&office, None, world.db.now(), 1).await;
        let jobs = lease(&world.db, 9).await;
        assert_eq!(jobs.iter().map(|job| job.id).collect::<Vec<_>>(), [id]);
        assert_eq!((jobs[0].tenant, jobs[0].attempts), (office.id(), 1));
        assert_eq!(jobs[0].args::<serde_json::Value>().unwrap(), json!({ "n": 1 }));
    }

    jobs_of_all_tenants_are_found_when_their_time_has_come(world) {
        let (one, other) = (world.office("one").await, world.office("other").await);
        let now = world.db.now();
        enqueue(&one, None, now.plus_ms(2_000), 1).await;
        enqueue(&other, None, now.plus_ms(1_000), 2).await;
        assert!(lease(&world.db, 9).await.is_empty());
        world.clock.forward(1_000);
        assert_eq!(numbers(&lease(&world.db, 9).await), [2]);
        world.clock.forward(1_000);
        assert_eq!(numbers(&lease(&world.db, 9).await), [1]);
        assert!(world.db.jobs().lease(&["another kind"], 9, LEASE_MS).await.unwrap().is_empty());
    }

    a_leased_job_is_nobody_else_s_until_its_lease_is_over(world) {
        let office = world.office("one").await;
        enqueue(&office, None, world.db.now(), 1).await;
        let first = lease(&world.db, 9).await.remove(0);
        assert!(lease(&world.db, 9).await.is_empty());
        world.clock.forward(LEASE_MS);
        let second = lease(&world.db, 9).await.remove(0);
        assert_eq!((second.id, second.attempts), (first.id, 2));

        // The first worker wakes up and finds that its work is somebody else's: its effects are not committed.
        let late = complete(&office, &first).await;
        assert!(matches!(late, Err(StorageError::LeaseLost(id)) if id == first.id));
        let mut tx = office.tenant.begin().await.unwrap();
        assert!(job::set_args(&mut tx, &first, &json!({})).await.is_err());
        assert!(job::extend(&mut tx, &first, LEASE_MS).await.is_err());
        assert!(job::fail(&mut tx, &first, Retry::Dead, "late").await.is_err());
        assert_eq!(queue::list(&mut tx).await.unwrap().len(), 1);
        drop(tx);
        complete(&office, &second).await.unwrap();
        world.clock.forward(LEASE_MS);
        assert!(lease(&world.db, 9).await.is_empty());
    }

    a_lane_runs_in_order_one_at_a_time_and_lanes_run_side_by_side(world) {
        let office = world.office("one").await;
        let now = world.db.now();
        for (lane, n) in [(1, 11), (1, 12), (2, 21), (1, 13)] {
            enqueue(&office, Some(lane), now, n).await;
        }
        let first = lease(&world.db, 9).await;
        let mut seen = numbers(&first);
        seen.sort_unstable();
        assert_eq!(seen, [11, 21]);
        assert!(lease(&world.db, 9).await.is_empty());
        let eleven = first.iter().find(|job| job.args["n"] == 11).unwrap();

        // A failed one holds its lane until its next try.
        let mut tx = office.tenant.begin().await.unwrap();
        job::fail(&mut tx, eleven, Retry::At(now.plus_ms(5_000)), "unavailable").await.unwrap();
        tx.commit().await.unwrap();
        assert!(lease(&world.db, 9).await.is_empty());
        world.clock.forward(5_000);
        let again = lease(&world.db, 9).await;
        assert_eq!(numbers(&again), [11]);
        complete(&office, &again[0]).await.unwrap();
        let twelve = lease(&world.db, 9).await;
        assert_eq!(numbers(&twelve), [12]);

        // A dead one lets the next pass.
        let mut tx = office.tenant.begin().await.unwrap();
        job::fail(&mut tx, &twelve[0], Retry::Dead, "refused").await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(numbers(&lease(&world.db, 9).await), [13]);
        let dead = world.db.jobs().dead(9).await.unwrap();
        assert_eq!((dead.len(), dead[0].id, dead[0].failure.as_str()), (1, twelve[0].id, "refused"));
        let counts = world.db.jobs().counts().await.unwrap();
        assert_eq!((counts.waiting, counts.dead), (2, 1));
    }

    how_far_a_job_has_come_is_there_for_the_next_worker(world) {
        let office = world.office("one").await;
        enqueue(&office, None, world.db.now(), 1).await;
        let job = lease(&world.db, 9).await.remove(0);
        let mut tx = office.tenant.begin().await.unwrap();
        job::set_args(&mut tx, &job, &json!({ "n": 1, "calling": true })).await.unwrap();
        job::extend(&mut tx, &job, 2 * LEASE_MS).await.unwrap();
        tx.commit().await.unwrap();
        world.clock.forward(LEASE_MS);
        assert!(lease(&world.db, 9).await.is_empty(), "it is held longer");
        world.clock.forward(LEASE_MS);
        assert_eq!(lease(&world.db, 9).await.remove(0).args, json!({ "n": 1, "calling": true }));
    }

    jobs_survive_a_restart_and_a_dead_process_s_are_given_back(world) {
        let office = world.office("one").await;
        enqueue(&office, None, world.db.now(), 1).await;
        enqueue(&office, None, world.db.now(), 2).await;
        assert_eq!(lease(&world.db, 1).await.len(), 1);
        world.restart().await;
        world.db.release_leases().await.unwrap();
        let expected = if world.is_postgres() { 1 } else { 2 };
        assert_eq!(lease(&world.db, 9).await.len(), expected, "on PostgreSQL leases run out by themselves");
    }

    whoever_waits_for_work_is_woken(world) {
        let office = world.office("one").await;
        let jobs = world.db.jobs();
        lease(&world.db, 9).await;
        let woken = tokio::spawn(async move { jobs.woken().await });
        enqueue(&office, None, world.db.now(), 1).await;
        tokio::time::timeout(std::time::Duration::from_secs(20), woken).await.unwrap().unwrap();
    }
}
