//! A seed replays a run of the twin to the byte, and agents do not disturb each other.

use std::collections::BTreeMap;
use std::time::Duration;

use cloud::profile::Profile;
use domain::{Place, RiderId, TripId};
use rushhour_twin as twin;
use services::config::{Assignment, DispatchPolicy, Queue};
use twin::sizes::Sizes;
use twin::textbook::{Outcome, Textbook, at_once};

/// The whole of it: every model of the cloud, duplicates and messages out of order, surge, drivers who take
/// their time.
fn city() -> Textbook {
    let mut profile = Profile::aws_us_east_1();
    profile.queue.duplicate_probability = 0.05;
    profile.queue.reorder_probability = 0.05;
    Textbook {
        seed: 7,
        side_m: 6_000.0,
        speed_kmh: 30.0,
        drivers: 60,
        rides_per_hour: 500.0,
        ride: None,
        patience: Duration::from_secs(180),
        reaction: "lognormal 5s 0.8".parse().expect("a law"),
        dispatch: DispatchPolicy {
            assignment: Assignment::Batched {
                unserved_penalty: None,
            },
            window: Duration::from_secs(2),
            radius_m: Some(3_000.0),
            candidates: 10,
            offer_timeout: Duration::from_secs(15),
            queue: Queue::Wait,
        },
        surge: true,
        span: Duration::from_secs(1_800),
        warmup: Duration::from_secs(300),
        profile,
        sizes: Sizes::hybrid(),
    }
}

/// Trips, holds, counters, accounts, and every latency. Each digit of a float is shown, so that equal texts
/// are equal bits.
fn told(outcome: &Outcome) -> String {
    format!("{outcome:?}")
}

#[test]
fn the_same_seed_gives_the_same_bytes_and_another_does_not() {
    let (first, second) = (city().run(), city().run());
    let trips = first.left.trips.len();
    assert!((150..400).contains(&trips), "found {trips} trips");
    let queue = &first.left.counted.queues["trip-events"];
    assert!(queue.received > queue.sent, "nothing was delivered twice");
    // Not assert_eq, which would print both.
    assert!(told(&first) == told(&second), "a second run differs");
    let mut other = city();
    other.seed = 8;
    let other = other.run();
    assert!(format!("{:?}", first.left.trips) != format!("{:?}", other.left.trips));
    assert!(format!("{:?}", first.recorded.accounts) != format!("{:?}", other.recorded.accounts));
}

#[test]
fn one_driver_more_changes_no_riders() {
    let riders = |drivers: u32| -> BTreeMap<TripId, (RiderId, Place, Place, i64)> {
        let mut city = city();
        city.drivers = drivers;
        city.profile = at_once();
        let trips = city.run().left.trips;
        let of = |trip: &domain::trip::Trip| {
            // Answers take less than a tenth of a second, and not the same where more is going on.
            let tenths = trip.requested_at.as_micros().div_euclid(100_000);
            (trip.rider, trip.pickup, trip.dropoff, tenths)
        };
        trips.iter().map(|trip| (trip.id, of(trip))).collect()
    };
    let (few, more) = (riders(60), riders(61));
    assert!(few.len() > 150, "found {} trips", few.len());
    let same = few
        .iter()
        .filter(|(trip, rider)| more.get(trip) == Some(rider));
    // A tenth may end in between.
    assert!(same.count() as f64 > 0.95 * few.len() as f64);
    let whom = |riders: &BTreeMap<_, (RiderId, Place, Place, i64)>| {
        let mut all: Vec<_> = riders
            .values()
            .map(|(rider, from, to, _)| (*rider, *from, *to))
            .collect();
        all.sort_by_key(|(rider, ..)| *rider);
        all
    };
    assert_eq!(whom(&few), whom(&more));
}
