//! What `rushhour import` tells of a file of trips, with `--json` as JSON.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What an import kept and rejected. All after `rejected` is of the kept rows, and null where none was.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[schemars(title = "Rushhour import figures")]
pub struct ImportFigures {
    /// Rows read.
    pub rows: u64,
    /// Rows kept.
    pub kept: u64,
    /// Rows rejected, by the first reason that applies.
    pub rejected: BTreeMap<String, u64>,
    /// Vehicles told apart; null where the file does not name them.
    pub vehicles: Option<u64>,
    /// The first request, or pick-up where the file has no requests, as the file writes time.
    pub first: Option<String>,
    /// The last request, or pick-up where the file has no requests, as the file writes time.
    pub last: Option<String>,
    /// Mean distance in kilometres, as the file states it, converted.
    pub mean_distance_km: Option<f64>,
    /// Mean time from pick-up to drop-off, in seconds.
    pub mean_duration_s: Option<f64>,
    /// The most trips under way at one moment, from pick-up on and until before drop-off.
    pub peak_concurrent: u64,
}

impl ImportFigures {
    /// The figures as JSON, indented, with a line end at the end.
    #[must_use]
    pub fn to_json(&self) -> String {
        let mut json = serde_json::to_string_pretty(self)
            .expect("the figures hold only strings, numbers and maps with string keys");
        json.push('\n');
        json
    }
}
