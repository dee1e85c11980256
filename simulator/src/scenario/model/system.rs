//! The half of a scenario that speaks of the system: dispatch, prices, placement, sizes, limits.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::super::values::Span;

/// Which assignment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Policy {
    /// First come, nearest available, at once.
    Nearest,
    /// The least total pick-up time of a window.
    Batched,
}

/// What happens when nobody is available.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum QueuePolicy {
    /// The rider waits until patience ends.
    Wait,
    /// The rider is unserved at once.
    Lose,
}

/// `[dispatch]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Dispatch {
    /// Which assignment.
    pub policy: Policy,
    /// The window of a match round, whole seconds. Run time. `nearest` has none.
    pub window: Span,
    /// Drivers farther than this, straight, are not asked; none: no limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub radius_km: Option<f64>,
    /// Nearest drivers considered for each rider.
    pub candidates: usize,
    /// batched: a pick-up longer than this, in whole seconds, is worse than leaving the rider for the next round.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unserved_penalty: Option<Span>,
    /// What happens when nobody is available.
    pub queue: QueuePolicy,
}

impl Default for Dispatch {
    fn default() -> Self {
        Self {
            policy: Policy::Batched,
            window: Span::secs(2),
            radius_km: None,
            candidates: 20,
            unserved_penalty: None,
            queue: QueuePolicy::Wait,
        }
    }
}

/// `[pricing]`: amounts in units of the currency (dollars, not cents), in whole hundredths of one; rates are kept to
/// a hundred-millionth. None is below zero.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Pricing {
    /// For every ride.
    pub base: f64,
    /// For each kilometre.
    pub per_km: f64,
    /// For each minute.
    pub per_minute: f64,
    /// For every ride, never under surge.
    pub booking_fee: f64,
    /// The least a ride costs.
    pub minimum: f64,
    /// ISO 4217: one of hundredths. No amount here follows it: state them all in another than `USD`.
    pub currency: String,
    /// The driver's pay for each kilometre.
    pub driver_per_km: f64,
    /// The driver's pay for each minute.
    pub driver_per_minute: f64,
    /// The least a driver is paid for a ride.
    pub driver_minimum: f64,
    /// How long a driver waits at the pick-up for nothing, whole seconds. Run time.
    pub wait_free: Span,
    /// For each minute of waiting beyond that. Run time.
    pub wait_per_minute: f64,
    /// For a rider who cancels once a driver has been on the way for longer than the grace.
    pub cancel_fee: f64,
    /// How long after the accept a rider may cancel for nothing, whole seconds. Run time.
    pub cancel_grace: Span,
    /// For a rider who was not at the pick-up.
    pub no_show_fee: f64,
    /// The driver's share of what waiting, cancelling and not being there cost, 0 to 1 in hundredths.
    pub driver_share_of_fees: f64,
    /// The driver's share of what surge adds to a ride, 0 to 1 in hundredths: in the pay that is offered. The default is
    /// what drivers kept while pay was a share of the fare, all but a commission of 25 % (L. Mishel, Uber and the labor
    /// market, Economic Policy Institute, 2018, table 1); with 0 the platform keeps all of it.
    pub driver_share_of_surge: f64,
    /// How long a quote is good for, whole seconds up to 900. Run time.
    pub quote_ttl: Span,
    /// How prices follow supply and demand.
    pub surge: Surge,
}

impl Default for Pricing {
    fn default() -> Self {
        Self {
            base: 2.50,
            per_km: 1.10,
            per_minute: 0.70,
            booking_fee: 2.75,
            minimum: 8.00,
            currency: "USD".to_owned(),
            driver_per_km: 0.845_064_82,
            driver_per_minute: 0.583,
            driver_minimum: 5.00,
            wait_free: Span::secs(120),
            wait_per_minute: 0.70,
            cancel_fee: 5.00,
            cancel_grace: Span::secs(120),
            no_show_fee: 7.00,
            driver_share_of_fees: 0.80,
            driver_share_of_surge: 0.75,
            quote_ttl: Span::secs(120),
            surge: Surge::default(),
        }
    }
}

/// `pricing.surge`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Surge {
    /// Whether there is any.
    pub enabled: bool,
    /// H3 resolution of its zones.
    pub resolution: u8,
    /// The highest multiplier, 1 to 100.
    pub cap: f64,
    /// Multipliers are whole steps of this, 0.06 at least.
    pub step: f64,
    /// Share of a cell's pressure that comes from its neighbours, 0 to 1.
    pub smoothing: f64,
    /// How often supply and demand are counted, whole seconds. Run time.
    pub every: Span,
}

impl Default for Surge {
    fn default() -> Self {
        Self {
            enabled: false,
            resolution: 8,
            cap: 3.0,
            step: 0.1,
            smoothing: 0.4,
            every: Span::secs(10),
        }
    }
}

/// Where a part runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Host {
    /// As a function.
    Lambda,
    /// As a long-lived service.
    Container,
}

/// `[placement]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Placement {
    /// `POST /quotes`.
    pub pricing: Host,
    /// The surge update.
    pub surge: Host,
    /// Trips, their events and the sweep.
    pub trips: Host,
    /// Match rounds.
    pub matching: Host,
    /// The fleet.
    #[serde(rename = "fleet-tracker")]
    pub fleet_tracker: Host,
}

impl Default for Placement {
    fn default() -> Self {
        Self {
            pricing: Host::Lambda,
            surge: Host::Lambda,
            trips: Host::Lambda,
            matching: Host::Lambda,
            fleet_tracker: Host::Container,
        }
    }
}

/// `[functions.NAME]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Function {
    /// Memory, which also sets the share of a CPU.
    pub memory_mb: u32,
    /// `arm64` or `x86_64`.
    pub architecture: String,
    /// The most environments.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reserved_concurrency: Option<u32>,
    /// Environments kept ready. Of predictions alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provisioned_concurrency: Option<u32>,
    /// Messages of one call, for a function behind a queue.
    pub batch_size: u32,
    /// How long a batch gathers.
    pub batch_window: Span,
    /// Calls at once from the queue.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub maximum_concurrency: Option<u32>,
    /// The longest a call may take; as the code has it for each function if none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Span>,
    /// So much longer each call takes, as if its database were that far.
    pub added_latency: Span,
    /// How long a received message stays hidden, for a function behind a queue; as the code has it if none. Of
    /// predictions alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub visibility_timeout: Option<Span>,
    /// Receives after which a message goes to the dead-letter queue, likewise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub receives_max: Option<u32>,
}

impl Default for Function {
    fn default() -> Self {
        Self {
            memory_mb: 256,
            architecture: "arm64".to_owned(),
            reserved_concurrency: None,
            provisioned_concurrency: None,
            batch_size: 10,
            batch_window: Span::secs(0),
            maximum_concurrency: None,
            timeout: None,
            added_latency: Span::secs(0),
            visibility_timeout: None,
            receives_max: None,
        }
    }
}

/// `[containers.NAME]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Container {
    /// CPUs of one task.
    pub vcpu: f64,
    /// Memory of one task.
    pub memory_gb: f64,
    /// The fewest tasks.
    pub tasks_min: u32,
    /// The most tasks.
    pub tasks_max: u32,
    /// CPU share at which tasks are added.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scale_on_cpu: Option<f64>,
}

impl Default for Container {
    fn default() -> Self {
        Self {
            vcpu: 1.0,
            memory_gb: 2.0,
            tasks_min: 1,
            tasks_max: 1,
            scale_on_cpu: None,
        }
    }
}

/// `[api]`: the HTTP API's limits, of predictions alone; the account's, which the cloud profile has, where none is given.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Api {
    /// Requests a second that it lets through, on average.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requests_per_second: Option<u32>,
    /// Requests at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub burst: Option<u32>,
    /// How long it waits for a function's answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub integration_timeout: Option<Span>,
}

impl Api {
    /// Whether it has no limit of its own.
    pub fn is_unlimited(&self) -> bool {
        *self == Self::default()
    }
}

/// `[cloud]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Cloud {
    /// `aws-us-east-1`, or a file.
    pub profile: String,
    /// A price file instead of the shipped one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prices: Option<PathBuf>,
}

impl Default for Cloud {
    fn default() -> Self {
        Self {
            profile: "aws-us-east-1".to_owned(),
            prices: None,
        }
    }
}

/// A limit: a span for latencies, a number for shares. A latency is of a step (`quote`, `request`,
/// `request_to_offer`, `request_to_accept`, `ping_ack`, `offer_delivery`, `read`, `cancel`, `schedule_lag`), with `_p50`,
/// `_p90`, `_p99`, `_p999`, `_mean` or `_max` after it; shares are `served_share`, `error_share` and `drop_share`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(untagged, expecting = "a span such as \"150ms\", or a number")]
pub enum Limit {
    /// At most so long.
    Span(Span),
    /// At least that share is served, or at most that share goes wrong: 0 to 1.
    Number(f64),
}
