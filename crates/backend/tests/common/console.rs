//! A console as far as the wire shows it. Every answer is held against the OpenAPI document.

use std::net::SocketAddr;

use deskbell_backend::http::ROUTES;
use deskbell_domain::{CommandId, ConversationId, DeviceId, RefreshId, Sensitive, UserId, UtcMs};
use deskbell_protocol::command::{Act, Command, CommandsRequest, CommandsResponse, Outcome, Seen};
use deskbell_protocol::entity::ConversationBody;
use deskbell_protocol::problem::Problem;
use deskbell_protocol::route;
use deskbell_protocol::session::{NewDevice, RefreshRequest, RefreshResponse, SignInRequest, SignInResponse};
use deskbell_protocol::sync::{
    Cursor, Frame, HelloRequest, HelloResponse, HistoryPage, Item, PageToken, SnapshotPage,
};
use deskbell_protocol::version::ProtocolRange;
use reqwest::Method;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::schema::assert_fits;

/// One installation, with what it holds of a session.
#[derive(Debug, Clone)]
pub(crate) struct Console {
    pub(crate) address: SocketAddr,
    pub(crate) device: DeviceId,
    pub(crate) user: Option<UserId>,
    pub(crate) access: String,
    pub(crate) refresh: String,
    http: reqwest::Client,
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or(Value::Null)
    }

    /// What was asked for.
    pub(crate) fn ok<T: DeserializeOwned>(self) -> T {
        assert_eq!(self.status, 200, "{}", self.text);
        serde_json::from_str(&self.text).unwrap()
    }

    /// The stable code of a problem.
    pub(crate) fn problem(&self) -> String {
        let problem: Problem = serde_json::from_str(&self.text).unwrap();
        assert_eq!(problem.status, self.status);
        assert_eq!(self.headers["content-type"], "application/problem+json");
        assert_eq!(problem.request_id.as_deref(), self.headers["x-request-id"].to_str().ok());
        assert_fits("Problem", &self.json());
        serde_json::to_value(problem.code).unwrap().as_str().unwrap().to_owned()
    }
}

impl Console {
    pub(crate) fn new(address: SocketAddr, device: DeviceId) -> Self {
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        Self { address, device, user: None, access: String::new(), refresh: String::new(), http }
    }

    pub(crate) async fn call<B: Serialize>(&self, method: Method, path: &str, body: Option<&B>) -> Answer {
        let mut request = self.http.request(method.clone(), format!("http://{}{path}", self.address));
        if !self.access.is_empty() {
            request = request.bearer_auth(&self.access);
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        let response = request.send().await.unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let answer = Answer { status, headers, text: response.text().await.unwrap() };
        let address = path.split('?').next().unwrap();
        let route =
            ROUTES.iter().find(|route| route.path == address && route.verb.as_str() == method.as_str());
        if let (200, Some(schema)) = (status, route.and_then(|route| route.answer))
            && !["Text", "Upgrade"].contains(&schema)
        {
            assert_fits(schema, &answer.json());
        }
        answer
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.call::<()>(Method::GET, path, None).await
    }

    /// A request without a body.
    pub(crate) async fn get_or_delete(&self, verb: &str, path: &str) -> Answer {
        self.call::<()>(verb.parse().unwrap(), path, None).await
    }

    pub(crate) async fn post(&self, path: &str, body: &impl Serialize) -> Answer {
        self.call(Method::POST, path, Some(body)).await
    }

    pub(crate) fn sign_in_request(&self, email: &str, password: &str) -> SignInRequest {
        SignInRequest {
            email: email.into(),
            password: password.into(),
            device: NewDevice {
                id: self.device,
                name: Sensitive::from("Front desk"),
                public_key: "A".repeat(43),
            },
        }
    }

    pub(crate) async fn try_sign_in(&self, email: &str, password: &str) -> Answer {
        self.post(route::SESSION, &self.sign_in_request(email, password)).await
    }

    pub(crate) async fn sign_in(&mut self, email: &str, password: &str) -> SignInResponse {
        let response: SignInResponse = self.try_sign_in(email, password).await.ok();
        self.user = Some(response.user);
        self.access = response.access.token.expose().clone();
        self.refresh = response.refresh_token.expose().clone();
        response
    }

    pub(crate) async fn try_refresh(&self, token: &str, id: RefreshId) -> Answer {
        let request = RefreshRequest { refresh_token: token.into(), refresh_id: id };
        let mut anonymous = self.clone();
        anonymous.access.clear();
        anonymous.post(route::SESSION_REFRESH, &request).await
    }

    pub(crate) async fn refresh(&mut self, id: RefreshId) -> RefreshResponse {
        let response: RefreshResponse = self.try_refresh(&self.refresh, id).await.ok();
        self.access = response.access.token.expose().clone();
        self.refresh = response.refresh_token.expose().clone();
        response
    }

    pub(crate) async fn hello(&self, cursor: Option<&Cursor>) -> HelloResponse {
        self.post(route::HELLO, &hello(cursor)).await.ok()
    }

    pub(crate) async fn try_changes(&self, cursor: &Cursor) -> Answer {
        self.get(&format!("{}?cursor={}", route::CHANGES, cursor.0)).await
    }

    pub(crate) async fn changes(&self, cursor: &Cursor) -> Frame {
        self.try_changes(cursor).await.ok()
    }

    pub(crate) async fn try_page(&self, path: &str, page: Option<&PageToken>) -> Answer {
        match page {
            Some(PageToken(page)) => self.get(&format!("{path}?page={page}")).await,
            None => self.get(path).await,
        }
    }

    pub(crate) async fn history(&self, page: &PageToken) -> HistoryPage {
        self.try_page(route::HISTORY, Some(page)).await.ok()
    }

    /// All pages of a snapshot.
    pub(crate) async fn snapshot(&self) -> Vec<SnapshotPage> {
        let mut pages: Vec<SnapshotPage> = Vec::new();
        loop {
            let next = pages.last().and_then(|page| page.next.clone());
            if !pages.is_empty() && next.is_none() {
                return pages;
            }
            pages.push(self.try_page(route::SNAPSHOT, next.as_ref()).await.ok());
        }
    }

    /// Where a snapshot of now ends.
    pub(crate) async fn cursor(&self) -> Cursor {
        self.snapshot().await.pop().unwrap().cursor
    }

    pub(crate) async fn command(&self, command: &Command) -> Outcome {
        self.commands(std::slice::from_ref(command)).await[0]
    }

    pub(crate) async fn commands(&self, commands: &[Command]) -> Vec<Outcome> {
        let request = CommandsRequest { commands: commands.to_vec() };
        let response: CommandsResponse = self.post(route::COMMANDS, &request).await.ok();
        assert_eq!(response.results.len(), commands.len());
        response.results.iter().map(|result| result.outcome).collect()
    }

    /// The conversation's body as a snapshot of now has it.
    pub(crate) async fn conversation(&self, id: ConversationId) -> Option<(Item, ConversationBody)> {
        let items = self.snapshot().await.into_iter().flat_map(|page| page.items);
        let item =
            items.filter(|item| is(item, "conversation")).find(|item| item.id.as_bytes() == id.as_bytes())?;
        let body = serde_json::from_value(item.body.clone().unwrap()).unwrap();
        Some((item, body))
    }
}

pub(crate) fn hello(cursor: Option<&Cursor>) -> HelloRequest {
    HelloRequest {
        protocol: ProtocolRange::OURS,
        console_version: "0.1.0".to_owned(),
        cursor: cursor.cloned(),
    }
}

/// Whether an item is of this kind.
pub(crate) fn is(item: &Item, kind: &str) -> bool {
    item.kind.known().is_some_and(|known| known.as_str() == kind)
}

/// A command with an id of its own.
pub(crate) fn command(act: Act, seen: Option<Seen>) -> Command {
    Command { id: command_id(), created_at: UtcMs::from_ms(1_763_785_000_000), seen, act }
}

pub(crate) fn command_id() -> CommandId {
    CommandId::from_bytes(deskbell_seal::random().unwrap())
}

pub(crate) fn refresh_id(byte: u8) -> RefreshId {
    RefreshId::from_bytes([byte; 16])
}
