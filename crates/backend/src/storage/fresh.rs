//! New ids: UUIDv7, ordered by the time given, told apart by the system's randomness.

use deskbell_domain::{
    AuditId, ChannelAccountId, ContactId, ConversationId, DeviceId, EpochId, JobId, KeyId, MessageId,
    QueueId, TenantId, UserId, UtcMs, WebhookId,
};
use deskbell_seal::random;

use super::Result;

macro_rules! fresh {
    ($($name:ident: $id:ident),+ $(,)?) => {$(
        #[doc = concat!("A new [`", stringify!($id), "`] made at `now`.")]
        ///
        /// # Errors
        /// [`StorageError::Random`](super::StorageError::Random).
        pub fn $name(now: UtcMs) -> Result<$id> {
            Ok($id::new(now, random()?))
        }
    )+};
}

fresh! {
    audit_id: AuditId,
    channel_account_id: ChannelAccountId,
    contact_id: ContactId,
    conversation_id: ConversationId,
    device_id: DeviceId,
    epoch_id: EpochId,
    job_id: JobId,
    key_id: KeyId,
    message_id: MessageId,
    queue_id: QueueId,
    tenant_id: TenantId,
    user_id: UserId,
    webhook_id: WebhookId,
}
