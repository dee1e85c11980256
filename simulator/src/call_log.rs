//! How long the calls of a live run took, after the warm-up: what a cloud profile is calibrated on.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use calls::{CallObserver, Calls, Spent};
use report::latency::Latencies;

/// From a rider's scheduled send to the answer, less what the front says of its own time.
pub const CLIENT_RTT: &str = "client.rtt";
/// Items of a piece of work are told apart up to this many; more count as so many.
const ITEMS_MAX: u64 = 128;
/// Work that grows with what it is given.
pub const GROWING: [&str; 2] = ["matching.round", "tracker.candidates"];

/// The log.
#[derive(Debug, Default)]
pub struct CallLog {
    counting: AtomicBool,
    latencies: Mutex<Latencies>,
}

impl CallLog {
    /// A log that notes nothing yet.
    pub fn new() -> Arc<Self> {
        Arc::new(Self::default())
    }

    /// From now on calls are noted, or no longer.
    pub fn count(&self, counting: bool) {
        self.counting.store(counting, Ordering::Relaxed);
    }

    /// The log as parts of the system tell it.
    pub fn listen(self: &Arc<Self>) -> Calls {
        Calls::told_to(self.clone())
    }

    fn latencies(&self) -> MutexGuard<'_, Latencies> {
        self.latencies.lock().expect("no one panics while noting")
    }

    /// What was noted.
    pub fn finish(&self) -> Latencies {
        std::mem::take(&mut *self.latencies())
    }
}

impl CallObserver for CallLog {
    fn called(&self, call: &str, took: Duration) {
        if self.counting.load(Ordering::Relaxed) {
            self.latencies().record(call, took);
        }
    }

    /// A piece of work is noted by its own time, by its whole time as `NAME/took`, and, if it grows, by its own
    /// time for so many items as `NAME#N`.
    fn worked(&self, work: &str, spent: Spent) {
        if !self.counting.load(Ordering::Relaxed) {
            return;
        }
        let mut latencies = self.latencies();
        latencies.record(work, spent.own);
        latencies.record(&format!("{work}/took"), spent.took);
        if GROWING.contains(&work) {
            let items = spent.items.min(ITEMS_MAX);
            latencies.record(&format!("{work}#{items}"), spent.own);
        }
    }
}
