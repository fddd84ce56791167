use deskbell_domain::Sensitive;
use deskbell_protocol::route;
use deskbell_protocol::socket::{ClientMessage, ServerMessage};
use deskbell_sync::{Failure, FailureKind};
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt as _, StreamExt as _};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async_with_config};

use super::bearer;
use crate::address::BackendAddress;
use crate::limits::{CONNECT_TIMEOUT, SOCKET_BYTES_MAX};

type Stream = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// An open socket, as its two ends.
pub(crate) struct Socket {
    pub reader: SocketReader,
    pub writer: SocketWriter,
}

/// Where the backend's messages come from.
pub(crate) struct SocketReader(SplitStream<Stream>);

/// Where the console's messages go to.
pub(crate) struct SocketWriter(SplitSink<Stream, Message>);

pub(super) async fn open(address: &BackendAddress, access: &Sensitive<String>) -> Result<Socket, Failure> {
    let mut request = address
        .socket(route::LIVE)
        .as_str()
        .into_client_request()
        .map_err(|_| Failure::new(FailureKind::Malformed))?;
    request.headers_mut().insert(reqwest::header::AUTHORIZATION, bearer(access));
    let config = WebSocketConfig::default()
        .max_message_size(Some(SOCKET_BYTES_MAX))
        .max_frame_size(Some(SOCKET_BYTES_MAX));
    let connecting = connect_async_with_config(request, Some(config), true);
    let (stream, _response) = tokio::time::timeout(CONNECT_TIMEOUT, connecting)
        .await
        .map_err(|_| Failure::UNREACHABLE)?
        .map_err(|_| Failure::UNREACHABLE)?;
    let (writer, reader) = stream.split();
    Ok(Socket { reader: SocketReader(reader), writer: SocketWriter(writer) })
}

impl SocketReader {
    /// The next message; `None` when the socket is closed.
    pub(crate) async fn next(&mut self) -> Option<ServerMessage> {
        loop {
            match self.0.next().await?.ok()? {
                // What this version does not know is passed over; had it been a frame, the gap is found and pulled.
                Message::Text(text) => {
                    if let Ok(message) = serde_json::from_str(text.as_str()) {
                        return Some(message);
                    }
                }
                Message::Ping(_) | Message::Pong(_) => {}
                Message::Binary(_) | Message::Frame(_) | Message::Close(_) => return None,
            }
        }
    }
}

impl SocketWriter {
    /// Sends a message; `false` when the socket is closed.
    pub(crate) async fn send(&mut self, message: &ClientMessage) -> bool {
        let Ok(text) = serde_json::to_string(message) else { return false };
        self.0.send(Message::text(text)).await.is_ok()
    }

    /// Closes the socket.
    pub(crate) async fn close(&mut self) {
        // A socket that cannot be closed any more is closed.
        let _ = self.0.close().await;
    }
}
