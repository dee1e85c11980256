use std::time::Duration;

use domain::trip::{CancelStage, CancelledBy, TripState, TryOutcome};
use domain::{Attempt, DriverId, Money, RiderId, Timestamp, TripId};
use proptest::prelude::*;

use super::totals::counts_of;
use super::*;
use crate::sample::city::{City, Options, city};

fn valid(seed: u64) -> City {
    city(Options {
        seed,
        seconds: 900,
        drivers: 40,
        rides_per_second: 0.3,
    })
}

fn found(city: &City) -> AuditFigures {
    audit(&AuditInput {
        rows: &city.rows,
        evidence: &city.evidence,
    })
}

/// A city after a fault was planted: the rule must name it, and say it of the right trip.
#[track_caller]
fn expect_fault(rule: &str, trip: Option<TripId>, city: &City) {
    let figures = found(city);
    let hit = figures
        .violations
        .iter()
        .find(|violation| violation.rule == rule)
        .unwrap_or_else(|| panic!("no violation of {rule} in {:?}", figures.violations));
    assert_eq!(hit.trip, trip.map(|trip| trip.to_string()), "{hit:?}");
    assert!(hit.detail.contains("expected"), "{hit:?}");
}

fn completed(city: &City) -> usize {
    city.rows
        .iter()
        .position(|row| row.state == TripState::Completed && row.tries.len() == 1)
        .expect("some ride completes at the first try")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn a_valid_history_passes(seed in any::<u64>(), drivers in 5u64..80) {
        let city = city(Options { seed, seconds: 900, drivers, rides_per_second: 0.3 });
        let figures = found(&city);
        prop_assert_eq!(&figures.violations, &vec![]);
        prop_assert!(figures.rules.iter().all(|rule| rule.checked > 0 && rule.violations == 0));
        prop_assert_eq!(counts_of(&city.rows), city.evidence.load);
    }
}

#[test]
fn a_sample_has_every_kind_of_end() {
    let city = valid(5);
    let ends = |found: fn(&TripRow) -> bool| city.rows.iter().any(found);
    assert!(ends(|row| row.state == TripState::Completed));
    assert!(ends(|row| matches!(row.state, TripState::Unserved { .. })));
    assert!(ends(|row| matches!(row.state, TripState::Cancelled { .. })));
    assert!(ends(|row| row.state.is_assigned()));
    assert!(ends(|row| row.tries.len() > 1));
    assert!(!city.evidence.holds.is_empty());
}

#[test]
fn a_driver_with_two_trips_is_named() {
    let mut city = valid(1);
    let first = completed(&city);
    let mut copy = city.rows[first].clone();
    copy.trip = TripId(999);
    city.rows.push(copy);
    let figures = found(&city);
    let hit = figures
        .violations
        .iter()
        .find(|v| v.rule == "one_driver_one_live_trip")
        .unwrap();
    assert_eq!(hit.driver, city.rows[first].driver().map(|d| d.to_string()));
}

#[test]
fn two_live_holds_of_a_driver_are_named() {
    let mut city = valid(1);
    let mut second = city.evidence.holds[0].clone();
    second.trip = TripId(998);
    city.evidence.holds.push(second);
    expect_fault("one_driver_one_live_trip", Some(TripId(998)), &city);
}

#[test]
fn two_accepts_of_a_trip_are_named() {
    let mut city = valid(2);
    let at = completed(&city);
    let row = &mut city.rows[at];
    let mut second = row.tries[0];
    second.driver = DriverId(777);
    row.tries.insert(0, second);
    let trip = row.trip;
    expect_fault("one_accept_per_trip", Some(trip), &city);
}

#[test]
fn two_confirmed_accepts_are_named() {
    let mut city = valid(2);
    let at = completed(&city);
    let row = &mut city.rows[at];
    let seen = row.seen.as_mut().unwrap();
    let mut second = seen.accepts[0];
    second.driver = DriverId(seen.accepts[0].driver.0 + 1);
    seen.accepts.push(second);
    let trip = row.trip;
    expect_fault("one_accept_per_trip", Some(trip), &city);
    expect_fault("own_trip_only", Some(trip), &city);
}

#[test]
fn foreign_accepts_and_views_are_named() {
    let mut city = valid(3);
    let at = completed(&city);
    let trip = city.rows[at].trip;
    let rider = RiderId(4_000);
    city.evidence
        .foreign_views
        .push(ForeignView { rider, trip });
    expect_fault("own_trip_only", Some(trip), &city);

    let mut city = valid(3);
    city.rows[at].seen.as_mut().unwrap().accepts[0].attempt = Attempt(9);
    expect_fault("own_trip_only", Some(trip), &city);
}

type Plant = fn(&mut TripRow);

#[test]
fn broken_lifecycles_are_named() {
    let plants: [Plant; 5] = [
        |row| row.stamps.arrived_at = None,
        |row| row.stamps.picked_up_at = Some(row.requested_at - Duration::from_secs(1)),
        |row| row.tries[0].outcome = TryOutcome::Declined,
        |row| row.tries.clear(),
        |row| {
            row.seen.as_mut().unwrap().state = Some(TripState::Cancelled {
                by: CancelledBy::Rider,
                stage: CancelStage::Accepted,
            });
        },
    ];
    for plant in plants {
        let mut city = valid(4);
        let at = completed(&city);
        plant(&mut city.rows[at]);
        let trip = city.rows[at].trip;
        expect_fault("state_machine", Some(trip), &city);
    }
}

#[test]
fn requests_without_an_end_are_named() {
    for state in [TripState::Requested, TripState::PickedUp] {
        let mut city = valid(4);
        let at = completed(&city);
        city.rows[at].state = state;
        city.evidence.ended_at = city.evidence.ended_at + Duration::from_secs(8 * 3_600);
        let trip = city.rows[at].trip;
        let figures = found(&city);
        assert!(figures.violations.iter().any(|v| {
            v.rule == "every_request_ends" && v.trip.as_deref() == Some(&trip.to_string())
        }));
    }
}

#[test]
fn late_accepts_and_forgotten_holds_are_named() {
    let mut city = valid(5);
    let at = completed(&city);
    let row = &mut city.rows[at];
    row.tries[0].deadline = row.tries[0].ended_at.unwrap() - Duration::from_micros(1);
    let trip = row.trip;
    expect_fault("no_hold_outlives_deadline", Some(trip), &city);

    let kept = |accepted, trip, city: &City| LiveHold {
        driver: DriverId(5_000),
        trip,
        attempt: 1,
        accepted,
        deadline: city.evidence.ended_at - Duration::from_micros(1),
    };
    let mut city = valid(5);
    city.evidence.holds.push(kept(false, TripId(77), &city));
    expect_fault("no_hold_outlives_deadline", Some(TripId(77)), &city);

    // Of a trip that ended long ago, and of one that never was.
    for trip in [city.rows[at].trip, TripId(78)] {
        let mut city = valid(5);
        city.rows[at].since = city.evidence.started_at;
        city.evidence.holds.push(kept(true, trip, &city));
        expect_fault("no_hold_outlives_deadline", Some(trip), &city);
    }
}

#[test]
fn lost_and_invented_rides_are_named() {
    let mut city = valid(6);
    let lost = city.rows.pop().unwrap().trip;
    expect_fault("conservation", None, &city);
    city.evidence.missing.push(lost);
    let named = found(&city).violations;
    assert!(
        named
            .iter()
            .any(|v| v.rule == "conservation" && v.trip == Some(lost.to_string()))
    );

    let mut city = valid(6);
    let twice = city.rows[0].clone();
    let trip = twice.trip;
    city.rows.push(twice);
    expect_fault("conservation", Some(trip), &city);
}

#[test]
fn a_store_that_was_not_read_is_not_clean_and_nothing_else_is_made_of_it() {
    let mut city = valid(6);
    let why = Some("Scan: refused".to_owned());
    city.evidence.holds_unread.clone_from(&why);
    city.evidence.holds.clear();
    let violations = found(&city).violations;
    assert_eq!(violations.len(), 1, "{violations:?}");
    city.evidence.holds_unread = None;
    city.evidence.trips_unread = why;
    city.rows.clear();
    let violations = found(&city).violations;
    assert_eq!(violations.len(), 1, "{violations:?}");
    assert_eq!(violations[0].rule, "conservation");
    assert!(
        violations[0]
            .detail
            .starts_with("found the trips of the store unread (Scan: refused)")
    );
}

#[test]
fn a_lost_answer_may_go_either_way() {
    let mut city = valid(6);
    city.evidence.load.unknown = 1;
    assert_eq!(found(&city).violations, vec![]);
    let last = city
        .rows
        .iter()
        .rposition(|r| r.state == TripState::Completed)
        .unwrap();
    let load = &mut city.evidence.load;
    load.requested -= 1;
    load.completed -= 1;
    assert_eq!(found(&city).violations, vec![]);
    city.rows.remove(last);
    assert_eq!(found(&city).violations, vec![]);
}

#[test]
fn a_ride_that_nobody_could_ask_for_may_be_in_any_state_but_is_not_lost() {
    let completed = |row: &TripRow| row.state == TripState::Completed;
    let mut city = valid(6);
    let last = city.rows.iter().rposition(completed).unwrap();
    let load = &mut city.evidence.load;
    load.completed -= 1;
    load.in_progress += 1;
    // Taken to be in progress, as it was when it was last seen.
    expect_fault("conservation", None, &city);
    let load = &mut city.evidence.load;
    load.in_progress -= 1;
    load.state_unknown = 1;
    assert_eq!(found(&city).violations, vec![]);
    // One may be anything; two that ended otherwise than seen are one too many.
    city.evidence.load.completed -= 1;
    city.evidence.load.in_progress += 1;
    expect_fault("conservation", None, &city);
    city.evidence.load.completed += 1;
    city.evidence.load.in_progress -= 1;
    city.rows.remove(last);
    expect_fault("conservation", None, &city);
}

type PlantMoney = fn(&mut TripRow, Money);

#[test]
fn wrong_money_is_named() {
    let cent = Money::from_minor(1);
    let plants: [(&str, PlantMoney); 6] = [
        ("fare_as_quoted", |row, cent| row.charge.ride += cent),
        ("fare_as_quoted", |row, cent| row.fare.booking_fee += cent),
        ("fare_as_quoted", |row, cent| {
            row.seen.as_mut().unwrap().charged_total = Some(row.rider_pays + cent);
        }),
        ("money_adds_up", |row, cent| row.rider_pays += cent),
        ("money_adds_up", |row, cent| row.platform += cent),
        ("money_adds_up", |row, cent| {
            let due = row.fare.driver_pay - cent;
            row.platform = row.platform + row.charge.driver_pay - due;
            row.charge.driver_pay = due;
        }),
    ];
    for (rule, plant) in plants {
        let mut city = valid(7);
        let at = completed(&city);
        plant(&mut city.rows[at], cent);
        let trip = city.rows[at].trip;
        expect_fault(rule, Some(trip), &city);
    }
}

#[test]
fn many_violations_are_counted_and_some_listed() {
    let mut city = valid(8);
    for row in &mut city.rows {
        row.rider_pays += Money::from_minor(1);
    }
    let figures = found(&city);
    let rule = figures
        .rules
        .iter()
        .find(|r| r.rule == "money_adds_up")
        .unwrap();
    assert!(rule.violations >= city.rows.len() as u64);
    let listed = figures
        .violations
        .iter()
        .filter(|v| v.rule == "money_adds_up");
    assert_eq!(listed.count(), VIOLATIONS_LISTED_MAX);
    assert!(figures.violations_count() >= rule.violations);
}

#[test]
fn evidence_survives_its_text() {
    let mut evidence = valid(9).evidence;
    evidence.missing.push(TripId(3));
    assert_eq!(Evidence::from_json(&evidence.to_json()).unwrap(), evidence);
    let other = evidence.to_json().replace("evidence/1", "evidence/7");
    assert!(
        Evidence::from_json(&other)
            .unwrap_err()
            .to_string()
            .contains("evidence/7")
    );
    assert!(Timestamp::ZERO < evidence.started_at);
}
