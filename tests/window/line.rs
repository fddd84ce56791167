use std::net::SocketAddr;

use anyhow::Result;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// The network between the window and the backend. Dropped, every connection ends and nobody answers at its address.
pub(crate) struct Line {
    _carrying: JoinSet<()>,
}

impl Line {
    /// Carries what arrives at one address to another.
    pub(crate) async fn open(at: SocketAddr, to: SocketAddr) -> Result<Self> {
        let listener = TcpListener::bind(at).await?;
        let mut carrying = JoinSet::new();
        carrying.spawn(accept(listener, to));
        Ok(Self { _carrying: carrying })
    }
}

async fn accept(listener: TcpListener, to: SocketAddr) {
    let mut connections = JoinSet::new();
    while let Ok((mut client, _)) = listener.accept().await {
        connections.spawn(async move {
            if let Ok(mut server) = TcpStream::connect(to).await {
                // Either end may close it at any time: that is a network.
                let _ = copy_bidirectional(&mut client, &mut server).await;
            }
        });
    }
}
