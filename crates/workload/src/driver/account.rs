//! What a driver's time, way and work come to.

use std::time::Duration;

use domain::{Money, Timestamp};

use crate::leg::Leg;
use crate::pace::Pace;

/// What a driver spends time on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Activity {
    /// Without a ride.
    Idle,
    /// On the way to a pick-up.
    ToPickup,
    /// At the pick-up.
    Waiting,
    /// With the rider in the car.
    OnTrip,
}

/// A driver's account. Times are the city's, so that figures of a compressed run read like those of a day;
/// metres are the city's anyway.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct DriverAccount {
    /// On shift; the sum of the four that follow. Counted from the scenario's start.
    pub online: Duration,
    /// Without a ride.
    pub idle: Duration,
    /// On the way to pick-ups.
    pub to_pickup: Duration,
    /// Waiting at pick-ups.
    pub waiting: Duration,
    /// With riders in the car.
    pub on_trip: Duration,
    /// Driven without a ride, in metres.
    pub idle_m: f64,
    /// Driven to pick-ups, in metres.
    pub pickup_m: f64,
    /// Driven with riders, in metres.
    pub trip_m: f64,
    /// What completed rides pay, as offered.
    pub pay: Money,
    /// What happened how often.
    pub counts: DriverCounts,
}

/// What happened to a driver how often.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DriverCounts {
    /// Rides brought to their destination.
    pub completed: u32,
    /// Offers received, repetitions apart.
    pub offers: u32,
    /// Offers taken, and the taking confirmed.
    pub accepted: u32,
    /// Offers declined.
    pub declined: u32,
    /// Offers whose answer was refused: late, or withdrawn meanwhile.
    pub refused: u32,
    /// Offers and rides that were called off.
    pub released: u32,
    /// Offers that came while another was open or a ride under way. A sound system makes none.
    pub offered_while_busy: u32,
    /// Streams that broke or could not be opened.
    pub streams_lost: u32,
    /// Pings that were due while the stream was open, whether sent, missed or spared.
    pub pings_due: u32,
    /// Pings that were due and left out, because the next was due as well.
    pub pings_missed: u32,
    /// Reports and answers given up after too many repetitions.
    pub given_up: u32,
}

impl DriverAccount {
    /// What was added since an earlier state of the same account.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        let (counts, then) = (&self.counts, &earlier.counts);
        Self {
            online: self.online.saturating_sub(earlier.online),
            idle: self.idle.saturating_sub(earlier.idle),
            to_pickup: self.to_pickup.saturating_sub(earlier.to_pickup),
            waiting: self.waiting.saturating_sub(earlier.waiting),
            on_trip: self.on_trip.saturating_sub(earlier.on_trip),
            idle_m: self.idle_m - earlier.idle_m,
            pickup_m: self.pickup_m - earlier.pickup_m,
            trip_m: self.trip_m - earlier.trip_m,
            pay: self.pay - earlier.pay,
            counts: DriverCounts {
                completed: counts.completed - then.completed,
                offers: counts.offers - then.offers,
                accepted: counts.accepted - then.accepted,
                declined: counts.declined - then.declined,
                refused: counts.refused - then.refused,
                released: counts.released - then.released,
                offered_while_busy: counts.offered_while_busy - then.offered_while_busy,
                streams_lost: counts.streams_lost - then.streams_lost,
                pings_due: counts.pings_due - then.pings_due,
                pings_missed: counts.pings_missed - then.pings_missed,
                given_up: counts.given_up - then.given_up,
            },
        }
    }
}

/// The running account: exact, in the run's time.
#[derive(Debug, Clone)]
pub(super) struct Ledger {
    /// None while off shift.
    activity: Option<Activity>,
    since: Timestamp,
    spent: [Duration; 4],
    metres: [f64; 4],
    pub(super) pay: Money,
    pub(super) counts: DriverCounts,
}

impl Ledger {
    /// An account of which nothing is counted before a time.
    pub(super) fn new(from: Timestamp) -> Self {
        Self {
            activity: None,
            since: from,
            spent: [Duration::ZERO; 4],
            metres: [0.0; 4],
            pay: Money::ZERO,
            counts: DriverCounts::default(),
        }
    }

    /// Ends one activity, of which `leg` was the way, and begins another.
    pub(super) fn switch(&mut self, to: Option<Activity>, at: Timestamp, leg: &Leg) {
        let at = at.max(self.since);
        if let Some(activity) = self.activity {
            self.spent[activity as usize] += at.since(self.since);
            self.metres[activity as usize] += leg.metres_at(at) - leg.metres_at(self.since);
        }
        self.activity = to;
        self.since = at;
    }

    pub(super) fn is_open(&self) -> bool {
        self.activity.is_some()
    }

    pub(super) fn activity(&self) -> Option<Activity> {
        self.activity
    }

    /// The account at a time, the present activity included.
    pub(super) fn account(&self, pace: &Pace, now: Timestamp, leg: &Leg) -> DriverAccount {
        let mut closed = self.clone();
        closed.switch(None, now, leg);
        let spent = |activity: Activity| pace.in_city(closed.spent[activity as usize]);
        let metres = |activity: Activity| closed.metres[activity as usize];
        let (idle, to_pickup) = (spent(Activity::Idle), spent(Activity::ToPickup));
        let (waiting, on_trip) = (spent(Activity::Waiting), spent(Activity::OnTrip));
        DriverAccount {
            online: idle + to_pickup + waiting + on_trip,
            idle,
            to_pickup,
            waiting,
            on_trip,
            idle_m: metres(Activity::Idle),
            pickup_m: metres(Activity::ToPickup),
            trip_m: metres(Activity::OnTrip),
            pay: closed.pay,
            counts: closed.counts,
        }
    }
}
