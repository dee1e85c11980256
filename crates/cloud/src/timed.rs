//! The store and queue ports in virtual time: what [`crate::memory`] answers, after what a call takes on
//! the modelled cloud, with what it consumes counted as the cloud bills it.
//!
//! A call waits for its latency and then happens: what it writes is seen from its answer on. Start at
//! [`Table`], which every store stands on, and at [`TimedQueue`]. All are handles: a clone is the same.

mod holds;
mod market;
mod queue;
mod table;
#[cfg(test)]
mod tests;
mod trips;

pub use holds::TimedHolds;
pub use market::TimedMarket;
pub(crate) use queue::whole_seconds;
pub use queue::{QueueUse, TimedQueue};
pub use table::{Call, Table, TableUse};
pub use trips::TimedTrips;

use std::time::Duration;

use domain::Timestamp;
use kernel::{Local, Stream, Time};
use services::ports::Clock;

use crate::profile::Spans;

/// Virtual time as the clock of use cases.
#[derive(Debug, Clone)]
pub struct VirtualClock(pub Time);

impl Clock for VirtualClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.0.now_us())
    }
}

/// Spans drawn from laws by a stream that one part of the cloud has for itself.
#[derive(Debug)]
pub struct Draws(Local<Stream>);

impl Draws {
    /// Draws from a stream.
    #[must_use]
    pub fn new(stream: Stream) -> Self {
        Self(Local::new(stream))
    }

    /// The next span of a law.
    pub fn span(&self, law: &Spans) -> Duration {
        law.sample(&mut self.0.lock())
    }

    /// Evenly from 0 to 1.
    pub fn uniform(&self) -> f64 {
        self.0.lock().uniform()
    }
}
