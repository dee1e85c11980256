//! The contract of [`Doorbell`], [`TripEvents`] and [`MarketSnapshots`].
//!
//! A queue's other end is no port, so each function takes a `receive` that waits a moment for whatever
//! has arrived, and takes it off the queue. Messages may come more than once and in any order.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use domain::trip::{Stamps, TripEvent, TripEventKind};
use domain::{Cell, Region, Resolution, Round, Supply, VehicleClass};
use services::ports::{
    Doorbell, MarketSide, MarketSnapshot, MarketSnapshots, PortError, TripEvents,
};

use super::LAG_MAX;
use super::samples::{key, place, region, second};

/// Receives until every expected message has come; panics on one that nobody sent.
async fn await_all<M, F>(expected: &[M], mut receive: impl FnMut() -> F) -> Vec<Instant>
where
    M: PartialEq + std::fmt::Debug,
    F: Future<Output = Vec<M>>,
{
    let give_up = Instant::now() + LAG_MAX;
    let mut arrived: Vec<Option<Instant>> = vec![None; expected.len()];
    while arrived.iter().any(Option::is_none) {
        assert!(
            Instant::now() < give_up,
            "{expected:?} did not all come: {arrived:?}"
        );
        for message in receive().await {
            let place = expected.iter().position(|one| *one == message);
            let place = place.unwrap_or_else(|| panic!("found {message:?}, sent {expected:?}"));
            arrived[place].get_or_insert_with(Instant::now);
        }
    }
    arrived.into_iter().flatten().collect()
}

/// Every sentence of [`Doorbell`].
///
/// # Panics
/// If one is broken.
pub async fn doorbell_contract<F>(bell: impl Doorbell, receive: impl FnMut() -> F)
where
    F: Future<Output = Vec<(Region, Round)>>,
{
    let here = region("bell");
    let rung = Instant::now();
    let delay = Duration::from_secs(2);
    bell.ring(&here, Round(2), delay).await.unwrap();
    bell.ring(&here, Round(1), Duration::ZERO).await.unwrap();
    bell.ring(&here, Round(i64::MAX), Duration::ZERO)
        .await
        .unwrap();
    let expected = [
        (here.clone(), Round(2)),
        (here.clone(), Round(1)),
        (here, Round(i64::MAX)),
    ];
    let arrived = await_all(&expected, receive).await;
    assert!(
        arrived[0] - rung >= delay,
        "a ring arrives no earlier than its delay"
    );
    assert!(
        arrived[1] - rung < delay,
        "a ring without delay does not wait for one with it"
    );
}

/// Every sentence of [`TripEvents`].
///
/// # Panics
/// If one is broken.
pub async fn trip_events_contract<F>(events: impl TripEvents, receive: impl FnMut() -> F)
where
    F: Future<Output = Vec<TripEvent>>,
{
    let kinds = [
        TripEventKind::Accepted,
        TripEventKind::Declined,
        TripEventKind::Expired,
        TripEventKind::Arrived,
        TripEventKind::PickedUp,
        TripEventKind::DroppedOff,
        TripEventKind::NoShow,
    ];
    let sent: Vec<_> = (1u32..)
        .zip(kinds)
        .map(|(sequence, kind)| TripEvent {
            key: key(sequence, 2, u32::MAX - sequence),
            sequence,
            kind,
            at: second(i64::from(sequence)),
            stamps: Stamps {
                accepted_at: Some(second(1)),
                arrived_at: (sequence > 3).then(|| second(4)),
                picked_up_at: (sequence > 4).then(|| second(5)),
                dropped_off_at: (sequence == 6).then(|| second(6)),
            },
        })
        .collect();
    for event in &sent {
        events.send(event).await.unwrap();
    }
    await_all(&sent, receive).await;
}

/// Every sentence of [`MarketSnapshots`].
///
/// # Panics
/// If one is broken.
pub async fn market_snapshots_contract<F>(market: impl MarketSnapshots, receive: impl FnMut() -> F)
where
    F: Future<Output = Vec<MarketSnapshot>>,
{
    let resolution = Resolution::new(8).expect("8 is a resolution");
    // As many cells as a large city has.
    let cells: BTreeMap<_, _> = (0..3_000)
        .map(|n| (Cell::of(place(n * 200), resolution), n))
        .collect();
    assert!(
        cells.len() > 1_000,
        "the sample spans many cells: {}",
        cells.len()
    );
    let class = VehicleClass::new(15).expect("15 is a class");
    let of_class = cells.iter().filter(|(_, count)| **count > 0);
    let of_class = of_class
        .map(|(cell, count)| (*cell, count.div_ceil(2)))
        .collect();
    let of_two = Supply::new(cells.clone(), [(class, of_class)].into());
    let of_two = of_two.expect("half of them are of the class");
    let sides = [
        MarketSide::Supply(Supply::from(cells.clone())),
        MarketSide::Supply(of_two),
        MarketSide::Demand(cells),
        MarketSide::Demand(BTreeMap::new()),
    ];
    let sent: Vec<MarketSnapshot> = (1..)
        .zip(sides)
        .map(|(at, side)| MarketSnapshot {
            region: region("snapshots"),
            side,
            at: second(at),
        })
        .collect();
    for snapshot in &sent {
        market
            .publish(snapshot)
            .await
            .unwrap_or_else(|why: PortError| panic!("{why}"));
    }
    await_all(&sent, receive).await;
}
