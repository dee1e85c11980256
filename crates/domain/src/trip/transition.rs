//! Which step may follow which, written once: every store applies these and nothing else.

use std::time::Duration;

use super::{
    CancelStage, CancelledBy, Stamps, Trip, TripEvent, TripEventKind, TripState, Try, TryOutcome,
    UnservedReason,
};
use crate::fare::Tariff;
use crate::hold::HoldKey;
use crate::ids::{Attempt, DriverId};
use crate::limits::ATTEMPTS_MAX;
use crate::time::Timestamp;

/// What an event makes of a trip.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// The trip moves: this is what to store, over the version it came from.
    Moved(Box<Trip>),
    /// Already so, or overtaken: a success that changes nothing.
    Unchanged,
    /// The trip will not have this driver any more: release the hold. Nothing to store.
    Refused {
        /// The hold to release.
        release: HoldKey,
    },
}

/// A step that the trip's state does not allow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("found the trip {found:?}, expected {expected}")]
pub struct TransitionError {
    /// Where the trip stands.
    pub found: TripState,
    /// Where it would have to stand.
    pub expected: &'static str,
}

impl Trip {
    fn refuse<T>(&self, expected: &'static str) -> Result<T, TransitionError> {
        Err(TransitionError {
            found: self.state,
            expected,
        })
    }

    fn moved(&self, state: TripState, now: Timestamp) -> Self {
        Self {
            state,
            since: now,
            version: self.version + 1,
            ..self.clone()
        }
    }

    /// Offers the trip to a driver: the next attempt begins.
    ///
    /// # Errors
    /// If the trip is not waiting, or `attempt` is not the one after the last.
    pub fn offered(
        &self,
        attempt: Attempt,
        driver: DriverId,
        deadline: Timestamp,
        now: Timestamp,
    ) -> Result<Self, TransitionError> {
        if self.state != TripState::Requested || attempt != self.attempt().next() {
            return self.refuse("requested, with the attempt before this one ended");
        }
        let mut trip = self.moved(TripState::Offered, now);
        trip.stamps = Stamps::default();
        trip.tries.push(Try {
            driver,
            offered_at: now,
            deadline,
            outcome: TryOutcome::Pending,
            ended_at: None,
        });
        Ok(trip)
    }

    /// Gives the trip up: no driver was found.
    ///
    /// # Errors
    /// If the trip is not waiting for a driver.
    pub fn unserved(
        &self,
        because: UnservedReason,
        now: Timestamp,
    ) -> Result<Self, TransitionError> {
        if self.state != TripState::Requested {
            return self.refuse("requested");
        }
        Ok(self.moved(TripState::Unserved { because }, now))
    }

    /// Why the trip would become unserved at `now`, if its patience or its tries are over.
    #[must_use]
    pub fn hopeless(&self, now: Timestamp) -> Option<UnservedReason> {
        if self.tries.len() >= ATTEMPTS_MAX {
            Some(UnservedReason::AttemptsExhausted)
        } else if now > self.patience_until {
            Some(if self.tries.is_empty() {
                UnservedReason::NeverOffered
            } else {
                UnservedReason::PatienceOver
            })
        } else {
            None
        }
    }

    /// The rider cancels. Cancelling again what the rider cancelled changes nothing.
    ///
    /// # Errors
    /// If the rider is in the car, or the trip has ended otherwise.
    pub fn cancelled_by_rider(
        &self,
        tariff: &Tariff,
        now: Timestamp,
    ) -> Result<Outcome, TransitionError> {
        let stage = match self.state {
            TripState::Requested => CancelStage::Requested,
            TripState::Offered => CancelStage::Offered,
            TripState::Accepted => CancelStage::Accepted,
            TripState::Arrived => CancelStage::Arrived,
            TripState::Cancelled {
                by: CancelledBy::Rider,
                ..
            } => return Ok(Outcome::Unchanged),
            _ => return self.refuse("requested, offered, accepted or arrived"),
        };
        Ok(Outcome::Moved(Box::new(self.cancelled(
            CancelledBy::Rider,
            stage,
            tariff,
            now,
        ))))
    }

    /// The sweep ends a trip whose driver was lost with the rider in the car.
    ///
    /// # Errors
    /// If the rider is not in the car.
    pub fn abandoned(&self, tariff: &Tariff, now: Timestamp) -> Result<Self, TransitionError> {
        if self.state != TripState::PickedUp {
            return self.refuse("picked up");
        }
        Ok(self.cancelled(CancelledBy::System, CancelStage::PickedUp, tariff, now))
    }

    fn cancelled(
        &self,
        by: CancelledBy,
        stage: CancelStage,
        tariff: &Tariff,
        now: Timestamp,
    ) -> Self {
        let mut trip = self.moved(TripState::Cancelled { by, stage }, now);
        trip.end_try_if_pending(TryOutcome::Withdrawn, now);
        let since_accepted = self.stamps.accepted_at.map(|at| now.since(at));
        trip.charge = tariff.settle_cancelled(&self.fare, stage, since_accepted, by);
        trip
    }

    /// The driver on the way was lost: back to waiting, with fresh patience.
    ///
    /// # Errors
    /// If no driver is on the way.
    pub fn driver_lost(&self, now: Timestamp) -> Result<Self, TransitionError> {
        if !matches!(self.state, TripState::Accepted | TripState::Arrived) {
            return self.refuse("accepted or arrived");
        }
        let mut trip = self.moved(TripState::Requested, now);
        trip.end_try(TryOutcome::Lost, now);
        trip.stamps = Stamps::default();
        trip.patience_until = now + self.patience;
        Ok(trip)
    }

    /// The sweep found all well: look again later.
    #[must_use]
    pub fn looked_after(&self, now: Timestamp) -> Self {
        Self {
            checked_at: now,
            version: self.version + 1,
            ..self.clone()
        }
    }

    /// Applies what a driver, or the tracker on the driver's behalf, reports.
    #[must_use]
    pub fn apply(&self, event: &TripEvent, tariff: &Tariff, now: Timestamp) -> Outcome {
        let in_force = self
            .tries
            .last()
            .is_some_and(|t| t.driver == event.key.driver)
            && event.key.attempt == self.attempt();
        if !in_force {
            // Of an attempt that ended, or that never was: whoever still holds for it is let go.
            return if event.kind.ends_hold() {
                Outcome::Unchanged
            } else {
                Outcome::Refused { release: event.key }
            };
        }
        match self.state {
            // A round that died kept this driver for this attempt, and that hold ran out before this
            // round kept the driver again: the end of the one is not the end of the other.
            TripState::Offered if event.kind.is_refusal() && self.was_offered_after(event.at) => {
                Outcome::Unchanged
            }
            TripState::Offered if event.kind == TripEventKind::Declined => {
                self.back_to_waiting(TryOutcome::Declined, event.at, now)
            }
            TripState::Offered if event.kind == TripEventKind::Expired => {
                self.back_to_waiting(TryOutcome::Expired, event.at, now)
            }
            TripState::Offered | TripState::Accepted | TripState::Arrived | TripState::PickedUp => {
                self.fast_forward(event, tariff, now)
            }
            // The sweep took an offer for expired that was accepted after all: the fleet's word counts
            // as long as nobody else was asked.
            TripState::Requested if !event.kind.is_refusal() && self.last_try_expired() => {
                self.fast_forward(event, tariff, now)
            }
            // Said again by a tracker that restarted and still holds the driver: nobody else will end that.
            TripState::Completed if event.kind == TripEventKind::Accepted => {
                Outcome::Refused { release: event.key }
            }
            TripState::Completed => Outcome::Unchanged,
            TripState::Requested | TripState::Cancelled { .. } | TripState::Unserved { .. } => {
                if event.kind.ends_hold() {
                    Outcome::Unchanged
                } else {
                    Outcome::Refused { release: event.key }
                }
            }
        }
    }

    fn back_to_waiting(&self, outcome: TryOutcome, at: Timestamp, now: Timestamp) -> Outcome {
        let mut trip = self.moved(TripState::Requested, now);
        trip.end_try(outcome, at);
        Outcome::Moved(Box::new(trip))
    }

    fn fast_forward(&self, event: &TripEvent, tariff: &Tariff, now: Timestamp) -> Outcome {
        let to = match event.kind {
            TripEventKind::Accepted => TripState::Accepted,
            TripEventKind::Arrived => TripState::Arrived,
            TripEventKind::PickedUp => TripState::PickedUp,
            TripEventKind::DroppedOff => TripState::Completed,
            TripEventKind::NoShow if self.state < TripState::PickedUp => TripState::Cancelled {
                by: CancelledBy::Driver,
                stage: CancelStage::Arrived,
            },
            // A refusal or a no-show that the ride itself overtook.
            TripEventKind::Declined | TripEventKind::Expired | TripEventKind::NoShow => {
                return Outcome::Unchanged;
            }
        };
        if to <= self.state {
            return Outcome::Unchanged;
        }
        let mut trip = self.moved(to, now);
        trip.stamps = self.stamps.merged(&event.stamps);
        let accepted_at = trip.stamps.accepted_at.unwrap_or(event.at);
        trip.stamps.accepted_at = Some(accepted_at);
        trip.end_try(TryOutcome::Accepted, accepted_at);
        match to {
            TripState::Completed => {
                trip.charge = tariff.settle_completed(&self.fare, trip.stamps.waited());
            }
            TripState::Cancelled { .. } => {
                let waited = trip
                    .stamps
                    .arrived_at
                    .map_or(Duration::ZERO, |at| event.at.since(at));
                trip.charge = tariff.settle_no_show(&self.fare, waited);
            }
            _ => {}
        }
        Outcome::Moved(Box::new(trip))
    }

    fn was_offered_after(&self, at: Timestamp) -> bool {
        self.tries.last().is_some_and(|t| t.offered_at > at)
    }

    fn last_try_expired(&self) -> bool {
        self.tries
            .last()
            .is_some_and(|t| t.outcome == TryOutcome::Expired)
    }

    fn end_try(&mut self, outcome: TryOutcome, at: Timestamp) {
        if let Some(last) = self.tries.last_mut() {
            last.outcome = outcome;
            last.ended_at = Some(at);
        }
    }

    fn end_try_if_pending(&mut self, outcome: TryOutcome, at: Timestamp) {
        if self
            .tries
            .last()
            .is_some_and(|t| t.outcome == TryOutcome::Pending)
        {
            self.end_try(outcome, at);
        }
    }
}

impl Stamps {
    /// What is known from either: the first report of each stamp stands.
    #[must_use]
    pub fn merged(&self, other: &Self) -> Self {
        Self {
            accepted_at: self.accepted_at.or(other.accepted_at),
            arrived_at: self.arrived_at.or(other.arrived_at),
            picked_up_at: self.picked_up_at.or(other.picked_up_at),
            dropped_off_at: self.dropped_off_at.or(other.dropped_off_at),
        }
    }

    /// How long the driver waited at the pick-up.
    #[must_use]
    pub fn waited(&self) -> Duration {
        match (self.arrived_at, self.picked_up_at) {
            (Some(arrived), Some(picked_up)) => picked_up.since(arrived),
            _ => Duration::ZERO,
        }
    }
}

impl TripEventKind {
    /// Whether it means that the driver did not take the ride.
    #[must_use]
    pub fn is_refusal(self) -> bool {
        matches!(self, Self::Declined | Self::Expired)
    }

    /// Whether a driver may report it of a ride the driver has.
    #[must_use]
    pub fn follows_accept(self) -> bool {
        matches!(
            self,
            Self::Arrived | Self::PickedUp | Self::DroppedOff | Self::NoShow
        )
    }

    /// Whether the tracker has already let the driver go when it sends this.
    #[must_use]
    pub fn ends_hold(self) -> bool {
        matches!(
            self,
            Self::Declined | Self::Expired | Self::DroppedOff | Self::NoShow
        )
    }
}
