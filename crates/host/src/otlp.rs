//! Spans leave the process: OTLP over HTTP, in protobuf, to a collector beside it or elsewhere
//! (OpenTelemetry protocol 1.x).
//!
//! The SDK of OpenTelemetry is not used: it exports from a thread of its own, on a timer, while a function is
//! frozen between two invocations and must not be charged for waiting. What is left of it is one message, below,
//! and its limits.

mod message;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, StatusCode, Uri, header};
use http_body_util::Full;
use prost::Message;
use trace::{FinishedSpan, Flush, Recorder};

use crate::https::{self, HttpsClient};
use message::ExportTraceServiceRequest;

/// Where spans go below the endpoint.
const PATH: &str = "/v1/traces";
/// Spans that wait to leave; beyond it the newest are dropped and counted.
pub const SPANS_MAX: usize = 4_096;
/// Spans of one message.
pub const SPANS_PER_EXPORT_MAX: usize = 512;
/// How long one message may take: an invocation waits for it.
pub const EXPORT_MAX: Duration = Duration::from_secs(1);
/// How often a process that is never frozen exports.
pub const EXPORT_EVERY: Duration = Duration::from_secs(2);

/// Why spans cannot be exported.
#[derive(Debug, thiserror::Error)]
pub enum OtlpError {
    /// The endpoint is no URL.
    #[error(
        "OTEL_EXPORTER_OTLP_ENDPOINT: found {found:?}, expected a URL such as http://127.0.0.1:4318"
    )]
    Endpoint {
        /// What it is.
        found: String,
    },
    /// The machine has no certificates by which it would know the endpoint.
    #[error("found no certificates of authorities on this machine: {0}")]
    Trust(std::io::Error),
}

/// Exports spans.
pub struct OtlpExporter {
    service: String,
    endpoint: Uri,
    client: HttpsClient<Full<Bytes>>,
    waiting: Mutex<Vec<FinishedSpan>>,
    dropped: AtomicU64,
}

impl fmt::Debug for OtlpExporter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OtlpExporter")
            .field("endpoint", &self.endpoint)
            .finish_non_exhaustive()
    }
}

impl OtlpExporter {
    /// An exporter of a service's spans to `endpoint`, to which `/v1/traces` is added.
    ///
    /// # Errors
    /// If the endpoint is no URL, or the machine has no certificates.
    pub fn new(service: &str, endpoint: &str) -> Result<Self, OtlpError> {
        let url = format!("{}{PATH}", endpoint.trim_end_matches('/'));
        let endpoint = url
            .parse()
            .ok()
            .filter(|uri: &Uri| matches!(uri.scheme_str(), Some("http" | "https")))
            .ok_or_else(|| OtlpError::Endpoint {
                found: endpoint.to_owned(),
            })?;
        Ok(Self {
            service: service.to_owned(),
            endpoint,
            client: https::client().map_err(OtlpError::Trust)?,
            waiting: Mutex::default(),
            dropped: AtomicU64::new(0),
        })
    }

    fn waiting(&self) -> MutexGuard<'_, Vec<FinishedSpan>> {
        self.waiting
            .lock()
            .expect("no one panics while holding the spans")
    }

    async fn export(&self, spans: Vec<FinishedSpan>) -> Result<(), String> {
        let message = ExportTraceServiceRequest::of(&self.service, spans);
        let request = Request::post(self.endpoint.clone())
            .header(header::CONTENT_TYPE, "application/x-protobuf")
            .body(Full::from(message.encode_to_vec()))
            .map_err(|error| error.to_string())?;
        let answer = self.client.request(request).await;
        let status = answer.map_err(|error| error.to_string())?.status();
        if status == StatusCode::OK {
            return Ok(());
        }
        Err(format!("found status {status}, expected 200"))
    }
}

impl Recorder for OtlpExporter {
    fn ended(&self, span: FinishedSpan) {
        let mut waiting = self.waiting();
        if waiting.len() < SPANS_MAX {
            waiting.push(span);
        } else {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn flush(&self) -> Flush<'_> {
        Box::pin(async {
            loop {
                let spans: Vec<_> = {
                    let mut waiting = self.waiting();
                    let first = waiting.len().min(SPANS_PER_EXPORT_MAX);
                    waiting.drain(..first).collect()
                };
                if spans.is_empty() {
                    break;
                }
                let count = spans.len();
                let exported = tokio::time::timeout(EXPORT_MAX, self.export(spans)).await;
                // Lost spans are lost: the work that they tell of is done.
                if let Err(error) = exported.unwrap_or_else(|_| Err("found no answer".to_owned())) {
                    tracing::warn!(%error, count, "spans were not exported");
                    break;
                }
            }
            let dropped = self.dropped.swap(0, Ordering::Relaxed);
            if dropped > 0 {
                tracing::warn!(
                    dropped,
                    limit = SPANS_MAX,
                    "spans came faster than they left"
                );
            }
        })
    }
}

/// Exports the spans of this process if `OTEL_EXPORTER_OTLP_ENDPOINT` says where to, as `OTEL_SERVICE_NAME` or
/// else `service`: whether it does. Nothing is loaded or started otherwise. To be called once, by `main`.
///
/// # Errors
/// If the endpoint cannot be used.
pub fn start(service: &str) -> Result<bool, OtlpError> {
    let variable = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
    let Some(endpoint) = variable("OTEL_EXPORTER_OTLP_ENDPOINT") else {
        return Ok(false);
    };
    let name = variable("OTEL_SERVICE_NAME");
    let exporter = OtlpExporter::new(name.as_deref().unwrap_or(service), &endpoint)?;
    trace::record_with(Box::new(exporter));
    Ok(true)
}

/// Exports again and again, for a process that is never frozen. To be spawned.
pub async fn export_in_background() {
    loop {
        tokio::time::sleep(EXPORT_EVERY).await;
        trace::flush().await;
    }
}
