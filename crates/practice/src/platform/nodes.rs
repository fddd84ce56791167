//! Reading: numbers, accounts, tokens and media.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use deskbell_meta::graph::MediaDigest;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::calls::{authorised, authorised_for, bearer};
use super::errors::Refusal;
use super::{BusinessNumber, Shared};
use crate::limits::MEDIA_URL_LIFE_MS;

/// Name and id of the Meta app.
const APP: (&str, &str) = ("Deskbell practice", "634974688087057");

/// Which fields a call asks for.
#[derive(Deserialize)]
pub(super) struct Fields {
    fields: Option<String>,
}

/// `GET /{version}/{id}`: a business number or a file.
pub(super) async fn node(
    State(shared): State<Arc<Shared>>,
    Path((_version, id)): Path<(String, String)>,
    Query(fields): Query<Fields>,
    headers: HeaderMap,
) -> Result<Json<Value>, Refusal> {
    if shared.number(&id).is_some() {
        let number = authorised_for(&shared, &headers, &id)?;
        return Ok(Json(chosen(about(number), fields.fields.as_deref())));
    }
    authorised(&shared, &headers)?;
    let medium = shared.lock().media.get(&id).cloned();
    let Some(medium) = medium else { return Err(Refusal::new(33)) };
    Ok(Json(json!({
        "messaging_product": "whatsapp",
        "url": shared.medium_url(&id),
        "mime_type": medium.mime_type,
        "sha256": MediaDigest::of(&medium.bytes).hex(),
        "file_size": medium.bytes.len().to_string(),
        "id": id,
    })))
}

fn about(number: &BusinessNumber) -> Map<String, Value> {
    let about = json!({
        "verified_name": number.verified_name,
        "display_phone_number": format!("+{}", number.display_phone_number),
        "quality_rating": "GREEN",
        "code_verification_status": "VERIFIED",
        "throughput": {"level": "STANDARD"},
        "whatsapp_business_manager_messaging_limit": "TIER_2K",
        "is_on_biz_app": false,
        "platform_type": "CLOUD_API",
        "id": number.phone_number_id,
    });
    match about {
        Value::Object(about) => about,
        _ => Map::new(),
    }
}

/// The fields that were asked for, and the id, which always comes.
fn chosen(mut about: Map<String, Value>, fields: Option<&str>) -> Value {
    if let Some(fields) = fields {
        let asked: Vec<&str> = fields.split(',').map(str::trim).collect();
        about.retain(|key, _| key == "id" || asked.contains(&key.as_str()));
    }
    Value::Object(about)
}

/// `DELETE /{version}/{id}`: forgets a file.
pub(super) async fn delete(
    State(shared): State<Arc<Shared>>,
    Path((_version, id)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Json<Value>, Refusal> {
    authorised(&shared, &headers)?;
    let forgotten = shared.lock().media.remove(&id);
    if forgotten.is_some() { Ok(Json(json!({"success": true}))) } else { Err(Refusal::new(33)) }
}

/// `GET /{version}/{waba_id}/phone_numbers`.
pub(super) async fn phone_numbers(
    State(shared): State<Arc<Shared>>,
    Path((_version, waba_id)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Json<Value>, Refusal> {
    let numbers: Vec<Value> = account(&shared, &headers, &waba_id)?
        .into_iter()
        .map(|number| Value::Object(about(number)))
        .collect();
    Ok(Json(json!({"data": numbers, "paging": {"cursors": {"before": "QVFI", "after": "QVFI"}}})))
}

/// `GET /{version}/{waba_id}/subscribed_apps`.
pub(super) async fn subscriptions(
    State(shared): State<Arc<Shared>>,
    Path((_version, waba_id)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Json<Value>, Refusal> {
    account(&shared, &headers, &waba_id)?;
    let (name, id) = APP;
    Ok(Json(json!({"data": [{"whatsapp_business_api_data": {"name": name, "id": id}}]})))
}

/// `POST` and `DELETE /{version}/{waba_id}/subscribed_apps`. Every account of the platform is always subscribed.
pub(super) async fn subscribe(
    State(shared): State<Arc<Shared>>,
    Path((_version, waba_id)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Json<Value>, Refusal> {
    account(&shared, &headers, &waba_id)?;
    Ok(Json(json!({"success": true})))
}

/// The numbers of an account that the token is good for.
fn account<'a>(
    shared: &'a Shared,
    headers: &HeaderMap,
    waba_id: &str,
) -> Result<Vec<&'a BusinessNumber>, Refusal> {
    let mut numbers = authorised(shared, headers)?;
    numbers.retain(|number| number.waba_id == waba_id);
    if numbers.is_empty() { Err(Refusal::new(10)) } else { Ok(numbers) }
}

/// The token to look at.
#[derive(Deserialize)]
pub(super) struct Inspected {
    input_token: Option<String>,
    access_token: Option<String>,
}

/// `GET /{version}/debug_token`, called with the app's token: its id, a bar and its secret.
pub(super) async fn debug_token(
    State(shared): State<Arc<Shared>>,
    Query(query): Query<Inspected>,
    headers: HeaderMap,
) -> Result<Json<Value>, Refusal> {
    let (name, id) = APP;
    let app_token = format!("{id}|{}", shared.config.app_secret.expose());
    let caller = bearer(&headers).or(query.access_token.as_deref());
    if caller != Some(app_token.as_str()) {
        return Err(Refusal::with_details(190, "An app access token is required."));
    }
    let token =
        query.input_token.ok_or(Refusal::with_details(100, "The parameter input_token is required."))?;
    let numbers: Vec<_> =
        shared.config.numbers.iter().filter(|number| *number.token.expose() == token).collect();
    let state = shared.lock();
    let valid = numbers.iter().any(|number| !state.token_expired(&number.phone_number_id));
    drop(state);
    if numbers.is_empty() {
        let error = json!({"code": 190, "message": "Malformed access token"});
        return Ok(Json(json!({"data": {"error": error, "is_valid": false, "scopes": []}})));
    }
    let accounts: Vec<&str> = numbers.iter().map(|number| number.waba_id.as_str()).collect();
    let scopes = ["whatsapp_business_management", "whatsapp_business_messaging"];
    let granular: Vec<Value> =
        scopes.iter().map(|scope| json!({"scope": scope, "target_ids": accounts})).collect();
    Ok(Json(json!({"data": {
        "app_id": id,
        "type": "SYSTEM_USER",
        "application": name,
        "expires_at": 0,
        "data_access_expires_at": 0,
        "is_valid": valid,
        "scopes": scopes,
        "granular_scopes": granular,
        "user_id": "122100000000000001",
    }})))
}

/// `GET` of a file's address, which lives five minutes and asks for the token.
pub(super) async fn attachment(
    State(shared): State<Arc<Shared>>,
    Path(key): Path<String>,
    headers: HeaderMap,
) -> Response {
    if let Err(refusal) = authorised(&shared, &headers) {
        return refusal.into_response();
    }
    let now = shared.now();
    let state = shared.lock();
    let fresh = state.media_urls.get(&key).filter(|(_, made)| now.since(*made) < MEDIA_URL_LIFE_MS);
    match fresh.and_then(|(id, _)| state.media.get(id)) {
        Some(medium) => {
            ([(header::CONTENT_TYPE, medium.mime_type.clone())], medium.bytes.clone()).into_response()
        }
        None => StatusCode::NOT_FOUND.into_response(),
    }
}
