//! Commands on their way out, and the session they need.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test says what it found, and ends where it fails"
)]

mod host;

use deskbell_domain::{Open, RefreshId};
use deskbell_protocol::command::{Act, Command, Outcome, RejectCode};
use deskbell_protocol::problem::ProblemCode;
use deskbell_protocol::socket::{RevokeReason, ServerMessage};
use deskbell_protocol::sync::Seq;
use deskbell_sync::limits::{ABSENCE_MS, COMMAND_REQUESTS_MAX, OUTBOX_ITEMS_MAX};
use deskbell_sync::{
    Action, Answer, CommandState, ConnectionState, EnqueueError, Event, Failure, FailureKind, MemoryStore,
    NewCommand, OutboxItem, Report, Request, Store, StoreError, StoreStep,
};
use deskbell_testkit::fixtures::{self, EPOCH_START, command_id, conversation, frame};
use host::{Host, hello, news, numbers, page, reply};

fn applied(seq: u64) -> Outcome {
    Outcome::Applied { seq: Seq(seq) }
}

fn rejected(code: RejectCode) -> Outcome {
    Outcome::Rejected { code: code.into() }
}

fn outbox(host: &Host) -> Vec<OutboxItem> {
    pollster::block_on(host.store.restore()).unwrap().outbox
}

#[test]
fn a_command_is_kept_before_its_user_is_told_and_marked_before_it_leaves() {
    let mut host = Host::online();
    let now = host.now;
    let new = NewCommand { command: reply(1, 1), send_after: None, not_after: None, replaces: None };
    let actions = host.engine.handle(Event::Enqueue(new), now);
    let [Action::Step(id, step)] = &actions[..] else { panic!("{actions:?}") };
    assert!(matches!(**step, StoreStep::Enqueue { .. }));
    let kept = pollster::block_on(host.store.apply(step));
    let actions = host.engine.handle(Event::StepDone(*id, kept), now);
    assert!(actions.iter().any(
        |action| matches!(action, Action::Report(Report::Enqueued(told, Ok(()))) if *told == command_id(1))
    ));
    assert!(!actions.iter().any(|action| matches!(action, Action::Request(..))));
    let step = actions.iter().find_map(|action| match action {
        Action::Step(id, step) => Some((*id, step.clone())),
        _ => None,
    });
    let (id, step) = step.unwrap();
    assert_eq!(*step, StoreStep::MarkSending(vec![command_id(1)]));
    let marked = pollster::block_on(host.store.apply(&step));
    host.tell(Event::StepDone(id, marked));
    assert_eq!(numbers(&host.commands().1), [1]);
}

#[test]
fn a_command_is_settled_by_the_frame_and_not_by_its_answer() {
    let mut host = Host::online();
    host.enqueue(reply(1, 1));
    let (id, _) = host.commands();
    host.outcomes(id, &[(1, applied(12))]);
    assert!(!host.has_report(&Report::Settled(command_id(1))));
    assert_eq!(outbox(&host)[0].state, CommandState::Applied { epoch: fixtures::epoch(1), seq: Seq(12) });

    host.frame(frame(10, 12, news(12)));
    assert!(host.has_report(&Report::Settled(command_id(1))));
    assert!(outbox(&host).is_empty());
    let restored = pollster::block_on(host.store.restore()).unwrap();
    assert!(restored.settled.is_empty());
}

#[test]
fn a_frame_before_the_answer_settles_and_the_answer_is_ignored() {
    let mut host = Host::online();
    host.enqueue(reply(1, 1));
    let (id, _) = host.commands();
    let mut frame = frame(10, 12, news(12));
    frame.settled = vec![command_id(1), command_id(99)];
    host.frame(frame);
    assert!(outbox(&host).is_empty());
    host.outcomes(id, &[(1, applied(12))]);
    assert!(outbox(&host).is_empty() && !host.has_request());
}

#[test]
fn an_effect_that_no_frame_brings_is_pulled() {
    let mut host = Host::online();
    host.enqueue(reply(1, 1));
    let (id, _) = host.commands();
    host.outcomes(id, &[(1, applied(12))]);
    assert!(!host.has_request(), "the frame is given time");
    host.wait(2_000);
    host.answer(Ok(Answer::Changes(frame(10, 12, news(12)))));
    assert!(outbox(&host).is_empty());
}

#[test]
fn a_crash_between_the_two_files_is_healed_at_the_start() {
    let host = Host::online();
    let item =
        OutboxItem { command: reply(1, 1), state: CommandState::Sending, send_after: None, not_after: None };
    let settled = vec![command_id(1)];
    let steps = [
        StoreStep::Enqueue { item: Box::new(item), replaces: None },
        StoreStep::ApplyFrame { frame: Box::new(frame(10, 12, news(12))), settled },
    ];
    for step in steps {
        pollster::block_on(host.store.apply(&step)).unwrap();
    }
    let mut host = host.restart();
    assert!(outbox(&host).is_empty());
    assert!(pollster::block_on(host.store.restore()).unwrap().settled.is_empty());
    host.greet(hello(12));
    assert!(!host.has_request());
}

#[test]
fn lanes_keep_their_order_and_run_side_by_side() {
    let mut host = Host::online();
    host.enqueue(reply(1, 1));
    let (first, commands) = host.commands();
    assert_eq!(numbers(&commands), [1]);
    for (n, lane) in [(2, 1), (3, 2), (4, 2), (5, 3)] {
        host.enqueue(reply(n, lane));
    }
    let (second, third) = (host.commands(), host.commands());
    assert_eq!((numbers(&second.1), numbers(&third.1)), (vec![3], vec![5]));
    assert!(!host.has_request(), "2 waits for 1, and 4 for 3");
    host.outcomes(second.0, &[(3, applied(11))]);
    assert_eq!(numbers(&host.commands().1), [4]);
    host.outcomes(first, &[(1, applied(12))]);
    assert_eq!(numbers(&host.commands().1), [2]);
}

#[test]
fn a_backlog_goes_out_in_batches_with_one_command_of_each_lane() {
    let mut host = Host::online().restart();
    for n in 1..=6 {
        host.enqueue(reply(n, 1 + n % 3));
    }
    host.greet(hello(10));
    assert_eq!(numbers(&host.commands().1), [3, 1, 2]);
    assert!(!host.has_request());
}

#[test]
fn requests_in_flight_are_bounded() {
    let mut host = Host::online();
    for n in 1..=10 {
        host.enqueue(reply(n, n));
    }
    for _ in 0..COMMAND_REQUESTS_MAX {
        host.commands();
    }
    assert!(!host.has_request());
}

#[test]
fn after_an_absence_nothing_goes_out_before_the_head_is_reached() {
    let mut host = Host::online();
    host.tell(Event::SocketClosed);
    host.wait(ABSENCE_MS + 1);
    host.tell(Event::SocketClosed);
    host.answer(Err(Failure::UNREACHABLE));
    host.enqueue(reply(1, 1));
    host.wait(60_000);
    host.greet(hello(15));
    assert!(matches!(host.request().1, Request::Changes(_)));
    assert!(!host.has_request(), "the reply waits");
}

#[test]
fn a_short_break_holds_nothing_back() {
    let mut host = Host::online();
    host.tell(Event::SocketClosed);
    host.enqueue(reply(1, 1));
    assert!(!host.has_request());
    host.wait(1_000);
    host.greet(hello(15));
    assert!(matches!(host.request().1, Request::Changes(_)));
    assert_eq!(numbers(&host.commands().1), [1]);
}

#[test]
fn after_a_restart_nothing_goes_out_before_the_head_is_reached() {
    let mut host = Host::online().restart();
    host.enqueue(reply(1, 1));
    host.greet(hello(15));
    let asked = host.answer(Ok(Answer::Changes(frame(10, 15, news(15)))));
    assert!(matches!(asked, Request::Changes(_)));
    assert_eq!(numbers(&host.commands().1), [1]);
}

#[test]
fn read_marks_are_sent_and_not_counted_as_waiting() {
    let mut host = Host::online();
    host.enqueue(reply(1, 1));
    assert!(host.has_report(&Report::Outbox { waiting: 1, refused: 0 }));
    let act = Act::MarkRead { conversation: conversation(2), through: EPOCH_START };
    host.enqueue(Command { act, ..reply(2, 2) });
    assert!(!host.has_report(&Report::Outbox { waiting: 2, refused: 0 }));
    host.commands();
    assert_eq!(numbers(&host.commands().1), [2]);
}

#[test]
fn a_refused_reply_is_final_keeps_its_text_and_holds_nothing_up() {
    let mut host = Host::online();
    host.enqueue(reply(1, 1));
    let (id, _) = host.commands();
    host.enqueue(reply(2, 1));
    host.outcomes(id, &[(1, rejected(RejectCode::ContextChanged))]);
    let code = RejectCode::ContextChanged.into();
    assert!(host.has_report(&Report::Refused(command_id(1), code)));
    assert_eq!(outbox(&host)[0].state, CommandState::Refused { code });
    assert_eq!(numbers(&host.commands().1), [2]);
    assert!(host.has_report(&Report::Outbox { waiting: 1, refused: 1 }));

    let new =
        NewCommand { command: reply(3, 1), send_after: None, not_after: None, replaces: Some(command_id(1)) };
    host.tell(Event::Enqueue(new));
    let left: Vec<_> = outbox(&host).iter().map(OutboxItem::id).collect();
    assert_eq!(left, [command_id(2), command_id(3)]);
}

#[test]
fn a_refused_act_without_text_is_told_and_gone() {
    let mut host = Host::online();
    let claim = Act::Claim { conversation: conversation(1) };
    host.enqueue(fixtures::command(command_id(1), EPOCH_START, claim));
    let (id, _) = host.commands();
    host.outcomes(id, &[(1, rejected(RejectCode::TakenByOther))]);
    assert!(host.has_report(&Report::Refused(command_id(1), RejectCode::TakenByOther.into())));
    assert!(outbox(&host).is_empty());
}

#[test]
fn an_erasure_goes_before_what_was_typed() {
    let mut host = Host::online();
    host.enqueue(reply(1, 1));
    let (id, _) = host.commands();
    host.outcomes(id, &[(1, rejected(RejectCode::Erased))]);
    assert!(outbox(&host).is_empty());
}

#[test]
fn what_is_not_decided_and_what_is_not_answered_is_sent_again_with_the_same_id() {
    let mut host = Host::online();
    host.enqueue(reply(1, 1));
    let (id, first) = host.commands();
    host.outcomes(id, &[(1, Outcome::Retry { after_ms: 5_000 })]);
    host.wait(4_999);
    assert!(!host.has_request());
    host.wait(1);
    let (id, second) = host.commands();
    assert_eq!(first, second);
    host.tell(Event::Answered(id, Err(Failure::UNREACHABLE)));
    host.wait(2_000);
    let (id, third) = host.commands();
    assert_eq!(first, third);
    // An answer that leaves the command out decides nothing.
    host.outcomes(id, &[]);
    host.wait(4_000);
    assert_eq!(host.commands().1, first);
}

#[test]
fn a_command_the_backend_cannot_read_holds_up_neither_its_batch_nor_its_lane() {
    let mut host = Host::online().restart();
    for (n, lane) in [(1, 1), (2, 2), (3, 1)] {
        host.enqueue(reply(n, lane));
    }
    host.greet(hello(10));
    let (id, batch) = host.commands();
    assert_eq!(numbers(&batch), [1, 2]);
    let bad = Failure::new(FailureKind::Refused(ProblemCode::BadRequest));
    host.tell(Event::Answered(id, Err(bad)));
    let ((one, first), (two, second)) = (host.commands(), host.commands());
    assert_eq!((numbers(&first), numbers(&second)), (vec![1], vec![2]));
    host.tell(Event::Answered(one, Err(bad)));
    host.outcomes(two, &[(2, applied(11))]);
    let bad_command = CommandState::Refused { code: RejectCode::BadCommand.into() };
    assert_eq!(outbox(&host)[0].state, bad_command);
    assert_eq!(numbers(&host.commands().1), [3]);
}

#[test]
fn what_the_window_has_overtaken_is_refused_without_being_sent() {
    let mut host = Host::online();
    let day = 24 * 3_600_000;
    host.now = host.now.plus_ms(day);
    let mut host = host.restart();
    let end = Some(EPOCH_START.plus_ms(day - 60_000));
    for (n, lane) in [(1, 1), (2, 7)] {
        let new = NewCommand { command: reply(n, lane), send_after: None, not_after: end, replaces: None };
        host.tell(Event::Enqueue(new));
    }
    host.greet(hello(10));
    let closed = RejectCode::WindowClosed.into();
    assert!(host.has_report(&Report::Refused(command_id(1), closed)));
    assert_eq!(outbox(&host)[0].state, CommandState::Refused { code: closed });
    // The cache does not know the other conversation: the backend decides.
    assert_eq!(numbers(&host.commands().1), [2]);
}

#[test]
fn a_reply_that_may_still_be_undone_waits() {
    let mut host = Host::online();
    let send_after = Some(host.now.plus_ms(5_000));
    let new = NewCommand { command: reply(1, 1), send_after, not_after: None, replaces: None };
    host.tell(Event::Enqueue(new));
    assert!(!host.has_request());
    assert_eq!(host.timer(), send_after);
    host.tell(Event::TakeBack(command_id(1)));
    assert!(host.has_report(&Report::TakenBack(command_id(1), Ok(()))));
    host.wait(5_000);
    assert!(!host.has_request() && outbox(&host).is_empty());
}

#[test]
fn what_may_have_left_cannot_be_taken_back() {
    let mut host = Host::online();
    host.enqueue(reply(1, 1));
    let (id, _) = host.commands();
    let refused = Report::TakenBack(command_id(1), Err(EnqueueError::WrongState));
    host.tell(Event::TakeBack(command_id(1)));
    assert!(host.has_report(&refused));
    host.forget();
    host.tell(Event::Answered(id, Err(Failure::UNREACHABLE)));
    host.tell(Event::TakeBack(command_id(1)));
    assert!(host.has_report(&refused));
    assert_eq!(outbox(&host).len(), 1);
}

#[test]
fn a_store_that_refuses_a_command_says_so_and_keeps_nothing() {
    let mut host = Host::online();
    host.refuses = Some((|step| matches!(step, StoreStep::Enqueue { .. }), StoreError::Disk));
    host.enqueue(reply(1, 1));
    let refused = Report::Enqueued(command_id(1), Err(EnqueueError::Store(StoreError::Disk)));
    assert!(host.has_report(&refused));
    assert!(!host.has_request() && outbox(&host).is_empty());
    host.enqueue(reply(1, 1));
    assert!(host.has_report(&Report::Enqueued(command_id(1), Ok(()))));
    host.enqueue(reply(1, 1));
    assert!(host.has_report(&Report::Enqueued(command_id(1), Err(EnqueueError::Duplicate))));
}

#[test]
fn the_outbox_is_bounded() {
    let mut host = Host::on(MemoryStore::new(), EPOCH_START);
    let now = host.now;
    let mut told = Vec::new();
    for n in 0..=u32::try_from(OUTBOX_ITEMS_MAX).unwrap() {
        let new = NewCommand { command: reply(n, 1), send_after: None, not_after: None, replaces: None };
        told.extend(host.engine.handle(Event::Enqueue(new), now));
    }
    let is_full =
        |action: &&Action| matches!(action, Action::Report(Report::Enqueued(_, Err(EnqueueError::Full))));
    assert_eq!(told.iter().filter(is_full).count(), 1);
}

#[test]
fn outcomes_of_a_lineage_that_is_gone_are_asked_for_again() {
    let mut host = Host::online();
    host.enqueue(reply(1, 1));
    let (id, _) = host.commands();
    host.outcomes(id, &[(1, applied(12))]);
    let mut host = host.restart();
    let mut other = hello(3);
    other.epoch = fixtures::epoch(2);
    host.greet(other);
    let mut snapshot = page();
    (snapshot.epoch, snapshot.as_of) = (fixtures::epoch(2), Seq(3));
    host.answer(Ok(Answer::Snapshot(snapshot)));
    let mut nothing = frame(3, 3, Vec::new());
    nothing.epoch = fixtures::epoch(2);
    host.answer(Ok(Answer::Changes(nothing)));
    assert_eq!(numbers(&host.commands().1), [1]);
}

fn renewal(host: &mut Host) -> RefreshId {
    host.take(|action| match action {
        Action::Request(_, Request::Renew { refresh_id }) => Some(*refresh_id),
        _ => None,
    })
}

fn stored_renewal(host: &Host) -> Option<RefreshId> {
    pollster::block_on(host.store.restore()).unwrap().renewal
}

#[test]
fn a_renewal_is_stored_before_it_is_asked_for_and_asked_for_again_after_a_crash() {
    let mut host = Host::on(MemoryStore::new(), EPOCH_START);
    host.tell(Event::Started { access_ms: None });
    let first = renewal(&mut host);
    assert_eq!(stored_renewal(&host), Some(first));

    let mut host = Host::on(host.store, EPOCH_START);
    host.tell(Event::Started { access_ms: None });
    let (id, request) = host.request();
    assert_eq!(request, Request::Renew { refresh_id: first });
    host.tell(Event::Answered(id, Err(Failure::UNREACHABLE)));
    host.wait(1_000);
    let (id, request) = host.request();
    assert_eq!(request, Request::Renew { refresh_id: first });
    host.tell(Event::Answered(id, Ok(Answer::Renewed { access_ms: host::ACCESS_MS })));
    assert_eq!(stored_renewal(&host), None);
    host.take(|action| matches!(action, Action::OpenSocket).then_some(()));
}

#[test]
fn a_session_is_renewed_before_it_ends_and_a_hello_follows_before_anything_is_pulled() {
    let mut host = Host::online();
    host.pass(host::ACCESS_MS * 3 / 4);
    host.push(ServerMessage::Head { seq: Seq(11) });
    let pull = host.take(|action| match action {
        Action::Request(id, Request::Changes(_)) => Some(*id),
        _ => None,
    });
    host.tell(Event::Answered(pull, Ok(Answer::Changes(frame(10, 11, news(11))))));
    host.answer(Ok(Answer::Renewed { access_ms: host::ACCESS_MS }));
    host.push(ServerMessage::Head { seq: Seq(12) });
    let asked = host.answer(Ok(Answer::Hello(hello(12))));
    assert!(matches!(asked, Request::Hello(_)));
    assert!(matches!(host.request().1, Request::Changes(_)));
}

#[test]
fn a_token_that_is_refused_is_renewed_and_the_request_made_again() {
    let mut host = Host::online();
    host.enqueue(reply(1, 1));
    let (id, _) = host.commands();
    let refused = Failure::new(FailureKind::Refused(ProblemCode::Unauthorized));
    host.tell(Event::Answered(id, Err(refused)));
    let asked = host.answer(Ok(Answer::Renewed { access_ms: host::ACCESS_MS }));
    assert!(matches!(asked, Request::Renew { .. }));
    host.answer(Ok(Answer::Hello(hello(10))));
    assert_eq!(numbers(&host.commands().1), [1]);
}

#[test]
fn changed_rights_renew_the_session_and_say_hello() {
    let mut host = Host::online();
    host.push(ServerMessage::Revoke { reason: RevokeReason::RightsChanged.into() });
    host.tell(Event::SocketClosed);
    host.wait(500);
    let asked = host.answer(Ok(Answer::Renewed { access_ms: host::ACCESS_MS }));
    assert!(matches!(asked, Request::Renew { .. }));
    host.greet(hello(10));
    assert!(host.took_step(|step| matches!(step, StoreStep::SetScopes { .. })));
}

#[test]
fn a_revoked_device_stops_and_says_what_was_not_sent() {
    let revoked = Failure::new(FailureKind::Refused(ProblemCode::DeviceRevoked));
    for reason in [Some(RevokeReason::DeviceRevoked), Some(RevokeReason::UserInactive), None] {
        let mut host = Host::online();
        host.enqueue(reply(1, 1));
        let (id, _) = host.commands();
        let reason: Option<Open<RevokeReason>> = reason.map(Into::into);
        match reason {
            Some(reason) => host.push(ServerMessage::Revoke { reason }),
            None => host.tell(Event::Answered(id, Err(revoked))),
        }
        assert_eq!(host.connection(), Some(ConnectionState::Revoked { reason, unsent: 1 }));
        host.forget();
        host.enqueue(reply(2, 1));
        assert!(host.has_report(&Report::Enqueued(command_id(2), Err(EnqueueError::Ended))));
        host.tell(Event::NetworkChanged);
        host.wait(1_000_000);
        assert!(!host.has_request() && !host.has(|action| matches!(action, Action::OpenSocket)));
    }
}

#[test]
fn a_session_the_backend_does_not_know_needs_a_sign_in_and_keeps_the_outbox() {
    let mut host = Host::online().restart();
    host.enqueue(reply(1, 1));
    host.push(ServerMessage::Ping);
    let mut host = Host::on(host.store, EPOCH_START);
    host.tell(Event::Started { access_ms: None });
    let unknown = Failure::new(FailureKind::Refused(ProblemCode::Unauthorized));
    host.answer(Err(unknown));
    assert_eq!(host.connection(), Some(ConnectionState::SignInNeeded));
    assert_eq!(outbox(&host).len(), 1);
}
