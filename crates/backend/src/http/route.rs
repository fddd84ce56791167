//! The table of routes: what each needs, takes and gives. Router, OpenAPI document and tests are made from it.

use axum::routing::{MethodRouter, delete, get, post};
use deskbell_domain::Permission;
use deskbell_protocol::{limits, route};

use super::{commands, health, openapi, session, sync, webhooks};
use crate::limits::{SESSION_BYTES_MAX, WEBHOOK_BYTES_MAX};
use crate::serve::Backend;

/// What a caller must show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Needs {
    /// Nothing: whoever asks proves himself in the request's own content, or learns nothing of anybody.
    Nothing,
    /// A valid access token.
    Session,
    /// A valid access token of a user whose role includes the permission.
    Permission(Permission),
}

/// A method of HTTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    /// Reads.
    Get,
    /// Acts.
    Post,
    /// Ends.
    Delete,
}

impl Verb {
    /// As in a request's first line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Delete => "DELETE",
        }
    }
}

/// One thing the backend does.
#[derive(Debug, Clone, Copy)]
pub struct Route {
    /// Its method.
    pub verb: Verb,
    /// Its address, with `{names}` of what varies.
    pub path: &'static str,
    /// Its name in the OpenAPI document.
    pub name: &'static str,
    /// What it does, for the OpenAPI document.
    pub summary: &'static str,
    /// What a caller must show.
    pub needs: Needs,
    /// Bytes of its body.
    pub body_bytes_max: usize,
    /// Whether success is too frequent to be worth a line at info.
    pub quiet: bool,
    /// The schema of the query, of the body and of the answer.
    pub query: Option<&'static str>,
    /// The schema of the body.
    pub body: Option<&'static str>,
    /// The schema of the answer; the media type is JSON unless the schema says otherwise.
    pub answer: Option<&'static str>,
    pub(super) handler: fn() -> MethodRouter<Backend>,
}

const READ: Needs = Needs::Permission(Permission::ReadConversations);

const ROUTE: Route = Route {
    verb: Verb::Get,
    path: "",
    name: "",
    summary: "",
    needs: READ,
    body_bytes_max: 0,
    quiet: false,
    query: None,
    body: None,
    answer: None,
    handler: MethodRouter::new,
};

/// All of them.
pub const ROUTES: &[Route] = &[
    Route {
        verb: Verb::Post,
        path: route::SESSION,
        name: "sign_in",
        summary: "Signs a user in on a device.",
        needs: Needs::Nothing,
        body_bytes_max: SESSION_BYTES_MAX,
        body: Some("SignInRequest"),
        answer: Some("SignInResponse"),
        handler: || post(session::sign_in::sign_in),
        ..ROUTE
    },
    Route {
        verb: Verb::Delete,
        path: route::SESSION,
        name: "sign_out",
        summary: "Signs the device out: its tokens end at once.",
        needs: Needs::Session,
        handler: || delete(session::sign_out::sign_out),
        ..ROUTE
    },
    Route {
        verb: Verb::Post,
        path: route::SESSION_REFRESH,
        name: "refresh_session",
        summary: "Renews a session. The refresh token is replaced; a repeat with the same id gets the same answer.",
        needs: Needs::Nothing,
        body_bytes_max: SESSION_BYTES_MAX,
        body: Some("RefreshRequest"),
        answer: Some("RefreshResponse"),
        handler: || post(session::refresh::refresh),
        ..ROUTE
    },
    Route {
        verb: Verb::Post,
        path: route::HELLO,
        name: "hello",
        summary: "Agrees on a protocol, tells the scopes, and whether the device's cursor holds.",
        body_bytes_max: SESSION_BYTES_MAX,
        body: Some("HelloRequest"),
        answer: Some("HelloResponse"),
        handler: || post(sync::hello::hello),
        ..ROUTE
    },
    Route {
        path: route::CHANGES,
        name: "changes",
        summary: "Everything after the cursor that the device may see.",
        query: Some("ChangesQuery"),
        answer: Some("Frame"),
        handler: || get(sync::changes::changes),
        ..ROUTE
    },
    Route {
        path: route::SNAPSHOT,
        name: "snapshot",
        summary: "A page of everything the device may see, what an agent sees first first.",
        query: Some("PageQuery"),
        answer: Some("SnapshotPage"),
        handler: || get(sync::snapshot::snapshot),
        ..ROUTE
    },
    Route {
        path: route::HISTORY,
        name: "history",
        summary: "A page of older messages of one conversation.",
        query: Some("PageQuery"),
        answer: Some("HistoryPage"),
        handler: || get(sync::history::history),
        ..ROUTE
    },
    Route {
        path: route::LIVE,
        name: "live",
        summary: "Opens the socket (RFC 6455). Messages: `ClientMessage` up, `ServerMessage` down, as text.",
        answer: Some("Upgrade"),
        handler: || get(sync::live::live),
        ..ROUTE
    },
    Route {
        verb: Verb::Post,
        path: route::COMMANDS,
        name: "commands",
        summary: "Carries out acts of the user, in order. Each names the permission it needs.",
        body_bytes_max: limits::REQUEST_BYTES_MAX,
        body: Some("CommandsRequest"),
        answer: Some("CommandsResponse"),
        handler: || post(commands::commands),
        ..ROUTE
    },
    Route {
        path: route::WHATSAPP_WEBHOOK,
        name: "verify_webhook",
        summary: "Confirms a webhook subscription to Meta.",
        needs: Needs::Nothing,
        query: Some("WebhookVerification"),
        answer: Some("Text"),
        handler: || get(webhooks::verify),
        ..ROUTE
    },
    Route {
        verb: Verb::Post,
        path: route::WHATSAPP_WEBHOOK,
        name: "take_webhook",
        summary: "Takes a webhook signed by Meta. The answer comes once it is stored for good.",
        needs: Needs::Nothing,
        body_bytes_max: WEBHOOK_BYTES_MAX,
        quiet: true,
        body: Some("Webhook"),
        handler: || post(webhooks::take),
        ..ROUTE
    },
    Route {
        path: route::HEALTH,
        name: "health",
        summary: "Whether the backend is up, and counters without content.",
        needs: Needs::Nothing,
        quiet: true,
        answer: Some("Health"),
        handler: || get(health::health),
        ..ROUTE
    },
    Route {
        path: route::OPENAPI,
        name: "openapi",
        summary: "This document.",
        needs: Needs::Nothing,
        answer: Some("Any"),
        handler: || get(openapi::show),
        ..ROUTE
    },
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_method_and_an_address_name_one_route() {
        let names: BTreeSet<_> = ROUTES.iter().map(|route| (route.verb.as_str(), route.path)).collect();
        assert_eq!(names.len(), ROUTES.len());
        let ids: BTreeSet<_> = ROUTES.iter().map(|route| route.name).collect();
        assert_eq!(ids.len(), ROUTES.len());
    }

    #[test]
    fn only_these_routes_are_open_to_anybody() {
        let open: Vec<_> =
            ROUTES.iter().filter(|route| route.needs == Needs::Nothing).map(|route| route.name).collect();
        let known = ["sign_in", "refresh_session", "verify_webhook", "take_webhook", "health", "openapi"];
        assert_eq!(open, known);
    }
}
