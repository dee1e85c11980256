//! The fleet's side of a ride: pings, candidates, holds, offers, answers, and what they make of trips.
//!
//! [`Tracker`] joins the core in `fleet` (memory, no I/O) with the durable holds and the event queue. The
//! order is always the same: the durable write first, then memory, then the driver hears of it; and a
//! driver's answer is acknowledged only after its event is sent. So a tracker may die between any two
//! steps: what is durable is taken up again by [`Tracker::restore`], and what is not never happened.

mod answers;
mod expiry;
mod port;
mod reservations;

pub use answers::{AnswerOutcome, ProgressOutcome, ProgressReport};
pub use expiry::Restored;

use std::sync::Arc;

use domain::hold::{Hold, HoldKey, HoldStage, Offer};
use domain::limits::CANDIDATES_MAX;
use domain::{Attempt, DriverId, Place, RiderId, Timestamp, TripId, VehicleClass};
use fleet::index::CandidateLists;
use fleet::{Counts, FleetGuard, FleetPolicy, Nearby, Ping, PingOutcome, SharedFleet};

use crate::config::Market;
use crate::limits::{DRIVERS_AT_ONCE, EXCLUDED_DRIVERS_MAX};
use crate::ports::{CandidateQuery, Clock, HoldStatus, HoldStore, MarketSnapshots, TripEvents};

/// What a driver is told without having asked.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Notice {
    /// A ride is offered.
    Offer {
        /// What is to be answered.
        key: HoldKey,
        /// The ride.
        offer: Offer,
        /// Until when.
        deadline: Timestamp,
    },
    /// The ride is off.
    Released {
        /// Which.
        key: HoldKey,
    },
}

/// The drivers' live streams.
pub trait DriverLinks: Send + Sync {
    /// Puts a notice on a driver's stream without waiting. False if there is no stream, or it is full:
    /// an offer that was not heard ends with its deadline.
    fn push(&self, driver: DriverId, notice: Notice) -> bool;
}

impl<L: DriverLinks> DriverLinks for Arc<L> {
    fn push(&self, driver: DriverId, notice: Notice) -> bool {
        L::push(self, driver, notice)
    }
}

/// The tracking use case.
#[derive(Debug)]
pub struct Tracker<H, E, S, L, C> {
    market: Arc<Market>,
    fleet: SharedFleet,
    holds: H,
    events: E,
    snapshots: S,
    links: L,
    clock: C,
    started_at: Timestamp,
}

impl<H, E, S, L, C> Tracker<H, E, S, L, C>
where
    H: HoldStore,
    E: TripEvents,
    S: MarketSnapshots,
    L: DriverLinks,
    C: Clock,
{
    /// A tracker with no drivers yet.
    pub fn new(
        market: Arc<Market>,
        policy: FleetPolicy,
        holds: H,
        events: E,
        snapshots: S,
        links: L,
        clock: C,
    ) -> Self {
        let fleet = SharedFleet::new(*market.travel.space(), policy);
        let started_at = clock.now();
        Self {
            market,
            fleet,
            holds,
            events,
            snapshots,
            links,
            clock,
            started_at,
        }
    }

    /// Memory, for as long as no await comes between.
    fn fleet(&self) -> FleetGuard<'_> {
        self.fleet.lock()
    }

    /// The streams that notices go to.
    pub fn links(&self) -> &L {
        &self.links
    }

    /// A driver's stream is up: the driver is there, in a vehicle of that class, and wants rides. Answers with the offer that is
    /// still open, for a driver whose stream or tracker was lost.
    pub fn go_online(
        &self,
        driver: DriverId,
        place: Place,
        vehicle: VehicleClass,
    ) -> Option<Notice> {
        let now = self.clock.now();
        let mut fleet = self.fleet();
        fleet.go_online(driver, place, now);
        fleet.set_vehicle(driver, vehicle);
        open_offer(fleet.hold_of_driver(driver)?, now)
    }

    /// A driver's stream is back, and says nothing of where: the offer that is still open.
    pub fn reconnected(&self, driver: DriverId) -> Option<Notice> {
        open_offer(self.fleet().hold_of_driver(driver)?, self.clock.now())
    }

    /// A driver wants no more rides. A ride already accepted goes on; an offer runs out.
    pub fn go_offline(&self, driver: DriverId) {
        self.fleet().go_offline(driver, self.clock.now());
    }

    /// Takes where drivers are now from who knows no more of them than that, and what they drive where that is said:
    /// all of them are online, whatever they were. Answers how many were not before.
    pub fn put_online(
        &self,
        drivers: &[(DriverId, Place)],
        vehicle: Option<VehicleClass>,
    ) -> usize {
        let now = self.clock.now();
        let mut new = 0;
        for drivers in drivers.chunks(DRIVERS_AT_ONCE) {
            let mut fleet = self.fleet();
            let before = fleet.counts().online;
            fleet.all_go_online(drivers, now);
            if let Some(class) = vehicle {
                for (driver, _) in drivers {
                    fleet.set_vehicle(*driver, class);
                }
            }
            new += fleet.counts().online - before;
            fleet.hand_over();
        }
        new
    }

    /// Drivers want no more rides, as by [`go_offline`](Self::go_offline). Answers how many were online.
    pub fn take_offline(&self, drivers: &[DriverId]) -> usize {
        let now = self.clock.now();
        let mut were_online = 0;
        for drivers in drivers.chunks(DRIVERS_AT_ONCE) {
            let mut fleet = self.fleet();
            let went = drivers.iter().filter(|id| fleet.go_offline(**id, now));
            were_online += went.count();
            fleet.hand_over();
        }
        were_online
    }

    /// Takes a driver's place. No I/O.
    pub fn ping(&self, driver: DriverId, ping: Ping) -> PingOutcome {
        self.fleet().ping(driver, ping, self.clock.now())
    }

    /// Takes the places of many drivers, and says what became of each. No I/O.
    pub fn pings(
        &self,
        pings: impl IntoIterator<Item = (DriverId, Ping)>,
        became: impl FnMut(PingOutcome),
    ) {
        self.report(pings, [], became);
    }

    /// The same, and takes what some of the drivers drive, who come in the order of their pings.
    pub fn report(
        &self,
        pings: impl IntoIterator<Item = (DriverId, Ping)>,
        vehicles: impl IntoIterator<Item = (DriverId, VehicleClass)>,
        mut became: impl FnMut(PingOutcome),
    ) {
        let now = self.clock.now();
        let mut pings = pings.into_iter().peekable();
        let mut vehicles = vehicles.into_iter().peekable();
        // Nobody is found by a ping before it is known what the driver drives.
        while pings.peek().is_some() || vehicles.peek().is_some() {
            let mut fleet = self.fleet();
            fleet.pings(pings.by_ref().take(DRIVERS_AT_ONCE), now, &mut became);
            for (driver, class) in vehicles.by_ref().take(DRIVERS_AT_ONCE) {
                fleet.set_vehicle(driver, class);
            }
            fleet.hand_over();
        }
    }

    /// The nearest available drivers of each query. No I/O. Whoever else waits to search does in between; who tells
    /// something does not wait.
    pub fn candidates(
        &self,
        queries: &[CandidateQuery],
        k: usize,
        radius_m: Option<f64>,
    ) -> CandidateLists {
        let mut found = CandidateLists::with_room(queries.len(), k.min(CANDIDATES_MAX));
        let queries = queries.iter().map(|query| {
            let excluded = query.excluded.len().min(EXCLUDED_DRIVERS_MAX);
            Nearby {
                place: query.pickup,
                k,
                radius_m,
                classes: query.classes,
                excluded: &query.excluded[..excluded],
            }
        });
        self.fleet.nearest_of_each(queries, &mut found);
        found
    }

    /// The hold of a trip's attempt, if it is live.
    pub fn hold(&self, trip: TripId, attempt: Attempt) -> Option<HoldStatus> {
        let now = self.clock.now();
        let fleet = self.fleet();
        let hold = *fleet.hold_of_trip(trip)?;
        (hold.key.attempt == attempt && hold.is_live(now)).then(|| HoldStatus {
            hold,
            // A driver not heard of since the start has had no chance before it.
            last_ping_at: fleet
                .last_ping_at(hold.key.driver)
                .or(Some(self.started_at)),
        })
    }

    /// Where the car of a rider's own trip is, once a driver has accepted, and since when it is there.
    pub fn car(&self, rider: RiderId, trip: TripId) -> Option<(Place, Timestamp)> {
        let fleet = self.fleet();
        let hold = fleet.hold_of_trip(trip)?;
        let follows = hold.offer.rider == rider && hold.stage == HoldStage::Accepted;
        follows.then(|| fleet.position(hold.key.driver)).flatten()
    }

    /// Whether a rider has an accepted trip of that name with the fleet.
    pub fn has_ride(&self, rider: RiderId, trip: TripId) -> bool {
        self.fleet()
            .hold_of_trip(trip)
            .is_some_and(|hold| hold.offer.rider == rider && hold.stage == HoldStage::Accepted)
    }

    /// Drivers by status.
    pub fn counts(&self) -> Counts {
        self.fleet().counts()
    }
}

fn open_offer(hold: &Hold, now: Timestamp) -> Option<Notice> {
    (hold.stage == HoldStage::Offered && hold.is_live(now)).then_some(Notice::Offer {
        key: hold.key,
        offer: hold.offer,
        deadline: hold.deadline,
    })
}
