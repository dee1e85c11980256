//! The fleet tracker's process: the tracking use case behind its network and processors, in a container or,
//! with positions in a table, as a function.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use cloud::lookup::Lookup;
use cloud::timed::{Call, Draws, Table, TimedHolds, TimedQueue, VirtualClock};
use domain::hold::{HoldKey, Offer};
use domain::trip::{TripEvent, TripEventKind};
use domain::{Attempt, DriverId, RiderId, Timestamp, TripId};
use kernel::{Inbox, Local, Time};
use services::ports::{
    Candidate, CandidateQuery, Fleet, HoldStatus, MarketSnapshot, PortError, Reserved,
};
use services::track::{AnswerOutcome, ProgressOutcome, ProgressReport};

use crate::convoy::{Convoy, Seat};
use crate::host::{CallError, Host, Work};
use crate::pings::PingCount;
use crate::streams::{Links, Streams};
use crate::way::Way;

/// The tracking use case on the modelled cloud.
pub(crate) type Core = services::track::Tracker<
    TimedHolds,
    TimedQueue<TripEvent>,
    TimedQueue<MarketSnapshot>,
    Links,
    VirtualClock,
>;

/// The longest the expiry loop sleeps, and the shortest: those of the service.
const EXPIRY_SLEEP: (Duration, Duration) = (Duration::from_millis(20), Duration::from_secs(1));
/// How often a rider who follows a car is told where it is: `WATCH_EVERY` of the service.
pub(crate) const WATCH_EVERY: Duration = Duration::from_secs(4);
/// Drivers in 4 KB of a query of positions in a table, about.
const POSITIONS_IN_4_KB: f64 = 40.0;
/// Cells that such a query looks at for the nearest drivers, each a query: the pick-up's and those around.
const CELLS_OF_A_QUERY: u32 = 7;

/// The tracker's process.
pub(crate) struct Tracker {
    pub(crate) core: Core,
    pub(crate) host: Host,
    pub(crate) streams: Arc<Streams>,
    /// Drivers whose pings are made up for when somebody asks where they are.
    pub(crate) convoy: Convoy,
    time: Time,
    ways: Ways,
    draws: Draws,
    /// Where positions are, if not in the process's memory.
    positions: Option<Table>,
    /// Who follows which car.
    follows: Local<Lookup<TripId, Inbox<()>>>,
    messages: AtomicU64,
    /// Of those, messages that came from the apps of drivers and riders.
    from_apps: AtomicU64,
    pub(crate) pings: PingCount,
    /// Positions of cars that riders were told, or asked for where there is no stream.
    pub(crate) positions_told: PingCount,
}

/// The ways to the tracker.
pub(crate) struct Ways {
    /// From drivers' and riders' apps.
    pub(crate) from_apps: Way,
    /// From other parts of the system.
    pub(crate) within: Way,
}

/// A tracker, as calls reach it. A clone is the same tracker.
#[derive(Clone)]
pub(crate) struct TrackerLink(pub(crate) Arc<Tracker>);

impl Tracker {
    pub(crate) fn new(
        core: Core,
        host: Host,
        streams: Arc<Streams>,
        convoy: Convoy,
        ways: Ways,
        draws: Draws,
        positions: Option<Table>,
    ) -> Self {
        Self {
            core,
            host,
            time: streams.time().clone(),
            streams,
            convoy,
            ways,
            draws,
            positions,
            follows: Local::default(),
            messages: AtomicU64::new(0),
            from_apps: AtomicU64::new(0),
            pings: PingCount::default(),
            positions_told: PingCount::default(),
        }
    }

    /// So many pings a second are not sent one by one from now on, and so many positions not told: what they take of a
    /// container's processors is not there for others. Environments of a function are each alone.
    pub(crate) fn counts_per_s(&self, pings: f64, positions_told: f64) {
        if let Host::Service(service) = &self.host {
            service.set_background(&[("tracker.ping", pings), ("tracker.watch", positions_told)]);
        }
    }

    /// Calls of the function for pings and positions that are counted, and what is billed for them, in ms.
    pub(crate) fn calls_for_pings(&self) -> (u64, u64) {
        let (Host::Function(function), Some(positions)) = (&self.host, &self.positions) else {
            return (0, 0);
        };
        let billed_ms = |calls: u64, call| {
            calls * function.billed_ms_mean("tracker.ping", positions.takes_on_average(call))
        };
        let (pings, told) = (self.pings.get(), self.positions_told.get());
        let billed_ms = billed_ms(pings, Call::Put) + billed_ms(told, Call::Get);
        (pings + told, billed_ms)
    }

    /// Requests of drivers and riders to the HTTP API, where there is no stream. Match rounds and trips call
    /// the function itself.
    pub(crate) fn http_requests(&self) -> u64 {
        match &self.host {
            Host::Function(_) => {
                let from_apps = self.from_apps.load(Ordering::Relaxed);
                self.pings.get() + self.positions_told.get() + from_apps
            }
            Host::Service(_) => 0,
        }
    }

    /// Messages from drivers and calls so far, pings aside.
    pub(crate) fn messages(&self) -> u64 {
        self.messages.load(Ordering::Relaxed)
    }

    /// Riders who follow their car now.
    pub(crate) fn followers(&self) -> usize {
        self.follows.lock().len()
    }

    fn count(&self) {
        self.messages.fetch_add(1, Ordering::Relaxed);
    }

    fn count_from_app(&self) {
        self.from_apps.fetch_add(1, Ordering::Relaxed);
    }

    /// A message of a driver's stream that takes no answer, and is handled in order.
    pub(crate) fn note(&self, note: impl FnOnce(&Core)) {
        self.count();
        self.count_from_app();
        note(&self.core);
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.time.now_us())
    }

    /// Takes what drivers on the move would have told by now.
    fn locate_convoy(&self) {
        self.convoy
            .tell_all(self.now(), |pings| self.core.pings(pings, |_| ()));
    }

    /// A driver is no longer on that way: what would have been told on it is taken.
    pub(crate) fn leave_convoy(&self, seat: Seat) {
        if let Some((driver, ping)) = self.convoy.leave(seat, self.now()) {
            self.core.ping(driver, ping);
        }
    }

    async fn call<T>(
        &self,
        way: &Way,
        work: Work,
        run: impl Future<Output = T>,
    ) -> Result<T, PortError> {
        self.count();
        // There and back, before: what is between has no clock that would tell.
        self.time.sleep(way.span(&self.draws)).await;
        self.host
            .call(work, run)
            .await
            .map_err(|error| match error {
                CallError::Throttled => PortError::Throttled {
                    port: "the fleet",
                    detail: "too many calls under way".to_owned(),
                },
                CallError::TimedOut => PortError::Unavailable {
                    port: "the fleet",
                    detail: "no answer in time".to_owned(),
                },
            })
    }

    /// Takes a driver's yes or no.
    pub(crate) async fn answer(
        &self,
        driver: DriverId,
        key: HoldKey,
        accept: bool,
    ) -> AnswerOutcome {
        self.count_from_app();
        let answer = pin!(self.core.answer(driver, key, accept));
        self.call(&self.ways.from_apps, "tracker.answer", answer)
            .await
            .unwrap_or(AnswerOutcome::TryAgain)
    }

    /// Takes a driver's report of a ride under way.
    pub(crate) async fn progress(
        &self,
        driver: DriverId,
        report: &ProgressReport,
    ) -> ProgressOutcome {
        self.count_from_app();
        let outcome = self
            .call(
                &self.ways.from_apps,
                "tracker.report",
                pin!(self.core.progress(driver, report)),
            )
            .await
            .unwrap_or(ProgressOutcome::TryAgain);
        if outcome == ProgressOutcome::Recorded && report.kind == TripEventKind::DroppedOff {
            self.end_follow(report.key.trip);
        }
        outcome
    }

    /// Takes as long as an acknowledged ping, without one: network and processors. False if it was not answered.
    pub(crate) async fn acknowledges_a_ping(&self) -> bool {
        self.time.sleep(self.ways.from_apps.span(&self.draws)).await;
        // Nothing is changed by it: a probe among the pings that are counted.
        let written = async {
            if let Some(positions) = &self.positions {
                self.time.sleep(positions.would_take(Call::Put)).await;
            }
        };
        self.host.call("tracker.ping", pin!(written)).await.is_ok()
    }

    /// Follows a rider's own car until the ride is over. At once if there is none.
    pub(crate) async fn follow(
        &self,
        rider: RiderId,
        trip: TripId,
        until: Option<Timestamp>,
    ) -> bool {
        self.count();
        self.count_from_app();
        let began_us = self.time.now_us();
        if !self.core.has_ride(rider, trip) {
            self.time.sleep(self.ways.from_apps.span(&self.draws)).await;
            return true;
        }
        let inbox = Inbox::default();
        self.follows.lock().insert(trip, inbox.clone());
        let until_us = until.map(Timestamp::as_micros);
        if inbox.next_until(&self.time, until_us).await.is_none() {
            self.follows.lock().remove(trip);
            return false;
        }
        // The stream looks at the ride each time that it says where the car is.
        let every_us = micros(WATCH_EVERY);
        let followed_us = self.time.now_us() - began_us;
        let ticks = followed_us.div_euclid(every_us) + 1;
        self.time.sleep_until_us(began_us + ticks * every_us).await;
        true
    }

    fn end_follow(&self, trip: TripId) {
        if let Some(follower) = self.follows.lock().remove(trip) {
            follower.put(());
        }
    }

    /// Lets time do its work: offers that ran out.
    pub(crate) async fn expire_for_ever(self: Arc<Self>) {
        loop {
            let next = self.core.expire().await.unwrap_or(Timestamp::MAX);
            let wait = next.since(Timestamp::from_micros(self.time.now_us()));
            self.time
                .sleep(wait.clamp(EXPIRY_SLEEP.0, EXPIRY_SLEEP.1))
                .await;
        }
    }

    /// Counts supply for surge.
    pub(crate) async fn count_supply_for_ever(self: Arc<Self>, every: Duration) {
        loop {
            self.time.sleep(every).await;
            self.locate_convoy();
            // A count that fails is made anew at the next turn.
            let _ = self.core.count_supply().await;
        }
    }

    /// Reads positions where they are in a table: a query for each cell, side by side.
    async fn read_positions(&self, found: usize) -> Result<(), PortError> {
        let Some(table) = &self.positions else {
            return Ok(());
        };
        let units = (found as f64 / POSITIONS_IN_4_KB).ceil().max(1.0) * 0.5;
        table.read(Call::Query, units, 0).await?;
        let others = CELLS_OF_A_QUERY - 1;
        table.also_read(u64::from(others), f64::from(others) * 0.5);
        Ok(())
    }
}

fn micros(span: Duration) -> i64 {
    i64::try_from(span.as_micros()).unwrap_or(i64::MAX / 4)
}

impl Fleet for TrackerLink {
    async fn candidates(
        &self,
        queries: &[CandidateQuery],
        k: usize,
        radius_m: Option<f64>,
    ) -> Result<Vec<Vec<Candidate>>, PortError> {
        let tracker = &self.0;
        let found = pin!(async {
            tracker
                .host
                .per_item("tracker.candidates", queries.len())
                .await;
            if tracker.positions.is_some() {
                let waves = queries
                    .len()
                    .div_ceil(services::limits::CALLS_IN_FLIGHT_MAX);
                for _ in 0..waves {
                    tracker.read_positions(k).await?;
                }
            }
            tracker.locate_convoy();
            Ok(tracker.core.candidates(queries, k, radius_m).to_vecs())
        });
        tracker
            .call(&tracker.ways.within, "tracker.candidates", found)
            .await?
    }

    async fn reserve(
        &self,
        key: HoldKey,
        deadline: Timestamp,
        offer: &Offer,
    ) -> Result<Reserved, PortError> {
        let reserve = pin!(self.0.core.reserve(key, deadline, offer));
        self.0
            .call(&self.0.ways.within, "tracker.reserve", reserve)
            .await?
    }

    async fn offer(&self, key: HoldKey) -> Result<bool, PortError> {
        let offer = pin!(self.0.core.offer(key));
        self.0
            .call(&self.0.ways.within, "tracker.offer", offer)
            .await?
    }

    async fn release(&self, key: HoldKey) -> Result<(), PortError> {
        let released = self
            .0
            .call(
                &self.0.ways.within,
                "tracker.release",
                pin!(self.0.core.release(key)),
            )
            .await?;
        if released.is_ok() {
            self.0.end_follow(key.trip);
        }
        released
    }

    async fn hold(&self, trip: TripId, attempt: Attempt) -> Result<Option<HoldStatus>, PortError> {
        let tracker = &self.0;
        let mut found = tracker
            .call(&tracker.ways.within, "tracker.hold", async {
                tracker.core.hold(trip, attempt)
            })
            .await?;
        // Drivers with a ride leave out their pings here: who has a stream is not silent.
        if let Some(status) = &mut found
            && tracker.streams.is_open(status.hold.key.driver)
        {
            status.last_ping_at = Some(Timestamp::from_micros(tracker.time.now_us()));
        }
        Ok(found)
    }
}
