//! Quotes and surge through the whole system: what a rider is asked for follows the market.

use std::time::Duration;

use domain::surge::Multiplier;
use domain::trip::TripState;
use domain::{Cell, DriverId, Money, Nearby, Place, RiderId, Supply, VehicleClass, VehicleClasses};
use rushhour_tests::dispatch::drivers::{Behaviour, STEP};
use rushhour_tests::dispatch::executor::ready;
use rushhour_tests::dispatch::faults::{Call, Fault};
use rushhour_tests::dispatch::{Dispatch, corner, east_of_corner, market};
use services::config::ServiceArea;
use services::error::RideError;
use services::market::{SurgeUpdate, Updated};
use services::ports::{
    CellMarket, MarketReader as _, MarketSide, MarketSnapshot, MarketStore as _,
};
use services::track::{AnswerOutcome, Notice};

const RIDER: RiderId = RiderId(1);

#[test]
fn places_outside_and_ways_too_long_are_refused() {
    let mut market = market();
    market.service_area = Some(ServiceArea {
        south: 0.0,
        west: 0.0,
        north: 1.0,
        east: 8.0,
    });
    let world = Dispatch::new(market);
    let quote = |from, to| ready(world.quoting.quote(RIDER, from, to, None));
    let outside = Place::from_metres(-1.0, 5_000.0);
    let refused = [
        (outside, corner(), "pickup"),
        (corner(), outside, "dropoff"),
    ];
    for (from, to, expected) in refused {
        let error = quote(from, to).unwrap_err();
        assert!(
            matches!(error, RideError::OutsideServiceArea { which } if which == expected),
            "{error}"
        );
    }
    let far = Place::from_metres(306_000.0, 5_000.0);
    assert!(matches!(
        quote(corner(), far),
        Err(RideError::TooFar { .. })
    ));
    assert!(quote(corner(), east_of_corner(4_000.0)).is_ok());
    assert!(
        quote(corner(), corner()).is_ok(),
        "a way of nothing costs the minimum"
    );
}

#[test]
fn the_wait_that_is_quoted_follows_the_drivers_nearby() {
    let wait_among = |drivers: u64| {
        let world = Dispatch::default();
        for driver in 0..drivers {
            world.driver(DriverId(driver), corner(), Behaviour::Takes);
        }
        world.advance(Duration::from_secs(1));
        world.quote(RIDER).pickup_eta
    };
    assert_eq!(wait_among(0), None, "nothing is known");
    // One driver in seven cells of 0.74 km²: 1/(2√ρ) = 1,136 m, at 10 m/s.
    let one = wait_among(1).unwrap().as_secs_f64();
    assert!((one - 113.6).abs() < 0.1, "{one}");
    let four = wait_among(4).unwrap().as_secs_f64();
    assert!(
        (one / four - 2.0).abs() < 1e-6,
        "four times as many are half as far"
    );
}

fn cell(world: &Dispatch) -> Cell {
    Cell::of(corner(), world.market.resolution)
}

fn snapshot(world: &Dispatch, side: MarketSide) -> MarketSnapshot {
    MarketSnapshot {
        region: world.market.region.clone(),
        side,
        at: world.now(),
    }
}

/// A snapshot of the whole market: so many drivers at the corner, of them so many of each other class than the first.
fn supply(world: &Dispatch, all: u32, others: &[(VehicleClass, u32)]) -> MarketSnapshot {
    let cell = cell(world);
    let others = others.iter().copied();
    let others = others.map(|(class, count)| (class, [(cell, count)].into()));
    let supply = Supply::new([(cell, all)].into(), others.collect());
    snapshot(
        world,
        MarketSide::Supply(supply.expect("classes of drivers that there are")),
    )
}

/// The same of requests.
fn demand(world: &Dispatch, count: u32) -> MarketSnapshot {
    snapshot(world, MarketSide::Demand([(cell(world), count)].into()))
}

#[test]
fn surge_comes_goes_and_ignores_what_is_late() {
    let world = Dispatch::default();
    let update = |snapshot: &MarketSnapshot| ready(world.surge.update(snapshot)).unwrap();
    update(&supply(&world, 2, &[]));
    let calm = world.quote(RIDER);
    assert_eq!(calm.quote.fare.surge, Multiplier::NONE);
    let busy = demand(&world, 10);
    assert!(matches!(update(&busy), Updated::Cells(changed) if changed > 0));
    let surged = world.quote(RIDER);
    assert!(surged.quote.fare.surge > Multiplier::NONE);
    assert!(surged.quote.fare.ride > calm.quote.fare.ride);
    assert_eq!(surged.quote.fare.booking_fee, calm.quote.fare.booking_fee);
    assert!(surged.quote.fare.driver_pay > calm.quote.fare.driver_pay);
    assert_eq!(update(&busy), Updated::Stale, "told twice");

    let before = world.now();
    let mut quotes = Vec::new();
    for _ in 0..20 {
        world.clock.advance(Duration::from_secs(60));
        update(&demand(&world, 0));
        quotes.push(world.quote(RIDER).quote.fare.surge);
    }
    assert!(
        quotes.is_sorted_by(|earlier, later| earlier >= later),
        "{quotes:?}"
    );
    assert_eq!(quotes.last(), Some(&Multiplier::NONE));
    let late = MarketSnapshot {
        at: before + Duration::from_secs(30),
        ..busy
    };
    assert_eq!(update(&late), Updated::Stale);

    // The fare that was quoted is the fare, whatever surge is now.
    world.driver(DriverId(1), corner(), Behaviour::Takes);
    let dear = world.send(&world.asking(&surged, "k"));
    assert!(
        matches!(dear, Err(RideError::QuoteExpired { .. })),
        "but only while it is good"
    );
    world.settle(Duration::from_secs(1));
}

/// What cells say of a world's market, whatever happened to the telling: each as the state has it.
fn all_told(world: &Dispatch) {
    let region = &world.market.region;
    let state = ready(world.cloud.market.load(region)).expect("a store without faults");
    for (cell, word) in state.told.iter() {
        let found = ready(world.cloud.market.cell(region, *cell)).expect("a store without faults");
        assert_eq!(found, Some(*word), "{cell}");
    }
    for cell in state
        .untold
        .iter()
        .filter(|it| !state.told.contains_key(it))
    {
        let found = ready(world.cloud.market.cell(region, *cell)).expect("a store without faults");
        assert_eq!(found, Some(CellMarket::NOTHING), "{cell}");
    }
}

#[test]
fn a_price_that_could_not_be_told_is_told_when_the_message_comes_again_or_another_does() {
    // The message itself again, late; the other side of the market before it; a later one of its own side.
    for (other_side, again) in [(false, true), (true, true), (true, false), (false, false)] {
        let world = Dispatch::default();
        let update = |snapshot: &MarketSnapshot| ready(world.surge.update(snapshot));
        update(&supply(&world, 2, &[])).unwrap();
        let busy = demand(&world, 10);
        // One cell is told and the next is not, and then none.
        world.faults.next(Call::TellCell, Fault::AnswerLost);
        assert!(update(&busy).is_err());
        world.faults.next(Call::TellCell, Fault::Refused);
        assert!(update(&busy).is_err());
        assert_eq!(
            world.quote(RIDER).quote.fare.surge,
            Multiplier::NONE,
            "of the pick-up's cell pricing was not told"
        );
        world.clock.advance(Duration::from_secs(5));
        if other_side {
            update(&supply(&world, 2, &[])).unwrap();
        }
        if again {
            assert_eq!(update(&busy).unwrap(), Updated::Stale);
        } else {
            update(&demand(&world, 10)).unwrap();
        }
        assert!(world.quote(RIDER).quote.fare.surge > Multiplier::NONE);
        all_told(&world);
    }
}

#[test]
fn a_surge_that_ends_unheard_ends_all_the_same() {
    let world = Dispatch::default();
    let update = |snapshot: &MarketSnapshot| ready(world.surge.update(snapshot));
    update(&supply(&world, 2, &[])).unwrap();
    update(&demand(&world, 10)).unwrap();
    world.clock.advance(Duration::from_secs(5));
    world.faults.break_down(Call::TellCell);
    for _ in 0..20 {
        world.clock.advance(Duration::from_secs(60));
        let _ = update(&supply(&world, 0, &[]));
        let _ = update(&demand(&world, 0));
    }
    world.faults.mend(Call::TellCell);
    let last = demand(&world, 0);
    assert!(world.quote(RIDER).quote.fare.surge > Multiplier::NONE);
    assert_eq!(update(&last).unwrap(), Updated::Stale);
    assert_eq!(world.quote(RIDER).quote.fare.surge, Multiplier::NONE);
    all_told(&world);
    // And then nothing is left to do.
    let writes = world.cloud.market.counters().writes;
    assert_eq!(update(&last).unwrap(), Updated::Stale);
    assert_eq!(world.cloud.market.counters().writes, writes);
}

#[test]
fn those_who_write_in_turn_have_nothing_left_to_tell_in_the_end() {
    let world = Dispatch::default();
    let one = &world.surge;
    let other = SurgeUpdate::new(world.market.clone(), world.cloud.market.clone());
    let in_turn = |drivers: u32| {
        world.clock.advance(Duration::from_secs(60));
        let one = ready(one.update(&supply(&world, drivers, &[]))).unwrap();
        world.clock.advance(Duration::from_secs(60));
        [one, ready(other.update(&demand(&world, 10))).unwrap()]
    };
    for drivers in [2, 1, 3] {
        let cells = in_turn(drivers);
        assert!(!cells.contains(&Updated::Cells(0)), "{drivers}: {cells:?}");
        // Until the price has come to rest.
        for _ in 0..20 {
            in_turn(drivers);
        }
        assert_eq!(in_turn(drivers), [Updated::Cells(0); 2], "{drivers}");
        all_told(&world);
    }
}

#[test]
fn the_drivers_share_of_surge_is_quoted_offered_and_paid() {
    let world = Dispatch::default();
    let (near, far) = (DriverId(1), DriverId(2));
    world.driver(near, corner(), Behaviour::ByHand);
    world.driver(far, east_of_corner(500.0), Behaviour::Takes);
    let calm = world.quote(RIDER).quote.fare;
    ready(world.surge.update(&supply(&world, 1, &[]))).unwrap();
    ready(world.surge.update(&demand(&world, 10))).unwrap();
    let quote = world.quote(RIDER);
    let fare = quote.quote.fare;
    let surcharge = fare.ride - calm.ride;
    assert!(surcharge > Money::ZERO);
    assert_eq!(
        fare.driver_pay,
        calm.driver_pay + surcharge.scale_hundredths(75)
    );

    let trip = world.send(&world.asking(&quote, "k")).unwrap();
    world.advance(Duration::from_secs(2));
    let notices = world.inboxes.take(near);
    let Some(Notice::Offer { key, offer, .. }) = notices.last() else {
        panic!("found {notices:?}, expected an offer");
    };
    assert_eq!(offer.driver_pay, fare.driver_pay);
    let answered = world.answer(*key, false);
    assert_eq!(answered, Some(AnswerOutcome::Declined));
    world.advance(4 * STEP);
    let trip = world.trip(trip.id);
    assert_eq!(trip.state, TripState::Completed);
    assert_eq!(trip.charge.driver_pay, fare.driver_pay);
    assert_eq!(trip.charge.platform(), fare.ride - fare.driver_pay);
    world.settle(Duration::from_secs(1));
}

#[test]
fn cells_are_told_of_classes_that_come_and_go() {
    let world = Dispatch::default();
    let class = VehicleClass::new(3).unwrap();
    let told = |snapshot: &MarketSnapshot| {
        let updated = ready(world.surge.update(snapshot)).unwrap();
        world.clock.advance(Duration::from_secs(1));
        let cells = &world.cloud.market;
        let told = ready(cells.cell(&world.market.region, cell(&world)));
        (updated, told.unwrap().unwrap().nearby)
    };
    let all_around = Updated::Cells(7);
    assert_eq!(
        told(&supply(&world, 11, &[])),
        (all_around, Nearby::from(8))
    );
    // Five are told as four, and six of the first class as six.
    let (updated, both) = told(&supply(&world, 11, &[(class, 5)]));
    assert_eq!(updated, all_around);
    assert_eq!(both, Nearby::new(10, [(class, 4)]).unwrap());
    assert_eq!(both.of(VehicleClasses::from_iter([class])), 4);
    assert_eq!(
        told(&supply(&world, 10, &[(class, 4)])),
        (Updated::Cells(0), both),
        "about as many"
    );
    assert_eq!(
        told(&demand(&world, 0)),
        (Updated::Cells(0), both),
        "of requests nothing is told"
    );
    assert_eq!(
        told(&supply(&world, 5, &[(class, 5)])),
        (all_around, Nearby::new(4, [(class, 4)]).unwrap()),
        "none is left of the first class"
    );
    assert_eq!(
        told(&supply(&world, 11, &[])),
        (all_around, Nearby::from(8)),
        "as before there were two"
    );
}

#[test]
fn surge_minds_drivers_of_all_classes_alike() {
    let surged = |others: &[(VehicleClass, u32)]| {
        let world = Dispatch::default();
        ready(world.surge.update(&supply(&world, 4, others))).unwrap();
        ready(world.surge.update(&demand(&world, 10))).unwrap();
        world.quote(RIDER).quote.fare.surge
    };
    let of_one = surged(&[]);
    assert!(of_one > Multiplier::NONE);
    let class = |number| VehicleClass::new(number).unwrap();
    assert_eq!(surged(&[(class(1), 3), (class(9), 1)]), of_one);
}
