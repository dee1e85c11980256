//! A small made-up city: rides that follow the rules of the domain, for samples and for tests.
//!
//! It is no model of anything: drivers and riders are thrown at random, and every trip goes through the
//! domain's own transitions, so that what comes out is a valid history.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use domain::fare::{Charge, Tariff};
use domain::hold::HoldKey;
use domain::surge::Multiplier;
use domain::travel::Way;
use domain::trip::{Outcome, Stamps, Trip, TripEvent, TripEventKind, TripState};
use domain::{DriverId, Place, Region, RiderId, Space, Timestamp, TripId};

use super::report::audit::{Evidence, LiveHold};
use super::report::trips::{Seen, SeenAccept, TripRow};

/// What kind of city.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Options {
    /// Another seed, another history.
    pub(crate) seed: u64,
    /// For how long rides are requested, in seconds.
    pub(crate) seconds: u64,
    /// Drivers online.
    pub(crate) drivers: u64,
    /// Rides requested each second, on average.
    pub(crate) rides_per_second: f64,
}

/// A history and what a load generator would have seen of it.
pub(crate) struct City {
    /// Every trip.
    pub(crate) rows: Vec<TripRow>,
    /// What the audit needs beside them.
    pub(crate) evidence: Evidence,
}

/// Small numbers without end: splitmix64.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    /// Evenly between 0 and 1.
    pub(crate) fn share(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Evenly between two numbers.
    pub(crate) fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.share()
    }

    /// Exponential of that mean.
    pub(crate) fn exponential(&mut self, mean: f64) -> f64 {
        -mean * (1.0 - self.share()).ln()
    }

    /// Roughly normal around zero.
    fn bell(&mut self) -> f64 {
        (0..6).map(|_| self.share()).sum::<f64>() - 3.0
    }

    /// Where riders are: around two centres, or anywhere.
    fn place(&mut self) -> Place {
        let (lat, lon, spread) = match self.share() {
            s if s < 0.5 => (40.754, -73.984, 0.018),
            s if s < 0.75 => (40.715, -74.006, 0.012),
            _ => (40.735, -73.965, 0.035),
        };
        let (north, east) = (self.bell() * spread, self.bell() * spread);
        Place::new(lat + north, lon + east).expect("near New York")
    }
}

struct Driver {
    free_at: Timestamp,
    place: Place,
}

struct Simulation {
    dice: Dice,
    tariff: Tariff,
    drivers: BTreeMap<DriverId, Driver>,
    end: Timestamp,
}

fn seconds(seconds: f64) -> Duration {
    Duration::from_micros((seconds * 1e6).round() as u64)
}

/// Makes a history.
pub(crate) fn city(options: Options) -> City {
    let start = Timestamp::from_millis(1_796_000_400_000);
    let mut dice = Dice(options.seed);
    let drivers = (1..=options.drivers)
        .map(|n| {
            let place = dice.place();
            (
                DriverId(n),
                Driver {
                    free_at: start,
                    place,
                },
            )
        })
        .collect();
    let end = start + Duration::from_secs(options.seconds);
    let mut simulation = Simulation {
        dice,
        tariff: Tariff::default_usd(),
        drivers,
        end,
    };
    let mut waiting: BTreeSet<(Timestamp, usize)> = BTreeSet::new();
    let (mut trips, mut seen): (Vec<Trip>, Vec<Seen>) = (Vec::new(), Vec::new());
    let mut at = start;
    loop {
        let gone = at.since(start).as_secs_f64() / options.seconds.max(1) as f64;
        let wave = 0.75 + 0.5 * (std::f64::consts::PI * gone).sin();
        let mean = 1.0 / (options.rides_per_second * wave);
        at = at + seconds(simulation.dice.exponential(mean));
        if at >= end {
            break;
        }
        let trip = simulation.requested(trips.len() as u64 + 1, at);
        let mut view = Seen::scheduled(trip.rider, at);
        view.answered_at = Some(trip.requested_at + Duration::from_millis(4));
        view.quoted_total = Some(trip.fare.total());
        waiting.insert((round_after(trip.requested_at), trips.len()));
        trips.push(trip);
        seen.push(view);
    }
    while let Some((round, index)) = waiting.pop_first() {
        if round > end {
            continue;
        }
        if let Some(next) = simulation.tried(&mut trips[index], &mut seen[index], round) {
            waiting.insert((round_after(next), index));
        }
    }
    finished(start, end, &trips, seen)
}

/// Match rounds come every two seconds.
fn round_after(at: Timestamp) -> Timestamp {
    Timestamp::from_micros((at.as_micros() / 2_000_000 + 1) * 2_000_000)
}

fn finished(start: Timestamp, end: Timestamp, trips: &[Trip], seen: Vec<Seen>) -> City {
    let mut evidence = Evidence::new(start, end);
    let mut rows = Vec::new();
    for (trip, mut seen) in trips.iter().zip(seen) {
        seen.state = Some(trip.state);
        seen.state_at = Some(end);
        if trip.state.is_final() {
            seen.charged_total = Some(trip.charge.rider_pays());
        }
        let load = &mut evidence.load;
        load.requested += 1;
        match trip.state {
            TripState::Completed => load.completed += 1,
            TripState::Cancelled { .. } => load.cancelled += 1,
            TripState::Unserved { .. } => load.unserved += 1,
            _ => load.in_progress += 1,
        }
        if let Some(key) = trip.hold_key().filter(|_| !trip.state.is_final()) {
            evidence.holds.push(LiveHold {
                driver: key.driver,
                trip: key.trip,
                attempt: key.attempt.0,
                accepted: trip.state.is_assigned(),
                deadline: trip.tries.last().expect("a hold has a try").deadline,
            });
        }
        let mut row = TripRow::from(trip.clone());
        row.seen = Some(seen);
        rows.push(row);
    }
    City { rows, evidence }
}

impl Simulation {
    fn requested(&mut self, number: u64, at: Timestamp) -> Trip {
        let (pickup, dropoff) = (self.dice.place(), self.dice.place());
        let distance_m = Space::Sphere.distance_m(pickup, dropoff) * 1.3;
        let duration = seconds(60.0 + distance_m / 6.0);
        let centre = Place::new(40.754, -73.984).expect("New York");
        let near = Space::Sphere.distance_m(pickup, centre) < 2_000.0;
        let hundredths = if near {
            100 + 10 * (self.dice.share() * 9.0) as u32
        } else {
            100
        };
        let way = Way {
            distance_m,
            duration,
        };
        let fare = self
            .tariff
            .quote(way, Multiplier::from_hundredths(hundredths));
        let patience = seconds(self.dice.between(120.0, 420.0));
        let requested_at = at + seconds(0.002 + self.dice.exponential(0.003));
        Trip {
            id: TripId(u128::from(number) << 64 | u128::from(number)),
            region: Region::new("new-york").expect("a region"),
            rider: RiderId(number),
            product: None,
            pickup,
            dropoff,
            fare,
            distance_m,
            duration,
            fingerprint: [0; 16],
            patience,
            requested_at,
            patience_until: requested_at + patience,
            state: TripState::Requested,
            tries: Vec::new(),
            stamps: Stamps::default(),
            since: requested_at,
            checked_at: Timestamp::ZERO,
            charge: Charge::default(),
            version: 1,
        }
    }

    /// One round's try to give the trip a driver; when to try again, if it is still waiting.
    fn tried(&mut self, trip: &mut Trip, seen: &mut Seen, round: Timestamp) -> Option<Timestamp> {
        if let Some(because) = trip.hopeless(round) {
            *trip = trip.unserved(because, round).expect("it is waiting");
            return None;
        }
        if trip.requested_at + Duration::from_secs(60) < round && self.dice.share() < 0.02 {
            let cancelled = trip
                .cancelled_by_rider(&self.tariff, round)
                .expect("it is waiting");
            moved(trip, cancelled);
            return None;
        }
        let excluded = trip.excluded_drivers();
        let nearest = self
            .drivers
            .iter()
            .filter(|(id, driver)| driver.free_at < round && !excluded.contains(id))
            .map(|(id, driver)| (Space::Sphere.distance_m(driver.place, trip.pickup), *id))
            .filter(|(distance, _)| *distance < 4_000.0)
            .min_by(|a, b| a.0.total_cmp(&b.0));
        let Some((distance_m, driver)) = nearest else {
            return Some(round);
        };
        let offered_at = round + seconds(self.dice.between(0.02, 0.18));
        let deadline = offered_at + Duration::from_secs(15);
        let attempt = trip.attempt().next();
        *trip = trip
            .offered(attempt, driver, deadline, offered_at)
            .expect("it is waiting, and the attempt is the next");
        let received_at = offered_at + seconds(0.002 + self.dice.exponential(0.004));
        seen.first_offer_at.get_or_insert(received_at);
        let key = HoldKey {
            trip: trip.id,
            attempt,
            driver,
        };
        self.answered(trip, seen, key, received_at, distance_m * 1.3)
    }

    fn answered(
        &mut self,
        trip: &mut Trip,
        seen: &mut Seen,
        key: HoldKey,
        received_at: Timestamp,
        way_m: f64,
    ) -> Option<Timestamp> {
        let (roll, deadline) = (self.dice.share(), received_at + Duration::from_secs(15));
        let answered_at = received_at + seconds(0.4 + self.dice.exponential(2.2).min(12.0));
        let (kind, at) = match roll {
            r if r < 0.07 => (TripEventKind::Declined, answered_at),
            r if r < 0.09 => (TripEventKind::Expired, deadline),
            _ => (TripEventKind::Accepted, answered_at),
        };
        let driver = self
            .drivers
            .get_mut(&key.driver)
            .expect("the driver exists");
        driver.free_at = at;
        if at > self.end {
            driver.free_at = Timestamp::MAX;
            return None;
        }
        let mut stamps = Stamps::default();
        if kind != TripEventKind::Accepted {
            self.report(trip, key, kind, at, stamps);
            return Some(at);
        }
        stamps.accepted_at = Some(at);
        self.report(trip, key, kind, at, stamps);
        seen.accepts.push(SeenAccept {
            attempt: key.attempt,
            driver: key.driver,
            at,
        });
        seen.pickup_distance_m = Some(way_m);
        self.driven(trip, key, stamps, way_m);
        None
    }

    fn driven(&mut self, trip: &mut Trip, key: HoldKey, mut stamps: Stamps, way_m: f64) {
        let accepted_at = stamps.accepted_at.expect("it was accepted");
        let arrived_at = accepted_at + seconds(20.0 + way_m / 7.0);
        if self.dice.share() < 0.04 {
            let at = accepted_at
                + seconds(self.dice.share() * arrived_at.since(accepted_at).as_secs_f64());
            if at <= self.end {
                let cancelled = trip
                    .cancelled_by_rider(&self.tariff, at)
                    .expect("not yet in the car");
                moved(trip, cancelled);
                self.free(key.driver, at, trip.pickup);
                return;
            }
        }
        let no_show = self.dice.share() < 0.01;
        let picked_up_at = arrived_at + seconds(self.dice.exponential(35.0));
        let dropped_off_at = picked_up_at + trip.duration;
        let steps = [
            (TripEventKind::Arrived, arrived_at),
            (TripEventKind::PickedUp, picked_up_at),
            (TripEventKind::DroppedOff, dropped_off_at),
        ];
        for (kind, at) in steps {
            if at > self.end {
                self.free(key.driver, Timestamp::MAX, trip.pickup);
                return;
            }
            match kind {
                TripEventKind::Arrived => stamps.arrived_at = Some(at),
                TripEventKind::PickedUp if no_show => {
                    self.report(trip, key, TripEventKind::NoShow, at, stamps);
                    self.free(key.driver, at, trip.pickup);
                    return;
                }
                TripEventKind::PickedUp => stamps.picked_up_at = Some(at),
                _ => stamps.dropped_off_at = Some(at),
            }
            self.report(trip, key, kind, at, stamps);
        }
        self.free(key.driver, dropped_off_at, trip.dropoff);
    }

    fn free(&mut self, driver: DriverId, at: Timestamp, place: Place) {
        self.drivers.insert(driver, Driver { free_at: at, place });
    }

    fn report(
        &self,
        trip: &mut Trip,
        key: HoldKey,
        kind: TripEventKind,
        at: Timestamp,
        stamps: Stamps,
    ) {
        let event = TripEvent {
            key,
            sequence: 1,
            kind,
            at,
            stamps,
        };
        let outcome = trip.apply(&event, &self.tariff, at + Duration::from_millis(6));
        moved(trip, outcome);
    }
}

fn moved(trip: &mut Trip, outcome: Outcome) {
    match outcome {
        Outcome::Moved(next) => *trip = *next,
        other => panic!("a valid history moves at every step, found {other:?}"),
    }
}
