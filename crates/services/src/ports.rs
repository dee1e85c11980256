//! The ports: what the use cases need of the world, one small trait per need.
//!
//! Every implementation of a port passes the same contract suite (`tests/tests/contract_*.rs`), which
//! says in code what is said here in words. Futures are `Send`, because HTTP and gRPC hosts run them on
//! several threads; none of them is boxed.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use domain::hold::{Hold, HoldKey, Offer, Refusal};
use domain::surge::Multiplier;
use domain::trip::{Trip, TripEvent};
use domain::{
    Attempt, Cell, DriverId, Nearby, Place, Region, Round, Supply, Timestamp, TripId,
    VehicleClasses,
};

pub use fleet::Candidate;

/// Why a port could not do its work. What went wrong is for the log; what to do about it is for the caller.
#[derive(Debug, Clone, thiserror::Error)]
pub enum PortError {
    /// The other side refuses for now: slow down and try again.
    #[error("{port} is throttled: {detail}")]
    Throttled {
        /// Which port.
        port: &'static str,
        /// What the other side said.
        detail: String,
    },
    /// The other side cannot be reached, or failed.
    #[error("{port} is unavailable: {detail}")]
    Unavailable {
        /// Which port.
        port: &'static str,
        /// What went wrong.
        detail: String,
    },
    /// What was read is not what was written: a newer version, or damage.
    #[error("{port} holds what cannot be read: {detail}")]
    Corrupt {
        /// Which port.
        port: &'static str,
        /// What was found, and what was expected.
        detail: String,
    },
}

/// The time. In a host the wall clock, in the twin virtual time.
pub trait Clock: Send + Sync {
    /// Now.
    fn now(&self) -> Timestamp;
}

/// What became of a request to create a trip.
#[derive(Debug, Clone, PartialEq)]
pub enum Created {
    /// It is new.
    New,
    /// A trip of that id was there: this one.
    Exists(Box<Trip>),
}

/// Whether a compare-and-set found what it compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Swap {
    /// It did, and the new value stands.
    Done,
    /// Someone wrote meanwhile: read again.
    Lost,
}

/// Trips: the truth. Every write is a creation or a transition over the version it started from.
pub trait TripStore: Send + Sync {
    /// Stores a new trip unless one of that id is there.
    fn create(&self, trip: &Trip) -> impl Future<Output = Result<Created, PortError>> + Send;
    /// Reads one trip, with all writes that were acknowledged before.
    fn get(&self, id: TripId) -> impl Future<Output = Result<Option<Trip>, PortError>> + Send;
    /// Replaces the trip if its version is still `next.version - 1`.
    fn transition(&self, next: &Trip) -> impl Future<Output = Result<Swap, PortError>> + Send;
}

/// The sparse index of trips that wait for a driver.
pub trait OpenTrips: Send + Sync {
    /// Requested trips of a region, oldest first, at most `limit`. May lag behind the latest writes.
    fn open(
        &self,
        region: &Region,
        limit: usize,
    ) -> impl Future<Output = Result<Vec<Trip>, PortError>> + Send;
}

/// The sparse index of trips that the sweep is to look at.
pub trait DueTrips: Send + Sync {
    /// Trips of a region that are due at or before `now`, longest due first, at most `limit`. May lag, so that whoever
    /// sees to one reads it first.
    fn due(
        &self,
        region: &Region,
        now: Timestamp,
        limit: usize,
    ) -> impl Future<Output = Result<Vec<TripId>, PortError>> + Send;
}

/// Leases of match rounds: one invocation runs a round, the others return.
pub trait RoundLease: Send + Sync {
    /// Takes the lease of a round until `until`. True for the first taker, and for a later one only if
    /// the lease ran out without [`RoundLease::finish`].
    fn take(
        &self,
        region: &Region,
        round: Round,
        now: Timestamp,
        until: Timestamp,
    ) -> impl Future<Output = Result<bool, PortError>> + Send;
    /// Marks a round as done: nobody takes it again.
    fn finish(
        &self,
        region: &Region,
        round: Round,
    ) -> impl Future<Output = Result<(), PortError>> + Send;
}

/// Rings for match rounds. The table is the truth: a ring lost or doubled loses or doubles nothing.
pub trait Doorbell: Send + Sync {
    /// Rings for a round of a region; the ring arrives no earlier than `delay` from now. Whole seconds.
    fn ring(
        &self,
        region: &Region,
        round: Round,
        delay: Duration,
    ) -> impl Future<Output = Result<(), PortError>> + Send;
}

/// The market around one cell, as pricing reads it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CellMarket {
    /// The price multiplier.
    pub multiplier: Multiplier,
    /// Available drivers in the cell and those that touch it, by vehicle class: each class's are rounded
    /// down to a coarse step so that not every passing car is a write.
    pub nearby: Nearby,
}

impl CellMarket {
    /// Of a cell of which there is nothing to say.
    pub const NOTHING: Self = Self {
        multiplier: Multiplier::NONE,
        nearby: Nearby::NONE,
    };
}

/// Surge and supply as pricing reads them.
pub trait MarketReader: Send + Sync {
    /// The market around a cell; none where it was never counted.
    fn cell(
        &self,
        region: &Region,
        cell: Cell,
    ) -> impl Future<Output = Result<Option<CellMarket>, PortError>> + Send;
}

/// Supply, demand and multipliers of a region's cells, as the surge update works on them. A copy shares its
/// maps.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct MarketState {
    /// Available drivers per cell, by vehicle class.
    pub supply: Arc<Supply>,
    /// When that was so; the epoch if never counted.
    pub supply_at: Timestamp,
    /// Open requests per cell.
    pub demand: Arc<BTreeMap<Cell, u32>>,
    /// When that was so; the epoch if never counted.
    pub demand_at: Timestamp,
    /// What [`MarketReader`] is to say of each cell, [`CellMarket::NOTHING`] of one that is not there.
    pub told: Arc<BTreeMap<Cell, CellMarket>>,
    /// Of which cells it may say something else yet: they change with this version, or nobody saw to the end of
    /// telling them of an earlier one.
    pub untold: Arc<BTreeSet<Cell>>,
    /// Counts the writes.
    pub version: u64,
}

impl MarketState {
    /// What is to be told of the cells of which it may not have been.
    pub fn words(&self) -> impl Iterator<Item = (Cell, CellMarket)> + '_ {
        let word = |cell| self.told.get(cell).copied();
        self.untold
            .iter()
            .map(move |cell| (*cell, word(cell).unwrap_or(CellMarket::NOTHING)))
    }
}

/// The state of a region's market, changed by compare-and-set.
pub trait MarketStore: Send + Sync {
    /// Reads it; empty, with version 0, where there is none.
    fn load(&self, region: &Region) -> impl Future<Output = Result<MarketState, PortError>> + Send;
    /// Replaces it if its version is still `next.version - 1`.
    fn store(
        &self,
        region: &Region,
        next: &MarketState,
    ) -> impl Future<Output = Result<Swap, PortError>> + Send;
    /// Sets the cells of [`MarketState::words`] where [`MarketReader`] finds them, but those that a state of the
    /// same version or a later one has set. After a failure some are set and others are not.
    fn tell(
        &self,
        region: &Region,
        state: &MarketState,
    ) -> impl Future<Output = Result<(), PortError>> + Send;
}

/// Which side of the market a snapshot counts, and how many there are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MarketSide {
    /// Available drivers, counted by the tracker.
    Supply(Supply),
    /// Open requests in each cell, counted by match rounds.
    Demand(BTreeMap<Cell, u32>),
}

/// Counts per cell at one moment. A cell that is not named counts nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MarketSnapshot {
    /// Of which region.
    pub region: Region,
    /// Of which side, and how many.
    pub side: MarketSide,
    /// When.
    pub at: Timestamp,
}

/// Where snapshots of the market go.
pub trait MarketSnapshots: Send + Sync {
    /// Sends one.
    fn publish(
        &self,
        snapshot: &MarketSnapshot,
    ) -> impl Future<Output = Result<(), PortError>> + Send;
}

/// Where the tracker reports what happens to trips. At least once, in no order.
pub trait TripEvents: Send + Sync {
    /// Sends one event. It is sent when this returns.
    fn send(&self, event: &TripEvent) -> impl Future<Output = Result<(), PortError>> + Send;
}

/// One rider's question for drivers nearby.
#[derive(Debug, Clone, PartialEq)]
pub struct CandidateQuery {
    /// Where the rider is.
    pub pickup: Place,
    /// Whose vehicles will do.
    pub classes: VehicleClasses,
    /// Drivers not to be named.
    pub excluded: Vec<DriverId>,
}

/// Whether a driver could be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reserved {
    /// Kept for this attempt, now or by an earlier call of the same words.
    Held,
    /// The driver went to another, or is not available.
    DriverTaken,
    /// The trip's attempt already keeps another driver, or a later attempt is under way.
    TripHeldBy(DriverId),
}

/// How a hold stands, as the fleet has it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct HoldStatus {
    /// The hold.
    pub hold: Hold,
    /// When its driver last pinged, or the tracker started if that was later; none if that is not known.
    pub last_ping_at: Option<Timestamp>,
}

/// The fleet, as matching, trips and the sweep call it.
pub trait Fleet: Send + Sync {
    /// The nearest available drivers of each query, nearest first, at most `k` each and, where a radius
    /// is given, within it (metres, straight).
    fn candidates(
        &self,
        queries: &[CandidateQuery],
        k: usize,
        radius_m: Option<f64>,
    ) -> impl Future<Output = Result<Vec<Vec<Candidate>>, PortError>> + Send;
    /// Keeps a driver for an attempt until a deadline. Idempotent. The driver is not told.
    fn reserve(
        &self,
        key: HoldKey,
        deadline: Timestamp,
        offer: &Offer,
    ) -> impl Future<Output = Result<Reserved, PortError>> + Send;
    /// Shows a reserved ride to its driver. Idempotent. False if the hold is gone.
    fn offer(&self, key: HoldKey) -> impl Future<Output = Result<bool, PortError>> + Send;
    /// Lets the driver go, whatever the stage. Idempotent: a hold that is gone is a success.
    fn release(&self, key: HoldKey) -> impl Future<Output = Result<(), PortError>> + Send;
    /// The hold of a trip's attempt, if it is live.
    fn hold(
        &self,
        trip: TripId,
        attempt: Attempt,
    ) -> impl Future<Output = Result<Option<HoldStatus>, PortError>> + Send;
}

/// Why a hold ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HoldEnd {
    /// Released or dropped off: whatever its stage.
    Released,
    /// Declined, or the deadline passed: only if it was not accepted.
    Expired,
}

/// The durable holds: the conditional writes that keep one driver to one live trip, whoever asks.
pub trait HoldStore: Send + Sync {
    /// Stores a reserved hold if the driver has no live hold (one past its deadline and not accepted is
    /// void) and the trip has no hold of this or a later attempt by another driver, nor an accepted one.
    /// The same hold again is `Held`.
    fn reserve(
        &self,
        hold: &Hold,
        now: Timestamp,
    ) -> impl Future<Output = Result<Reserved, PortError>> + Send;
    /// Marks a reserved hold as offered. False if the hold is gone; true if it was offered or accepted.
    fn mark_offered(&self, key: HoldKey) -> impl Future<Output = Result<bool, PortError>> + Send;
    /// Accepts by [`domain::hold::accept`] in one atomic step; answers the hold as it stands then.
    fn accept(
        &self,
        key: HoldKey,
        now: Timestamp,
    ) -> impl Future<Output = Result<Result<Hold, Refusal>, PortError>> + Send;
    /// Ends a hold. True if it is gone now (by this call or before); false if it was accepted and the
    /// end was [`HoldEnd::Expired`].
    fn end(
        &self,
        key: HoldKey,
        why: HoldEnd,
    ) -> impl Future<Output = Result<bool, PortError>> + Send;
    /// All live holds, for a tracker that starts.
    fn live(&self, now: Timestamp) -> impl Future<Output = Result<Vec<Hold>, PortError>> + Send;
}
