//! The nearest of a field of drivers: of a Poisson field of density ρ the k-th nearest is
//! Γ(k + ½) / (Γ(k) √(πρ)) away on average, the nearest 1 / (2√ρ). Of exactly n drivers strewn on a torus of
//! side L (whose edges no disc that matters reaches) π r² / L² of the k-th is beta-distributed with k and
//! n + 1 - k, so that ρ = n / L² is corrected by √n Γ(n + 1) / Γ(n + 3/2), about 1 - 3 / (8n).

use std::time::Duration;

use domain::{DriverId, Place, Space, Timestamp};
use fleet::{FleetPolicy, Nearby, SharedFleet};
use kernel::{Stream, Streams};

use crate::{Estimate, figure, law, mean, runs, textbook};

const SIDE_M: f64 = 10_000.0;

/// Γ(k + ½) / Γ(k).
fn gammas(k: u32) -> f64 {
    (1..k).fold(std::f64::consts::PI.sqrt() / 2.0, |ratio, k| {
        ratio * (f64::from(k) + 0.5) / f64::from(k)
    })
}

/// How far the `k`-th nearest of `n` drivers is on average.
fn nearest_m(k: u32, n: u32) -> f64 {
    SIDE_M / std::f64::consts::PI.sqrt() * gammas(k) / gammas(n + 1)
}

fn anywhere(stream: &mut Stream) -> Place {
    let mut along = || stream.uniform_in(0.0, SIDE_M);
    Place::from_metres(along(), along())
}

#[test]
fn the_formula_is_that_of_a_poisson_field_but_for_the_last_driver() {
    for n in [50, 500] {
        let root = (f64::from(n) / SIDE_M.powi(2)).sqrt();
        let corrected = (1.0 - 3.0 / (8.0 * f64::from(n))) / (2.0 * root);
        assert!((nearest_m(1, n) / corrected - 1.0).abs() < 1e-3);
    }
    assert!((gammas(10) / 10_f64.sqrt() - (1.0 - 1.0 / 80.0)).abs() < 1e-3);
}

#[test]
fn the_nearest_candidates_of_the_fleet_are_as_far_as_in_a_poisson_field() {
    let (n, asked, ranks) = (500, 10, [1, 2, 3, 5, 10, 20]);
    let square = Space::Torus {
        width_m: SIDE_M,
        height_m: SIDE_M,
    };
    // Of each field a mean over some places; fields are independent.
    let mut means = vec![Vec::new(); ranks.len()];
    for field in 0..64 {
        let mut stream = Streams::new(7).stream("field", field);
        let fleet = SharedFleet::new(square, FleetPolicy::default());
        for driver in 0..n {
            let place = anywhere(&mut stream);
            fleet
                .lock()
                .go_online(DriverId(driver), place, Timestamp::ZERO);
        }
        let mut sums = vec![0.0; ranks.len()];
        for _ in 0..asked {
            let found = fleet.nearest(Nearby::any(anywhere(&mut stream), 20));
            for (sum, rank) in sums.iter_mut().zip(ranks) {
                *sum += found[rank - 1].distance_m;
            }
        }
        for (means, sum) in means.iter_mut().zip(sums) {
            means.push(sum / f64::from(asked));
        }
    }
    for (rank, means) in ranks.into_iter().zip(&means) {
        let k = u32::try_from(rank).expect("a small number");
        let expected = nearest_m(k, u32::try_from(n).expect("a small number"));
        Estimate::of(means).holds(&format!("neighbour {k}"), expected, 0.05);
    }
}

/// Requests of one minute, while nearly all drivers are where they began. Each pick leaves a hole where its
/// rider was, which makes a later one longer: by half a percent on average over the first ten of 200.
#[test]
fn at_low_load_the_nearest_driver_is_sent() {
    let drivers = 200;
    let mut fresh = textbook();
    fresh.side_m = SIDE_M;
    fresh.speed_kmh = 36.0;
    fresh.drivers = drivers;
    fresh.ride = Some(law("10m"));
    fresh.rides_per_hour = 480.0;
    (fresh.span, fresh.warmup) = (Duration::from_secs(60), Duration::ZERO);
    let runs = runs(&fresh, 64);
    let ratio = figure(&runs, |outcome| {
        let mut trips: Vec<_> = outcome.left.trips.iter().collect();
        trips.sort_by_key(|trip| trip.requested_at);
        let left = (1..=drivers).rev();
        mean(trips.iter().zip(left).map(|(trip, left)| {
            let seen = outcome.recorded.seen.get(trip.id);
            let way_m = seen.and_then(|seen| seen.pickup_distance_m);
            way_m.expect("everybody is served") / nearest_m(1, left)
        }))
    });
    ratio.lies_in("nearest over theory", 1.0, 1.01, 0.06);
}

/// How long the nearest of `n` becomes, over that of a Poisson field, when each pick takes the nearest away
/// and puts a driver somewhere else: the pattern that is left is hollow where riders come. Not the twin's
/// code: a list of places that is searched from end to end.
pub(crate) fn hollowed(n: u32, side_m: f64) -> f64 {
    let mut stream = Streams::new(11).stream("hollow", u64::from(n));
    let mut drivers: Vec<(f64, f64)> = Vec::new();
    let mut place = || {
        let mut along = || stream.uniform_in(0.0, side_m);
        (along(), along())
    };
    drivers.extend((0..n).map(|_| place()));
    let away = |a: f64, b: f64| {
        let off = (a - b).abs();
        off.min(side_m - off)
    };
    let (warmup, picks) = (10 * n, 100_000);
    let mut sum_m = 0.0;
    for pick in 0..warmup + picks {
        let rider = place();
        let far_m = |driver: &(f64, f64)| away(driver.0, rider.0).hypot(away(driver.1, rider.1));
        let ways = drivers.iter().map(far_m).enumerate();
        let (nearest, way_m) = ways.min_by(|a, b| a.1.total_cmp(&b.1)).expect("drivers");
        if pick >= warmup {
            sum_m += way_m;
        }
        drivers[nearest] = place();
    }
    let poisson_m = side_m / (2.0 * f64::from(n).sqrt());
    sum_m / f64::from(picks) / poisson_m
}

/// Kept up, low load is not a Poisson field: a driver who is far from the others serves a large area, is
/// taken sooner, and is put down anywhere. The twin's ways lengthen exactly as those of that process.
#[test]
fn a_field_that_is_picked_from_becomes_hollow() {
    let drivers = 40;
    let mut lasting = textbook();
    lasting.side_m = SIDE_M;
    // So fast that next to nobody is on the way: one of 250 at a time.
    lasting.speed_kmh = 900.0;
    lasting.drivers = drivers;
    lasting.ride = Some(law("1s"));
    lasting.rides_per_hour = 120.0;
    (lasting.span, lasting.warmup) = (Duration::from_secs(5 * 3_600), Duration::from_secs(3_600));
    let runs = runs(&lasting, 32);
    let poisson_m = SIDE_M / (2.0 * f64::from(drivers).sqrt());
    let ratio = figure(&runs, |outcome| crate::pickup_m(outcome) / poisson_m);
    let expected = hollowed(drivers, SIDE_M);
    assert!(expected > 1.1, "found {expected}, expected a clear effect");
    ratio.holds("ways over those of a Poisson field", expected, 0.03);
}
