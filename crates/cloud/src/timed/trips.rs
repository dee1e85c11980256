//! Trips, their indexes and the leases of rounds, in table `trips`.

use domain::trip::{SweepPolicy, Trip, TripState};
use domain::{Region, Round, Timestamp, TripId};
use services::ports::{Created, DueTrips, OpenTrips, PortError, RoundLease, Swap, TripStore};

use super::{Call, Table};
use crate::memory::MemoryTrips;

/// Partitions of each sparse index: `INDEX_SHARDS` of `crates/aws`. Each is a query of its own.
const INDEX_SHARDS: u32 = 4;
/// Trip items are below 1 KB, so that a write of one, or of its entry in an index, is one unit (held
/// against `wire::items` in a test).
const WRITE: f64 = 1.0;
/// A strongly consistent read of one trip.
const READ: f64 = 1.0;
/// An eventually consistent read of an index: half a unit for each 4 KB begun, half a unit for none.
const INDEX_READ_MIN: f64 = 0.5;
/// Trips in 4 KB, as an index holds them.
const TRIPS_IN_4_KB: f64 = 5.0;

/// [`MemoryTrips`] with the latency and units of a table.
#[derive(Debug, Clone)]
pub struct TimedTrips {
    inner: MemoryTrips,
    table: Table,
}

impl TimedTrips {
    /// An empty table.
    #[must_use]
    pub fn new(sweep: SweepPolicy, table: Table) -> Self {
        Self {
            inner: MemoryTrips::new(sweep),
            table,
        }
    }

    /// The trips without latency, to fill the table before a run and to read it afterwards.
    #[must_use]
    pub fn at_rest(&self) -> &MemoryTrips {
        &self.inner
    }

    /// The table.
    #[must_use]
    pub fn table(&self) -> &Table {
        &self.table
    }

    /// One query for each shard, side by side: as long as one, as many units as all.
    async fn query(&self, region: &Region) -> Result<(), PortError> {
        let partition = partition_of_region(region);
        self.table.read(Call::Query, 0.0, partition).await
    }

    fn queried(&self, found: usize) {
        let shards = f64::from(INDEX_SHARDS);
        let units = (found as f64 / TRIPS_IN_4_KB / shards).ceil() * shards * INDEX_READ_MIN;
        self.table.also_read(
            u64::from(INDEX_SHARDS) - 1,
            units.max(shards * INDEX_READ_MIN),
        );
    }
}

/// Which partition a trip's item is in: ids are hashes.
fn partition(id: TripId) -> u64 {
    (id.0 >> 64) as u64
}

fn partition_of_region(region: &Region) -> u64 {
    region
        .as_str()
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        })
}

/// Units of a transition: the item, its entry in `due`, whose key changes with each (out and in), and its
/// entry in `open` where it comes in or goes out.
fn transition_units(next: &Trip) -> f64 {
    let due = if next.state.is_final() { 1.0 } else { 2.0 };
    let open = match next.state {
        // An offer takes the trip out of `open`, a decline brings it back.
        TripState::Requested | TripState::Offered => 1.0,
        TripState::Unserved { .. } => 1.0,
        _ => 0.0,
    };
    WRITE * (1.0 + due + open)
}

/// Units of a new trip: the item and its entry in both indexes.
const CREATE: f64 = 3.0 * WRITE;

impl TripStore for TimedTrips {
    async fn create(&self, trip: &Trip) -> Result<Created, PortError> {
        let written = self.table.write(Call::Put, CREATE, partition(trip.id));
        written.await?;
        let created = self.inner.create(trip).await?;
        if matches!(created, Created::Exists(_)) {
            self.table.refused(CREATE, WRITE);
        }
        Ok(created)
    }

    async fn get(&self, id: TripId) -> Result<Option<Trip>, PortError> {
        self.table.read(Call::Get, READ, partition(id)).await?;
        self.inner.get(id).await
    }

    async fn transition(&self, next: &Trip) -> Result<Swap, PortError> {
        let units = transition_units(next);
        self.table
            .write(Call::Put, units, partition(next.id))
            .await?;
        let swapped = self.inner.transition(next).await?;
        if swapped == Swap::Lost {
            self.table.refused(units, WRITE);
        }
        Ok(swapped)
    }
}

impl OpenTrips for TimedTrips {
    async fn open(&self, region: &Region, limit: usize) -> Result<Vec<Trip>, PortError> {
        self.query(region).await?;
        let trips = self.inner.open(region, limit).await?;
        self.queried(trips.len());
        Ok(trips)
    }
}

impl DueTrips for TimedTrips {
    async fn due(
        &self,
        region: &Region,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<TripId>, PortError> {
        self.query(region).await?;
        let trips = self.inner.due(region, now, limit).await?;
        self.queried(trips.len());
        Ok(trips)
    }
}

impl RoundLease for TimedTrips {
    async fn take(
        &self,
        region: &Region,
        round: Round,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<bool, PortError> {
        let partition = partition_of_region(region) ^ round.0.unsigned_abs();
        self.table.write(Call::Put, WRITE, partition).await?;
        let taken = self.inner.take(region, round, now, until).await?;
        if !taken {
            self.table.refused(WRITE, WRITE);
        }
        Ok(taken)
    }

    async fn finish(&self, region: &Region, round: Round) -> Result<(), PortError> {
        let partition = partition_of_region(region) ^ round.0.unsigned_abs();
        self.table.write(Call::Put, WRITE, partition).await?;
        self.inner.finish(region, round).await
    }
}
