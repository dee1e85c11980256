//! What a DynamoDB table on demand lets through, and what an operation consumes.
//!
//! Start at [`TableCapacity::take`], with units from [`write_units`] and [`read_units`]. A table takes at
//! once what it took initially or a multiple of its previous peak, whichever is more, up to the account's
//! limit of a table; each of its partitions takes a fixed rate. The previous peak is the busiest minute
//! that lies at least one window back, so that traffic which more than doubles within a window is
//! throttled, as AWS warns.
//!
//! Not modelled: burst capacity of partitions that were quiet, splits of hot partitions, indexes.

use std::collections::VecDeque;
use std::time::Duration;

use domain::Timestamp;

use crate::lookup::Lookup;
use crate::profile::TableProfile;
use crate::token_bucket::TokenBucket;

/// Bytes of a write unit (docs: DynamoDB read and write units).
pub const WRITE_UNIT_BYTES: u64 = 1_024;
/// Bytes of a read unit (same page).
pub const READ_UNIT_BYTES: u64 = 4_096;
/// How much may be taken at one moment, in seconds of the rate.
const BURST_S: f64 = 1.0;
/// Over which traffic is averaged before it can be a peak.
const PEAK_SPAN: Duration = Duration::from_secs(60);
/// Partitions remembered before those that have recovered are forgotten: few, so that they are quick to find.
const PARTITIONS_REMEMBERED: usize = 256;

/// How much a read is promised to see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Consistency {
    /// Maybe not the last write: half the units.
    Eventual,
    /// The last write.
    Strong,
    /// A part of a transaction: twice the units.
    Transactional,
}

/// Units of a write of so many bytes: whole KB, at least one; twice as many in a transaction.
#[must_use]
pub fn write_units(bytes: u64, transactional: bool) -> f64 {
    let units = bytes.div_ceil(WRITE_UNIT_BYTES).max(1) as f64;
    if transactional { 2.0 * units } else { units }
}

/// Units of a read of so many bytes: whole 4 KB, at least one, times what the consistency costs. A query
/// is one read of the sum of its items; the items of a batch are reads of their own.
#[must_use]
pub fn read_units(bytes: u64, consistency: Consistency) -> f64 {
    let units = bytes.div_ceil(READ_UNIT_BYTES).max(1) as f64;
    match consistency {
        Consistency::Eventual => units / 2.0,
        Consistency::Strong => units,
        Consistency::Transactional => 2.0 * units,
    }
}

/// Whether units are of reads or of writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Read units.
    Read,
    /// Write units.
    Write,
}

/// Why an operation was refused; the SDK tries it again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Throttle {
    /// The table's capacity is used up.
    #[error("found more traffic than the table's capacity, expected less")]
    Table,
    /// The partition's is.
    #[error("found more traffic than a partition's capacity, expected less on one key")]
    Partition,
}

/// What was counted since the start or the last [`TableCapacity::reset_counters`], as `tables` in
/// summary.json names it.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct TableCounters {
    /// Read units consumed.
    pub read_units: f64,
    /// Write units consumed.
    pub write_units: f64,
    /// Operations refused.
    pub throttles: u64,
    /// Conditional writes whose condition did not hold; their units are consumed.
    pub conditional_failures: u64,
}

/// One kind of units: the table's bucket, its partitions' and its history.
#[derive(Debug, Clone)]
struct Side {
    initial: f64,
    multiple: f64,
    table_max: f64,
    partition_rate: f64,
    bucket: TokenBucket,
    partitions: Lookup<u64, TokenBucket>,
    partitions_remembered: usize,
    /// Units of the current span, and when it ends.
    current: f64,
    current_ends: Option<Timestamp>,
    /// Units of past spans within the window, the latest last.
    recent: VecDeque<f64>,
    recent_max: usize,
    /// Highest rate of a span that has left the window, in units per second.
    previous_peak: f64,
}

impl Side {
    fn new(initial: u32, table_max: u32, partition: u32, profile: &TableProfile) -> Self {
        let rate = f64::from(initial);
        let spans = profile.peak_window.as_secs().div_ceil(PEAK_SPAN.as_secs());
        Self {
            initial: rate,
            multiple: profile.instant_multiple,
            table_max: f64::from(table_max),
            partition_rate: f64::from(partition),
            bucket: TokenBucket::new(rate, rate * BURST_S),
            partitions: Lookup::default(),
            partitions_remembered: PARTITIONS_REMEMBERED,
            current: 0.0,
            current_ends: None,
            recent: VecDeque::new(),
            recent_max: usize::try_from(spans).unwrap_or(usize::MAX),
            previous_peak: 0.0,
        }
    }

    fn capacity(&self) -> f64 {
        (self.multiple * self.previous_peak)
            .max(self.initial)
            .min(self.table_max)
    }

    fn take(&mut self, now: Timestamp, units: f64, partition: u64) -> Result<(), Throttle> {
        self.roll(now);
        if !self.bucket.has(now, units) {
            return Err(Throttle::Table);
        }
        let rate = self.partition_rate;
        let full = || TokenBucket::new(rate, rate * BURST_S);
        let bucket = self.partitions.get_or_insert_with(partition, full);
        if !bucket.take(now, units) {
            return Err(Throttle::Partition);
        }
        self.bucket.draw(units);
        self.current += units;
        if self.partitions.len() > self.partitions_remembered {
            self.forget_recovered(now);
        }
        Ok(())
    }

    /// Closes the spans that have ended.
    fn roll(&mut self, now: Timestamp) {
        let mut ends = *self.current_ends.get_or_insert(now + PEAK_SPAN);
        if now < ends {
            return;
        }
        let before = self.capacity();
        // After a pause longer than the window only empty spans remain.
        let mut rolls = self.recent_max + 2;
        while ends <= now && rolls > 0 {
            self.recent.push_back(std::mem::take(&mut self.current));
            if self.recent.len() > self.recent_max {
                let left = self.recent.pop_front().unwrap_or_default();
                self.previous_peak = self.previous_peak.max(left / PEAK_SPAN.as_secs_f64());
            }
            ends = ends + PEAK_SPAN;
            rolls -= 1;
        }
        self.current_ends = Some(if ends > now { ends } else { now + PEAK_SPAN });
        let after = self.capacity();
        if after > before {
            self.bucket.set_rate(now, after, after * BURST_S);
        }
    }

    /// A full bucket is as good as none.
    fn forget_recovered(&mut self, now: Timestamp) {
        self.partitions.retain(|bucket| !bucket.is_full(now));
        // Those that stay are in use: look again only when there are twice as many.
        self.partitions_remembered = (2 * self.partitions.len()).max(PARTITIONS_REMEMBERED);
    }
}

/// One table on demand.
#[derive(Debug, Clone)]
pub struct TableCapacity {
    read: Side,
    write: Side,
    counters: TableCounters,
}

impl TableCapacity {
    /// A new table.
    #[must_use]
    pub fn new(profile: &TableProfile) -> Self {
        let read = Side::new(
            profile.initial_rru,
            profile.table_max_rru,
            profile.partition_rru,
            profile,
        );
        let write = Side::new(
            profile.initial_wru,
            profile.table_max_wru,
            profile.partition_wru,
            profile,
        );
        Self {
            read,
            write,
            counters: TableCounters::default(),
        }
    }

    /// An operation on one partition key consumes units, or is refused and consumes none.
    ///
    /// # Errors
    /// Says whose capacity is used up.
    pub fn take(
        &mut self,
        now: Timestamp,
        access: Access,
        units: f64,
        partition: u64,
    ) -> Result<(), Throttle> {
        let (side, consumed) = match access {
            Access::Read => (&mut self.read, &mut self.counters.read_units),
            Access::Write => (&mut self.write, &mut self.counters.write_units),
        };
        let taken = side.take(now, units.max(0.0), partition);
        match taken {
            Ok(()) => *consumed += units.max(0.0),
            Err(_) => self.counters.throttles += 1,
        }
        taken
    }

    /// A conditional write's condition did not hold.
    pub fn condition_failed(&mut self) {
        self.counters.conditional_failures += 1;
    }

    /// Units per second that the table takes at present.
    #[must_use]
    pub fn capacity(&self, access: Access) -> f64 {
        match access {
            Access::Read => self.read.capacity(),
            Access::Write => self.write.capacity(),
        }
    }

    /// What was counted.
    #[must_use]
    pub fn counters(&self) -> TableCounters {
        self.counters
    }

    /// Forgets what was counted until now, as at the end of a warm-up; the capacity stays.
    pub fn reset_counters(&mut self) {
        self.counters = TableCounters::default();
    }
}

#[cfg(test)]
#[path = "table_capacity_tests.rs"]
mod tests;
