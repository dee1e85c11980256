//! What one lock around the whole fleet costs those who want it at once: gateways that tell pings, and rounds that look
//! for drivers. Microseconds of wall time, which waiting takes and CPU does not know.

use std::hint::black_box;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use cloud::memory::{MemoryHolds, MemoryQueue};
use cloud::queue::QueueConfig;
use domain::trip::TripEvent;
use domain::{DriverId, Place, Timestamp, VehicleClasses};
use fleet::{FleetPolicy, Ping};
use host::WallClock;
use host::market::MarketDocument;
use rushhour_benches::random::Random;
use services::ports::{CandidateQuery, Clock as _, MarketSnapshot};
use services::track::{DriverLinks, Notice, Tracker};

use super::{DRIVERS, NEAREST};

/// Pings of a batch.
const BATCH: usize = 100;
/// How often a batch comes: 250,000 pings a second, as of a million drivers at one each four seconds.
const BATCH_EVERY: Duration = Duration::from_micros(400);
/// Queries of a round's request.
const ROUND: usize = 1_000;
/// How long either is measured.
const MEASURED_FOR: Duration = Duration::from_secs(2);

/// What one of them takes in the median.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Waits {
    /// A query of a round, in microseconds, with nobody else there.
    pub(crate) query_alone: f64,
    /// The same while pings come.
    pub(crate) query_between: f64,
    /// A batch of pings with nobody else there.
    pub(crate) batch_alone: f64,
    /// The same while rounds are asked one after the other, without a pause.
    pub(crate) batch_between: f64,
}

/// Nobody is told anything.
struct Nobody;

impl DriverLinks for Nobody {
    fn push(&self, _: DriverId, _: Notice) -> bool {
        false
    }
}

type Fleet = Tracker<MemoryHolds, Queue<TripEvent>, Queue<MarketSnapshot>, Nobody, WallClock>;
type Queue<M> = MemoryQueue<M, WallClock>;

pub(crate) fn measure() -> anyhow::Result<Waits> {
    let market = MarketDocument::parse("region = 'here'\n[travel]\nspeed_kmh = 20")?.market()?;
    let policy = FleetPolicy {
        ping_expiry: Duration::from_secs(3_600),
        ..FleetPolicy::default()
    };
    let holds = MemoryHolds::new();
    let tracker = Tracker::new(
        market.into(),
        policy,
        holds,
        Queue::new(QueueConfig::default(), WallClock),
        Queue::new(QueueConfig::default(), WallClock),
        Nobody,
        WallClock,
    );
    let mut random = Random::new(11);
    let all = (0..DRIVERS).map(|id| (DriverId(u64::from(id)), anywhere(&mut random)));
    let all: Vec<_> = all.collect();
    tracker.put_online(&all, None);

    let never = AtomicBool::new(false);
    let query_alone = rounds(&tracker, &never, MEASURED_FOR);
    let batch_alone = batches(&tracker, &never, MEASURED_FOR);
    let over = AtomicBool::new(false);
    let (query_between, batch_between) = std::thread::scope(|scope| {
        let pings = scope.spawn(|| batches(&tracker, &over, Duration::MAX));
        let query = rounds(&tracker, &never, MEASURED_FOR);
        over.store(true, Ordering::Relaxed);
        (query, pings.join())
    });
    Ok(Waits {
        query_alone,
        query_between,
        batch_alone,
        batch_between: batch_between.map_err(|_| anyhow::anyhow!("pings were not told"))?,
    })
}

fn anywhere(random: &mut Random) -> Place {
    let (lat, lon) = (40.55 + random.unit() * 0.36, -74.2 + random.unit() * 0.474);
    Place::new(lat, lon).expect("New York is on the globe")
}

/// Rounds one after the other: the median of a query's share.
fn rounds(tracker: &Fleet, over: &AtomicBool, most: Duration) -> f64 {
    let mut random = Random::new(13);
    let query = |_| CandidateQuery {
        pickup: anywhere(&mut random),
        classes: VehicleClasses::ALL,
        excluded: Vec::new(),
    };
    let queries: Vec<CandidateQuery> = (0..ROUND).map(query).collect();
    let mut took = repeat(over, most, None, || {
        black_box(tracker.candidates(&queries, NEAREST, None));
    });
    median(&mut took) / ROUND as f64
}

/// Batches of pings at their pace: the median of one.
fn batches(tracker: &Fleet, over: &AtomicBool, most: Duration) -> f64 {
    let mut random = Random::new(17);
    // Above those of batches before.
    let mut sequence = WallClock.now().as_micros().unsigned_abs();
    let mut took = repeat(over, most, Some(BATCH_EVERY), || {
        let sent_at: Timestamp = WallClock.now();
        let pings = (0..BATCH).map(|_| {
            sequence += 1;
            let place = anywhere(&mut random);
            let ping = Ping {
                sequence,
                place,
                sent_at,
            };
            (DriverId(random.bits() % u64::from(DRIVERS)), ping)
        });
        tracker.pings(pings, |became| {
            black_box(became);
        });
    });
    median(&mut took)
}

/// Does work again and again, at a pace if there is one: microseconds of each.
fn repeat(
    over: &AtomicBool,
    most: Duration,
    every: Option<Duration>,
    mut work: impl FnMut(),
) -> Vec<f64> {
    let began = Instant::now();
    let mut took = Vec::new();
    while !over.load(Ordering::Relaxed) && began.elapsed() < most {
        if let Some(every) = every {
            let due = every * u32::try_from(took.len()).unwrap_or(u32::MAX);
            std::thread::sleep(due.saturating_sub(began.elapsed()));
        }
        let begins = Instant::now();
        work();
        took.push(begins.elapsed().as_secs_f64() * 1e6);
    }
    took
}

fn median(took: &mut [f64]) -> f64 {
    took.sort_unstable_by(f64::total_cmp);
    took.get(took.len() / 2).copied().unwrap_or(f64::NAN)
}
