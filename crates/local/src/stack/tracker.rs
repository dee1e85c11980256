//! The fleet tracker on threads and a runtime of its own, as a container has them: so that what it burns
//! can be told apart, and a kill takes all of it, open connections included.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use aws::{Clients, DynamoHolds};
use fleet_tracker::{FleetTracker, MetricsSnapshot, TrackerConfig};
use host::WallClock;
use identity::Verifier;
use services::config::Market;
use services::ports::PortError;
use tokio::runtime::Runtime;

use super::config::StackConfig;
use super::{StackError, scrape};

/// How long a kill waits for the threads to let go of their sockets.
const KILL_WAIT: Duration = Duration::from_secs(2);

/// What a tracker is started with, once and again.
#[derive(Debug, Clone)]
pub(super) struct TrackerRecipe {
    pub(super) config: TrackerConfig,
    pub(super) threads: usize,
    /// Names and meter; the clients are the tracker's own, as their connections live on its runtime.
    pub(super) aws: aws::Stack,
    pub(super) dynamodb_endpoint: String,
    pub(super) sqs_endpoint: String,
}

impl TrackerRecipe {
    pub(super) fn new(
        config: &StackConfig,
        market: &Arc<Market>,
        verifier: &Verifier,
        aws: &aws::Stack,
        (dynamodb_endpoint, sqs_endpoint): (String, String),
    ) -> Self {
        let tracker = TrackerConfig {
            market: Arc::clone(market),
            policy: config.fleet_policy,
            callers: verifier.clone().into(),
            grpc: config.grpc,
            metrics: config.metrics,
            redis: None,
            calls: config.calls.clone(),
        };
        Self {
            config: tracker,
            threads: config.tracker_threads.max(1),
            aws: aws.clone(),
            dynamodb_endpoint,
            sqs_endpoint,
        }
    }
}

/// The tracker of a stack.
#[derive(Debug)]
pub(super) enum Tracker {
    /// In this process.
    Here(Box<TrackerHere>),
    /// In a process of its own, which is not ours to start or end: where its metrics are.
    Process(SocketAddr),
}

/// A tracker in this process.
#[derive(Debug)]
pub(super) struct TrackerHere {
    /// What it is started with, once and again.
    recipe: TrackerRecipe,
    running: Option<TrackerHost>,
    /// What those before it counted, until they were drained.
    before: MetricsSnapshot,
}

impl Tracker {
    /// One that runs in this process, and what it was started with.
    pub(super) fn here(recipe: TrackerRecipe, running: TrackerHost) -> Self {
        Self::Here(Box::new(TrackerHere {
            recipe,
            running: Some(running),
            before: MetricsSnapshot::default(),
        }))
    }

    /// What it has counted, with those before it that were drained; none while it is down.
    ///
    /// # Errors
    /// If it is up, in a process of its own, and does not say.
    pub(super) async fn metrics(&self) -> Result<Option<MetricsSnapshot>, PortError> {
        match self {
            Self::Here(here) => {
                let running = here.running.as_ref();
                Ok(running.map(|running| running.metrics().after(here.before)))
            }
            Self::Process(at) => scrape::ask(*at).await,
        }
    }

    /// Drains and ends it, if it is ours.
    pub(super) async fn stop(&mut self) {
        if let Self::Here(here) = self
            && let Some(running) = here.running.take()
        {
            here.before = running.metrics().after(here.before);
            running.stop().await;
        }
    }

    /// Ends it as if its process were killed, if it is ours.
    pub(super) async fn kill(&mut self) {
        if let Self::Here(here) = self
            && let Some(running) = here.running.take()
        {
            running.kill().await;
        }
    }

    /// Starts it where it was, stopping one that runs.
    pub(super) async fn restart(&mut self) -> Result<(), StackError> {
        self.stop().await;
        if let Self::Here(here) = self {
            here.running = Some(TrackerHost::start(here.recipe.clone()).await?);
        }
        Ok(())
    }
}

/// A tracker that runs. Dropping it kills it.
pub(super) struct TrackerHost {
    runtime: Option<Runtime>,
    tracker: Option<FleetTracker>,
}

impl TrackerHost {
    pub(super) async fn start(recipe: TrackerRecipe) -> Result<Self, StackError> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(recipe.threads)
            .thread_name("fleet-tracker")
            .enable_all()
            .build()
            .map_err(StackError::Threads)?;
        let starting = tokio::task::spawn_blocking(move || {
            let started = runtime.block_on(async move {
                let clients = Clients::embedded(&recipe.dynamodb_endpoint, &recipe.sqs_endpoint);
                let aws = aws::Stack {
                    clients,
                    ..recipe.aws
                };
                FleetTracker::start(
                    recipe.config,
                    DynamoHolds::new(&aws),
                    aws::SqsTripEvents::new(&aws),
                    aws::SqsMarketSnapshots::new(&aws),
                    WallClock,
                )
                .await
            });
            (runtime, started)
        });
        let (runtime, started) = starting
            .await
            .map_err(|ended| StackError::Threads(ended.into()))?;
        // Before the result is looked at: a runtime must not be dropped as such within a task.
        let mut host = Self {
            runtime: Some(runtime),
            tracker: None,
        };
        host.tracker = Some(started?);
        Ok(host)
    }

    fn running(&self) -> &FleetTracker {
        self.tracker
            .as_ref()
            .expect("a tracker host has its tracker until it is stopped")
    }

    pub(super) fn grpc(&self) -> SocketAddr {
        self.running().grpc
    }

    pub(super) fn metrics_address(&self) -> SocketAddr {
        self.running().metrics_address
    }

    pub(super) fn metrics(&self) -> MetricsSnapshot {
        self.running().metrics()
    }

    /// Drains and ends it.
    pub(super) async fn stop(mut self) {
        if let (Some(runtime), Some(tracker)) = (&self.runtime, self.tracker.take()) {
            drop(runtime.spawn(tracker.stop()).await);
        }
        self.kill().await;
    }

    /// Ends it as if its process were killed; returns once its sockets are closed.
    pub(super) async fn kill(mut self) {
        if let Some(runtime) = self.runtime.take() {
            let killed = tokio::task::spawn_blocking(move || runtime.shutdown_timeout(KILL_WAIT));
            drop(killed.await);
        }
    }
}

impl Drop for TrackerHost {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl fmt::Debug for TrackerHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TrackerHost").finish_non_exhaustive()
    }
}
