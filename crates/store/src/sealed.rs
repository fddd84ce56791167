use std::path::PathBuf;

use deskbell_domain::{ConversationId, Sensitive, UserId};
use deskbell_protocol::entity::{TenantBody, UserBody};
use deskbell_protocol::sync::PageToken;
use deskbell_seal::Key;
use deskbell_sync::view::{Header, ListPage, ListQuery, Older, OlderQuery, Thread, ThreadQuery};
use deskbell_sync::{Applied, OutboxItem, Restored, Store, StoreError, StoreStep, Views};

use crate::cache::{Cache, Pending};
use crate::error::FileError;
use crate::outbox::Outbox;

/// Where the two files lie, and their keys.
#[derive(Debug, Clone)]
pub struct Files {
    /// The cache's path.
    pub cache: PathBuf,
    /// The cache's key.
    pub cache_key: Key,
    /// The outbox's path.
    pub outbox: PathBuf,
    /// The outbox's key.
    pub outbox_key: Key,
}

/// The store of a console with a keychain.
///
/// [`StoreStep::DropCache`] and the purges delete rows, and SQLCipher overwrites them. The file keeps its key and is
/// not rewritten, so this alone is no proof of an erasure: for that the files have to be copied under new keys.
pub struct SealedStore {
    cache: Cache,
    outbox: Outbox,
}

impl SealedStore {
    /// Opens both files, or creates them. A cache that is damaged, of another key or of another version is made anew;
    /// an outbox never is.
    ///
    /// # Errors
    /// [`FileError`]. Nothing is open then.
    pub async fn open(files: Files) -> Result<Self, FileError> {
        let outbox = Outbox::open(&files.outbox, &files.outbox_key).await?;
        match Cache::open(files.cache, files.cache_key).await {
            Ok(cache) => Ok(Self { cache, outbox }),
            Err(error) => {
                outbox.close().await;
                Err(error)
            }
        }
    }

    /// Closes both files, once the reads and the step under way are done. Their keys leave memory with their
    /// connections. Everything after that is [`StoreError::Closed`].
    pub async fn close(&self) {
        self.cache.close().await;
        self.outbox.close().await;
    }

    /// The commands to lay over what the cache says. The outbox is read before the cache: what left it in between is
    /// in the cache, and a message that is in both is shown once.
    async fn pending(&self) -> Result<Pending, StoreError> {
        Ok(Pending::new(self.outbox.items().await?))
    }
}

impl Store for SealedStore {
    async fn restore(&self) -> Result<Restored, StoreError> {
        let mut restored = Restored::default();
        self.outbox.restore(&mut restored).await?;
        self.cache.restore(&mut restored).await?;
        Ok(restored)
    }

    async fn apply(&self, step: &StoreStep) -> Result<Applied, StoreError> {
        match step {
            StoreStep::Expire { ids, now } => {
                let candidates = self.outbox.unsent(ids).await?;
                let closed = self.cache.with_closed_window(&candidates, *now).await?;
                self.outbox.expire(closed).await
            }
            step if step.is_cache() => self.cache.apply(step).await,
            step => self.outbox.apply(step).await,
        }
    }
}

impl Views for SealedStore {
    async fn list(&self, query: ListQuery) -> Result<ListPage, StoreError> {
        let pending = self.pending().await?;
        let mut page = self.cache.list(query, &pending).await?;
        let mut drafts = self.outbox.drafts(page.rows.iter().map(|row| row.header.id)).await?;
        for row in &mut page.rows {
            row.draft = drafts.remove(&row.header.id);
        }
        Ok(page)
    }

    async fn thread(&self, query: ThreadQuery) -> Result<Option<Thread>, StoreError> {
        let pending = self.pending().await?;
        let Some(mut thread) = self.cache.thread(query, &pending).await? else { return Ok(None) };
        thread.row.draft = self.outbox.drafts([query.conversation]).await?.remove(&query.conversation);
        Ok(Some(thread))
    }

    async fn older(&self, query: OlderQuery) -> Result<Older, StoreError> {
        self.cache.older(query).await
    }

    async fn header(&self, conversation: ConversationId, me: UserId) -> Result<Option<Header>, StoreError> {
        let pending = self.pending().await?;
        self.cache.header(conversation, &pending, me).await
    }

    async fn gap(&self, conversation: ConversationId) -> Result<Option<PageToken>, StoreError> {
        self.cache.gap(conversation).await
    }

    async fn draft(&self, conversation: ConversationId) -> Result<Sensitive<String>, StoreError> {
        Ok(self.outbox.drafts([conversation]).await?.remove(&conversation).unwrap_or_default())
    }

    async fn user(&self, user: UserId) -> Result<Option<UserBody>, StoreError> {
        self.cache.user(user).await
    }

    async fn tenant(&self) -> Result<Option<TenantBody>, StoreError> {
        self.cache.tenant().await
    }

    async fn outbox(&self) -> Result<Vec<OutboxItem>, StoreError> {
        let pending = self.pending().await?;
        self.cache.not_settled(pending).await
    }
}

#[cfg(test)]
mod tests;
