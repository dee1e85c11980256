//! Two trackers at once, and stores and queues whose answers are lost.

use domain::VehicleClass;
use domain::hold::HoldStage;
use domain::trip::TripState;
use rushhour_tests::dispatch::drivers::Behaviour;
use rushhour_tests::dispatch::east_of_corner;
use rushhour_tests::dispatch::executor::{explore, ready, task};
use rushhour_tests::dispatch::faults::{Call, Fault};
use services::ports::Reserved;
use services::track::AnswerOutcome;

use crate::{FAR, NEAR, asked, offered, seconds, settle};

fn wish(trip: u128, driver: domain::DriverId) -> (domain::hold::HoldKey, domain::hold::Offer) {
    let key = domain::hold::HoldKey {
        trip: domain::TripId(trip),
        attempt: domain::Attempt(1),
        driver,
    };
    let offer = domain::hold::Offer {
        rider: domain::RiderId(1),
        pickup: east_of_corner(0.0),
        dropoff: east_of_corner(1.0),
        driver_pay: domain::Money::ZERO,
        pickup_distance_m: 1.0,
    };
    (key, offer)
}

/// Two trackers, one driver, two trips: one of them has the driver, whoever is asked.
#[test]
fn two_trackers_after_one_driver() {
    explore(4, |order| {
        let (world, _) = asked();
        let first = world.tracker();
        let (second, _) = world.another_tracker();
        second.go_online(NEAR, east_of_corner(100.0), VehicleClass::default());
        let deadline = world.now() + seconds(15);
        let ((one, offer), (two, _)) = (wish(1, NEAR), wish(2, NEAR));
        let (mut a, mut b) = (None, None);
        let tasks = vec![
            task(&mut a, async { first.reserve(one, deadline, &offer).await }),
            task(&mut b, async {
                second.reserve(two, deadline, &offer).await
            }),
        ];
        world.take_turns(order, tasks);
        let held = [a, b].map(|reserved| reserved.unwrap().unwrap() == Reserved::Held);
        assert!(held[0] ^ held[1], "{held:?}");
        assert_eq!(world.cloud.holds.all().len(), 1);
    });
}

/// Two trackers, one trip, two drivers: one driver is kept for the attempt.
#[test]
fn two_trackers_for_one_trip() {
    explore(4, |order| {
        let (world, _) = asked();
        world.driver(FAR, east_of_corner(900.0), Behaviour::ByHand);
        let first = world.tracker();
        let (second, _) = world.another_tracker();
        second.go_online(FAR, east_of_corner(900.0), VehicleClass::default());
        let deadline = world.now() + seconds(15);
        let ((near, offer), (far, _)) = (wish(1, NEAR), wish(1, FAR));
        let (mut a, mut b) = (None, None);
        let tasks = vec![
            task(&mut a, async {
                first.reserve(near, deadline, &offer).await
            }),
            task(&mut b, async {
                second.reserve(far, deadline, &offer).await
            }),
        ];
        world.take_turns(order, tasks);
        let held = [a, b].map(|reserved| reserved.unwrap().unwrap() == Reserved::Held);
        assert!(held[0] ^ held[1], "{held:?}");
        assert_eq!(world.cloud.holds.all().len(), 1);
    });
}

/// The driver's stream moves to the other tracker, and the offer is accepted there, while the first still
/// runs and finds the offer void.
#[test]
fn an_accept_through_the_other_tracker() {
    for survivor_is_first in [true, false] {
        let (world, key) = offered();
        let first = world.tracker();
        let (second, _) = world.another_tracker();
        ready(second.restore()).unwrap();
        assert!(
            second.reconnected(NEAR).is_some(),
            "the offer is shown there too"
        );
        let outcome = ready(second.answer(NEAR, key, true));
        assert!(matches!(outcome, AnswerOutcome::Accepted(_)), "{outcome:?}");
        world.clock.advance(seconds(16));
        ready(first.expire());
        let hold = world.cloud.holds.all()[0];
        assert_eq!(hold.stage, HoldStage::Accepted, "the table decides");
        if !survivor_is_first {
            world.link.replace(Some(second));
        }
        // The driver goes on with whichever tracker is left.
        let again = world.answer(key, true);
        assert!(
            matches!(again, Some(AnswerOutcome::Accepted(_))),
            "{again:?}"
        );
        settle(&world);
        let trip = world.trip(key.trip);
        assert_eq!((trip.state, trip.tries.len()), (TripState::Completed, 1));
    }
}

/// The first tracker is left, and the driver says nothing more of the accept that the other took.
#[test]
fn the_tracker_that_is_left_follows_the_table() {
    let (world, key) = offered();
    let (second, _) = world.another_tracker();
    ready(second.restore()).unwrap();
    let _ = ready(second.answer(NEAR, key, true));
    drop(second);
    world.advance(seconds(20));
    let counts = world.tracker().counts();
    assert_eq!(
        (counts.offered, counts.accepted),
        (0, 1),
        "its own offer ran out, and it was accepted"
    );
    assert_eq!(world.trip(key.trip).state, TripState::Accepted);
    let _ = world.answer(key, true);
    settle(&world);
    assert_eq!(world.trip(key.trip).tries.len(), 1);
}

#[test]
fn a_reservation_whose_answer_is_lost() {
    for (call, fault) in [
        (Call::StoreReserve, Fault::AnswerLost),
        (Call::StoreReserve, Fault::Refused),
        (Call::Reserve, Fault::AnswerLost),
        (Call::TransitionTrip, Fault::AnswerLost),
        (Call::TransitionTrip, Fault::Refused),
        (Call::StoreMarkOffered, Fault::AnswerLost),
        (Call::StoreMarkOffered, Fault::Refused),
        (Call::Offer, Fault::AnswerLost),
    ] {
        for release_fails in [false, true] {
            let (world, trip) = asked();
            world.driver(FAR, east_of_corner(900.0), Behaviour::Takes);
            world.behave(NEAR, Behaviour::Takes);
            world.faults.next(call, fault);
            if release_fails {
                world.faults.next(Call::StoreEnd, Fault::Refused);
            }
            world.advance(seconds(30));
            settle(&world);
            let state = world.trip(trip).state;
            assert_eq!(
                state,
                TripState::Completed,
                "{call:?} {fault:?} {release_fails}"
            );
        }
    }
}

/// One call that fails does not leave the others of its round half-way.
#[test]
fn one_failure_in_a_round_is_one_riders_alone() {
    let (world, first) = asked();
    let others: Vec<_> = (2..6).map(|rider| world.request(rider)).collect();
    for driver in 2..6 {
        world.driver(
            domain::DriverId(driver),
            east_of_corner(100.0 * driver as f64),
            Behaviour::ByHand,
        );
    }
    world.faults.next(Call::TransitionTrip, Fault::Refused);
    let (mut report, order) = (
        None,
        &mut rushhour_tests::dispatch::executor::Order::of(vec![], 0),
    );
    world.take_turns(order, vec![task(&mut report, world.round())]);
    assert!(
        report.unwrap().is_err(),
        "the round says that something failed"
    );
    let mut all = vec![first];
    all.extend(others);
    for trip in all.iter().map(|trip| world.trip(*trip)) {
        let Some(key) = trip.hold_key() else { continue };
        assert_eq!(
            world.offer_to(key.driver),
            Some(key),
            "what is offered is shown"
        );
    }
    settle(&world);
}

/// The event queue is down while a driver accepts: not acknowledged, then repeated, and one ride.
#[test]
fn an_accept_that_cannot_be_reported() {
    let (world, key) = offered();
    world.faults.break_down(Call::SendEvent);
    for _ in 0..3 {
        assert_eq!(world.answer(key, true), Some(AnswerOutcome::TryAgain));
    }
    world.faults.mend(Call::SendEvent);
    let first = world.now();
    world.clock.advance(seconds(20));
    let outcome = world.answer(key, true);
    assert_eq!(
        outcome,
        Some(AnswerOutcome::Accepted(first)),
        "as of the first time, past the deadline"
    );
    settle(&world);
    let trip = world.trip(key.trip);
    assert_eq!((trip.state, trip.tries.len()), (TripState::Completed, 1));
}

/// The store takes the accept and its answer is lost; the driver never says it again and is gone.
#[test]
fn an_accept_whose_answer_is_lost_and_never_repeated() {
    for goes in [false, true] {
        let (world, key) = offered();
        world.driver(FAR, east_of_corner(900.0), Behaviour::Takes);
        world.faults.next(Call::StoreAccept, Fault::AnswerLost);
        assert_eq!(world.answer(key, true), Some(AnswerOutcome::TryAgain));
        if goes {
            world.behave(NEAR, Behaviour::Gone);
        }
        // The hold of a driver who is gone ends, and the rider rides with another.
        world.settle(seconds(8 * 3_600));
        assert_eq!(world.trip(key.trip).driver(), Some(FAR), "gone: {goes}");
    }
}

/// A decline that cannot be reported is found again by the deadline.
#[test]
fn a_decline_that_cannot_be_reported() {
    let (world, key) = offered();
    world.driver(FAR, east_of_corner(900.0), Behaviour::Takes);
    world.faults.break_down(Call::SendEvent);
    assert_eq!(world.answer(key, false), Some(AnswerOutcome::TryAgain));
    world.faults.mend(Call::SendEvent);
    world.advance(seconds(30));
    assert_eq!(world.trip(key.trip).driver(), Some(FAR));
    settle(&world);
}
