//! Connections as they come in, by one rule for all that the tracker listens for.

use std::io;

use tokio::net::{TcpListener, TcpStream};
use tokio_stream::{Stream, StreamExt as _};
use tonic::transport::server::TcpIncoming;

use crate::limits::{ACCEPT_PAUSE, KEEPALIVE};

/// Lets connections in. After one that could not be let in it waits a little before the next.
pub(crate) fn connections(listener: TcpListener) -> impl Stream<Item = io::Result<TcpStream>> {
    let incoming = TcpIncoming::from(listener)
        // Small messages each way: without it the kernel holds them back for up to 40 ms.
        .with_nodelay(Some(true))
        // A peer that is gone without a word does not keep its place.
        .with_keepalive(Some(KEEPALIVE));
    incoming.then(|accepted| async {
        match &accepted {
            Err(error) if error.kind() != io::ErrorKind::ConnectionAborted => {
                // Too many open files, most likely: those that are open go on.
                tracing::warn!(%error, "a connection was not let in");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
            // Let in, or away before it was.
            _ => {}
        }
        accepted
    })
}
