//! The OpenAPI document, made from the table of routes and the schemas beside it.

mod schemas;

use deskbell_domain::Permission;
use deskbell_protocol::problem::{PROBLEM_MEDIA_TYPE, ProblemCode};
use serde_json::{Map, Value, json};

use super::extract::Json;
use super::route::{Needs, ROUTES, Route};

pub use schemas::schemas;

/// `GET` [`deskbell_protocol::route::OPENAPI`].
pub(super) async fn show() -> Json<Value> {
    Json(document())
}

/// The document: every route, what it needs, takes and gives.
pub fn document() -> Value {
    let mut paths = Map::new();
    for route in ROUTES {
        let path = paths.entry(route.path).or_insert_with(|| Value::Object(Map::new()));
        if let Some(path) = path.as_object_mut() {
            path.insert(route.verb.as_str().to_lowercase(), operation(route));
        }
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Deskbell backend",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "What the console says to a tenant's backend, and what Meta delivers to it. \
                            `docs/protocol.md` says how the parts work together.",
            "license": { "name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0" },
        },
        "paths": paths,
        "components": {
            "schemas": schemas(),
            "securitySchemes": {
                "access_token": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "An access token of `POST /v1/session`; it lives 15 minutes.",
                },
            },
        },
    })
}

fn operation(route: &Route) -> Value {
    let mut operation = json!({
        "operationId": route.name,
        "summary": route.summary,
        "responses": responses(route),
    });
    let Some(fields) = operation.as_object_mut() else { return operation };
    match route.needs {
        Needs::Nothing => fields.insert("security".to_owned(), json!([])),
        Needs::Session => fields.insert("security".to_owned(), json!([{ "access_token": [] }])),
        Needs::Permission(permission) => {
            fields.insert("x-permission".to_owned(), word(permission));
            fields.insert("security".to_owned(), json!([{ "access_token": [] }]))
        }
    };
    let parameters = parameters(route);
    if !parameters.is_empty() {
        fields.insert("parameters".to_owned(), Value::Array(parameters));
    }
    if let Some(body) = route.body {
        fields.insert(
            "requestBody".to_owned(),
            json!({
                "required": true,
                "description": format!("At most {} bytes.", route.body_bytes_max),
                "content": { "application/json": { "schema": reference(body) } },
            }),
        );
    }
    operation
}

fn word(permission: Permission) -> Value {
    serde_json::to_value(permission).unwrap_or(Value::Null)
}

fn reference(schema: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{schema}") })
}

/// What varies in the address, and the fields of the query.
fn parameters(route: &Route) -> Vec<Value> {
    let in_path =
        route.path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}')).map(
            |name| json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string" } }),
        );
    let schemas = schemas();
    let query = route.query.and_then(|name| schemas.get(name)).cloned().unwrap_or(Value::Null);
    let required: Vec<Value> = query.get("required").and_then(Value::as_array).cloned().unwrap_or_default();
    let properties = query.get("properties").and_then(Value::as_object).cloned().unwrap_or_default();
    let in_query = properties.into_iter().map(|(name, schema)| {
        let required = required.iter().any(|one| one.as_str() == Some(&name));
        json!({ "name": name, "in": "query", "required": required, "schema": schema })
    });
    in_path.chain(in_query).collect()
}

fn responses(route: &Route) -> Value {
    let mut responses = Map::new();
    let (status, success) = match route.answer {
        None => ("200", json!({ "description": "Done." })),
        Some("Upgrade") => ("101", json!({ "description": "The connection is a socket now." })),
        Some("Text") => (
            "200",
            json!({
                "description": "The challenge, as it came.",
                "content": { "text/plain": { "schema": { "type": "string" } } },
            }),
        ),
        Some(schema) => (
            "200",
            json!({
                "description": "As asked.",
                "content": { "application/json": { "schema": reference(schema) } },
            }),
        ),
    };
    responses.insert(status.to_owned(), success);
    for code in problems(route) {
        let status = code.status().to_string();
        let known = responses
            .get(&status)
            .and_then(|response| response.get("description"))
            .and_then(Value::as_str)
            .map(|known| format!("{known} · "))
            .unwrap_or_default();
        let name = serde_json::to_value(code).unwrap_or(Value::Null);
        let description = format!("{known}`{}`: {}.", name.as_str().unwrap_or_default(), code.title());
        let content = json!({ PROBLEM_MEDIA_TYPE: { "schema": reference("Problem") } });
        responses.insert(status, json!({ "description": description, "content": content }));
    }
    Value::Object(responses)
}

/// The problems a route can answer with.
fn problems(route: &Route) -> Vec<ProblemCode> {
    use ProblemCode::{
        BadRequest, BadSignature, Busy, CursorAhead, CursorTooOld, DeviceRevoked, EpochChanged, Forbidden,
        Internal, NotFound, ScopesChanged, TooLarge, TooManyRequests, Unauthorized, WrongCredentials,
    };
    let mut codes = Vec::new();
    match route.needs {
        Needs::Nothing => {}
        Needs::Session => codes.push(Unauthorized),
        Needs::Permission(_) => codes.extend([Unauthorized, Forbidden]),
    }
    if route.body.is_some() {
        codes.extend([BadRequest, TooLarge]);
    } else if route.query.is_some() {
        codes.push(BadRequest);
    }
    codes.extend(match route.name {
        "sign_in" => [WrongCredentials, TooManyRequests].as_slice(),
        "refresh_session" => &[Unauthorized, DeviceRevoked],
        "changes" => &[EpochChanged, CursorAhead, CursorTooOld],
        "snapshot" => &[EpochChanged, ScopesChanged],
        "history" => &[NotFound, EpochChanged],
        "verify_webhook" => &[NotFound, Forbidden],
        "take_webhook" => &[NotFound, BadSignature],
        _ => &[],
    });
    codes.extend([Busy, Internal]);
    codes
}
