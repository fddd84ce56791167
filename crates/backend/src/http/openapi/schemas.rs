//! The schemas of the wire. `deskbell_protocol` is what they describe; a test holds what the backend really answers
//! against them.

use deskbell_protocol::limits;
use serde_json::{Map, Value, json};

/// All schemas by name.
pub fn schemas() -> Map<String, Value> {
    let mut all = Map::new();
    for group in [common(), session(), sync(), entities(), socket(), commands(), others()] {
        if let Value::Object(group) = group {
            all.extend(group);
        }
    }
    all
}

/// An object with these fields; those whose name ends with `?` may be absent.
fn object(description: &str, fields: &[(&str, Value)]) -> Value {
    let mut properties = Map::new();
    let mut required = Vec::new();
    for (name, schema) in fields {
        let name = match name.strip_suffix('?') {
            Some(optional) => optional,
            None => {
                required.push(Value::from(*name));
                name
            }
        };
        properties.insert(name.to_owned(), schema.clone());
    }
    json!({ "type": "object", "description": description, "properties": properties, "required": required })
}

fn of(name: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}

fn list(items: Value) -> Value {
    json!({ "type": "array", "items": items })
}

fn list_max(items: Value, max: usize) -> Value {
    json!({ "type": "array", "items": items, "maxItems": max })
}

fn text() -> Value {
    json!({ "type": "string" })
}

/// Words that a newer version may add to: a client keeps a word that it does not know.
fn words(description: &str, known: &[&str]) -> Value {
    json!({ "type": "string", "description": format!("{description} Other words may come."), "examples": known })
}

/// One of several objects that are told apart by a field.
fn tagged(description: &str, tag: &str, variants: &[(&str, &[(&str, Value)])]) -> Value {
    let variants: Vec<Value> = variants
        .iter()
        .map(|(name, fields)| {
            let mut all = vec![(tag, json!({ "type": "string", "const": name }))];
            all.extend(fields.iter().cloned());
            object("", &all)
        })
        .collect();
    json!({ "description": description, "oneOf": variants })
}

fn common() -> Value {
    json!({
        "Id": { "type": "string", "format": "uuid", "description": "A UUID, version 7 where it was made by Deskbell." },
        "Time": { "type": "integer", "format": "int64", "description": "Milliseconds since 1970-01-01T00:00:00Z." },
        "Seq": { "type": "integer", "format": "int64", "minimum": 0, "description": "A place in the tenant's log." },
        "Cursor": { "type": "string", "description": "Where a device stands: opaque, kept and given back as it is." },
        "PageToken": { "type": "string", "description": "Where a page begins: opaque, given back as it is." },
        "Scope": {
            "type": "string",
            "pattern": "^(tenant|queue:[0-9a-f-]{36}|user:[0-9a-f-]{36})$",
            "description": "A unit of visibility.",
        },
        "Role": words("What a member of staff is.", &["agent", "manager", "administrator", "privacy_officer"]),
        "Any": { "description": "Any JSON." },
        "Problem": object("A problem document (RFC 9457) with a stable code.", &[
            ("type", text()),
            ("title", text()),
            ("status", json!({ "type": "integer" })),
            ("code", words("What a program decides by.", &["bad_request", "unauthorized", "not_found"])),
            ("retry_after_ms?", json!({ "type": "integer", "description": "When trying again makes sense." })),
            ("request_id?", json!({ "type": "string", "description": "Finds the request in the backend's log." })),
        ]),
    })
}

fn session() -> Value {
    json!({
        "NewDevice": object("A console that wants to be a device of the user.", &[
            ("id", of("Id")),
            ("name", text()),
            ("public_key", json!({ "type": "string", "description": "Ed25519, base64url without padding." })),
        ]),
        "SignInRequest": object("Who signs in, and on which device.", &[
            ("email", text()),
            ("password", text()),
            ("device", of("NewDevice")),
        ]),
        "AccessToken": object("A short-lived token for the `Authorization` header.", &[
            ("token", text()),
            ("expires_at", of("Time")),
        ]),
        "SignInResponse": object("A session.", &[
            ("tenant", of("Id")),
            ("tenant_name", text()),
            ("user", of("Id")),
            ("user_name", text()),
            ("role", of("Role")),
            ("device", of("Id")),
            ("access", of("AccessToken")),
            ("refresh_token", json!({ "type": "string", "description": "Renews the session, once." })),
            ("lease_ms", json!({ "type": "integer", "description": "How long the cache may be shown without contact." })),
            ("server_time", of("Time")),
        ]),
        "RefreshRequest": object("A renewal. The same token and id get the same answer for a minute.", &[
            ("refresh_token", text()),
            ("refresh_id", of("Id")),
        ]),
        "RefreshResponse": object("A renewed session.", &[
            ("access", of("AccessToken")),
            ("refresh_token", text()),
            ("server_time", of("Time")),
        ]),
    })
}

fn sync() -> Value {
    json!({
        "ProtocolRange": object("The protocols a program speaks.", &[
            ("min", json!({ "type": "integer" })),
            ("max", json!({ "type": "integer" })),
        ]),
        "HelloRequest": object("The beginning of every conversation between the two programs.", &[
            ("protocol", of("ProtocolRange")),
            ("console_version", text()),
            ("cursor?", of("Cursor")),
        ]),
        "ResyncReason": words(
            "Why a device must begin again, or pull.",
            &["no_cursor", "cursor_too_old", "epoch_changed", "cursor_ahead", "lagging"],
        ),
        "HelloResponse": object("The backend's side of the hello.", &[
            ("protocol?", json!({ "type": "integer", "description": "Absent where no protocol is spoken by both." })),
            ("epoch", of("Id")),
            ("head", of("Seq")),
            ("user", of("Id")),
            ("scopes", list(of("Scope"))),
            ("server_time", of("Time")),
            ("lease_ms", json!({ "type": "integer" })),
            ("resync?", of("ResyncReason")),
            ("erasures?", list(of("EraseNotice"))),
        ]),
        "EraseNotice": object("What a device must erase.", &[
            ("erasure", of("Id")),
            ("roots", list(of("Id"))),
        ]),
        "Item": object("An entity that changed. `body` is one of the schemas whose names end with `Body`.", &[
            ("kind", words(
                "What it is.",
                &["tenant", "user", "queue", "conversation", "message", "read_mark"],
            )),
            ("id", of("Id")),
            ("version", of("Seq")),
            ("root", of("Id")),
            ("op", json!({ "type": "string", "enum": ["put", "remove", "erase"] })),
            ("body?", json!({ "type": "object" })),
        ]),
        "HistoryStart": object("Where the messages of a conversation begin that the device has.", &[
            ("conversation", of("Id")),
            ("older?", of("PageToken")),
        ]),
        "Frame": object("Everything in (`from`, `to`] that this device may see.", &[
            ("epoch", of("Id")),
            ("from", of("Seq")),
            ("to", of("Seq")),
            ("cursor", of("Cursor")),
            ("items", list(of("Item"))),
            ("history?", list(of("HistoryStart"))),
            ("settled?", list(of("Id"))),
            ("more", json!({ "type": "boolean" })),
        ]),
        "ChangesQuery": object("Where the device stands.", &[("cursor", of("Cursor"))]),
        "PageQuery": object("Where to go on; absent for the first page.", &[("page?", of("PageToken"))]),
        "SnapshotPage": object("A page of a snapshot.", &[
            ("epoch", of("Id")),
            ("as_of", of("Seq")),
            ("cursor", of("Cursor")),
            ("items", list(of("Item"))),
            ("history?", list(of("HistoryStart"))),
            ("next?", of("PageToken")),
        ]),
        "HistoryPage": object("A page of older messages, newest first.", &[
            ("items", list_max(of("Item"), limits::HISTORY_MESSAGES_MAX)),
            ("history", of("HistoryStart")),
        ]),
    })
}

fn entities() -> Value {
    json!({
        "TenantBody": object("The tenant.", &[("name", text())]),
        "UserBody": object("A member of staff.", &[
            ("name", text()),
            ("role", of("Role")),
            ("active", json!({ "type": "boolean" })),
        ]),
        "QueueBody": object("A queue.", &[("name", text())]),
        "ContactCard": object("What a conversation shows of its contact.", &[
            ("id", of("Id")),
            ("name?", text()),
            ("username?", text()),
            ("masked_number?", text()),
        ]),
        "ConversationBody": object("A conversation.", &[
            ("contact", of("ContactCard")),
            ("channel_account", of("Id")),
            ("queue?", of("Id")),
            ("assignee?", of("Id")),
            ("status", words("Where it stands.", &["open", "snoozed", "resolved"])),
            ("priority", words("How urgent it is.", &["normal", "high", "urgent"])),
            ("last_message_at", of("Time")),
            ("last_customer_message_at?", of("Time")),
            ("waiting_since?", of("Time")),
        ]),
        "MessageContent": object("What a message says.", &[
            ("text?", text()),
            ("attachment?", object("A file.", &[("file_name?", text()), ("mime_type?", text())])),
            ("place?", object("A place.", &[
                ("latitude", json!({ "type": "number" })),
                ("longitude", json!({ "type": "number" })),
                ("name?", text()),
                ("address?", text()),
            ])),
            ("contact_names?", list(text())),
            ("about?", of("Id")),
            ("unsupported_type?", text()),
        ]),
        "MessageBody": object("A message.", &[
            ("conversation", of("Id")),
            ("direction", words("Which way it went.", &["inbound", "outbound"])),
            ("origin", words("How it came to be.", &["customer", "agent", "phone", "history"])),
            ("kind", words("What it is.", &["text", "image", "unsupported"])),
            ("content", of("MessageContent")),
            ("author?", of("Id")),
            ("at", of("Time")),
            ("status?", words(
                "How far it has come.",
                &["queued", "uncertain", "sent", "failed", "delivered", "read", "played"],
            )),
            ("failure?", words("Why it failed.", &["window_closed", "undeliverable", "refused"])),
        ]),
        "ReadMarkBody": object("How far a user has read a conversation.", &[
            ("conversation", of("Id")),
            ("through", of("Time")),
        ]),
    })
}

fn socket() -> Value {
    let receipt = [
        ("erasure", of("Id")),
        ("rows", json!({ "type": "integer" })),
        ("method", words("How.", &["rewrite", "cache_dropped"])),
        ("at", of("Time")),
        ("signature", text()),
    ];
    json!({
        "ClientMessage": {
            "description": "From the console, as text. The first is `hello`, with the fields of `HelloRequest`.",
            "oneOf": [
                { "allOf": [of("HelloRequest"), object("", &[("type", json!({ "const": "hello" }))])] },
                object("Answers a ping.", &[("type", json!({ "const": "pong" }))]),
                { "allOf": [object("", &receipt), object("", &[("type", json!({ "const": "receipt" }))])] },
            ],
        },
        "ServerMessage": {
            "description": "From the backend, as text.",
            "oneOf": [
                { "allOf": [of("HelloResponse"), object("", &[("type", json!({ "const": "hello" }))])] },
                { "allOf": [of("Frame"), object("", &[("type", json!({ "const": "frame" }))])] },
                object("News too large for a frame.", &[("type", json!({ "const": "head" })), ("seq", of("Seq"))]),
                { "allOf": [of("EraseNotice"), object("", &[("type", json!({ "const": "erase" }))])] },
                object("The session ends here.", &[
                    ("type", json!({ "const": "revoke" })),
                    ("reason", words(
                        "Why.",
                        &["token_expired", "device_revoked", "user_inactive", "rights_changed"],
                    )),
                ]),
                object("Pull, or begin again.", &[
                    ("type", json!({ "const": "resync" })),
                    ("reason", of("ResyncReason")),
                ]),
                object("Are you there.", &[("type", json!({ "const": "ping" }))]),
            ],
        },
    })
}

fn commands() -> Value {
    let conversation = ("conversation", of("Id"));
    let act = tagged(
        "What is to be done.",
        "act",
        &[
            ("send_text", &[conversation.clone(), ("message", of("Id")), ("text", text())]),
            ("mark_read", &[conversation.clone(), ("through", of("Time"))]),
            ("claim", std::slice::from_ref(&conversation)),
            ("release", std::slice::from_ref(&conversation)),
            ("resolve", std::slice::from_ref(&conversation)),
            ("reopen", std::slice::from_ref(&conversation)),
        ],
    );
    let outcome = tagged(
        "What became of it.",
        "status",
        &[
            ("applied", &[("seq", of("Seq"))]),
            (
                "rejected",
                &[(
                    "code",
                    words(
                        "Why.",
                        &[
                            "not_found",
                            "forbidden",
                            "bad_command",
                            "command_id_reused",
                            "window_closed",
                            "context_changed",
                            "taken_by_other",
                            "erased",
                            "account_disconnected",
                        ],
                    ),
                )],
            ),
            ("retry", &[("after_ms", json!({ "type": "integer" }))]),
        ],
    );
    json!({
        "Seen": object("What the author of a command had seen.", &[
            ("version", of("Seq")),
            ("assignee?", json!({ "anyOf": [of("Id"), { "type": "null" }] })),
            ("status", text()),
        ]),
        "Act": act,
        "Command": {
            "description": "An act of a user.",
            "allOf": [
                object("", &[("id", of("Id")), ("created_at", of("Time")), ("seen?", of("Seen"))]),
                of("Act"),
            ],
        },
        "CommandsRequest": object("Carried out in order; a refused one does not stop the next.", &[
            ("commands", list_max(of("Command"), limits::COMMANDS_MAX)),
        ]),
        "Outcome": outcome,
        "CommandResult": {
            "description": "A command's outcome.",
            "allOf": [object("", &[("id", of("Id"))]), of("Outcome")],
        },
        "CommandsResponse": object("One per command, in order.", &[("results", list(of("CommandResult")))]),
    })
}

fn others() -> Value {
    json!({
        "WebhookVerification": object("Meta's question whether this address is the tenant's.", &[
            ("hub.mode", text()),
            ("hub.verify_token", text()),
            ("hub.challenge", text()),
        ]),
        "Webhook": {
            "type": "object",
            "description": "Meta's own. `X-Hub-Signature-256` signs the bytes.",
        },
        "Health": {
            "type": "object",
            "description": "Counts, without content.",
            "properties": { "status": { "type": "string", "enum": ["up", "down"] } },
            "required": ["status"],
        },
    })
}
