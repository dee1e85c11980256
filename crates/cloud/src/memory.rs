//! The store and queue ports in memory, for the twin and for tests: the same conditions as on the
//! database, no latency, no failures.
//!
//! [`MemoryTrips`] holds trips and round leases, [`MemoryHolds`] the drivers' holds, [`MemoryMarket`] surge
//! and supply, and a [`MemoryQueue`] each carries rings, trip events or market snapshots. All are handles:
//! a clone is the same store. Their futures are ready at once, and no lock is held over an await. Where a
//! port says that an index may lag, this one does not.

mod holds;
mod market;
mod numbers;
mod queues;
mod rows;
#[cfg(test)]
mod tests;
mod trips;

pub use holds::MemoryHolds;
pub use market::MemoryMarket;
pub use numbers::TripNumbers;
pub use queues::MemoryQueue;
pub use rows::Rows;
pub use trips::{LEASES_MAX, MemoryTrips};

use std::sync::{Mutex, MutexGuard};

/// What a store was asked, in items; an item's size is not modelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct StoreCounters {
    /// Items read, by key or from an index; a miss counts too.
    pub reads: u64,
    /// Items written or removed.
    pub writes: u64,
    /// Writes refused by their condition.
    pub conditional_failures: u64,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex
        .lock()
        .expect("no one panics while holding a memory store")
}
