//! The HTTP front: to clients an HTTP/1 server, to functions what an HTTP API of API Gateway is.
//!
//! A request finds its [`Route`], its bearer token is verified as the API's JWT authorizer would, it
//! becomes an event of payload format 2.0 (`event`), a function is invoked, and the function's response
//! becomes the answer. What goes wrong on the way answers as an HTTP API does: `{"message":"…"}` with
//! 401, 404, 413, 500 for a function's error and 503 for a throttle or a timeout.

mod event;
#[cfg(test)]
mod tests;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use calls::Calls;
use host::WallClock;
use http::{HeaderValue, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use identity::{Subject, Verifier};
use services::ports::Clock;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinHandle;

use crate::lambda_host::{InvokeError, LambdaHost};
use crate::limits::{
    ACCEPT_RETRY, CONNECTIONS_MAX, DRAIN_MAX, DRAIN_POLL, HEAD_TIMEOUT, HTTP_BODY_BYTES_MAX,
    INTEGRATION_TIMEOUT_MAX,
};
use crate::stop::{self, Stopped};

/// A route: any method on a path, to a function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// The path; `/trips/{proxy+}` is every path below `/trips/`.
    pub path: &'static str,
    /// The function's name.
    pub function: &'static str,
}

impl Route {
    fn matches(&self, path: &str) -> bool {
        match self.path.strip_suffix("{proxy+}") {
            Some(start) => path
                .strip_prefix(start)
                .is_some_and(|rest| !rest.is_empty()),
            None => path == self.path,
        }
    }
}

/// The routes of Rushhour. Methods are the functions' business, who answer 405.
pub const ROUTES: [Route; 3] = [
    Route {
        path: "/quotes",
        function: "pricing",
    },
    Route {
        path: "/trips",
        function: "trips",
    },
    Route {
        path: "/trips/{proxy+}",
        function: "trips",
    },
];

/// What a front is started with.
#[derive(Debug, Clone)]
pub struct HttpFrontConfig {
    /// Where it listens; port 0 is a free one.
    pub address: SocketAddr,
    /// Which path goes to which function.
    pub routes: Vec<Route>,
    /// Whose tokens are taken.
    pub verifier: Verifier,
    /// Who is told how long requests take here, their functions aside.
    pub calls: Calls,
    /// How long a function may take; 30 s at most.
    pub integration_timeout: Duration,
}

/// What was counted since the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct HttpFrontCounters {
    /// Requests: what an HTTP API bills.
    pub requests: u64,
    /// Answers of 400 to 499.
    pub client_errors: u64,
    /// Answers of 500 and above.
    pub server_errors: u64,
    /// Bytes of request and response bodies.
    pub body_bytes: u64,
}

/// A front that listens.
#[derive(Debug)]
pub struct HttpFront {
    address: SocketAddr,
    shared: Arc<Shared>,
    connections: Arc<Semaphore>,
    stop: watch::Sender<bool>,
    accepting: JoinHandle<()>,
}

#[derive(Debug)]
struct Shared {
    config: HttpFrontConfig,
    host: Arc<LambdaHost>,
    requests: AtomicU64,
    client_errors: AtomicU64,
    server_errors: AtomicU64,
    body_bytes: AtomicU64,
}

impl HttpFront {
    /// Listens, and invokes functions of `host`.
    ///
    /// # Errors
    /// If the address cannot be listened on.
    pub async fn start(config: HttpFrontConfig, host: Arc<LambdaHost>) -> std::io::Result<Self> {
        let listener = TcpListener::bind(config.address).await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            config,
            host,
            requests: AtomicU64::new(0),
            client_errors: AtomicU64::new(0),
            server_errors: AtomicU64::new(0),
            body_bytes: AtomicU64::new(0),
        });
        let connections = Arc::new(Semaphore::new(CONNECTIONS_MAX));
        let (stop, stopped) = watch::channel(false);
        let accepting = tokio::spawn(accept(
            listener,
            Arc::clone(&shared),
            Arc::clone(&connections),
            stopped,
        ));
        Ok(Self {
            address,
            shared,
            connections,
            stop,
            accepting,
        })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What was counted so far.
    #[must_use]
    pub fn counters(&self) -> HttpFrontCounters {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        HttpFrontCounters {
            requests: read(&self.shared.requests),
            client_errors: read(&self.shared.client_errors),
            server_errors: read(&self.shared.server_errors),
            body_bytes: read(&self.shared.body_bytes),
        }
    }

    /// Stops listening, and waits for the requests under way, within bounds.
    pub async fn stop(&self) {
        // The front listens for as long as this lives, so someone hears it.
        self.stop.send_replace(true);
        let open = async {
            while self.connections.available_permits() < CONNECTIONS_MAX {
                tokio::time::sleep(DRAIN_POLL).await;
            }
        };
        if tokio::time::timeout(DRAIN_MAX, open).await.is_err() {
            tracing::warn!("HTTP requests were still under way at the stop");
        }
        self.accepting.abort();
    }
}

async fn accept(
    listener: TcpListener,
    shared: Arc<Shared>,
    connections: Arc<Semaphore>,
    mut stopped: Stopped,
) {
    loop {
        let permit = Arc::clone(&connections).acquire_owned().await;
        let permit = permit.expect("the semaphore is never closed");
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stop::wait(&mut stopped) => return,
        };
        match accepted {
            Ok((stream, peer)) => {
                tokio::spawn(serve(
                    stream,
                    peer,
                    Arc::clone(&shared),
                    stopped.clone(),
                    permit,
                ));
            }
            Err(error) => {
                // Out of files for a moment: the next connection may find one.
                tracing::warn!(%error, "a connection was not accepted");
                tokio::time::sleep(ACCEPT_RETRY).await;
            }
        }
    }
}

async fn serve(
    stream: TcpStream,
    peer: SocketAddr,
    shared: Arc<Shared>,
    mut stopped: Stopped,
    _permit: OwnedSemaphorePermit,
) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "a connection keeps its delay");
    }
    let service = service_fn(|request| {
        let shared = Arc::clone(&shared);
        async move { Ok::<_, Infallible>(shared.answer(request, peer).await) }
    });
    let mut connection = std::pin::pin!(
        http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_TIMEOUT)
            .serve_connection(TokioIo::new(stream), service)
    );
    let served = tokio::select! {
        served = connection.as_mut() => served,
        () = stop::wait(&mut stopped) => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = served {
        tracing::debug!(%error, "a connection broke");
    }
}

impl Shared {
    async fn answer(&self, request: Request<Incoming>, peer: SocketAddr) -> Response<Full<Bytes>> {
        self.requests.fetch_add(1, Ordering::Relaxed);
        let began = Instant::now();
        let limit = self.config.integration_timeout.min(INTEGRATION_TIMEOUT_MAX);
        let handled = tokio::time::timeout(limit, self.handle(request, peer)).await;
        let mut busy = Duration::ZERO;
        let mut response = match handled {
            Ok(Ok((response, function))) => {
                busy = function;
                response
            }
            Ok(Err(status)) => refusal(status),
            Err(_) => refusal(StatusCode::SERVICE_UNAVAILABLE),
        };
        match response.status().as_u16() {
            400..=499 => self.client_errors.fetch_add(1, Ordering::Relaxed),
            500.. => self.server_errors.fetch_add(1, Ordering::Relaxed),
            _ => 0,
        };
        let took = began.elapsed();
        if busy > Duration::ZERO {
            let overhead = took.saturating_sub(busy);
            self.config.calls.took("http.overhead", overhead);
        }
        time_server(&mut response, took);
        response
    }

    async fn handle(
        &self,
        request: Request<Incoming>,
        peer: SocketAddr,
    ) -> Result<(Response<Full<Bytes>>, Duration), StatusCode> {
        let (head, body) = request.into_parts();
        let route = self
            .config
            .routes
            .iter()
            .find(|route| route.matches(head.uri.path()));
        let route = route.ok_or(StatusCode::NOT_FOUND)?;
        let caller = self.authorize(&head).ok_or(StatusCode::UNAUTHORIZED)?;
        let body = Limited::new(body, HTTP_BODY_BYTES_MAX)
            .collect()
            .await
            .map_err(|error| {
                if error.is::<LengthLimitError>() {
                    StatusCode::PAYLOAD_TOO_LARGE
                } else {
                    StatusCode::BAD_REQUEST
                }
            })?;
        let body = body.to_bytes();
        let number = self.requests.load(Ordering::Relaxed);
        let context = event::Context {
            route,
            caller,
            peer,
            number,
            now: WallClock.now(),
        };
        let payload = event::encode(&head, &body, &context);
        let response = self
            .host
            .invoke_timed(route.function, payload)
            .await
            .map_err(|error| status_of(&error))?;
        let (response, busy) = response;
        let response = response.map_err(|error| status_of(&error))?;
        self.body_bytes
            .fetch_add((body.len() + response.len()) as u64, Ordering::Relaxed);
        let answer = event::decode(&response).ok_or_else(|| {
            tracing::error!(
                function = route.function,
                "found a response that is none of an HTTP API's"
            );
            StatusCode::INTERNAL_SERVER_ERROR
        })?;
        Ok((answer, busy))
    }

    fn authorize(&self, head: &http::request::Parts) -> Option<Subject> {
        let token = head.headers.get(header::AUTHORIZATION)?.to_str().ok()?;
        let token = token
            .strip_prefix("Bearer ")
            .or_else(|| token.strip_prefix("bearer "))?;
        match self.config.verifier.verify(token.trim(), WallClock.now()) {
            Ok(caller) => Some(caller.subject),
            Err(error) => {
                tracing::debug!(%error, "a token was refused");
                None
            }
        }
    }
}

/// Says how long the request was here, so that a client can tell the network from it
/// (W3C Server Timing; the span is in milliseconds).
fn time_server(response: &mut Response<Full<Bytes>>, took: Duration) {
    let text = format!("front;dur={:.3}", took.as_secs_f64() * 1_000.0);
    if let Ok(value) = HeaderValue::from_str(&text) {
        response.headers_mut().insert("server-timing", value);
    }
}

/// A throttle and a timeout are 503, everything else that a function does wrong is 500
/// (docs: apigateway/latest/developerguide/http-api-troubleshooting-lambda).
fn status_of(error: &InvokeError) -> StatusCode {
    match error {
        InvokeError::Throttled(_) | InvokeError::TimedOut(_) => StatusCode::SERVICE_UNAVAILABLE,
        InvokeError::PayloadTooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
        InvokeError::UnknownFunction(_)
        | InvokeError::Init(_)
        | InvokeError::Function(_)
        | InvokeError::Crashed => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

fn refusal(status: StatusCode) -> Response<Full<Bytes>> {
    let reason = match status {
        StatusCode::PAYLOAD_TOO_LARGE => "Request Entity Too Large",
        status => status.canonical_reason().unwrap_or_default(),
    };
    let mut response = Response::new(Full::from(format!(r#"{{"message":"{reason}"}}"#)));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    match status {
        StatusCode::UNAUTHORIZED => {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        StatusCode::SERVICE_UNAVAILABLE => {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        _ => {}
    }
    response
}
