//! What a recorder hands out: counts, a look at the run under way, and all of it at the end.

use std::collections::BTreeMap;

use domain::DriverId;
use report::latency::{Latencies, LatencyHistogram};
use report::timeline::TimelineRecorder;
use workload::driver::DriverAccount;

use crate::seen::SeenTrips;

/// Counts of the load.
#[derive(Debug, Clone, Default)]
pub struct Counts {
    /// Riders who were to come.
    pub offered: u64,
    /// Requests sent.
    pub sent: u64,
    /// Requests answered well.
    pub completed: u64,
    /// Requests answered badly, or not at all.
    pub errors: u64,
    /// Of those, by kind.
    pub errors_by_kind: BTreeMap<String, u64>,
    /// Riders not let in because too much was in flight.
    pub dropped: u64,
    /// Quotes given.
    pub quoted: u64,
}

/// A look at the run under way.
#[derive(Debug, Clone)]
pub struct Glance {
    /// Counts so far.
    pub counts: Counts,
    /// Riders who were to come so far.
    pub scheduled: u64,
    /// Trips confirmed so far.
    pub requested: u64,
    /// Quotes, p50 and p99.
    pub quote_ms: (Option<f64>, Option<f64>),
    /// Request to offer, p50 and p99.
    pub offer_ms: (Option<f64>, Option<f64>),
    /// Pings acknowledged, p50 and p99.
    pub ping_ms: (Option<f64>, Option<f64>),
}

/// What was recorded.
#[derive(Debug)]
pub struct Recorded {
    /// Latencies by step.
    pub latencies: Latencies,
    /// How late things were sent.
    pub lag: LatencyHistogram,
    /// The run over time.
    pub timeline: TimelineRecorder,
    /// What was seen of each trip.
    pub seen: SeenTrips,
    /// Counts.
    pub counts: Counts,
    /// Each driver's account at the end of the warm-up, and at the end.
    pub accounts: Vec<(DriverId, DriverAccount, DriverAccount)>,
    /// The most requests in flight.
    pub in_flight_max: u64,
    /// Connections that carried streams. Of the whole run, as they are held open.
    pub connections: u64,
    /// Driver streams opened. Of the whole run: most are from before the warm-up is over.
    pub streams: u64,
    /// Pings sent.
    pub pings: u64,
}
