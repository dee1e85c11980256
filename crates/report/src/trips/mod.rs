//! A row per trip: what the store has of it, and beside it what the load generator saw.
//!
//! The audit, the marketplace figures and the plots all read these rows. [`columns`] writes the same
//! rows as `trips.parquet` (feature `formats`); [`names`] gives states and outcomes their text.

#[cfg(feature = "formats")]
pub mod columns;
pub mod names;
#[cfg(feature = "formats")]
mod table;
#[cfg(test)]
#[cfg(feature = "formats")]
mod tests;

use std::time::Duration;

use domain::fare::{Charge, Fare};
use domain::trip::{Stamps, Trip, TripState, Try, TryOutcome};
use domain::{Attempt, DriverId, Money, Place, ProductName, Region, RiderId, Timestamp, TripId};

/// A trip at the end of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct TripRow {
    /// Its name.
    pub trip: TripId,
    /// The market that matched it.
    pub region: Region,
    /// Whose trip it is.
    pub rider: RiderId,
    /// What the rider chose; none where there was nothing to choose.
    pub product: Option<ProductName>,
    /// Where it starts.
    pub pickup: Place,
    /// Where it ends.
    pub dropoff: Place,
    /// When it was requested.
    pub requested_at: Timestamp,
    /// Until when a driver may be found.
    pub patience_until: Timestamp,
    /// Where it stands.
    pub state: TripState,
    /// When it entered that state.
    pub since: Timestamp,
    /// Every try to give it a driver, in order.
    pub tries: Vec<Try>,
    /// When the driver in force did what.
    pub stamps: Stamps,
    /// The fare as quoted, surge included.
    pub fare: Fare,
    /// What is charged, part by part.
    pub charge: Charge,
    /// What the rider pays, as one sum.
    pub rider_pays: Money,
    /// What is left to the platform.
    pub platform: Money,
    /// Length of the way as quoted, in metres.
    pub distance_m: f64,
    /// Time of the way as quoted.
    pub duration: Duration,
    /// Whether it was under way before the run's first request (a stationary start).
    pub in_progress_at_start: bool,
    /// What the load generator saw of it; nothing where it did not make it.
    pub seen: Option<Seen>,
}

/// What the load generator's rider and drivers saw of a trip.
#[derive(Debug, Clone, PartialEq)]
pub struct Seen {
    /// The rider who asked for it.
    pub rider: RiderId,
    /// When the schedule wanted it requested.
    pub scheduled_at: Timestamp,
    /// When the request was answered with the trip's name; nothing if the answer was lost.
    pub answered_at: Option<Timestamp>,
    /// The fare that the rider was quoted.
    pub quoted_total: Option<Money>,
    /// What the rider was told to pay at the end.
    pub charged_total: Option<Money>,
    /// The last state that the rider was shown.
    pub state: Option<TripState>,
    /// When that was.
    pub state_at: Option<Timestamp>,
    /// When a driver's stream first received an offer of it.
    pub first_offer_at: Option<Timestamp>,
    /// Every accept that a driver sent and the tracker confirmed.
    pub accepts: Vec<SeenAccept>,
    /// The way the driver drove to the pick-up, in metres.
    pub pickup_distance_m: Option<f64>,
}

/// An accept that a driver sent and the tracker confirmed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct SeenAccept {
    /// Of which attempt.
    pub attempt: Attempt,
    /// By whom.
    pub driver: DriverId,
    /// When the confirmation arrived.
    pub at: Timestamp,
}

impl Seen {
    /// A request that was scheduled and of which nothing is known yet.
    #[must_use]
    pub fn scheduled(rider: RiderId, scheduled_at: Timestamp) -> Self {
        Self {
            rider,
            scheduled_at,
            answered_at: None,
            quoted_total: None,
            charged_total: None,
            state: None,
            state_at: None,
            first_offer_at: None,
            accepts: Vec::new(),
            pickup_distance_m: None,
        }
    }
}

impl From<Trip> for TripRow {
    /// The row of a trip as the store has it, not yet seen by a load generator.
    fn from(trip: Trip) -> Self {
        Self {
            trip: trip.id,
            region: trip.region,
            rider: trip.rider,
            product: trip.product,
            pickup: trip.pickup,
            dropoff: trip.dropoff,
            requested_at: trip.requested_at,
            patience_until: trip.patience_until,
            state: trip.state,
            since: trip.since,
            tries: trip.tries,
            stamps: trip.stamps,
            fare: trip.fare,
            charge: trip.charge,
            rider_pays: trip.charge.rider_pays(),
            platform: trip.charge.platform(),
            distance_m: trip.distance_m,
            duration: trip.duration,
            in_progress_at_start: false,
            seen: None,
        }
    }
}

impl TripRow {
    /// When the rider asked: as scheduled, where there was a schedule.
    #[must_use]
    pub fn asked_at(&self) -> Timestamp {
        self.seen
            .as_ref()
            .map_or(self.requested_at, |seen| seen.scheduled_at)
    }

    /// When it ended, if it has.
    #[must_use]
    pub fn ended_at(&self) -> Option<Timestamp> {
        self.state.is_final().then(|| match self.state {
            TripState::Completed => self.stamps.dropped_off_at.unwrap_or(self.since),
            _ => self.since,
        })
    }

    /// The last try that a driver accepted and kept.
    #[must_use]
    pub fn accepted_try(&self) -> Option<&Try> {
        self.tries
            .iter()
            .rev()
            .find(|t| t.outcome == TryOutcome::Accepted)
    }

    /// The driver who has, or had, the ride.
    #[must_use]
    pub fn driver(&self) -> Option<DriverId> {
        self.accepted_try().map(|t| t.driver)
    }

    /// When that driver accepted.
    #[must_use]
    pub fn accepted_at(&self) -> Option<Timestamp> {
        let accepted = self.accepted_try()?;
        self.stamps.accepted_at.or(accepted.ended_at)
    }
}
