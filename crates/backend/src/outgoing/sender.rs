use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use deskbell_domain::{ChannelAccountId, DeliveryStatus, FailureCode, UtcMs};
use deskbell_meta::graph::{Accepted, Action, Graph, GraphError, NotSent, pair_wait};
use tokio::time::{Instant, sleep, sleep_until};

use super::checkpoint::{Checkpoint, Step};
use super::failure;
use super::job::{Progress, SendMessage};
use super::limits::{
    ACCOUNT_REST, BACKOFF_MAX_MS, NUMBER_REST, PATIENCE_MS, PLACE_WAIT_MAX, RECORD_PAUSE, RECORD_TRIES,
};
use super::pace::NumberPace;
use super::plan::{Letter, Plan, plan};
use crate::storage::channel_account::{self, AccountStatus};
use crate::storage::job::{self, LeasedJob, Retry};
use crate::storage::message::{self, StatusNews, StatusTarget};
use crate::storage::{Db, Result, StorageError, Tx};

/// How sends ended since this process began.
#[derive(Debug, Default)]
pub(crate) struct SendCounts {
    pub(crate) accepted: AtomicU64,
    pub(crate) failed: AtomicU64,
    pub(crate) uncertain: AtomicU64,
}

/// Sends one message at a time, in durable steps.
pub(crate) struct Sender {
    db: Db,
    graph: Graph,
    pace: NumberPace,
    checkpoint: Checkpoint,
    counts: Arc<SendCounts>,
}

/// What became of a call.
enum Outcome {
    /// Meta took the message on.
    Accepted(Accepted),
    /// Nobody knows.
    Uncertain,
    /// It will not go.
    Failed(FailureCode),
    /// It will not go, and neither will the account's others until it is connected again.
    Disconnected,
    /// Not now.
    Wait {
        /// How long, in milliseconds.
        ms: i64,
        /// Whether the wait is for this pair.
        pair: bool,
        /// What it fails with when the patience ends.
        or: FailureCode,
    },
}

impl Sender {
    pub(crate) fn new(
        db: Db,
        graph: Graph,
        messages_per_second: u32,
        checkpoint: Checkpoint,
        counts: Arc<SendCounts>,
    ) -> Self {
        Self { db, graph, pace: NumberPace::new(messages_per_second), checkpoint, counts }
    }

    /// Carries out a job. Whatever goes wrong with the storage is left to the job's lease: when that has run out, the
    /// job is taken up again, and its record says how far it came.
    pub(crate) async fn run(self: Arc<Self>, job: LeasedJob) {
        let id = job.id;
        match self.send(&job).await {
            Ok(()) => {}
            Err(StorageError::LeaseLost(_)) => tracing::debug!(job = %id, "another process has the job"),
            Err(error) if error.is_retryable() => tracing::warn!(job = %id, %error, "a send is put off"),
            Err(error) => {
                tracing::error!(job = %id, %error, "a send cannot be carried out");
                if let Err(error) = self.bury(&job).await {
                    tracing::error!(job = %id, %error, "and cannot be put aside");
                }
            }
        }
    }

    async fn send(&self, job: &LeasedJob) -> Result<()> {
        let progress: Progress = job.args()?;
        self.checkpoint.reached(Step::Taken, progress.send.message).await;
        if progress.calling {
            // The process that made the call died before it could record the outcome.
            return self.record(job, progress, Outcome::Uncertain).await;
        }
        if !self.wait_for_place(job, progress).await? {
            return Ok(());
        }
        let Some(letter) = self.commit_to_call(job, progress).await? else { return Ok(()) };
        self.checkpoint.reached(Step::Recorded, progress.send.message).await;
        let answer = self.graph.send_text(&letter.token, &letter.phone_number_id, &letter.text).await;
        self.checkpoint.reached(Step::Answered, progress.send.message).await;
        let outcome = self.judge(progress, letter.account, answer);
        self.record(job, progress, outcome).await
    }

    /// Waits until the number may send again. Where that is long, the job is put back and the answer is no.
    async fn wait_for_place(&self, job: &LeasedJob, progress: Progress) -> Result<bool> {
        let mut read = self.db.tenant(job.tenant).read().await?;
        let conversation = super::plan::account_of(&mut read, progress.send.conversation).await?;
        drop(read);
        // Where there is no conversation any more, the plan says what to do.
        let Some(account) = conversation else { return Ok(true) };
        let now = Instant::now();
        let place = self.pace.take(account, now);
        let wait = place.saturating_duration_since(now);
        if wait > PLACE_WAIT_MAX {
            let until = self.db.now().plus_ms(ms(wait));
            self.put_back(job, progress, until).await?;
            return Ok(false);
        }
        sleep_until(place).await;
        Ok(true)
    }

    /// Decides, and records durably that the call is made: `Some` is a promise that it may be made, once.
    async fn commit_to_call(&self, job: &LeasedJob, progress: Progress) -> Result<Option<Letter>> {
        let mut tx = self.db.tenant(job.tenant).begin().await?;
        match plan(&mut tx, progress.send).await? {
            Plan::Call(letter) => {
                set_progress(&mut tx, job, Progress { calling: true, ..progress }).await?;
                tx.commit().await?;
                Ok(Some(*letter))
            }
            Plan::Drop => {
                end(tx, job).await?;
                Ok(None)
            }
            Plan::Fail(code) => {
                fail_message(&mut tx, progress.send, code).await?;
                end(tx, job).await?;
                self.counts.failed.fetch_add(1, Ordering::Relaxed);
                Ok(None)
            }
            Plan::Wait(until) => {
                drop(tx);
                self.put_back(job, progress, until).await?;
                Ok(None)
            }
        }
    }

    fn judge(
        &self,
        progress: Progress,
        account: ChannelAccountId,
        answer: std::result::Result<Accepted, GraphError>,
    ) -> Outcome {
        let backoff = backoff_ms(progress.tries);
        let refusal = match answer {
            Ok(accepted) => return Outcome::Accepted(accepted),
            Err(GraphError::Uncertain(why)) => {
                tracing::warn!(message = %progress.send.message, %why, "a send ended without an answer");
                return Outcome::Uncertain;
            }
            Err(GraphError::NotSent(NotSent::Connect)) => {
                return Outcome::Wait { ms: backoff, pair: false, or: FailureCode::Unavailable };
            }
            Err(GraphError::NotSent(NotSent::Request | NotSent::ForeignHost)) => {
                return Outcome::Failed(FailureCode::Refused);
            }
            Err(GraphError::Refused(refusal)) => refusal,
        };
        tracing::info!(message = %progress.send.message, %refusal, "Meta refused a send");
        let action = refusal.action();
        let reason = failure::of_refusal(refusal.code, action);
        let wait = |ms: i64| Outcome::Wait { ms, pair: false, or: reason };
        match action {
            Action::Retry => wait(backoff),
            Action::RetryAfter(asked) => wait(ms(asked).max(backoff)),
            Action::RetryPair => {
                Outcome::Wait { ms: ms(pair_wait(progress.pair_refusals)), pair: true, or: reason }
            }
            Action::SlowNumber => {
                self.pace.hold(account, Instant::now() + NUMBER_REST);
                wait(backoff)
            }
            Action::SlowAccount | Action::SlowAndAlert => {
                self.pace.hold(account, Instant::now() + ACCOUNT_REST);
                wait(ms(ACCOUNT_REST).max(backoff))
            }
            Action::Reconnect => Outcome::Disconnected,
            _ => Outcome::Failed(reason),
        }
    }

    /// Records what became of a call. The call is over and its outcome is known only here, so the record is tried
    /// again; if it cannot be made at all, the message becomes uncertain, which is true by then.
    async fn record(&self, job: &LeasedJob, progress: Progress, outcome: Outcome) -> Result<()> {
        let mut tries = 0;
        loop {
            match self.record_once(job, progress, &outcome).await {
                Err(error) if error.is_retryable() && tries < RECORD_TRIES => {
                    tries += 1;
                    tracing::warn!(job = %job.id, %error, "an outcome is recorded again");
                    sleep(RECORD_PAUSE).await;
                }
                Ok(()) => {
                    self.count(&outcome);
                    return Ok(());
                }
                other => return other,
            }
        }
    }

    async fn record_once(&self, job: &LeasedJob, progress: Progress, outcome: &Outcome) -> Result<()> {
        let send = progress.send;
        let mut tx = self.db.tenant(job.tenant).begin().await?;
        let now = tx.now();
        match outcome {
            Outcome::Accepted(accepted) => {
                message::set_wamid(&mut tx, send.message, &accepted.id).await?;
                news(&mut tx, send, DeliveryStatus::Sent, None).await?;
            }
            Outcome::Uncertain => news(&mut tx, send, DeliveryStatus::Uncertain, None).await?,
            Outcome::Failed(code) => fail_message(&mut tx, send, *code).await?,
            Outcome::Disconnected => {
                if let Some(account) = super::plan::account_of(&mut tx, send.conversation).await? {
                    channel_account::set_status(&mut tx, account, AccountStatus::ReauthNeeded).await?;
                }
                fail_message(&mut tx, send, FailureCode::AccountDisconnected).await?;
            }
            Outcome::Wait { ms, pair, or } => {
                if super::plan::waited_ms(&mut tx, send, now).await? + ms <= PATIENCE_MS {
                    let next = Progress {
                        calling: false,
                        tries: progress.tries.saturating_add(u32::from(!pair)),
                        pair_refusals: if *pair { progress.pair_refusals.saturating_add(1) } else { 0 },
                        ..progress
                    };
                    set_progress(&mut tx, job, next).await?;
                    job::fail(&mut tx, job, Retry::At(now.plus_ms(*ms)), "not_sent").await?;
                    tx.commit().await?;
                    return Ok(());
                }
                fail_message(&mut tx, send, *or).await?;
            }
        }
        end(tx, job).await
    }

    fn count(&self, outcome: &Outcome) {
        let count = match outcome {
            Outcome::Accepted(_) => &self.counts.accepted,
            Outcome::Uncertain => &self.counts.uncertain,
            Outcome::Failed(_) | Outcome::Disconnected => &self.counts.failed,
            Outcome::Wait { .. } => return,
        };
        count.fetch_add(1, Ordering::Relaxed);
    }

    /// Puts a job back before any call was made for it.
    async fn put_back(&self, job: &LeasedJob, progress: Progress, until: UtcMs) -> Result<()> {
        let mut tx = self.db.tenant(job.tenant).begin().await?;
        set_progress(&mut tx, job, progress).await?;
        job::fail(&mut tx, job, Retry::At(until), "paced").await?;
        tx.commit().await?;
        Ok(())
    }

    /// Puts a job aside that can never be carried out, where health shows it.
    async fn bury(&self, job: &LeasedJob) -> Result<()> {
        let mut tx = self.db.tenant(job.tenant).begin().await?;
        job::fail(&mut tx, job, Retry::Dead, "broken").await?;
        tx.commit().await?;
        Ok(())
    }
}

/// Ends a job with what the transaction did.
async fn end(mut tx: Tx, job: &LeasedJob) -> Result<()> {
    job::complete(&mut tx, job).await?;
    tx.commit().await?;
    Ok(())
}

async fn set_progress(tx: &mut Tx, job: &LeasedJob, progress: Progress) -> Result<()> {
    let args = serde_json::to_value(progress).map_err(|_| StorageError::Shape("the arguments of a send"))?;
    job::set_args(tx, job, &args).await
}

async fn fail_message(tx: &mut Tx, send: SendMessage, code: FailureCode) -> Result<()> {
    news(tx, send, DeliveryStatus::Failed, Some(code)).await
}

/// Moves a message on. Where a status was quicker and has moved it further, it stays there.
async fn news(
    tx: &mut Tx,
    send: SendMessage,
    status: DeliveryStatus,
    failure: Option<FailureCode>,
) -> Result<()> {
    let news = StatusNews { status, at: tx.now(), failure };
    message::advance_status(tx, StatusTarget::Message(send.message), &news).await?;
    Ok(())
}

/// The pause after so many tries, with some chance in it.
fn backoff_ms(tries: u32) -> i64 {
    let random = deskbell_seal::random().map_or(0, u32::from_le_bytes);
    job::backoff_ms(i64::from(tries) + 1, random).min(BACKOFF_MAX_MS)
}

fn ms(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
