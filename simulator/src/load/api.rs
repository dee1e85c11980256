//! The riders' HTTP calls.

use std::net::{Ipv4Addr, SocketAddr};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use calls::Calls;
use drive::agents::CallFailure;
use futures_util::future::BoxFuture;
use http::{HeaderMap, Method, Request, StatusCode, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::dns::Name;
use hyper_util::rt::TokioExecutor;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tower_service::Service;
use trace::{TRACEPARENT, TraceContext};
use wire::api::ErrorBody;

use crate::call_log::CLIENT_RTT;

use super::limits::{ANSWER_BYTES_MAX, IDLE_CONNECTIONS_MAX, REQUEST_MAX};

/// Why a call did not succeed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CallError {
    /// The API answered with an error.
    Answered {
        /// Its status.
        status: u16,
        /// Its stable code.
        code: String,
    },
    /// There was no answer, or none that can be read.
    Lost(&'static str),
}

impl CallFailure for CallError {
    fn kind(&self) -> String {
        match self {
            Self::Answered { status, code } => format!("{status} {code}"),
            Self::Lost(why) => (*why).to_owned(),
        }
    }

    fn may_pass(&self) -> bool {
        match self {
            Self::Answered { status, .. } => *status == 429 || *status >= 500,
            Self::Lost(_) => true,
        }
    }
}

/// Who calls, and in which trace.
#[derive(Debug, Clone, Copy)]
pub struct Caller<'a> {
    /// What the caller shows.
    pub token: &'a str,
    /// The trace that the call is of.
    pub trace: TraceContext,
}

/// The HTTP API, called over connections that are kept.
#[derive(Debug, Clone)]
pub struct Api {
    base: String,
    client: Client<HttpsConnector<HttpConnector<Resolver>>, Full<Bytes>>,
    calls: Calls,
}

impl Api {
    /// The API at a base URL; its certificate is held against this machine's.
    ///
    /// # Errors
    /// If the URL asks for TLS and this machine has no certificates.
    pub fn new(base: &str, calls: Calls) -> std::io::Result<Self> {
        let mut connector = HttpConnector::new_with_resolver(Resolver);
        connector.set_nodelay(true);
        connector.enforce_http(false);
        let builder = HttpsConnectorBuilder::new();
        // On loopback there is nothing to be read.
        let builder = if base.starts_with("https:") {
            builder.with_native_roots()?
        } else {
            builder.with_tls_config(no_roots())
        };
        let connector = builder
            .https_or_http()
            .enable_http1()
            .wrap_connector(connector);
        let client = Client::builder(TokioExecutor::new())
            .pool_max_idle_per_host(IDLE_CONNECTIONS_MAX)
            .build(connector);
        Ok(Self {
            base: base.trim_end_matches('/').to_owned(),
            client,
            calls,
        })
    }

    /// Whether it answers at all, to one who shows no token: no function is called for that.
    pub async fn answers(&self) -> bool {
        let url = format!("{}/quotes", self.base);
        let request = Request::get(url).body(Full::new(Bytes::new()));
        let Ok(request) = request else {
            return false;
        };
        let answer = self.client.request(request).await;
        answer.is_ok_and(|answer| !answer.status().is_server_error())
    }

    /// Calls, with a body.
    pub async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        caller: Caller<'_>,
        idempotency_key: Option<&str>,
        body: &impl Serialize,
    ) -> Result<T, CallError> {
        let body = serde_json::to_vec(body).map_err(|_| CallError::Lost("unwritable"))?;
        self.call(Method::POST, path, caller, idempotency_key, body.into())
            .await
    }

    /// Calls, without one.
    pub async fn get<T: DeserializeOwned>(
        &self,
        path: &str,
        caller: Caller<'_>,
    ) -> Result<T, CallError> {
        self.call(Method::GET, path, caller, None, Bytes::new())
            .await
    }

    async fn call<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        caller: Caller<'_>,
        idempotency_key: Option<&str>,
        body: Bytes,
    ) -> Result<T, CallError> {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.base))
            .header(header::AUTHORIZATION, format!("Bearer {}", caller.token))
            .header(TRACEPARENT, caller.trace.to_string())
            .header(header::CONTENT_TYPE, "application/json");
        if let Some(key) = idempotency_key {
            request = request.header("idempotency-key", key);
        }
        let request = request
            .body(Full::new(body))
            .map_err(|_| CallError::Lost("unwritable"))?;
        let began = Instant::now();
        let exchange = async {
            let answer = self
                .client
                .request(request)
                .await
                .map_err(|_| CallError::Lost("connection"))?;
            let status = answer.status();
            let served = served_for(answer.headers());
            let body = Limited::new(answer.into_body(), ANSWER_BYTES_MAX)
                .collect()
                .await
                .map_err(|_| CallError::Lost("answer"))?
                .to_bytes();
            let read = read(status, &body);
            if let Some(served) = served {
                let underway = began.elapsed().saturating_sub(served);
                self.calls.took(CLIENT_RTT, underway);
            }
            read
        };
        tokio::time::timeout(REQUEST_MAX, exchange)
            .await
            .unwrap_or(Err(CallError::Lost("timeout")))
    }
}

/// The system's names, and loopback for those under `localhost`, which few systems know though they should (RFC
/// 6761, section 6.3): emulators of AWS give each HTTP API such a name.
#[derive(Debug, Clone)]
struct Resolver;

impl Service<Name> for Resolver {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = std::io::Error;
    type Future = BoxFuture<'static, std::io::Result<Self::Response>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        Box::pin(async move {
            if name.as_str().ends_with(".localhost") {
                return Ok(vec![SocketAddr::from((Ipv4Addr::LOCALHOST, 0))].into_iter());
            }
            // The connector puts the URL's port in the place of this one.
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            Ok(found.collect::<Vec<_>>().into_iter())
        })
    }
}

fn no_roots() -> rustls::ClientConfig {
    rustls::ClientConfig::builder()
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth()
}

/// How long the request was at the server, if that says so (W3C Server Timing, in milliseconds).
fn served_for(headers: &HeaderMap) -> Option<Duration> {
    let timing = headers.get("server-timing")?.to_str().ok()?;
    let ms: f64 = timing.strip_prefix("front;dur=")?.parse().ok()?;
    Duration::try_from_secs_f64(ms / 1_000.0).ok()
}

fn read<T: DeserializeOwned>(status: StatusCode, body: &[u8]) -> Result<T, CallError> {
    if status.is_success() {
        return serde_json::from_slice(body).map_err(|_| CallError::Lost("unreadable"));
    }
    let code = serde_json::from_slice::<ErrorBody>(body)
        .map(|body| body.error.code)
        .unwrap_or_default();
    Err(CallError::Answered {
        status: status.as_u16(),
        code,
    })
}
