//! Where the backend answers. One place, so that both programs mean the same.

/// `POST` signs in; `DELETE` signs out.
pub const SESSION: &str = "/v1/session";
/// `POST` renews a session.
pub const SESSION_REFRESH: &str = "/v1/session/refresh";
/// `POST` says hello without a socket.
pub const HELLO: &str = "/v1/sync/hello";
/// `GET` pulls the changes after a cursor: [`crate::sync::ChangesQuery`].
pub const CHANGES: &str = "/v1/sync/changes";
/// `GET` takes a page of a snapshot: [`crate::sync::PageQuery`].
pub const SNAPSHOT: &str = "/v1/sync/snapshot";
/// `GET` takes a page of older messages: [`crate::sync::PageQuery`].
pub const HISTORY: &str = "/v1/sync/history";
/// `POST` delivers signed receipts of purges.
pub const RECEIPTS: &str = "/v1/sync/receipts";
/// `GET` opens the socket.
pub const LIVE: &str = "/v1/sync/live";
/// `POST` carries out commands.
pub const COMMANDS: &str = "/v1/commands";
/// `GET` says whether the backend is up.
pub const HEALTH: &str = "/healthz";
/// `GET` verifies a subscription, `POST` takes a webhook; the app's name follows.
pub const WHATSAPP_WEBHOOK: &str = "/webhooks/whatsapp/{app}";
/// `GET` gives the description of this interface.
pub const OPENAPI: &str = "/v1/openapi.json";
