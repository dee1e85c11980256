//! The contract of [`TripStore`], [`OpenTrips`] and [`DueTrips`].

use std::sync::Arc;
use std::time::Duration;

use domain::trip::{SweepPolicy, Trip, UnservedReason};
use domain::{Attempt, DriverId, RiderId, TripId};
use services::ports::{Created, DueTrips, OpenTrips, Swap, TripStore};

use super::samples::{region, second, trip};
use super::{eventually, race};

/// Every sentence of [`TripStore`].
///
/// # Panics
/// If one is broken.
pub async fn trip_store_contract<S: TripStore + 'static>(store: Arc<S>) {
    let here = region("store");
    assert_eq!(
        store.get(TripId(404)).await.unwrap(),
        None,
        "an unknown trip"
    );
    let first = trip(&here, 1, second(0));
    assert_eq!(store.create(&first).await.unwrap(), Created::New);
    assert_eq!(
        store.get(first.id).await.unwrap().as_ref(),
        Some(&first),
        "every field is kept"
    );

    let another = Trip {
        rider: RiderId(99),
        ..first.clone()
    };
    let exists = Created::Exists(Box::new(first.clone()));
    assert_eq!(
        store.create(&another).await.unwrap(),
        exists,
        "a trip of that id was there"
    );
    assert_eq!(
        store.get(first.id).await.unwrap().as_ref(),
        Some(&first),
        "and was not replaced"
    );

    let offered = offered(&first, 1);
    assert_eq!(store.transition(&offered).await.unwrap(), Swap::Done);
    assert_eq!(
        store.get(first.id).await.unwrap().as_ref(),
        Some(&offered),
        "tries are kept too"
    );
    let late = first
        .unserved(UnservedReason::PatienceOver, second(2))
        .unwrap();
    assert_eq!(
        store.transition(&late).await.unwrap(),
        Swap::Lost,
        "its version was written over"
    );
    let skipping = Trip {
        version: offered.version + 2,
        ..offered.clone()
    };
    assert_eq!(
        store.transition(&skipping).await.unwrap(),
        Swap::Lost,
        "a version that never was"
    );
    assert_eq!(
        store.get(first.id).await.unwrap().as_ref(),
        Some(&offered),
        "a loser writes nothing"
    );
    let unknown = self::offered(&trip(&here, 2, second(0)), 1);
    assert_eq!(
        store.transition(&unknown).await.unwrap(),
        Swap::Lost,
        "there is none to replace"
    );
    assert_eq!(
        store.get(unknown.id).await.unwrap(),
        None,
        "and none was made"
    );

    one_of_many_creates(&store).await;
    one_of_many_transitions(&store).await;
}

fn offered(trip: &Trip, driver: u32) -> Trip {
    let driver = DriverId(driver.into());
    let attempt = trip.attempt().next();
    trip.offered(attempt, driver, second(16), second(1))
        .expect("the sample waits for a driver")
}

async fn one_of_many_creates<S: TripStore + 'static>(store: &Arc<S>) {
    let wanted = trip(&region("store"), 3, second(0));
    let found = race(store, |store, number| {
        let mine = Trip {
            rider: RiderId(number.into()),
            ..wanted.clone()
        };
        async move { (store.create(&mine).await.unwrap(), mine) }
    })
    .await;
    let new: Vec<_> = found
        .iter()
        .filter(|(made, _)| *made == Created::New)
        .collect();
    assert_eq!(new.len(), 1, "one create makes the trip");
    let winner = &new[0].1;
    assert_eq!(store.get(wanted.id).await.unwrap().as_ref(), Some(winner));
    for (made, _) in &found {
        match made {
            Created::New => {}
            Created::Exists(found) => assert_eq!(&**found, winner, "the others are told which"),
        }
    }
}

async fn one_of_many_transitions<S: TripStore + 'static>(store: &Arc<S>) {
    let start = trip(&region("store"), 4, second(0));
    store.create(&start).await.unwrap();
    let found = race(store, |store, number| {
        let mine = offered(&start, number);
        async move { (store.transition(&mine).await.unwrap(), mine) }
    })
    .await;
    let done: Vec<_> = found
        .iter()
        .filter(|(swap, _)| *swap == Swap::Done)
        .collect();
    assert_eq!(done.len(), 1, "one transition takes place from a version");
    assert_eq!(
        store.get(start.id).await.unwrap().as_ref(),
        Some(&done[0].1),
        "the winner's"
    );
}

/// Every sentence of [`OpenTrips`].
///
/// # Panics
/// If one is broken.
pub async fn open_trips_contract<S: TripStore + OpenTrips>(store: Arc<S>) {
    let (here, there) = (region("open-here"), region("open-there"));
    // Requested in an order that is neither that of the ids nor that of the writes.
    let waits = [50, 10, 40, 20, 30, 60, 70, 5].map(i64::from);
    let trips: Vec<_> = (0u32..)
        .zip(waits)
        .map(|(n, at)| trip(&here, 100 + n, second(at)))
        .collect();
    for one in &trips {
        store.create(one).await.unwrap();
    }
    let foreign = trip(&there, 150, second(1));
    store.create(&foreign).await.unwrap();
    let mut oldest_first = trips.clone();
    oldest_first.sort_by_key(|trip| trip.requested_at);

    let all = || async { store.open(&here, 100).await.unwrap() };
    eventually(
        "the open trips of a region, oldest first",
        &oldest_first,
        all,
    )
    .await;
    let three = || async { store.open(&here, 3).await.unwrap() };
    eventually(
        "at most the limit, the oldest",
        &oldest_first[..3].to_vec(),
        three,
    )
    .await;
    assert_eq!(
        store.open(&here, 0).await.unwrap(),
        [],
        "nothing at a limit of nothing"
    );
    assert_eq!(
        store.open(&region("open-nowhere"), 9).await.unwrap(),
        [],
        "an unknown region"
    );

    let gone = offered(&oldest_first[0], 1);
    assert_eq!(store.transition(&gone).await.unwrap(), Swap::Done);
    let ended = oldest_first[2]
        .unserved(UnservedReason::PatienceOver, second(80))
        .unwrap();
    assert_eq!(store.transition(&ended).await.unwrap(), Swap::Done);
    let mut left = oldest_first.clone();
    left.retain(|trip| trip.id != gone.id && trip.id != ended.id);
    eventually("those who wait no more are out", &left, all).await;

    let back = Trip {
        version: gone.version + 1,
        tries: Vec::new(),
        ..oldest_first[0].clone()
    };
    assert_eq!(store.transition(&back).await.unwrap(), Swap::Done);
    left.insert(0, back);
    eventually("one who waits again is in, at its old place", &left, all).await;
    let over_there = || async { store.open(&there, 100).await.unwrap() };
    eventually("regions do not mix", &vec![foreign], over_there).await;
}

/// Every sentence of [`DueTrips`], for a store that was made with this policy.
///
/// # Panics
/// If one is broken.
pub async fn due_trips_contract<S: TripStore + DueTrips>(store: Arc<S>, policy: &SweepPolicy) {
    let here = region("due");
    let trips: Vec<_> = (0u32..6)
        .map(|n| trip(&here, 200 + n, second(i64::from(n * 37 % 6) * 10)))
        .collect();
    for one in &trips {
        store.create(one).await.unwrap();
    }
    let mut longest_first = trips.clone();
    longest_first.sort_by_key(|trip| trip.due_at(policy));
    let third = longest_first[2]
        .due_at(policy)
        .expect("a requested trip is due once");

    let due = |at, limit| {
        let (store, here) = (Arc::clone(&store), here.clone());
        async move { store.due(&here, at, limit).await.unwrap() }
    };
    let ids = |trips: &[Trip]| -> Vec<TripId> { trips.iter().map(|trip| trip.id).collect() };
    let first_three = ids(&longest_first[..3]);
    eventually("due at or before now, longest first", &first_three, || {
        due(third, 100)
    })
    .await;
    let before = ids(&longest_first[..2]);
    eventually("not those due later", &before, || {
        due(third - MICROSECOND, 100)
    })
    .await;
    eventually("at most the limit", &before, || due(third, 2)).await;
    assert_eq!(
        store.due(&region("due-nowhere"), third, 9).await.unwrap(),
        [],
        "a region's only"
    );

    let offered = offered(&longest_first[0], 1);
    assert_eq!(offered.attempt(), Attempt(1));
    let at = offered.due_at(policy).expect("an offered trip is due once");
    assert!(
        at < third,
        "the sample's offer comes due before the third request"
    );
    assert_eq!(store.transition(&offered).await.unwrap(), Swap::Done);
    let ended = longest_first[1]
        .unserved(UnservedReason::PatienceOver, second(80))
        .unwrap();
    assert_eq!(store.transition(&ended).await.unwrap(), Swap::Done);
    let moved = vec![offered.id, longest_first[2].id];
    eventually("by its present state; never once final", &moved, || {
        due(third, 100)
    })
    .await;
    eventually("not by its state before", &Vec::new(), || {
        due(at - MICROSECOND, 100)
    })
    .await;
}

const MICROSECOND: Duration = Duration::from_micros(1);
