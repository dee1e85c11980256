//! What is found of a part.

use crate::Estimate;

/// What kind of part it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A function on its environments.
    Function,
    /// Servers behind one line.
    Service,
    /// A queue in front of a function.
    Queue,
}

/// How long those wait that are taken in, in seconds, those who wait nothing included.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Wait {
    /// The mean.
    pub mean: Estimate,
    /// The median, to one part in a thousand.
    pub p50: Estimate,
    /// The 99th percentile, to one part in a thousand.
    pub p99: Estimate,
}

/// More comes than can be served, so that the queue grows for ever and has no mean.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Unstable {
    /// Work that comes over work that can be done: 1 or more.
    pub load: f64,
}

/// What was found of a part. None is what the part does not have, or what nothing was seen of.
#[derive(Debug, Clone, PartialEq)]
pub struct Figures {
    /// What kind of part it is.
    pub kind: Kind,
    /// Set if there are no figures because there cannot be any.
    pub unstable: Option<Unstable>,
    /// Arrivals after the warm-up, with the half-width for another run of the same length.
    pub arrivals: Option<Estimate>,
    /// Calls that start an environment, over all arrivals.
    pub cold_start_probability: Option<Estimate>,
    /// Calls that are turned away, over all arrivals.
    pub rejected_probability: Option<Estimate>,
    /// Those who wait, over those who are taken in.
    pub wait_probability: Option<Estimate>,
    /// How long those wait that are taken in.
    pub wait_s: Option<Wait>,
    /// Environments or servers that exist, over time.
    pub instances_mean: Option<Estimate>,
    /// Those of them that work; of a queue, invocations under way.
    pub busy_mean: Option<Estimate>,
    /// Those of them that do not.
    pub idle_mean: Option<Estimate>,
    /// Messages of a batch.
    pub batch_mean: Option<Estimate>,
    /// Batches a second.
    pub batches_per_s: Option<Estimate>,
}

impl Figures {
    /// Of a part of which nothing is known yet.
    pub(crate) fn none(kind: Kind) -> Self {
        Self {
            kind,
            unstable: None,
            arrivals: None,
            cold_start_probability: None,
            rejected_probability: None,
            wait_probability: None,
            wait_s: None,
            instances_mean: None,
            busy_mean: None,
            idle_mean: None,
            batch_mean: None,
            batches_per_s: None,
        }
    }

    /// Of a part that has no figures, for this load.
    pub(crate) fn unstable(kind: Kind, load: f64) -> Self {
        Self {
            unstable: Some(Unstable { load }),
            ..Self::none(kind)
        }
    }
}
