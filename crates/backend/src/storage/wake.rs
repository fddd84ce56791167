use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use deskbell_domain::TenantId;
use sqlx::postgres::{PgConnectOptions, PgListener, PgPool, PgPoolOptions};
use tokio::sync::{mpsc, watch};

use crate::limits::NOTIFY_EVERY;

/// The heads of the tenants' logs, for those who wait for them to move. A head only ever moves forward.
#[derive(Default)]
pub(crate) struct Heads {
    senders: Mutex<HashMap<TenantId, watch::Sender<i64>>>,
    abroad: Option<mpsc::UnboundedSender<(TenantId, i64)>>,
}

impl Heads {
    /// Heads that are also told to other processes, through the other end of the channel.
    pub(crate) fn with_others() -> (Self, mpsc::UnboundedReceiver<(TenantId, i64)>) {
        let (sender, receiver) = mpsc::unbounded_channel();
        (Self { senders: Mutex::default(), abroad: Some(sender) }, receiver)
    }

    /// A receiver that sees `head`, or a later one, at once.
    pub(crate) fn watch(&self, tenant: TenantId, head: i64) -> watch::Receiver<i64> {
        let mut senders = self.lock();
        let sender = senders.entry(tenant).or_insert_with(|| watch::Sender::new(head));
        raise(sender, head);
        sender.subscribe()
    }

    /// A commit of this process moved a head.
    pub(crate) fn committed(&self, tenant: TenantId, head: i64) {
        self.seen(tenant, head);
        if let Some(abroad) = &self.abroad {
            // The other end goes with the database, and then there is nobody to tell.
            let _closed = abroad.send((tenant, head));
        }
    }

    /// A head was heard of.
    pub(crate) fn seen(&self, tenant: TenantId, head: i64) {
        if let Some(sender) = self.lock().get(&tenant) {
            raise(sender, head);
        }
    }

    /// The tenants somebody waits for.
    pub(crate) fn watched(&self) -> Vec<TenantId> {
        self.lock()
            .iter()
            .filter(|(_, sender)| sender.receiver_count() > 0)
            .map(|(tenant, _)| *tenant)
            .collect()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<TenantId, watch::Sender<i64>>> {
        self.senders.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn raise(sender: &watch::Sender<i64>, head: i64) {
    sender.send_if_modified(|current| {
        let moves = head > *current;
        if moves {
            *current = head;
        }
        moves
    });
}

const CHANNEL: &str = "deskbell_heads";

/// Tenants told of in one notice, whose text PostgreSQL limits to 8,000 bytes.
const TENANTS_PER_NOTICE: usize = 100;

/// Tells other processes of moved heads, after their commits, on a connection of its own: a notice inside a
/// transaction would make all commits of the server wait for each other.
pub(crate) async fn tell_others(
    options: PgConnectOptions,
    mut moved: mpsc::UnboundedReceiver<(TenantId, i64)>,
) {
    let pool = one_connection(options);
    while let Some((tenant, head)) = moved.recv().await {
        let mut heads = HashMap::from([(tenant, head)]);
        while let Ok((tenant, head)) = moved.try_recv() {
            heads.entry(tenant).and_modify(|known: &mut i64| *known = (*known).max(head)).or_insert(head);
        }
        let heads: Vec<_> = heads.into_iter().collect();
        for chunk in heads.chunks(TENANTS_PER_NOTICE) {
            let notice = write_notice(chunk);
            let told =
                sqlx::query("SELECT pg_notify($1, $2)").bind(CHANNEL).bind(notice).execute(&pool).await;
            if told.is_err() {
                // Others find out by asking, once a second.
                tracing::warn!("log heads could not be told to other processes");
            }
        }
        tokio::time::sleep(NOTIFY_EVERY).await;
    }
}

/// Hears of heads that other processes moved. A lost connection is made anew; what was missed is found by asking.
pub(crate) async fn hear_others(options: PgConnectOptions, heads: Arc<Heads>) {
    let pool = one_connection(options);
    loop {
        if let Err(error) = hear(&pool, &heads).await {
            tracing::warn!(error = %crate::storage::StorageError::from(error), "the log's notices were interrupted");
        }
        tokio::time::sleep(crate::limits::POLL_EVERY).await;
    }
}

async fn hear(pool: &PgPool, heads: &Heads) -> Result<(), sqlx::Error> {
    let mut listener = PgListener::connect_with(pool).await?;
    listener.listen(CHANNEL).await?;
    loop {
        let notice = listener.recv().await?;
        for (tenant, head) in read_notice(notice.payload()) {
            heads.seen(tenant, head);
        }
    }
}

fn one_connection(options: PgConnectOptions) -> PgPool {
    PgPoolOptions::new().max_connections(1).connect_lazy_with(options)
}

fn write_notice(heads: &[(TenantId, i64)]) -> String {
    heads.iter().map(|(tenant, head)| format!("{tenant} {head}")).collect::<Vec<_>>().join("\n")
}

fn read_notice(text: &str) -> impl Iterator<Item = (TenantId, i64)> + '_ {
    text.lines().filter_map(|line| {
        let (tenant, head) = line.split_once(' ')?;
        Some((tenant.parse().ok()?, head.parse().ok()?))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_head_wakes_who_waits_and_never_moves_back() {
        let heads = Heads::default();
        let tenant = TenantId::from_bytes([1; 16]);
        let mut waiting = heads.watch(tenant, 5);
        assert_eq!(*waiting.borrow_and_update(), 5);
        heads.seen(tenant, 4);
        assert!(!waiting.has_changed().unwrap());
        heads.committed(tenant, 6);
        waiting.changed().await.unwrap();
        assert_eq!(*waiting.borrow(), 6);
        assert_eq!(*heads.watch(tenant, 3).borrow(), 6);
        assert_eq!(heads.watched(), [tenant]);
        drop(waiting);
        assert!(heads.watched().is_empty());
    }

    #[test]
    fn a_notice_survives_its_text_and_nonsense_is_passed_over() {
        let heads = [(TenantId::from_bytes([1; 16]), 7), (TenantId::from_bytes([2; 16]), 8)];
        let text = write_notice(&heads);
        assert_eq!(read_notice(&text).collect::<Vec<_>>(), heads);
        assert_eq!(read_notice("nonsense\n\nx 1").count(), 0);
        let longest = vec![(TenantId::from_bytes([1; 16]), i64::MAX); TENANTS_PER_NOTICE];
        assert!(write_notice(&longest).len() < 8_000);
    }
}
