use std::collections::BTreeMap;

use deskbell_domain::UserId;
use deskbell_sync::StoreError;
use deskbell_sync::view::{
    Counts, Group, ListPage, ListQuery, ListView, group, in_view, merge_window, sort_key,
};
use sqlx::Row as _;
use sqlx::sqlite::SqliteConnection;

use super::row::{laid_over, rows};
use super::{Conversation, conversation, count, group_number};
use crate::cache::pending::Pending;
use crate::cache::{Cache, failed, state};
use crate::ids::hex_list;

/// A statement about the conversations of one list. In it, `$1` is the user and `$2` are the conversations that
/// pending commands change: those are few, and are laid over what the statement finds.
macro_rules! of_view {
    ($view:expr, $before:literal, $after:literal) => {
        match $view {
            ListView::Mine => of_view!(@ $before, "assignee = $1 AND list_group < 2", $after),
            ListView::Unassigned => of_view!(@ $before, "assignee IS NULL AND list_group < 2", $after),
            ListView::All => of_view!(@ $before, "list_group < 2", $after),
            ListView::Resolved => of_view!(@ $before, "list_group = 2", $after),
        }
    };
    (@ $before:literal, $condition:literal, $after:literal) => {
        concat!($before, $condition, " AND id NOT IN (SELECT unhex(value) FROM json_each($2))", $after)
    };
}

/// How many there are.
pub(super) const fn count_of(view: ListView) -> &'static str {
    of_view!(view, "SELECT count(*) FROM entity WHERE ", "")
}

/// How many there are in each group.
pub(super) const fn groups_of(view: ListView) -> &'static str {
    of_view!(view, "SELECT list_group, count(*) FROM entity WHERE ", " GROUP BY list_group")
}

/// A window. The places are found in the index alone; only the rows of the window itself are read.
pub(super) const fn window_of(view: ListView) -> &'static str {
    of_view!(
        view,
        "SELECT entity.id, version, body, read_through, unread FROM (SELECT id FROM entity WHERE ",
        " ORDER BY list_group, list_key, id LIMIT $3 OFFSET $4) AS place
            CROSS JOIN entity ON entity.kind = 'conversation' AND entity.id = place.id"
    )
}

/// How many of those that are not resolved have a message that the user has not seen. The index holds just these; the
/// planner cannot know how few they are.
pub(super) const UNREAD: &str = "SELECT count(*) FROM entity INDEXED BY conversation_unread
    WHERE list_group < 2 AND unread > 0 AND id NOT IN (SELECT unhex(value) FROM json_each($2))";

impl Cache {
    pub(crate) async fn list(&self, query: ListQuery, pending: &Pending) -> Result<ListPage, StoreError> {
        let ListQuery { view, offset, limit, me } = query;
        let mut tx = self.reading().await?;
        let settled = state::settled(&mut tx).await?.into_iter().collect();
        let lanes = pending.by_conversation(&settled);
        let changed = laid_over(&mut tx, &lanes.conversations(), &lanes, me).await?;
        let apart = hex_list(changed.iter().map(|row| *row.id.as_bytes()));

        let mut counts = counts(&mut tx, me, &apart).await?;
        let mut groups = groups(&mut tx, view, me, &apart).await?;
        for row in &changed {
            let is_in = |view| u32::from(in_view(view, &row.body, me));
            counts.mine += is_in(ListView::Mine);
            counts.unassigned += is_in(ListView::Unassigned);
            counts.all += is_in(ListView::All);
            counts.unread += is_in(ListView::All) * u32::from(row.unread > 0);
            if in_view(view, &row.body, me) {
                *groups.entry(group(&row.body)).or_default() += 1;
            }
        }

        let changed: Vec<_> = changed.into_iter().filter(|row| in_view(view, &row.body, me)).collect();
        let skipped = offset.saturating_sub(changed.len());
        let wanted = offset.saturating_add(limit).saturating_sub(skipped);
        let stored = window(&mut tx, view, me, &apart, wanted, skipped).await?;
        let shown = merge_window(skipped, stored, changed, offset, limit, |row| sort_key(row.id, &row.body));
        let rows = rows(&mut tx, shown, &lanes, me).await?;
        Ok(ListPage { groups: groups.into_iter().collect(), rows, counts })
    }
}

async fn counts(tx: &mut SqliteConnection, me: UserId, apart: &str) -> Result<Counts, StoreError> {
    Ok(Counts {
        mine: counted(tx, count_of(ListView::Mine), me, apart).await?,
        unassigned: counted(tx, count_of(ListView::Unassigned), me, apart).await?,
        all: counted(tx, count_of(ListView::All), me, apart).await?,
        unread: counted(tx, UNREAD, me, apart).await?,
    })
}

async fn counted(
    tx: &mut SqliteConnection,
    statement: &'static str,
    me: UserId,
    apart: &str,
) -> Result<u32, StoreError> {
    let query = sqlx::query(statement).bind(me.as_bytes().as_slice()).bind(apart);
    count(&query.fetch_one(tx).await.map_err(failed)?, 0)
}

/// The groups of a list that have rows.
async fn groups(
    tx: &mut SqliteConnection,
    view: ListView,
    me: UserId,
    apart: &str,
) -> Result<BTreeMap<Group, u32>, StoreError> {
    const GROUPS: [Group; 3] = [Group::NeedsReply, Group::WaitingOnCustomer, Group::Resolved];
    let query = sqlx::query(groups_of(view)).bind(me.as_bytes().as_slice()).bind(apart);
    let mut groups = BTreeMap::new();
    for row in query.fetch_all(tx).await.map_err(failed)? {
        let number: i64 = row.try_get(0).map_err(failed)?;
        let group = GROUPS.into_iter().find(|group| group_number(*group) == number);
        groups.insert(group.ok_or(StoreError::CacheDamaged)?, count(&row, 1)?);
    }
    Ok(groups)
}

/// Stored rows of a list, without those that pending commands change.
async fn window(
    tx: &mut SqliteConnection,
    view: ListView,
    me: UserId,
    apart: &str,
    limit: usize,
    offset: usize,
) -> Result<Vec<Conversation>, StoreError> {
    let rows = sqlx::query(window_of(view))
        .bind(me.as_bytes().as_slice())
        .bind(apart)
        .bind(i64::try_from(limit).unwrap_or(i64::MAX))
        .bind(i64::try_from(offset).unwrap_or(i64::MAX))
        .fetch_all(tx)
        .await
        .map_err(failed)?;
    rows.iter().map(conversation).collect()
}
