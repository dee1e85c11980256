//! What the deployment gives each part: sizes of functions, mappings and containers, and where each runs.

use std::collections::BTreeMap;
use std::time::Duration;

use cloud::event_source::{EventSourceConfig, PollerScaling};
use cloud::profile::{Architecture, QueueProfile};

/// The parts of the system.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// Quotes.
    Pricing,
    /// The surge update.
    Surge,
    /// Trips, their events and the sweep.
    Trips,
    /// Match rounds.
    Matching,
    /// The fleet.
    FleetTracker,
}

impl Part {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Pricing,
        Self::Surge,
        Self::Trips,
        Self::Matching,
        Self::FleetTracker,
    ];

    /// Its name in scenarios and summaries.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pricing => "pricing",
            Self::Surge => "surge",
            Self::Trips => "trips",
            Self::Matching => "matching",
            Self::FleetTracker => "fleet-tracker",
        }
    }
}

/// Where a part runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Placement {
    /// As a function.
    Lambda,
    /// As a service in containers.
    Container,
}

/// What a function is given.
#[derive(Debug, Clone, PartialEq)]
pub struct FunctionSize {
    /// Memory in MB, which also sets the share of a CPU.
    pub memory_mb: u32,
    /// Its processor.
    pub architecture: Architecture,
    /// The most environments.
    pub reserved_concurrency: Option<u32>,
    /// Environments kept ready.
    pub provisioned_concurrency: Option<u32>,
    /// The longest a call may take.
    pub timeout: Duration,
    /// What every call takes besides: as if its tables were that far.
    pub added_latency: Duration,
    /// What it reads in its init of the city's streets.
    pub streets: Streets,
}

/// How large a city's streets are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Streets {
    /// Nodes.
    pub nodes: u32,
    /// Periods of traffic.
    pub periods: u32,
}

/// What a mapping is given.
#[derive(Debug, Clone, PartialEq)]
pub struct MappingSize {
    /// Most messages of a batch.
    pub batch_size: usize,
    /// How long a batch gathers.
    pub batch_window: Duration,
    /// Calls at once.
    pub maximum_concurrency: Option<u32>,
    /// How long a received message stays hidden.
    pub visibility_timeout: Duration,
    /// Receives after which a message goes to the dead-letter queue.
    pub receives_max: u32,
}

impl MappingSize {
    pub(crate) fn source(&self, laws: &QueueProfile, placement: Placement) -> EventSourceConfig {
        let pollers = match placement {
            Placement::Lambda => PollerScaling {
                initial: laws.pollers_initial,
                added_per_minute: laws.pollers_added_per_minute,
                max: laws.pollers_max,
                idle_floor: laws.pollers_idle_floor,
            },
            // A service polls by itself, as many at once as it may handle.
            Placement::Container => PollerScaling::fixed(
                self.maximum_concurrency
                    .unwrap_or(SERVICE_POLLERS)
                    .min(SERVICE_POLLERS),
            ),
        };
        EventSourceConfig {
            batch_size: self.batch_size,
            batch_window: self.batch_window,
            maximum_concurrency: match placement {
                Placement::Lambda => self.maximum_concurrency,
                Placement::Container => None,
            },
            visibility_timeout: self.visibility_timeout,
            report_batch_item_failures: true,
            pollers,
            long_poll_wait: laws.long_poll,
            empty_poll_gap: laws.poll_gap,
            quiet_queue_delay: match placement {
                Placement::Lambda => laws.quiet_queue_delay,
                Placement::Container => Duration::ZERO,
            },
        }
    }
}

/// Pollers of a service that consumes a queue by itself.
pub const SERVICE_POLLERS: u32 = 16;

/// What a container is given.
#[derive(Debug, Clone, PartialEq)]
pub struct ContainerSize {
    /// CPUs of one task.
    pub vcpu: f64,
    /// Memory of one task.
    pub memory_gb: f64,
    /// The fewest tasks.
    pub tasks_min: u32,
    /// The most tasks.
    pub tasks_max: u32,
    /// CPU share at which tasks are added; none: the number stays.
    pub scale_on_cpu: Option<f64>,
}

/// All of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Sizes {
    /// Where each part runs.
    pub placement: BTreeMap<Part, Placement>,
    /// Parts as functions.
    pub functions: BTreeMap<Part, FunctionSize>,
    /// Parts as services.
    pub containers: BTreeMap<Part, ContainerSize>,
    /// `ride-requests`.
    pub ride_requests: MappingSize,
    /// `trip-events`.
    pub trip_events: MappingSize,
    /// `market-snapshots`.
    pub market_snapshots: MappingSize,
}

impl Sizes {
    /// Where a part runs.
    #[must_use]
    pub fn placed(&self, part: Part) -> Placement {
        self.placement[&part]
    }
}
