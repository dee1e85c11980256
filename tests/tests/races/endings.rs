//! How trips end when no driver takes them, or the driver is lost; and what the sweep repairs.

use domain::hold::HoldStage;
use domain::trip::{CancelledBy, TripState, TryOutcome, UnservedReason};
use rushhour_tests::dispatch::drivers::Behaviour;
use rushhour_tests::dispatch::executor::ready;
use rushhour_tests::dispatch::post::Fate;
use rushhour_tests::dispatch::{Dispatch, PATIENCE, east_of_corner, market};
use services::config::Queue;
use services::track::AnswerOutcome;

use crate::{FAR, NEAR, offered, seconds, settle};

fn unserved(because: UnservedReason) -> TripState {
    TripState::Unserved { because }
}

#[test]
fn nobody_is_there() {
    let world = Dispatch::default();
    let trip = world.request(1);
    world.advance(PATIENCE);
    assert_eq!(world.trip(trip).state, TripState::Requested);
    world.advance(seconds(5));
    assert_eq!(
        world.trip(trip).state,
        unserved(UnservedReason::NeverOffered)
    );
    world.settle(seconds(1));
}

#[test]
fn nobody_is_in_reach() {
    let mut market = market();
    market.dispatch.radius_m = Some(1_000.0);
    let world = Dispatch::new(market);
    world.driver(FAR, east_of_corner(1_001.0), Behaviour::Takes);
    let trip = world.request(1);
    world.settle(seconds(600));
    assert_eq!(
        world.trip(trip).state,
        unserved(UnservedReason::NeverOffered)
    );
}

#[test]
fn whoever_is_in_reach_goes_to_another() {
    let (world, key) = offered();
    let second = world.request(2);
    assert!(matches!(
        world.answer(key, true),
        Some(AnswerOutcome::Accepted(_))
    ));
    world.advance(PATIENCE + seconds(5));
    assert!(world.trip(key.trip).state.is_assigned());
    assert_eq!(
        world.trip(second).state,
        unserved(UnservedReason::NeverOffered)
    );
    world.settle(world.market.sweep.under_way_max + seconds(3_600));
}

#[test]
fn everybody_lets_it_run_out() {
    let world = Dispatch::default();
    world.driver(NEAR, east_of_corner(100.0), Behaviour::Ignores);
    world.driver(FAR, east_of_corner(200.0), Behaviour::Ignores);
    let trip = world.request(1);
    world.settle(seconds(600));
    let trip = world.trip(trip);
    assert_eq!(trip.state, unserved(UnservedReason::PatienceOver));
    assert_eq!(trip.tries.len(), 2, "each is asked once");
    assert!(trip.tries.iter().all(|t| t.outcome == TryOutcome::Expired));
}

#[test]
fn as_many_as_are_ever_asked_decline() {
    let world = Dispatch::default();
    let drivers = domain::limits::ATTEMPTS_MAX as u64 + 3;
    for driver in 0..drivers {
        world.driver(
            domain::DriverId(driver),
            east_of_corner(driver as f64),
            Behaviour::Declines,
        );
    }
    let trip = world.request(1);
    world.settle(seconds(600));
    let trip = world.trip(trip);
    assert_eq!(trip.state, unserved(UnservedReason::AttemptsExhausted));
    assert_eq!(trip.tries.len(), domain::limits::ATTEMPTS_MAX);
}

#[test]
fn a_queue_that_loses() {
    let mut market = market();
    market.dispatch.queue = Queue::Lose;
    let world = Dispatch::new(market);
    world.driver(NEAR, east_of_corner(100.0), Behaviour::Takes);
    let (first, second) = (world.request(1), world.request(2));
    world.advance(seconds(3));
    assert!(world.trip(first).state.is_assigned());
    assert_eq!(
        world.trip(second).state,
        unserved(UnservedReason::NoneAvailableAtOnce)
    );
    settle(&world);
}

#[test]
fn a_driver_on_the_way_is_lost() {
    let (world, key) = offered();
    world.driver(FAR, east_of_corner(900.0), Behaviour::Takes);
    assert!(matches!(
        world.answer(key, true),
        Some(AnswerOutcome::Accepted(_))
    ));
    world.advance(seconds(1));
    world.behave(NEAR, Behaviour::Gone);
    world.advance(seconds(700));
    let trip = world.trip(key.trip);
    assert_eq!(trip.tries[0].outcome, TryOutcome::Lost);
    assert_eq!(trip.driver(), Some(FAR));
    // The lost driver comes back, and finds the ride gone.
    settle(&world);
    assert_eq!(world.trip(key.trip).state, TripState::Completed);
}

#[test]
fn a_driver_who_only_pings_is_given_up_in_the_end() {
    let (world, key) = offered();
    world.driver(FAR, east_of_corner(900.0), Behaviour::Takes);
    assert!(matches!(
        world.answer(key, true),
        Some(AnswerOutcome::Accepted(_))
    ));
    // Led by hand, the driver pings for ever and never arrives.
    world.settle(world.market.sweep.under_way_max + seconds(3_600));
    let trip = world.trip(key.trip);
    assert_eq!(trip.tries[0].outcome, TryOutcome::Lost);
    assert_eq!(
        (trip.driver(), trip.state),
        (Some(FAR), TripState::Completed)
    );
}

#[test]
fn a_driver_with_the_rider_in_the_car_is_lost() {
    let world = Dispatch::default();
    world.driver(NEAR, east_of_corner(100.0), Behaviour::Takes);
    let trip = world.request(1);
    world.advance(seconds(130));
    assert_eq!(world.trip(trip).state, TripState::PickedUp);
    world.behave(NEAR, Behaviour::Gone);
    world.settle(world.market.sweep.under_way_max + seconds(3_600));
    let by = CancelledBy::System;
    assert!(
        matches!(world.trip(trip).state, TripState::Cancelled { by: found, .. } if found == by)
    );
}

/// The sweep finds an offered trip whose hold is in each of its stages.
#[test]
fn the_sweep_repairs_an_offered_trip() {
    // Gone: the tracker comes back only after the deadline, and nothing tells it of the hold.
    let (world, key) = offered();
    world.kill_tracker();
    world.clock.advance(seconds(16));
    world.start_tracker();
    assert_eq!(world.tracker().counts().offered, 0);
    world.advance(seconds(65));
    assert_eq!(world.trip(key.trip).tries[0].outcome, TryOutcome::Expired);
    settle(&world);

    // Accepted, and the event was never sent: the driver could not repeat it.
    let (world, key) = offered();
    world
        .faults
        .break_down(rushhour_tests::dispatch::faults::Call::SendEvent);
    assert_eq!(world.answer(key, true), Some(AnswerOutcome::TryAgain));
    world.advance(seconds(80));
    let trip = world.trip(key.trip);
    assert_eq!(trip.state, TripState::Accepted);
    assert!(trip.stamps.accepted_at.unwrap() < trip.since);
    world.faults.none();
    let _ = world.answer(key, true);
    settle(&world);
    assert_eq!(world.trip(key.trip).state, TripState::Completed);

    // Reserved and offered, with a hold that outlasts the trip's own deadline, as a rival round leaves it.
    for stage in [HoldStage::Reserved, HoldStage::Offered] {
        let (world, trip) = crate::asked();
        world.rings_are(Fate::Lost);
        let stored = world.trip(trip);
        let key = domain::hold::HoldKey {
            trip,
            attempt: domain::Attempt(1),
            driver: NEAR,
        };
        let offer = domain::hold::Offer {
            rider: stored.rider,
            pickup: stored.pickup,
            dropoff: stored.dropoff,
            driver_pay: stored.fare.driver_pay,
            pickup_distance_m: 100.0,
        };
        let now = world.now();
        ready(world.tracker().reserve(key, now + seconds(200), &offer)).unwrap();
        let next = stored
            .offered(key.attempt, NEAR, now + seconds(1), now)
            .unwrap();
        ready(services::ports::TripStore::transition(
            &world.cloud.trips,
            &next,
        ))
        .unwrap();
        if stage == HoldStage::Offered {
            ready(world.tracker().offer(key)).unwrap();
            assert_eq!(world.offer_to(NEAR), Some(key));
        }
        world.advance(seconds(60));
        assert_eq!(
            world.trip(trip).state,
            TripState::Offered,
            "the hold is live"
        );
        assert_eq!(world.cloud.holds.all()[0].stage, HoldStage::Offered);
        let again = (stage == HoldStage::Reserved).then_some(key);
        assert_eq!(
            world.offer_to(NEAR),
            again,
            "what was not shown is shown now"
        );
        let report = ready(world.sweep.sweep(&world.market.region)).unwrap();
        assert_eq!((report.due, report.moved), (1, 0));
        world.advance(seconds(300));
        world.rings_are(Fate::Arrives);
        settle(&world);
    }
}
