//! The part of the summary that a platform engineer reads.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::format::{Unit, show_some};
use crate::latency::LatencyFigures;

/// What a function did.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Function {
    /// Calls that were run.
    pub invocations: u64,
    /// Calls that failed.
    pub errors: u64,
    /// Calls that had to start an environment.
    pub cold_starts: u64,
    /// Calls that were refused for lack of concurrency.
    pub throttles: u64,
    /// The most calls at one moment.
    pub concurrency_max: u64,
    /// How long calls ran, in milliseconds.
    pub duration_ms: LatencyFigures,
    /// Milliseconds that are billed.
    pub billed_ms: u64,
}

/// What a queue carried.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Queue {
    /// Messages sent.
    pub sent: u64,
    /// Messages received, those received again included.
    pub received: u64,
    /// Messages deleted.
    pub deleted: u64,
    /// Messages received again.
    pub redelivered: u64,
    /// Messages given up.
    pub dead_lettered: u64,
    /// The oldest message seen, in seconds.
    pub age_max_s: Option<f64>,
    /// The most messages at one moment.
    pub depth_max: u64,
}

/// What a table was asked.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Table {
    /// Read units consumed.
    pub read_units: f64,
    /// Write units consumed.
    pub write_units: f64,
    /// Requests refused for their rate.
    pub throttles: u64,
    /// Conditional writes whose condition did not hold.
    pub conditional_failures: u64,
}

/// What a long-running service did.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Container {
    /// The most tasks at one moment.
    pub tasks_max: u64,
    /// The share of its processors in use, on average; null where it was not measured.
    pub cpu_share_mean: Option<f64>,
    /// Messages it took in.
    pub messages: u64,
}

/// What the run would cost on AWS, in US dollars.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Cost {
    /// Of the run.
    pub total: f64,
    /// For each completed ride; null where there was none.
    pub per_completed_ride: Option<f64>,
    /// At this load all month.
    pub per_month_at_this_load: Option<f64>,
    /// By component.
    pub by_component: BTreeMap<String, f64>,
    /// A month at this load by component, with the tiers of the prices. Empty in summaries of before the field.
    #[serde(default)]
    pub per_month_by_component: BTreeMap<String, f64>,
    /// How it was reckoned: from what was billed, or from operations counted here and a price file.
    pub basis: String,
    /// Prices and times that the figures rest on and nobody has checked, by their keys. Empty in summaries
    /// of before the field.
    #[serde(default)]
    pub unverified: Vec<String>,
}

/// Unverified figures that a footnote names; the summary lists all.
const UNVERIFIED_NAMED_MAX: usize = 12;

impl Cost {
    /// Dollars as people read them, with the mark of the footnote if they rest on unverified figures.
    #[must_use]
    pub fn show(&self, dollars: Option<f64>) -> String {
        let shown = show_some(dollars, Unit::Dollars);
        if self.unverified.is_empty() {
            shown
        } else {
            format!("{shown} *")
        }
    }

    /// What the mark of [`Self::show`] means; none if all figures are verified.
    #[must_use]
    pub fn footnote(&self) -> Option<String> {
        let count = self.unverified.len();
        let named = &self.unverified[..count.min(UNVERIFIED_NAMED_MAX)];
        let more = match count - named.len() {
            0 => String::new(),
            more => format!(" and {more} more (cost_usd.unverified in summary.json)"),
        };
        let figures = if count == 1 { "a figure" } else { "figures" };
        let names = named.join(", ");
        (count > 0).then(|| format!("* rests on {figures} that nobody has checked: {names}{more}"))
    }
}

/// How well the load generator kept its schedule.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Load {
    /// Requests the schedule asked for.
    pub offered: u64,
    /// Requests sent.
    pub sent: u64,
    /// Requests answered well.
    pub completed: u64,
    /// Requests answered badly or not at all.
    pub errors: u64,
    /// Requests not sent because too many were in flight.
    pub dropped: u64,
    /// The most requests in flight at one moment.
    pub in_flight_max: u64,
    /// How late requests were sent, in milliseconds.
    pub schedule_lag_ms: LatencyFigures,
    /// Errors by kind.
    pub errors_by_kind: BTreeMap<String, u64>,
    /// Driver streams held open.
    pub streams: u64,
    /// Connections that carried them.
    pub stream_connections: u64,
    /// Pings sent.
    pub pings: u64,
}
