//! Rings and events that are lost, doubled, late and out of order.

use domain::trip::{TripEvent, TripEventKind, TripState};
use rushhour_tests::dispatch::Dispatch;
use rushhour_tests::dispatch::drivers::Behaviour;
use rushhour_tests::dispatch::east_of_corner;
use rushhour_tests::dispatch::executor::ready;
use rushhour_tests::dispatch::post::Fate;
use services::events::Applied;
use services::track::AnswerOutcome;

use crate::{FAR, NEAR, asked, offered, seconds, settle};

#[test]
fn every_ring_of_riders_is_lost_and_the_sweep_rings() {
    let (world, trip) = asked();
    world.behave(NEAR, Behaviour::Takes);
    world.rings_are(Fate::Lost);
    world.advance(seconds(20));
    assert_eq!(world.trip(trip).state, TripState::Requested);
    world.rings_are(Fate::Arrives);
    world.advance(seconds(62));
    assert!(world.trip(trip).state.is_assigned());
    settle(&world);
}

#[test]
fn every_ring_ever_is_lost_and_trips_end() {
    let (world, trip) = asked();
    world.behave(NEAR, Behaviour::Takes);
    world.rings_are(Fate::Lost);
    world.advance(seconds(460));
    let because = domain::trip::UnservedReason::NeverOffered;
    assert_eq!(world.trip(trip).state, TripState::Unserved { because });
    settle(&world);
}

#[test]
fn rings_are_doubled_and_late() {
    for fate in [Fate::Twice, Fate::Late(seconds(1)), Fate::Late(seconds(45))] {
        let (world, trip) = asked();
        world.driver(FAR, east_of_corner(900.0), Behaviour::Takes);
        world.behave(NEAR, Behaviour::Takes);
        let _ = world.request(2);
        world.rings_are(fate);
        world.advance(seconds(2));
        world.rings_are(Fate::Arrives);
        settle(&world);
        assert_eq!(world.trip(trip).state, TripState::Completed, "{fate:?}");
        for trip in world.cloud.trips.all() {
            assert_eq!(trip.tries.len(), 1, "{fate:?}");
        }
    }
}

/// A ride driven to its end while its events wait, and the events.
fn driven() -> (Dispatch, Vec<TripEvent>) {
    let (world, key) = offered();
    let Some(AnswerOutcome::Accepted(accepted_at)) = world.answer(key, true) else {
        panic!("the offer is open");
    };
    let mut stamps = domain::trip::Stamps {
        accepted_at: Some(accepted_at),
        ..domain::trip::Stamps::default()
    };
    let kinds = [
        TripEventKind::Arrived,
        TripEventKind::PickedUp,
        TripEventKind::DroppedOff,
    ];
    for (step, kind) in kinds.into_iter().enumerate() {
        world.clock.advance(seconds(60));
        let now = world.now();
        match kind {
            TripEventKind::Arrived => stamps.arrived_at = Some(now),
            TripEventKind::PickedUp => stamps.picked_up_at = Some(now),
            _ => stamps.dropped_off_at = Some(now),
        }
        let report = services::track::ProgressReport {
            key,
            sequence: u32::try_from(step).expect("a few steps") + 2,
            kind,
            at: now,
            stamps,
        };
        ready(world.report_as(NEAR, report)).expect("the tracker answers");
    }
    let events = world.take_events();
    assert_eq!(events.len(), 4);
    (world, events)
}

fn permutations(of: &[usize]) -> Vec<Vec<usize>> {
    if of.len() <= 1 {
        return vec![of.to_vec()];
    }
    let mut all = Vec::new();
    for (at, first) in of.iter().enumerate() {
        let mut rest = of.to_vec();
        rest.remove(at);
        for mut tail in permutations(&rest) {
            tail.insert(0, *first);
            all.push(tail);
        }
    }
    all
}

/// Every order of the four events, and of the four with each of them doubled: the trip ends the same.
#[test]
fn events_in_every_order_and_doubled() {
    let mut ends: Vec<domain::trip::Trip> = Vec::new();
    let single = permutations(&[0, 1, 2, 3]);
    let doubled = (0..4).flat_map(|twice| permutations(&[0, 1, 2, 3, twice]));
    for order in single.into_iter().chain(doubled) {
        let (world, events) = driven();
        let mut before = world.trip(events[0].key.trip);
        for at in &order {
            let applied = ready(world.progress.apply(&events[*at])).unwrap();
            let after = world.trip(before.id);
            let steps = u64::from(matches!(applied, Applied::Moved(_)));
            assert_eq!(after.version, before.version + steps, "{order:?}");
            assert!(after.state >= before.state, "never back: {order:?}");
            before = after;
        }
        let mut trip = before;
        assert_eq!(trip.state, TripState::Completed, "{order:?}");
        // The number of steps is all that may differ.
        trip.version = 0;
        ends.push(trip);
        world.settle(seconds(1));
    }
    assert_eq!(ends.len(), 24 + 4 * 120);
    assert!(ends.iter().all(|end| *end == ends[0]));
}

/// The accept overtakes nothing and nobody: it comes an hour late, or after the driver's whole ride.
#[test]
fn the_accept_comes_last() {
    let (world, events) = driven();
    world.clock.advance(seconds(3_600));
    for event in events.iter().rev() {
        ready(world.progress.apply(event)).unwrap();
    }
    settle(&world);
    assert_eq!(world.trip(events[0].key.trip).state, TripState::Completed);
}

/// An expiry of the first attempt that arrives when the second is under way changes nothing.
#[test]
fn a_stale_end_of_an_earlier_attempt() {
    let (world, key) = offered();
    world.driver(FAR, east_of_corner(900.0), Behaviour::Takes);
    assert_eq!(world.answer(key, false), Some(AnswerOutcome::Declined));
    let declined = world.take_events();
    ready(world.progress.apply(&declined[0])).unwrap();
    world.advance(seconds(5));
    let second = world.trip(key.trip);
    assert_eq!(second.driver(), Some(FAR));
    for kind in [TripEventKind::Declined, TripEventKind::Expired] {
        let stale = TripEvent {
            kind,
            ..declined[0]
        };
        assert_eq!(
            ready(world.progress.apply(&stale)).unwrap(),
            Applied::Unchanged
        );
    }
    let foreign = TripEvent {
        kind: TripEventKind::PickedUp,
        ..declined[0]
    };
    assert_eq!(
        ready(world.progress.apply(&foreign)).unwrap(),
        Applied::Released
    );
    assert_eq!(world.trip(key.trip), second);
    settle(&world);
}

#[test]
fn an_event_of_no_trip_is_an_error() {
    let (world, key) = offered();
    let mut event = TripEvent {
        key,
        sequence: 1,
        kind: TripEventKind::Accepted,
        at: world.now(),
        stamps: domain::trip::Stamps::default(),
    };
    event.key.trip = domain::TripId(1);
    let error = ready(world.progress.apply(&event)).unwrap_err();
    assert!(matches!(
        error,
        services::error::MessageError::UnknownTrip(_)
    ));
    settle(&world);
}
