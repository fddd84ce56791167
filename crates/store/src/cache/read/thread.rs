use deskbell_domain::{ConversationId, Direction, MessageId, UtcMs};
use deskbell_sync::StoreError;
use deskbell_sync::view::{Boundary, Older, OlderQuery, Thread, ThreadMessage, ThreadQuery};
use sqlx::sqlite::SqliteConnection;

use super::names::Names;
use super::row::{lay_over, rows, unsent_messages};
use super::{StoredGap, StoredMessage, arrived, conversations, message, stored_gap};
use crate::cache::pending::Pending;
use crate::cache::{Cache, failed, state};

/// Later than every message.
const END: Boundary = Boundary { at: UtcMs::from_ms(i64::MAX), id: MessageId::from_bytes([0xff; 16]) };

pub(super) const BEFORE: &str = "SELECT conversation, id, body FROM message
    WHERE conversation = $1 AND (at, id) < ($2, $3) ORDER BY at DESC, id DESC LIMIT $4";

/// Messages of a thread, oldest first.
struct Page {
    messages: Vec<ThreadMessage>,
    /// Whether the cache has older ones without a hole.
    has_more: bool,
}

impl Cache {
    pub(crate) async fn thread(
        &self,
        query: ThreadQuery,
        pending: &Pending,
    ) -> Result<Option<Thread>, StoreError> {
        let ThreadQuery { conversation, limit, me } = query;
        let mut tx = self.reading().await?;
        let settled = state::settled(&mut tx).await?.into_iter().collect();
        let lanes = pending.by_conversation(&settled);
        let mut found = conversations(&mut tx, &[conversation]).await?;
        lay_over(&mut tx, &mut found, &lanes, me).await?;
        let Some(read_through) = found.first().map(|found| found.read_through) else { return Ok(None) };

        let gap = stored_gap(&mut tx, conversation).await?;
        let Page { mut messages, has_more } = before(&mut tx, conversation, END, limit, gap.as_ref()).await?;
        let first_unread = messages.iter().find(|message| {
            message.body.direction.known() == Some(Direction::Inbound)
                && read_through.is_none_or(|through| message.body.at > through)
        });
        let first_unread = first_unread.map(|message| message.id);

        let arrived = arrived(&mut tx, &lanes.messages(&[conversation])).await?;
        let names = Names::of(&mut tx, [], [me]).await?;
        let unsent = unsent_messages(lanes.of(conversation), me);
        let unsent = unsent.filter(|message| !arrived.contains(&message.id));
        messages.extend(unsent.map(|message| names.sign_unsent(message)));

        let Some(row) = rows(&mut tx, found, &lanes, me).await?.pop() else { return Ok(None) };
        Ok(Some(Thread { row, messages, has_older: has_more || gap.is_some(), first_unread }))
    }

    pub(crate) async fn older(&self, query: OlderQuery) -> Result<Older, StoreError> {
        let OlderQuery { conversation, before: message, limit } = query;
        let mut tx = self.reading().await?;
        let gap = stored_gap(&mut tx, conversation).await?;
        // What is not shown as stored is shown as unsent, behind all that is stored.
        let place = place(&mut tx, conversation, message).await?;
        let shown = place.filter(|place| gap.as_ref().is_none_or(|gap| !gap.hides(*place)));
        let Page { messages, has_more } =
            before(&mut tx, conversation, shown.unwrap_or(END), limit, gap.as_ref()).await?;
        let has_older = has_more || gap.is_some();
        let gap = gap.filter(|_| messages.len() < limit).map(|gap| gap.token);
        Ok(Older { messages, has_older, gap })
    }
}

/// Where a message stands, if it is stored and can be read.
async fn place(
    tx: &mut SqliteConnection,
    conversation: ConversationId,
    id: MessageId,
) -> Result<Option<Boundary>, StoreError> {
    const PLACE: &str = "SELECT at FROM message WHERE id = $1 AND conversation = $2 AND at IS NOT NULL";
    let at: Option<i64> = sqlx::query_scalar(PLACE)
        .bind(id.as_bytes().as_slice())
        .bind(conversation.as_bytes().as_slice())
        .fetch_optional(tx)
        .await
        .map_err(failed)?;
    Ok(at.map(|at| Boundary { at: UtcMs::from_ms(at), id }))
}

/// The newest messages before a place and at or after the gap's edge.
async fn before(
    tx: &mut SqliteConnection,
    conversation: ConversationId,
    end: Boundary,
    limit: usize,
    gap: Option<&StoredGap>,
) -> Result<Page, StoreError> {
    let rows = sqlx::query(BEFORE)
        .bind(conversation.as_bytes().as_slice())
        .bind(end.at.as_ms())
        .bind(end.id.as_bytes().as_slice())
        .bind(i64::try_from(limit.saturating_add(1)).unwrap_or(i64::MAX))
        .fetch_all(&mut *tx)
        .await
        .map_err(failed)?;
    let mut stored: Vec<StoredMessage> = rows.iter().map(message).collect::<Result<_, _>>()?;
    stored.retain(|message| {
        let place = Boundary { at: message.body.at, id: message.id };
        gap.is_none_or(|gap| !gap.hides(place))
    });
    let has_more = stored.len() > limit;
    stored.truncate(limit);
    stored.reverse();
    let names = Names::of(tx, [], stored.iter().filter_map(|message| message.body.author)).await?;
    let messages = stored.into_iter().map(|message| names.sign(message)).collect();
    Ok(Page { messages, has_more })
}
