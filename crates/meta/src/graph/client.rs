use std::fmt;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use deskbell_domain::Sensitive;
use reqwest::header::RETRY_AFTER;
use reqwest::{Client, RequestBuilder, Response, StatusCode, Url, redirect, retry};
use serde_json::Value;

use super::{GraphError, NotSent, Refusal, Uncertain};
use crate::limits::{
    ANSWER_BYTES_MAX, CALL_TIMEOUT, CONNECT_TIMEOUT, GRAPH_BASE_URL, GRAPH_VERSION, MEDIA_DOMAINS,
    MEDIA_TIMEOUT,
};

/// Where the Graph API is, and how long to wait for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GraphConfig {
    /// Scheme and host, without version.
    pub base_url: String,
    /// Version, such as `v26.0`.
    pub version: String,
    /// How long connecting may take.
    pub connect_timeout: Duration,
    /// How long a call may take as a whole.
    pub call_timeout: Duration,
    /// How long a download may take as a whole.
    pub media_timeout: Duration,
    /// Domains that media may come from, over https, with all their subdomains. The base address may always.
    pub media_domains: Vec<String>,
}

impl Default for GraphConfig {
    fn default() -> Self {
        Self {
            base_url: GRAPH_BASE_URL.to_owned(),
            version: GRAPH_VERSION.to_owned(),
            connect_timeout: CONNECT_TIMEOUT,
            call_timeout: CALL_TIMEOUT,
            media_timeout: MEDIA_TIMEOUT,
            media_domains: MEDIA_DOMAINS.map(str::to_owned).to_vec(),
        }
    }
}

/// Why there is no client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SetupError {
    /// The base address is no http or https address.
    #[error("the Graph API's address is not an http or https address")]
    BaseUrl,
    /// The system has no certificates, or no TLS.
    #[error("TLS cannot be set up")]
    Tls,
}

/// A client of the Graph API. Cheap to clone; clones share their connections. The token comes with each call.
#[derive(Clone)]
pub struct Graph {
    http: Client,
    base: Url,
    config: GraphConfig,
}

impl fmt::Debug for Graph {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Graph").field("config", &self.config).finish_non_exhaustive()
    }
}

impl Graph {
    /// A client for this configuration. Makes *ring* the process's TLS provider where it has none yet.
    ///
    /// # Errors
    /// When the base address is not one, or TLS cannot be set up.
    pub fn new(config: GraphConfig) -> Result<Self, SetupError> {
        let base = Url::parse(&config.base_url).map_err(|_| SetupError::BaseUrl)?;
        if !matches!(base.scheme(), "http" | "https") || base.cannot_be_a_base() {
            return Err(SetupError::BaseUrl);
        }
        // Fails only where another thread was quicker, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut http = Client::builder()
            .connect_timeout(config.connect_timeout)
            // A redirect would carry the token to where it points.
            .redirect(redirect::Policy::none())
            // Whether a call may be made again is for the caller to decide.
            .retry(retry::never())
            .referer(false);
        if is_loopback(&base) {
            // A simulated platform on this machine is not behind the way to the internet.
            http = http.no_proxy();
        }
        let http = http.build().map_err(|_| SetupError::Tls)?;
        Ok(Self { http, base, config })
    }

    /// The address of a node or edge of the versioned API.
    pub(super) fn address(&self, path: &[&str]) -> Result<Url, NotSent> {
        // Ids come from Meta and from configuration. None has a dot or slash in it, so neither can name another node.
        let odd = |segment: &&str| {
            segment.is_empty()
                || !segment.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
        };
        if path.iter().any(odd) {
            return Err(NotSent::Request);
        }
        let mut url = self.base.clone();
        url.path_segments_mut()
            .map_err(|()| NotSent::Request)?
            .pop_if_empty()
            .push(&self.config.version)
            .extend(path);
        Ok(url)
    }

    pub(super) fn get(&self, token: &Sensitive<String>, url: Url) -> RequestBuilder {
        self.http.get(url).bearer_auth(token.expose()).timeout(self.config.call_timeout)
    }

    pub(super) fn post(&self, token: &Sensitive<String>, url: Url, body: &Value) -> RequestBuilder {
        self.http.post(url).bearer_auth(token.expose()).timeout(self.config.call_timeout).json(body)
    }

    /// Makes a call and reads its answer.
    pub(super) async fn call(&self, request: RequestBuilder) -> Result<Value, GraphError> {
        let response = request.send().await.map_err(|error| lost(&error))?;
        let status = response.status();
        let retry_after = retry_after(&response);
        let answer = match body(response, ANSWER_BYTES_MAX).await {
            Ok(answer) => answer,
            // The refusal is in the status, whatever became of its explanation.
            Err(_) if status.is_client_error() => {
                return Err(Refusal::without_code(status.as_u16(), retry_after).into());
            }
            Err(error) => return Err(error.into()),
        };
        judge(status, retry_after, &answer)
    }

    /// Downloads a medium.
    pub(super) async fn fetch(
        &self,
        token: &Sensitive<String>,
        url: &Sensitive<String>,
        bytes_max: usize,
    ) -> Result<Bytes, GraphError> {
        let url = Url::parse(url.expose()).map_err(|_| NotSent::ForeignHost)?;
        if !self.serves_media(&url) {
            return Err(NotSent::ForeignHost.into());
        }
        let request = self.get(token, url).timeout(self.config.media_timeout);
        let response = request.send().await.map_err(|error| lost(&error))?;
        let status = response.status();
        if status.is_success() {
            return Ok(body(response, bytes_max).await?);
        }
        let retry_after = retry_after(&response);
        let answer = body(response, ANSWER_BYTES_MAX).await.unwrap_or_default();
        judge(status, retry_after, &answer)?;
        Err(Refusal::without_code(status.as_u16(), retry_after).into())
    }

    /// Whether an address is one of the base's, or of Meta's media domains over https.
    fn serves_media(&self, url: &Url) -> bool {
        if url.origin() == self.base.origin() {
            return true;
        }
        let Some(host) = url.host_str() else { return false };
        url.scheme() == "https"
            && url.port().is_none()
            && self.config.media_domains.iter().any(|domain| {
                let sub = host.strip_suffix(domain.as_str());
                sub.is_some_and(|sub| sub.is_empty() || sub.ends_with('.'))
            })
    }
}

fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<std::net::IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

/// What a failed exchange means: whether the request may have reached Meta.
fn lost(error: &reqwest::Error) -> GraphError {
    if error.is_connect() {
        NotSent::Connect.into()
    } else if error.is_builder() {
        NotSent::Request.into()
    } else if error.is_timeout() {
        Uncertain::Timeout.into()
    } else {
        Uncertain::ConnectionLost.into()
    }
}

/// Reads an answer up to a limit.
async fn body(mut response: Response, bytes_max: usize) -> Result<Bytes, Uncertain> {
    let status = response.status().as_u16();
    let mut body = BytesMut::new();
    loop {
        match response.chunk().await {
            Ok(None) => return Ok(body.freeze()),
            Ok(Some(chunk)) if body.len() + chunk.len() <= bytes_max => body.extend_from_slice(&chunk),
            Ok(Some(_)) => return Err(Uncertain::TooLong(status)),
            Err(error) if error.is_timeout() => return Err(Uncertain::Timeout),
            Err(_) => return Err(Uncertain::ConnectionLost),
        }
    }
}

/// What an answer means.
fn judge(status: StatusCode, retry_after: Option<Duration>, answer: &[u8]) -> Result<Value, GraphError> {
    let code = status.as_u16();
    let answer: Option<Value> = serde_json::from_slice(answer).ok();
    if let Some(refusal) = answer.as_ref().and_then(|answer| Refusal::read(code, retry_after, answer)) {
        return Err(refusal.into());
    }
    match answer {
        Some(answer) if status.is_success() => Ok(answer),
        // Without Meta's error in it, a server error comes from something on the way, which cannot know what Meta did.
        _ if status.is_success() || status.is_server_error() => Err(Uncertain::Unreadable(code).into()),
        _ => Err(Refusal::without_code(code, retry_after).into()),
    }
}

fn retry_after(response: &Response) -> Option<Duration> {
    let seconds = response.headers().get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds))
}
