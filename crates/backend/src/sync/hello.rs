use deskbell_protocol::sync::{HelloRequest, HelloResponse, ResyncReason, Seq};
use deskbell_protocol::version::ProtocolRange;

use super::token::Tokens;
use super::{Viewer, seq_of, stand};
use crate::problem::Answer;
use crate::serve::Backend;
use crate::storage::{Read, change};

/// The answer, and where the device stands from here on.
pub(super) struct Greeted {
    pub(super) response: HelloResponse,
    /// Its cursor's place; the head where it begins again. `None` where no protocol is spoken by both.
    pub(super) from: Option<Seq>,
}

pub(super) async fn hello(
    backend: &Backend,
    read: &mut Read,
    tokens: &Tokens,
    viewer: Viewer,
    request: &HelloRequest,
) -> Answer<Greeted> {
    let clock = change::clock(read).await?;
    let stands = match &request.cursor {
        None => Err(ResyncReason::NoCursor),
        Some(cursor) => stand(clock, tokens.open_cursor(cursor)),
    };
    if stands == Err(ResyncReason::CursorAhead) {
        tracing::error!(tenant = %read.tenant(), device = %viewer.device, head = clock.head, "cursor ahead");
    }
    let protocol = ProtocolRange::OURS.common(request.protocol);
    let from = protocol.map(|_| stands.unwrap_or(seq_of(clock.head)));
    let response = HelloResponse {
        protocol,
        epoch: clock.epoch,
        head: seq_of(clock.head),
        user: viewer.user,
        scopes: viewer.scopes,
        server_time: backend.db().now(),
        lease_ms: backend.settings().lease_ms,
        resync: stands.err().map(Into::into),
        erasures: Vec::new(),
    };
    Ok(Greeted { response, from })
}
