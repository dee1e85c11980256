//! Drivers as servers: in a city without distances riders who are turned away are Erlang's loss, whatever
//! the law of rides, and riders who wait wait as Erlang's C has it.

use std::time::Duration;

use domain::trip::{Trip, TripState};
use services::config::Queue;

use crate::{figure, law, mean, requested, runs, textbook};

/// Erlang's B: how many riders find all drivers busy.
fn erlang_b(drivers: u32, offered: f64) -> f64 {
    (1..=drivers).fold(1.0, |blocked, driver| {
        offered * blocked / (f64::from(driver) + offered * blocked)
    })
}

/// Erlang's C: how many riders wait.
fn erlang_c(drivers: u32, offered: f64) -> f64 {
    let (blocked, load) = (erlang_b(drivers, offered), offered / f64::from(drivers));
    blocked / (1.0 - load * (1.0 - blocked))
}

#[test]
fn the_formulas_give_the_values_of_tables() {
    assert!((erlang_b(5, 4.0) - 0.199_067).abs() < 1e-6);
    assert!((erlang_c(5, 4.0) - 0.554_113).abs() < 1e-6);
}

#[test]
fn riders_turned_away_are_erlang_b_whatever_the_law_of_rides() {
    for ride in ["exponential 60s", "constant 60s", "lognormal 36.391840s 1"] {
        let mut market = textbook();
        market.ride = Some(law(ride));
        let runs = runs(&market, 8);
        let lost = figure(&runs, |outcome| {
            let lost = |trip: &&Trip| matches!(trip.state, TripState::Unserved { .. });
            let all = requested(outcome);
            all.iter().copied().filter(lost).count() as f64 / all.len() as f64
        });
        lost.holds(ride, erlang_b(5, 4.0), 0.08);
    }
}

/// A round that leaves riders waiting rings again after a second: a driver who becomes free while somebody
/// waits is not sent before. Theory is taken without that second, and with all of it as part of the ride.
#[test]
fn riders_who_wait_are_erlang_c() {
    let (drivers, ride_s, per_hour, again_s) = (5, 60.0, 210.0, 1.0);
    let mut market = textbook();
    market.dispatch.queue = Queue::Wait;
    market.rides_per_hour = per_hour;
    let runs = runs(&market, 8);
    let wait_s = |trip: &&Trip| {
        let taken_at = trip.stamps.accepted_at.unwrap_or(trip.since);
        taken_at.since(trip.requested_at).as_secs_f64()
    };
    // Nobody waits for less than the second.
    let waited = figure(&runs, |outcome| {
        let all = requested(outcome);
        all.iter().filter(|trip| wait_s(trip) > again_s / 2.0).count() as f64 / all.len() as f64
    });
    let waits_s = figure(&runs, |outcome| mean(requested(outcome).iter().map(wait_s)));
    let theory = |ride_s: f64| {
        let offered = per_hour / 3_600.0 * ride_s;
        let waits = erlang_c(drivers, offered);
        (waits, waits * ride_s / (f64::from(drivers) - offered))
    };
    let ((least, least_s), (most, most_s)) = (theory(ride_s), theory(ride_s + again_s));
    waited.lies_in("who waits", least, most, 0.08);
    waits_s.lies_in("the mean wait", least_s, most_s + again_s, 0.15);
    let nobody_left = |trip: &&Trip| !matches!(trip.state, TripState::Unserved { .. });
    assert!(runs.iter().all(|run| requested(run).iter().all(nobody_left)));
    assert!(market.patience > Duration::from_secs_f64(50.0 * most_s));
}
