//! The interface over HTTP: one table of routes, one handler per file under its noun.

mod commands;
mod edge;
mod extract;
mod health;
pub mod openapi;
mod route;
mod session;
mod sync;
mod webhooks;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::{from_fn, from_fn_with_state};
use deskbell_protocol::problem::ProblemCode;

use crate::problem::Failure;
use crate::serve::Backend;

pub use route::{Needs, ROUTES, Route, Verb};

/// The whole interface, built from [`ROUTES`].
pub fn router(backend: Backend) -> Router {
    let mut router = Router::new();
    for route in ROUTES {
        let gate = from_fn_with_state((backend.clone(), *route), edge::admit);
        let methods =
            (route.handler)().route_layer(gate).route_layer(DefaultBodyLimit::max(route.body_bytes_max));
        router = router.route(route.path, methods);
    }
    router
        .fallback(nothing_here)
        .method_not_allowed_fallback(nothing_here)
        .layer(from_fn(edge::finish))
        .with_state(backend)
}

async fn nothing_here() -> Failure {
    ProblemCode::NotFound.into()
}
