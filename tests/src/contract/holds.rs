//! The contract of [`HoldStore`].

use std::sync::Arc;
use std::time::Duration;

use domain::hold::{Hold, HoldKey, HoldStage, Refusal};
use domain::{DriverId, Timestamp};
use services::ports::{HoldEnd, HoldStore, Reserved};

use super::race;
use super::samples::{hold, key, second};

const AFTER: Duration = Duration::from_micros(1);

/// Every sentence of [`HoldStore`]. The store is empty.
///
/// # Panics
/// If one is broken.
pub async fn hold_store_contract<S: HoldStore + 'static>(store: Arc<S>) {
    assert_eq!(
        store.live(second(0)).await.unwrap(),
        [],
        "the store is empty"
    );
    reserving(&*store).await;
    voiding(&*store).await;
    attempts(&*store).await;
    offering_and_accepting(&*store).await;
    refusing(&*store).await;
    ending(&*store).await;
    living(&*store).await;
    racing_for_a_driver(&store).await;
    racing_for_a_trip(&store).await;
    racing_to_accept_and_expire(&store).await;
    two_attempts_accept_once(&store).await;
}

async fn reserve(store: &impl HoldStore, key: HoldKey, deadline: Timestamp) -> Reserved {
    store
        .reserve(&hold(key, deadline), second(0))
        .await
        .unwrap()
}

/// The driver's hold, whatever its stage, if it is live.
async fn of_driver(store: &impl HoldStore, driver: DriverId, now: Timestamp) -> Option<Hold> {
    let holds = store.live(now).await.unwrap();
    let mut of_driver = holds.into_iter().filter(|hold| hold.key.driver == driver);
    let found = of_driver.next();
    assert_eq!(of_driver.next(), None, "one driver has one live hold");
    found
}

async fn reserving(store: &impl HoldStore) {
    let (mine, deadline) = (key(1, 1, 1), second(15));
    assert_eq!(reserve(store, mine, deadline).await, Reserved::Held);
    let kept = of_driver(store, mine.driver, second(0)).await;
    assert_eq!(kept, Some(hold(mine, deadline)), "every field is kept");
    assert_eq!(
        reserve(store, mine, deadline).await,
        Reserved::Held,
        "the same again"
    );
    assert_eq!(
        of_driver(store, mine.driver, second(0)).await,
        kept,
        "changes nothing"
    );
    assert_eq!(
        reserve(store, key(2, 1, 1), deadline).await,
        Reserved::DriverTaken
    );
    let by_first = Reserved::TripHeldBy(mine.driver);
    assert_eq!(
        reserve(store, key(1, 1, 2), deadline).await,
        by_first,
        "by another driver"
    );
    assert_eq!(
        of_driver(store, DriverId(2), second(0)).await,
        None,
        "who is not kept"
    );
}

async fn voiding(store: &impl HoldStore) {
    let (first, deadline) = (key(10, 1, 10), second(15));
    assert_eq!(reserve(store, first, deadline).await, Reserved::Held);
    let next = hold(key(11, 1, 10), second(60));
    assert_eq!(
        store.reserve(&next, deadline).await.unwrap(),
        Reserved::DriverTaken,
        "in time"
    );
    let past = deadline + AFTER;
    assert_eq!(
        store.reserve(&next, past).await.unwrap(),
        Reserved::Held,
        "a void hold keeps nobody"
    );
    assert_eq!(of_driver(store, DriverId(10), past).await, Some(next));
    let same_attempt = hold(key(10, 1, 12), second(60));
    assert_eq!(
        store.reserve(&same_attempt, past).await.unwrap(),
        Reserved::Held,
        "a void hold keeps no trip"
    );
    assert!(
        store.end(first, HoldEnd::Expired).await.unwrap(),
        "the void hold is gone"
    );
    let kept = [next.key, same_attempt.key];
    for key in kept {
        assert!(
            of_driver(store, key.driver, past).await.is_some(),
            "ending it ends no other"
        );
    }
}

async fn attempts(store: &impl HoldStore) {
    let (first, second_try) = (key(20, 1, 20), key(20, 2, 21));
    assert_eq!(reserve(store, first, second(15)).await, Reserved::Held);
    assert!(store.end(first, HoldEnd::Released).await.unwrap());
    assert_eq!(
        reserve(store, second_try, second(15)).await,
        Reserved::Held,
        "the attempt after"
    );
    let stale = reserve(store, key(20, 1, 22), second(15)).await;
    assert_eq!(
        stale,
        Reserved::TripHeldBy(DriverId(21)),
        "a later attempt is under way"
    );
    // The first attempt may not have been let go when the second is reserved.
    assert_eq!(
        reserve(store, key(20, 3, 23), second(15)).await,
        Reserved::Held
    );

    let accepted = accepted(store, key(24, 1, 24)).await;
    let other = reserve(store, key(24, 2, 25), second(15)).await;
    assert_eq!(
        other,
        Reserved::TripHeldBy(accepted.key.driver),
        "an accepted trip is kept"
    );
    let past = hold(key(24, 2, 25), second(90));
    let other = store.reserve(&past, second(60)).await.unwrap();
    assert_eq!(
        other,
        Reserved::TripHeldBy(accepted.key.driver),
        "past its deadline too"
    );
    let taken = store
        .reserve(&hold(key(26, 1, 24), second(90)), second(60))
        .await
        .unwrap();
    assert_eq!(taken, Reserved::DriverTaken, "and its driver");
    assert!(store.end(accepted.key, HoldEnd::Released).await.unwrap());
    assert_eq!(
        store.reserve(&past, second(60)).await.unwrap(),
        Reserved::Held,
        "until it ends"
    );
}

async fn accepted(store: &impl HoldStore, key: HoldKey) -> Hold {
    assert_eq!(reserve(store, key, second(15)).await, Reserved::Held);
    assert!(store.mark_offered(key).await.unwrap());
    store
        .accept(key, second(5))
        .await
        .unwrap()
        .expect("it was offered and is in time")
}

async fn offering_and_accepting(store: &impl HoldStore) {
    let (mine, deadline) = (key(30, 1, 30), second(15));
    assert!(!store.mark_offered(mine).await.unwrap(), "there is no hold");
    assert_eq!(reserve(store, mine, deadline).await, Reserved::Held);
    let early = store.accept(mine, second(1)).await.unwrap();
    assert_eq!(early, Err(Refusal::NotOffered), "the driver was not told");
    assert!(
        !store.mark_offered(key(30, 2, 30)).await.unwrap(),
        "another attempt's"
    );
    assert!(
        !store.mark_offered(key(31, 1, 30)).await.unwrap(),
        "another trip's"
    );
    assert!(store.mark_offered(mine).await.unwrap());
    assert!(store.mark_offered(mine).await.unwrap(), "again");
    let offered = Hold {
        stage: HoldStage::Offered,
        ..hold(mine, deadline)
    };
    assert_eq!(
        of_driver(store, mine.driver, second(1)).await,
        Some(offered)
    );

    let accepted = Hold {
        stage: HoldStage::Accepted,
        accepted_at: Some(deadline),
        ..offered
    };
    assert_eq!(
        store.accept(mine, deadline).await.unwrap(),
        Ok(accepted),
        "at the deadline"
    );
    assert_eq!(
        of_driver(store, mine.driver, second(1)).await,
        Some(accepted)
    );
    let again = store.accept(mine, second(99)).await.unwrap();
    assert_eq!(again, Ok(accepted), "again, and the first time stands");
    assert!(store.mark_offered(mine).await.unwrap(), "it was accepted");
    assert_eq!(
        of_driver(store, mine.driver, second(99)).await,
        Some(accepted),
        "and stays so"
    );
    assert_eq!(
        reserve(store, mine, deadline).await,
        Reserved::Held,
        "the same again"
    );
    assert_eq!(
        of_driver(store, mine.driver, second(99)).await,
        Some(accepted),
        "changes nothing"
    );
}

async fn refusing(store: &impl HoldStore) {
    let mine = key(40, 2, 40);
    let missing = store.accept(mine, second(1)).await.unwrap();
    assert_eq!(missing, Err(Refusal::NotOffered), "no such offer was made");
    assert_eq!(reserve(store, mine, second(15)).await, Reserved::Held);
    assert!(store.mark_offered(mine).await.unwrap());
    for other in [key(40, 1, 40), key(40, 2, 41), key(41, 2, 40)] {
        let answer = store.accept(other, second(1)).await.unwrap();
        assert_eq!(
            answer,
            Err(Refusal::NotOffered),
            "{other:?} was not offered"
        );
    }
    let late = store.accept(mine, second(15) + AFTER).await.unwrap();
    assert_eq!(late, Err(Refusal::Late));
    let kept = of_driver(store, mine.driver, second(15)).await.unwrap();
    assert_eq!(kept.stage, HoldStage::Offered, "a refusal changes nothing");
    assert!(store.end(mine, HoldEnd::Released).await.unwrap());
    let gone = store.accept(mine, second(2)).await.unwrap();
    assert_eq!(gone, Err(Refusal::NotOffered), "it was withdrawn");
}

async fn ending(store: &impl HoldStore) {
    for why in [HoldEnd::Released, HoldEnd::Expired] {
        assert!(
            store.end(key(50, 1, 50), why).await.unwrap(),
            "what never was is gone"
        );
        let mine = key(50, 1, 50);
        assert_eq!(reserve(store, mine, second(15)).await, Reserved::Held);
        for other in [key(50, 2, 50), key(51, 1, 50), key(50, 1, 51)] {
            assert!(store.end(other, why).await.unwrap(), "another hold is gone");
            assert!(
                of_driver(store, mine.driver, second(1)).await.is_some(),
                "this one is not"
            );
        }
        assert!(store.end(mine, why).await.unwrap());
        assert_eq!(
            of_driver(store, mine.driver, second(1)).await,
            None,
            "and is gone"
        );
        assert!(store.end(mine, why).await.unwrap(), "again");
        assert!(
            !store.mark_offered(mine).await.unwrap(),
            "what is gone is not offered"
        );
    }
    let accepted = accepted(store, key(52, 1, 52)).await;
    assert!(
        !store.end(accepted.key, HoldEnd::Expired).await.unwrap(),
        "accepted does not expire"
    );
    let kept = of_driver(store, accepted.key.driver, second(99)).await;
    assert_eq!(kept, Some(accepted), "and stays");
    assert!(store.end(accepted.key, HoldEnd::Released).await.unwrap());
    assert_eq!(
        of_driver(store, accepted.key.driver, second(99)).await,
        None
    );
}

async fn living(store: &impl HoldStore) {
    let (void, kept) = (key(60, 1, 60), accepted(store, key(61, 1, 61)).await);
    assert_eq!(reserve(store, void, second(15)).await, Reserved::Held);
    assert!(
        of_driver(store, void.driver, second(15)).await.is_some(),
        "at its deadline"
    );
    assert_eq!(
        of_driver(store, void.driver, second(15) + AFTER).await,
        None,
        "past it"
    );
    assert_eq!(
        of_driver(store, kept.key.driver, second(9_999)).await,
        Some(kept),
        "accepted"
    );
}

async fn racing_for_a_driver<S: HoldStore + 'static>(store: &Arc<S>) {
    let found = race(store, |store, number| async move {
        reserve(&*store, key(1_000 + number, 1, 70), second(15)).await
    })
    .await;
    let held = found
        .iter()
        .filter(|reserved| **reserved == Reserved::Held)
        .count();
    let taken = found
        .iter()
        .filter(|reserved| **reserved == Reserved::DriverTaken)
        .count();
    assert_eq!(
        (held, taken),
        (1, found.len() - 1),
        "one of many trips keeps a driver: {found:?}"
    );
    let winner = found
        .iter()
        .position(|reserved| *reserved == Reserved::Held)
        .unwrap();
    let kept = of_driver(&**store, DriverId(70), second(1)).await.unwrap();
    assert_eq!(
        kept.key.trip,
        key(1_000 + u32::try_from(winner).unwrap(), 1, 70).trip
    );
}

async fn racing_for_a_trip<S: HoldStore + 'static>(store: &Arc<S>) {
    let found = race(store, |store, number| async move {
        (
            number,
            reserve(&*store, key(80, 1, 2_000 + number), second(15)).await,
        )
    })
    .await;
    let held: Vec<_> = found
        .iter()
        .filter(|(_, reserved)| *reserved == Reserved::Held)
        .collect();
    assert_eq!(
        held.len(),
        1,
        "a trip's attempt keeps one of many drivers: {found:?}"
    );
    let winner = DriverId((2_000 + held[0].0).into());
    for (number, reserved) in &found {
        let driver = DriverId((2_000 + number).into());
        let kept = of_driver(&**store, driver, second(1)).await;
        if driver == winner {
            assert!(kept.is_some());
        } else {
            assert_eq!(
                *reserved,
                Reserved::TripHeldBy(winner),
                "the others are told whom"
            );
            assert_eq!(kept, None, "and are free");
        }
    }
}

async fn racing_to_accept_and_expire<S: HoldStore + 'static>(store: &Arc<S>) {
    for round in 0..8 {
        let mine = key(90 + round, 1, 90 + round);
        assert_eq!(reserve(&**store, mine, second(15)).await, Reserved::Held);
        assert!(store.mark_offered(mine).await.unwrap());
        let found = race(store, |store, number| async move {
            if number % 2 == 0 {
                (store.accept(mine, second(15)).await.unwrap().is_ok(), false)
            } else {
                (false, store.end(mine, HoldEnd::Expired).await.unwrap())
            }
        })
        .await;
        let accepted = found.iter().any(|(accepted, _)| *accepted);
        let ended = found.iter().any(|(_, ended)| *ended);
        assert!(
            accepted != ended,
            "a hold is accepted or expires, not both: {found:?}"
        );
        let kept = of_driver(&**store, mine.driver, second(16)).await;
        assert_eq!(kept.is_some(), accepted, "and stands so");
    }
}

async fn two_attempts_accept_once<S: HoldStore + 'static>(store: &Arc<S>) {
    for round in 0..8 {
        let trip = 200 + round;
        let (first, next) = (key(trip, 1, 2 * trip), key(trip, 2, 2 * trip + 1));
        assert_eq!(reserve(&**store, first, second(15)).await, Reserved::Held);
        assert!(store.mark_offered(first).await.unwrap());
        let found = race(store, |store, number| async move {
            if number % 2 == 0 {
                return (1, store.accept(first, second(5)).await.unwrap().is_ok());
            }
            // Another round believes that the first attempt is over.
            let reserved = reserve(&*store, next, second(15)).await;
            let offered = store.mark_offered(next).await.unwrap();
            assert!(
                offered || reserved != Reserved::Held,
                "what is held can be offered"
            );
            (2, store.accept(next, second(5)).await.unwrap().is_ok())
        })
        .await;
        let by_first = found.contains(&(1, true));
        let by_next = found.contains(&(2, true));
        assert!(
            by_first != by_next,
            "one attempt of a trip is accepted: {found:?}"
        );
    }
}
