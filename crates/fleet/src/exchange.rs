//! What the fleet is told, and what it answers.

use std::time::Duration;

use domain::hold::Hold;
use domain::{DriverId, Place, Timestamp};

/// How the tracker judges pings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FleetPolicy {
    /// A driver without a ping for this long is not available.
    pub ping_expiry: Duration,
    /// How far a driver's clock may be ahead of ours.
    pub future_tolerance: Duration,
}

impl Default for FleetPolicy {
    fn default() -> Self {
        Self {
            ping_expiry: Duration::from_secs(20),
            future_tolerance: Duration::from_secs(5),
        }
    }
}

/// A driver's sign of life.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ping {
    /// Counts up from ping to ping since the driver went online.
    pub sequence: u64,
    /// Where the driver is.
    pub place: Place,
    /// When, by the driver's clock.
    pub sent_at: Timestamp,
}

/// What became of a ping.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PingOutcome {
    /// The driver is now there, and online.
    Moved,
    /// A later ping, or this one, was here before: nothing changed.
    Stale,
    /// Sent later than our clock allows: nothing changed.
    FromTheFuture,
    /// The driver went offline on purpose and has not come back: nothing changed.
    NotOnline,
}

/// What became of the wish to keep a driver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReserveStart {
    /// The driver is kept in memory: write durably now, then [`crate::Fleet::finish_reserve`].
    Started,
    /// This very hold stands already.
    AlreadyHeld,
    /// This very hold is being written by another call. Writing it again is harmless.
    UnderWay,
    /// The deadline has passed.
    PastDeadline,
    /// Another attempt of the trip, or another driver, is kept for it: this driver.
    TripHeldBy(DriverId),
    /// The driver is kept for another trip.
    DriverTaken,
    /// The driver is not online, or was not heard of recently.
    Unavailable,
}

/// What [`crate::Fleet::expire`] found.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Expired {
    /// Drivers who fell silent, longest silent first.
    pub silent: Vec<DriverId>,
    /// Holds past their deadline that nobody accepted. Each is kept, and reported again after
    /// [`crate::limits::HOLD_REPORT_RETRY`], until it is ended.
    pub holds: Vec<Hold>,
}

/// Drivers by status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Online and heard of recently, kept or not.
    pub online: usize,
    /// Of those, kept by no hold.
    pub available: usize,
    /// Holds not yet shown to their driver, being written or written.
    pub reserved: usize,
    /// Holds shown to their driver.
    pub offered: usize,
    /// Holds that their driver accepted.
    pub accepted: usize,
}
