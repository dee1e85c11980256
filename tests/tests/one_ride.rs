//! One ride from quote to completed, without an executor, a clock or a network, held against every rule.

use std::time::Duration;

use domain::trip::{TripState, TryOutcome};
use domain::{Cell, DriverId, Nearby, RiderId};
use rushhour_tests::dispatch::drivers::{Behaviour, STEP};
use rushhour_tests::dispatch::executor::ready;
use rushhour_tests::dispatch::{BEGIN, Dispatch, corner, east_of_corner};
use services::ports::MarketReader;

#[test]
fn one_ride() {
    let world = Dispatch::default();
    let driver = DriverId(1);
    world.driver(driver, east_of_corner(500.0), Behaviour::Takes);
    world.advance(Duration::from_secs(5));

    let rider = RiderId(7);
    let quote = world.quote(rider);
    assert!(
        quote.pickup_eta.is_some(),
        "the driver was counted for pricing"
    );
    let trip = world.send(&world.asking(&quote, "one ride")).unwrap();
    assert_eq!(trip.state, TripState::Requested);
    let requested_at = world.now();

    world.advance(Duration::from_secs(2));
    let trip = world.trip(trip.id);
    assert_eq!(
        trip.state,
        TripState::Accepted,
        "a round comes at the end of the window"
    );
    assert_eq!(trip.driver(), Some(driver));
    assert_eq!(
        world.tracker().car(rider, trip.id).map(|(place, _)| place),
        Some(east_of_corner(500.0))
    );
    assert_eq!(
        world.tracker().car(RiderId(8), trip.id),
        None,
        "the car is the rider's own to follow"
    );

    world.advance(3 * STEP);
    let trip = world.trip(trip.id);
    assert_eq!(trip.state, TripState::Completed);
    assert_eq!(trip.tries.len(), 1);
    assert_eq!(trip.tries[0].outcome, TryOutcome::Accepted);
    let accepted_at = requested_at + Duration::from_secs(2);
    assert_eq!(trip.stamps.accepted_at, Some(accepted_at));
    assert_eq!(trip.stamps.dropped_off_at, Some(accepted_at + 3 * STEP));
    assert_eq!(trip.charge.rider_pays(), quote.quote.fare.total());
    assert_eq!(trip.charge.driver_pay, quote.quote.fare.driver_pay);
    // Created, offered, accepted, arrived, picked up, dropped off: six writes and no more.
    assert_eq!(trip.version, 6);

    world.settle(Duration::from_secs(1));
    assert_eq!(
        world.tracker().counts().available,
        1,
        "the driver is free again"
    );
    let cell = Cell::of(corner(), world.market.resolution);
    let told = ready(world.cloud.market.cell(&world.market.region, cell)).unwrap();
    assert!(
        told.is_some_and(|told| told.nearby == Nearby::from(1)),
        "supply was counted around the corner"
    );
    assert!(BEGIN < world.now());
}

#[test]
fn many_rides_and_few_drivers() {
    let world = Dispatch::default();
    for driver in 0..5 {
        let place = east_of_corner(-300.0 * driver as f64);
        world.driver(DriverId(driver), place, Behaviour::Takes);
    }
    for rider in 0..40 {
        let _ = world.request(rider);
        world.advance(Duration::from_millis(1_700));
    }
    world.settle(Duration::from_secs(3_600));
    let trips = world.cloud.trips.all();
    let served = trips
        .iter()
        .filter(|trip| trip.state == TripState::Completed)
        .count();
    assert_eq!(trips.len(), 40);
    // Five drivers take a ride each three minutes, and patience is five: two rides each, or three.
    assert!((8..=15).contains(&served), "{served}");
    let surged = trips.iter().any(|trip| trip.fare.surge.hundredths() > 100);
    assert!(surged, "forty riders to five drivers raise the price");
}
