//! Every message of the wire stands in `tests/golden` as it is written. A change of the wire shows up here first.
//!
//! `UPDATE_GOLDEN=1` writes the files anew: the difference is then to be read, and the protocol's history to be told.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test ends where it fails")]

use std::fmt::Debug;
use std::path::PathBuf;

use deskbell_domain::{
    ChannelAccountId, CommandId, ContactId, ConversationId, ConversationStatus, DeliveryStatus, DeviceId,
    Direction, Entity, EntityId, EpochId, ErasureId, FailureCode, MessageId, MessageKind, Open, Origin,
    Priority, QueueId, RefreshId, Role, Scope, Sensitive, TenantId, UserId, UtcMs,
};
use deskbell_protocol::command::{
    Act, Command, CommandResult, CommandsRequest, CommandsResponse, Outcome, RejectCode, Seen,
};
use deskbell_protocol::entity::{
    AttachmentCard, ContactCard, ConversationBody, Kind, MessageBody, MessageContent, Place, QueueBody,
    ReadMarkBody, TenantBody, UserBody,
};
use deskbell_protocol::problem::{Problem, ProblemCode};
use deskbell_protocol::session::{
    AccessToken, NewDevice, RefreshRequest, RefreshResponse, SignInRequest, SignInResponse,
};
use deskbell_protocol::socket::{ClientMessage, RevokeReason, ServerMessage};
use deskbell_protocol::sync::{
    Cursor, EraseNotice, Frame, HelloRequest, HelloResponse, HistoryPage, HistoryStart, Item, ItemOp,
    PageToken, PurgeMethod, Receipt, ResyncReason, Seq, SnapshotPage,
};
use deskbell_protocol::version::ProtocolRange;
use serde::Serialize;
use serde::de::DeserializeOwned;

const AT: UtcMs = UtcMs::from_ms(1_763_785_000_000);

fn conversation() -> ConversationId {
    ConversationId::from_bytes([1; 16])
}

fn message() -> MessageId {
    MessageId::from_bytes([2; 16])
}

fn user() -> UserId {
    UserId::from_bytes([3; 16])
}

fn queue() -> QueueId {
    QueueId::from_bytes([4; 16])
}

fn command() -> CommandId {
    CommandId::from_bytes([5; 16])
}

fn epoch() -> EpochId {
    EpochId::from_bytes([6; 16])
}

fn tenant() -> TenantId {
    TenantId::from_bytes([7; 16])
}

fn golden<T: Serialize + DeserializeOwned + PartialEq + Debug>(name: &str, value: &T) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(format!("{name}.json"));
    let written = serde_json::to_string_pretty(value).unwrap() + "\n";
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, &written).unwrap();
    }
    let golden = std::fs::read_to_string(&path).unwrap_or_else(|_| panic!("{name}.json is missing"));
    assert_eq!(written, golden, "{name}: the wire has changed");
    assert_eq!(&serde_json::from_str::<T>(&golden).unwrap(), value, "{name}: reads back differently");
}

fn conversation_body() -> ConversationBody {
    ConversationBody {
        contact: ContactCard {
            id: ContactId::from_bytes([8; 16]),
            name: Some("Lucía Ferrán".into()),
            username: Some("luciaf".into()),
            masked_number: Some("••• 0142".into()),
        },
        channel_account: ChannelAccountId::from_bytes([9; 16]),
        queue: Some(queue()),
        assignee: Some(user()),
        status: ConversationStatus::Open.into(),
        priority: Priority::High.into(),
        last_message_at: AT,
        last_customer_message_at: Some(AT.plus_ms(-1_000)),
        waiting_since: Some(AT.plus_ms(-60_000)),
    }
}

fn message_body() -> MessageBody {
    MessageBody {
        conversation: conversation(),
        direction: Direction::Outbound.into(),
        origin: Origin::Agent.into(),
        kind: MessageKind::Text.into(),
        content: MessageContent {
            text: Some("¿Te reservo ese horario?".into()),
            ..MessageContent::default()
        },
        author: Some(user()),
        at: AT,
        status: Some(DeliveryStatus::Failed.into()),
        failure: Some(FailureCode::WindowClosed.into()),
    }
}

fn item(kind: Kind, id: EntityId, root: EntityId, body: &impl Serialize) -> Item {
    Item {
        kind: kind.into(),
        id,
        version: Seq(41),
        root,
        op: ItemOp::Put,
        body: Some(serde_json::to_value(body).unwrap()),
    }
}

fn frame() -> Frame {
    let root = conversation().entity();
    Frame {
        epoch: epoch(),
        from: Seq(40),
        to: Seq(43),
        cursor: Cursor("cursor-43".to_owned()),
        items: vec![
            item(Kind::Conversation, root, root, &conversation_body()),
            item(Kind::Message, message().entity(), root, &message_body()),
            Item {
                kind: Open::Known(Kind::Conversation),
                id: EntityId::from_bytes([10; 16]),
                version: Seq(43),
                root: EntityId::from_bytes([10; 16]),
                op: ItemOp::Remove,
                body: None,
            },
        ],
        history: vec![HistoryStart {
            conversation: conversation(),
            older: Some(PageToken("older".to_owned())),
        }],
        settled: vec![command()],
        more: true,
    }
}

fn hello_request() -> HelloRequest {
    HelloRequest {
        protocol: ProtocolRange { min: 1, max: 1 },
        console_version: "0.1.0".to_owned(),
        cursor: Some(Cursor("cursor-40".to_owned())),
    }
}

fn hello_response() -> HelloResponse {
    HelloResponse {
        protocol: Some(1),
        epoch: epoch(),
        head: Seq(43),
        user: user(),
        scopes: vec![Scope::Tenant, Scope::User(user()), Scope::Queue(queue())],
        server_time: AT,
        lease_ms: 604_800_000,
        resync: Some(ResyncReason::CursorTooOld.into()),
        erasures: vec![erase()],
    }
}

fn erase() -> EraseNotice {
    EraseNotice { erasure: ErasureId::from_bytes([11; 16]), roots: vec![conversation().entity()] }
}

fn receipt() -> Receipt {
    Receipt {
        erasure: ErasureId::from_bytes([11; 16]),
        rows: 5_012,
        method: PurgeMethod::Rewrite.into(),
        at: AT,
        signature: "c2lnbmF0dXJl".to_owned(),
    }
}

#[test]
fn sessions_are_written_as_the_golden_files_say() {
    golden(
        "sign_in_request",
        &SignInRequest {
            email: "noor@northgate.example".into(),
            password: "correct horse".into(),
            device: NewDevice {
                id: DeviceId::from_bytes([12; 16]),
                name: "front-desk-2".into(),
                public_key: "cHVibGlj".to_owned(),
            },
        },
    );
    let access = AccessToken { token: "access".into(), expires_at: AT.plus_ms(900_000) };
    golden(
        "sign_in_response",
        &SignInResponse {
            tenant: tenant(),
            tenant_name: "Northgate Motors".into(),
            user: user(),
            user_name: "Noor Bakker".into(),
            role: Role::Agent.into(),
            device: DeviceId::from_bytes([12; 16]),
            access: access.clone(),
            refresh_token: "refresh".into(),
            lease_ms: 604_800_000,
            server_time: AT,
        },
    );
    golden(
        "refresh_request",
        &RefreshRequest { refresh_token: "refresh".into(), refresh_id: RefreshId::from_bytes([13; 16]) },
    );
    golden(
        "refresh_response",
        &RefreshResponse { access, refresh_token: "refresh-2".into(), server_time: AT },
    );
}

#[test]
fn sync_is_written_as_the_golden_files_say() {
    golden("hello_request", &hello_request());
    golden("hello_response", &hello_response());
    golden("frame", &frame());
    golden(
        "snapshot_page",
        &SnapshotPage {
            epoch: epoch(),
            as_of: Seq(43),
            cursor: Cursor("cursor-43".to_owned()),
            items: frame().items,
            history: frame().history,
            next: Some(PageToken("next".to_owned())),
        },
    );
    golden(
        "history_page",
        &HistoryPage {
            items: vec![item(Kind::Message, message().entity(), conversation().entity(), &message_body())],
            history: HistoryStart { conversation: conversation(), older: None },
        },
    );
    golden("erase_notice", &erase());
    golden("receipt", &receipt());
}

#[test]
fn bodies_are_written_as_the_golden_files_say() {
    golden("body_tenant", &TenantBody { name: "Northgate Motors".into() });
    golden("body_user", &UserBody { name: "Noor Bakker".into(), role: Role::Manager.into(), active: true });
    golden("body_queue", &QueueBody { name: "Sales".into() });
    golden("body_conversation", &conversation_body());
    golden("body_message_text", &message_body());
    golden(
        "body_message_rich",
        &MessageBody {
            direction: Direction::Inbound.into(),
            origin: Origin::Customer.into(),
            kind: MessageKind::Unsupported.into(),
            content: MessageContent {
                text: None,
                attachment: Some(AttachmentCard {
                    file_name: Some("invoice.pdf".into()),
                    mime_type: Some("application/pdf".to_owned()),
                }),
                place: Some(Sensitive::new(Place {
                    latitude: 37.5,
                    longitude: -122.25,
                    name: Some("Showroom".into()),
                    address: Some("Av. del Molino 4421".into()),
                })),
                contact_names: vec!["Barbara Johnson".into()],
                about: Some(message()),
                unsupported_type: Some("poll".to_owned()),
            },
            author: None,
            status: None,
            failure: None,
            ..message_body()
        },
    );
    golden("body_read_mark", &ReadMarkBody { conversation: conversation(), through: AT });
}

#[test]
fn commands_are_written_as_the_golden_files_say() {
    let conversation = conversation();
    let acts = [
        Act::SendText { conversation, message: message(), text: "Hola".into() },
        Act::MarkRead { conversation, through: AT },
        Act::Claim { conversation },
        Act::Release { conversation },
        Act::Resolve { conversation },
        Act::Reopen { conversation },
    ];
    let commands = acts
        .into_iter()
        .map(|act| Command {
            id: command(),
            created_at: AT,
            seen: act.is_customer_visible().then(|| Seen {
                version: Seq(41),
                assignee: Some(user()),
                status: ConversationStatus::Open.into(),
            }),
            act,
        })
        .collect();
    golden("commands_request", &CommandsRequest { commands });
    let outcomes = [
        Outcome::Applied { seq: Seq(44) },
        Outcome::Rejected { code: RejectCode::ContextChanged.into() },
        Outcome::Retry { after_ms: 1_000 },
    ];
    let results = outcomes.into_iter().map(|outcome| CommandResult { id: command(), outcome }).collect();
    golden("commands_response", &CommandsResponse { results });
}

#[test]
fn the_socket_is_written_as_the_golden_files_say() {
    golden(
        "socket_client",
        &vec![ClientMessage::Hello(hello_request()), ClientMessage::Pong, ClientMessage::Receipt(receipt())],
    );
    golden(
        "socket_server",
        &vec![
            ServerMessage::Hello(hello_response()),
            ServerMessage::Frame(frame()),
            ServerMessage::Head { seq: Seq(99) },
            ServerMessage::Erase(erase()),
            ServerMessage::Revoke { reason: RevokeReason::RightsChanged.into() },
            ServerMessage::Resync { reason: ResyncReason::Lagging.into() },
            ServerMessage::Ping,
        ],
    );
}

#[test]
fn problems_are_written_as_the_golden_files_say() {
    golden(
        "problem",
        &Problem {
            retry_after_ms: Some(30_000),
            request_id: Some("7f3a".to_owned()),
            ..Problem::new(ProblemCode::TooManyRequests)
        },
    );
}

#[test]
fn what_a_newer_version_adds_is_kept_and_is_no_error() {
    let newer = r#"{"kind":"poll","id":"0a0a0a0a-0a0a-0a0a-0a0a-0a0a0a0a0a0a","version":7,
        "root":"01010101-0101-0101-0101-010101010101","op":"put","body":{"question":"?"},"colour":"red"}"#;
    let item: Item = serde_json::from_str(newer).unwrap();
    assert_eq!(item.kind.known(), None);
    assert_eq!(item.root, conversation().entity());
    assert_eq!(serde_json::to_value(&item).unwrap()["kind"], "poll");
}
