//! The first simulation: three devices, one backend, a bad network. 250 seeds, in four tests that run side by side.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test says what it found, and ends where it fails"
)]

use std::ops::Range;

use deskbell_testkit::{Failure, Options, Sabotage, simulate};

/// Runs all seeds, so that one look shows how common a failure is; tells the story of the first.
fn every_seed_ends_well(seeds: Range<u64>, options: Options) {
    let failures: Vec<Failure> = seeds.filter_map(|seed| simulate(seed, options).err()).collect();
    for failure in &failures {
        println!("seed {}: {}", failure.seed, failure.broken);
    }
    if let Some(failure) = failures.first() {
        panic!("{failure}");
    }
}

/// Runs seeds until one fails as a safeguard that is switched off makes it fail.
fn some_seed_shows(sabotage: Sabotage, signs: &[&str]) {
    let options = Options { sabotage: Some(sabotage), ..Options::default() };
    let shown = (0..60).filter_map(|seed| simulate(seed, options).err()).find(|failure| {
        let is_sign = |sign: &&str| failure.broken.contains(sign);
        signs.iter().any(is_sign)
    });
    assert!(shown.is_some(), "{sabotage:?} goes unnoticed");
}

#[test]
fn at_rest_every_device_shows_what_the_backend_shows() {
    every_seed_ends_well(0..100, Options::default());
}

#[test]
fn at_rest_every_device_shows_what_the_backend_shows_on_other_seeds() {
    every_seed_ends_well(100..200, Options::default());
}

#[test]
fn a_worse_network_and_more_crashes_change_nothing() {
    let options = Options { loss_percent: 30, crash_permille: 50, ..Options::default() };
    every_seed_ends_well(1_000..1_025, options);
}

#[test]
fn a_backend_restored_from_a_backup_is_noticed_and_followed() {
    let options = Options { restores: true, acts: 200, ..Options::default() };
    every_seed_ends_well(2_000..2_025, options);
}

#[test]
fn the_same_seed_is_the_same_story() {
    for seed in [3, 1_003] {
        let once = simulate(seed, Options::default()).unwrap();
        assert_eq!(simulate(seed, Options::default()), Ok(once.clone()));
        assert!(once.crashes > 0 && once.applied > 0 && once.steps > 100, "{once:?}");
    }
}

#[test]
fn a_failing_seed_fails_again_in_the_same_way_and_tells_why() {
    let options = Options { sabotage: Some(Sabotage::IgnoreFrameRule), ..Options::default() };
    let failure = (0..60).find_map(|seed| simulate(seed, options).err()).expect("a seed fails");
    assert!(!failure.story.is_empty());
    assert_eq!(simulate(failure.seed, options), Err(failure));
}

#[test]
fn delivery_without_a_look_at_the_scopes_of_now_is_noticed() {
    some_seed_shows(Sabotage::DeliverWithoutScopeCheck, &["foreign content"]);
}

#[test]
fn frames_applied_wherever_they_begin_are_noticed() {
    some_seed_shows(Sabotage::IgnoreFrameRule, &["at the backend at", "missing", "has a hole"]);
}

#[test]
fn a_command_that_leaves_the_outbox_before_the_cache_has_its_effects_is_noticed() {
    some_seed_shows(Sabotage::SettleBeforeCommit, &["leaves the outbox"]);
}

#[test]
fn a_command_that_is_confirmed_before_it_is_kept_is_noticed() {
    some_seed_shows(Sabotage::ConfirmBeforeDurable, &["is lost"]);
}
