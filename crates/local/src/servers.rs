//! DynamoDB and SQS on loopback, in this process: third-party servers, each on a thread of its own.
//!
//! The AWS SDK talks to them over real sockets, so a local run goes through the production adapters.
//! A thread each, because a database that works would otherwise hold up the caller's tasks, and because
//! what they burn is not the system's own and should not hide in its threads.
//!
//! Where they differ from AWS, as far as it matters here: DynamoDB never throttles and is always strongly
//! consistent; in SQS a message that was delayed or hidden shows itself to a *waiting* receive only at the
//! next tick of a second, while a receive that begins after that sees it at once.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use rustack_sqs_core::config::SqsConfig;
use rustack_sqs_core::handler::RustackSqsHandler;
use rustack_sqs_core::provider::RustackSqs;
use rustack_sqs_http::service::{SqsHttpConfig, SqsHttpService};
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::watch;

/// How long a server may finish what it is doing once it is told to stop.
const STOP_GRACE: Duration = Duration::from_millis(500);
/// Connections that wait to be accepted.
const BACKLOG: u32 = 1_024;
/// The wait after a connection that could not be accepted.
const ACCEPT_RETRY: Duration = Duration::from_millis(20);

/// Why a server did not start.
#[derive(Debug, thiserror::Error)]
#[error("the embedded {server} did not start: {detail}")]
pub struct ServerError {
    /// Which server.
    pub server: &'static str,
    /// What went wrong.
    pub detail: String,
}

/// Ports on 127.0.0.1; 0 is a free one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Ports {
    /// DynamoDB's.
    pub dynamodb: u16,
    /// SQS's.
    pub sqs: u16,
}

/// Both servers. They stop when this is dropped, and forget everything.
#[derive(Debug)]
pub struct EmbeddedAws {
    /// Where DynamoDB is, such as `http://127.0.0.1:41234`.
    pub dynamodb_endpoint: String,
    /// Where SQS is.
    pub sqs_endpoint: String,
    servers: Vec<ServerThread>,
}

/// Told to stop by the end of its channel.
type Stop = watch::Receiver<()>;

#[derive(Debug)]
struct ServerThread {
    stop: Option<watch::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl EmbeddedAws {
    /// Starts both on free ports of 127.0.0.1, empty. They listen when this returns.
    ///
    /// # Errors
    /// If no socket, thread or database is to be had.
    pub fn start() -> Result<Self, ServerError> {
        Self::start_at(Ports::default())
    }

    /// As [`Self::start`], on these ports.
    ///
    /// # Errors
    /// If a port is taken as well.
    pub fn start_at(ports: Ports) -> Result<Self, ServerError> {
        let (dynamodb, dynamodb_at) = spawn("DynamoDB", ports.dynamodb, serve_dynamodb)?;
        let (sqs, sqs_at) = spawn("SQS", ports.sqs, serve_sqs)?;
        Ok(Self {
            dynamodb_endpoint: format!("http://{dynamodb_at}"),
            sqs_endpoint: format!("http://{sqs_at}"),
            servers: vec![dynamodb, sqs],
        })
    }

    /// Clients of both.
    #[must_use]
    pub fn clients(&self) -> aws::Clients {
        aws::Clients::embedded(&self.dynamodb_endpoint, &self.sqs_endpoint)
    }

    /// Stops both and waits until they have: what dropping does, at a moment of the caller's choice.
    pub fn stop(self) {
        drop(self);
    }
}

impl Drop for EmbeddedAws {
    fn drop(&mut self) {
        for server in &mut self.servers {
            server.stop.take();
        }
        for server in &mut self.servers {
            if let Some(thread) = server.thread.take() {
                // A server that panicked has said so already, and is stopped.
                drop(thread.join());
            }
        }
    }
}

/// Serves on a thread with a runtime of its own; returns once it listens.
fn spawn<F, S>(
    server: &'static str,
    port: u16,
    serve: F,
) -> Result<(ServerThread, SocketAddr), ServerError>
where
    F: FnOnce(TcpListener, Stop) -> S + Send + 'static,
    S: Future<Output = Result<(), String>>,
{
    let failed = move |detail: String| ServerError { server, detail };
    let (stop, stopped) = watch::channel(());
    let (listening, listens) = mpsc::channel();
    let thread = std::thread::Builder::new()
        .name(format!("embedded-{server}").to_lowercase())
        .spawn(move || {
            if let Err(detail) = run(port, serve, stopped, &listening) {
                tracing::error!(server, detail, "an embedded server ended");
                // Nobody listens to this any more once the server has started.
                drop(listening.send(Err(detail)));
            }
        })
        .map_err(|why| failed(why.to_string()))?;
    let listens = listens
        .recv()
        .map_err(|_| failed("its thread ended".to_owned()))?;
    let address = listens.map_err(failed)?;
    let server = ServerThread {
        stop: Some(stop),
        thread: Some(thread),
    };
    Ok((server, address))
}

fn run<F, S>(
    port: u16,
    serve: F,
    stopped: Stop,
    listening: &mpsc::Sender<Result<SocketAddr, String>>,
) -> Result<(), String>
where
    F: FnOnce(TcpListener, Stop) -> S,
    S: Future<Output = Result<(), String>>,
{
    let text = |why: std::io::Error| why.to_string();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.map_err(text)?.block_on(async move {
        let listener = listen(port)
            .map_err(|why| format!("cannot listen on {}:{port}: {why}", Ipv4Addr::LOCALHOST))?;
        let address = listener.local_addr().map_err(text)?;
        drop(listening.send(Ok(address)));
        let grace = stopped.clone();
        tokio::select! {
            served = serve(listener, stopped) => served,
            () = async { stop_signal(grace).await; tokio::time::sleep(STOP_GRACE).await } => Ok(()),
        }
    })
}

/// A port, 0 a free one. Connections inherit that small answers leave at once.
fn listen(port: u16) -> std::io::Result<TcpListener> {
    let socket = TcpSocket::new_v4()?;
    socket.set_nodelay(true)?;
    // One that was served until a moment ago is not to be waited for.
    socket.set_reuseaddr(true)?;
    socket.bind((Ipv4Addr::LOCALHOST, port).into())?;
    socket.listen(BACKLOG)
}

async fn stop_signal(mut stop: Stop) {
    // Nothing is ever sent: the channel ends when the servers are to stop.
    while stop.changed().await.is_ok() {}
}

async fn serve_dynamodb(listener: TcpListener, stop: Stop) -> Result<(), String> {
    let database = dynoxide::Database::memory().map_err(|why| why.to_string())?;
    dynoxide::server::serve_with_shutdown(listener, database, stop_signal(stop)).await
}

async fn serve_sqs(listener: TcpListener, stop: Stop) -> Result<(), String> {
    let address = listener.local_addr().map_err(|why| why.to_string())?;
    // Queue URLs are made of these.
    let config = SqsConfig {
        host: address.ip().to_string(),
        port: address.port(),
        ..SqsConfig::default()
    };
    let handler = RustackSqsHandler::new(Arc::new(RustackSqs::new(config)));
    let service = SqsHttpService::new(Arc::new(handler), SqsHttpConfig::default());
    let accepting = async {
        loop {
            let Ok((connection, _)) = listener.accept().await else {
                // Out of files for a moment: the next connection may find one.
                tokio::time::sleep(ACCEPT_RETRY).await;
                continue;
            };
            let served =
                http1::Builder::new().serve_connection(TokioIo::new(connection), service.clone());
            tokio::spawn(async move {
                if let Err(why) = served.await {
                    tracing::debug!(%why, "a connection to the embedded SQS broke");
                }
            });
        }
    };
    tokio::select! {
        () = accepting => unreachable!("it accepts for ever"),
        () = stop_signal(stop) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_start_on_their_own_ports_and_stop() {
        let (one, other) = (EmbeddedAws::start().unwrap(), EmbeddedAws::start().unwrap());
        assert_ne!(one.dynamodb_endpoint, other.dynamodb_endpoint);
        let address = one.sqs_endpoint.trim_start_matches("http://").to_owned();
        std::net::TcpStream::connect(&address).unwrap();
        one.stop();
        assert!(std::net::TcpStream::connect(&address).is_err());
    }

    #[test]
    fn a_port_that_is_taken_is_named() {
        let running = EmbeddedAws::start().unwrap();
        let (_, port) = running.dynamodb_endpoint.rsplit_once(':').unwrap();
        let taken = Ports {
            dynamodb: port.parse().unwrap(),
            sqs: 0,
        };
        let error = EmbeddedAws::start_at(taken).unwrap_err().to_string();
        assert!(
            error.contains(port) && error.contains("DynamoDB"),
            "{error}"
        );
    }
}
