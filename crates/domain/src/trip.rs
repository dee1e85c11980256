//! The trip: its states, and which event may move it where.
//!
//! ```text
//! requested → offered → accepted → arrived → picked up → completed
//!     ↑__________|___________|________|   (declined, expired, driver lost)
//!     └→ unserved      any state before pick-up → cancelled
//! ```
//!
//! Events reach a trip late, twice and out of order, so driver events **fast-forward**: one that
//! overtook another brings the trip to its own state and carries the stamps of those it overtook; one
//! that is behind changes nothing; one that the trip's state refuses says whom to release.

mod names;
#[cfg(test)]
mod tests;
mod transition;

pub use transition::{Outcome, TransitionError};

use crate::fare::{Charge, Fare};
use crate::hold::HoldKey;
use crate::ids::{Attempt, DriverId, Region, RiderId, TripId};
use crate::place::Place;
use crate::product::ProductName;
use crate::time::Timestamp;
use std::time::Duration;

/// A trip as the store has it.
#[derive(Debug, Clone, PartialEq)]
pub struct Trip {
    /// Its name.
    pub id: TripId,
    /// The market that matches it.
    pub region: Region,
    /// Whose trip it is.
    pub rider: RiderId,
    /// What the rider chose; none where the market has no products to choose from.
    pub product: Option<ProductName>,
    /// Where it starts.
    pub pickup: Place,
    /// Where it ends.
    pub dropoff: Place,
    /// The fare that was quoted.
    pub fare: Fare,
    /// Length of the way as quoted, in metres.
    pub distance_m: f64,
    /// Time of the way as quoted.
    pub duration: Duration,
    /// Fingerprint of the request that made it: the same idempotency key with another is a conflict.
    pub fingerprint: [u8; 16],
    /// How long the rider will wait for a driver.
    pub patience: Duration,
    /// When it was requested.
    pub requested_at: Timestamp,
    /// Until when a driver may be found.
    pub patience_until: Timestamp,
    /// Where it stands.
    pub state: TripState,
    /// Every try to give it a driver, in order; the last is the one in force.
    pub tries: Vec<Try>,
    /// When the driver in force did what.
    pub stamps: Stamps,
    /// When it entered its present state.
    pub since: Timestamp,
    /// When the sweep last found its driver alive; the epoch if it never looked.
    pub checked_at: Timestamp,
    /// What is charged, once it has ended.
    pub charge: Charge,
    /// Counts the writes: a transition names the version it started from.
    pub version: u64,
}

/// Where a trip stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TripState {
    /// Waiting for a driver.
    Requested,
    /// Offered to a driver.
    Offered,
    /// A driver is on the way.
    Accepted,
    /// The driver waits at the pick-up.
    Arrived,
    /// The rider is in the car.
    PickedUp,
    /// Dropped off. Final.
    Completed,
    /// Cancelled. Final.
    Cancelled {
        /// By whom.
        by: CancelledBy,
        /// In which stage.
        stage: CancelStage,
    },
    /// No driver was found. Final.
    Unserved {
        /// Why.
        because: UnservedReason,
    },
}

impl TripState {
    /// Whether nothing moves the trip any more.
    #[must_use]
    pub fn is_final(self) -> bool {
        matches!(
            self,
            Self::Completed | Self::Cancelled { .. } | Self::Unserved { .. }
        )
    }

    /// Whether a driver has accepted and the ride has not ended.
    #[must_use]
    pub fn is_assigned(self) -> bool {
        matches!(self, Self::Accepted | Self::Arrived | Self::PickedUp)
    }
}

/// Who ended a trip early.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CancelledBy {
    /// The rider.
    Rider,
    /// The driver, because the rider was not there.
    Driver,
    /// The sweep, because the driver was lost under way.
    System,
}

/// How far a trip was when it was cancelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CancelStage {
    /// Nobody had been offered it.
    Requested,
    /// An offer was out.
    Offered,
    /// The driver was on the way.
    Accepted,
    /// The driver was waiting.
    Arrived,
    /// The rider was in the car.
    PickedUp,
}

/// Why no driver was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum UnservedReason {
    /// Patience ended before anybody was offered the trip: no driver was in reach, or those who were went to others.
    NeverOffered,
    /// Patience ended after somebody was offered it: drivers declined, let it run out, or were lost.
    PatienceOver,
    /// As many drivers as are ever asked said no.
    AttemptsExhausted,
    /// Nobody was available at once, and the queue is `lose`.
    NoneAvailableAtOnce,
}

/// One try to give a trip a driver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Try {
    /// Who was asked.
    pub driver: DriverId,
    /// When the trip became offered.
    pub offered_at: Timestamp,
    /// Until when the driver may answer.
    pub deadline: Timestamp,
    /// How it ended, or that it stands.
    pub outcome: TryOutcome,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
}

/// How a try ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TryOutcome {
    /// The offer is out.
    Pending,
    /// The driver took the ride.
    Accepted,
    /// The driver said no.
    Declined,
    /// The driver did not answer in time.
    Expired,
    /// The trip was cancelled meanwhile.
    Withdrawn,
    /// The driver accepted and then was lost.
    Lost,
}

/// When the driver in force did what.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stamps {
    /// Accepted the offer.
    pub accepted_at: Option<Timestamp>,
    /// Reached the pick-up.
    pub arrived_at: Option<Timestamp>,
    /// Left with the rider.
    pub picked_up_at: Option<Timestamp>,
    /// Reached the destination.
    pub dropped_off_at: Option<Timestamp>,
}

/// What a driver, or the tracker on a driver's behalf, reports of a trip.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TripEvent {
    /// Trip, attempt and driver.
    pub key: HoldKey,
    /// The driver's own count of reports on this attempt: the accept is 1.
    pub sequence: u32,
    /// What happened.
    pub kind: TripEventKind,
    /// When it happened.
    pub at: Timestamp,
    /// All stamps so far, this event's included.
    pub stamps: Stamps,
}

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TripEventKind {
    /// The driver took the ride.
    Accepted,
    /// The driver said no.
    Declined,
    /// The offer's deadline passed.
    Expired,
    /// The driver is at the pick-up.
    Arrived,
    /// The rider is in the car.
    PickedUp,
    /// The rider is at the destination.
    DroppedOff,
    /// The rider was not at the pick-up within the time that drivers wait.
    NoShow,
}

impl Trip {
    /// The attempt in force, 0 if there was none.
    #[must_use]
    pub fn attempt(&self) -> Attempt {
        Attempt(u32::try_from(self.tries.len()).expect("tries are bounded by ATTEMPTS_MAX"))
    }

    /// The try in force: none while the trip waits for a driver.
    #[must_use]
    pub fn current_try(&self) -> Option<&Try> {
        self.tries
            .last()
            .filter(|_| self.state != TripState::Requested)
    }

    /// The hold in force: none while the trip waits for a driver.
    #[must_use]
    pub fn hold_key(&self) -> Option<HoldKey> {
        self.last_hold_key()
            .filter(|_| self.state != TripState::Requested)
    }

    /// The hold of the last try, whatever became of it.
    #[must_use]
    pub fn last_hold_key(&self) -> Option<HoldKey> {
        self.tries.last().map(|t| HoldKey {
            trip: self.id,
            attempt: self.attempt(),
            driver: t.driver,
        })
    }

    /// The driver who has accepted, if one has.
    #[must_use]
    pub fn driver(&self) -> Option<DriverId> {
        self.tries
            .last()
            .filter(|t| t.outcome == TryOutcome::Accepted)
            .map(|t| t.driver)
    }

    /// Drivers who are not to be asked again.
    #[must_use]
    pub fn excluded_drivers(&self) -> Vec<DriverId> {
        let mut excluded: Vec<_> = self
            .tries
            .iter()
            .filter(|t| {
                matches!(
                    t.outcome,
                    TryOutcome::Declined | TryOutcome::Expired | TryOutcome::Lost
                )
            })
            .map(|t| t.driver)
            .collect();
        excluded.sort_unstable();
        excluded.dedup();
        excluded
    }

    /// When the sweep is to look at the trip; none once it is final.
    #[must_use]
    pub fn due_at(&self, policy: &SweepPolicy) -> Option<Timestamp> {
        match self.state {
            TripState::Requested => Some(self.since + policy.ring_grace),
            TripState::Offered => self.current_try().map(|t| t.deadline + policy.offer_grace),
            state if state.is_assigned() => {
                Some(self.since.max(self.checked_at) + policy.check_assigned_every)
            }
            _ => None,
        }
    }
}

/// When the sweep looks at trips, and when it gives a driver up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SweepPolicy {
    /// A request this old should have been in a round: ring again.
    pub ring_grace: Duration,
    /// An offer this long past its deadline should have come back: ask the fleet.
    pub offer_grace: Duration,
    /// How often the driver of an assigned trip is asked after.
    pub check_assigned_every: Duration,
    /// Without a ping for so long a driver on the way is lost.
    pub driver_lost_after: Duration,
    /// A trip under way for so long is ended.
    pub under_way_max: Duration,
}

impl Default for SweepPolicy {
    fn default() -> Self {
        Self {
            ring_grace: Duration::from_secs(10),
            offer_grace: Duration::from_secs(5),
            check_assigned_every: Duration::from_secs(600),
            driver_lost_after: Duration::from_secs(300),
            under_way_max: Duration::from_secs(6 * 3_600),
        }
    }
}
