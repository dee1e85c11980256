//! Holds, in table `fleet`: an item for each driver who is kept, a ledger for each trip.

use domain::Timestamp;
use domain::hold::{Hold, HoldKey, Refusal};
use services::ports::{HoldEnd, HoldStore, PortError, Reserved};

use super::{Call, Table};
use crate::memory::MemoryHolds;

/// Two items below 1 KB in one transaction, each at twice its unit.
const TRANSACTION: f64 = 4.0;
/// One item below 1 KB.
const WRITE: f64 = 1.0;
/// One item below 4 KB, strongly consistent.
const READ: f64 = 1.0;
/// Live holds in 4 KB of a scan.
const HOLDS_IN_4_KB: f64 = 8.0;

/// [`MemoryHolds`] with the latency and units of a table.
#[derive(Debug, Clone)]
pub struct TimedHolds {
    inner: MemoryHolds,
    table: Table,
}

impl TimedHolds {
    /// An empty table.
    #[must_use]
    pub fn new(table: Table) -> Self {
        Self {
            inner: MemoryHolds::new(),
            table,
        }
    }

    /// The holds without latency, to fill the table before a run and to read it afterwards.
    #[must_use]
    pub fn at_rest(&self) -> &MemoryHolds {
        &self.inner
    }

    /// The table.
    #[must_use]
    pub fn table(&self) -> &Table {
        &self.table
    }
}

impl HoldStore for TimedHolds {
    async fn reserve(&self, hold: &Hold, now: Timestamp) -> Result<Reserved, PortError> {
        let partition = hold.key.driver.0;
        self.table
            .write(Call::Transact, TRANSACTION, partition)
            .await?;
        let reserved = self.inner.reserve(hold, now).await?;
        if reserved != Reserved::Held {
            self.table.refused(TRANSACTION, TRANSACTION);
        }
        Ok(reserved)
    }

    async fn mark_offered(&self, key: HoldKey) -> Result<bool, PortError> {
        self.table.write(Call::Put, WRITE, key.driver.0).await?;
        self.inner.mark_offered(key).await
    }

    async fn accept(
        &self,
        key: HoldKey,
        now: Timestamp,
    ) -> Result<Result<Hold, Refusal>, PortError> {
        // The hold is read first, because the accepted one is written whole.
        self.table.read(Call::Get, READ, key.driver.0).await?;
        self.table
            .write(Call::Transact, TRANSACTION, key.driver.0)
            .await?;
        self.inner.accept(key, now).await
    }

    async fn end(&self, key: HoldKey, why: HoldEnd) -> Result<bool, PortError> {
        self.table
            .write(Call::Transact, TRANSACTION, key.driver.0)
            .await?;
        self.inner.end(key, why).await
    }

    async fn live(&self, now: Timestamp) -> Result<Vec<Hold>, PortError> {
        self.table.read(Call::Query, 0.0, 0).await?;
        let live = self.inner.live(now).await?;
        let units = (live.len() as f64 / HOLDS_IN_4_KB).ceil();
        self.table.also_read(0, units);
        Ok(live)
    }
}
