//! The wild goose chase. Where the nearest driver is sent however far, scarce drivers spend their time on the
//! way, which makes them scarcer: past a point more demand means fewer rides.
//!
//! With n of N drivers idle on a square of side L the nearest is T(n) = h L / (2v√n) away, where h is 1 of a
//! Poisson field, and a little more where each pick takes the nearest away ([`hollowed`]). Every driver is on
//! a ride of mean τ, on the way, or idle: N = λ (τ + T(n)) + n. The most rides are the largest λ over n. At the
//! other end, when everybody free is sent at once to whoever is first in line, the way is that between two
//! places anywhere, and λ = N / (τ + 0.3826 L / v), 0.3826 = (√2 + ln(1 + √2)) / 6.

use std::time::Duration;

use domain::trip::{Trip, TripState};
use rushhour_twin::textbook::{Outcome, Textbook};
use services::config::Queue;

use crate::nearest::hollowed;
use crate::{Estimate, figure, law, per_hour, pickup_m, requested, runs, textbook};

const SIDE_M: f64 = 6_000.0;
/// Of the side of a torus, the mean way between two places anywhere.
const ANYWHERE: f64 = 0.382_598;

fn city(drivers: u32, speed_kmh: f64, ride: &str, rides_per_hour: f64) -> Textbook {
    let mut city = textbook();
    city.side_m = SIDE_M;
    (city.speed_kmh, city.drivers) = (speed_kmh, drivers);
    (city.ride, city.rides_per_hour) = (Some(law(ride)), rides_per_hour);
    (city.span, city.warmup) = (Duration::from_secs(5_400), Duration::from_secs(1_800));
    city
}

/// The largest number of rides an hour over the number of idle drivers.
fn peak(drivers: u32, ride_s: f64, cross_s: f64, longer: impl Fn(u32) -> f64) -> f64 {
    let rides = |idle: u32| {
        let way_s = longer(idle) * cross_s / (2.0 * f64::from(idle).sqrt());
        3_600.0 * f64::from(drivers - idle) / (ride_s + way_s)
    };
    (1..drivers).map(rides).fold(0.0, f64::max)
}

#[test]
fn the_mean_way_between_two_places_is_what_it_is() {
    let root = 2_f64.sqrt();
    assert!(((root + (1.0 + root).ln()) / 6.0 - ANYWHERE).abs() < 1e-6);
}

#[test]
fn without_a_radius_rides_fall_past_a_peak_and_with_one_they_rise() {
    let with = |radius_m: Option<f64>, demand: f64| {
        let mut city = city(100, 36.0, "2m", demand);
        city.dispatch.radius_m = radius_m;
        runs(&city, 4)
    };
    // The same riders, and more of them, with each seed.
    let more = |many: &[Outcome], few: &[Outcome]| {
        let pairs = many.iter().zip(few);
        let gains = pairs.map(|(many, few)| per_hour(many) - per_hour(few));
        Estimate::of(&gains.collect::<Vec<_>>())
    };
    let (below, past, far_past) = (
        with(None, 1_300.0),
        with(None, 1_700.0),
        with(None, 4_500.0),
    );
    more(&below, &far_past).is_above("rides lost past the peak", 50.0);
    more(&past, &far_past).is_above("rides lost with still more demand", 50.0);
    let (few, many) = (with(Some(1_000.0), 1_300.0), with(Some(1_000.0), 4_500.0));
    more(&many, &few).is_above("rides gained within a radius", 300.0);
    more(&many, &below).is_above("rides within a radius, above all without", 300.0);

    // Below the peak everybody is served; past it nobody serves as many as the mean field has at its best.
    let (ride_s, cross_s) = (120.0, 600.0);
    let of_poisson = peak(100, ride_s, cross_s, |_| 1.0);
    // Next to the peak, which is at 18 idle drivers.
    let longer = hollowed(18, SIDE_M);
    let of_hollow = peak(100, ride_s, cross_s, |_| longer);
    assert!(
        (1_540.0..1_560.0).contains(&of_poisson),
        "found {of_poisson}"
    );
    assert!((1_480.0..1_540.0).contains(&of_hollow), "found {of_hollow}");
    let all_served = figure(&below, |outcome| {
        let served = |trip: &&Trip| !matches!(trip.state, TripState::Unserved { .. });
        let all = requested(outcome);
        all.iter().copied().filter(served).count() as f64 / all.len() as f64
    });
    all_served.lies_in("who is served below the peak", 0.99, 1.0, 0.01);
    figure(&below, |outcome| requested(outcome).len() as f64).lies_in(
        "demand below the peak",
        0.84 * of_hollow,
        0.9 * of_hollow,
        0.1,
    );
    let limit = 3_600.0 * 100.0 / (ride_s + ANYWHERE * cross_s);
    figure(&past, per_hour).lies_in("past the peak", limit, 0.9 * of_hollow, 0.06);
    figure(&far_past, per_hour).lies_in("far past the peak", limit, 1.06 * limit, 0.04);
}

/// Two drivers who become free in the same second are both near whoever is first in line: ways are a percent
/// or two shorter than anywhere to anywhere, and a driver waits half a second for the round.
#[test]
fn a_line_of_riders_served_first_come_takes_drivers_all_over_town() {
    let (drivers, ride_s, cross_s) = (50, 240.0, 1_200.0);
    let mut city = city(drivers, 18.0, "4m", 400.0);
    city.dispatch.queue = Queue::Wait;
    city.dispatch.window = Duration::from_secs(1);
    city.patience = Duration::from_secs(90);
    let runs = runs(&city, 4);
    let limit = 3_600.0 * f64::from(drivers) / (ride_s + ANYWHERE * cross_s);
    figure(&runs, per_hour).lies_in("rides", 0.995 * limit, 1.02 * limit, 0.04);
    let way_m = ANYWHERE * SIDE_M;
    figure(&runs, pickup_m).lies_in("ways", 0.97 * way_m, way_m, 0.04);
}
