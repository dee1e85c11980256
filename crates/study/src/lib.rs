//! Queueing facts with no rides in them: what single functions, services and queues do under a load.
//!
//! Start at [`Study::parse`] and [`Study::run`]. A function runs on the same
//! [`cloud::lambda_pool::LambdaPool`] as the embedded host's, a queue on the same
//! [`cloud::event_source::EventSource`]; [`mod@service`] is a queue before servers, as the textbook has it.
//! Each part draws from streams of its own name, so that parts do not disturb each other.
//!
//! # Figures
//!
//! `warmup` lies inside `duration`, and nothing that happens in it counts. The rest is cut into
//! [`BATCHES`] batches of equal time, and each figure is a ratio of two sums over them: rejected calls
//! over arrivals, busy time over time. Its 95 % interval is that of a ratio of batch means, with
//! Student's t; see [`mod@estimate`].
//!
//! Probabilities of a cold start and of a rejection are over all arrivals. Waits, and the probability of
//! one, are over all arrivals that are taken in, those who wait nothing included. A figure that a part
//! does not have (the wait of a call to a function, the cold starts of a queue) is none.
//!
//! A queue that no number of hours would bring to rest has no figures, but an [`Unstable`].
//!
//! Each run checks itself: by Little's law, the calls that were under way at a moment, summed over time,
//! are the times that calls took, summed over calls. Both are whole numbers of ticks and must be equal.

mod distribution;
mod document;
mod ends;
pub mod estimate;
mod figures;
mod function;
mod limits;
mod parse;
mod queue;
pub mod service;
mod window;

pub use distribution::{Distribution, Gaps};
pub use estimate::{BATCHES, Estimate};
pub use figures::{Figures, Kind, Unstable, Wait};
pub use limits::{
    ARRIVALS_DEFAULT, ARRIVALS_MAX, CONCURRENCY_MAX, FILE_LINES_MAX, PARTS_MAX, RATE_MAX,
    SERVERS_MAX, WAITING_MAX,
};
pub use parse::{Changes, StudyError};

use std::collections::BTreeMap;
use std::time::Duration;

use cloud::event_source::EventSourceConfig;
use cloud::lambda_pool::Routing;
use kernel::Streams;

/// How long a part is studied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// From the first moment to the last.
    pub duration: Duration,
    /// How much of it, from its beginning, is left out of every figure.
    pub warmup: Duration,
}

/// A function under a load, on its own.
#[derive(Debug, Clone, PartialEq)]
pub struct Function {
    /// Times between calls.
    pub arrivals: Gaps,
    /// How long a call on a warm environment takes.
    pub service: Distribution,
    /// How long a call takes that starts its environment.
    pub cold_service: Distribution,
    /// How long an environment is kept without a call.
    pub idle_timeout: Duration,
    /// Which idle environment takes a call. The seed of a random one is the study's.
    pub routing: Routing,
    /// The most calls at once; what comes on top is rejected.
    pub maximum_concurrency: u32,
    /// For how long.
    pub span: Span,
}

/// Servers behind one line, first come first served.
#[derive(Debug, Clone, PartialEq)]
pub struct Service {
    /// Times between calls.
    pub arrivals: Gaps,
    /// How long a server takes.
    pub service: Distribution,
    /// How many servers there are.
    pub servers: u32,
    /// How many calls may wait, those in service not counted; what comes on top is rejected. None: any number.
    pub places: Option<u32>,
    /// For how long.
    pub span: Span,
}

/// A queue whose messages are handed to a function in batches.
#[derive(Debug, Clone, PartialEq)]
pub struct Queue {
    /// Times between messages.
    pub arrivals: Gaps,
    /// How long the function takes for a batch, whatever its size.
    pub service: Distribution,
    /// The mapping from the queue to the function.
    pub mapping: EventSourceConfig,
    /// For how long.
    pub span: Span,
}

/// What is studied.
#[derive(Debug, Clone, PartialEq)]
pub enum Part {
    /// A function.
    Function(Function),
    /// A service.
    Service(Service),
    /// A queue.
    Queue(Queue),
}

/// A study: parts by name, which know nothing of each other.
#[derive(Debug, Clone, PartialEq)]
pub struct Study {
    /// What it is called.
    pub name: String,
    /// What replays it.
    pub seed: u64,
    /// What is studied.
    pub parts: BTreeMap<String, Part>,
}

impl Study {
    /// The figures of every part. The same study gives the same figures.
    #[must_use]
    pub fn run(&self) -> BTreeMap<String, Figures> {
        let figures = |(name, part): (&String, &Part)| (name.clone(), part.run(name, self.seed));
        self.parts.iter().map(figures).collect()
    }
}

impl Part {
    /// The figures of one part, which do not depend on the others.
    ///
    /// # Panics
    /// If a run breaks Little's law: then this crate is wrong, and no figure of it is to be trusted.
    #[must_use]
    pub fn run(&self, name: &str, seed: u64) -> Figures {
        self.run_unless(name, seed, &|| false)
            .expect("nothing stops it")
    }

    /// The same; none if it is stopped before the end, which is asked from time to time.
    ///
    /// # Panics
    /// As [`Part::run`].
    #[must_use]
    pub fn run_unless(&self, name: &str, seed: u64, stop: &dyn Fn() -> bool) -> Option<Figures> {
        let draws = Draws {
            streams: Streams::new(seed),
            name,
            stop,
        };
        match self {
            Self::Function(function) => function::run(function, &draws),
            Self::Service(service) => service::run(service, &draws),
            Self::Queue(queue) => queue::run(queue, &draws),
        }
    }

    /// For how long it is studied.
    #[must_use]
    pub fn span(&self) -> Span {
        match self {
            Self::Function(function) => function.span,
            Self::Service(service) => service.span,
            Self::Queue(queue) => queue.span,
        }
    }
}

/// The streams of one part.
struct Draws<'a> {
    streams: Streams,
    name: &'a str,
    stop: &'a dyn Fn() -> bool,
}

impl Draws<'_> {
    /// Nothing once it is stopped.
    fn go_on(&self) -> Option<()> {
        (!(self.stop)()).then_some(())
    }

    fn stream(&self, purpose: &str) -> kernel::Stream {
        self.streams
            .stream(&format!("study {purpose} {}", self.name), 0)
    }
}
