//! Requests as types, refused with this interface's own problems.

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};

use axum::extract::{ConnectInfo, FromRequest, FromRequestParts, Path, Request};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use deskbell_protocol::problem::ProblemCode;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::auth::Caller;
use crate::problem::Failure;
use crate::serve::Backend;

/// JSON, in and out. What cannot be read is a bad request, whose content is not repeated.
pub(super) struct Json<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequest<Backend> for Json<T> {
    type Rejection = Failure;

    async fn from_request(request: Request, backend: &Backend) -> Result<Self, Failure> {
        let Body(bytes) = Body::from_request(request, backend).await?;
        serde_json::from_slice(&bytes).map(Self).map_err(|_| ProblemCode::BadRequest.into())
    }
}

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        match serde_json::to_vec(&self.0) {
            Ok(body) => ([(axum::http::header::CONTENT_TYPE, "application/json")], body).into_response(),
            Err(_) => Failure::internal("an answer could not be written").into_response(),
        }
    }
}

/// The body as it came.
pub(super) struct Body(pub(super) Bytes);

impl FromRequest<Backend> for Body {
    type Rejection = Failure;

    async fn from_request(request: Request, backend: &Backend) -> Result<Self, Failure> {
        match Bytes::from_request(request, backend).await {
            Ok(bytes) => Ok(Self(bytes)),
            Err(error) if error.status() == StatusCode::PAYLOAD_TOO_LARGE => {
                Err(ProblemCode::TooLarge.into())
            }
            Err(_) => Err(ProblemCode::BadRequest.into()),
        }
    }
}

/// The query.
pub(super) struct Query<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequestParts<Backend> for Query<T> {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _: &Backend) -> Result<Self, Failure> {
        axum::extract::Query::try_from_uri(&parts.uri)
            .map(|axum::extract::Query(query)| Self(query))
            .map_err(|_| ProblemCode::BadRequest.into())
    }
}

/// What varies in the address.
pub(super) struct Named(pub(super) String);

impl FromRequestParts<Backend> for Named {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, backend: &Backend) -> Result<Self, Failure> {
        match Path::<String>::from_request_parts(parts, backend).await {
            Ok(Path(name)) => Ok(Self(name)),
            Err(_) => Err(ProblemCode::NotFound.into()),
        }
    }
}

impl FromRequestParts<Backend> for Caller {
    type Rejection = Failure;

    /// The caller that the table of routes let in. A handler of a route that needs nothing has none.
    async fn from_request_parts(parts: &mut Parts, _: &Backend) -> Result<Self, Failure> {
        let missing = || Failure::internal("a handler asks for a caller that its route does not need");
        parts.extensions.get::<Caller>().cloned().ok_or_else(missing)
    }
}

/// The network address a request comes from, where that is known.
pub(super) struct Sender(pub(super) Option<IpAddr>);

impl FromRequestParts<Backend> for Sender {
    type Rejection = Infallible;

    /// Behind a proxy of the operator's it is the last address of `X-Forwarded-For`: the one the proxy added. Others
    /// before it are what the client says of itself.
    async fn from_request_parts(parts: &mut Parts, backend: &Backend) -> Result<Self, Infallible> {
        let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(peer)| peer.ip());
        if !backend.settings().trust_forwarded_for {
            return Ok(Self(peer));
        }
        let forwarded = parts
            .headers
            .get_all("x-forwarded-for")
            .iter()
            .next_back()
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.rsplit(',').next())
            .and_then(|address| address.trim().parse().ok());
        Ok(Self(forwarded.or(peer)))
    }
}
