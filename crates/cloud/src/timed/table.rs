//! A table of DynamoDB as its callers feel it: latency, consumed units, throttles.

use std::sync::Arc;
use std::time::Duration;

use domain::Timestamp;
use kernel::{Local, Stream, Time};
use services::ports::PortError;

use super::Draws;
use crate::profile::{Spans, TableProfile};
use crate::table_capacity::{Access, TableCapacity};

/// Attempts of a call, the first included, before a throttle is its caller's business: what the SDK is
/// set to in `crates/aws`.
const CALL_ATTEMPTS_MAX: u32 = 4;
/// The mean of the first wait between attempts; it doubles.
const BACKOFF_FIRST: Duration = Duration::from_millis(50);
/// The longest wait between attempts.
const BACKOFF_MAX: Duration = Duration::from_secs(1);

/// Which call, for its latency.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Call {
    /// One item by its key.
    Get,
    /// Items of an index.
    Query,
    /// One item, with or without a condition.
    Put,
    /// Several items, all or none.
    Transact,
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

/// A table.
#[derive(Debug, Clone)]
pub struct Table {
    port: &'static str,
    time: Time,
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    laws: TableProfile,
    draws: Draws,
    state: Local<State>,
}

#[derive(Debug)]
struct State {
    used: TableUse,
    capacity: TableCapacity,
}

impl Table {
    /// A table that nothing was asked of yet. `port` names it in errors.
    #[must_use]
    pub fn new(port: &'static str, profile: &TableProfile, stream: Stream, time: &Time) -> Self {
        let state = State {
            used: TableUse::default(),
            capacity: TableCapacity::new(profile),
        };
        Self {
            port,
            time: time.clone(),
            inner: Arc::new(Inner {
                laws: profile.clone(),
                draws: Draws::new(stream),
                state: Local::new(state),
            }),
        }
    }

    /// What it was used for so far.
    #[must_use]
    pub fn used(&self) -> TableUse {
        self.inner.state.lock().used
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.time.now_us())
    }

    /// Waits for a call that reads so many units of a partition.
    ///
    /// # Errors
    /// If the table throttles it to the end of its attempts.
    pub async fn read(&self, call: Call, units: f64, partition: u64) -> Result<(), PortError> {
        self.call(call, Access::Read, units, partition).await?;
        self.inner.state.lock().used.read_units += units;
        Ok(())
    }

    /// Waits for a call that writes so many units to a partition.
    ///
    /// # Errors
    /// If the table throttles it to the end of its attempts.
    pub async fn write(&self, call: Call, units: f64, partition: u64) -> Result<(), PortError> {
        self.call(call, Access::Write, units, partition).await?;
        self.inner.state.lock().used.write_units += units;
        Ok(())
    }

    /// Counts a write whose condition did not hold, instead of what `written` said of it.
    pub fn refused(&self, written: f64, refused: f64) {
        let used = &mut self.inner.state.lock().used;
        used.conditional_failures += 1;
        used.write_units -= written - refused;
    }

    /// Counts what became known only by the answer, and calls that went beside the one waited for.
    pub fn also_read(&self, requests: u64, units: f64) {
        let used = &mut self.inner.state.lock().used;
        used.requests += requests;
        used.read_units += units;
    }

    /// As [`Self::also_read`], of writes.
    pub fn also_written(&self, requests: u64, units: f64) {
        let used = &mut self.inner.state.lock().used;
        used.requests += requests;
        used.write_units += units;
    }

    /// What a call might take that is counted and not made.
    #[must_use]
    pub fn would_take(&self, call: Call) -> Duration {
        self.inner.draws.span(self.law(call))
    }

    /// What calls take on average.
    #[must_use]
    pub fn takes_on_average(&self, call: Call) -> Duration {
        self.law(call).mean()
    }

    fn law(&self, call: Call) -> &Spans {
        let laws = &self.inner.laws;
        match call {
            Call::Get => &laws.get,
            Call::Query => &laws.query,
            Call::Put => &laws.put,
            Call::Transact => &laws.transact,
        }
    }

    async fn call(
        &self,
        call: Call,
        access: Access,
        units: f64,
        partition: u64,
    ) -> Result<(), PortError> {
        let law = self.law(call);
        self.inner.state.lock().used.requests += 1;
        let mut backoff = BACKOFF_FIRST;
        for attempt in 1..=CALL_ATTEMPTS_MAX {
            self.time.sleep(self.inner.draws.span(law)).await;
            let now = self.now();
            let taken = self
                .inner
                .state
                .lock()
                .capacity
                .take(now, access, units, partition);
            if taken.is_ok() {
                return Ok(());
            }
            if attempt < CALL_ATTEMPTS_MAX {
                // From nothing to twice the mean, as the SDK draws it.
                let wait = backoff.mul_f64(2.0 * self.inner.draws.uniform());
                self.time.sleep(wait).await;
                backoff = (backoff * 2).min(BACKOFF_MAX);
            }
        }
        self.inner.state.lock().used.throttles += 1;
        Err(PortError::Throttled {
            port: self.port,
            detail: format!("found no capacity for {units} units in {CALL_ATTEMPTS_MAX} attempts"),
        })
    }
}
