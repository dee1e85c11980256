//! The sweep, each minute: trips past their state's deadline are rung for again or brought in line with
//! what the fleet knows. It is what makes every accepted request reach an end in bounded time, whatever
//! rings, offers or events were lost.

use std::pin::pin;
use std::sync::Arc;

use domain::hold::{HoldKey, HoldStage};
use domain::trip::{Outcome, Stamps, Trip, TripEvent, TripEventKind, TripState};
use domain::{Region, Timestamp, TripId};
use futures_util::stream::{self, StreamExt};

use crate::config::Market;
use crate::error::MessageError;
use crate::limits::{CALLS_IN_FLIGHT_MAX, SWEEP_TRIPS_MAX};
use crate::ports::{Clock, Doorbell, DueTrips, Fleet, HoldStatus, PortError, Swap, TripStore};
use crate::ring::ring;

/// The sweep use case.
#[derive(Debug, Clone)]
pub struct Sweep<T, B, F, C> {
    market: Arc<Market>,
    trips: T,
    doorbell: B,
    fleet: F,
    clock: C,
}

/// What a sweep did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SweepReport {
    /// Trips that were due.
    pub due: usize,
    /// Trips that it moved.
    pub moved: usize,
    /// Offers it showed again.
    pub offered_again: usize,
    /// Whether it rang for a round.
    pub rang: bool,
    /// Trips it could not see to: the next sweep will.
    pub failed: usize,
}

/// What the sweep does with one trip.
enum Step {
    Ring,
    Store(Box<Trip>),
    StoreAndRing(Box<Trip>),
    ReleaseThenStore(HoldKey, Box<Trip>, TripState),
    OfferAgain(HoldKey),
    Nothing,
}

impl<T, B, F, C> Sweep<T, B, F, C>
where
    T: TripStore + DueTrips,
    B: Doorbell,
    F: Fleet,
    C: Clock,
{
    /// Trips in `trips`, rings by `doorbell`, asks `fleet`.
    pub fn new(market: Arc<Market>, trips: T, doorbell: B, fleet: F, clock: C) -> Self {
        Self {
            market,
            trips,
            doorbell,
            fleet,
            clock,
        }
    }

    /// Looks at all trips of a region that are due.
    ///
    /// # Errors
    /// If the due trips cannot be read, or the ring cannot be sent. A single trip that fails is counted.
    pub async fn sweep(&self, region: &Region) -> Result<SweepReport, MessageError> {
        let now = self.clock.now();
        let due = self.trips.due(region, now, SWEEP_TRIPS_MAX).await?;
        let mut report = SweepReport {
            due: due.len(),
            ..SweepReport::default()
        };
        let mut results = pin!(
            stream::iter(due)
                .map(|trip| self.see_to(trip, now))
                .buffered(CALLS_IN_FLIGHT_MAX)
        );
        while let Some(result) = results.next().await {
            match result {
                Ok(done) => {
                    report.moved += usize::from(done.moved);
                    report.offered_again += usize::from(done.offered_again);
                    report.rang |= done.ring;
                }
                Err(error) => {
                    tracing::warn!(%region, %error, "sweep could not see to a trip");
                    report.failed += 1;
                }
            }
        }
        if report.rang {
            ring(&self.doorbell, &self.clock, &self.market, region).await?;
        }
        Ok(report)
    }

    async fn see_to(&self, trip: TripId, now: Timestamp) -> Result<Done, PortError> {
        // The index may lag: decide on the trip as it stands.
        let Some(trip) = self.trips.get(trip).await? else {
            return Ok(Done::default());
        };
        if trip.due_at(&self.market.sweep).is_none_or(|due| due > now) {
            return Ok(Done::default());
        }
        let hold = match trip.state {
            TripState::Requested => None,
            _ => self.fleet.hold(trip.id, trip.attempt()).await?,
        };
        match self.decide(&trip, hold, now) {
            Step::Nothing => Ok(Done::default()),
            Step::Ring => Ok(Done {
                ring: true,
                ..Done::default()
            }),
            Step::Store(next) => self.store(&next, false).await,
            Step::StoreAndRing(next) => self.store(&next, true).await,
            Step::ReleaseThenStore(key, next, state) => {
                self.fleet.release(key).await?;
                self.store(&next, state == TripState::Requested).await
            }
            Step::OfferAgain(key) => {
                let offered_again = self.fleet.offer(key).await?;
                Ok(Done {
                    offered_again,
                    ..Done::default()
                })
            }
        }
    }

    async fn store(&self, next: &Trip, ring: bool) -> Result<Done, PortError> {
        // Lost: someone else moved it meanwhile, which is as good.
        let moved = self.trips.transition(next).await? == Swap::Done;
        Ok(Done {
            moved,
            ring: ring && moved,
            offered_again: false,
        })
    }

    fn decide(&self, trip: &Trip, hold: Option<HoldStatus>, now: Timestamp) -> Step {
        match trip.state {
            TripState::Requested => match trip.hopeless(now) {
                Some(because) => trip
                    .unserved(because, now)
                    .map_or(Step::Nothing, |next| Step::Store(Box::new(next))),
                None => Step::Ring,
            },
            TripState::Offered => self.decide_offered(trip, hold, now),
            TripState::Accepted | TripState::Arrived | TripState::PickedUp => {
                self.decide_assigned(trip, hold, now)
            }
            TripState::Completed | TripState::Cancelled { .. } | TripState::Unserved { .. } => {
                Step::Nothing
            }
        }
    }

    /// The offer should have come back: the fleet knows what became of it.
    fn decide_offered(&self, trip: &Trip, hold: Option<HoldStatus>, now: Timestamp) -> Step {
        let Some(key) = trip.hold_key() else {
            return Step::Nothing;
        };
        let mut event = TripEvent {
            key,
            sequence: 0,
            kind: TripEventKind::Expired,
            at: now,
            stamps: Stamps::default(),
        };
        match hold.map(|status| status.hold) {
            Some(hold) if hold.key != key => Step::Nothing,
            Some(hold) if hold.stage == HoldStage::Accepted => {
                event.kind = TripEventKind::Accepted;
                event.at = hold.accepted_at.unwrap_or(now);
                event.stamps.accepted_at = Some(event.at);
                self.applied(trip, &event, now)
            }
            Some(hold) if hold.is_live(now) => {
                if hold.stage == HoldStage::Reserved {
                    Step::OfferAgain(key)
                } else {
                    Step::Nothing
                }
            }
            _ => self.applied(trip, &event, now),
        }
    }

    fn applied(&self, trip: &Trip, event: &TripEvent, now: Timestamp) -> Step {
        match trip.apply(event, &self.market.tariff, now) {
            Outcome::Moved(next) if next.state == TripState::Requested => Step::StoreAndRing(next),
            Outcome::Moved(next) => Step::Store(next),
            Outcome::Unchanged | Outcome::Refused { .. } => Step::Nothing,
        }
    }

    /// A driver is on the way, or the rider is in the car: is the driver still there?
    fn decide_assigned(&self, trip: &Trip, hold: Option<HoldStatus>, now: Timestamp) -> Step {
        let policy = &self.market.sweep;
        let Some(key) = trip.hold_key() else {
            return Step::Nothing;
        };
        let ours = hold.filter(|status| status.hold.key == key);
        let silent_since = ours
            .and_then(|status| status.last_ping_at)
            .unwrap_or(trip.since);
        let silent = now.since(silent_since) > policy.driver_lost_after;
        let too_long = now.since(trip.since) > policy.under_way_max;
        let next = match trip.state {
            TripState::PickedUp if too_long => trip.abandoned(&self.market.tariff, now),
            // One who pings and never comes is as good as lost.
            TripState::Accepted | TripState::Arrived if silent || too_long => trip.driver_lost(now),
            _ => Ok(trip.looked_after(now)),
        };
        match next {
            Ok(next) if next.state == trip.state => Step::Store(Box::new(next)),
            Ok(next) => {
                let state = next.state;
                Step::ReleaseThenStore(key, Box::new(next), state)
            }
            Err(_) => Step::Nothing,
        }
    }
}

#[derive(Debug, Clone, Copy, Default)]
struct Done {
    moved: bool,
    ring: bool,
    offered_again: bool,
}
