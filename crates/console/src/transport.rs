//! The way to the backend: requests and the socket. What comes back is limited in size and checked for form.

mod failure;
mod socket;

use deskbell_domain::Sensitive;
use deskbell_protocol::route;
use deskbell_protocol::session::{RefreshRequest, RefreshResponse, SignInRequest, SignInResponse};
use deskbell_sync::{Answer, Failure, FailureKind, Request};
use reqwest::header::AUTHORIZATION;
use reqwest::redirect::Policy;
use reqwest::{Client, RequestBuilder};
use serde::Serialize;
use serde::de::DeserializeOwned;

pub(crate) use failure::SignInFailure;
pub(crate) use socket::Socket;

use crate::address::BackendAddress;
use crate::limits::{ANSWER_BYTES_MAX, CONNECT_TIMEOUT, REQUEST_TIMEOUT};

/// Talks to one backend.
#[derive(Debug, Clone)]
pub(crate) struct Transport {
    client: Client,
    address: BackendAddress,
}

impl Transport {
    /// A transport to this backend. Nothing is sent yet.
    pub(crate) fn new(address: BackendAddress) -> Result<Self, reqwest::Error> {
        // The first caller in the process decides; a later one finds the same provider.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut client = Client::builder()
            .redirect(Policy::none())
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(REQUEST_TIMEOUT)
            .tcp_nodelay(true)
            .user_agent(concat!("deskbell/", env!("CARGO_PKG_VERSION")));
        if address.is_loopback() {
            client = client.no_proxy();
        }
        Ok(Self { client: client.build()?, address })
    }

    /// The backend.
    pub(crate) const fn address(&self) -> &BackendAddress {
        &self.address
    }

    /// Signs in.
    pub(crate) async fn sign_in(&self, request: &SignInRequest) -> Result<SignInResponse, SignInFailure> {
        let request = self.client.post(self.address.route(route::SESSION)).json(request);
        let response = request.send().await.map_err(|error| SignInFailure::of_transport(&error))?;
        failure::read(response).await.map_err(SignInFailure::Answered)
    }

    /// Signs out. The backend revokes the device.
    pub(crate) async fn sign_out(&self, access: &Sensitive<String>) -> Result<(), Failure> {
        let request = self.client.delete(self.address.route(route::SESSION));
        let response = authorized(request, access).send().await.map_err(|_| Failure::UNREACHABLE)?;
        failure::check(response).await.map(|_| ())
    }

    /// Renews the session.
    pub(crate) async fn refresh(&self, request: &RefreshRequest) -> Result<RefreshResponse, Failure> {
        fetch(self.client.post(self.address.route(route::SESSION_REFRESH)).json(request)).await
    }

    /// Asks what the engine asks.
    pub(crate) async fn ask(&self, request: Request, access: &Sensitive<String>) -> Result<Answer, Failure> {
        match request {
            Request::Hello(body) => Ok(Answer::Hello(self.post(route::HELLO, &body, access).await?)),
            Request::Changes(query) => Ok(Answer::Changes(self.get(route::CHANGES, &query, access).await?)),
            Request::Snapshot(query) => {
                Ok(Answer::Snapshot(self.get(route::SNAPSHOT, &query, access).await?))
            }
            Request::History(query) => Ok(Answer::History(self.get(route::HISTORY, &query, access).await?)),
            Request::Commands(body) => Ok(Answer::Commands(self.post(route::COMMANDS, &body, access).await?)),
            // Renewing needs the keychain, not the access token: the session does it.
            Request::Renew { .. } => Err(Failure::new(FailureKind::Malformed)),
        }
    }

    /// Opens the socket.
    pub(crate) async fn open_socket(&self, access: &Sensitive<String>) -> Result<Socket, Failure> {
        socket::open(&self.address, access).await
    }

    async fn post<B: Serialize + Sync, T: DeserializeOwned>(
        &self,
        path: &str,
        body: &B,
        access: &Sensitive<String>,
    ) -> Result<T, Failure> {
        fetch(authorized(self.client.post(self.address.route(path)).json(body), access)).await
    }

    async fn get<Q: Serialize + Sync, T: DeserializeOwned>(
        &self,
        path: &str,
        query: &Q,
        access: &Sensitive<String>,
    ) -> Result<T, Failure> {
        fetch(authorized(self.client.get(self.address.route(path)).query(query), access)).await
    }
}

fn authorized(request: RequestBuilder, access: &Sensitive<String>) -> RequestBuilder {
    request.header(AUTHORIZATION, bearer(access))
}

/// The header's value, marked so that no one prints it.
fn bearer(access: &Sensitive<String>) -> reqwest::header::HeaderValue {
    let mut value = reqwest::header::HeaderValue::from_str(&format!("Bearer {}", access.expose()))
        .unwrap_or_else(|_| reqwest::header::HeaderValue::from_static("Bearer"));
    value.set_sensitive(true);
    value
}

async fn fetch<T: DeserializeOwned>(request: RequestBuilder) -> Result<T, Failure> {
    let response = request.send().await.map_err(|_| Failure::UNREACHABLE)?;
    failure::read(response).await
}

/// Reads a body up to the limit.
async fn body(mut response: reqwest::Response) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|_| Failure::UNREACHABLE)? {
        if bytes.len().saturating_add(chunk.len()) > ANSWER_BYTES_MAX {
            return Err(Failure::new(FailureKind::Malformed));
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}
