//! What holds of every trip, whatever happens to it and in whatever order it is told.

use proptest::prelude::*;
use proptest::sample::subsequence;

use super::*;
use crate::fare::Tariff;
use crate::limits::ATTEMPTS_MAX;
use crate::money::{Currency, Money};
use crate::surge::Multiplier;

const REQUESTED_AT: Timestamp = Timestamp::from_millis(1_000_000);

fn at(seconds: u64) -> Timestamp {
    REQUESTED_AT + Duration::from_secs(seconds)
}

fn requested() -> Trip {
    Trip {
        id: TripId(1),
        region: Region::new("flatland").unwrap(),
        rider: RiderId(1),
        product: None,
        pickup: Place::from_metres(0.0, 0.0),
        dropoff: Place::from_metres(1_000.0, 0.0),
        fare: Fare {
            currency: Currency::USD,
            ride: Money::from_minor(1_000),
            booking_fee: Money::from_minor(100),
            driver_pay: Money::from_minor(800),
            surge: Multiplier::NONE,
        },
        distance_m: 1_000.0,
        duration: Duration::from_secs(100),
        fingerprint: [0; 16],
        patience: Duration::from_secs(300),
        requested_at: REQUESTED_AT,
        patience_until: at(300),
        state: TripState::Requested,
        tries: Vec::new(),
        stamps: Stamps::default(),
        since: REQUESTED_AT,
        checked_at: Timestamp::ZERO,
        charge: Charge::default(),
        version: 1,
    }
}

fn offered_to(trip: &Trip, driver: u64, now: Timestamp) -> Trip {
    let deadline = now + Duration::from_secs(15);
    trip.offered(trip.attempt().next(), DriverId(driver), deadline, now)
        .unwrap()
}

fn event(key: HoldKey, kind: TripEventKind, now: Timestamp, stamps: Stamps) -> TripEvent {
    TripEvent {
        key,
        sequence: 1,
        kind,
        at: now,
        stamps,
    }
}

/// What a driver reports of a whole ride, each report with all stamps before it.
fn ride(key: HoldKey, no_show: bool) -> Vec<TripEvent> {
    use TripEventKind::{Accepted, Arrived, DroppedOff, NoShow, PickedUp};
    let mut stamps = Stamps {
        accepted_at: Some(at(10)),
        ..Stamps::default()
    };
    let mut events = vec![event(key, Accepted, at(10), stamps)];
    stamps.arrived_at = Some(at(60));
    events.push(event(key, Arrived, at(60), stamps));
    if no_show {
        events.push(event(key, NoShow, at(400), stamps));
        return events;
    }
    stamps.picked_up_at = Some(at(260));
    events.push(event(key, PickedUp, at(260), stamps));
    stamps.dropped_off_at = Some(at(900));
    events.push(event(key, DroppedOff, at(900), stamps));
    events
}

/// The trip after events, each applied at its place in the order, and how often it was stored.
fn told(mut trip: Trip, events: &[TripEvent]) -> Trip {
    let tariff = Tariff::default_usd();
    for event in events {
        if let Outcome::Moved(next) = trip.apply(event, &tariff, at(1_000)) {
            trip = *next;
        }
    }
    trip
}

/// A trip without what the order of reports may change: how many steps it took.
fn but_for_steps(trip: Trip) -> Trip {
    Trip { version: 0, ..trip }
}

proptest! {
    /// However the reports of a ride are mixed, doubled and cut short, the trip ends as the farthest of
    /// them says, with the same stamps and the same charge.
    #[test]
    fn fast_forward_knows_no_order(
        no_show in any::<bool>(),
        (told_first, told_again) in (0usize..=4).prop_flat_map(|_| {
            let all: Vec<usize> = (0..4).collect();
            (subsequence(all.clone(), 1..=4), subsequence(all, 0..=4))
        }),
        seed in any::<prop::sample::Index>(),
        expired_first in any::<bool>(),
    ) {
        let offered = offered_to(&requested(), 7, at(5));
        let key = offered.hold_key().unwrap();
        let events = ride(key, no_show);
        let pick = |indexes: &[usize]| -> Vec<TripEvent> {
            indexes.iter().filter_map(|index| events.get(*index).copied()).collect()
        };
        let in_order = pick(&told_first);
        prop_assume!(!in_order.is_empty());
        let again: Vec<usize> = told_again.into_iter().filter(|index| told_first.contains(index)).collect();
        let mut mixed = [in_order.clone(), pick(&again)].concat();
        let turn = seed.index(mixed.len());
        mixed.rotate_left(turn);
        if turn % 2 == 0 {
            mixed.reverse();
        }
        if expired_first {
            // The sweep gave the offer up for expired before the accept was heard of.
            mixed.insert(0, event(key, TripEventKind::Expired, at(20), Stamps::default()));
        }
        let expected = but_for_steps(told(offered.clone(), &in_order));
        let found = told(offered, &mixed);
        prop_assert_eq!(but_for_steps(found.clone()), expected);
        // Told again from the start, nothing changes.
        prop_assert_eq!(told(found.clone(), &mixed), found);
    }

    /// Whatever anybody does with a trip: a step adds one to its version, a final state stays, at most one
    /// try is accepted, and tries end before the next begins.
    #[test]
    fn every_history_is_sound(steps in prop::collection::vec((0u8..12, 0u64..3, 0u32..3), 1..80)) {
        let tariff = Tariff::default_usd();
        let mut trip = requested();
        for (second, (step, driver, behind)) in steps.into_iter().enumerate() {
            let now = at(second as u64 * 20);
            let next = step_of(&trip, (step, driver, behind), &tariff, now);
            let Some(next) = next else { continue };
            prop_assert_eq!(next.version, trip.version + 1);
            prop_assert!(!trip.state.is_final(), "{:?} became {:?}", trip.state, next.state);
            prop_assert!(sound(&next), "{:?} became {:?}", trip, next);
            trip = next;
        }
    }
}

/// What one of the possible steps makes of a trip, if it changes it.
fn step_of(
    trip: &Trip,
    (step, driver, behind): (u8, u64, u32),
    tariff: &Tariff,
    now: Timestamp,
) -> Option<Trip> {
    use TripEventKind::{Accepted, Arrived, Declined, DroppedOff, Expired, NoShow, PickedUp};
    let kinds = [
        Accepted, Arrived, PickedUp, DroppedOff, NoShow, Declined, Expired,
    ];
    match step {
        0 => {
            let deadline = now + Duration::from_secs(15);
            trip.offered(trip.attempt().next(), DriverId(driver), deadline, now)
                .ok()
        }
        1 => trip.driver_lost(now).ok(),
        2 => trip.abandoned(tariff, now).ok(),
        3 => match trip.cancelled_by_rider(tariff, now) {
            Ok(Outcome::Moved(next)) => Some(*next),
            _ => None,
        },
        4 => trip
            .hopeless(now)
            .and_then(|because| trip.unserved(because, now).ok()),
        kind => {
            let attempt = Attempt(trip.attempt().0.saturating_sub(behind));
            let key = HoldKey {
                trip: trip.id,
                attempt,
                driver: DriverId(driver),
            };
            let stamps = Stamps {
                accepted_at: Some(now),
                ..Stamps::default()
            };
            match trip.apply(
                &event(key, kinds[usize::from(kind - 5)], now, stamps),
                tariff,
                now,
            ) {
                Outcome::Moved(next) => Some(*next),
                Outcome::Unchanged => None,
                Outcome::Refused { release } => {
                    assert_eq!(release, key, "who reported is let go, and nobody else");
                    assert_ne!(
                        (trip.hold_key(), trip.state.is_assigned()),
                        (Some(key), true)
                    );
                    None
                }
            }
        }
    }
}

fn sound(trip: &Trip) -> bool {
    let accepted = trip
        .tries
        .iter()
        .filter(|t| t.outcome == TryOutcome::Accepted)
        .count();
    let (last, before) = match trip.tries.split_last() {
        Some((last, before)) => (Some(last), before),
        None => (None, &[][..]),
    };
    let before_ended = before.iter().all(|t| {
        !matches!(t.outcome, TryOutcome::Pending | TryOutcome::Accepted) && t.ended_at.is_some()
    });
    let pending = last.is_some_and(|t| t.outcome == TryOutcome::Pending);
    let has_driver = trip.driver().is_some();
    let fits = match trip.state {
        TripState::Requested | TripState::Unserved { .. } => !pending && !has_driver,
        TripState::Offered => pending,
        TripState::Accepted | TripState::Arrived | TripState::PickedUp | TripState::Completed => {
            has_driver
        }
        TripState::Cancelled { .. } => !pending,
    };
    let paid = trip.charge.rider_pays()
        == trip.charge.driver_pay + trip.charge.platform() + trip.charge.fees();
    accepted <= 1
        && before_ended
        && fits
        && paid
        && (trip.state.is_final() || trip.charge == Charge::default())
}

#[test]
fn a_decline_excludes_and_a_lost_driver_gives_fresh_patience() {
    let tariff = Tariff::default_usd();
    let offered = offered_to(&requested(), 7, at(5));
    let key = offered.hold_key().unwrap();
    let declined = told(
        offered,
        &[event(
            key,
            TripEventKind::Declined,
            at(9),
            Stamps::default(),
        )],
    );
    assert_eq!(declined.state, TripState::Requested);
    assert_eq!(declined.excluded_drivers(), [DriverId(7)]);
    assert_eq!(declined.hold_key(), None);

    let offered = offered_to(&declined, 8, at(10));
    let accepted = told(
        offered.clone(),
        &ride(offered.hold_key().unwrap(), false)[..1],
    );
    let lost = accepted.driver_lost(at(200)).unwrap();
    assert_eq!(lost.excluded_drivers(), [DriverId(7), DriverId(8)]);
    assert_eq!(lost.patience_until, at(500));
    assert_eq!(lost.stamps, Stamps::default());
    assert_eq!(lost.driver(), None);
    assert_eq!(lost.hopeless(at(501)), Some(UnservedReason::PatienceOver));
    assert!(
        accepted.abandoned(&tariff, at(300)).is_err(),
        "the rider is not in the car"
    );
}

/// The hold of a round that died ran out; the same driver was then kept again for the same attempt.
#[test]
fn the_end_of_an_earlier_hold_is_not_the_end_of_this_one() {
    let offered = offered_to(&requested(), 7, at(50));
    let key = offered.hold_key().unwrap();
    for kind in [TripEventKind::Expired, TripEventKind::Declined] {
        let stale = event(key, kind, at(49), Stamps::default());
        assert_eq!(told(offered.clone(), &[stale]), offered);
        let present = event(key, kind, at(50), Stamps::default());
        assert_eq!(
            told(offered.clone(), &[present]).state,
            TripState::Requested
        );
    }
}

/// A tracker that restarts says again who accepted. Of a ride that has ended that means: a hold is left.
#[test]
fn an_accept_said_again_after_the_end_releases() {
    let offered = offered_to(&requested(), 7, at(5));
    let key = offered.hold_key().unwrap();
    let events = ride(key, false);
    let completed = told(offered, &events);
    let tariff = Tariff::default_usd();
    assert_eq!(
        completed.apply(&events[0], &tariff, at(1_000)),
        Outcome::Refused { release: key }
    );
    for later in &events[1..] {
        assert_eq!(
            completed.apply(later, &tariff, at(1_000)),
            Outcome::Unchanged
        );
    }
}

#[test]
fn reasons_to_give_up() {
    let trip = requested();
    assert_eq!(
        trip.hopeless(at(300)),
        None,
        "patience lasts to its last moment"
    );
    assert_eq!(trip.hopeless(at(301)), Some(UnservedReason::NeverOffered));
    let mut tried = trip;
    for driver in 0..ATTEMPTS_MAX as u64 {
        let offered = offered_to(&tried, driver, at(1));
        let key = offered.hold_key().unwrap();
        tried = told(
            offered,
            &[event(
                key,
                TripEventKind::Declined,
                at(2),
                Stamps::default(),
            )],
        );
    }
    assert_eq!(
        tried.hopeless(at(3)),
        Some(UnservedReason::AttemptsExhausted)
    );
}

#[test]
fn the_sweep_looks_at_every_trip_that_has_not_ended() {
    let policy = SweepPolicy::default();
    let trip = requested();
    assert_eq!(trip.due_at(&policy), Some(at(10)));
    let offered = offered_to(&trip, 7, at(5));
    assert_eq!(offered.due_at(&policy), Some(at(25)));
    let key = offered.hold_key().unwrap();
    let events = ride(key, false);
    for reported in 1..=3 {
        let under_way = told(offered.clone(), &events[..reported]);
        assert_eq!(under_way.due_at(&policy), Some(at(1_600)));
        let later = under_way.looked_after(at(1_700));
        assert_eq!(later.due_at(&policy), Some(at(2_300)));
        assert_eq!(later.version, under_way.version + 1);
    }
    assert_eq!(told(offered, &events).due_at(&policy), None);
    let ended = trip
        .unserved(UnservedReason::NeverOffered, at(301))
        .unwrap();
    assert_eq!(ended.due_at(&policy), None);
}
