//! Per kind: a snapshot at S and the changes up to T show what a snapshot at T shows.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test says what it found, and ends where it fails"
)]

use std::collections::BTreeMap;

use deskbell_domain::{EntityId, Scope, UserId};
use deskbell_protocol::command::Act;
use deskbell_protocol::entity::Kind;
use deskbell_protocol::sync::Item;
use deskbell_sync::random::Random;
use deskbell_sync::{MemoryStore, Store, StoreStep};
use deskbell_testkit::backend::{Backend, STICKER_PACK, WHISPER};
use deskbell_testkit::fixtures::{self, EPOCH_START, command_id, conversation, queue, user};

const SEEDS: u64 = 150;
const ACTS: u32 = 60;

/// A tenant with three queues and two users, and a few conversations.
fn founded(random: &mut Random) -> Backend {
    let mut backend = Backend::new();
    backend.frame_changes_max = 1 + usize::try_from(random.below(20)).unwrap();
    backend.page_roots_max = 1 + usize::try_from(random.below(5)).unwrap();
    for n in 1..=3 {
        backend.add_queue(queue(n), "a queue");
    }
    backend.add_user(user(1), "Alice", &[queue(1), queue(2)]);
    backend.add_user(user(2), "Bob", &[queue(2)]);
    for n in 1..=4 {
        backend.add_conversation(conversation(n), n, queue(1 + n % 3), EPOCH_START);
    }
    backend
}

fn act(backend: &mut Backend, random: &mut Random, n: u32) {
    let at = EPOCH_START.plus_ms(i64::from(n));
    let target = conversation(1 + u32::try_from(random.below(5)).unwrap());
    let who = user(1 + u32::try_from(random.below(2)).unwrap());
    let mut command = |act| {
        backend.command(who, &fixtures::command(command_id(n), at, act), at);
    };
    match random.below(12) {
        0 => command(Act::SendText { conversation: target, message: fixtures::message(n), text: "x".into() }),
        1 => command(Act::MarkRead { conversation: target, through: at }),
        2 => command(Act::Claim { conversation: target }),
        3 => command(Act::Release { conversation: target }),
        4 => backend.move_to(target, queue(1 + u32::try_from(random.below(3)).unwrap())),
        5 => (0..10).for_each(|ms| backend.inbound(target, "x", at.plus_ms(ms))),
        6 => backend.advance_status(target, random.next()),
        7 => backend.put_unknown(n, target),
        8 => backend.add_user(user(100 + n), "Carol", &[]),
        9 => backend.add_queue(queue(100 + n), "another queue"),
        10 => backend.compact(),
        _ => {
            backend.erase(target);
            backend.add_conversation(conversation(100 + n), 100 + n, queue(1), at);
        }
    }
}

async fn done(store: &MemoryStore, step: StoreStep) {
    store.apply(&step).await.unwrap();
}

async fn take_snapshot(
    store: &MemoryStore,
    backend: &mut Backend,
    random: &mut Random,
    user: UserId,
    changing: bool,
) {
    let scopes: Vec<Scope> = backend.scopes(user);
    done(store, StoreStep::SetScopes { scopes, restart: true }).await;
    let mut next = None;
    loop {
        let page = backend.snapshot(user, next.as_ref()).unwrap();
        let begins = next.is_none();
        next = page.next.clone();
        done(store, StoreStep::ApplySnapshotPage { begins, page: Box::new(page) }).await;
        if next.is_none() {
            break;
        }
        if changing {
            // Pages are read at different times; what changed meanwhile follows with the changes.
            let n = 1_000 + u32::try_from(random.below(1_000_000)).unwrap();
            act(backend, random, n);
        }
    }
    done(store, StoreStep::FinishSnapshot { settled: Vec::new() }).await;
}

async fn follow(store: &MemoryStore, backend: &Backend, user: UserId) {
    loop {
        let at = store.restore().await.unwrap().position.unwrap();
        let frame = backend.changes(user, &at.cursor).unwrap();
        let more = frame.more;
        done(store, StoreStep::ApplyFrame { frame: Box::new(frame), settled: Vec::new() }).await;
        if !more {
            break;
        }
    }
}

fn rows(store: &MemoryStore) -> BTreeMap<(String, EntityId), Item> {
    let key = |item: &Item| (serde_json::to_string(&item.kind).unwrap(), item.id);
    store.rows().unwrap().into_iter().map(|item| (key(&item), item)).collect()
}

/// Gives how many rows of each kind were compared.
async fn compare(seed: u64, follows: bool) -> Result<BTreeMap<String, usize>, String> {
    let mut random = Random::new(seed);
    let mut backend = founded(&mut random);
    for n in 0..ACTS {
        act(&mut backend, &mut random, n);
    }
    let early = [MemoryStore::new(), MemoryStore::new()];
    for (store, who) in early.iter().zip([user(1), user(2)]) {
        take_snapshot(store, &mut backend, &mut random, who, true).await;
    }
    for n in ACTS..2 * ACTS {
        act(&mut backend, &mut random, n);
    }
    let mut compared = BTreeMap::new();
    for (store, who) in early.iter().zip([user(1), user(2)]) {
        if follows {
            follow(store, &backend, who).await;
        }
        let late = MemoryStore::new();
        take_snapshot(&late, &mut backend, &mut random, who, false).await;
        let mut early = rows(store);
        for (key, row) in rows(&late) {
            if early.remove(&key).as_ref() != Some(&row) {
                return Err(format!("seed {seed}: {key:?} differs"));
            }
            *compared.entry(key.0).or_default() += 1;
        }
        // Who followed has older messages that the snapshot left to history. Nothing else is more, and they are true.
        let visible = backend.visible(who);
        for (key, item) in early {
            let is_true = item.kind.known() == Some(Kind::Message)
                && visible.iter().any(|(known, row)| {
                    known.id == key.1 && row.version == item.version && Some(&row.body) == item.body.as_ref()
                });
            if !is_true {
                return Err(format!("seed {seed}: {key:?} is too much"));
            }
        }
    }
    Ok(compared)
}

#[test]
fn a_snapshot_and_the_changes_since_show_what_a_later_snapshot_shows() {
    let mut compared: BTreeMap<String, usize> = BTreeMap::new();
    for seed in 0..SEEDS {
        let kinds = pollster::block_on(compare(seed, true)).unwrap_or_else(|broken| panic!("{broken}"));
        for (kind, rows) in kinds {
            *compared.entry(kind).or_default() += rows;
        }
    }
    for kind in Kind::ALL.map(Kind::as_str).into_iter().chain([STICKER_PACK, WHISPER]) {
        assert!(compared.contains_key(&format!("{kind:?}")), "no {kind} was compared");
    }
}

#[test]
fn a_snapshot_without_the_changes_since_is_noticed() {
    assert!((0..5).any(|seed| pollster::block_on(compare(seed, false)).is_err()));
}
