use std::time::Duration;

use super::*;
use crate::audit::{AuditInput, audit};
use crate::sample::city::{Options, city};
use crate::summary::ClockKind;
use domain::DriverId;
use domain::trip::{CancelStage, CancelledBy, UnservedReason};

fn run(warmup_s: u64) -> (Vec<TripRow>, Window) {
    let city = city(Options {
        seed: 11,
        seconds: 1_200,
        drivers: 60,
        rides_per_second: 0.4,
    });
    let evidence = &city.evidence;
    assert_eq!(
        audit(&AuditInput {
            rows: &city.rows,
            evidence
        })
        .violations,
        vec![]
    );
    let window = Window {
        from: evidence.started_at + Duration::from_secs(warmup_s),
        until: evidence.ended_at,
    };
    (city.rows, window)
}

fn accounts() -> Vec<DriverAccount> {
    let account = |n| DriverAccount {
        idle_s: 300.0,
        pickup_s: 200.0,
        waiting_s: 100.0,
        on_trip_s: 600.0,
        idle_m: 1_000.0,
        pickup_m: 2_000.0,
        trip_m: 4_000.0,
        ..DriverAccount::new(DriverId(n))
    };
    (1..=60).map(account).collect()
}

#[test]
fn rides_are_conserved_with_and_without_a_warm_up() {
    for warmup_s in [0, 200, 600] {
        let (rows, window) = run(warmup_s);
        let figures = marketplace(&MarketplaceInput {
            rows: &rows,
            accounts: &accounts(),
            window,
            speedup: 1.0,
            quoted: 500,
        });
        let rides = figures.rides;
        assert_eq!(
            rides.in_progress_at_start + rides.requested,
            rides.completed + rides.cancelled + rides.unserved + rides.in_progress,
            "{rides:?}"
        );
        assert_eq!(rides.in_progress_at_start > 0, warmup_s > 0);
        assert_eq!(figures.cancels.values().sum::<u64>(), rides.cancelled);
        assert_eq!(
            figures.unserved_because.values().sum::<u64>(),
            rides.unserved
        );
    }
}

#[test]
fn who_cancels_before_the_accept_was_not_served() {
    let (mut rows, window) = run(0);
    rows.retain(|row| row.accepted_at().is_some() && row.state == TripState::Completed);
    rows.truncate(8);
    let share = |rows: &[TripRow]| served_share(rows, &window);
    assert_eq!(share(&rows), Some(1.0));
    let cancelled = |stage| TripState::Cancelled {
        by: CancelledBy::Rider,
        stage,
    };
    // With a driver on the way.
    rows[0].state = cancelled(CancelStage::Accepted);
    assert_eq!(share(&rows), Some(1.0));
    for row in &mut rows[1..3] {
        row.tries.clear();
        row.stamps.accepted_at = None;
    }
    rows[1].state = cancelled(CancelStage::Offered);
    rows[2].state = TripState::Unserved {
        because: UnservedReason::PatienceOver,
    };
    assert_eq!(share(&rows), Some(0.75));
}

#[test]
fn what_is_decided_after_the_window_is_open_in_it() {
    let (mut rows, window) = run(0);
    rows.retain(|row| row.accepted_at().is_some());
    let first = rows
        .iter()
        .min_by_key(|row| row.requested_at)
        .unwrap()
        .clone();
    let accepted_at = first.accepted_at().unwrap();
    let until = |until| {
        let window = Window { until, ..window };
        served_share(std::slice::from_ref(&first), &window)
    };
    assert_eq!(until(accepted_at), Some(1.0));
    let before = Timestamp::from_micros(accepted_at.as_micros() - 1);
    assert_eq!(
        until(before),
        Some(0.0),
        "it searches, and nobody is known to be found"
    );
    let requested = Timestamp::from_micros(first.requested_at.as_micros() - 1);
    assert_eq!(until(requested), None, "nobody has asked yet");
}

#[test]
fn shares_and_money_add_up() {
    let (rows, window) = run(0);
    let accounts = accounts();
    let input = MarketplaceInput {
        rows: &rows,
        accounts: &accounts,
        window,
        speedup: 1.0,
        quoted: 0,
    };
    let mut summary = Summary::new("s", 1, "twin", ClockKind::Virtual);
    marketplace(&input).fill(&mut summary);
    let drivers = summary.drivers;
    assert_eq!(drivers.online_mean, Some(60.0));
    assert_eq!(drivers.utilisation, Some(0.5));
    assert_eq!(drivers.idle_share, Some(0.25));
    assert_eq!(drivers.pickup_share, Some(0.25));
    assert_eq!(drivers.on_trip_share, Some(0.5));
    assert_eq!(drivers.km.trip, 240.0);
    let money = &summary.money;
    let parts = money.driver_pay + money.platform + money.fees;
    assert!((money.gross - parts).abs() < 0.005, "{money:?}");
    let hours = 60.0 * 1_200.0 / 3_600.0;
    let mean = money.pay_per_online_hour.mean.unwrap();
    assert!((mean * hours - money.driver_pay).abs() < 0.2, "{money:?}");
    let compressed = marketplace(&MarketplaceInput {
        speedup: 30.0,
        ..input
    });
    let slower = compressed.money.pay_per_online_hour.mean.unwrap();
    assert!((slower * 30.0 - mean).abs() < 0.5, "{slower} {mean}");
}

#[test]
fn who_was_online_for_minutes_tells_nothing_of_pay_for_an_hour() {
    let (rows, window) = run(0);
    let accounts = [10.0, 1_799.0, 1_800.0].map(|online_s| DriverAccount {
        on_trip_s: online_s,
        ..DriverAccount::new(rows.iter().find_map(TripRow::driver).unwrap())
    });
    let input = MarketplaceInput {
        rows: &rows,
        accounts: &accounts,
        window,
        speedup: 1.0,
        quoted: 0,
    };
    assert_eq!(pay_rates(&input).len(), 1);
    let sooner = MarketplaceInput {
        accounts: &accounts[..2],
        ..input
    };
    let pay = marketplace(&sooner).money.pay_per_online_hour;
    assert_eq!((pay.p10, pay.gini), (None, None));
    assert!(pay.mean.is_some());
}

#[test]
fn nothing_measured_is_null_and_not_zero() {
    let window = Window {
        from: Timestamp::ZERO,
        until: Timestamp::ZERO,
    };
    let figures = marketplace(&MarketplaceInput {
        rows: &[],
        accounts: &[],
        window,
        speedup: 1.0,
        quoted: 0,
    });
    assert_eq!(figures.pickup, Pickup::default());
    assert_eq!(figures.drivers.utilisation, None);
    assert_eq!(figures.surge.mean, None);
    assert_eq!(figures.money.pay_per_online_hour.mean, None);
    assert_eq!(accept_path(&[], &window), vec![]);
}

#[test]
fn the_path_to_the_accept_adds_up() {
    let (rows, window) = run(0);
    let slices = accept_path(&rows, &window);
    assert_eq!(slices.len(), 10);
    assert!(
        slices
            .windows(2)
            .all(|pair| pair[0].total_s() <= pair[1].total_s())
    );
    let mut latencies = Latencies::default();
    trip_latencies(&rows, &window, &mut latencies);
    let accepts = latencies.step(step::REQUEST_TO_ACCEPT).unwrap().figures();
    let rides: u64 = slices.iter().map(|slice| slice.rides).sum();
    assert_eq!(rides, accepts.count);
    let mean_s = slices
        .iter()
        .map(|s| s.total_s() * s.rides as f64)
        .sum::<f64>()
        / rides as f64;
    assert!((mean_s * 1_000.0 / accepts.mean.unwrap() - 1.0).abs() < 0.01);
}

#[test]
fn statistics_match_hand_computed_ones() {
    let values: Vec<f64> = (1..=100).map(f64::from).collect();
    let of_hundred = spread(values.clone(), 1);
    assert_eq!(of_hundred.mean, Some(50.5));
    assert_eq!((of_hundred.p50, of_hundred.p99), (Some(50.0), Some(99.0)));
    assert_eq!(quantile(&[], 0.5), None);
    assert_eq!(quantile(&[3.0], 0.0), Some(3.0));
    assert_eq!(gini(&[5.0, 5.0, 5.0]), Some(0.0));
    assert_eq!(gini(&[0.0, 0.0, 0.0, 8.0]), Some(0.75));
    assert_eq!(gini(&[0.0]), None);
    let bins = Bins::of(&values, 20);
    assert_eq!(bins.width, 5.0);
    assert_eq!(bins.counts.iter().sum::<u64>(), 100);
    assert_eq!(Bins::of(&[], 20).counts, Vec::<u64>::new());
    assert_eq!(Bins::of(&[0.0, 0.0], 20).counts, vec![2]);
}
