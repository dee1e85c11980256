//! Little's law: as many are somewhere on average as come there in a time, times the time that they stay.
//! The two sides are measured apart: numbers by those who have them (drivers' own accounts, match rounds),
//! rates and times from the store.

use std::time::Duration;

use cloud::profile::Profile;
use domain::Timestamp;
use domain::trip::{Trip, TripState};
use rushhour_twin::textbook::{Outcome, Textbook};
use services::config::{Assignment, Queue};
use workload::driver::DriverAccount;

use crate::{counts, figure, law, mean, requested, runs, textbook};

/// Scarce drivers, so that riders wait, in a city with distances.
fn city() -> Textbook {
    let mut city = textbook();
    (city.side_m, city.speed_kmh, city.drivers) = (4_000.0, 36.0, 40);
    (city.ride, city.rides_per_hour) = (Some(law("exponential 4m")), 400.0);
    (city.span, city.warmup) = (Duration::from_secs(9_000), Duration::from_secs(1_800));
    city.patience = Duration::from_secs(240);
    city.dispatch.queue = Queue::Wait;
    city.dispatch.window = Duration::from_secs(1);
    city
}

/// Drivers at something, on average, by their own accounts.
fn drivers_at(outcome: &Outcome, what: impl Fn(&DriverAccount) -> Duration) -> f64 {
    let accounts = outcome.recorded.accounts.iter();
    let spent = accounts.map(|(_, at_warmup, at_end)| what(&at_end.since(at_warmup)));
    spent.sum::<Duration>().as_secs_f64() / outcome.counted.as_secs_f64()
}

/// The rate of what ended while things counted, times how long it took, by the store.
fn rate_times_span(
    outcome: &Outcome,
    of: impl Fn(&Trip) -> (Option<Timestamp>, Option<Timestamp>),
) -> f64 {
    let spans = outcome.left.trips.iter().filter_map(|trip| match of(trip) {
        (Some(from), Some(until)) if counts(outcome, until) => Some(until.since(from)),
        _ => None,
    });
    spans.sum::<Duration>().as_secs_f64() / outcome.counted.as_secs_f64()
}

/// When a rider's wait for a driver ended, if it did.
fn wait_ended(trip: &Trip) -> Option<Timestamp> {
    let given_up = matches!(trip.state, TripState::Unserved { .. });
    trip.stamps.accepted_at.or(given_up.then_some(trip.since))
}

fn drivers_obey(what: &str, runs: &[Outcome]) {
    let on_trip = figure(runs, |outcome| {
        drivers_at(outcome, |account| account.on_trip)
            / rate_times_span(outcome, |trip| {
                (trip.stamps.picked_up_at, trip.stamps.dropped_off_at)
            })
    });
    on_trip.holds(&format!("{what}: on trips"), 1.0, 0.03);
    let to_pickup = figure(runs, |outcome| {
        drivers_at(outcome, |account| account.to_pickup)
            / rate_times_span(outcome, |trip| {
                (trip.stamps.accepted_at, trip.stamps.arrived_at)
            })
    });
    to_pickup.holds(&format!("{what}: to pick-ups"), 1.0, 0.03);
}

#[test]
fn riders_who_wait_and_drivers_on_the_way_obey_littles_law() {
    let runs = runs(&city(), 4);
    drivers_obey("at once", &runs);
    // There is a round each second while anybody waits, and each tells how many it found.
    let waiting = figure(&runs, |outcome| {
        let rounds = &outcome.matching;
        let found = rounds.round_size.mean.expect("there were rounds") * rounds.rounds as f64;
        let found = found / outcome.counted.as_secs_f64();
        let all = requested(outcome);
        let rate = all.len() as f64 / outcome.counted.as_secs_f64();
        let waits = all.iter().filter_map(|trip| {
            let ended = wait_ended(trip)?;
            Some(ended.since(trip.requested_at).as_secs_f64())
        });
        found / (rate * mean(waits))
    });
    waiting.holds("riders who wait", 1.0, 0.05);
}

#[test]
fn on_the_whole_modelled_cloud_too() {
    let mut city = city();
    city.profile = Profile::aws_us_east_1();
    city.surge = true;
    city.reaction = law("lognormal 5s 0.5");
    city.dispatch.window = Duration::from_secs(2);
    city.dispatch.assignment = Assignment::Batched {
        unserved_penalty: None,
    };
    city.dispatch.radius_m = Some(1_500.0);
    let runs = runs(&city, 4);
    drivers_obey("AWS", &runs);
    // Riders' own clocks against the store: from the request as the app had it to the offer on the stream.
    let waiting = figure(&runs, |outcome| {
        let until = outcome.counted_from + outcome.counted;
        let step = Duration::from_secs(7);
        let looks = (0..).map(|look| outcome.counted_from + step * look);
        let waits_at = |at: Timestamp| {
            let waits = |trip: &&Trip| {
                let open_until = wait_ended(trip).unwrap_or(outcome.left.ended_at);
                (trip.requested_at..open_until).contains(&at)
            };
            outcome.left.trips.iter().filter(waits).count() as f64
        };
        let found = mean(looks.take_while(|at| *at < until).map(waits_at));
        let seen = outcome.recorded.seen.iter();
        let came = seen
            .map(|(_, seen)| seen)
            .filter(|seen| counts(outcome, seen.scheduled_at));
        let spans: Vec<f64> = came
            .filter_map(|seen| {
                let accepted = seen.accepts.first().map(|accept| accept.at);
                let ended = accepted.or(seen.state_at)?;
                Some(ended.since(seen.scheduled_at).as_secs_f64())
            })
            .collect();
        let rate = spans.len() as f64 / outcome.counted.as_secs_f64();
        found / (rate * mean(spans.into_iter()))
    });
    waiting.holds("riders who wait, on AWS", 1.0, 0.05);
}
