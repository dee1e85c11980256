//! What riders and drivers saw, gathered while they run.

mod recorded;
#[cfg(test)]
mod tests;

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use domain::hold::HoldKey;
use domain::trip::TripState;
use domain::{DriverId, Money, RiderId, Timestamp, TripId};
use report::latency::{Latencies, LatencyHistogram, step};
use report::timeline::{DriverCounts, TimelineRecorder};
use report::trips::{Seen, SeenAccept};
use workload::driver::{Activity, DriverAccount};

use crate::seen::SeenTrips;

pub use recorded::{Counts, Glance, Recorded};

#[derive(Debug)]
struct State {
    latencies: Latencies,
    lag: LatencyHistogram,
    timeline: TimelineRecorder,
    seen: SeenTrips,
    counts: Counts,
    accounts: Vec<(DriverId, DriverAccount, DriverAccount)>,
    scheduled: u64,
    confirmed: u64,
    offers: LatencyHistogram,
}

/// The recorder. Figures are of what was *scheduled* after the warm-up.
#[derive(Debug)]
pub struct Recorder {
    counted_from: Timestamp,
    /// In microseconds.
    counted_until: AtomicI64,
    state: Mutex<State>,
    in_flight_max: AtomicU64,
    connections: AtomicU64,
    streams: AtomicU64,
    pings: AtomicU64,
    drivers: [AtomicI64; 4],
}

/// What a driver does, as a place in the counts.
fn place(activity: Activity) -> usize {
    match activity {
        Activity::Idle => 0,
        Activity::ToPickup => 1,
        Activity::Waiting => 2,
        Activity::OnTrip => 3,
    }
}

impl Recorder {
    /// A recorder of a run that begins at `started_at` and counts after `warmup` until `until`.
    #[must_use]
    pub fn new(started_at: Timestamp, warmup: Duration, until: Timestamp) -> Self {
        let width = Duration::from_secs(1).max(until.since(started_at) / 240);
        let state = State {
            latencies: Latencies::default(),
            lag: LatencyHistogram::default(),
            timeline: TimelineRecorder::new(started_at, width),
            seen: SeenTrips::default(),
            counts: Counts::default(),
            accounts: Vec::new(),
            scheduled: 0,
            confirmed: 0,
            offers: LatencyHistogram::default(),
        };
        Self {
            counted_from: started_at + warmup,
            counted_until: AtomicI64::new(until.as_micros()),
            state: Mutex::new(state),
            in_flight_max: AtomicU64::new(0),
            connections: AtomicU64::new(0),
            streams: AtomicU64::new(0),
            pings: AtomicU64::new(0),
            drivers: Default::default(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no one panics while recording")
    }

    fn counts(&self, at: Timestamp) -> bool {
        (self.counted_from..self.counted_until()).contains(&at)
    }

    /// From when on things count.
    #[must_use]
    pub fn counted_from(&self) -> Timestamp {
        self.counted_from
    }

    /// Until when things count.
    #[must_use]
    pub fn counted_until(&self) -> Timestamp {
        Timestamp::from_micros(self.counted_until.load(Ordering::Relaxed))
    }

    /// The run is cut short: what is scheduled from now on does not count. In the warm-up, nothing counts.
    pub fn cut_short(&self, now: Timestamp) {
        let until = now.max(self.counted_from);
        self.counted_until
            .fetch_min(until.as_micros(), Ordering::Relaxed);
    }

    /// A rider was to come.
    pub fn scheduled(&self, at: Timestamp) {
        let counts = self.counts(at);
        let mut state = self.state();
        state.timeline.scheduled(at);
        state.scheduled += 1;
        state.counts.offered += u64::from(counts);
    }

    /// A rider was not let in.
    pub fn dropped(&self, at: Timestamp) {
        let counts = self.counts(at);
        self.state().counts.dropped += u64::from(counts);
    }

    /// So many requests are in flight at a moment.
    pub fn in_flight(&self, requests: u64, at: Timestamp) {
        if self.counts(at) {
            self.in_flight_max.fetch_max(requests, Ordering::Relaxed);
        }
    }

    /// So many connections carry streams.
    pub fn connections(&self, connections: u64) {
        self.connections.store(connections, Ordering::Relaxed);
    }

    /// A driver's stream is open.
    pub fn stream_opened(&self) {
        self.streams.fetch_add(1, Ordering::Relaxed);
    }

    /// Something scheduled was sent: how late.
    pub fn sent(&self, scheduled_at: Timestamp, now: Timestamp) {
        if self.counts(scheduled_at) {
            self.state().lag.record(now.since(scheduled_at));
        }
    }

    /// A ping was sent: how late.
    pub fn ping_sent(&self, scheduled_at: Timestamp, now: Timestamp) {
        if self.counts(scheduled_at) {
            self.pings.fetch_add(1, Ordering::Relaxed);
        }
        self.sent(scheduled_at, now);
    }

    /// A step that was scheduled then is done now.
    pub fn done(&self, name: &str, scheduled_at: Timestamp, now: Timestamp) {
        self.done_many(name, scheduled_at, now.since(scheduled_at), 1);
    }

    /// `count` steps that were scheduled then took `latency` each: for what a host counts and does not carry
    /// out one by one.
    pub fn done_many(&self, name: &str, scheduled_at: Timestamp, latency: Duration, count: u64) {
        let counts = self.counts(scheduled_at);
        let mut state = self.state();
        let ended_at = scheduled_at + latency;
        state.timeline.latency_n(name, ended_at, latency, count);
        if counts {
            state.latencies.record_n(name, latency, count);
        }
    }

    /// Pings were due at these times, so many at each, from a driver or from several who ping together, and have
    /// waited until now: for the acknowledgement of the last of them, or for none before the driver left or the run
    /// ended. A driver who is acknowledged is so for all pings that were due before, those included that were lost
    /// with a stream, or could not be sent for want of one: a tracker that is away is seen to be away.
    pub fn pings_waited(&self, due: impl IntoIterator<Item = (Timestamp, u64)>, now: Timestamp) {
        for (due_at, count) in due {
            self.done_many(step::PING_ACK, due_at, now.since(due_at), count);
        }
    }

    /// So many pings within the counted span were counted and not sent one by one.
    pub fn pings_counted(&self, count: u64) {
        self.pings.fetch_add(count, Ordering::Relaxed);
    }

    /// A request was answered well, or not.
    pub fn answered(&self, scheduled_at: Timestamp, error: Option<String>) {
        if !self.counts(scheduled_at) {
            return;
        }
        let counts = &mut self.state().counts;
        counts.sent += 1;
        match error {
            None => counts.completed += 1,
            Some(kind) => {
                counts.errors += 1;
                *counts.errors_by_kind.entry(kind).or_default() += 1;
            }
        }
    }

    /// A quote was given.
    pub fn quoted(&self, scheduled_at: Timestamp, now: Timestamp, surge: f64) {
        let counts = self.counts(scheduled_at);
        let mut state = self.state();
        state.timeline.surge(now, surge);
        state.counts.quoted += u64::from(counts);
    }

    /// A rider is about to request this trip.
    pub fn requesting(&self, trip: TripId, rider: RiderId, scheduled_at: Timestamp, quoted: Money) {
        let mut state = self.state();
        let seen = state
            .seen
            .get_or_insert(trip, || Seen::scheduled(rider, scheduled_at));
        seen.quoted_total.get_or_insert(quoted);
    }

    /// The request was confirmed.
    pub fn confirmed(&self, trip: TripId, now: Timestamp) {
        let mut state = self.state();
        if let Some(seen) = state.seen.get_mut(trip)
            && seen.answered_at.is_none()
        {
            seen.answered_at = Some(now);
            state.confirmed += 1;
        }
    }

    /// A rider was shown how the trip stands.
    pub fn shown(&self, trip: TripId, at: Timestamp, stands: TripState, charged: Option<Money>) {
        if let Some(seen) = self.state().seen.get_mut(trip) {
            seen.state = Some(stands);
            seen.state_at = Some(at);
            seen.charged_total = charged;
        }
    }

    /// A driver's stream received an offer.
    pub fn offer_received(&self, trip: TripId, sent_at: Timestamp, now: Timestamp) {
        let first_since = {
            let mut state = self.state();
            state.seen.get_mut(trip).and_then(|seen| {
                let first = seen.first_offer_at.is_none();
                seen.first_offer_at.get_or_insert(now);
                first.then_some(seen.scheduled_at)
            })
        };
        self.done(step::OFFER_DELIVERY, sent_at, now);
        if let Some(scheduled_at) = first_since {
            // The histogram of the run is worked out from the trips at the end: this one is for the eye.
            let latency = now.since(scheduled_at);
            let mut state = self.state();
            state.timeline.latency(step::REQUEST_TO_OFFER, now, latency);
            state.offers.record(latency);
        }
    }

    /// A driver's accept was confirmed.
    pub fn accepted(&self, key: HoldKey, pickup_distance_m: f64, at: Timestamp) {
        if let Some(seen) = self.state().seen.get_mut(key.trip) {
            seen.pickup_distance_m = Some(pickup_distance_m);
            let accept = SeenAccept {
                attempt: key.attempt,
                driver: key.driver,
                at,
            };
            if !seen
                .accepts
                .iter()
                .any(|a| (a.attempt, a.driver) == (key.attempt, key.driver))
            {
                seen.accepts.push(accept);
            }
        }
    }

    /// A driver turned from one thing to another; none: offline.
    pub fn turned(&self, from: Option<Activity>, to: Option<Activity>) {
        if from == to {
            return;
        }
        for (activity, step) in [(from, -1), (to, 1)] {
            if let Some(activity) = activity {
                self.drivers[place(activity)].fetch_add(step, Ordering::Relaxed);
            }
        }
    }

    /// A driver's account at the end of the warm-up, and at the end.
    pub fn account(&self, driver: DriverId, at_warmup: DriverAccount, at_end: DriverAccount) {
        self.state().accounts.push((driver, at_warmup, at_end));
    }

    /// What drivers do now; `all` of them are on the plan.
    #[must_use]
    pub fn drivers_now(&self, all: u64) -> DriverCounts {
        let count =
            |at: usize| u64::try_from(self.drivers[at].load(Ordering::Relaxed)).unwrap_or(0);
        let [idle, pickup, waiting, on_trip] = [0, 1, 2, 3].map(count);
        let online = idle + pickup + waiting + on_trip;
        DriverCounts {
            idle,
            pickup,
            waiting,
            on_trip,
            offline: all.saturating_sub(online),
        }
    }

    /// Notes what drivers do now.
    pub fn sample_drivers(&self, now: Timestamp, all: u64) {
        let counts = self.drivers_now(all);
        self.state().timeline.drivers(now, counts);
    }

    /// A look at the run under way.
    #[must_use]
    pub fn glance(&self) -> Glance {
        let state = self.state();
        let quantile = |name: &str, share| {
            state
                .latencies
                .step(name)
                .and_then(|h| h.quantile_ms(share))
        };
        Glance {
            counts: state.counts.clone(),
            scheduled: state.scheduled,
            requested: state.confirmed,
            quote_ms: (quantile(step::QUOTE, 0.5), quantile(step::QUOTE, 0.99)),
            offer_ms: (
                state.offers.quantile_ms(0.5),
                state.offers.quantile_ms(0.99),
            ),
            ping_ms: (
                quantile(step::PING_ACK, 0.5),
                quantile(step::PING_ACK, 0.99),
            ),
        }
    }

    /// All of it, at the end.
    #[must_use]
    pub fn finish(&self) -> Recorded {
        let mut state = self.state();
        let empty = TimelineRecorder::new(self.counted_from, Duration::from_secs(1));
        Recorded {
            latencies: std::mem::take(&mut state.latencies),
            lag: std::mem::take(&mut state.lag),
            timeline: std::mem::replace(&mut state.timeline, empty),
            seen: std::mem::take(&mut state.seen),
            counts: std::mem::take(&mut state.counts),
            accounts: std::mem::take(&mut state.accounts),
            in_flight_max: self.in_flight_max.load(Ordering::Relaxed),
            connections: self.connections.load(Ordering::Relaxed),
            streams: self.streams.load(Ordering::Relaxed),
            pings: self.pings.load(Ordering::Relaxed),
        }
    }
}
