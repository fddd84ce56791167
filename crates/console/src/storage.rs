use deskbell_domain::{ConversationId, Sensitive, UserId};
use deskbell_protocol::entity::{TenantBody, UserBody};
use deskbell_protocol::sync::PageToken;
use deskbell_store::SealedStore;
use deskbell_sync::view::{Header, ListPage, ListQuery, Older, OlderQuery, Thread, ThreadQuery};
use deskbell_sync::{Applied, MemoryStore, OutboxItem, Restored, Store, StoreError, StoreStep, Views};

/// Where a session keeps its data.
pub(crate) enum Storage {
    /// In two encrypted files.
    Sealed(SealedStore),
    /// In memory, for a computer without a keychain.
    Memory(MemoryStore),
}

macro_rules! either {
    ($storage:expr, $store:ident => $call:expr) => {
        match $storage {
            Storage::Sealed($store) => $call,
            Storage::Memory($store) => $call,
        }
    };
}

impl Storage {
    /// Closes the files; what is in memory goes with the value.
    pub(crate) async fn close(&self) {
        if let Self::Sealed(store) = self {
            store.close().await;
        }
    }
}

impl Store for Storage {
    async fn restore(&self) -> Result<Restored, StoreError> {
        either!(self, store => store.restore().await)
    }

    async fn apply(&self, step: &StoreStep) -> Result<Applied, StoreError> {
        either!(self, store => store.apply(step).await)
    }
}

impl Views for Storage {
    async fn list(&self, query: ListQuery) -> Result<ListPage, StoreError> {
        either!(self, store => store.list(query).await)
    }

    async fn thread(&self, query: ThreadQuery) -> Result<Option<Thread>, StoreError> {
        either!(self, store => store.thread(query).await)
    }

    async fn older(&self, query: OlderQuery) -> Result<Older, StoreError> {
        either!(self, store => store.older(query).await)
    }

    async fn header(&self, conversation: ConversationId, me: UserId) -> Result<Option<Header>, StoreError> {
        either!(self, store => store.header(conversation, me).await)
    }

    async fn gap(&self, conversation: ConversationId) -> Result<Option<PageToken>, StoreError> {
        either!(self, store => store.gap(conversation).await)
    }

    async fn draft(&self, conversation: ConversationId) -> Result<Sensitive<String>, StoreError> {
        either!(self, store => store.draft(conversation).await)
    }

    async fn user(&self, user: UserId) -> Result<Option<UserBody>, StoreError> {
        either!(self, store => store.user(user).await)
    }

    async fn tenant(&self) -> Result<Option<TenantBody>, StoreError> {
        either!(self, store => store.tenant().await)
    }

    async fn outbox(&self) -> Result<Vec<OutboxItem>, StoreError> {
        either!(self, store => store.outbox().await)
    }
}
