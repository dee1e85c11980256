//! Processes that end in the middle of something.

use domain::hold::HoldStage;
use domain::trip::{TripState, TryOutcome};
use rushhour_tests::dispatch::Dispatch;
use rushhour_tests::dispatch::drivers::Behaviour;
use rushhour_tests::dispatch::east_of_corner;
use rushhour_tests::dispatch::executor::{explore, killed_after, task};
use services::track::AnswerOutcome;

use crate::{FAR, NEAR, asked, offered, seconds, settle};

/// The round's process ends at each of its points: the ride is found a driver all the same.
#[test]
fn a_round_dies() {
    for turns in 0.. {
        let (world, trip) = asked();
        world.driver(FAR, east_of_corner(900.0), Behaviour::Takes);
        world.behave(NEAR, Behaviour::Takes);
        world.faults.give_way(true);
        let ended = killed_after(turns, world.round());
        world.faults.give_way(false);
        world.settle(seconds(600));
        assert_eq!(
            world.trip(trip).state,
            TripState::Completed,
            "killed after {turns} turns"
        );
        if ended.is_some() {
            assert!(turns > 10, "{turns}");
            return;
        }
    }
}

/// The tracker's process ends at each point of a round, and comes back at once or only later.
#[test]
fn the_tracker_dies_during_a_round() {
    for back_after in [seconds(0), seconds(8), seconds(100)] {
        explore(1, |order| {
            let (world, trip) = asked();
            world.driver(FAR, east_of_corner(900.0), Behaviour::ByHand);
            let (mut round, mut killed) = (None, None);
            let world = &world;
            let tasks = vec![
                task(&mut round, world.round()),
                task(&mut killed, async { world.kill_tracker() }),
            ];
            world.take_turns(order, tasks);
            world.advance(back_after);
            world.start_tracker();
            settle(world);
            let state = world.trip(trip).state;
            assert_eq!(state, TripState::Completed, "back after {back_after:?}");
        });
    }
}

/// Between the hold and the offer: the hold is taken over, and its deadline runs on.
#[test]
fn the_tracker_dies_between_hold_and_offer() {
    let (world, trip) = asked();
    world
        .faults
        .break_down(rushhour_tests::dispatch::faults::Call::Offer);
    world.advance(seconds(3));
    world.faults.none();
    assert_eq!(world.trip(trip).state, TripState::Offered);
    assert_eq!(world.cloud.holds.all()[0].stage, HoldStage::Reserved);
    world.start_tracker();
    let counts = world.tracker().counts();
    assert_eq!(
        (counts.reserved, counts.available),
        (1, 0),
        "the hold is taken over"
    );
    world.advance(seconds(16));
    assert_eq!(world.trip(trip).tries[0].outcome, TryOutcome::Expired);
    settle(&world);
}

/// After the offer: it is shown again to the driver who comes back.
#[test]
fn the_tracker_dies_after_the_offer() {
    let (world, key) = offered();
    world.start_tracker();
    assert_eq!(world.offer_to(NEAR), Some(key), "shown again");
    assert!(matches!(
        world.answer(key, true),
        Some(AnswerOutcome::Accepted(_))
    ));
    settle(&world);
    assert_eq!(world.trip(key.trip).tries.len(), 1);
}

/// At each point of an accept: the driver repeats it, and has the ride once.
#[test]
fn the_tracker_dies_during_an_accept() {
    for back_after in [seconds(0), seconds(30), seconds(200)] {
        for (calls, after) in (0..3).flat_map(|calls| [(calls, false), (calls, true)]) {
            let (world, key) = offered();
            world.driver(FAR, east_of_corner(900.0), Behaviour::Takes);
            world.kill_tracker_in(calls, after);
            let answer = world.answer(key, true);
            world.advance(back_after);
            world.start_tracker();
            let answer = answer.or_else(|| world.answer(key, true));
            settle(&world);
            let trip = world.trip(key.trip);
            assert_eq!(
                trip.state,
                TripState::Completed,
                "{calls} {after} {answer:?}"
            );
            if let Some(AnswerOutcome::Accepted(_)) = answer {
                assert_eq!(trip.tries.len(), 1, "the accept stands");
            }
        }
    }
}

/// After an accept: the assignment is taken over and reported again, which changes nothing.
#[test]
fn the_tracker_dies_after_an_accept() {
    let (world, key) = offered();
    let _ = world.answer(key, true);
    let sent = world.cloud.events.counters().sent;
    world.start_tracker();
    assert_eq!(
        world.cloud.events.counters().sent,
        sent + 1,
        "reported again"
    );
    assert_eq!(world.tracker().counts().accepted, 1);
    settle(&world);
    let trip = world.trip(key.trip);
    assert_eq!((trip.state, trip.tries.len()), (TripState::Completed, 1));
}

/// A driver who accepted is not given up because the tracker that has just started has not heard of the
/// driver yet.
#[test]
fn a_restart_loses_no_driver_under_way() {
    let (world, key) = offered();
    let _ = world.answer(key, true);
    // The driver drives on by hand, and long: the sweep comes to ask after the driver.
    world.advance(world.market.sweep.check_assigned_every - seconds(1));
    world.kill_tracker();
    world.behave(NEAR, Behaviour::Gone);
    world.start_tracker();
    world.advance(seconds(62));
    assert_eq!(
        world.trip(key.trip).state,
        TripState::Accepted,
        "the driver is about to come back"
    );
    settle(&world);
    assert_eq!(world.trip(key.trip).tries.len(), 1);
}

/// At each point between an event and the end of the hold, at each step of a ride.
#[test]
fn the_tracker_dies_during_a_ride() {
    for calls in 0..8 {
        for after in [false, true] {
            let world = Dispatch::default();
            world.driver(NEAR, east_of_corner(100.0), Behaviour::Takes);
            world.advance(seconds(5));
            let trip = world.request(1);
            world.advance(seconds(3));
            world.kill_tracker_in(calls, after);
            for _ in 0..20 {
                world.advance(seconds(20));
                if world.link.running().is_none() {
                    world.start_tracker();
                }
            }
            settle(&world);
            let trip = world.trip(trip);
            assert_eq!(
                (trip.state, trip.tries.len()),
                (TripState::Completed, 1),
                "{calls} {after}"
            );
        }
    }
}

/// The driver's phone breaks right after the drop-off was reported, and so does the tracker: nobody will
/// say again that the ride has ended, and the driver is free all the same.
#[test]
fn the_tracker_dies_between_the_drop_off_and_the_end_of_the_hold() {
    let (world, key) = offered();
    let _ = world.answer(key, true);
    world.advance(seconds(1));
    let now = world.now();
    let stamps = domain::trip::Stamps {
        accepted_at: Some(now),
        arrived_at: Some(now),
        picked_up_at: Some(now),
        dropped_off_at: Some(now),
    };
    let report = services::track::ProgressReport {
        key,
        sequence: 4,
        kind: domain::trip::TripEventKind::DroppedOff,
        at: now,
        stamps,
    };
    world.kill_tracker_in(1, false);
    let outcome = rushhour_tests::dispatch::executor::ready(world.report_as(NEAR, report));
    assert_eq!(outcome, None);
    world.behave(NEAR, Behaviour::Gone);
    world.pump();
    assert_eq!(world.trip(key.trip).state, TripState::Completed);
    assert_eq!(world.cloud.holds.all().len(), 1, "the hold was not ended");
    world.start_tracker();
    world.settle(seconds(10));
}
