use std::net::SocketAddr;

use anyhow::{Context as _, Result, ensure};
use deskbell_domain::{DeviceId, RefreshId};
use deskbell_protocol::route;
use reqwest::{Client, Method};
use serde::Serialize;
use serde_json::{Value, json};

/// Somebody who talks to the backend without a console: a thief, a forger, or a foreign tenant's agent.
pub struct Wire {
    client: Client,
    backend: SocketAddr,
    token: Option<String>,
}

impl Wire {
    /// Somebody without a token.
    ///
    /// # Errors
    /// When there is no HTTP client.
    pub fn to(backend: SocketAddr) -> Result<Self> {
        Ok(Self { client: Client::builder().no_proxy().build()?, backend, token: None })
    }

    /// Signs in, as a device of its own, and keeps the access token.
    ///
    /// # Errors
    /// When the backend refuses.
    pub async fn sign_in(&mut self, email: &str, password: &str) -> Result<()> {
        let (status, answer) = self.try_sign_in(email, password).await?;
        let token = answer.pointer("/access/token").and_then(Value::as_str);
        self.token = Some(token.with_context(|| format!("refused with {status}"))?.to_owned());
        Ok(())
    }

    /// Tries to sign in. Status and answer.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn try_sign_in(&self, email: &str, password: &str) -> Result<(u16, Value)> {
        let id = DeviceId::from_bytes(deskbell_seal::random()?);
        let device = json!({"id": id, "name": "front desk", "public_key": "A".repeat(43)});
        let body = json!({"email": email, "password": password, "device": device});
        self.call(Method::POST, route::SESSION, Some(&body)).await
    }

    /// Renews a session with a refresh token. Status and answer.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn refresh(&self, token: &str) -> Result<(u16, Value)> {
        let id = RefreshId::from_bytes(deskbell_seal::random()?);
        let body = json!({"refresh_token": token, "refresh_id": id});
        self.call(Method::POST, route::SESSION_REFRESH, Some(&body)).await
    }

    /// Delivers a webhook with this signature. The status.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn webhook(&self, url: &str, signature: Option<&str>, body: Vec<u8>) -> Result<u16> {
        let mut request = self.client.post(url).header("content-type", "application/json").body(body);
        if let Some(signature) = signature {
            request = request.header(deskbell_meta::signature::HEADER, signature);
        }
        Ok(request.send().await?.status().as_u16())
    }

    /// Everything that may be seen with the token, as one text.
    ///
    /// # Errors
    /// When a page is refused.
    pub async fn snapshot(&self) -> Result<String> {
        let mut seen = String::new();
        let mut path = route::SNAPSHOT.to_owned();
        loop {
            let (status, page) = self.call::<()>(Method::GET, &path, None).await?;
            ensure!(status == 200, "refused with {status}");
            seen.push_str(&page.to_string());
            let Some(next) = page.get("next").and_then(Value::as_str) else { return Ok(seen) };
            path = format!("{}?page={next}", route::SNAPSHOT);
        }
    }

    /// Calls a route with the token, where there is one. Status and answer.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn call<B: Serialize + Sync>(
        &self,
        method: Method,
        path: &str,
        body: Option<&B>,
    ) -> Result<(u16, Value)> {
        let mut request = self.client.request(method, format!("http://{}{path}", self.backend));
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        let response = request.send().await?;
        let status = response.status().as_u16();
        let text = response.text().await?;
        Ok((status, serde_json::from_str(&text).unwrap_or(Value::Null)))
    }
}
