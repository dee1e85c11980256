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

/// When each of these riders would be picked up by drivers without distances, first come first served, by the
/// recursion of Kiefer and Wolfowitz: the waits of all, given when they come and how long their rides take.
fn first_come_waits_s(drivers: usize, riders: &[(f64, f64)]) -> Vec<f64> {
    let mut free_at_s: Vec<f64> = vec![0.0; drivers];
    let next = riders.iter().map(|(came_at_s, ride_s)| {
        let first = free_at_s.iter_mut().min_by(|a, b| a.total_cmp(b));
        let first = first.expect("there are drivers");
        let wait_s = f64::max(*first - came_at_s, 0.0);
        *first = came_at_s + wait_s + ride_s;
        wait_s
    });
    next.collect()
}

/// A round that leaves riders waiting rings again after a second: a driver who becomes free while somebody
/// waits is not sent before. Theory is taken without that second, and with all of it as part of the ride.
#[test]
fn riders_who_wait_are_erlang_c() {
    let (drivers, ride_s, per_hour, again_s) = (5, 30.0, 360.0, 1.0);
    let mut market = textbook();
    market.dispatch.queue = Queue::Wait;
    market.rides_per_hour = per_hour;
    market.ride = Some(law("exponential 30s"));
    market.span = Duration::from_secs(3 * 3_600);
    let runs = runs(&market, 16);
    let wait_s = |trip: &&Trip| {
        // Who waits when the store is read counts with the least that anybody waits.
        let taken_at = trip.stamps.accepted_at;
        taken_at.map_or(again_s, |at| at.since(trip.requested_at).as_secs_f64())
    };
    // Nobody waits for less than the second.
    let waited = figure(&runs, |outcome| {
        let all = requested(outcome);
        all.iter()
            .filter(|trip| wait_s(trip) > again_s / 2.0)
            .count() as f64
            / all.len() as f64
    });
    let waits_s = figure(&runs, |outcome| mean(requested(outcome).iter().map(wait_s)));
    let theory = |ride_s: f64| {
        let offered = per_hour / 3_600.0 * ride_s;
        let waits = erlang_c(drivers, offered);
        (waits, waits * ride_s / (f64::from(drivers) - offered))
    };
    let ((least, least_s), (most, most_s)) = (theory(ride_s), theory(ride_s + again_s));
    waited.lies_in("who waits", least, most, 0.15);
    waits_s.lies_in("the mean wait", least_s, most_s + again_s, 0.4);

    // A round for each request, and one each second while anybody waits: rings do not multiply.
    for outcome in &runs {
        let (rounds, seconds) = (outcome.matching.rounds, outcome.counted.as_secs());
        let most = requested(outcome).len() as u64 + seconds;
        assert!(rounds <= most, "found {rounds} rounds, expected {most}");
    }

    // Means of waits vary from hour to hour. Given who came when and for how long, they do not.
    let longer_s = figure(&runs, |outcome| {
        let mut trips: Vec<&Trip> = outcome.left.trips.iter().collect();
        trips.retain(|trip| trip.stamps.dropped_off_at.is_some());
        trips.sort_by_key(|trip| trip.requested_at);
        let began_at = trips[0].requested_at;
        let came_and_rode = trips.iter().map(|trip| {
            let [from, until] = [trip.stamps.accepted_at, trip.stamps.dropped_off_at];
            let ride = until.expect("it ended").since(from.expect("it began"));
            (
                trip.requested_at.since(began_at).as_secs_f64(),
                ride.as_secs_f64(),
            )
        });
        let riders: Vec<(f64, f64)> = came_and_rode.collect();
        let exact = first_come_waits_s(drivers as usize, &riders);
        mean(
            trips
                .iter()
                .zip(exact)
                .map(|(trip, exact)| wait_s(trip) - exact),
        )
    });
    longer_s.lies_in("beyond the exact wait", 0.0, again_s, 0.2);
}
