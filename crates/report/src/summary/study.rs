//! The part of the summary that a study of single functions, services and queues fills.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What was found of one part of a study. Each figure stands beside the half-width of its 95 % interval;
/// both are null where the part has no such figure, and all of them if the part is unstable.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct StudyFigures {
    /// `function`, `service` or `queue`.
    pub kind: String,
    /// Whether more comes than can be served, so that there are no figures.
    pub unstable: bool,
    /// What a reader must know of this part.
    pub note: Option<String>,
    /// Arrivals after the warm-up.
    pub arrivals: Option<u64>,
    /// For another run of the same length.
    pub arrivals_ci95: Option<f64>,
    /// Calls that started an environment, over all arrivals.
    pub cold_start_probability: Option<f64>,
    /// Its half-width.
    pub cold_start_probability_ci95: Option<f64>,
    /// Calls that were turned away, over all arrivals.
    pub rejected_probability: Option<f64>,
    /// Its half-width.
    pub rejected_probability_ci95: Option<f64>,
    /// Those who waited, over those who were taken in.
    pub wait_probability: Option<f64>,
    /// Its half-width.
    pub wait_probability_ci95: Option<f64>,
    /// How long those waited who were taken in, those who waited nothing included.
    pub wait_s: StudyWait,
    /// Environments or servers that existed, over time.
    pub instances_mean: Option<f64>,
    /// Its half-width.
    pub instances_mean_ci95: Option<f64>,
    /// Those of them that worked; of a queue, invocations under way.
    pub busy_mean: Option<f64>,
    /// Its half-width.
    pub busy_mean_ci95: Option<f64>,
    /// Those of them that did not.
    pub idle_mean: Option<f64>,
    /// Its half-width.
    pub idle_mean_ci95: Option<f64>,
    /// Messages of a batch.
    pub batch_mean: Option<f64>,
    /// Its half-width.
    pub batch_mean_ci95: Option<f64>,
    /// Batches a second.
    pub batches_per_s: Option<f64>,
    /// Its half-width.
    pub batches_per_s_ci95: Option<f64>,
}

/// How long those waited who were taken in, in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct StudyWait {
    /// The mean.
    pub mean: Option<f64>,
    /// Its half-width.
    pub mean_ci95: Option<f64>,
    /// The median.
    pub p50: Option<f64>,
    /// Its half-width.
    pub p50_ci95: Option<f64>,
    /// The 99th percentile.
    pub p99: Option<f64>,
    /// Its half-width.
    pub p99_ci95: Option<f64>,
}
