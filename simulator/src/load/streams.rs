//! HTTP/2 connections to the tracker, each carrying many streams.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tonic::Request;
use tonic::metadata::MetadataValue;
use tonic::transport::{Channel, ClientTlsConfig, Endpoint};
use wire::grpc::v1::fleet_tracker_client::FleetTrackerClient;

use super::limits::WATCH_CONNECTIONS;

/// Why the tracker cannot be reached.
#[derive(Debug, thiserror::Error)]
#[error("{url}: cannot be reached ({source}), expected a fleet tracker there")]
pub struct StreamError {
    url: String,
    source: tonic::transport::Error,
}

/// The connections.
pub struct Streams {
    drivers: Vec<Channel>,
    watches: Vec<Channel>,
    next: AtomicUsize,
}

impl Streams {
    /// Connects, with at most `per_connection` of `drivers` streams on each connection.
    pub async fn connect(
        url: &str,
        drivers: usize,
        per_connection: usize,
    ) -> Result<Self, StreamError> {
        let connections = drivers.div_ceil(per_connection.max(1)).max(1);
        let mut all = Vec::with_capacity(connections + WATCH_CONNECTIONS);
        for _ in 0..connections + WATCH_CONNECTIONS {
            all.push(connect(url).await?);
        }
        let watches = all.split_off(connections);
        Ok(Self {
            drivers: all,
            watches,
            next: AtomicUsize::new(0),
        })
    }

    /// How many there are.
    pub fn connections(&self) -> u64 {
        u64::try_from(self.drivers.len() + self.watches.len()).unwrap_or(u64::MAX)
    }

    /// A client for a driver's stream.
    pub fn driver(&self, number: u64) -> FleetTrackerClient<Channel> {
        let at = usize::try_from(number).unwrap_or(0) % self.drivers.len();
        FleetTrackerClient::new(self.drivers[at].clone())
    }

    /// A client for a rider's stream.
    pub fn watch(&self) -> FleetTrackerClient<Channel> {
        let at = self.next.fetch_add(1, Ordering::Relaxed) % self.watches.len();
        FleetTrackerClient::new(self.watches[at].clone())
    }
}

/// A connection to the tracker at a URL.
///
/// # Errors
/// If it cannot be reached.
pub async fn connect(url: &str) -> Result<Channel, StreamError> {
    let failed = |source| StreamError {
        url: url.to_owned(),
        source,
    };
    let mut endpoint = Endpoint::from_shared(url.to_owned()).map_err(failed)?;
    if url.starts_with("https:") {
        let tls = ClientTlsConfig::new().with_native_roots();
        endpoint = endpoint.tls_config(tls).map_err(failed)?;
    }
    endpoint
        .tcp_nodelay(true)
        .connect_timeout(Duration::from_secs(5))
        .connect()
        .await
        .map_err(failed)
}

/// A request that says who asks.
pub fn authorized<T>(message: T, token: &str) -> Request<T> {
    let mut request = Request::new(message);
    let bearer = MetadataValue::try_from(format!("Bearer {token}")).expect("a token is ASCII");
    request.metadata_mut().insert("authorization", bearer);
    request
}
