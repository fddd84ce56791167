//! What every store promises, one test per promise. [`crate::store_suite!`] makes them tests of a crate.
//!
//! A bench opens a store again and again; each opening sees what the steps before left, as after a crash.

use deskbell_domain::{ConversationId, EntityId, MessageId, Scope, UtcMs};
use deskbell_protocol::command::Command;
use deskbell_protocol::entity::{ConversationBody, Kind};
use deskbell_protocol::sync::{Frame, Item};
use deskbell_sync::store::{Applied, CommandState, OutboxItem, StoreError};
use deskbell_sync::view::{ListQuery, ListView, Thread, ThreadQuery};
use deskbell_sync::{Store, StoreStep, Views};

use crate::fixtures::{self, EPOCH_START, conversation, history, message, queue, user};

mod cache;
mod history_pages;
mod outbox;
mod snapshots;
mod views;

pub use cache::*;
pub use history_pages::*;
pub use outbox::*;
pub use snapshots::*;
pub use views::*;

/// Where the stores of one test come from.
pub trait Bench {
    /// What is tested.
    type Store: Store + Views;

    /// Opens the store of this bench; the first time an empty one. Whatever was opened before is gone by then.
    fn open(&self) -> impl Future<Output = Self::Store>;
}

impl Bench for deskbell_sync::MemoryStore {
    type Store = Self;

    async fn open(&self) -> Self {
        self.clone()
    }
}

/// Makes every promise of [`suite`](crate::suite) a test: `store_suite!(bench, block_on)`.
///
/// `bench` is an expression that makes a new [`Bench`](crate::suite::Bench) for each test, `block_on` something that
/// runs a future to its end.
#[macro_export]
macro_rules! store_suite {
    ($bench:expr, $block_on:expr) => {
        $crate::store_suite! { @tests $bench, $block_on,
            a_command_is_there_after_a_crash_in_its_order,
            a_command_id_is_taken_once,
            a_replaced_command_goes_with_the_step_that_replaces_it,
            the_state_of_a_command_survives_a_crash,
            only_a_command_that_never_left_becomes_sending,
            a_command_taken_back_becomes_the_draft,
            a_draft_is_kept_until_it_is_empty,
            a_reply_takes_the_draft_that_says_the_same,
            a_command_expires_only_where_the_window_is_closed,
            a_renewal_is_remembered_until_it_ends,
            times_only_rise,
            an_erasure_takes_commands_and_drafts_of_its_conversation_only,
            a_frame_brings_rows_cursor_and_settled_commands_at_once,
            a_frame_that_does_not_follow_is_refused_and_changes_nothing,
            the_highest_version_wins,
            a_remove_older_than_the_row_changes_nothing,
            a_conversation_that_leaves_takes_its_messages_along_and_leaves_the_read_mark,
            an_erase_takes_the_read_mark_too,
            what_this_version_does_not_know_is_kept_and_purged_with_its_root,
            a_message_without_its_conversation_is_left_out,
            settled_commands_are_listed_until_forgotten,
            what_lies_outside_the_scopes_is_purged,
            what_cannot_be_judged_is_purged_when_the_scopes_changed,
            a_read_mark_and_its_conversation_are_judged_apart,
            dropping_the_cache_keeps_the_outbox,
            a_snapshot_goes_on_where_it_stopped,
            a_page_of_another_snapshot_is_refused,
            a_snapshot_that_is_not_complete_is_not_finished,
            what_a_snapshot_does_not_bring_stays_until_its_end_and_goes_then,
            a_snapshot_that_begins_again_counts_from_its_beginning,
            a_read_mark_keeps_nothing_of_a_conversation_that_was_swept,
            older_messages_fill_the_gap,
            a_page_asked_for_with_another_token_is_ignored,
            history_of_a_conversation_that_left_is_ignored,
            a_conversation_that_enters_again_begins_anew,
            a_change_behind_the_gap_is_shown_when_history_reaches_it,
            the_list_is_grouped_and_ordered,
            each_list_has_its_conversations,
            a_window_of_the_list_is_a_part_of_the_whole,
            a_pending_command_is_laid_over_the_row,
            a_reply_is_shown_once_wherever_it_is,
            a_refused_reply_is_shown_with_its_reason_and_changes_nothing_else,
            the_overlay_stands_when_the_cache_is_lost,
            names_come_from_the_cache,
            unread_messages_are_those_after_the_read_mark,
            a_thread_gives_its_newest_messages_and_then_older_ones,
        }
    };
    (@tests $bench:expr, $block_on:expr, $($name:ident),+ $(,)?) => {$(
        #[test]
        fn $name() {
            let bench = $bench;
            let block_on = $block_on;
            block_on($crate::suite::$name(&bench));
        }
    )+};
}

/// The user who looks.
const ME: u32 = 1;

/// The place of the snapshot that [`filled`] brings.
const AS_OF: u64 = 10;

fn at(ms: i64) -> UtcMs {
    EPOCH_START.plus_ms(ms)
}

async fn done(store: &impl Store, step: StoreStep) -> Applied {
    store.apply(&step).await.unwrap_or_else(|error| panic!("{step:?}: {error}"))
}

async fn refused(store: &impl Store, step: StoreStep) -> StoreError {
    store.apply(&step).await.expect_err("the step is refused")
}

/// A store with staff, two queues, and one conversation with one message, read under the scopes of [`ME`].
async fn filled<B: Bench>(bench: &B) -> B::Store {
    let store = bench.open().await;
    done(&store, StoreStep::SetScopes { scopes: scopes(), restart: true }).await;
    let mut items = vec![
        fixtures::put_root(Kind::Tenant, fixtures::id(0x01, 1), 1, &fixtures::tenant_body("Corner Shop")),
        fixtures::put_root(Kind::User, entity(user(1)), 2, &fixtures::user_body("Alice")),
        fixtures::put_root(Kind::User, entity(user(2)), 3, &fixtures::user_body("Bob")),
        fixtures::put_root(Kind::Queue, entity(queue(1)), 4, &fixtures::queue_body("Sales")),
        fixtures::put_root(Kind::Queue, entity(queue(2)), 5, &fixtures::queue_body("Support")),
    ];
    items.extend(waiting(1, 0, 6));
    let mut page = fixtures::page(AS_OF, items, None);
    page.history = vec![history(conversation(1), None)];
    done(&store, StoreStep::ApplySnapshotPage { begins: true, page: Box::new(page) }).await;
    done(&store, StoreStep::FinishSnapshot { settled: Vec::new() }).await;
    store
}

fn scopes() -> Vec<Scope> {
    vec![Scope::Tenant, Scope::Queue(queue(1)), Scope::User(user(ME))]
}

fn entity(id: impl deskbell_domain::Entity) -> EntityId {
    id.entity()
}

/// The `n`th conversation, of the first queue, whose customer wrote at `ms` and waits; with that message.
fn waiting(n: u32, ms: i64, version: u64) -> [Item; 2] {
    let body = fixtures::conversation_body(n, queue(1), at(ms));
    let text = fixtures::inbound_body(conversation(n), &format!("message {n}"), at(ms));
    [
        fixtures::put_conversation(conversation(n), version, &body),
        fixtures::put_message(message(n), version, &text),
    ]
}

/// The `n`th conversation as it was made, changed.
fn changed(n: u32, ms: i64, change: impl FnOnce(&mut ConversationBody)) -> ConversationBody {
    let mut body = fixtures::conversation_body(n, queue(1), at(ms));
    change(&mut body);
    body
}

async fn follow(store: &impl Store, frame: Frame) {
    done(store, StoreStep::ApplyFrame { frame: Box::new(frame), settled: Vec::new() }).await;
}

async fn enqueue(store: &impl Store, command: Command) {
    let item =
        Box::new(OutboxItem { command, state: CommandState::Ready, send_after: None, not_after: None });
    done(store, StoreStep::Enqueue { item, replaces: None }).await;
}

/// The `n`th reply, to the first conversation, as the `100 + n`th message.
fn reply(n: u32) -> Command {
    let ms = i64::from(n) * 1_000 + 60_000;
    let text = format!("reply {n}");
    fixtures::reply(fixtures::command_id(n), conversation(1), message(100 + n), &text, at(ms))
}

async fn thread(store: &impl Views, n: u32) -> Option<Thread> {
    let query = ThreadQuery { conversation: conversation(n), limit: 100, me: user(ME) };
    store.thread(query).await.expect("a thread can be read")
}

async fn messages(store: &impl Views, n: u32) -> Vec<MessageId> {
    let thread = thread(store, n).await.unwrap_or_else(|| panic!("no conversation {n}"));
    thread.messages.iter().map(|message| message.id).collect()
}

async fn listed(store: &impl Views, view: ListView) -> Vec<ConversationId> {
    let query = ListQuery { view, offset: 0, limit: 100, me: user(ME) };
    let page = store.list(query).await.expect("a list can be read");
    page.rows.iter().map(|row| row.header.id).collect()
}
