use std::collections::BTreeMap;

use deskbell_domain::UserId;
use deskbell_sync::StoreError;
use deskbell_sync::view::{
    Counts, Group, ListPage, ListQuery, ListView, group, in_view, merge_window, sort_key,
};
use sqlx::Row as _;
use sqlx::sqlite::SqliteConnection;

use super::row::{lay_over, rows};
use super::{Conversation, conversation, conversations, count, group_number};
use crate::cache::pending::Pending;
use crate::cache::{Cache, failed, state};
use crate::ids::hex_list;

/// A statement about the conversations of one list. In it, `$1` is the user.
macro_rules! of_view {
    ($view:expr, $before:literal, $after:literal) => {
        match $view {
            ListView::Mine => concat!($before, "assignee = $1 AND list_group < 2", $after),
            ListView::Unassigned => concat!($before, "assignee IS NULL AND list_group < 2", $after),
            ListView::All => concat!($before, "list_group < 2", $after),
            ListView::Resolved => concat!($before, "list_group = 2", $after),
        }
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

/// A window, without the conversations `$2`. The places are found in the index alone; only the rows of the window
/// itself are read.
pub(super) const fn window_of(view: ListView) -> &'static str {
    of_view!(
        view,
        "SELECT entity.id, version, body, read_through, unread FROM (SELECT id FROM entity WHERE ",
        " AND id NOT IN (SELECT unhex(value) FROM json_each($2))
                ORDER BY list_group, list_key, id LIMIT $3 OFFSET $4) AS place
            CROSS JOIN entity ON entity.kind = 'conversation' AND entity.id = place.id"
    )
}

/// How many of those that are not resolved have a message that the user has not seen.
pub(super) const UNREAD: &str = "SELECT count(*) FROM entity WHERE list_group < 2 AND unread > 0";

impl Cache {
    pub(crate) async fn list(&self, query: ListQuery, pending: &Pending) -> Result<ListPage, StoreError> {
        let ListQuery { view, offset, limit, me } = query;
        let mut tx = self.reading().await?;
        let settled = state::settled(&mut tx).await?.into_iter().collect();
        let lanes = pending.by_conversation(&settled);

        // Those that pending commands change are few. They are counted and placed apart from all others.
        let mut apart = conversations(&mut tx, &lanes.conversations()).await?;
        let mut tally = Tally::of(&mut tx, view, me).await?;
        apart.iter().for_each(|row| tally.leave(row));
        let ids = hex_list(apart.iter().map(|row| *row.id.as_bytes()));
        lay_over(&mut tx, &mut apart, &lanes, me).await?;
        apart.iter().for_each(|row| tally.enter(row));

        apart.retain(|row| in_view(view, &row.body, me));
        let skipped = offset.saturating_sub(apart.len());
        let wanted = offset.saturating_add(limit).saturating_sub(skipped);
        let stored = window(&mut tx, view, me, &ids, wanted, skipped).await?;
        let shown = merge_window(skipped, stored, apart, offset, limit, |row| sort_key(row.id, &row.body));
        let rows = rows(&mut tx, shown, &lanes, me).await?;
        let Tally { counts, groups, .. } = tally;
        Ok(ListPage { groups: groups.into_iter().filter(|(_, count)| *count > 0).collect(), rows, counts })
    }
}

/// Conversations per list, and per group of the list that is shown.
struct Tally {
    view: ListView,
    me: UserId,
    counts: Counts,
    groups: BTreeMap<Group, u32>,
}

impl Tally {
    /// As stored.
    async fn of(tx: &mut SqliteConnection, view: ListView, me: UserId) -> Result<Self, StoreError> {
        let counts = Counts {
            mine: counted(tx, count_of(ListView::Mine), me).await?,
            unassigned: counted(tx, count_of(ListView::Unassigned), me).await?,
            all: counted(tx, count_of(ListView::All), me).await?,
            unread: counted(tx, UNREAD, me).await?,
        };
        Ok(Self { view, me, counts, groups: groups(tx, view, me).await? })
    }

    fn leave(&mut self, row: &Conversation) {
        self.change(row, |count| *count = count.saturating_sub(1));
    }

    fn enter(&mut self, row: &Conversation) {
        self.change(row, |count| *count = count.saturating_add(1));
    }

    fn change(&mut self, row: &Conversation, change: impl Fn(&mut u32)) {
        let is_in = |view| in_view(view, &row.body, self.me);
        for (count, is_counted) in [
            (&mut self.counts.mine, is_in(ListView::Mine)),
            (&mut self.counts.unassigned, is_in(ListView::Unassigned)),
            (&mut self.counts.all, is_in(ListView::All)),
            (&mut self.counts.unread, is_in(ListView::All) && row.unread > 0),
        ] {
            if is_counted {
                change(count);
            }
        }
        if is_in(self.view) {
            change(self.groups.entry(group(&row.body)).or_default());
        }
    }
}

async fn counted(tx: &mut SqliteConnection, statement: &'static str, me: UserId) -> Result<u32, StoreError> {
    let query = sqlx::query(statement).bind(me.as_bytes().as_slice());
    count(&query.fetch_one(tx).await.map_err(failed)?, 0)
}

/// The groups of a list that have rows.
async fn groups(
    tx: &mut SqliteConnection,
    view: ListView,
    me: UserId,
) -> Result<BTreeMap<Group, u32>, StoreError> {
    const GROUPS: [Group; 3] = [Group::NeedsReply, Group::WaitingOnCustomer, Group::Resolved];
    let query = sqlx::query(groups_of(view)).bind(me.as_bytes().as_slice());
    let mut groups = BTreeMap::new();
    for row in query.fetch_all(tx).await.map_err(failed)? {
        let number: i64 = row.try_get(0).map_err(failed)?;
        let group = GROUPS.into_iter().find(|group| group_number(*group) == number);
        groups.insert(group.ok_or(StoreError::CacheDamaged)?, count(&row, 1)?);
    }
    Ok(groups)
}

/// Stored rows of a list, without those `apart`.
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
