//! A driver's side of a ride: the hold that keeps a driver for one attempt of one trip.
//!
//! At most one live hold exists per driver, and at most one per trip; the fleet table's conditional
//! writes guarantee it, and this module says which step may follow which.

use crate::ids::{Attempt, DriverId, RiderId, TripId};
use crate::money::Money;
use crate::place::Place;
use crate::time::Timestamp;

/// Which attempt of which trip a hold is for, and whom it keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HoldKey {
    /// The trip.
    pub trip: TripId,
    /// Its attempt.
    pub attempt: Attempt,
    /// The driver kept.
    pub driver: DriverId,
}

/// How far a hold has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HoldStage {
    /// Kept, not yet shown to the driver.
    Reserved,
    /// Shown to the driver, who may answer until the deadline.
    Offered,
    /// The driver said yes: the hold lasts until drop-off or release.
    Accepted,
}

/// What a driver is told of a ride.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Offer {
    /// The rider, who may follow the car once the offer is accepted.
    pub rider: RiderId,
    /// Where to pick up.
    pub pickup: Place,
    /// Where to drop off.
    pub dropoff: Place,
    /// What the driver is paid for the ride as quoted.
    pub driver_pay: Money,
    /// Way to the pick-up as matching saw it, in metres.
    pub pickup_distance_m: f64,
}

/// A driver kept for an attempt.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Hold {
    /// What it is for.
    pub key: HoldKey,
    /// How far it has come.
    pub stage: HoldStage,
    /// Until when it may be accepted. Past it a hold that is not accepted is void.
    pub deadline: Timestamp,
    /// When the driver accepted, if so.
    pub accepted_at: Option<Timestamp>,
    /// What the driver is told.
    pub offer: Offer,
}

impl Hold {
    /// Whether the hold still keeps its driver.
    #[must_use]
    pub fn is_live(&self, now: Timestamp) -> bool {
        self.stage == HoldStage::Accepted || now <= self.deadline
    }
}

/// Why a driver's answer was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Refusal {
    /// The deadline had passed.
    Late,
    /// No such offer was made to this driver, or it was withdrawn.
    NotOffered,
}

/// Accepts a hold: the compare half of the compare-and-set, for stores to apply atomically.
///
/// Accepting again what is accepted succeeds and keeps the first time.
///
/// # Errors
/// If the hold is for another attempt, was not offered, or its deadline has passed.
pub fn accept(hold: &Hold, key: &HoldKey, now: Timestamp) -> Result<Hold, Refusal> {
    if hold.key != *key {
        return Err(Refusal::NotOffered);
    }
    match hold.stage {
        HoldStage::Accepted => Ok(*hold),
        HoldStage::Reserved => Err(Refusal::NotOffered),
        HoldStage::Offered if now > hold.deadline => Err(Refusal::Late),
        HoldStage::Offered => Ok(Hold {
            stage: HoldStage::Accepted,
            accepted_at: Some(now),
            ..*hold
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hold(stage: HoldStage) -> Hold {
        let place = Place::from_metres(0.0, 0.0);
        Hold {
            key: HoldKey {
                trip: TripId(1),
                attempt: Attempt(1),
                driver: DriverId(1),
            },
            stage,
            deadline: Timestamp::from_millis(15_000),
            accepted_at: None,
            offer: Offer {
                rider: RiderId(1),
                pickup: place,
                dropoff: place,
                driver_pay: Money::ZERO,
                pickup_distance_m: 0.0,
            },
        }
    }

    #[test]
    fn an_accept_is_in_time_and_once() {
        let offered = hold(HoldStage::Offered);
        let at = Timestamp::from_millis(14_000);
        let accepted = accept(&offered, &offered.key, at).unwrap();
        assert_eq!(accepted.accepted_at, Some(at));
        let late = Timestamp::from_millis(15_001);
        assert_eq!(accept(&accepted, &offered.key, late), Ok(accepted));
        assert_eq!(accept(&offered, &offered.key, late), Err(Refusal::Late));
        assert!(accepted.is_live(late) && !offered.is_live(late));
    }

    #[test]
    fn an_accept_needs_the_offer_that_was_made() {
        let offered = hold(HoldStage::Offered);
        let other = HoldKey {
            attempt: Attempt(2),
            ..offered.key
        };
        assert_eq!(
            accept(&offered, &other, Timestamp::ZERO),
            Err(Refusal::NotOffered)
        );
        let reserved = hold(HoldStage::Reserved);
        assert_eq!(
            accept(&reserved, &reserved.key, Timestamp::ZERO),
            Err(Refusal::NotOffered)
        );
    }
}
