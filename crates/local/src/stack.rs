//! The whole system in one process: what `rushhour run` starts, and what end-to-end tests drive.
//!
//! [`Stack::provision`] has the tables and queues made, [`Provisioned::start`] starts everything else;
//! between the two a caller may seed the tables, for the tracker takes over what it finds there.
//! [`Stack::drain`] brings the work under way to its end, so that what the tables say is final, and
//! [`Stack::stop`] ends the servers as well.

mod config;
mod depth;
pub mod environment;
mod scrape;
#[cfg(test)]
mod tests;
mod tracker;
mod wiring;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use aws::meter::{QueueUse, TableUse};
use aws::receive::QueueDepth;
use aws::stack::QUEUES;
use aws::{Clients, DynamoHolds, DynamoTrips, ProvisionError, QueueConsumer};
use cloud::event_source::EventSourceConfigError;
use cloud::lambda_pool::LambdaCounters;
use fleet_client::FleetClientError;
use fleet_tracker::{MetricsSnapshot, StartError};
use identity::{Issuer, SecretError, Verifier};
use services::config::Market;
use services::ports::PortError;

pub use config::{
    Endpoints, FunctionName, FunctionSettings, MappingSettings, Processes, StackConfig,
};

use crate::event_source_host::{EventSourceHost, EventSourceUse};
use crate::http_front::{HttpFront, HttpFrontConfig, HttpFrontCounters, ROUTES};
use crate::lambda_host::{FunctionSpec, LambdaHost};
use crate::limits::{DRAIN_MAX, INTEGRATION_TIMEOUT_MAX};
use crate::schedule::Schedule;
use crate::servers::{EmbeddedAws, ServerError};
use depth::DepthSampler;
use tracker::{Tracker, TrackerHost, TrackerRecipe};

/// Why the stack does not start.
#[derive(Debug, thiserror::Error)]
pub enum StackError {
    /// The embedded servers.
    #[error(transparent)]
    Server(#[from] ServerError),
    /// A table or queue.
    #[error("provisioning: {0}")]
    Provision(#[from] ProvisionError),
    /// The identity secret.
    #[error("identity: {0}")]
    Secret(#[from] SecretError),
    /// The tracker.
    #[error("fleet tracker: {0}")]
    Tracker(#[from] StartError),
    /// The tracker's threads.
    #[error("fleet tracker: no threads: {0}")]
    Threads(std::io::Error),
    /// The tracker's client.
    #[error(transparent)]
    TrackerClient(#[from] FleetClientError),
    /// An event source mapping.
    #[error(transparent)]
    Mapping(#[from] EventSourceConfigError),
    /// The HTTP front.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
}

/// A queue's account: what the adapters counted, what the mapping saw, what is left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct QueueAccount {
    /// Calls and messages.
    pub used: QueueUse,
    /// The mapping's counters and the greatest age.
    pub mapping: EventSourceUse,
    /// What is in it now.
    pub depth: QueueDepth,
    /// The most messages seen waiting to be received, looked at once a second.
    pub depth_max: u64,
    /// Messages in its dead-letter queue now.
    pub dead_letters: u64,
}

/// Tables and queues that are there, and nothing else yet.
#[derive(Debug)]
pub struct Provisioned {
    config: StackConfig,
    servers: Option<EmbeddedAws>,
    aws: aws::Stack,
}

/// The system, running.
#[derive(Debug)]
pub struct Stack {
    market: Arc<Market>,
    issuer: Issuer,
    aws: aws::Stack,
    host: Arc<LambdaHost>,
    tracker: Tracker,
    tracker_grpc: SocketAddr,
    tracker_metrics: SocketAddr,
    mappings: BTreeMap<&'static str, EventSourceHost>,
    mappings_used: BTreeMap<&'static str, EventSourceUse>,
    front: Option<HttpFront>,
    front_address: SocketAddr,
    front_counters: HttpFrontCounters,
    schedule: Option<Schedule>,
    depths: DepthSampler,
    // Last, so that it is dropped last.
    servers: Option<EmbeddedAws>,
}

/// What several parts of a stack are given.
struct Common {
    market: Arc<Market>,
    issuer: Issuer,
    verifier: Verifier,
}

impl Common {
    fn of(config: &StackConfig) -> Result<Self, SecretError> {
        Ok(Self {
            market: Arc::new(config.market.clone()),
            issuer: Issuer::development(&config.identity_secret)?,
            verifier: Verifier::development(&config.identity_secret)?,
        })
    }
}

impl Provisioned {
    /// Adapters may be made of this, to seed the tables.
    #[must_use]
    pub fn aws(&self) -> &aws::Stack {
        &self.aws
    }

    /// Where DynamoDB and SQS are, in this order.
    #[must_use]
    pub fn endpoints(&self) -> (String, String) {
        wiring::endpoints(&self.config, self.servers.as_ref())
    }

    /// Starts the tracker, the functions, the mappings, the schedule, and last the HTTP front.
    ///
    /// # Errors
    /// If a part does not start; those before it are dropped then.
    pub async fn start(self) -> Result<Stack, StackError> {
        let (config, aws) = (&self.config, &self.aws);
        let common = Common::of(config)?;
        let Common {
            market,
            issuer,
            verifier,
        } = &common;
        let mut recipe = TrackerRecipe::new(config, market, verifier, aws, self.endpoints());
        let tracker = TrackerHost::start(recipe.clone()).await?;
        let (grpc, metrics) = (tracker.grpc(), tracker.metrics_address());
        // Started again, it is to be found where it was.
        (recipe.config.grpc, recipe.config.metrics) = (grpc, metrics);
        let functions = wiring::functions(config, market, issuer, aws, grpc, self.endpoints())?;
        let tracker = Tracker::here(recipe, tracker);
        self.join(common, functions, tracker, (grpc, metrics)).await
    }

    /// As [`Self::start`], with tracker and functions in processes of their own, which are there.
    ///
    /// # Errors
    /// If a part does not start.
    pub async fn start_around(self, processes: &Processes) -> Result<Stack, StackError> {
        let functions = wiring::invoked_functions(&self.config, &processes.functions);
        let tracker = Tracker::Process(processes.tracker_metrics);
        let addresses = (processes.tracker_grpc, processes.tracker_metrics);
        let common = Common::of(&self.config)?;
        self.join(common, functions, tracker, addresses).await
    }

    async fn join(
        self,
        common: Common,
        functions: Vec<FunctionSpec>,
        tracker: Tracker,
        (tracker_grpc, tracker_metrics): (SocketAddr, SocketAddr),
    ) -> Result<Stack, StackError> {
        let Self {
            config,
            servers,
            aws,
        } = self;
        let Common {
            market,
            issuer,
            verifier,
        } = common;
        let host = LambdaHost::new(functions, config.observer.clone());
        let host = Arc::new(host.telling(config.calls.clone()));
        let mappings = wiring::mappings(&config, &aws, &host)?;
        let schedule = Schedule::start(
            Arc::clone(&host),
            FunctionName::Trips.as_str(),
            config.sweep_every,
        );
        let address = config.http;
        let depths = DepthSampler::start(&aws);
        let front = HttpFrontConfig {
            address,
            routes: ROUTES.to_vec(),
            verifier,
            calls: config.calls.clone(),
            integration_timeout: INTEGRATION_TIMEOUT_MAX,
        };
        let front = HttpFront::start(front, Arc::clone(&host))
            .await
            .map_err(|source| StackError::Listen { address, source })?;
        let front_address = front.address();
        tracing::info!(http = %front_address, grpc = %tracker_grpc, "the stack serves");
        Ok(Stack {
            market,
            issuer,
            aws,
            host,
            tracker,
            tracker_grpc,
            tracker_metrics,
            mappings,
            mappings_used: BTreeMap::new(),
            front: Some(front),
            front_address,
            front_counters: HttpFrontCounters::default(),
            schedule: Some(schedule),
            depths,
            servers,
        })
    }
}

impl Stack {
    /// Starts the servers, unless endpoints are given, and has tables and queues made.
    ///
    /// # Errors
    /// If a server does not start, or a table or queue cannot be made.
    pub async fn provision(config: StackConfig) -> Result<Provisioned, StackError> {
        let (servers, clients) = match &config.endpoints {
            Endpoints::Embedded(ports) => {
                let servers = EmbeddedAws::start_at(*ports)?;
                let clients = servers.clients();
                (Some(servers), clients)
            }
            Endpoints::At { dynamodb, sqs } => (None, Clients::embedded(dynamodb, sqs)),
        };
        let resources = aws::provision(&clients, &config.name_prefix).await?;
        let aws = aws::Stack {
            calls: config.calls.clone(),
            ..aws::Stack::new(clients, resources)
        };
        Ok(Provisioned {
            config,
            servers,
            aws,
        })
    }

    /// [`Self::provision`] and [`Provisioned::start`] in one.
    ///
    /// # Errors
    /// If any part does not start.
    pub async fn start(config: StackConfig) -> Result<Self, StackError> {
        Self::provision(config).await?.start().await
    }

    /// Where the HTTP API is, such as `http://127.0.0.1:41234`.
    #[must_use]
    pub fn http_url(&self) -> String {
        format!("http://{}", self.front_address)
    }

    /// Where the tracker's gRPC is.
    #[must_use]
    pub fn tracker_url(&self) -> String {
        format!("http://{}", self.tracker_grpc)
    }

    /// Where the tracker's `/metrics` is.
    #[must_use]
    pub fn tracker_metrics_url(&self) -> String {
        format!("http://{}/metrics", self.tracker_metrics)
    }

    /// Issues tokens that the front and the tracker take.
    #[must_use]
    pub fn issuer(&self) -> &Issuer {
        &self.issuer
    }

    /// The market that is served.
    #[must_use]
    pub fn market(&self) -> &Arc<Market> {
        &self.market
    }

    /// Clients, names and meter: what adapters are made of.
    #[must_use]
    pub fn aws(&self) -> &aws::Stack {
        &self.aws
    }

    /// The trips, for seeds and audits.
    #[must_use]
    pub fn trips(&self) -> DynamoTrips {
        DynamoTrips::new(&self.aws, self.market.sweep)
    }

    /// The holds, for seeds and audits.
    #[must_use]
    pub fn holds(&self) -> DynamoHolds {
        DynamoHolds::new(&self.aws)
    }

    /// The functions, to be invoked past the front.
    #[must_use]
    pub fn functions(&self) -> &Arc<LambdaHost> {
        &self.host
    }

    /// What each function was used for, by name.
    #[must_use]
    pub fn function_counters(&self) -> BTreeMap<String, LambdaCounters> {
        self.host.counters()
    }

    /// Has maxima begin anew, as at the end of a warm-up: the greatest age and depth of queues, and of functions the
    /// most calls at once, with all that is counted of them.
    pub fn reset_maxima(&self) {
        self.host.reset_counters();
        for mapping in self.mappings.values() {
            mapping.reset_maxima();
        }
        self.depths.reset();
    }

    /// What the HTTP front was used for.
    #[must_use]
    pub fn http_counters(&self) -> HttpFrontCounters {
        self.front
            .as_ref()
            .map_or(self.front_counters, HttpFront::counters)
    }

    /// What the tables were used for, by name without prefix.
    #[must_use]
    pub fn table_use(&self) -> BTreeMap<&'static str, TableUse> {
        self.aws.meter.tables()
    }

    /// What the tracker counted, with those before it that were drained; none while it is down.
    ///
    /// # Errors
    /// If it is up, in a process of its own, and does not say.
    pub async fn tracker_metrics(&self) -> Result<Option<MetricsSnapshot>, PortError> {
        self.tracker.metrics().await
    }

    /// The account of each queue, by name without prefix.
    ///
    /// # Errors
    /// If SQS cannot be asked.
    pub async fn queue_accounts(&self) -> Result<BTreeMap<&'static str, QueueAccount>, PortError> {
        let used = self.aws.meter.queues();
        let depth_max = self.depths.depth_max();
        let mut accounts = BTreeMap::new();
        for spec in &QUEUES {
            let depth = QueueConsumer::new(&self.aws, spec.queue).depth().await?;
            let mapping = self.mappings.get(spec.name).map(EventSourceHost::used);
            let account = QueueAccount {
                used: used.get(spec.name).copied().unwrap_or_default(),
                mapping: mapping
                    .or_else(|| self.mappings_used.get(spec.name).copied())
                    .unwrap_or_default(),
                depth,
                depth_max: depth_max
                    .get(spec.name)
                    .copied()
                    .unwrap_or_default()
                    .max(depth.visible),
                dead_letters: QueueConsumer::dead_letters(&self.aws, spec.queue).await?,
            };
            accounts.insert(spec.name, account);
        }
        Ok(accounts)
    }

    /// Ends the tracker at once, as if its process were killed: nobody is told, nothing is drained.
    pub async fn kill_tracker(&mut self) {
        self.tracker.kill().await;
    }

    /// Drains and ends the tracker, as a container service does before it starts the next one.
    pub async fn stop_tracker(&mut self) {
        self.tracker.stop().await;
    }

    /// Starts the tracker again where it was; one that runs is stopped first, as on a deploy.
    ///
    /// # Errors
    /// If it cannot listen there, or the holds cannot be read.
    pub async fn restart_tracker(&mut self) -> Result<(), StackError> {
        self.tracker.restart().await
    }

    /// Brings what is under way to its end, in this order and each within bounds: the front, the
    /// schedule, the mappings, the functions, the tracker. Tables, queues and counters stay readable.
    pub async fn drain(&mut self) {
        if let Some(front) = self.front.take() {
            front.stop().await;
            self.front_counters = front.counters();
        }
        self.quiesce().await;
    }

    /// As [`Self::drain`], with the front left up: nothing happens any more but what riders ask for.
    pub async fn quiesce(&mut self) {
        if let Some(schedule) = self.schedule.take() {
            schedule.stop();
        }
        let mappings = std::mem::take(&mut self.mappings);
        for (queue, mut mapping) in mappings {
            if !mapping.stop(DRAIN_MAX).await {
                tracing::warn!(queue, "invocations were still under way at the stop");
            }
            self.mappings_used.insert(queue, mapping.used());
        }
        if !self.host.drain(DRAIN_MAX).await {
            tracing::warn!("function calls were still under way at the stop");
        }
        self.tracker.stop().await;
    }

    /// Drains, and ends the servers. What the tables held is gone then, if they were embedded.
    pub async fn stop(mut self) {
        self.drain().await;
        if let Some(servers) = self.servers.take() {
            // It joins threads, which is no work for a task.
            drop(tokio::task::spawn_blocking(move || servers.stop()).await);
        }
    }
}
