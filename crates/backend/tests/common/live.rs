//! A console's end of the socket.

use std::time::Duration;

use deskbell_protocol::route;
use deskbell_protocol::socket::{ClientMessage, ServerMessage};
use deskbell_protocol::sync::{Cursor, HelloResponse};
use futures_util::{SinkExt as _, StreamExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::{self, Message};
use tokio_tungstenite::{WebSocketStream, client_async};

use super::console::{Console, hello};
use super::schema::assert_fits;

/// How long a test waits for what must come.
const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) struct Live {
    socket: WebSocketStream<TcpStream>,
}

impl Live {
    pub(crate) async fn connect(console: &Console) -> Result<Self, tungstenite::Error> {
        Self::connect_with(console, None).await
    }

    async fn connect_with(console: &Console, receive_bytes: Option<u32>) -> Result<Self, tungstenite::Error> {
        let mut request = format!("ws://{}{}", console.address, route::LIVE).into_client_request()?;
        if !console.access.is_empty() {
            let value = format!("Bearer {}", console.access).parse().unwrap();
            request.headers_mut().insert("authorization", value);
        }
        let socket = TcpSocket::new_v4().unwrap();
        if let Some(bytes) = receive_bytes {
            socket.set_recv_buffer_size(bytes).unwrap();
        }
        let stream = socket.connect(console.address).await.unwrap();
        let (socket, _) = client_async(request, stream).await?;
        Ok(Self { socket })
    }

    /// A socket that has said hello, and the answer.
    pub(crate) async fn greet(console: &Console, cursor: Option<&Cursor>) -> (Self, HelloResponse) {
        Self::connect(console).await.unwrap().said_hello(cursor).await
    }

    /// The same, where the system takes in little for the console.
    pub(crate) async fn greet_slowly(console: &Console, cursor: Option<&Cursor>) -> (Self, HelloResponse) {
        Self::connect_with(console, Some(16 * 1024)).await.unwrap().said_hello(cursor).await
    }

    async fn said_hello(self, cursor: Option<&Cursor>) -> (Self, HelloResponse) {
        let mut live = self;
        live.say(&ClientMessage::Hello(hello(cursor))).await;
        match live.next().await {
            Some(ServerMessage::Hello(response)) => (live, response),
            other => panic!("no hello: {other:?}"),
        }
    }

    pub(crate) async fn say(&mut self, message: &ClientMessage) {
        self.say_text(&serde_json::to_string(message).unwrap()).await;
    }

    pub(crate) async fn say_text(&mut self, text: &str) {
        self.socket.send(Message::text(text)).await.unwrap();
    }

    /// The next message; `None` when the backend closed the socket.
    pub(crate) async fn next(&mut self) -> Option<ServerMessage> {
        loop {
            let next =
                tokio::time::timeout(PATIENCE, self.socket.next()).await.expect("the backend is silent");
            match next? {
                Ok(Message::Text(text)) => {
                    let json = serde_json::from_str(&text).unwrap();
                    assert_fits("ServerMessage", &json);
                    return Some(serde_json::from_value(json).unwrap());
                }
                Ok(Message::Close(_)) | Err(_) => return None,
                Ok(_) => {}
            }
        }
    }

    /// The next message that is no ping.
    pub(crate) async fn news(&mut self) -> Option<ServerMessage> {
        loop {
            match self.next().await {
                Some(ServerMessage::Ping) => {
                    // The backend may be gone by now; what it said before is still to be read.
                    let pong = serde_json::to_string(&ClientMessage::Pong).unwrap();
                    let _gone = self.socket.send(Message::text(pong)).await;
                }
                other => return other,
            }
        }
    }
}
