//! The outbox: commands, drafts, and what a restart must know.

use std::collections::HashMap;
use std::path::Path;

use deskbell_domain::{CommandId, ConversationId, EntityId, Open, RefreshId, Sensitive, UtcMs};
use deskbell_protocol::command::{Act, RejectCode};
use deskbell_seal::Key;
use deskbell_sync::{Applied, CommandState, OutboxItem, Outcomes, Restored, StoreError, StoreStep};
use sqlx::sqlite::{SqliteConnection, SqliteRow};
use sqlx::{Row as _, Sqlite, Transaction};

use crate::database::{Database, Schema};
use crate::error::{FileError, Side, store_error};
use crate::ids::hex_list;
use crate::limits::OUTBOX;

/// The schema's version, as `user_version` holds it. Raise it, with a migration, also when the JSON of an item changes in
/// a way that an older version cannot read.
const VERSION: i64 = 1;

const SCHEMA: &str = include_str!("outbox/schema.sql");

pub(crate) struct Outbox {
    database: Database,
}

fn failed(error: sqlx::Error) -> StoreError {
    store_error(Side::Outbox, &error)
}

impl Outbox {
    /// Opens the outbox, or creates it. One of another key or a newer version is left as it is.
    pub(crate) async fn open(path: &Path, key: &Key) -> Result<Self, FileError> {
        let database = Database::open(path, key, OUTBOX).await?;
        let verdict = match database.establish(SCHEMA, VERSION).await {
            Ok(Schema::Created | Schema::Found(VERSION)) => return Ok(Self { database }),
            Ok(Schema::Found(_)) => FileError::Newer,
            Err(error) => error,
        };
        database.close().await;
        Err(verdict)
    }

    pub(crate) async fn close(&self) {
        self.database.close().await;
    }

    #[cfg(test)]
    pub(crate) const fn writer(&self) -> &sqlx::SqlitePool {
        &self.database.writer
    }

    /// All items, in the order in which they were put in.
    pub(crate) async fn items(&self) -> Result<Vec<OutboxItem>, StoreError> {
        const ITEMS: &str = "SELECT item FROM command ORDER BY number";
        let rows = sqlx::query(ITEMS).fetch_all(&self.database.readers).await.map_err(failed)?;
        rows.iter().map(|row| read_item(row.try_get(0).map_err(failed)?)).collect()
    }

    /// Those of these commands that never left, with their conversations, in order.
    pub(crate) async fn unsent(
        &self,
        ids: &[CommandId],
    ) -> Result<Vec<(CommandId, ConversationId)>, StoreError> {
        let items = self.items().await?.into_iter();
        let unsent = items.filter(|item| item.state == CommandState::Ready && ids.contains(&item.id()));
        Ok(unsent.map(|item| (item.id(), item.lane())).collect())
    }

    /// The drafts of these conversations, where there are any.
    pub(crate) async fn drafts(
        &self,
        conversations: impl IntoIterator<Item = ConversationId>,
    ) -> Result<HashMap<ConversationId, Sensitive<String>>, StoreError> {
        const DRAFTS: &str = "SELECT conversation, text FROM draft
            WHERE conversation IN (SELECT unhex(value) FROM json_each($1))";
        let wanted = hex_list(conversations.into_iter().map(|id| *id.as_bytes()));
        let rows =
            sqlx::query(DRAFTS).bind(wanted).fetch_all(&self.database.readers).await.map_err(failed)?;
        rows.iter()
            .map(|row| {
                let id: &[u8] = row.try_get(0).map_err(failed)?;
                let text: String = row.try_get(1).map_err(failed)?;
                let id = ConversationId::from_slice(id).map_err(|_| StoreError::OutboxDamaged)?;
                Ok((id, Sensitive::new(text)))
            })
            .collect()
    }

    /// The outbox's part of what an engine starts from.
    pub(crate) async fn restore(&self, restored: &mut Restored) -> Result<(), StoreError> {
        const NOTE: &str = "SELECT renewal, highest_time, lease_until FROM note";
        restored.outbox = self.items().await?;
        let row = sqlx::query(NOTE).fetch_one(&self.database.readers).await.map_err(failed)?;
        let renewal: Option<Vec<u8>> = row.try_get(0).map_err(failed)?;
        restored.renewal = renewal
            .map(|bytes| RefreshId::from_slice(&bytes).map_err(|_| StoreError::OutboxDamaged))
            .transpose()?;
        restored.highest_time = row.try_get::<Option<i64>, _>(1).map_err(failed)?.map(UtcMs::from_ms);
        restored.lease_until = row.try_get::<Option<i64>, _>(2).map_err(failed)?.map(UtcMs::from_ms);
        Ok(())
    }

    /// One step, in one transaction.
    pub(crate) async fn apply(&self, step: &StoreStep) -> Result<Applied, StoreError> {
        let mut tx = self.begin().await?;
        let applied = write(&mut tx, step).await?;
        tx.commit().await.map_err(failed)?;
        Ok(applied)
    }

    /// Refuses these commands, because the service window has closed over them.
    pub(crate) async fn expire(&self, ids: Vec<CommandId>) -> Result<Applied, StoreError> {
        let mut tx = self.begin().await?;
        for id in &ids {
            set_unsent(&mut tx, *id, refused(RejectCode::WindowClosed.into())).await?;
        }
        tx.commit().await.map_err(failed)?;
        Ok(Applied { expired: ids, ..Applied::default() })
    }

    async fn begin(&self) -> Result<Transaction<'_, Sqlite>, StoreError> {
        self.database.writer.begin_with("BEGIN IMMEDIATE").await.map_err(failed)
    }
}

const fn refused(code: Open<RejectCode>) -> CommandState {
    CommandState::Refused { code }
}

async fn write(tx: &mut SqliteConnection, step: &StoreStep) -> Result<Applied, StoreError> {
    match step {
        StoreStep::Enqueue { item, replaces } => {
            insert(tx, item).await?;
            if let Some(replaced) = replaces.filter(|replaced| *replaced != item.id()) {
                remove(tx, replaced).await?;
            }
            end_draft(tx, item).await?;
        }
        StoreStep::MarkSending(ids) => {
            for id in ids {
                set_unsent(tx, *id, CommandState::Sending).await?;
            }
        }
        StoreStep::Outcomes(outcomes) => write_outcomes(tx, outcomes).await?,
        StoreStep::TakeBack(id) => take_back(tx, *id).await?,
        StoreStep::SaveDraft { conversation, text } => save_draft(tx, *conversation, text.expose()).await?,
        StoreStep::BeginRenewal(id) => set_renewal(tx, Some(*id)).await?,
        StoreStep::EndRenewal => set_renewal(tx, None).await?,
        StoreStep::NoteTime { highest_time, lease_until } => {
            const NOTE_TIME: &str = "UPDATE note SET highest_time = max(coalesce(highest_time, $1), $1),
                lease_until = coalesce($2, lease_until)";
            let lease = lease_until.map(UtcMs::as_ms);
            sqlx::query(NOTE_TIME)
                .bind(highest_time.as_ms())
                .bind(lease)
                .execute(tx)
                .await
                .map_err(failed)?;
        }
        StoreStep::PurgeOutbox(roots) => {
            let dropped = purge(tx, roots).await?;
            return Ok(Applied { dropped, ..Applied::default() });
        }
        // The others are the cache's; the caller has told them apart by `StoreStep::is_cache`.
        _ => return Err(StoreError::Conflict),
    }
    Ok(Applied::default())
}

async fn insert(tx: &mut SqliteConnection, item: &OutboxItem) -> Result<(), StoreError> {
    const INSERT: &str = "INSERT INTO command (id, conversation, item) VALUES ($1, $2, $3)";
    sqlx::query(INSERT)
        .bind(item.id().as_bytes().as_slice())
        .bind(item.lane().as_bytes().as_slice())
        .bind(written(item)?)
        .execute(tx)
        .await
        .map_err(failed)?;
    Ok(())
}

async fn find(tx: &mut SqliteConnection, id: CommandId) -> Result<Option<OutboxItem>, StoreError> {
    const FIND: &str = "SELECT item FROM command WHERE id = $1";
    let row = sqlx::query(FIND).bind(id.as_bytes().as_slice()).fetch_optional(tx).await.map_err(failed)?;
    row.map(|row| read_item(row.try_get(0).map_err(failed)?)).transpose()
}

/// For a command that never left; any other keeps its state.
async fn set_unsent(tx: &mut SqliteConnection, id: CommandId, state: CommandState) -> Result<(), StoreError> {
    match find(tx, id).await? {
        Some(item) if item.state == CommandState::Ready => update(tx, item, state).await,
        _ => Ok(()),
    }
}

async fn set_state(tx: &mut SqliteConnection, id: CommandId, state: CommandState) -> Result<(), StoreError> {
    match find(tx, id).await? {
        Some(item) => update(tx, item, state).await,
        None => Ok(()),
    }
}

async fn update(tx: &mut SqliteConnection, item: OutboxItem, state: CommandState) -> Result<(), StoreError> {
    const UPDATE: &str = "UPDATE command SET item = $2 WHERE id = $1";
    let id = item.id();
    let item = written(&OutboxItem { state, ..item })?;
    sqlx::query(UPDATE).bind(id.as_bytes().as_slice()).bind(item).execute(tx).await.map_err(failed)?;
    Ok(())
}

async fn remove(tx: &mut SqliteConnection, id: CommandId) -> Result<(), StoreError> {
    const DELETE: &str = "DELETE FROM command WHERE id = $1";
    sqlx::query(DELETE).bind(id.as_bytes().as_slice()).execute(tx).await.map_err(failed)?;
    Ok(())
}

async fn write_outcomes(tx: &mut SqliteConnection, outcomes: &Outcomes) -> Result<(), StoreError> {
    for &(id, epoch, seq) in &outcomes.applied {
        set_state(tx, id, CommandState::Applied { epoch, seq }).await?;
    }
    for &(id, code) in &outcomes.refused {
        set_state(tx, id, refused(code)).await?;
    }
    for &id in &outcomes.resend {
        set_state(tx, id, CommandState::Sending).await?;
    }
    for &id in &outcomes.removed {
        remove(tx, id).await?;
    }
    Ok(())
}

/// The text of a command goes behind what is typed already.
async fn take_back(tx: &mut SqliteConnection, id: CommandId) -> Result<(), StoreError> {
    const DRAFT: &str = "SELECT text FROM draft WHERE conversation = $1";
    let Some(item) = find(tx, id).await? else { return Ok(()) };
    remove(tx, id).await?;
    let Act::SendText { conversation, text, .. } = &item.command.act else { return Ok(()) };
    let row = sqlx::query(DRAFT)
        .bind(conversation.as_bytes().as_slice())
        .fetch_optional(&mut *tx)
        .await
        .map_err(failed)?;
    let typed: Option<String> = row.map(|row| row.try_get(0)).transpose().map_err(failed)?;
    let draft = match typed {
        Some(typed) => format!("{typed}\n{}", text.expose()),
        None => text.expose().clone(),
    };
    save_draft(tx, *conversation, &draft).await
}

/// A reply takes the draft with it that says the same: a crash neither loses nor doubles what was typed.
async fn end_draft(tx: &mut SqliteConnection, item: &OutboxItem) -> Result<(), StoreError> {
    const DRAFT: &str = "SELECT text FROM draft WHERE conversation = $1";
    let Act::SendText { conversation, text, .. } = &item.command.act else { return Ok(()) };
    let row = sqlx::query(DRAFT)
        .bind(conversation.as_bytes().as_slice())
        .fetch_optional(&mut *tx)
        .await
        .map_err(failed)?;
    let draft: Option<String> = row.map(|row| row.try_get(0)).transpose().map_err(failed)?;
    if draft.is_some_and(|draft| draft.trim() == text.expose().trim()) {
        save_draft(tx, *conversation, "").await?;
    }
    Ok(())
}

async fn save_draft(
    tx: &mut SqliteConnection,
    conversation: ConversationId,
    text: &str,
) -> Result<(), StoreError> {
    const SAVE: &str = "INSERT INTO draft (conversation, text) VALUES ($1, $2)
        ON CONFLICT (conversation) DO UPDATE SET text = excluded.text";
    const DELETE: &str = "DELETE FROM draft WHERE conversation = $1";
    let id = conversation.as_bytes().as_slice();
    let query =
        if text.is_empty() { sqlx::query(DELETE).bind(id) } else { sqlx::query(SAVE).bind(id).bind(text) };
    query.execute(tx).await.map_err(failed)?;
    Ok(())
}

async fn set_renewal(tx: &mut SqliteConnection, id: Option<RefreshId>) -> Result<(), StoreError> {
    const RENEWAL: &str = "UPDATE note SET renewal = $1";
    let id = id.map(|id| id.as_bytes().to_vec());
    sqlx::query(RENEWAL).bind(id).execute(tx).await.map_err(failed)?;
    Ok(())
}

/// What was typed for these conversations, sent or not. Gives the commands, in order.
async fn purge(tx: &mut SqliteConnection, roots: &[EntityId]) -> Result<Vec<CommandId>, StoreError> {
    const DROPPED: &str = "SELECT id FROM command
        WHERE conversation IN (SELECT unhex(value) FROM json_each($1)) ORDER BY number";
    const COMMANDS: &str =
        "DELETE FROM command WHERE conversation IN (SELECT unhex(value) FROM json_each($1))";
    const DRAFTS: &str = "DELETE FROM draft WHERE conversation IN (SELECT unhex(value) FROM json_each($1))";
    let roots = hex_list(roots.iter().map(|root| *root.as_bytes()));
    let rows = sqlx::query(DROPPED).bind(&roots).fetch_all(&mut *tx).await.map_err(failed)?;
    for statement in [COMMANDS, DRAFTS] {
        sqlx::query(statement).bind(&roots).execute(&mut *tx).await.map_err(failed)?;
    }
    let id = |row: &SqliteRow| {
        let bytes: &[u8] = row.try_get(0).map_err(failed)?;
        CommandId::from_slice(bytes).map_err(|_| StoreError::OutboxDamaged)
    };
    rows.iter().map(id).collect()
}

fn written(item: &OutboxItem) -> Result<String, StoreError> {
    serde_json::to_string(item).map_err(|_| StoreError::Conflict)
}

fn read_item(text: &str) -> Result<OutboxItem, StoreError> {
    serde_json::from_str(text).map_err(|_| StoreError::OutboxDamaged)
}
