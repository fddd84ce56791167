use deskbell_protocol::limits::HISTORY_MESSAGES_MAX;
use deskbell_protocol::problem::ProblemCode;
use deskbell_protocol::sync::HistoryPage;

use super::token::{HistoryToken, Tokens};
use super::{Viewer, enter, items};
use crate::problem::Answer;
use crate::storage::Read;

/// A page of older messages, if the conversation is in the view now: a page token is no right to read.
pub(super) async fn page(
    read: &mut Read,
    tokens: &Tokens,
    viewer: &Viewer,
    token: HistoryToken,
) -> Answer<HistoryPage> {
    let visible = items::visible(read, viewer, &[token.conversation]).await?;
    if !visible.contains_key(&token.conversation) {
        return Err(ProblemCode::NotFound.into());
    }
    let count = i64::try_from(HISTORY_MESSAGES_MAX).unwrap_or(i64::MAX);
    let messages = enter::messages(read, tokens, token.conversation, token.before, count).await?;
    Ok(HistoryPage { items: messages.items, history: messages.history })
}
