//! Following the log, recovering, connecting.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test says what it found, and ends where it fails"
)]

mod host;

use deskbell_domain::{Entity, Open, Scope};
use deskbell_protocol::problem::ProblemCode;
use deskbell_protocol::socket::ServerMessage;
use deskbell_protocol::sync::{EraseNotice, ItemOp, ResyncReason, Seq};
use deskbell_sync::limits::{ABSENCE_MS, FRAMES_WAITING_MAX, RECONNECT_MS_MAX, RECONNECT_MS_MIN};
use deskbell_sync::{
    Action, Alarm, Answer, ConnectionState, Event, Failure, FailureKind, MemoryStore, Report, Request, Store,
    StoreError, StoreStep,
};
use deskbell_testkit::fixtures::{self, EPOCH_START, conversation, epoch, frame, history, token};
use host::{Host, hello, news, page};

fn refused(code: ProblemCode) -> Failure {
    Failure::new(FailureKind::Refused(code))
}

#[test]
fn a_frame_that_begins_at_the_cursor_is_applied() {
    let mut host = Host::online();
    host.frame(frame(10, 12, news(12)));
    assert_eq!(host.seq(), Some(12));
    assert!(!host.has_request());
    assert!(host.has_report(&Report::InStep));
}

#[test]
fn a_frame_that_brings_nothing_new_is_ignored() {
    let mut host = Host::online();
    for old in [frame(5, 9, news(9)), frame(9, 10, news(10)), frame(10, 10, news(10))] {
        host.frame(old);
    }
    assert_eq!(host.seq(), Some(10));
    assert!(!host.has_request());
}

#[test]
fn a_gap_is_pulled() {
    for gap in [frame(11, 13, news(13)), frame(9, 13, news(13))] {
        let mut host = Host::online();
        host.frame(gap);
        let asked = host.answer(Ok(Answer::Changes(frame(10, 13, news(13)))));
        assert!(matches!(asked, Request::Changes(query) if query.cursor == fixtures::cursor(10)));
        assert_eq!(host.seq(), Some(13));
        assert!(!host.has_request());
    }
}

#[test]
fn a_head_beyond_the_cursor_is_pulled_until_nothing_is_left() {
    let mut host = Host::online();
    host.push(ServerMessage::Head { seq: Seq(20) });
    let mut first = frame(10, 15, news(15));
    first.more = true;
    host.answer(Ok(Answer::Changes(first)));
    host.answer(Ok(Answer::Changes(frame(15, 20, news(20)))));
    assert_eq!(host.seq(), Some(20));
    assert!(!host.has_request());
    host.push(ServerMessage::Head { seq: Seq(20) });
    assert!(!host.has_request());
}

#[test]
fn frames_that_came_during_a_pull_are_not_lost() {
    let mut host = Host::online();
    host.push(ServerMessage::Head { seq: Seq(12) });
    host.frame(frame(12, 14, news(14)));
    host.answer(Ok(Answer::Changes(frame(10, 12, news(12)))));
    if host.has_request() {
        host.answer(Ok(Answer::Changes(frame(12, 14, news(14)))));
    }
    assert_eq!(host.seq(), Some(14));
}

#[test]
fn a_burst_that_the_store_cannot_follow_is_dropped_and_pulled() {
    let mut host = Host::online();
    // The store is busy with one frame; a burst arrives behind it.
    let now = host.now;
    let busy = host.engine.handle(Event::SocketMessage(ServerMessage::Frame(frame(10, 11, news(11)))), now);
    let step = busy.iter().find_map(|action| match action {
        Action::Step(id, step) => Some((*id, step.clone())),
        _ => None,
    });
    let last = 11 + 2 * FRAMES_WAITING_MAX as u64;
    for seq in 11..last {
        let event = Event::SocketMessage(ServerMessage::Frame(frame(seq, seq + 1, news(seq + 1))));
        let actions = host.engine.handle(event, now);
        assert!(!actions.iter().any(|action| matches!(action, Action::Step(..))), "one step at a time");
    }
    let (id, step) = step.unwrap();
    let applied = pollster::block_on(host.store.apply(&step));
    host.tell(Event::StepDone(id, applied));
    assert_eq!(host.seq(), Some(11 + FRAMES_WAITING_MAX as u64));
    let kept = 11 + FRAMES_WAITING_MAX as u64;
    host.answer(Ok(Answer::Changes(frame(kept, last, news(last)))));
    assert_eq!(host.seq(), Some(last));
}

#[test]
fn every_reason_to_begin_again_drops_the_cache_and_takes_a_snapshot() {
    use ResyncReason::{CursorAhead, CursorTooOld, EpochChanged, NoCursor};
    for reason in [CursorTooOld, EpochChanged, CursorAhead, NoCursor] {
        let mut host = Host::online();
        host.push(ServerMessage::Resync { reason: reason.into() });
        assert!(host.took_step(|step| *step == StoreStep::DropCache), "{reason:?}");
        let dropped = Alarm::CacheDropped { reason: Some(reason.into()) };
        assert!(host.has_report(&Report::Alarm(dropped)));
        let asked = host.answer(Ok(Answer::Snapshot(page())));
        assert!(matches!(asked, Request::Snapshot(query) if query.page.is_none()));
        host.answer(Ok(Answer::Changes(frame(10, 10, Vec::new()))));
        assert_eq!((host.seq(), host.connection()), (Some(10), Some(ConnectionState::InSync)));
    }
    for code in [ProblemCode::CursorTooOld, ProblemCode::BadRequest] {
        let mut host = Host::online();
        host.push(ServerMessage::Head { seq: Seq(11) });
        host.answer(Err(refused(code)));
        assert!(host.took_step(|step| *step == StoreStep::DropCache), "{code:?}");
    }
}

#[test]
fn a_console_that_lags_pulls_and_keeps_its_cache() {
    let mut host = Host::online();
    host.push(ServerMessage::Resync { reason: ResyncReason::Lagging.into() });
    let asked = host.answer(Ok(Answer::Changes(frame(10, 12, news(12)))));
    assert!(matches!(asked, Request::Changes(_)));
    assert_eq!(host.seq(), Some(12));
    assert!(!host.took_step(|step| *step == StoreStep::DropCache));
}

#[test]
fn a_backend_that_knows_less_than_the_console_is_an_alarm() {
    let host = Host::online();
    let mut host = host.restart();
    host.greet(hello(9));
    assert!(host.has_report(&Report::Alarm(Alarm::CursorAhead)));
    assert!(host.took_step(|step| *step == StoreStep::DropCache));
}

#[test]
fn a_backend_of_another_lineage_is_followed_from_a_snapshot() {
    let mut host = Host::online().restart();
    let mut other = hello(3);
    other.epoch = epoch(2);
    host.greet(other);
    assert!(host.took_step(|step| *step == StoreStep::DropCache));
    let mut snapshot = page();
    snapshot.epoch = epoch(2);
    host.answer(Ok(Answer::Snapshot(snapshot)));
    assert_eq!(host.engine.position().map(|at| at.epoch), Some(epoch(2)));
}

#[test]
fn a_snapshot_goes_on_where_the_last_run_stopped() {
    let mut host = Host::on(MemoryStore::new(), EPOCH_START);
    host.tell(Event::Started { access_ms: Some(host::ACCESS_MS) });
    host.greet(hello(10));
    let mut first = page();
    first.next = Some(token("second"));
    host.answer(Ok(Answer::Snapshot(first)));
    assert_eq!(host.connection(), Some(ConnectionState::Loading));

    let mut host = host.restart();
    let mut resumed = hello(15);
    resumed.resync = Some(ResyncReason::NoCursor.into());
    host.greet(resumed);
    assert!(!host.took_step(|step| *step == StoreStep::DropCache));
    let asked = host.answer(Ok(Answer::Snapshot(page())));
    assert!(matches!(asked, Request::Snapshot(query) if query.page == Some(token("second"))));
    let asked = host.answer(Ok(Answer::Changes(frame(10, 15, news(15)))));
    assert!(matches!(asked, Request::Changes(query) if query.cursor == fixtures::cursor(10)));
    assert_eq!((host.seq(), host.connection()), (Some(15), Some(ConnectionState::InSync)));
}

#[test]
fn other_scopes_purge_what_lies_outside_and_load_anew() {
    let mut host = Host::online().restart();
    let mut other = hello(10);
    other.scopes.push(Scope::Queue(fixtures::queue(2)));
    other.scopes.reverse();
    host.greet(other);
    assert!(host.took_step(|step| matches!(step, StoreStep::SetScopes { restart: true, .. })));
    assert!(!host.took_step(|step| *step == StoreStep::DropCache));
    assert!(matches!(host.request().1, Request::Snapshot(_)));
}

#[test]
fn the_same_scopes_in_another_order_purge_and_go_on() {
    let mut host = Host::online().restart();
    let mut same = hello(10);
    same.scopes.reverse();
    host.greet(same);
    assert!(host.took_step(|step| matches!(step, StoreStep::SetScopes { restart: false, .. })));
    assert!(!host.has_request());
    assert_eq!(host.connection(), Some(ConnectionState::InSync));
}

#[test]
fn a_page_of_history_does_not_follow_its_conversation_back_in() {
    let mut host = Host::online();
    let fill = Event::FillGap { conversation: conversation(1), token: token("older") };
    host.tell(fill.clone());
    let (late, _) = host.request();
    let left = fixtures::leave(conversation(1), 11, ItemOp::Remove);
    host.frame(frame(10, 11, vec![left]));
    assert!(host.has_report(&Report::GapFilled(conversation(1), Err(Failure::UNREACHABLE))));
    let answer =
        deskbell_protocol::sync::HistoryPage { items: Vec::new(), history: history(conversation(1), None) };
    host.tell(Event::Answered(late, Ok(Answer::History(answer))));
    assert!(!host.took_step(|step| matches!(step, StoreStep::ApplyHistory { .. })));
}

#[test]
fn a_damaged_cache_is_dropped_and_a_full_disk_is_tried_again() {
    let mut host = Host::online();
    host.refuses = Some((|step| matches!(step, StoreStep::ApplyFrame { .. }), StoreError::CacheDamaged));
    host.frame(frame(10, 11, news(11)));
    assert!(host.took_step(|step| *step == StoreStep::DropCache));
    assert!(matches!(host.request().1, Request::Snapshot(_)));

    let mut host = Host::online();
    host.refuses = Some((|step| matches!(step, StoreStep::ApplyFrame { .. }), StoreError::Disk));
    host.frame(frame(10, 11, news(11)));
    assert!(host.has_report(&Report::Storage(StoreError::Disk)));
    assert_eq!(host.seq(), Some(10));
    host.wait(1_000);
    assert_eq!(host.seq(), Some(11));
}

#[test]
fn without_a_socket_the_log_is_polled() {
    let mut host = Host::online();
    host.tell(Event::SocketClosed);
    host.wait(RECONNECT_MS_MAX);
    host.take(|action| matches!(action, Action::OpenSocket).then_some(()));
    host.tell(Event::SocketClosed);
    let asked = host.answer(Ok(Answer::Hello(hello(12))));
    assert!(matches!(asked, Request::Hello(_)));
    host.answer(Ok(Answer::Changes(frame(10, 12, news(12)))));
    assert_eq!((host.seq(), host.connection()), (Some(12), Some(ConnectionState::InSync)));
    host.wait(RECONNECT_MS_MAX);
    host.take(|action| matches!(action, Action::OpenSocket).then_some(()));
}

#[test]
fn a_silent_socket_is_dead_after_a_minute() {
    let mut host = Host::online();
    host.pass(120_000);
    assert!(!host.has(|action| matches!(action, Action::CloseSocket)));
    host.wait(60_000);
    assert!(host.has(|action| matches!(action, Action::CloseSocket)));
}

#[test]
fn pauses_between_attempts_grow_and_are_spread() {
    let mut host = Host::on(MemoryStore::new(), EPOCH_START);
    host.tell(Event::Started { access_ms: Some(host::ACCESS_MS) });
    let (mut longest, mut drawn) = (0, Vec::new());
    for attempt in 0..30_u32 {
        host.take(|action| matches!(action, Action::OpenSocket).then_some(()));
        host.tell(Event::SocketClosed);
        host.forget_timer();
        host.answer(Err(Failure::UNREACHABLE));
        let pause = host.timer().map_or(0, |at| at.since(host.now));
        let ceiling = RECONNECT_MS_MAX.min(RECONNECT_MS_MIN << attempt.min(10));
        assert!(pause <= ceiling, "attempt {attempt}: {pause} over {ceiling}");
        longest = longest.max(pause);
        drawn.push(pause);
        host.wait(ceiling);
    }
    drawn.sort_unstable();
    drawn.dedup();
    assert!(longest > RECONNECT_MS_MAX / 2 && drawn.len() > 15, "{drawn:?}");
    assert!(matches!(host.connection(), Some(ConnectionState::Offline { .. })));
}

#[test]
fn a_changed_network_is_tried_at_once() {
    let mut host = Host::on(MemoryStore::new(), EPOCH_START);
    host.tell(Event::Started { access_ms: Some(host::ACCESS_MS) });
    for _ in 0..12 {
        host.take(|action| matches!(action, Action::OpenSocket).then_some(()));
        host.tell(Event::SocketClosed);
        host.answer(Err(Failure::UNREACHABLE));
        host.tell(Event::NetworkChanged);
    }
    host.take(|action| matches!(action, Action::OpenSocket).then_some(()));
}

#[test]
fn a_backend_that_asks_for_time_gets_it() {
    let mut host = Host::online();
    host.push(ServerMessage::Head { seq: Seq(11) });
    host.answer(Err(Failure { retry_after_ms: Some(50_000), ..refused(ProblemCode::Busy) }));
    host.pass(49_000);
    assert!(!host.has_request());
    host.pass(1_001);
    assert!(host.has_request());
}

#[test]
fn an_erasure_purges_both_files_before_it_is_proved() {
    let mut host = Host::online();
    host.enqueue(host::reply(1, 1));
    let notice = EraseNotice { erasure: fixtures::erasure(1), roots: vec![conversation(1).entity()] };
    host.push(ServerMessage::Erase(notice));
    let rows = host.take(|action| match action {
        Action::Prove { erasure, rows } if *erasure == fixtures::erasure(1) => Some(*rows),
        _ => None,
    });
    assert_eq!(rows, 1);
    let restored = pollster::block_on(host.store.restore()).unwrap();
    assert!(restored.outbox.is_empty());
}

#[test]
fn a_console_without_a_common_protocol_still_erases_and_does_nothing_else() {
    let mut host = Host::online().restart();
    let mut newer = hello(20);
    newer.protocol = None;
    newer.erasures =
        vec![EraseNotice { erasure: fixtures::erasure(1), roots: vec![conversation(1).entity()] }];
    host.greet(newer);
    assert_eq!(host.connection(), Some(ConnectionState::UpdateNeeded));
    assert!(host.has(|action| matches!(action, Action::Prove { rows: 1, .. })));
    host.enqueue(host::reply(1, 1));
    assert!(!host.has_request());
    // It asks again now and then; a backend that speaks with it again is followed.
    host.tell(Event::SocketClosed);
    host.wait(10 * 60_000);
    let asked = host.answer(Ok(Answer::Hello(hello(20))));
    assert!(matches!(asked, Request::Hello(_)));
    host.take(|action| matches!(action, Action::OpenSocket).then_some(()));
}

#[test]
fn an_unknown_reason_to_begin_again_is_one() {
    let mut host = Host::online();
    let reason: Open<ResyncReason> = serde_json::from_str("\"moon_phase\"").unwrap();
    host.push(ServerMessage::Resync { reason });
    assert!(host.took_step(|step| *step == StoreStep::DropCache));
}

#[test]
fn a_clock_that_was_turned_back_is_an_alarm() {
    let mut host = Host::online();
    host.now = host.now.plus_ms(-10 * 60_000);
    let host = host.restart();
    let highest = EPOCH_START;
    assert!(host.has_report(&Report::Alarm(Alarm::ClockTurnedBack { highest })));
}

#[test]
fn a_computer_that_slept_does_not_believe_what_waited_for_it() {
    let mut host = Host::online();
    host.now = host.now.plus_ms(ABSENCE_MS + 1);
    host.frame(frame(10, 11, news(11)));
    assert_eq!(host.seq(), Some(10));
    assert!(host.has(|action| matches!(action, Action::CloseSocket)));
}
