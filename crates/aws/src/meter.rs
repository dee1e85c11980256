//! What the adapters consumed, for the summary and the bill.
//!
//! Capacity is what DynamoDB itself says of each call (`ReturnConsumedCapacity`), indexes included. Only
//! a conditional write that failed comes back without it and is counted from the size of what was to be
//! written, as DynamoDB bills it. Attempts that the SDK repeated count once.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::stack::{QUEUES, Queue, TABLES, Table};

/// Counters of every table and queue. Starts at zero.
#[derive(Debug, Default)]
pub struct Meter {
    tables: [TableCounters; TABLES.len()],
    queues: [QueueCounters; QUEUES.len()],
}

#[derive(Debug, Default)]
struct TableCounters {
    requests: AtomicU64,
    // Capacity comes in halves.
    read_half_units: AtomicU64,
    write_half_units: AtomicU64,
    throttles: AtomicU64,
    conditional_failures: AtomicU64,
}

#[derive(Debug, Default)]
struct QueueCounters {
    requests: AtomicU64,
    sent: AtomicU64,
    received: AtomicU64,
    redelivered: AtomicU64,
    deleted: AtomicU64,
}

/// What a table has been used for.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct TableUse {
    /// Calls.
    pub requests: u64,
    /// Read units: 4 KB strongly consistent each, or twice that eventually consistent.
    pub read_units: f64,
    /// Write units: 1 KB each, twice in a transaction, and those of the indexes.
    pub write_units: f64,
    /// Calls that were throttled to the end of their attempts.
    pub throttles: u64,
    /// Writes whose condition did not hold.
    pub conditional_failures: u64,
}

/// What a queue has been used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct QueueUse {
    /// Calls of any kind, empty receives included: what SQS bills.
    pub requests: u64,
    /// Messages sent.
    pub sent: u64,
    /// Messages received, each time counted.
    pub received: u64,
    /// Of those, messages that had been received before.
    pub redelivered: u64,
    /// Messages deleted.
    pub deleted: u64,
}

fn add(counter: &AtomicU64, count: u64) {
    counter.fetch_add(count, Ordering::Relaxed);
}

fn read(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}

fn halves(units: f64) -> u64 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "capacity is a small positive number of halves"
    )]
    {
        (units * 2.0).round() as u64
    }
}

#[expect(clippy::cast_precision_loss, reason = "exact up to 2^52 halves")]
fn units(halves: u64) -> f64 {
    halves as f64 / 2.0
}

impl Meter {
    /// What each table was used for since the start, by its name without prefix.
    #[must_use]
    pub fn tables(&self) -> BTreeMap<&'static str, TableUse> {
        let used = self.tables.iter().map(|table| TableUse {
            requests: read(&table.requests),
            read_units: units(read(&table.read_half_units)),
            write_units: units(read(&table.write_half_units)),
            throttles: read(&table.throttles),
            conditional_failures: read(&table.conditional_failures),
        });
        TABLES.iter().map(|spec| spec.name).zip(used).collect()
    }

    /// What each queue was used for since the start, by its name without prefix.
    #[must_use]
    pub fn queues(&self) -> BTreeMap<&'static str, QueueUse> {
        let used = self.queues.iter().map(|queue| QueueUse {
            requests: read(&queue.requests),
            sent: read(&queue.sent),
            received: read(&queue.received),
            redelivered: read(&queue.redelivered),
            deleted: read(&queue.deleted),
        });
        QUEUES.iter().map(|spec| spec.name).zip(used).collect()
    }

    pub(crate) fn table_read(&self, table: Table, units: f64) {
        let counters = &self.tables[table as usize];
        add(&counters.requests, 1);
        add(&counters.read_half_units, halves(units));
    }

    pub(crate) fn table_written(&self, table: Table, units: f64) {
        let counters = &self.tables[table as usize];
        add(&counters.requests, 1);
        add(&counters.write_half_units, halves(units));
    }

    pub(crate) fn table_throttled(&self, table: Table) {
        let counters = &self.tables[table as usize];
        add(&counters.requests, 1);
        add(&counters.throttles, 1);
    }

    pub(crate) fn condition_failed(&self, table: Table, units: f64) {
        self.table_written(table, units);
        add(&self.tables[table as usize].conditional_failures, 1);
    }

    pub(crate) fn queue_called(&self, queue: Queue) {
        add(&self.queues[queue as usize].requests, 1);
    }

    pub(crate) fn sent(&self, queue: Queue, messages: u64) {
        add(&self.queues[queue as usize].sent, messages);
    }

    pub(crate) fn received(&self, queue: Queue, messages: u64, redelivered: u64) {
        add(&self.queues[queue as usize].received, messages);
        add(&self.queues[queue as usize].redelivered, redelivered);
    }

    pub(crate) fn deleted(&self, queue: Queue, messages: u64) {
        add(&self.queues[queue as usize].deleted, messages);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_add_up() {
        let meter = Meter::default();
        for _ in 0..3 {
            meter.table_read(Table::Trips, 0.5);
        }
        meter.condition_failed(Table::Trips, 2.0);
        let trips = meter.tables()["trips"];
        assert_eq!((trips.read_units, trips.write_units), (1.5, 2.0));
        assert_eq!((trips.requests, trips.conditional_failures), (4, 1));
    }
}
