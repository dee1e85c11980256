//! Match rounds that run at the same time.

use std::cell::Cell;

use domain::hold::HoldStage;
use domain::trip::TripState;
use domain::{DriverId, Round, TripId, VehicleClass};
use rushhour_tests::dispatch::Dispatch;
use rushhour_tests::dispatch::drivers::Behaviour;
use rushhour_tests::dispatch::east_of_corner;
use rushhour_tests::dispatch::executor::{explore, ready, task};
use rushhour_tests::dispatch::faults::Call;
use services::error::MessageError;
use services::matching::RoundReport;
use services::ports::RoundLease as _;

use crate::{FAR, NEAR, asked, offered, seconds, settle};

/// Two rounds of different windows, so that the lease keeps neither out.
async fn round(world: &Dispatch, number: i64) -> Result<RoundReport, MessageError> {
    let now = world.market.dispatch.round_at(world.now());
    world
        .matching
        .round(&world.market.region, Round(now.0 + number))
        .await
}

#[test]
fn one_lease_lets_one_round_run() {
    explore(3, |order| {
        let (world, _) = asked();
        let (mut first, mut second) = (None, None);
        let tasks = vec![
            task(&mut first, round(&world, 0)),
            task(&mut second, round(&world, 0)),
        ];
        world.take_turns(order, tasks);
        let ran = [first, second].map(|report| report.unwrap().unwrap().ran);
        assert!(ran[0] ^ ran[1], "{ran:?}");
        assert_eq!(world.offer_to(NEAR).map(|key| key.driver), Some(NEAR));
        world.assert_sound();
    });
}

/// One trip, one driver, two rounds: both choose the same, and the driver is asked once.
#[test]
fn two_rounds_choose_the_same_driver_for_the_same_trip() {
    let both_offered = Cell::new(0);
    let orders = explore(2, |order| {
        let (world, trip) = asked();
        let (mut first, mut second) = (None, None);
        let tasks = vec![
            task(&mut first, round(&world, 0)),
            task(&mut second, round(&world, 1)),
        ];
        world.take_turns(order, tasks);
        let offered = [first, second].map(|report| report.unwrap().unwrap().offered);
        assert!(offered.iter().sum::<usize>() <= 1, "{offered:?}");
        both_offered.set(both_offered.get() + offered.iter().sum::<usize>());
        let trip = world.trip(trip);
        let hold = world.cloud.holds.all();
        assert_eq!(trip.state, TripState::Offered);
        assert_eq!(hold.len(), 1, "the loser leaves the winner's hold alone");
        assert_eq!(hold[0].key, trip.hold_key().unwrap());
        assert_eq!(hold[0].stage, HoldStage::Offered);
        assert!(matches!(
            world.answer(hold[0].key, true),
            Some(services::track::AnswerOutcome::Accepted(_))
        ));
        world.assert_sound();
    });
    assert!(orders > 100, "{orders}");
    assert_eq!(
        both_offered.get(),
        orders,
        "in every order one of them offers"
    );
}

/// Two trips and one driver: each round sees both trips, one gets the driver, and the other waits.
#[test]
fn two_rounds_after_one_driver() {
    explore(2, |order| {
        let (world, first_trip) = asked();
        let second_trip = world.request(2);
        let (mut first, mut second) = (None, None);
        let tasks = vec![
            task(&mut first, round(&world, 0)),
            task(&mut second, round(&world, 1)),
        ];
        world.take_turns(order, tasks);
        let states = [first_trip, second_trip].map(|trip| world.trip(trip).state);
        let offered = states
            .iter()
            .filter(|state| **state == TripState::Offered)
            .count();
        assert_eq!(offered, 1, "{states:?}");
        assert_eq!(world.cloud.holds.all().len(), 1);
        world.assert_sound();
    });
}

/// Two trips, two drivers, two rounds: whatever the order, no driver is asked for two rides.
#[test]
fn two_rounds_over_one_market_end_well() {
    explore(1, |order| {
        let (world, first_trip) = asked();
        world.driver(DriverId(2), east_of_corner(200.0), Behaviour::ByHand);
        let second_trip = world.request(2);
        let (mut first, mut second) = (None, None);
        let tasks = vec![
            task(&mut first, round(&world, 0)),
            task(&mut second, round(&world, 1)),
        ];
        world.take_turns(order, tasks);
        world.assert_sound();
        settle(&world);
        for trip in [first_trip, second_trip] {
            assert_eq!(world.trip(trip).state, TripState::Completed);
        }
    });
}

/// The round of now runs, or has run, and sees nothing of what is written slowly from now on.
fn slow_write_after_a_round(world: &Dispatch, call: Call) {
    let (region, now) = (&world.market.region, world.now());
    let round = world.market.dispatch.round_at(now);
    let trips = &world.cloud.trips;
    let taken = ready(trips.take(region, round, now, now + seconds(1)));
    assert!(taken.expect("a store without faults"));
    ready(trips.finish(region, round)).expect("a store without faults");
    let clock = world.clock.clone();
    world
        .faults
        .meanwhile(call, move || clock.advance(seconds(3)));
}

/// The next round offers it, not the one after the next sweep.
#[track_caller]
fn offered_to_the_far_driver_without_a_sweep(world: &Dispatch, trip: TripId) {
    world.sweeps(false);
    world.advance(seconds(2));
    let key = world.trip(trip).hold_key();
    assert_eq!(key.map(|key| key.driver), Some(FAR));
    world.sweeps(true);
    settle(world);
}

#[test]
fn a_request_written_slowly_rings_for_a_round_that_has_not_run() {
    let world = Dispatch::default();
    world.driver(FAR, east_of_corner(200.0), Behaviour::ByHand);
    world.advance(seconds(5));
    slow_write_after_a_round(&world, Call::CreateTrip);
    let trip = world.request(1);
    offered_to_the_far_driver_without_a_sweep(&world, trip);
}

#[test]
fn a_decline_written_slowly_rings_for_a_round_that_has_not_run() {
    let (world, key) = offered();
    world.driver(FAR, east_of_corner(200.0), Behaviour::ByHand);
    world.answer(key, false).expect("an answer in time");
    let events = world.take_events();
    slow_write_after_a_round(&world, Call::TransitionTrip);
    for event in &events {
        ready(world.progress.apply(event)).unwrap();
    }
    offered_to_the_far_driver_without_a_sweep(&world, key.trip);
}

#[test]
fn a_slow_sweep_rings_for_a_round_that_has_not_run() {
    let (world, key) = offered();
    world.driver(FAR, east_of_corner(200.0), Behaviour::ByHand);
    world.sweeps(false);
    world.answer(key, false).expect("an answer in time");
    // The decline is lost on its way, and the sweep finds it.
    drop(world.take_events());
    world.clock.advance(seconds(120));
    slow_write_after_a_round(&world, Call::TransitionTrip);
    let report = ready(world.sweep.sweep(&world.market.region)).unwrap();
    assert!(report.rang, "{report:?}");
    offered_to_the_far_driver_without_a_sweep(&world, key.trip);
}

#[test]
fn a_round_that_loses_a_driver_tries_the_next() {
    let (world, trip) = asked();
    world.driver(DriverId(2), east_of_corner(200.0), Behaviour::ByHand);
    // Another matcher has kept the near driver durably, and this tracker does not know it.
    let (other, _) = world.another_tracker();
    other.go_online(NEAR, east_of_corner(100.0), VehicleClass::default());
    let foreign = domain::hold::HoldKey {
        trip: domain::TripId(77),
        attempt: domain::Attempt(1),
        driver: NEAR,
    };
    let offer = domain::hold::Offer {
        rider: domain::RiderId(9),
        pickup: east_of_corner(0.0),
        dropoff: east_of_corner(10.0),
        driver_pay: domain::Money::ZERO,
        pickup_distance_m: 1.0,
    };
    ready(other.reserve(foreign, world.now() + seconds(60), &offer)).unwrap();
    let report = ready(world.round()).unwrap();
    assert_eq!((report.reserve_conflicts, report.offered), (1, 1));
    assert_eq!(world.trip(trip).hold_key().unwrap().driver, DriverId(2));
    ready(other.release(foreign)).unwrap();
    settle(&world);
}
