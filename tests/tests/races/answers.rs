//! What drivers answer: late, at the same time as something else, twice, or in another's name.

use domain::hold::HoldStage;
use domain::trip::{CancelStage, CancelledBy, TripState, TryOutcome};
use domain::{Attempt, DriverId, TripId};
use rushhour_tests::dispatch::drivers::Behaviour;
use rushhour_tests::dispatch::east_of_corner;
use rushhour_tests::dispatch::executor::{explore, ready, task};
use services::track::AnswerOutcome::{self, Accepted, Declined, Late, NotOffered};

use crate::{FAR, NEAR, asked, offered, seconds, settle};

#[test]
fn an_accept_after_the_deadline_is_refused() {
    let (world, key) = offered();
    world.driver(FAR, east_of_corner(900.0), Behaviour::Takes);
    let deadline = world.trip(key.trip).tries[0].deadline;
    // Before the tracker has noticed.
    world
        .clock
        .move_to(deadline + std::time::Duration::from_micros(1));
    assert_eq!(world.answer(key, true), Some(Late));
    // And after.
    world.advance(seconds(1));
    assert_eq!(world.answer(key, true), Some(NotOffered));
    world.advance(seconds(5));
    let trip = world.trip(key.trip);
    assert_eq!(trip.tries[0].outcome, TryOutcome::Expired);
    assert_eq!(
        trip.driver(),
        Some(FAR),
        "the next driver has it, and the first is not asked again"
    );
    settle(&world);
}

#[test]
fn an_accept_at_the_deadline_is_in_time() {
    let (world, key) = offered();
    let deadline = world.trip(key.trip).tries[0].deadline;
    world.clock.move_to(deadline);
    world.expire();
    assert_eq!(world.answer(key, true), Some(Accepted(deadline)));
    settle(&world);
    assert_eq!(world.trip(key.trip).state, TripState::Completed);
}

/// The clock passes the deadline while the accept is on its way and the tracker looks for void holds.
#[test]
fn an_accept_and_the_expiry_at_the_same_time() {
    let mut taken = 0;
    let orders = explore(4, |order| {
        let (world, key) = offered();
        let deadline = world.trip(key.trip).tries[0].deadline;
        world.clock.move_to(deadline);
        let (mut answer, mut expired, mut passed) = (None, None, None);
        let tracker = world.tracker();
        let clock = world.clock.clone();
        let tasks = vec![
            task(&mut answer, world.answer_as(NEAR, key, true)),
            task(&mut passed, async move { clock.advance(seconds(1)) }),
            task(&mut expired, async move { tracker.expire().await }),
        ];
        world.take_turns(order, tasks);
        settle(&world);
        let trip = world.trip(key.trip);
        match answer.unwrap().unwrap() {
            Accepted(at) => {
                taken += 1;
                assert_eq!(at, deadline);
                assert_eq!(trip.tries.len(), 1, "{:?}", trip.tries);
                assert_eq!(trip.state, TripState::Completed);
            }
            Late | NotOffered => assert_eq!(trip.tries[0].outcome, TryOutcome::Expired),
            other => panic!("{other:?}"),
        }
    });
    assert!(0 < taken && taken < orders, "{taken} of {orders}");
}

#[test]
fn an_accept_and_a_cancel_at_the_same_time() {
    let mut seen = std::collections::BTreeSet::new();
    explore(4, |order| {
        let (world, key) = offered();
        let (mut answer, mut cancelled) = (None, None);
        let tasks = vec![
            task(&mut answer, world.answer_as(NEAR, key, true)),
            task(&mut cancelled, world.cancel(key.trip)),
        ];
        world.take_turns(order, tasks);
        let answer = answer.unwrap().unwrap();
        settle(&world);
        let trip = world.trip(key.trip);
        assert_eq!(
            cancelled.unwrap().unwrap().state,
            trip.state,
            "the cancel stands"
        );
        assert!(matches!(
            trip.state,
            TripState::Cancelled {
                by: CancelledBy::Rider,
                ..
            }
        ));
        seen.insert(matches!(answer, Accepted(_)));
    });
    assert_eq!(seen.len(), 2, "the accept comes first, or the cancel does");
}

#[test]
fn an_accept_and_a_cancel_while_events_cannot_be_sent() {
    use rushhour_tests::dispatch::faults::Call;
    explore(4, |order| {
        let (world, key) = offered();
        world.faults.break_down(Call::SendEvent);
        let (mut answer, mut cancelled) = (None, None);
        let tasks = vec![
            task(&mut answer, world.answer_as(NEAR, key, true)),
            task(&mut cancelled, world.cancel(key.trip)),
        ];
        world.take_turns(order, tasks);
        world.faults.mend(Call::SendEvent);
        // A driver who was told to try again does.
        if answer.unwrap() == Some(AnswerOutcome::TryAgain) {
            let _ = world.answer(key, true);
        }
        settle(&world);
        assert!(matches!(
            world.trip(key.trip).state,
            TripState::Cancelled { .. }
        ));
    });
}

#[test]
fn a_yes_and_a_no_at_the_same_time() {
    explore(4, |order| {
        let (world, key) = offered();
        world.driver(FAR, east_of_corner(900.0), Behaviour::Takes);
        let (mut yes, mut no) = (None, None);
        let tasks = vec![
            task(&mut yes, world.answer_as(NEAR, key, true)),
            task(&mut no, world.answer_as(NEAR, key, false)),
        ];
        world.take_turns(order, tasks);
        let (yes, no) = (yes.unwrap().unwrap(), no.unwrap().unwrap());
        assert!(
            matches!(yes, Accepted(_)) ^ (no == Declined),
            "{yes:?} and {no:?}"
        );
        settle(&world);
        let trip = world.trip(key.trip);
        assert_eq!(trip.state, TripState::Completed);
        let driver = if no == Declined { FAR } else { NEAR };
        assert_eq!(trip.driver(), Some(driver));
    });
}

#[test]
fn two_accepts_of_one_driver_are_one() {
    explore(4, |order| {
        let (world, key) = offered();
        let (mut first, mut second) = (None, None);
        let tasks = vec![
            task(&mut first, world.answer_as(NEAR, key, true)),
            task(&mut second, world.answer_as(NEAR, key, true)),
        ];
        world.take_turns(order, tasks);
        let at = world.now();
        assert_eq!(
            (first, second),
            (Some(Some(Accepted(at))), Some(Some(Accepted(at))))
        );
        settle(&world);
        assert_eq!(world.trip(key.trip).tries.len(), 1);
    });
}

#[test]
fn an_offer_is_its_drivers_alone() {
    let (world, key) = offered();
    world.driver(FAR, east_of_corner(900.0), Behaviour::ByHand);
    assert_eq!(ready(world.answer_as(FAR, key, true)), Some(NotOffered));
    let mut stolen = key;
    stolen.driver = FAR;
    assert_eq!(world.answer(stolen, true), Some(NotOffered));
    assert_eq!(world.answer(stolen, false), Some(NotOffered));
    let mut ahead = key;
    ahead.attempt = Attempt(2);
    assert_eq!(world.answer(ahead, true), Some(NotOffered));
    let mut other = key;
    other.trip = TripId(5);
    assert_eq!(world.answer(other, true), Some(NotOffered));
    assert_eq!(world.cloud.holds.all()[0].stage, HoldStage::Offered);
    assert!(matches!(world.answer(key, true), Some(Accepted(_))));
    settle(&world);
    assert_eq!(world.trip(key.trip).driver(), Some(NEAR));
}

#[test]
fn a_reserved_ride_is_not_the_drivers_to_take() {
    let (world, trip) = asked();
    // The round dies between the reservation and the offer: nobody has told the driver.
    world.rings_are(rushhour_tests::dispatch::post::Fate::Lost);
    let key = domain::hold::HoldKey {
        trip,
        attempt: Attempt(1),
        driver: NEAR,
    };
    let stored = world.trip(trip);
    let offer = domain::hold::Offer {
        rider: stored.rider,
        pickup: stored.pickup,
        dropoff: stored.dropoff,
        driver_pay: stored.fare.driver_pay,
        pickup_distance_m: 100.0,
    };
    ready(
        world
            .tracker()
            .reserve(key, world.now() + seconds(15), &offer),
    )
    .unwrap();
    assert_eq!(world.answer(key, true), Some(NotOffered));
    assert_eq!(world.answer(key, false), Some(NotOffered));
    settle(&world);
    assert_eq!(world.trip(trip).state, TripState::Completed);
}

#[test]
fn a_decline_goes_to_another_driver_and_never_back() {
    let (world, key) = offered();
    world.driver(FAR, east_of_corner(900.0), Behaviour::Declines);
    world.driver(DriverId(3), east_of_corner(2_000.0), Behaviour::Takes);
    assert_eq!(world.answer(key, false), Some(Declined));
    assert_eq!(world.answer(key, false), Some(NotOffered), "said once");
    world.advance(seconds(20));
    let trip = world.trip(key.trip);
    let drivers: Vec<_> = trip.tries.iter().map(|t| (t.driver, t.outcome)).collect();
    assert_eq!(
        drivers,
        [
            (NEAR, TryOutcome::Declined),
            (FAR, TryOutcome::Declined),
            (DriverId(3), TryOutcome::Accepted)
        ]
    );
    assert_eq!(world.answer(key, true), Some(NotOffered), "a no is final");
    settle(&world);
}

#[test]
fn everybody_declines() {
    let (world, key) = offered();
    world.driver(FAR, east_of_corner(900.0), Behaviour::Declines);
    assert_eq!(world.answer(key, false), Some(Declined));
    world.settle(seconds(900));
    let because = domain::trip::UnservedReason::PatienceOver;
    assert_eq!(world.trip(key.trip).state, TripState::Unserved { because });
}

#[test]
fn a_cancel_after_the_accept_frees_the_driver() {
    let (world, key) = offered();
    assert!(matches!(world.answer(key, true), Some(Accepted(_))));
    world.advance(seconds(1));
    let cancelled = ready(world.cancel(key.trip)).unwrap();
    let stage = CancelStage::Accepted;
    assert_eq!(
        cancelled.state,
        TripState::Cancelled {
            by: CancelledBy::Rider,
            stage
        }
    );
    assert_eq!(world.tracker().counts().available, 1);
    assert_eq!(
        ready(world.cancel(key.trip)).unwrap(),
        cancelled,
        "said twice, done once"
    );
    settle(&world);
}
