//! The sections of a profile as types, and how they are read from its entries.

use std::collections::BTreeMap;
use std::time::Duration;

use kernel::Stream;
use kernel::random::span;

use super::figure::Entry;
use super::law::{Factors, Spans};
use super::reader::Reader;
use super::{ProfileError, ServiceTime};
use crate::event_source::PollerScaling;
use crate::queue::Faults;

/// The processor that a function or a container runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Architecture {
    /// Graviton.
    #[default]
    Arm64,
    /// Intel and AMD.
    X86_64,
}

impl Architecture {
    /// By the name that a scenario has for it: `arm64` or `x86_64`.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "arm64" => Some(Self::Arm64),
            "x86_64" => Some(Self::X86_64),
            _ => None,
        }
    }
}

/// One law for each architecture.
#[derive(Debug, Clone, PartialEq)]
struct ByArchitecture {
    arm64: Spans,
    x86_64: Spans,
}

impl ByArchitecture {
    fn of(&self, architecture: Architecture) -> &Spans {
        match architecture {
            Architecture::Arm64 => &self.arm64,
            Architecture::X86_64 => &self.x86_64,
        }
    }

    fn scaled(&self, factor: f64) -> Self {
        Self {
            arm64: self.arm64.scaled(factor),
            x86_64: self.x86_64.scaled(factor),
        }
    }

    fn read(reader: &mut Reader<'_>, key: &str) -> Result<Self, ProfileError> {
        Ok(Self {
            arm64: reader.spans(&format!("{key}_arm64"))?,
            x86_64: reader.spans(&format!("{key}_x86_64"))?,
        })
    }
}

/// What Lambda takes and allows.
#[derive(Debug, Clone, PartialEq)]
pub struct LambdaProfile {
    /// From the decision to start an environment to the beginning of its init; not billed.
    pub placement: Spans,
    init_zip: ByArchitecture,
    warm_overhead: ByArchitecture,
    /// By how much all inits of one run are longer: bad days are bad for every start. See [`Self::for_day`].
    pub init_day_factor: Factors,
    /// Processor time of the first call on one full vCPU, spent on opening connections.
    pub first_call_cpu: Duration,
    /// The rest of the first call: waiting for the network.
    pub first_call_network: Duration,
    /// By how much the init is longer for each node of a city's streets that a function reads in it.
    pub init_per_street_node: Duration,
    /// The same for each period of their traffic.
    pub init_per_street_node_in_traffic: Duration,
    mb_per_vcpu: f64,
    vcpus_by_mb: Vec<(f64, f64)>,
    cpu_period: Duration,
    /// Idle time after which an environment goes; drawn once for a function.
    pub idle_timeout: Spans,
    /// Age at which an environment goes, however busy.
    pub environment_age_max: Duration,
    /// Calls under way in the account at once.
    pub account_concurrency: u32,
    /// Concurrency that reservations must leave to functions without one.
    pub unreserved_min: u32,
    /// Environments that one function may start in 10 s.
    pub scale_per_10s: u32,
    /// Calls per second that an environment may take.
    pub rps_per_environment: u32,
    /// Longest init. One that takes longer is broken off and made again in the call that it was for.
    pub init_timeout: Duration,
    /// Provisioned environments that are made ready per minute.
    pub provisioned_per_minute: u32,
}

impl LambdaProfile {
    /// Init of a function packed as a zip file.
    #[must_use]
    pub fn init(&self, architecture: Architecture) -> &Spans {
        self.init_zip.of(architecture)
    }

    /// What a warm call takes besides the function's own time.
    #[must_use]
    pub fn warm_overhead(&self, architecture: Architecture) -> &Spans {
        self.warm_overhead.of(architecture)
    }

    /// vCPUs that a function of this memory gets, below one if it is small: memory over the memory of
    /// a vCPU, at most the whole vCPUs of its size. One call that computes on one thread uses at most
    /// one of them.
    #[must_use]
    pub fn cpu_share(&self, memory_mb: u32) -> f64 {
        let memory_mb = f64::from(memory_mb);
        let step = self.vcpus_by_mb.iter().find(|step| memory_mb <= step.0);
        let whole = step.or(self.vcpus_by_mb.last()).map_or(1.0, |step| step.1);
        (memory_mb / self.mb_per_vcpu).min(whole)
    }

    /// How long work of so much processor time takes on one thread at this memory. A function gets its share
    /// in each scheduling period and then waits for the next: short work is not stretched at all, long work
    /// by the share's inverse. That an earlier call may have used a part of the period is not modelled.
    #[must_use]
    pub fn stretched(&self, cpu: Duration, memory_mb: u32) -> Duration {
        let share = self.cpu_share(memory_mb).clamp(f64::MIN_POSITIVE, 1.0);
        let (cpu_s, period_s) = (cpu.as_secs_f64(), self.cpu_period.as_secs_f64());
        let quota_s = share * period_s;
        if share >= 1.0 {
            cpu
        } else if quota_s > 0.0 {
            let waits = ((cpu_s / quota_s).ceil() - 1.0).max(0.0);
            span(cpu_s + waits * (period_s - quota_s))
        } else {
            span(cpu_s / share)
        }
    }

    /// What the first call takes besides its own time, where connections are opened in it and not in
    /// the init.
    #[must_use]
    pub fn first_call(&self, memory_mb: u32) -> Duration {
        self.stretched(self.first_call_cpu, memory_mb) + self.first_call_network
    }

    /// By how much the init is longer for reading streets of so many nodes and periods of traffic.
    #[must_use]
    pub fn init_of_streets(&self, nodes: u32, periods: u32) -> Duration {
        let in_traffic = self.init_per_street_node_in_traffic.saturating_mul(periods);
        self.init_per_street_node
            .saturating_add(in_traffic)
            .saturating_mul(nodes)
    }

    /// The same with the inits of one day: their law times a factor drawn once.
    #[must_use]
    pub fn for_day(&self, stream: &mut Stream) -> Self {
        let factor = self.init_day_factor.sample(stream);
        Self {
            init_zip: self.init_zip.scaled(factor),
            ..self.clone()
        }
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, ProfileError> {
        let profile = Self {
            placement: reader.spans("lambda.placement")?,
            init_zip: ByArchitecture::read(reader, "lambda.init_zip")?,
            warm_overhead: ByArchitecture::read(reader, "lambda.warm_overhead")?,
            init_day_factor: reader.factors("lambda.init_day_factor")?,
            first_call_cpu: reader.span("lambda.first_call_cpu")?,
            first_call_network: reader.span("lambda.first_call_network")?,
            init_per_street_node: reader.span_if_any("lambda.init_per_street_node")?,
            init_per_street_node_in_traffic: reader
                .span_if_any("lambda.init_per_street_node_in_traffic")?,
            mb_per_vcpu: reader.positive("lambda.mb_per_vcpu")?,
            vcpus_by_mb: reader.steps("lambda.vcpus_by_mb")?,
            cpu_period: reader.span("lambda.cpu_period")?,
            idle_timeout: reader.spans("lambda.idle_timeout")?,
            environment_age_max: reader.positive_span("lambda.environment_age_max")?,
            account_concurrency: reader.count("lambda.account_concurrency", 1)?,
            unreserved_min: reader.count("lambda.unreserved_min", 0)?,
            scale_per_10s: reader.count("lambda.scale_per_10s", 1)?,
            rps_per_environment: reader.count("lambda.rps_per_environment", 1)?,
            init_timeout: reader.positive_span("lambda.init_timeout")?,
            provisioned_per_minute: reader.count("lambda.provisioned_per_minute", 1)?,
        };
        reader.at_most(
            "lambda.unreserved_min",
            profile.unreserved_min,
            "lambda.account_concurrency",
            profile.account_concurrency,
        )?;
        Ok(profile)
    }
}

/// What SQS and the event source mapping take and allow.
#[derive(Debug, Clone, PartialEq)]
pub struct QueueProfile {
    /// A send, as its caller sees it.
    pub send: Spans,
    /// From a message's becoming visible to a waiting poller's having it.
    pub receive: Spans,
    /// Whole ticks at which delayed and timed-out messages become visible; zero: at once.
    pub visibility_tick: Duration,
    /// Probability that a message received is delivered once more.
    pub duplicate_probability: f64,
    /// Probability that a message is not the first in line.
    pub reorder_probability: f64,
    /// Pollers of a mapping that starts.
    pub pollers_initial: u32,
    /// Pollers added per minute while messages wait.
    pub pollers_added_per_minute: u32,
    /// Most pollers.
    pub pollers_max: u32,
    /// Pollers kept on a quiet queue.
    pub pollers_idle_floor: u32,
    /// How long a batch from a quiet queue may be held where a batch window is set.
    pub quiet_queue_delay: Duration,
    /// Wait of a poll.
    pub long_poll: Duration,
    /// Least time between two polls of one poller when the first found nothing.
    pub poll_gap: Duration,
}

impl QueueProfile {
    /// How many pollers a mapping has.
    #[must_use]
    pub fn pollers(&self) -> PollerScaling {
        PollerScaling {
            initial: self.pollers_initial,
            added_per_minute: self.pollers_added_per_minute,
            max: self.pollers_max,
            idle_floor: self.pollers_idle_floor,
        }
    }

    /// How often a queue delivers twice or out of order.
    #[must_use]
    pub fn faults(&self) -> Faults {
        Faults {
            duplicate_probability: self.duplicate_probability,
            reorder_probability: self.reorder_probability,
        }
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, ProfileError> {
        let profile = Self {
            send: reader.spans("queue.send")?,
            receive: reader.spans("queue.receive")?,
            visibility_tick: reader.span("queue.visibility_tick")?,
            duplicate_probability: reader.probability("queue.duplicate_probability")?,
            reorder_probability: reader.probability("queue.reorder_probability")?,
            pollers_initial: reader.count("queue.pollers_initial", 1)?,
            pollers_added_per_minute: reader.count("queue.pollers_added_per_minute", 0)?,
            pollers_max: reader.count("queue.pollers_max", 1)?,
            pollers_idle_floor: reader.count("queue.pollers_idle_floor", 1)?,
            quiet_queue_delay: reader.span("queue.quiet_queue_delay")?,
            long_poll: reader.span("queue.long_poll")?,
            poll_gap: reader.span("queue.poll_gap")?,
        };
        for (key, found, bound, limit) in [
            (
                "queue.pollers_initial",
                profile.pollers_initial,
                "queue.pollers_max",
                profile.pollers_max,
            ),
            (
                "queue.pollers_idle_floor",
                profile.pollers_idle_floor,
                "queue.pollers_initial",
                profile.pollers_initial,
            ),
        ] {
            reader.at_most(key, found, bound, limit)?;
        }
        Ok(profile)
    }
}

/// What DynamoDB takes and allows.
#[derive(Debug, Clone, PartialEq)]
pub struct TableProfile {
    /// A read of one item, as its caller sees it.
    pub get: Spans,
    /// A write of one item.
    pub put: Spans,
    /// A query of one page.
    pub query: Spans,
    /// A transaction.
    pub transact: Spans,
    /// Write units per second of a new table on demand.
    pub initial_wru: u32,
    /// Read units per second of a new table on demand.
    pub initial_rru: u32,
    /// How many times its previous peak a table takes at once.
    pub instant_multiple: f64,
    /// How far back the previous peak lies at most.
    pub peak_window: Duration,
    /// Write units per second of one partition.
    pub partition_wru: u32,
    /// Read units per second of one partition.
    pub partition_rru: u32,
    /// Write units per second that a table may reach by default.
    pub table_max_wru: u32,
    /// Read units per second that a table may reach by default.
    pub table_max_rru: u32,
}

impl TableProfile {
    fn read(reader: &mut Reader<'_>) -> Result<Self, ProfileError> {
        let profile = Self {
            get: reader.spans("table.get")?,
            put: reader.spans("table.put")?,
            query: reader.spans("table.query")?,
            transact: reader.spans("table.transact")?,
            initial_wru: reader.count("table.initial_wru", 1)?,
            initial_rru: reader.count("table.initial_rru", 1)?,
            instant_multiple: reader.positive("table.instant_multiple")?,
            peak_window: reader.positive_span("table.peak_window")?,
            partition_wru: reader.count("table.partition_wru", 1)?,
            partition_rru: reader.count("table.partition_rru", 1)?,
            table_max_wru: reader.count("table.table_max_wru", 1)?,
            table_max_rru: reader.count("table.table_max_rru", 1)?,
        };
        for (key, found, bound, limit) in [
            (
                "table.initial_wru",
                profile.initial_wru,
                "table.table_max_wru",
                profile.table_max_wru,
            ),
            (
                "table.initial_rru",
                profile.initial_rru,
                "table.table_max_rru",
                profile.table_max_rru,
            ),
        ] {
            reader.at_most(key, found, bound, limit)?;
        }
        Ok(profile)
    }
}

/// What the HTTP API takes and allows.
#[derive(Debug, Clone, PartialEq)]
pub struct HttpApiProfile {
    /// From the request's reaching the API to the function and back, without the function.
    pub overhead: Spans,
    /// From a rider to the API and back.
    pub client_rtt: Spans,
    /// Requests per second that are let through.
    pub throttle_rps: u32,
    /// Requests that are let through at once.
    pub burst: u32,
    /// How long a function may take to answer.
    pub integration_timeout: Duration,
}

impl HttpApiProfile {
    fn read(reader: &mut Reader<'_>) -> Result<Self, ProfileError> {
        Ok(Self {
            overhead: reader.spans("http_api.overhead")?,
            client_rtt: reader.spans("http_api.client_rtt")?,
            throttle_rps: reader.count("http_api.throttle_rps", 1)?,
            burst: reader.count("http_api.burst", 1)?,
            integration_timeout: reader.positive_span("http_api.integration_timeout")?,
        })
    }
}

/// What containers, their load balancer and their scaling take.
#[derive(Debug, Clone, PartialEq)]
pub struct ContainerProfile {
    /// From a function to a container and back, without the container.
    pub grpc_rtt: Spans,
    /// From a driver's or rider's app to the load balancer and back.
    pub app_rtt: Spans,
    /// What the load balancer adds to a call.
    pub load_balancer: Spans,
    /// From the decision to start a task to its taking calls.
    pub task_start: Spans,
    /// Over which the processor's load is averaged for scaling.
    pub metrics_period: Duration,
    /// Periods in a row above the target before tasks are added.
    pub scale_out_periods: u32,
    /// Periods in a row below the target before tasks are taken away.
    pub scale_in_periods: u32,
    /// From the last of those periods to the decision.
    pub scale_decision: Duration,
    /// Processor time of one ping of a driver.
    pub cpu_per_ping: Duration,
}

impl ContainerProfile {
    fn read(reader: &mut Reader<'_>) -> Result<Self, ProfileError> {
        Ok(Self {
            grpc_rtt: reader.spans("container.grpc_rtt")?,
            app_rtt: reader.spans("container.app_rtt")?,
            load_balancer: reader.spans("container.load_balancer")?,
            task_start: reader.spans("container.task_start")?,
            metrics_period: reader.positive_span("container.metrics_period")?,
            scale_out_periods: reader.count("container.scale_out_periods", 1)?,
            scale_in_periods: reader.count("container.scale_in_periods", 1)?,
            scale_decision: reader.span("container.scale_decision")?,
            cpu_per_ping: reader.span("container.cpu_per_ping")?,
        })
    }
}

/// Use cases whose processor time grows with what a call has to work at: the messages of its batch, the trips that are
/// due, the riders of a round, its queries.
pub const WORKS_OF_ITEMS: [&str; 5] = [
    "trips.event",
    "trips.sweep",
    "matching.round",
    "surge.update",
    "tracker.candidates",
];

pub(super) struct Sections {
    pub(super) lambda: LambdaProfile,
    pub(super) queue: QueueProfile,
    pub(super) table: TableProfile,
    pub(super) http_api: HttpApiProfile,
    pub(super) container: ContainerProfile,
    pub(super) service: BTreeMap<String, ServiceTime>,
}

pub(super) fn read(
    profile: &str,
    entries: &BTreeMap<String, Entry>,
) -> Result<Sections, ProfileError> {
    let mut reader = Reader::new(profile, entries);
    let mut service = BTreeMap::new();
    for name in reader.services() {
        let time = ServiceTime {
            cpu: reader.spans(&format!("service.{name}.cpu"))?,
            per_item: if WORKS_OF_ITEMS.contains(&name.as_str()) {
                reader.span(&format!("service.{name}.per_item"))?
            } else {
                Duration::ZERO
            },
        };
        service.insert(name, time);
    }
    let sections = Sections {
        lambda: LambdaProfile::read(&mut reader)?,
        queue: QueueProfile::read(&mut reader)?,
        table: TableProfile::read(&mut reader)?,
        http_api: HttpApiProfile::read(&mut reader)?,
        container: ContainerProfile::read(&mut reader)?,
        service,
    };
    reader.finish()?;
    Ok(sections)
}
