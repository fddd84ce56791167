//! The Graph client against a server that answers, goes silent or hangs up as it is told.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "what helps a test fails as a test does")]

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::Duration;

use deskbell_domain::Sensitive;
use deskbell_meta::graph::{
    Accepted, Action, Destination, Graph, GraphConfig, GraphError, NotSent, SetupError, TextMessage,
    Uncertain,
};
use serde_json::{Value, json};

const TOKEN: &str = "EAAown-token";
const PHONE: &str = "15550100001";
const TEXT: &str = "Your parcel is on its way";
const NUMBER_ID: &str = "700900800700600";

/// What the server does once it has read a request.
enum Reply {
    /// Answers with this status line's rest, headers and body.
    Answer(String, Vec<u8>),
    /// Says nothing until the client gives up.
    Silence,
    /// Closes the connection.
    HangUp,
}

struct Server {
    address: String,
    requests: Receiver<String>,
}

impl Server {
    /// A server that gives these replies, one for each connection.
    fn start(replies: Vec<Reply>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let (sender, requests) = channel();
        thread::spawn(move || {
            for reply in replies {
                let Ok((stream, _)) = listener.accept() else { return };
                serve(stream, &sender, reply);
            }
        });
        Self { address, requests }
    }

    fn graph(&self) -> Graph {
        graph(&self.address, Duration::from_secs(10))
    }

    /// The request as (head, body).
    fn request(&self) -> (String, Value) {
        let request = self.requests.recv_timeout(Duration::from_secs(10)).unwrap();
        let (head, body) = request.split_once("\r\n\r\n").unwrap();
        (head.to_owned(), serde_json::from_str(body).unwrap_or(Value::Null))
    }
}

fn serve(mut stream: TcpStream, requests: &Sender<String>, reply: Reply) {
    let mut request = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let Ok(read) = stream.read(&mut buffer) else { return };
        request.extend_from_slice(&buffer[..read]);
        let text = String::from_utf8_lossy(&request);
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length =
            head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
        if body.len() >= length.unwrap_or(0) {
            break;
        }
    }
    let _ = requests.send(String::from_utf8(request).unwrap());
    match reply {
        Reply::Answer(head, body) => {
            let head = format!("HTTP/1.1 {head}content-length: {}\r\nconnection: close\r\n\r\n", body.len());
            let _ = stream.write_all(head.as_bytes());
            // The client may hang up before it has read everything.
            let _ = stream.write_all(&body);
        }
        Reply::Silence => {
            let _ = stream.read(&mut buffer);
        }
        Reply::HangUp => {}
    }
}

fn graph(address: &str, call_timeout: Duration) -> Graph {
    Graph::new(GraphConfig { base_url: address.to_owned(), call_timeout, ..GraphConfig::default() }).unwrap()
}

fn answer(status: &str, body: &Value) -> Reply {
    Reply::Answer(format!("{status}\r\ncontent-type: application/json\r\n"), body.to_string().into_bytes())
}

fn error(status: &str, code: i64) -> Reply {
    let details = format!("{TEXT} to {PHONE} with {TOKEN}");
    answer(
        status,
        &json!({"error": {"message": details, "type": "OAuthException", "code": code, "fbtrace_id": "A1",
            "error_data": {"messaging_product": "whatsapp", "details": details}}}),
    )
}

fn token() -> Sensitive<String> {
    TOKEN.into()
}

fn text() -> TextMessage {
    TextMessage {
        to: Destination::Phone(PHONE.into()),
        body: TEXT.into(),
        preview_url: false,
        quotes: Some("wamid.own.7".into()),
        callback_data: "0197-own".to_owned(),
    }
}

async fn sent_to(server: &Server) -> Result<Accepted, GraphError> {
    server.graph().send_text(&token(), NUMBER_ID, &text()).await
}

#[tokio::test]
async fn a_text_is_sent_as_meta_asks_for_it() {
    let server = Server::start(vec![answer(
        "200 OK",
        &json!({"messaging_product": "whatsapp", "contacts": [{"input": "+15550100001", "wa_id": "15550100001"}],
            "messages": [{"id": "wamid.own.8"}]}),
    )]);
    let accepted = sent_to(&server).await.unwrap();
    assert_eq!(accepted, Accepted { id: "wamid.own.8".into(), phone: Some(PHONE.into()), user_id: None });

    let (head, body) = server.request();
    assert!(head.starts_with("POST /v26.0/700900800700600/messages HTTP/1.1"), "{head}");
    assert!(head.to_lowercase().contains(&format!("authorization: bearer {TOKEN}").to_lowercase()), "{head}");
    assert_eq!(
        body,
        json!({"messaging_product": "whatsapp", "recipient_type": "individual", "to": "+15550100001", "type": "text",
            "text": {"preview_url": false, "body": TEXT}, "biz_opaque_callback_data": "0197-own",
            "context": {"message_id": "wamid.own.7"}})
    );
}

#[tokio::test]
async fn a_customer_without_a_number_is_written_to_by_user_id() {
    let answered = json!({"contacts": [{"input": "ES.1001", "user_id": "ES.1001"}], "messages": [{"id": "wamid.own.9"}]});
    let server = Server::start(vec![answer("200 OK", &answered)]);
    let message = TextMessage { to: Destination::UserId("ES.1001".into()), quotes: None, ..text() };
    let accepted = server.graph().send_text(&token(), NUMBER_ID, &message).await.unwrap();
    assert_eq!((accepted.phone, accepted.user_id), (None, Some("ES.1001".into())));
    let (_, body) = server.request();
    assert_eq!((&body["recipient"], body.get("to"), body.get("context")), (&json!("ES.1001"), None, None));
}

#[tokio::test]
async fn a_read_mark_and_typing_name_the_message() {
    let done = json!({"success": true});
    let server = Server::start(vec![answer("200 OK", &done), answer("200 OK", &done)]);
    let graph = server.graph();
    graph.mark_read(&token(), NUMBER_ID, &"wamid.own.1".into()).await.unwrap();
    let (_, read) = server.request();
    assert_eq!(read, json!({"messaging_product": "whatsapp", "status": "read", "message_id": "wamid.own.1"}));
    graph.show_typing(&token(), NUMBER_ID, &"wamid.own.1".into()).await.unwrap();
    assert_eq!(server.request().1["typing_indicator"], json!({"type": "text"}));
}

#[tokio::test]
async fn a_refusal_says_what_to_do() {
    for (status, code, action) in [
        ("400 Bad Request", 131_047, Action::OfferTemplate),
        ("401 Unauthorized", 190, Action::Reconnect),
        ("400 Bad Request", 131_056, Action::RetryPair),
        ("500 Internal Server Error", 131_000, Action::Retry),
        ("200 OK", 131_026, Action::Refuse),
    ] {
        let Err(GraphError::Refused(refusal)) = sent_to(&Server::start(vec![error(status, code)])).await
        else {
            panic!("{code} was no refusal")
        };
        assert_eq!((refusal.code, refusal.action()), (Some(code), action));
    }
}

#[tokio::test]
async fn a_wait_that_meta_asks_for_is_kept() {
    let head = "429 Too Many Requests\r\nretry-after: 7\r\n".to_owned();
    let refused = sent_to(&Server::start(vec![Reply::Answer(head, b"slow down".to_vec())])).await;
    let Err(GraphError::Refused(refusal)) = refused else { panic!("{refused:?}") };
    assert_eq!(refusal.action(), Action::RetryAfter(Duration::from_secs(7)));
}

#[tokio::test]
async fn silence_after_the_request_leaves_the_outcome_unknown() {
    let server = Server::start(vec![Reply::Silence]);
    let graph = graph(&server.address, Duration::from_millis(300));
    let sent = graph.send_text(&token(), NUMBER_ID, &text()).await;
    assert_eq!(sent, Err(GraphError::Uncertain(Uncertain::Timeout)));
    assert_eq!(server.request().1["text"]["body"], TEXT);
}

#[tokio::test]
async fn a_connection_lost_after_the_request_leaves_the_outcome_unknown() {
    let server = Server::start(vec![Reply::HangUp]);
    assert_eq!(sent_to(&server).await, Err(GraphError::Uncertain(Uncertain::ConnectionLost)));
    assert_eq!(server.request().1["text"]["body"], TEXT);
}

#[tokio::test]
async fn an_answer_that_is_not_metas_leaves_the_outcome_unknown() {
    let page = || b"<html>gateway</html>".to_vec();
    for (status, code) in [("200 OK", 200), ("502 Bad Gateway", 502), ("504 Gateway Timeout", 504)] {
        let server = Server::start(vec![Reply::Answer(format!("{status}\r\n"), page())]);
        assert_eq!(sent_to(&server).await, Err(GraphError::Uncertain(Uncertain::Unreadable(code))));
    }
    let without_id = answer("200 OK", &json!({"messages": []}));
    let sent = sent_to(&Server::start(vec![without_id])).await;
    assert_eq!(sent, Err(GraphError::Uncertain(Uncertain::Unreadable(200))));
}

#[tokio::test]
async fn an_endless_answer_is_not_read_to_its_end() {
    let server = Server::start(vec![Reply::Answer("200 OK\r\n".to_owned(), vec![b' '; 2 * 1024 * 1024])]);
    assert_eq!(sent_to(&server).await, Err(GraphError::Uncertain(Uncertain::TooLong(200))));
}

#[tokio::test]
async fn without_a_connection_nothing_was_sent() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let graph = graph(&format!("http://{free}"), Duration::from_secs(10));
    let sent = graph.send_text(&token(), NUMBER_ID, &text()).await;
    assert_eq!(sent, Err(GraphError::NotSent(NotSent::Connect)));
}

#[tokio::test]
async fn an_id_that_is_none_never_becomes_a_path() {
    let graph = graph("http://127.0.0.1:9", Duration::from_secs(10));
    for id in ["", "..", "1/2", "1?x", "%2e"] {
        let sent = graph.send_text(&token(), id, &text()).await;
        assert_eq!(sent, Err(GraphError::NotSent(NotSent::Request)), "{id}");
    }
}

#[tokio::test]
async fn the_token_does_not_follow_a_redirect() {
    let elsewhere = Server::start(vec![answer("200 OK", &json!({}))]);
    let head = format!("307 Temporary Redirect\r\nlocation: {}/v26.0/1/messages\r\n", elsewhere.address);
    let sent = sent_to(&Server::start(vec![Reply::Answer(head, vec![])])).await;
    assert!(matches!(sent, Err(GraphError::Refused(ref refusal)) if refusal.http_status == 307), "{sent:?}");
    assert!(elsewhere.requests.try_recv().is_err());
}

#[tokio::test]
async fn a_file_is_found_and_downloaded_with_the_token() {
    let server = Server::start(vec![
        answer(
            "200 OK",
            &json!({"url": "set below", "mime_type": "image/jpeg", "sha256": "00ff", "file_size": "4"}),
        ),
        Reply::Answer("200 OK\r\n".to_owned(), b"JPEG".to_vec()),
    ]);
    let graph = server.graph();
    let info = graph.media(&token(), NUMBER_ID, &"9001".into()).await.unwrap();
    assert_eq!((info.file_bytes, info.mime_type.as_deref()), (Some(4), Some("image/jpeg")));
    assert!(server.request().0.starts_with("GET /v26.0/9001?phone_number_id=700900800700600 "));

    let url = Sensitive::new(format!("{}/own/9001", server.address));
    assert_eq!(graph.download(&token(), &url, 4).await.unwrap().as_ref(), b"JPEG");
    assert!(server.request().0.contains(TOKEN));
}

#[tokio::test]
async fn a_file_beyond_the_limit_is_given_up() {
    let server = Server::start(vec![Reply::Answer("200 OK\r\n".to_owned(), b"JPEGs".to_vec())]);
    let url = Sensitive::new(format!("{}/own/9001", server.address));
    let downloaded = server.graph().download(&token(), &url, 4).await;
    assert_eq!(downloaded, Err(GraphError::Uncertain(Uncertain::TooLong(200))));
}

#[tokio::test]
async fn the_token_is_not_shown_to_hosts_that_are_not_metas() {
    let foreign = Server::start(vec![answer("200 OK", &json!({}))]);
    let graph = graph("http://127.0.0.1:9", Duration::from_secs(10));
    for url in [
        format!("{}/own/9001", foreign.address),
        "https://fbsbx.com.example.org/x".to_owned(),
        "https://evilfbsbx.com/x".to_owned(),
        "http://lookaside.fbsbx.com/x".to_owned(),
        "https://lookaside.fbsbx.com:8443/x".to_owned(),
        "not an address".to_owned(),
    ] {
        let downloaded = graph.download(&token(), &url.as_str().into(), 4).await;
        assert_eq!(downloaded, Err(GraphError::NotSent(NotSent::ForeignHost)), "{url}");
    }
    assert!(foreign.requests.try_recv().is_err());
}

#[tokio::test]
async fn a_number_tells_about_itself() {
    let server = Server::start(vec![answer(
        "200 OK",
        &json!({"display_phone_number": "+1 555-010-9000", "verified_name": "The Shop", "quality_rating": "GREEN",
            "throughput": {"level": "STANDARD"}, "is_on_biz_app": true, "platform_type": "CLOUD_API", "id": NUMBER_ID}),
    )]);
    let info = server.graph().phone_number(&token(), NUMBER_ID).await.unwrap();
    assert_eq!(info.verified_name.as_deref(), Some("The Shop"));
    assert_eq!(info.throughput.as_deref(), Some("STANDARD"));
    assert!(info.is_on_business_app);
    assert!(server.request().0.contains("fields=display_phone_number%2Cverified_name"));
}

#[test]
fn an_address_that_is_none_is_refused() {
    for base_url in ["", "graph.facebook.com", "ftp://graph.facebook.com", "mailto:x@example.org"] {
        let config = GraphConfig { base_url: base_url.to_owned(), ..GraphConfig::default() };
        assert_eq!(Graph::new(config).err(), Some(SetupError::BaseUrl), "{base_url}");
    }
}

#[tokio::test]
async fn no_failure_shows_a_token_a_number_a_message_id_or_a_text() {
    let secrets = [TOKEN, PHONE, TEXT, NUMBER_ID, "wamid"];
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let silent = Server::start(vec![Reply::Silence]);
    let failures = [
        sent_to(&Server::start(vec![error("400 Bad Request", 131_026)])).await,
        sent_to(&Server::start(vec![Reply::HangUp])).await,
        sent_to(&Server::start(vec![Reply::Answer("502 Bad Gateway\r\n".to_owned(), TEXT.into())])).await,
        graph(&silent.address, Duration::from_millis(300)).send_text(&token(), NUMBER_ID, &text()).await,
        graph(&format!("http://{closed}"), Duration::from_secs(5))
            .send_text(&token(), NUMBER_ID, &text())
            .await,
    ];
    // The control: the refusal does hold what must not show.
    let Err(GraphError::Refused(refusal)) = &failures[0] else { panic!() };
    assert!(refusal.details.as_ref().unwrap().expose().contains(TOKEN));
    for failure in failures {
        let error = failure.unwrap_err();
        let shown = format!("{error} {error:?} {:?}", silent.graph());
        for secret in secrets {
            assert!(!shown.contains(secret), "{shown}");
        }
    }
}
