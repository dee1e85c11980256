//! The fleet's rules one by one. What must hold of any history is in [`super::model_tests`].

use std::ops::{Deref, DerefMut};

use super::*;
use crate::index::parts::Parts;
use crate::index::{Index, Nearby};
use crate::limits::SHARDS;
use domain::hold::Offer;
use domain::{Attempt, Money, RiderId, Space, VehicleClass};
use std::time::Duration;

const PLANE: Space = Space::Plane {
    width_m: 10_000.0,
    height_m: 10_000.0,
};
const EXPIRY: Duration = Duration::from_secs(20);
const ANNA: DriverId = DriverId(1);
const BELA: DriverId = DriverId(2);

/// A fleet and the index that follows it.
pub(super) struct Indexed {
    fleet: Fleet,
    shards: [Index; SHARDS],
}

impl Indexed {
    pub(super) fn index(&mut self) -> Parts<'_> {
        for number in self.fleet.changed().iter() {
            let mut changes = Vec::new();
            self.fleet.take_changes(number, &mut changes);
            self.shards[number].follow(&changes);
        }
        Parts::of(self.shards.iter().enumerate()).unwrap()
    }
}

impl Deref for Indexed {
    type Target = Fleet;

    fn deref(&self) -> &Fleet {
        &self.fleet
    }
}

impl DerefMut for Indexed {
    fn deref_mut(&mut self) -> &mut Fleet {
        &mut self.fleet
    }
}

pub(super) fn fleet() -> Indexed {
    let future_tolerance = Duration::from_secs(5);
    Indexed {
        fleet: Fleet::new(
            PLANE,
            FleetPolicy {
                ping_expiry: EXPIRY,
                future_tolerance,
            },
        ),
        shards: std::array::from_fn(|shard| Index::of_shard(PLANE, shard)),
    }
}

pub(super) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_millis(seconds * 1_000)
}

pub(super) fn spot(east_m: f64) -> Place {
    Place::from_metres(east_m, 0.0)
}

pub(super) fn ping(sequence: u64, east_m: f64, sent_at: Timestamp) -> Ping {
    Ping {
        sequence,
        place: spot(east_m),
        sent_at,
    }
}

pub(super) fn hold(trip: u128, attempt: u32, driver: DriverId, deadline: Timestamp) -> Hold {
    Hold {
        key: HoldKey {
            trip: TripId(trip),
            attempt: Attempt(attempt),
            driver,
        },
        stage: HoldStage::Reserved,
        deadline,
        accepted_at: None,
        offer: Offer {
            rider: RiderId(1),
            pickup: spot(0.0),
            dropoff: spot(1.0),
            driver_pay: Money::ZERO,
            pickup_distance_m: 0.0,
        },
    }
}

fn available(fleet: &mut Indexed) -> Vec<DriverId> {
    let found = fleet.index().nearest(Nearby::any(spot(0.0), 10));
    found.iter().map(|candidate| candidate.driver).collect()
}

#[test]
fn a_ping_brings_in_who_is_not_known_and_moves_who_is() {
    let mut fleet = fleet();
    assert_eq!(
        fleet.ping(ANNA, ping(7, 100.0, at(0)), at(1)),
        PingOutcome::Moved
    );
    assert_eq!(
        fleet.ping(ANNA, ping(8, 300.0, at(4)), at(5)),
        PingOutcome::Moved
    );
    assert_eq!(fleet.position(ANNA), Some((spot(300.0), at(4))));
    assert_eq!(fleet.last_ping_at(ANNA), Some(at(5)));
    let near = Nearby::any(spot(0.0), 1);
    let within = |radius_m| Nearby {
        radius_m: Some(radius_m),
        ..near
    };
    let index = fleet.index();
    let found = index.nearest(near);
    let excluded = &[BELA];
    let but_for_her = Nearby {
        excluded,
        ..within(found[0].distance_m)
    };
    assert_eq!(found, index.nearest(but_for_her));
    assert_eq!(
        (found[0].driver, found[0].distance_m.round()),
        (ANNA, 300.0)
    );
    assert!(index.nearest(within(299.0)).is_empty());
    let excluded = &[ANNA];
    assert!(index.nearest(Nearby { excluded, ..near }).is_empty());
}

#[test]
fn many_who_go_online_are_where_they_were_said_last_whatever_they_were() {
    let mut fleet = fleet();
    fleet.go_online(ANNA, spot(1.0), at(0));
    assert!(fleet.go_offline(ANNA, at(1)));
    assert!(!fleet.go_offline(ANNA, at(1)), "she is off already");
    assert!(!fleet.go_offline(DriverId(99), at(1)), "nobody knows her");
    let many = (0..100).map(|id| (DriverId(id), spot(id as f64)));
    let many: Vec<_> = many
        .chain([(ANNA, spot(500.0)), (DriverId(7), spot(700.0))])
        .collect();
    fleet.all_go_online(&many, at(2));
    assert_eq!(fleet.counts().online, 100);
    assert_eq!(fleet.position(ANNA), Some((spot(500.0), at(2))));
    assert_eq!(fleet.position(DriverId(7)), Some((spot(700.0), at(2))));
    let near = Nearby::any(spot(0.0), 200);
    assert_eq!(fleet.index().nearest(near).len(), 100);
}

#[test]
fn a_driver_has_the_vehicle_that_was_said_last_until_forgotten() {
    let mut fleet = fleet();
    let class = |number| VehicleClass::new(number).unwrap();
    let drives = |fleet: &mut Indexed, driver, number| {
        let mut nearby = Nearby::any(spot(0.0), 10);
        nearby.classes = [class(number)].into_iter().collect();
        let found = fleet.index().nearest(nearby);
        found.iter().any(|it| it.driver == driver)
    };
    fleet.set_vehicle(ANNA, class(3));
    fleet.go_online(ANNA, spot(1.0), at(0));
    fleet.go_online(BELA, spot(2.0), at(0));
    assert!(drives(&mut fleet, ANNA, 0), "said before anybody knew her");
    fleet.set_vehicle(ANNA, class(3));
    assert!(
        drives(&mut fleet, ANNA, 3) && !drives(&mut fleet, ANNA, 0) && drives(&mut fleet, BELA, 0)
    );
    // She comes and goes, and is far away in between.
    fleet.ping(ANNA, ping(1, 90_000.0, at(1)), at(1));
    fleet.go_offline(ANNA, at(2));
    fleet.go_online(ANNA, spot(1.0), at(3));
    assert!(drives(&mut fleet, ANNA, 3));
    // Who has her place in memory after her has not her vehicle.
    let mut now = at(4);
    while fleet.last_ping_at(ANNA).is_some() {
        now = now + FORGET_AFTER;
        fleet.expire(now);
    }
    fleet.go_online(ANNA, spot(1.0), now);
    assert!(drives(&mut fleet, ANNA, 0) && !drives(&mut fleet, ANNA, 3));
}

#[test]
fn pings_that_are_stale_early_or_unwanted_change_nothing() {
    let mut fleet = fleet();
    fleet.ping(ANNA, ping(7, 100.0, at(0)), at(0));
    for (sequence, sent_at, expected) in [
        (7, 1, PingOutcome::Stale),
        (6, 1, PingOutcome::Stale),
        (8, 7, PingOutcome::FromTheFuture),
    ] {
        assert_eq!(
            fleet.ping(ANNA, ping(sequence, 900.0, at(sent_at)), at(1)),
            expected
        );
        assert_eq!(fleet.position(ANNA), Some((spot(100.0), at(0))));
        assert_eq!(fleet.last_ping_at(ANNA), Some(at(0)));
    }
    assert_eq!(
        fleet.ping(ANNA, ping(8, 900.0, at(6)), at(1)),
        PingOutcome::Moved
    );
    fleet.go_offline(ANNA, at(2));
    assert_eq!(
        fleet.ping(ANNA, ping(9, 100.0, at(3)), at(3)),
        PingOutcome::NotOnline
    );
    assert_eq!((available(&mut fleet), fleet.counts().online), (vec![], 0));
    // Back online the numbering starts anew.
    fleet.go_online(ANNA, spot(5.0), at(4));
    assert_eq!(
        fleet.ping(ANNA, ping(1, 6.0, at(5)), at(5)),
        PingOutcome::Moved
    );
    assert_eq!(available(&mut fleet), [ANNA]);
}

#[test]
fn who_fell_silent_may_count_anew() {
    let mut fleet = fleet();
    fleet.ping(ANNA, ping(500, 1.0, at(0)), at(0));
    let mut outcome =
        |sequence, sent_at, now| fleet.ping(ANNA, ping(sequence, 2.0, at(sent_at)), at(now));
    assert_eq!(outcome(1, 10, 10), PingOutcome::Stale);
    assert_eq!(fleet.expire(at(20)).silent, [ANNA]);
    let mut outcome =
        |sequence, sent_at, now| fleet.ping(ANNA, ping(sequence, 2.0, at(sent_at)), at(now));
    // On its way since before the last one.
    assert_eq!(outcome(499, -1, 21), PingOutcome::Stale);
    assert_eq!(outcome(1, 60, 60), PingOutcome::Moved);
    assert_eq!(outcome(1, 61, 61), PingOutcome::Stale);
    assert_eq!(available(&mut fleet), [ANNA]);
}

#[test]
fn the_silent_are_not_available_until_their_next_ping() {
    let mut fleet = fleet();
    fleet.go_online(ANNA, spot(1.0), at(0));
    fleet.go_online(BELA, spot(2.0), at(0));
    fleet.ping(ANNA, ping(1, 1.0, at(8)), at(8));
    assert_eq!(fleet.next_deadline(), Some(at(20)));
    assert_eq!(fleet.expire(at(19)), Expired::default());
    assert_eq!(fleet.expire(at(20)).silent, [BELA]);
    assert_eq!(available(&mut fleet), [ANNA]);
    assert_eq!(fleet.next_deadline(), Some(at(28)));
    assert_eq!(
        fleet.begin_reserve(hold(1, 1, BELA, at(90)), at(21)),
        ReserveStart::Unavailable
    );
    // Not yet expired by a call, but past its time.
    assert_eq!(
        fleet.begin_reserve(hold(1, 1, ANNA, at(90)), at(28)),
        ReserveStart::Unavailable
    );
    fleet.ping(BELA, ping(1, 2.0, at(30)), at(30));
    assert_eq!(fleet.expire(at(30)).silent, [ANNA]);
    assert_eq!(available(&mut fleet), [BELA]);
}

#[test]
fn who_is_gone_for_long_is_forgotten() {
    let mut fleet = fleet();
    fleet.go_online(ANNA, spot(1.0), at(0));
    fleet.go_online(BELA, spot(2.0), at(0));
    fleet.go_offline(BELA, at(1));
    assert_eq!(fleet.expire(at(40)).silent, [ANNA]);
    assert_eq!(fleet.next_deadline(), Some(at(20 + 3_600)));
    fleet.expire(at(20 + 3_600));
    assert_eq!(
        (fleet.position(ANNA), fleet.position(BELA)),
        (None, Some((spot(2.0), at(0))))
    );
    fleet.expire(at(21 + 3_600));
    assert_eq!((fleet.position(BELA), fleet.next_deadline()), (None, None));
    // A forgotten driver is a new one, and slots are used again.
    assert_eq!(
        fleet.ping(BELA, ping(1, 9.0, at(4_000)), at(4_000)),
        PingOutcome::Moved
    );
    assert_eq!(
        (available(&mut fleet), fleet.drivers.iter().count()),
        (vec![BELA], 2)
    );
}

#[test]
fn a_reservation_keeps_the_driver_before_during_and_after_the_write() {
    let mut fleet = fleet();
    fleet.go_online(ANNA, spot(1.0), at(0));
    fleet.go_online(BELA, spot(2.0), at(0));
    let first = hold(1, 1, ANNA, at(15));
    assert_eq!(fleet.begin_reserve(first, at(0)), ReserveStart::Started);
    assert_eq!(available(&mut fleet), [BELA]);
    assert_eq!(fleet.hold_of_driver(ANNA), None);
    for (other, now, expected) in [
        (first, 0, ReserveStart::UnderWay),
        (hold(2, 1, ANNA, at(15)), 0, ReserveStart::DriverTaken),
        (hold(1, 1, BELA, at(15)), 0, ReserveStart::TripHeldBy(ANNA)),
        (hold(1, 2, ANNA, at(15)), 0, ReserveStart::TripHeldBy(ANNA)),
        (hold(3, 1, BELA, at(15)), 16, ReserveStart::PastDeadline),
        (
            hold(3, 1, DriverId(9), at(15)),
            0,
            ReserveStart::Unavailable,
        ),
    ] {
        assert_eq!(fleet.begin_reserve(other, at(now)), expected, "{other:?}");
    }
    assert!(fleet.finish_reserve(&first.key, true));
    assert_eq!(fleet.begin_reserve(first, at(0)), ReserveStart::AlreadyHeld);
    assert_eq!(
        fleet.begin_reserve(first, at(16)),
        ReserveStart::PastDeadline
    );
    assert_eq!(fleet.hold_of_driver(ANNA), Some(&first));
    assert_eq!(fleet.hold_of_trip(TripId(1)), Some(&first));
    assert_eq!(fleet.end_hold(&hold(1, 2, ANNA, at(15)).key), None);
    assert_eq!(fleet.end_hold(&first.key), Some(first));
    assert_eq!(fleet.end_hold(&first.key), None);
    assert_eq!(available(&mut fleet), [ANNA, BELA]);
}

#[test]
fn a_lost_write_frees_the_driver_but_not_one_that_another_call_won() {
    let mut fleet = fleet();
    fleet.go_online(ANNA, spot(1.0), at(0));
    let first = hold(1, 1, ANNA, at(15));
    assert_eq!(fleet.begin_reserve(first, at(0)), ReserveStart::Started);
    assert!(!fleet.finish_reserve(&first.key, false));
    assert_eq!(available(&mut fleet), [ANNA]);
    assert_eq!(fleet.begin_reserve(first, at(0)), ReserveStart::Started);
    assert!(fleet.finish_reserve(&first.key, true));
    assert!(fleet.finish_reserve(&first.key, false));
    assert!(available(&mut fleet).is_empty());
    // Released while a write was under way: the winner is told that it does not stand.
    fleet.end_hold(&first.key);
    assert_eq!(fleet.begin_reserve(first, at(1)), ReserveStart::Started);
    fleet.end_hold(&first.key);
    assert!(!fleet.finish_reserve(&first.key, true));
    assert_eq!(available(&mut fleet), [ANNA]);
}

#[test]
fn a_void_hold_is_reported_until_it_is_ended_and_an_accepted_one_never() {
    let mut fleet = fleet();
    for (driver, trip) in [(ANNA, 1), (BELA, 2)] {
        fleet.go_online(driver, spot(1.0), at(0));
        assert_eq!(
            fleet.begin_reserve(hold(trip, 1, driver, at(15)), at(0)),
            ReserveStart::Started
        );
        assert!(fleet.finish_reserve(&hold(trip, 1, driver, at(15)).key, true));
    }
    let offered = Hold {
        stage: HoldStage::Offered,
        ..hold(1, 1, ANNA, at(15))
    };
    let accepted = Hold {
        stage: HoldStage::Accepted,
        accepted_at: Some(at(3)),
        ..hold(2, 1, BELA, at(15))
    };
    fleet.set_hold(offered).unwrap();
    fleet.set_hold(accepted).unwrap();
    // A write that overtook another in memory does not turn the stage back.
    fleet
        .set_hold(Hold {
            stage: HoldStage::Offered,
            ..accepted
        })
        .unwrap();
    assert_eq!(fleet.hold_of_driver(BELA), Some(&accepted));
    let Counts {
        reserved,
        offered: shown,
        accepted: taken,
        ..
    } = fleet.counts();
    assert_eq!((reserved, shown, taken), (0, 1, 1));
    let right_after = at(15) + Duration::from_micros(1);
    assert_eq!(fleet.next_deadline(), Some(right_after));
    assert!(fleet.expire(at(15)).holds.is_empty());
    assert_eq!(fleet.expire(right_after).holds, [offered]);
    assert!(fleet.expire(at(16)).holds.is_empty());
    assert_eq!(fleet.expire(at(18)).holds, [offered]);
    assert_eq!(fleet.end_hold(&offered.key), Some(offered));
    assert!(fleet.expire(at(60)).holds.is_empty());
    assert_eq!(fleet.end_hold(&accepted.key), Some(accepted));
}

#[test]
fn a_restart_brings_back_holds_before_their_drivers() {
    let mut fleet = fleet();
    let older = hold(1, 1, ANNA, at(15));
    let later = Hold {
        stage: HoldStage::Offered,
        ..hold(1, 2, BELA, at(15))
    };
    assert_eq!(fleet.restore([older, later]), [older]);
    assert_eq!(fleet.hold_of_trip(TripId(1)), Some(&later));
    let conflict = fleet.set_hold(older).unwrap_err();
    assert_eq!((conflict.wanted, conflict.held), (older.key, later.key));
    assert_eq!((fleet.position(BELA), fleet.counts().offered), (None, 1));
    fleet.ping(BELA, ping(1, 3.0, at(1)), at(1));
    fleet.ping(ANNA, ping(1, 4.0, at(1)), at(1));
    assert_eq!(available(&mut fleet), [ANNA]);
    let places = fleet.index().iter().flat_map(Index::places);
    let places: Vec<_> = places.map(|(_, place)| place).collect();
    assert_eq!(places, [spot(4.0)]);
    assert_eq!(fleet.expire(at(16)).holds, [later]);
    fleet.end_hold(&later.key);
    assert_eq!(available(&mut fleet), [BELA, ANNA]);
}

#[test]
fn who_came_back_is_forgotten_only_after_going_again() {
    let mut fleet = fleet();
    fleet.go_online(ANNA, spot(1.0), at(0));
    assert_eq!(fleet.expire(at(20)).silent, [ANNA]);
    fleet.ping(ANNA, ping(1, 1.0, at(3_610)), at(3_610));
    assert_eq!(fleet.expire(at(3_620)), Expired::default());
    assert_eq!(available(&mut fleet), [ANNA]);
    // The queue knows the ping before; the answer is of this one.
    fleet.ping(ANNA, ping(2, 1.0, at(3_625)), at(3_625));
    assert_eq!(fleet.next_deadline(), Some(at(3_630)));
    assert_eq!(fleet.expire(at(3_630)), Expired::default());
    assert_eq!(fleet.next_deadline(), Some(at(3_645)));
    assert_eq!(fleet.expire(at(3_645)).silent, [ANNA]);
    assert_eq!(fleet.next_deadline(), Some(at(3_645 + 3_600)));
    fleet.expire(at(3_645 + 3_600));
    assert_eq!((fleet.position(ANNA), fleet.next_deadline()), (None, None));
}

#[test]
fn more_than_one_call_can_expire_stays_due() {
    let mut fleet = fleet();
    let count = EXPIRED_PER_CALL_MAX as u64 + 10;
    for id in 0..count {
        fleet.go_online(DriverId(id), spot(1.0), at(0));
    }
    assert_eq!(fleet.expire(at(30)).silent.len(), EXPIRED_PER_CALL_MAX);
    assert!(fleet.next_deadline().unwrap() <= at(30));
    assert_eq!(fleet.expire(at(30)).silent.len(), 10);
    assert!(fleet.next_deadline().unwrap() > at(30));
}
