//! A rider who cancels while a round is at it.

use std::collections::BTreeSet;

use domain::trip::{CancelStage, CancelledBy, TripState};
use rushhour_tests::dispatch::drivers::Behaviour;
use rushhour_tests::dispatch::executor::{explore, killed_after, ready, task};

use crate::{NEAR, asked, seconds, settle};

/// At every point of the round, and with the round at every point of the cancel: before the reservation,
/// between it and the compare-and-set, between that and the offer, and after.
#[test]
fn a_cancel_during_a_round() {
    let mut stages = BTreeSet::new();
    let orders = explore(2, |order| {
        let (world, trip) = asked();
        let (mut round, mut cancelled) = (None, None);
        let tasks = vec![
            task(&mut round, world.round()),
            task(&mut cancelled, world.cancel(trip)),
        ];
        world.take_turns(order, tasks);
        round.unwrap().unwrap();
        let cancelled = cancelled.unwrap().unwrap();
        assert_eq!(world.trip(trip), cancelled, "a cancel is final");
        let TripState::Cancelled {
            by: CancelledBy::Rider,
            stage,
        } = cancelled.state
        else {
            panic!("{:?}", cancelled.state);
        };
        stages.insert(stage);
        let kept = world.cloud.holds.all();
        assert_eq!(kept, [], "the driver is free at once");
        world.settle(seconds(1));
    });
    assert!(orders > 100, "{orders}");
    assert_eq!(
        stages,
        BTreeSet::from([CancelStage::Requested, CancelStage::Offered])
    );
}

/// The same, with a round that dies at each of its points and a cancel after it.
#[test]
fn a_cancel_after_a_round_that_died() {
    for turns in 0.. {
        let (world, trip) = asked();
        world.faults.give_way(true);
        let ended = killed_after(turns, world.round());
        world.faults.give_way(false);
        ready(world.cancel(trip)).unwrap();
        world.settle(seconds(60));
        if ended.is_some() {
            assert!(turns > 10, "{turns}");
            return;
        }
    }
}

/// A cancel whose release does not reach the tracker: the driver is free no later than by the deadline,
/// or, having accepted, with the next report.
#[test]
fn a_cancel_whose_release_is_lost() {
    use rushhour_tests::dispatch::faults::{Call, Fault};
    for accepts in [false, true] {
        let (world, key) = crate::offered();
        if accepts {
            let _ = world.answer(key, true);
            world.advance(seconds(1));
        }
        world.faults.next(Call::Release, Fault::Refused);
        ready(world.cancel(key.trip)).unwrap();
        assert_eq!(world.cloud.holds.all().len(), 1);
        world.behave(NEAR, Behaviour::Takes);
        settle(&world);
    }
}
