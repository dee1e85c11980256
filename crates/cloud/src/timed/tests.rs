//! Ports in virtual time: what a call takes, what it consumes, and who waits for a message.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use domain::surge::Multiplier;
use domain::{Cell, Nearby, Place, Region, Resolution, Round, Supply, VehicleClass};
use kernel::{Executor, Inbox, Streams};
use services::ports::{
    CellMarket, Doorbell, MarketReader, MarketState, MarketStore, PortError, Swap,
};
use wire::items::market::{CellRow, MarketRow, encode_market};
use wire::items::{Item, Value};
use wire::messages::Ring;

use super::*;
use crate::profile::{Profile, Spans};
use crate::queue::QueueConfig;

/// So many cells, each with the same: the finest there are, of places ten metres apart.
fn cells<T: Copy>(count: u32, each: T) -> BTreeMap<Cell, T> {
    let finest = Resolution::new(15).expect("the finest");
    let cell = |at: u32| {
        let (north, east) = (f64::from(at / 200) * 1e-4, f64::from(at % 200) * 1e-4);
        Cell::of(
            Place::new(40.7 + north, -74.0 + east).expect("New York"),
            finest,
        )
    };
    (0..count).map(|at| (cell(at), each)).collect()
}

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn profile() -> Profile {
    let mut profile = Profile::aws_us_east_1();
    profile.table.get = Spans::constant(ms(3));
    profile.table.put = Spans::constant(ms(5));
    profile.queue.send = Spans::constant(ms(7));
    profile.queue.receive = Spans::constant(ms(11));
    profile.queue.visibility_tick = Duration::ZERO;
    profile
}

/// Runs a case to its end; the time it took in ms, and what it found.
fn took<T: Send + 'static, F: Future<Output = T> + Send + 'static>(
    case: impl FnOnce(Time) -> F,
) -> (i64, T) {
    let mut executor = Executor::new(0);
    let time = executor.time().clone();
    let found = Inbox::default();
    let (case, told, clock) = (case(time.clone()), found.clone(), time.clone());
    time.spawn(async move {
        let output = case.await;
        told.put((clock.now_us() / 1_000, output));
    });
    executor.run_until(3_600_000_000);
    found.take().expect("the case ends within an hour")
}

#[test]
fn a_read_takes_its_latency_and_half_a_unit() {
    let (at, (found, used)) = took(|time| async move {
        let table = Table::new("t", &profile().table, Streams::new(1).stream("t", 0), &time);
        let market = TimedMarket::new(table.clone());
        let cell = "8a2a1072b59ffff".parse().expect("a cell");
        let region = Region::new("here").expect("a region");
        let found = market.cell(&region, cell).await.expect("capacity");
        (found, table.used())
    });
    assert_eq!((at, found), (3, None));
    assert_eq!((used.requests, used.read_units), (1, 0.5));
}

#[test]
fn one_key_that_is_written_too_fast_is_throttled_after_its_attempts() {
    let (at, (result, used)) = took(|time| async move {
        let mut profile = profile();
        profile.table.partition_wru = 1;
        let table = Table::new("t", &profile.table, Streams::new(1).stream("t", 0), &time);
        let mut result = Ok(());
        for _ in 0..1_000 {
            result = table.write(Call::Put, 50.0, 1).await;
            if result.is_err() {
                break;
            }
        }
        (result, table.used())
    });
    assert!(
        matches!(result, Err(PortError::Throttled { .. })),
        "{result:?}"
    );
    assert_eq!(used.throttles, 1);
    // Four attempts of five milliseconds, with pauses between.
    assert!(at > 20, "{at} ms");
}

#[test]
fn a_poll_has_a_ring_when_it_is_to_be_seen_and_gives_up_when_it_said() {
    let ring = Ring {
        region: Region::new("here").expect("a region"),
        round: Round(1),
    };
    let (at, (first, second, requests)) = took(|time| async move {
        let stream = |name| Streams::new(1).stream(name, 0);
        let queue: TimedQueue<Ring> = TimedQueue::new(
            QueueConfig::default(),
            &profile().queue,
            stream("calls"),
            stream("faults"),
            &time,
        );
        let bell = queue.clone();
        time.spawn(async move {
            let region = Region::new("here").expect("a region");
            // A delay is in whole seconds, rounded up: seen at 7 ms + 2 s.
            let rung = bell.ring(&region, Round(1), ms(1_200)).await;
            rung.expect("a delay that SQS takes");
        });
        let first = queue
            .poll(10, Duration::from_secs(20))
            .await
            .expect("a poll");
        let seen_us = time.now_us();
        queue.delete(&first);
        let second = queue
            .poll(10, Duration::from_secs(1))
            .await
            .expect("a poll");
        (
            (first[0].body.clone(), seen_us),
            second.len(),
            queue.used().requests,
        )
    });
    assert_eq!(first, (ring, (7 + 2_000 + 11) * 1_000));
    assert_eq!((at, second), (7 + 2_000 + 11 + 1_000, 0));
    assert_eq!(requests, 4, "a send, two receives, a delete");
}

#[test]
fn what_is_not_deleted_is_seen_again_by_a_poll_that_waits() {
    let (at, counts) = took(|time| async move {
        let stream = |name| Streams::new(1).stream(name, 0);
        let config = QueueConfig {
            visibility_timeout: Duration::from_secs(4),
            ..QueueConfig::default()
        };
        let queue: TimedQueue<Ring> =
            TimedQueue::new(config, &profile().queue, stream("c"), stream("f"), &time);
        let region = Region::new("here").expect("a region");
        queue
            .ring(&region, Round(1), Duration::ZERO)
            .await
            .expect("a ring");
        let mut counts = Vec::new();
        for _ in 0..2 {
            let found = queue
                .poll(10, Duration::from_secs(20))
                .await
                .expect("a poll");
            counts.push(found[0].receive_count);
        }
        counts
    });
    assert_eq!(counts, [1, 2]);
    assert_eq!(at, 7 + 4_000 + 11);
}

#[test]
fn a_market_of_too_many_cells_is_refused_as_an_item_is() {
    let (_, [fits, too_large]) = took(|time| async move {
        let table = Table::new("t", &profile().table, Streams::new(1).stream("t", 0), &time);
        let market = TimedMarket::new(table);
        let region = Region::new("here").expect("a region");
        let store = async |count| {
            let mut next = market.load(&region).await.expect("capacity");
            next.version += 1;
            next.demand = Arc::new(cells(count, 1));
            market.store(&region, &next).await
        };
        [store(19_000).await, store(20_000).await]
    });
    assert_eq!(fits.expect("390 KB"), Swap::Done);
    let error = too_large.expect_err("410 KB").to_string();
    assert!(
        error.contains("found an item of 410 KB for here"),
        "{error}"
    );
}

/// Bytes that a table has of an item: its attributes' names and what they say.
fn bytes_of(item: &Item) -> usize {
    let of = |value: &Value| match value {
        Value::Text(text) => text.len(),
        Value::Number(number) => number.to_string().len(),
    };
    item.iter().map(|(name, it)| name.len() + of(it)).sum()
}

#[test]
fn a_market_takes_the_units_of_the_item_that_it_is_written_as() {
    let region = Region::new("here").expect("a region");
    let class = |number| VehicleClass::new(number).expect("a class");
    let word = |others: &[(u32, u32)]| CellMarket {
        multiplier: Multiplier::NONE,
        nearby: Nearby::new(16, others.iter().map(|(it, count)| (class(*it), *count)))
            .expect("no more than there are"),
    };
    let told = |word: CellMarket| Arc::new(cells(3_000, word));
    let quiet = MarketState {
        version: 1,
        ..MarketState::default()
    };
    let supplied = MarketState {
        supply: Arc::new(Supply::from(cells(3_000, 12))),
        told: told(word(&[])),
        ..quiet.clone()
    };
    let asked_for = MarketState {
        demand: Arc::new(cells(4_000, 12)),
        ..quiet.clone()
    };
    let to_be_told = MarketState {
        untold: Arc::new(supplied.told.keys().copied().collect()),
        ..supplied.clone()
    };
    let of_classes = [(class(1), cells(3_000, 12)), (class(2), cells(1_000, 14))];
    let by_class = MarketState {
        supply: Arc::new(
            Supply::new(cells(3_000, 26), of_classes.into()).expect("no more than there are"),
        ),
        told: told(word(&[(1, 12), (2, 4)])),
        ..quiet.clone()
    };
    for state in [quiet, supplied, asked_for, to_be_told, by_class] {
        let item = encode_market(
            &region,
            &MarketRow {
                supply: state.supply.as_ref().clone(),
                supply_at: state.supply_at,
                demand: state.demand.as_ref().clone(),
                demand_at: state.demand_at,
                told: state
                    .told
                    .iter()
                    .map(|(cell, word)| {
                        let (multiplier, nearby) = (word.multiplier, word.nearby);
                        (*cell, CellRow { multiplier, nearby })
                    })
                    .collect(),
                untold: state.untold.as_ref().clone(),
                version: state.version,
            },
        );
        let kilobytes = (bytes_of(&item) as f64 / 1_024.0).ceil();
        let here = region.clone();
        let (_, used) = took(|time| async move {
            let table = Table::new("t", &profile().table, Streams::new(1).stream("t", 0), &time);
            let market = TimedMarket::new(table.clone());
            market.store(&here, &state).await.expect("it fits");
            table.used()
        });
        let units = used.write_units;
        assert!((units - kilobytes).abs() <= 1.0, "{units} {kilobytes}");
    }
}
