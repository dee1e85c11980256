//! Units by hand, throttling, and the growth rule of capacity on demand.

use proptest::prelude::*;

use super::*;
use crate::profile::Profile;

fn table() -> TableCapacity {
    TableCapacity::new(&Profile::aws_us_east_1().table)
}

fn at(ms: i64) -> Timestamp {
    Timestamp::from_millis(ms)
}

#[test]
fn units_are_those_of_the_documentation() {
    for (bytes, transactional, units) in [
        (0, false, 1.0),
        (1_024, false, 1.0),
        (1_025, false, 2.0),
        (3_500, true, 8.0),
    ] {
        assert!((write_units(bytes, transactional) - units).abs() < 1e-9);
    }
    for (bytes, consistency, units) in [
        (0, Consistency::Eventual, 0.5),
        (4_096, Consistency::Strong, 1.0),
        (4_097, Consistency::Eventual, 1.0),
        (9_000, Consistency::Strong, 3.0),
        (9_000, Consistency::Transactional, 6.0),
    ] {
        assert!((read_units(bytes, consistency) - units).abs() < 1e-9);
    }
}

/// Offers writes of one unit at a rate for some seconds, spread over keys; answers the share let through.
fn offer(table: &mut TableCapacity, from_s: i64, seconds: i64, per_second: i64, keys: u64) -> f64 {
    let mut let_through = 0_i64;
    for n in 0..seconds * per_second {
        let now = Timestamp::from_micros(from_s * 1_000_000 + n * 1_000_000 / per_second);
        let key = n as u64 % keys;
        let_through += i64::from(table.take(now, Access::Write, 1.0, key).is_ok());
    }
    let_through as f64 / (seconds * per_second) as f64
}

#[test]
fn a_new_table_takes_its_initial_rate() {
    let mut table = table();
    assert!(offer(&mut table, 0, 5, 4_000, 100) > 0.999);
    // A second's burst and then 4,000 a second of 8,000.
    let share = offer(&mut table, 100, 10, 8_000, 100);
    assert!((share - 0.55).abs() < 0.01, "{share}");
    assert!(table.counters().throttles > 30_000);
}

#[test]
fn one_key_takes_what_a_partition_takes() {
    let mut table = table();
    let share = offer(&mut table, 0, 10, 2_000, 1);
    assert!((share - 0.55).abs() < 0.01, "{share}");
    assert_eq!(
        table.take(at(10_000), Access::Write, 900.0, 0),
        Err(Throttle::Partition)
    );
    assert_eq!(table.take(at(10_000), Access::Write, 900.0, 1), Ok(()));
    assert_eq!(table.take(at(10_000), Access::Read, 2_900.0, 0), Ok(()));
    table.condition_failed();
    let counted = table.counters();
    assert!((counted.read_units - 2_900.0).abs() < 1e-9);
    assert_eq!(counted.conditional_failures, 1);
}

#[test]
fn a_table_takes_at_once_twice_its_previous_peak_and_no_more() {
    let mut table = table();
    // A minute at 3,500 a second, and then half an hour of nothing.
    offer(&mut table, 0, 60, 3_500, 100);
    assert!((table.capacity(Access::Write) - 4_000.0).abs() < 1e-9);
    let half_an_hour = 31 * 60;
    assert_eq!(
        table.take(at(half_an_hour * 1_000), Access::Write, 1.0, 0),
        Ok(())
    );
    let grown = table.capacity(Access::Write);
    assert!((grown - 7_000.0).abs() < 10.0, "{grown}");
    assert!(offer(&mut table, half_an_hour + 1, 5, 6_900, 100) > 0.999);
    assert!(offer(&mut table, half_an_hour + 10, 10, 14_000, 100) < 0.58);
    assert!((table.capacity(Access::Read) - 12_000.0).abs() < 1e-9);
}

#[test]
fn a_table_grows_no_further_than_its_limit() {
    let mut profile = Profile::aws_us_east_1().table;
    profile.table_max_wru = 5_000;
    let mut table = TableCapacity::new(&profile);
    offer(&mut table, 0, 60, 3_900, 100);
    let later = at(2 * 3_600_000);
    assert_eq!(table.take(later, Access::Write, 1.0, 0), Ok(()));
    assert!((table.capacity(Access::Write) - 5_000.0).abs() < 1e-9);
}

#[test]
fn partitions_that_have_recovered_are_forgotten() {
    let mut table = table();
    for n in 0..100_000_i64 {
        let now = Timestamp::from_micros(n * 1_000);
        assert_eq!(table.take(now, Access::Write, 1.0, n as u64), Ok(()));
    }
    assert!(table.write.partitions.len() <= PARTITIONS_REMEMBERED);
}

proptest! {
    #[test]
    fn no_more_is_taken_than_rate_and_burst_allow(
        operations in proptest::collection::vec((0_i64..20_000, 0.5_f64..400.0, 0_u64..4), 1..400),
    ) {
        let mut table = table();
        let (mut now_us, mut taken, mut by_key) = (0, 0.0, [0.0; 4]);
        for (pause, units, key) in operations {
            now_us += pause;
            let now = Timestamp::from_micros(now_us);
            if table.take(now, Access::Write, units, key).is_ok() {
                taken += units;
                by_key[key as usize] += units;
            }
        }
        let seconds = now_us as f64 / 1e6;
        prop_assert!(taken <= 4_000.0 * (seconds + 1.0) + 1e-6);
        for of_key in by_key {
            prop_assert!(of_key <= 1_000.0 * (seconds + 1.0) + 1e-6);
        }
        prop_assert!((table.counters().write_units - taken).abs() < 1e-6);
    }
}
