//! Start and end of the tracker: sockets, the restart from the table, the clockwork, the drain.

use std::future::Future;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::header::CONTENT_TYPE;
use axum::routing::get;
use calls::Calls;
use domain::Timestamp;
use fleet::FleetPolicy;
use services::config::Market;
use services::ports::{Clock, HoldStore, MarketSnapshots, PortError, TripEvents};
use services::track::{Restored, Tracker};
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tonic::transport::Server;
use trace::Rides;
use wire::grpc::v1::fleet_tracker_server::FleetTrackerServer;

use crate::accept::connections;
use crate::callers::Callers;
use crate::limits::{
    DRAIN_MAX, EXPIRY_SLEEP_MAX, EXPIRY_SLEEP_MIN, MESSAGE_BYTES_MAX, STREAMS_PER_CONNECTION_MAX,
};
use crate::metrics::{Metrics, MetricsSnapshot};
use crate::redis;
use crate::service::{Service, Shared};
use crate::streams::Streams;
use crate::track::SHUTTING_DOWN;

/// The format of `/metrics`, as Prometheus asks scrapers' targets to name it (OpenMetrics 1.0).
const METRICS_CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// What a tracker is started with.
#[derive(Debug, Clone)]
pub struct TrackerConfig {
    /// The market it serves.
    pub market: Arc<Market>,
    /// How pings are judged.
    pub policy: FleetPolicy,
    /// Who may call.
    pub callers: Callers,
    /// Where gRPC listens.
    pub grpc: SocketAddr,
    /// Where `/metrics` and `/healthz` listen.
    pub metrics: SocketAddr,
    /// Where clients of Redis are answered, if anywhere.
    pub redis: Option<SocketAddr>,
    /// Who is told how long calls take.
    pub calls: Calls,
}

/// Why a tracker does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// An address cannot be listened on.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// Which.
        address: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
    /// The durable holds cannot be taken over.
    #[error("cannot take over the holds: {0}")]
    Restore(#[from] PortError),
}

/// A tracker that runs.
pub struct FleetTracker {
    /// Where gRPC listens.
    pub grpc: SocketAddr,
    /// Where `/metrics` and `/healthz` listen.
    pub metrics_address: SocketAddr,
    /// Where clients of Redis are answered, if anywhere.
    pub redis: Option<SocketAddr>,
    /// What it took over when it started.
    pub restored: Restored,
    metrics: Arc<Metrics>,
    streams: Arc<Streams>,
    stop: watch::Sender<bool>,
    tasks: JoinSet<()>,
}

impl FleetTracker {
    /// Takes over the durable holds, then listens.
    ///
    /// # Errors
    /// If an address cannot be listened on, or the holds cannot be read.
    pub async fn start<H, E, S, C>(
        config: TrackerConfig,
        holds: H,
        events: E,
        snapshots: S,
        clock: C,
    ) -> Result<Self, StartError>
    where
        H: HoldStore + 'static,
        E: TripEvents + 'static,
        S: MarketSnapshots + 'static,
        C: Clock + Clone + 'static,
    {
        let (grpc, grpc_listener) = listen(config.grpc).await?;
        let (metrics_address, metrics_listener) = listen(config.metrics).await?;
        let redis = match config.redis {
            Some(address) => Some(listen(address).await?),
            None => None,
        };
        let metrics = Arc::new(Metrics::default());
        let rides = Rides::default();
        let streams = Streams::new(clock.clone(), metrics.clone(), rides.clone());
        let streams = Arc::new(streams);
        let snapshot_every = config
            .market
            .surge
            .as_ref()
            .map(|_| config.market.snapshot_every);
        let tracker = Tracker::new(
            config.market,
            config.policy,
            holds,
            events,
            snapshots,
            streams.clone(),
            clock.clone(),
        );
        let restored = tracker.restore().await?;
        tracing::info!(?restored, %grpc, "tracker takes over");
        let (stop, stopped) = watch::channel(false);
        let shared = Arc::new(Shared {
            tracker,
            streams: streams.clone(),
            metrics: metrics.clone(),
            rides,
            callers: config.callers.clone(),
            calls: config.calls,
            clock,
            stopped: stopped.clone(),
        });
        let mut tasks = JoinSet::new();
        tasks.spawn(serve_grpc(shared.clone(), grpc_listener, stopped.clone()));
        tasks.spawn(serve_metrics(
            shared.clone(),
            metrics_listener,
            stopped.clone(),
        ));
        let mut redis_address = None;
        if let Some((address, listener)) = redis {
            redis_address = Some(address);
            let serving = redis::serve(shared.clone(), listener);
            tasks.spawn(until(stopped.clone(), serving));
        }
        tasks.spawn(until(stopped.clone(), expire(shared.clone())));
        tasks.spawn(until(stopped.clone(), config.callers.keep_keys_fresh()));
        if let Some(every) = snapshot_every {
            tasks.spawn(until(stopped, count_supply(shared, every)));
        }
        Ok(Self {
            grpc,
            metrics_address,
            redis: redis_address,
            restored,
            metrics,
            streams,
            stop,
            tasks,
        })
    }

    /// What was counted so far.
    #[must_use]
    pub fn metrics(&self) -> MetricsSnapshot {
        self.metrics.snapshot(self.streams.len())
    }

    /// Streams that are open.
    #[must_use]
    pub fn streams(&self) -> usize {
        self.streams.len()
    }

    /// Tells drivers to come back, stops listening, and waits for calls under way, within bounds.
    pub async fn stop(mut self) {
        self.streams.close_all(SHUTTING_DOWN);
        // Nobody may listen any more, which is as good.
        let _ = self.stop.send(true);
        let drained = async { while self.tasks.join_next().await.is_some() {} };
        if tokio::time::timeout(DRAIN_MAX, drained).await.is_err() {
            tracing::warn!(
                limit_s = DRAIN_MAX.as_secs(),
                "calls were still under way at the stop"
            );
        }
    }
}

/// What a tracker runs on. On one processor a thread of its own for the tasks would only be woken by the one that waits
/// for sockets: a request costs a twentieth less without.
///
/// # Errors
/// If there can be none.
pub fn runtime(processors: NonZeroUsize) -> std::io::Result<Runtime> {
    let processors = processors.get();
    if processors == 1 {
        return Builder::new_current_thread().enable_all().build();
    }
    Builder::new_multi_thread()
        .worker_threads(processors)
        .enable_all()
        .build()
}

async fn listen(address: SocketAddr) -> Result<(SocketAddr, TcpListener), StartError> {
    let failed = |source| StartError::Listen { address, source };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    Ok((listener.local_addr().map_err(failed)?, listener))
}

async fn until(mut stopped: watch::Receiver<bool>, work: impl Future<Output = ()>) {
    tokio::select! {
        _ = stopped.wait_for(|stop| *stop) => {}
        () = work => {}
    }
}

async fn serve_grpc<H, E, S, C>(
    shared: Arc<Shared<H, E, S, C>>,
    listener: TcpListener,
    mut stopped: watch::Receiver<bool>,
) where
    H: HoldStore + 'static,
    E: TripEvents + 'static,
    S: MarketSnapshots + 'static,
    C: Clock + 'static,
{
    let (health, health_service) = tonic_health::server::health_reporter();
    health
        .set_serving::<FleetTrackerServer<Service<H, E, S, C>>>()
        .await;
    let tracker =
        FleetTrackerServer::new(Service(shared)).max_decoding_message_size(MESSAGE_BYTES_MAX);
    let served = Server::builder()
        .max_concurrent_streams(Some(STREAMS_PER_CONNECTION_MAX))
        .add_service(health_service)
        .add_service(tracker)
        .serve_with_incoming_shutdown(connections(listener), async move {
            // An error means that the tracker was dropped: a stop as well.
            let _ = stopped.wait_for(|stop| *stop).await;
        })
        .await;
    if let Err(error) = served {
        tracing::error!(%error, "gRPC ended");
    }
}

async fn serve_metrics<H, E, S, C>(
    shared: Arc<Shared<H, E, S, C>>,
    listener: TcpListener,
    mut stopped: watch::Receiver<bool>,
) where
    H: HoldStore + 'static,
    E: TripEvents + 'static,
    S: MarketSnapshots + 'static,
    C: Clock + 'static,
{
    let render = move || {
        let text = shared
            .metrics
            .render(shared.tracker.counts(), shared.streams.len());
        async move { ([(CONTENT_TYPE, METRICS_CONTENT_TYPE)], text) }
    };
    let routes = Router::new()
        .route("/metrics", get(render))
        .route("/healthz", get(|| async { "serving\n" }));
    let served = axum::serve(listener, routes)
        .with_graceful_shutdown(async move {
            let _ = stopped.wait_for(|stop| *stop).await;
        })
        .await;
    if let Err(error) = served {
        tracing::error!(%error, "metrics ended");
    }
}

/// Lets time do its work, sleeping as long as nothing can be due.
async fn expire<H, E, S, C>(shared: Arc<Shared<H, E, S, C>>)
where
    H: HoldStore,
    E: TripEvents,
    S: MarketSnapshots,
    C: Clock,
{
    loop {
        let expiring = trace::within(shared.scope(None), shared.tracker.expire());
        let next = expiring.await.unwrap_or(Timestamp::MAX);
        let wait = next.since(shared.clock.now());
        tokio::time::sleep(wait.clamp(EXPIRY_SLEEP_MIN, EXPIRY_SLEEP_MAX)).await;
    }
}

async fn count_supply<H, E, S, C>(shared: Arc<Shared<H, E, S, C>>, every: Duration)
where
    H: HoldStore,
    E: TripEvents,
    S: MarketSnapshots,
    C: Clock,
{
    loop {
        tokio::time::sleep(every).await;
        if let Err(error) = shared.tracker.count_supply().await {
            tracing::warn!(%error, "supply was not counted");
        }
    }
}
