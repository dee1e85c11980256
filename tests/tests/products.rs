//! What riders choose: quotes at its fares, drivers who may serve it and no others, whatever becomes of the market.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests, in which a panic is the message"
)]

use std::time::Duration;

use domain::fare::Tariff;
use domain::trip::{Trip, TripState, UnservedReason};
use domain::{DriverId, ProductName, RiderId, TripId, VehicleClass};
use rushhour_tests::dispatch::drivers::Behaviour;
use rushhour_tests::dispatch::executor::ready;
use rushhour_tests::dispatch::{Dispatch, PATIENCE, corner, east_of_corner, market};
use services::config::Market;
use services::error::RideError;
use services::products::{Product, Products, ProductsError};
use services::quote::SignedQuote;

/// Longer than any ride of these takes.
const HOUR: Duration = Duration::from_secs(3_600);

fn class(number: u32) -> VehicleClass {
    VehicleClass::new(number).unwrap()
}

fn product(name: &str, classes: &[u32], fare_hundredths: u32) -> Product {
    Product {
        name: ProductName::new(name).unwrap(),
        classes: classes.iter().copied().map(class).collect(),
        tariff: Tariff::default_usd().scaled(fare_hundredths).unwrap(),
    }
}

/// Large cars serve both, small ones the usual product alone.
fn choosing() -> Market {
    let products = vec![product("standard", &[0, 1], 100), product("xl", &[1], 150)];
    Market {
        products: Products::new(products).unwrap(),
        ..market()
    }
}

fn quote(world: &Dispatch, rider: u64, wish: Option<&str>) -> Result<SignedQuote, RideError> {
    let to = east_of_corner(3_000.0);
    ready(world.quoting.quote(RiderId(rider), corner(), to, wish))
}

fn request(world: &Dispatch, rider: u64, wish: &str) -> TripId {
    let quote = quote(world, rider, Some(wish)).unwrap();
    world.send(&world.asking(&quote, "k")).unwrap().id
}

fn driver(world: &Dispatch, id: u64, metres: f64, number: u32) {
    world.driver(DriverId(id), east_of_corner(metres), Behaviour::Takes);
    world.drives(DriverId(id), class(number));
}

fn driver_of(trip: &Trip) -> Option<u64> {
    trip.driver().map(|driver| driver.0)
}

#[test]
fn a_quote_is_of_the_product_that_was_asked_for() {
    let world = Dispatch::new(choosing());
    let usual = quote(&world, 1, None).unwrap().quote;
    let named = quote(&world, 1, Some("standard")).unwrap().quote;
    assert_eq!(usual, named);
    let xl = quote(&world, 1, Some("xl")).unwrap().quote;
    assert_eq!(
        xl.product.map(|name| name.to_string()).as_deref(),
        Some("xl")
    );
    let times = xl.fare.ride.minor() as f64 / usual.fare.ride.minor() as f64;
    assert!((times - 1.5).abs() < 0.01, "{times}");
    assert!(xl.fare.driver_pay > usual.fare.driver_pay);
    assert_eq!(xl.fare.booking_fee, usual.fare.booking_fee);

    let error = quote(&world, 1, Some("XXL")).unwrap_err();
    assert_eq!(error.status_and_code(), (422, "unknown_product"));
    let message = error.to_string();
    assert!(
        message.contains("\"XXL\"") && message.contains("standard or xl"),
        "{message}"
    );
    let error = quote(&Dispatch::default(), 1, Some("xl")).unwrap_err();
    assert_eq!(error.status_and_code(), (422, "unknown_product"));
    assert_eq!(
        quote(&Dispatch::default(), 1, None).unwrap().quote.product,
        None
    );
}

#[test]
fn the_wait_that_is_promised_is_for_those_who_may_serve() {
    let world = Dispatch::new(choosing());
    let wait = |wish| {
        let promised = quote(&world, 1, Some(wish)).unwrap().pickup_eta;
        promised.map(|wait| wait.as_secs_f64())
    };
    for id in 1..=3 {
        driver(&world, id, 0.0, 0);
    }
    world.advance(world.market.snapshot_every + Duration::from_secs(1));
    assert!(wait("standard").is_some());
    assert_eq!(wait("xl"), None, "no large car is near");
    driver(&world, 4, 0.0, 1);
    world.advance(world.market.snapshot_every + Duration::from_secs(1));
    let times = wait("xl").unwrap() / wait("standard").unwrap();
    assert!(
        (times - 2.0).abs() < 1e-6,
        "one of four is twice as far: {times}"
    );
}

#[test]
fn only_vehicles_that_serve_a_product_are_sent() {
    let world = Dispatch::new(choosing());
    driver(&world, 1, 100.0, 0);
    world.advance(Duration::from_secs(1));
    let large = request(&world, 7, "xl");
    world.advance(Duration::from_secs(4));
    let trip = world.trip(large);
    assert_eq!(
        (trip.state, trip.tries.len()),
        (TripState::Requested, 0),
        "a small car is near"
    );

    driver(&world, 2, 2_000.0, 1);
    world.advance(Duration::from_secs(4));
    assert_eq!(driver_of(&world.trip(large)), Some(2));
    let small = request(&world, 8, "standard");
    world.advance(Duration::from_secs(4));
    assert_eq!(driver_of(&world.trip(small)), Some(1));
    world.settle(HOUR);
}

#[test]
fn a_round_leaves_large_cars_to_those_who_need_them() {
    let world = Dispatch::new(choosing());
    // The large car is the nearer one for both, and the only one for one of them.
    driver(&world, 1, 900.0, 0);
    driver(&world, 2, 100.0, 1);
    world.advance(Duration::from_secs(1));
    let small = request(&world, 7, "standard");
    let large = request(&world, 8, "xl");
    world.advance(Duration::from_secs(4));
    assert_eq!(driver_of(&world.trip(small)), Some(1));
    assert_eq!(driver_of(&world.trip(large)), Some(2));
    world.settle(HOUR);
}

/// A quote of a market that was deployed anew since, without its product: nobody is sent a car that was not chosen.
#[test]
fn what_the_market_has_no_more_finds_nobody() {
    let world = Dispatch::new(choosing());
    driver(&world, 1, 100.0, 0);
    driver(&world, 2, 100.0, 1);
    let mut quote = quote(&world, 7, Some("xl")).unwrap();
    quote.quote.product = Some(ProductName::new("gone").unwrap());
    quote.token = world.keyring.sign(&quote.quote);
    let trip = world.send(&world.asking(&quote, "k")).unwrap();
    assert_eq!(trip.product, quote.quote.product);
    world.advance(PATIENCE + Duration::from_secs(120));
    let because = UnservedReason::NeverOffered;
    assert_eq!(world.trip(trip.id).state, TripState::Unserved { because });
    world.settle(HOUR);
}

#[test]
fn products_that_cannot_be_are_refused() {
    let twice = vec![product("xl", &[1], 100), product("xl", &[0], 100)];
    let xl = ProductName::new("xl").unwrap();
    assert_eq!(Products::new(twice), Err(ProductsError::Twice(xl)));
    assert_eq!(
        Products::new(vec![product("xl", &[], 100)]),
        Err(ProductsError::Unserved(xl))
    );
}
