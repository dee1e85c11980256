//! The conditions of the ports, by example and by property. Every future must be ready at once.

use super::*;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use domain::fare::{Charge, Fare};
use domain::hold::{Hold, HoldKey, HoldStage, Offer, Refusal};
use domain::surge::Multiplier;
use domain::trip::{Stamps, SweepPolicy, Trip, TripEvent, TripEventKind, TripState};
use domain::{
    Attempt, Cell, Currency, DriverId, Money, Nearby, Place, Region, Resolution, RiderId, Round,
    Supply, Timestamp, TripId,
};
use futures_util::FutureExt;
use proptest::prelude::*;
use services::ports::{
    CellMarket, Clock, Created, Doorbell, DueTrips, HoldEnd, HoldStore, MarketReader, MarketSide,
    MarketSnapshot, MarketSnapshots, MarketState, MarketStore, OpenTrips, PortError, Reserved,
    RoundLease, Swap, TripEvents, TripStore,
};
use wire::messages::Ring;

use crate::queue::QueueConfig;

fn now_or_panic<T>(future: impl Future<Output = Result<T, PortError>> + Send) -> T {
    future
        .now_or_never()
        .expect("a future that is ready")
        .expect("no failure")
}

fn at(ms: i64) -> Timestamp {
    Timestamp::from_millis(ms)
}

fn region() -> Region {
    Region::new("springfield").unwrap()
}

fn place() -> Place {
    Place::from_metres(0.0, 0.0)
}

fn trip(id: u128, requested_ms: i64) -> Trip {
    Trip {
        id: TripId(id),
        region: region(),
        rider: RiderId(1),
        product: None,
        pickup: place(),
        dropoff: place(),
        fare: Fare {
            currency: Currency::USD,
            ride: Money::ZERO,
            booking_fee: Money::ZERO,
            driver_pay: Money::ZERO,
            surge: Multiplier::NONE,
        },
        distance_m: 0.0,
        duration: Duration::ZERO,
        fingerprint: [0; 16],
        patience: Duration::from_secs(300),
        requested_at: at(requested_ms),
        patience_until: at(requested_ms + 300_000),
        state: TripState::Requested,
        tries: Vec::new(),
        stamps: Stamps::default(),
        since: at(requested_ms),
        checked_at: Timestamp::ZERO,
        charge: Charge::default(),
        version: 1,
    }
}

fn ids(trips: &[Trip]) -> Vec<u128> {
    trips.iter().map(|trip| trip.id.0).collect()
}

#[test]
fn a_trip_is_created_once_and_moved_from_the_version_it_has() {
    let store = MemoryTrips::new(SweepPolicy::default());
    let first = trip(1, 0);
    assert_eq!(now_or_panic(store.get(first.id)), None);
    assert_eq!(now_or_panic(store.create(&first)), Created::New);
    let other = Trip {
        rider: RiderId(2),
        ..first.clone()
    };
    assert_eq!(
        now_or_panic(store.create(&other)),
        Created::Exists(Box::new(first.clone()))
    );
    let next = Trip {
        state: TripState::Completed,
        version: 2,
        ..first.clone()
    };
    assert_eq!(now_or_panic(store.transition(&next)), Swap::Done);
    assert_eq!(now_or_panic(store.transition(&next)), Swap::Lost);
    let missing = Trip {
        version: 2,
        ..trip(2, 0)
    };
    assert_eq!(now_or_panic(store.transition(&missing)), Swap::Lost);
    assert_eq!(now_or_panic(store.get(first.id)), Some(next));
    let counted = store.counters();
    assert_eq!(
        (counted.reads, counted.writes, counted.conditional_failures),
        (2, 2, 3)
    );
}

#[test]
fn the_indexes_follow_every_transition() {
    let store = MemoryTrips::new(SweepPolicy::default());
    let here = region();
    for (id, ms) in [(3, 100), (1, 300), (2, 200)] {
        now_or_panic(store.create(&trip(id, ms)));
    }
    assert_eq!(ids(&now_or_panic(store.open(&here, 10))), [3, 2, 1]);
    assert_eq!(ids(&now_or_panic(store.open(&here, 2))), [3, 2]);
    assert_eq!(
        ids(&now_or_panic(
            store.open(&Region::new("elsewhere").unwrap(), 2)
        )),
        [0_u128; 0]
    );
    let due = |at, limit| -> Vec<u128> {
        let due = now_or_panic(store.due(&here, at, limit));
        due.iter().map(|trip| trip.0).collect()
    };
    // Requested trips are due ten seconds after they were made.
    assert_eq!(due(at(10_099), 10), [0_u128; 0]);
    assert_eq!(due(at(10_200), 10), [3, 2]);
    assert_eq!(due(at(99_999), 1), [3]);
    let moved = Trip {
        state: TripState::Accepted,
        since: at(5_000),
        version: 2,
        ..trip(3, 100)
    };
    assert_eq!(now_or_panic(store.transition(&moved)), Swap::Done);
    assert_eq!(ids(&now_or_panic(store.open(&here, 10))), [2, 1]);
    assert_eq!(due(at(605_000), 10), [2, 1, 3]);
    let over = Trip {
        state: TripState::Completed,
        version: 3,
        ..moved
    };
    assert_eq!(now_or_panic(store.transition(&over)), Swap::Done);
    assert_eq!(due(Timestamp::MAX, 10), [2, 1]);
    assert_eq!(ids(&store.all()), [1, 2, 3]);
}

#[test]
fn a_round_has_one_taker_unless_the_lease_runs_out_unfinished() {
    let store = MemoryTrips::new(SweepPolicy::default());
    let take =
        |round, now, until| now_or_panic(store.take(&region(), Round(round), at(now), at(until)));
    assert!(take(1, 0, 30_000));
    assert!(!take(1, 29_999, 60_000));
    assert!(take(2, 0, 30_000), "another round");
    assert!(take(1, 30_000, 60_000), "the first taker died");
    now_or_panic(store.finish(&region(), Round(1)));
    assert!(!take(1, 999_999, 1_000_000));
}

fn hold(trip: u128, attempt: u32, driver: u64) -> Hold {
    Hold {
        key: HoldKey {
            trip: TripId(trip),
            attempt: Attempt(attempt),
            driver: DriverId(driver),
        },
        stage: HoldStage::Reserved,
        deadline: at(15_000),
        accepted_at: None,
        offer: Offer {
            rider: RiderId(1),
            pickup: place(),
            dropoff: place(),
            driver_pay: Money::ZERO,
            pickup_distance_m: 0.0,
        },
    }
}

#[test]
fn a_driver_is_kept_for_one_trip_and_a_trip_keeps_one_driver() {
    let store = MemoryHolds::new();
    let reserve = |trip, attempt, driver, ms| {
        now_or_panic(store.reserve(&hold(trip, attempt, driver), at(ms)))
    };
    assert_eq!(reserve(1, 1, 7, 0), Reserved::Held);
    assert_eq!(reserve(1, 1, 7, 1), Reserved::Held);
    assert_eq!(reserve(2, 1, 7, 1), Reserved::DriverTaken);
    assert_eq!(reserve(1, 1, 8, 1), Reserved::TripHeldBy(DriverId(7)));
    assert_eq!(reserve(1, 2, 7, 1), Reserved::DriverTaken);
    // A later attempt takes the place of an earlier one that was not accepted, and frees its driver.
    assert_eq!(reserve(1, 2, 8, 2), Reserved::Held);
    assert_eq!(reserve(1, 1, 9, 2), Reserved::TripHeldBy(DriverId(8)));
    assert_eq!(reserve(2, 1, 7, 2), Reserved::Held);
    // Live at its deadline, void after it.
    assert_eq!(reserve(3, 1, 7, 15_000), Reserved::DriverTaken);
    assert_eq!(reserve(3, 1, 7, 15_001), Reserved::Held);
    assert_eq!(store.all().len(), 2);
}

#[test]
fn an_accept_needs_an_offer_in_time_and_keeps_its_first_time() {
    let store = MemoryHolds::new();
    let key = hold(1, 1, 7).key;
    let accept = |key, ms| now_or_panic(store.accept(key, at(ms)));
    assert_eq!(accept(key, 0), Err(Refusal::NotOffered));
    assert!(!now_or_panic(store.mark_offered(key)));
    now_or_panic(store.reserve(&hold(1, 1, 7), at(0)));
    assert_eq!(accept(key, 1), Err(Refusal::NotOffered));
    assert!(now_or_panic(store.mark_offered(key)));
    assert!(now_or_panic(store.mark_offered(key)));
    assert_eq!(
        accept(
            HoldKey {
                attempt: Attempt(2),
                ..key
            },
            1
        ),
        Err(Refusal::NotOffered)
    );
    assert_eq!(accept(key, 15_001), Err(Refusal::Late));
    let accepted = accept(key, 14_000).unwrap();
    assert_eq!(
        (accepted.stage, accepted.accepted_at),
        (HoldStage::Accepted, Some(at(14_000)))
    );
    assert_eq!(accept(key, 99_000), Ok(accepted));
    assert!(now_or_panic(store.mark_offered(key)));
    let later = now_or_panic(store.reserve(&hold(1, 2, 8), at(99_000)));
    assert_eq!(later, Reserved::TripHeldBy(DriverId(7)));
    // An accepted hold outlives its deadline, and ends only by release.
    assert_eq!(now_or_panic(store.live(at(99_000))), [accepted]);
    assert!(!now_or_panic(store.end(key, HoldEnd::Expired)));
    assert!(now_or_panic(store.end(key, HoldEnd::Released)));
    assert!(
        now_or_panic(store.end(key, HoldEnd::Released)),
        "gone is gone"
    );
    assert_eq!(now_or_panic(store.live(at(0))), []);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]
    #[test]
    fn nobody_holds_twice_and_an_accept_stands_until_released(
        steps in proptest::collection::vec(
            (0_u8..6, 0_u128..4, 1_u32..4, 0_u64..4, 0_i64..4_000), 1..300,
        ),
    ) {
        let store = MemoryHolds::new();
        let (mut ms, mut accepted) = (0, BTreeSet::new());
        for (step, trip, attempt, driver, pause) in steps {
            ms += pause;
            let wanted = Hold { deadline: at(ms + 5_000), ..hold(trip, attempt, driver) };
            let key = wanted.key;
            match step {
                0 | 1 => {
                    let result = now_or_panic(store.reserve(&wanted, at(ms)));
                    let live = now_or_panic(store.live(at(ms)));
                    let held = live.iter().any(|hold| hold.key == key);
                    prop_assert_eq!(held, result == Reserved::Held);
                }
                2 => {
                    now_or_panic(store.mark_offered(key));
                }
                3 => if now_or_panic(store.accept(key, at(ms))).is_ok() {
                    accepted.insert(key);
                },
                4 => {
                    let gone = now_or_panic(store.end(key, HoldEnd::Expired));
                    prop_assert_eq!(gone, !accepted.contains(&key));
                }
                _ => {
                    prop_assert!(now_or_panic(store.end(key, HoldEnd::Released)));
                    accepted.remove(&key);
                }
            }
            let live = now_or_panic(store.live(at(ms)));
            let trips: BTreeSet<_> = live.iter().map(|hold| hold.key.trip).collect();
            let drivers: BTreeSet<_> = live.iter().map(|hold| hold.key.driver).collect();
            prop_assert_eq!((trips.len(), drivers.len()), (live.len(), live.len()));
            let standing = live.iter().filter(|hold| hold.stage == HoldStage::Accepted);
            prop_assert_eq!(&standing.map(|hold| hold.key).collect::<BTreeSet<_>>(), &accepted);
        }
    }
}

#[test]
fn the_market_is_swapped_by_version_and_tells_its_cells() {
    let store = MemoryMarket::new();
    let here = region();
    let at_home = Place::new(40.75, -73.98).unwrap();
    let cell = Cell::of(at_home, Resolution::new(8).unwrap());
    assert_eq!(now_or_panic(store.load(&here)), MarketState::default());
    assert_eq!(now_or_panic(store.cell(&here, cell)), None);
    let told = CellMarket {
        multiplier: Multiplier::from_hundredths(150),
        nearby: Nearby::from(3),
    };
    let next = MarketState {
        supply: Supply::from(BTreeMap::from([(cell, 3)])).into(),
        told: BTreeMap::from([(cell, told)]).into(),
        untold: BTreeSet::from([cell]).into(),
        version: 1,
        ..MarketState::default()
    };
    assert_eq!(now_or_panic(store.store(&here, &next)), Swap::Done);
    let stale = MarketState {
        version: 1,
        ..MarketState::default()
    };
    assert_eq!(now_or_panic(store.store(&here, &stale)), Swap::Lost);
    assert_eq!(now_or_panic(store.load(&here)), next);
    assert_eq!(now_or_panic(store.cell(&here, cell)), None);
    now_or_panic(store.tell(&here, &next));
    assert_eq!(now_or_panic(store.cell(&here, cell)), Some(told));
    let elsewhere = Region::new("elsewhere").unwrap();
    assert_eq!(now_or_panic(store.cell(&elsewhere, cell)), None);
}

#[derive(Clone, Default)]
struct ManualClock(Arc<AtomicI64>);

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        at(self.0.load(Ordering::Relaxed))
    }
}

#[test]
fn a_ring_arrives_no_earlier_than_its_delay_and_is_not_lost() {
    let clock = ManualClock::default();
    let queue: MemoryQueue<Ring, ManualClock> =
        MemoryQueue::new(QueueConfig::default(), clock.clone());
    let doorbell = queue.clone();
    now_or_panic(doorbell.ring(&region(), Round(5), Duration::from_millis(1_200)));
    clock.0.store(1_999, Ordering::Relaxed);
    assert_eq!(queue.receive(10).unwrap(), []);
    assert_eq!(queue.next_visible_at(), Some(at(2_000)));
    clock.0.store(2_000, Ordering::Relaxed);
    let ring = queue.receive(10).unwrap().remove(0);
    assert_eq!(
        ring.body,
        Ring {
            region: region(),
            round: Round(5)
        }
    );
    assert!(queue.delete(ring.receipt));
    assert_eq!((queue.counters().sent, queue.counters().deleted), (1, 1));
    let error = doorbell
        .ring(&region(), Round(5), Duration::from_secs(901))
        .now_or_never();
    assert!(matches!(
        error,
        Some(Err(PortError::Unavailable {
            port: "doorbell",
            ..
        }))
    ));
}

#[test]
fn events_and_snapshots_arrive_as_they_were_sent() {
    let events: MemoryQueue<TripEvent, _> =
        MemoryQueue::new(QueueConfig::default(), ManualClock::default());
    let event = TripEvent {
        key: hold(1, 1, 7).key,
        sequence: 1,
        kind: TripEventKind::Accepted,
        at: at(3),
        stamps: Stamps::default(),
    };
    now_or_panic(TripEvents::send(&events, &event));
    assert_eq!(events.receive(1).unwrap()[0].body, event);
    let snapshots: MemoryQueue<MarketSnapshot, _> =
        MemoryQueue::new(QueueConfig::default(), ManualClock::default());
    let snapshot = MarketSnapshot {
        region: region(),
        side: MarketSide::Supply(Supply::default()),
        at: at(4),
    };
    now_or_panic(snapshots.publish(&snapshot));
    assert_eq!(snapshots.receive(1).unwrap()[0].body, snapshot);
}

#[test]
fn the_stores_can_be_shared_between_threads() {
    fn shared<T: Send + Sync + Clone>(_: &T) {}
    shared(&MemoryTrips::new(SweepPolicy::default()));
    shared(&MemoryHolds::new());
    shared(&MemoryMarket::new());
    shared(&MemoryQueue::<Ring, _>::new(
        QueueConfig::default(),
        ManualClock::default(),
    ));
}
