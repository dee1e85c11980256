//! What a stack is started with.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use aws::Queue;
use aws::stack::QUEUES;
use calls::Calls;
use cloud::event_source::EventSourceConfig;
use cloud::lambda_pool::LambdaConfig;
use fleet::FleetPolicy;
use matching::RoundObserver;
use services::config::Market;
use services::token::Keyring;

use crate::lambda_host::InvocationObserver;
use crate::servers::Ports;

/// The secret of development tokens unless another is given. The stack listens on loopback alone.
pub(super) const DEVELOPMENT_SECRET: &[u8] =
    b"rushhour: for this machine alone, never for a deployment";

/// The name of the key that quotes are signed with, made of that secret.
pub(super) const DEVELOPMENT_KEY: &str = "development";

/// The functions there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FunctionName {
    /// `POST /quotes`.
    Pricing,
    /// `market-snapshots`.
    Surge,
    /// `/trips`, `trip-events`, the schedule.
    Trips,
    /// `ride-requests`.
    Matching,
}

impl FunctionName {
    /// Every function.
    pub const ALL: [Self; 4] = [Self::Pricing, Self::Surge, Self::Trips, Self::Matching];

    /// The name as text.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pricing => "pricing",
            Self::Surge => "surge",
            Self::Trips => "trips",
            Self::Matching => "matching",
        }
    }

    /// The function that a queue's mapping invokes.
    #[must_use]
    pub const fn of_queue(queue: Queue) -> Self {
        match queue {
            Queue::RideRequests => Self::Matching,
            Queue::TripEvents => Self::Trips,
            Queue::MarketSnapshots => Self::Surge,
        }
    }
}

/// What one function is given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FunctionSettings {
    /// Memory, concurrency, idle time of its environments.
    pub pool: LambdaConfig,
    /// How long a call may take.
    pub timeout: Duration,
    /// So much longer each call takes, as if what it asks were that far away.
    pub added_latency: Duration,
}

/// How one queue's mapping polls and batches.
pub type MappingSettings = EventSourceConfig;

/// Where DynamoDB and SQS are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Endpoints {
    /// In this process, empty at the start.
    Embedded(Ports),
    /// Elsewhere on this machine.
    At {
        /// DynamoDB's URL.
        dynamodb: String,
        /// SQS's URL.
        sqs: String,
    },
}

/// Parts that run in processes of their own, which somebody else starts and ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Processes {
    /// Where functions are invoked, such as `http://127.0.0.1:9000` of `cargo lambda watch`.
    pub functions: String,
    /// Where the tracker's gRPC listens.
    pub tracker_grpc: SocketAddr,
    /// Where the tracker's `/metrics` listens.
    pub tracker_metrics: SocketAddr,
}

/// What a stack is started with. [`StackConfig::new`] has defaults for everything but the market.
#[derive(Clone)]
pub struct StackConfig {
    /// The market that is served.
    pub market: Market,
    /// Where DynamoDB and SQS are.
    pub endpoints: Endpoints,
    /// What table and queue names begin with.
    pub name_prefix: String,
    /// The secret of development tokens.
    pub identity_secret: Vec<u8>,
    /// The keys that sign and verify quotes.
    pub quote_keys: Keyring,
    /// How the tracker judges pings.
    pub fleet_policy: FleetPolicy,
    /// Where the HTTP front listens; port 0 is a free one.
    pub http: SocketAddr,
    /// Where the tracker's gRPC listens.
    pub grpc: SocketAddr,
    /// Where the tracker's `/metrics` listens.
    pub metrics: SocketAddr,
    /// Threads of the tracker: the vCPUs of its task, rounded up.
    pub tracker_threads: usize,
    /// What each function is given.
    pub functions: BTreeMap<FunctionName, FunctionSettings>,
    /// How each queue's mapping polls and batches, by the queue's name without prefix.
    pub mappings: BTreeMap<&'static str, MappingSettings>,
    /// How often the sweep runs.
    pub sweep_every: Duration,
    /// Who is told of each invocation.
    pub observer: Option<InvocationObserver>,
    /// Who is told of each match round.
    pub round_observer: Option<RoundObserver>,
    /// Who is told how long calls take.
    pub calls: Calls,
}

impl StackConfig {
    /// A stack on loopback with the settings of the deployment template.
    #[must_use]
    pub fn new(market: Market) -> Self {
        let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let keys = BTreeMap::from([(DEVELOPMENT_KEY.to_owned(), DEVELOPMENT_SECRET.to_vec())]);
        let functions = FunctionName::ALL.map(|name| {
            // The queues hide what was received for six times this.
            let timeout = match name {
                FunctionName::Matching => Duration::from_secs(10),
                _ => Duration::from_secs(5),
            };
            let pool = LambdaConfig {
                memory_mb: 256,
                ..LambdaConfig::default()
            };
            (name, {
                let added_latency = Duration::ZERO;
                FunctionSettings {
                    pool,
                    timeout,
                    added_latency,
                }
            })
        });
        let mappings = QUEUES.each_ref().map(|spec| {
            let mapping = EventSourceConfig {
                visibility_timeout: spec.visibility,
                // Two rounds at once would compete; surge has one item for each region.
                maximum_concurrency: Some(match spec.queue {
                    Queue::RideRequests | Queue::MarketSnapshots => 2,
                    Queue::TripEvents => 50,
                }),
                ..EventSourceConfig::default()
            };
            (spec.name, mapping)
        });
        Self {
            market,
            endpoints: Endpoints::Embedded(Ports::default()),
            name_prefix: "rushhour-".to_owned(),
            identity_secret: DEVELOPMENT_SECRET.to_vec(),
            quote_keys: Keyring::new(DEVELOPMENT_KEY, keys)
                .expect("the key is there and long enough"),
            fleet_policy: FleetPolicy::default(),
            http: any,
            grpc: any,
            metrics: any,
            tracker_threads: 1,
            functions: functions.into(),
            mappings: mappings.into(),
            sweep_every: Duration::from_secs(60),
            observer: None,
            round_observer: None,
            calls: Calls::default(),
        }
    }
}

impl std::fmt::Debug for StackConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StackConfig")
            .field("region", &self.market.region)
            .field("endpoints", &self.endpoints)
            .field("name_prefix", &self.name_prefix)
            .finish_non_exhaustive()
    }
}
