//! A match round: all riders of a region who wait, all drivers near them, one assignment.
//!
//! A ring names a round; the first to take the round's lease runs it and the others return. The round
//! reads the *table*, so that it sees every waiting rider whatever became of the rings.

mod plan;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use domain::hold::{HoldKey, Offer};
use domain::limits::ROUND_REQUESTS_MAX;
use domain::trip::{Trip, UnservedReason};
use domain::{Cell, Region, Round, Timestamp};
use futures_util::stream::{self, StreamExt, TryStreamExt};

use crate::config::{Market, Queue};
use crate::error::MessageError;
use crate::limits::{
    CALLS_IN_FLIGHT_MAX, EXCLUDED_DRIVERS_MAX, RERING_DELAY_MIN, RESERVE_WAVES_MAX, ROUND_LEASE,
};
use crate::ports::{
    CandidateQuery, Clock, Doorbell, Fleet, MarketSide, MarketSnapshot, MarketSnapshots, OpenTrips,
    PortError, Reserved, RoundLease, Swap, TripStore,
};
use plan::{Pair, Waiting};

/// What a round did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RoundReport {
    /// Whether this invocation ran the round; false: another has it.
    pub ran: bool,
    /// Riders who were waiting.
    pub waiting: usize,
    /// Rides offered to a driver.
    pub offered: usize,
    /// Riders given up.
    pub unserved: usize,
    /// Reservations that another matcher won.
    pub reserve_conflicts: usize,
    /// Riders who wait for the next round.
    pub left: usize,
}

/// The matching use case.
#[derive(Debug, Clone)]
pub struct Matching<T, F, B, S, C> {
    market: Arc<Market>,
    trips: T,
    fleet: F,
    doorbell: B,
    snapshots: S,
    clock: C,
}

impl<T, F, B, S, C> Matching<T, F, B, S, C>
where
    T: TripStore + OpenTrips + RoundLease,
    F: Fleet,
    B: Doorbell,
    S: MarketSnapshots,
    C: Clock,
{
    /// Trips and leases in `trips`, drivers from `fleet`.
    pub fn new(
        market: Arc<Market>,
        trips: T,
        fleet: F,
        doorbell: B,
        snapshots: S,
        clock: C,
    ) -> Self {
        Self {
            market,
            trips,
            fleet,
            doorbell,
            snapshots,
            clock,
        }
    }

    /// Runs a round of a region, if nobody else does.
    ///
    /// # Errors
    /// If a port fails before anything was promised: the ring may come again, and another round is rung
    /// for besides, so that riders need not wait for the retry.
    pub async fn round(&self, region: &Region, round: Round) -> Result<RoundReport, MessageError> {
        let now = self.clock.now();
        if !self
            .trips
            .take(region, round, now, now + ROUND_LEASE)
            .await?
        {
            return Ok(RoundReport::default());
        }
        let result = self.run(region, round, now).await;
        if let Err(error) = &result {
            tracing::warn!(%region, round = round.0, %error, "round failed, ringing for the next");
            self.ring_again(region).await?;
        }
        let report = result?;
        self.trips.finish(region, round).await?;
        Ok(report)
    }

    async fn run(
        &self,
        region: &Region,
        round: Round,
        now: Timestamp,
    ) -> Result<RoundReport, PortError> {
        let mut open = self.trips.open(region, ROUND_REQUESTS_MAX).await?;
        let mut report = RoundReport {
            ran: true,
            waiting: open.len(),
            ..RoundReport::default()
        };
        self.count_demand(region, round, &open, now).await;

        let hopeless = open.extract_if(.., |trip| trip.hopeless(now).is_some());
        let hopeless: Vec<Trip> = hopeless.collect();
        let given_up = hopeless
            .iter()
            .filter_map(|trip| Some((trip, trip.hopeless(now)?)));
        report.unserved += self.give_up(given_up, now).await?;

        let mut waiting = self.find_candidates(open, now).await?;
        for _ in 0..RESERVE_WAVES_MAX {
            let pairs = plan::pair(&self.market, &waiting);
            if pairs.is_empty() {
                break;
            }
            self.offer_wave(&mut waiting, pairs, &mut report).await?;
        }

        let unmatched = || waiting.iter().filter(|w| !w.settled).map(|w| &w.trip);
        match self.market.dispatch.queue {
            Queue::Lose => {
                let because = UnservedReason::NoneAvailableAtOnce;
                report.unserved += self.give_up(unmatched().map(|t| (t, because)), now).await?;
            }
            Queue::Wait => {
                report.left = unmatched().count();
                if report.left > 0 {
                    self.ring_again(region).await?;
                }
            }
        }
        Ok(report)
    }

    async fn find_candidates(
        &self,
        open: Vec<Trip>,
        now: Timestamp,
    ) -> Result<Vec<Waiting>, PortError> {
        if open.is_empty() {
            return Ok(Vec::new());
        }
        let dispatch = &self.market.dispatch;
        let queries: Vec<_> = open
            .iter()
            .map(|trip| {
                let mut excluded = trip.excluded_drivers();
                excluded.truncate(EXCLUDED_DRIVERS_MAX);
                CandidateQuery {
                    pickup: trip.pickup,
                    classes: self.market.classes_of(trip.product),
                    excluded,
                }
            })
            .collect();
        let found = self
            .fleet
            .candidates(&queries, dispatch.candidates(), dispatch.radius_m)
            .await?;
        Ok(open
            .into_iter()
            .zip(found)
            .map(|(trip, candidates)| Waiting::new(trip, &candidates, &self.market.travel, now))
            .collect())
    }

    /// Reserves and offers one wave of pairs. Who loses a driver stays unsettled, without that driver.
    async fn offer_wave(
        &self,
        waiting: &mut [Waiting],
        pairs: Vec<Pair>,
        report: &mut RoundReport,
    ) -> Result<(), PortError> {
        let failed = AtomicBool::new(false);
        let results: Vec<(Pair, Result<Placed, PortError>)> = stream::iter(pairs)
            .map(|pair| {
                let trip = waiting[pair.rider].trip.clone();
                let failed = &failed;
                async move {
                    // After a failure no more are begun, but none under way is left half-way.
                    if failed.load(Ordering::Relaxed) {
                        return (pair, Ok(Placed::NotTried));
                    }
                    let placed = self.place(&trip, &pair).await;
                    failed.fetch_or(placed.is_err(), Ordering::Relaxed);
                    (pair, placed)
                }
            })
            // In order, so that what follows does not depend on which call came back first.
            .buffered(CALLS_IN_FLIGHT_MAX)
            .collect()
            .await;
        // Kept or lost, these are out of this round for everybody.
        let mut gone = BTreeSet::new();
        for (pair, placed) in results {
            let placed = placed?;
            match placed {
                Placed::Offered => report.offered += 1,
                Placed::DriverTaken => report.reserve_conflicts += 1,
                Placed::TripMoved | Placed::NotTried => {}
                Placed::TripHeld => waiting[pair.rider].approaches.clear(),
            }
            waiting[pair.rider].settled = matches!(placed, Placed::Offered | Placed::TripMoved);
            gone.insert(pair.approach.candidate.driver);
        }
        for rider in waiting.iter_mut().filter(|rider| !rider.settled) {
            rider
                .approaches
                .retain(|it| !gone.contains(&it.candidate.driver));
        }
        Ok(())
    }

    /// Hold, then compare-and-set of the trip, and only then the offer.
    async fn place(&self, trip: &Trip, pair: &Pair) -> Result<Placed, PortError> {
        let now = self.clock.now();
        let attempt = trip.attempt().next();
        let key = HoldKey {
            trip: trip.id,
            attempt,
            driver: pair.approach.candidate.driver,
        };
        let deadline = now + self.market.dispatch.offer_timeout;
        let offer = Offer {
            rider: trip.rider,
            pickup: trip.pickup,
            dropoff: trip.dropoff,
            driver_pay: trip.fare.driver_pay,
            pickup_distance_m: pair.approach.way.distance_m,
        };
        match self.fleet.reserve(key, deadline, &offer).await? {
            Reserved::Held => {}
            Reserved::DriverTaken => return Ok(Placed::DriverTaken),
            // Another round has this trip, or died holding for it: the rider waits until that is clear.
            Reserved::TripHeldBy(_) => return Ok(Placed::TripHeld),
        }
        let swapped = match trip.offered(attempt, key.driver, deadline, now) {
            Ok(next) => self.trips.transition(&next).await,
            Err(_) => Ok(Swap::Lost),
        };
        match swapped {
            Ok(Swap::Done) => {}
            Ok(Swap::Lost) => {
                // Unless a rival round made the very same choice: then the hold is the rival's too.
                let stored = self.trips.get(trip.id).await?;
                let rivals = stored.filter(|trip| !trip.state.is_final());
                if rivals.and_then(|trip| trip.hold_key()) != Some(key) {
                    self.fleet.release(key).await?;
                }
                return Ok(Placed::TripMoved);
            }
            // It may or may not have been written: the hold stays until its deadline, and the sweep
            // brings trip and hold together.
            Err(error) => return Err(error),
        }
        match self.fleet.offer(key).await {
            Ok(true) => {}
            Ok(false) => tracing::info!(trip = %trip.id, "hold ended before it was offered"),
            Err(error) => {
                tracing::warn!(trip = %trip.id, %error, "offer left to the sweep or the hold's deadline");
            }
        }
        Ok(Placed::Offered)
    }

    async fn give_up(
        &self,
        trips: impl Iterator<Item = (&Trip, UnservedReason)> + Send,
        now: Timestamp,
    ) -> Result<usize, PortError> {
        let next: Vec<Trip> = trips
            .filter_map(|(trip, because)| trip.unserved(because, now).ok())
            .collect();
        let swaps: Vec<Swap> = stream::iter(next)
            .map(|trip| async move { self.trips.transition(&trip).await })
            .buffered(CALLS_IN_FLIGHT_MAX)
            .try_collect()
            .await?;
        Ok(swaps.into_iter().filter(|swap| *swap == Swap::Done).count())
    }

    async fn ring_again(&self, region: &Region) -> Result<(), PortError> {
        let delay = self.market.dispatch.window.max(RERING_DELAY_MIN);
        self.doorbell
            .ring(
                region,
                self.market.dispatch.next_round_at(self.clock.now()),
                delay,
            )
            .await
    }

    /// Demand for surge, in the rounds that begin a counting period. Best effort: surge lags, rides do not.
    async fn count_demand(&self, region: &Region, round: Round, open: &[Trip], now: Timestamp) {
        let market = &*self.market;
        let rounds_per_count =
            market.snapshot_every.as_micros() / market.dispatch.window.as_micros().max(1);
        let due =
            i64::try_from(rounds_per_count).is_ok_and(|every| every <= 1 || round.0 % every == 0);
        if market.surge.is_none() || !due {
            return;
        }
        let mut cells = BTreeMap::new();
        for trip in open {
            *cells
                .entry(Cell::of(trip.pickup, market.resolution))
                .or_insert(0) += 1;
        }
        let snapshot = MarketSnapshot {
            region: region.clone(),
            side: MarketSide::Demand(cells),
            at: now,
        };
        if let Err(error) = self.snapshots.publish(&snapshot).await {
            tracing::warn!(%region, %error, "demand was not counted");
        }
    }
}

/// What became of a pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Placed {
    Offered,
    DriverTaken,
    TripMoved,
    TripHeld,
    NotTried,
}
