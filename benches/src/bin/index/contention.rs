//! What those cost each other who want the fleet at once: gateways that tell pings, rounds that look for drivers near all
//! their riders, and somebody who looks for drivers near one place.
//! Microseconds of wall time, which waiting takes and CPU does not know.

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
use rushhour_benches::city::{City, Density, Move, Spot, degrees};
use services::ports::{CandidateQuery, Clock as _, MarketSnapshot};
use services::track::{DriverLinks, Notice, Tracker};

use super::{DRIVERS, NEAREST};

/// Pings of a batch.
const BATCH: u32 = 100;
/// How often a batch comes: 250,000 pings a second, as many as a million drivers send at one each four seconds.
const BATCH_EVERY: Duration = Duration::from_micros(400);
/// Queries of a round's request.
const ROUND: usize = 1_000;
/// Where riders are: a seed for each who asks for them.
const QUERY_SEEDS: [u64; 2] = [13, 17];
/// Rounds of other riders before the first come again.
const ROUNDS: usize = 100;
/// How often somebody looks for drivers near one place.
const SINGLE_EVERY: Duration = Duration::from_micros(500);
/// How long either is measured.
const MEASURED_FOR: Duration = Duration::from_secs(2);

/// Microseconds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Took {
    pub(crate) median: f64,
    pub(crate) p99: f64,
}

/// What they take by themselves, and while others come: rounds without a pause, pings at their pace.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Waits {
    /// A query of a round.
    pub(crate) query_alone: Took,
    pub(crate) query_between: Took,
    pub(crate) query_beside_rounds: Took,
    /// A query by itself.
    pub(crate) single_alone: Took,
    pub(crate) single_beside_rounds: Took,
    /// A batch of pings.
    pub(crate) batch_alone: Took,
    pub(crate) batch_between: Took,
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
    let city = City::new(11, Density::Even, DRIVERS);
    let all = (0..).zip(city.at());
    let all: Vec<_> = all.map(|(id, at)| (DriverId(id), place(*at))).collect();
    tracker.put_online(&all, None);

    let [one, other] = QUERY_SEEDS.map(queries);
    let (query_between, batch_between) = beside(
        || rounds(&tracker, &one, Until::Measured),
        |over| batches(&tracker, Until::Over(over)),
    )?;
    let (query_beside_rounds, _) = beside(
        || rounds(&tracker, &one, Until::Measured),
        |over| rounds(&tracker, &other, Until::Over(over)),
    )?;
    let (single_beside_rounds, _) = beside(
        || singles(&tracker, &one),
        |over| rounds(&tracker, &other, Until::Over(over)),
    )?;
    Ok(Waits {
        query_alone: rounds(&tracker, &one, Until::Measured),
        query_between,
        query_beside_rounds,
        single_alone: singles(&tracker, &one),
        single_beside_rounds,
        batch_alone: batches(&tracker, Until::Measured),
        batch_between,
    })
}

/// How long to go on.
#[derive(Debug, Clone, Copy)]
enum Until<'a> {
    /// [`MEASURED_FOR`].
    Measured,
    /// Others are done.
    Over(&'a AtomicBool),
}

impl Until<'_> {
    fn is_reached(self, began: Instant) -> bool {
        match self {
            Self::Measured => began.elapsed() >= MEASURED_FOR,
            Self::Over(over) => over.load(Ordering::Relaxed),
        }
    }
}

/// Both at once, the second for as long as the first takes.
fn beside<T: Send>(
    first: impl FnOnce() -> Took,
    second: impl FnOnce(&AtomicBool) -> T + Send,
) -> anyhow::Result<(Took, T)> {
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let second = scope.spawn(|| second(&over));
        let first = first();
        over.store(true, Ordering::Relaxed);
        let second = second
            .join()
            .map_err(|_| anyhow::anyhow!("one of two threads panicked"))?;
        Ok((first, second))
    })
}

fn place(spot: Spot) -> Place {
    let (lat, lon) = degrees(spot);
    Place::new(lat, lon).expect("New York is on the globe")
}

/// Rounds one after the other: what a query of them takes.
fn rounds(tracker: &Fleet, queries: &[CandidateQuery], until: Until<'_>) -> Took {
    let began = Instant::now();
    let mut took = Vec::new();
    for queries in queries.chunks(ROUND).cycle() {
        if until.is_reached(began) {
            break;
        }
        took.push(microseconds(|| {
            black_box(tracker.candidates(queries, NEAREST, None));
        }));
    }
    Took::of(took, ROUND)
}

fn queries(seed: u64) -> Vec<CandidateQuery> {
    let mut city = City::new(seed, Density::Even, 0);
    let query = |_| CandidateQuery {
        pickup: place(city.anywhere()),
        classes: VehicleClasses::ALL,
        excluded: Vec::new(),
    };
    (0..ROUND * ROUNDS).map(query).collect()
}

/// Queries at their pace, one by one: what one takes.
fn singles(tracker: &Fleet, queries: &[CandidateQuery]) -> Took {
    let began = Instant::now();
    let mut took = Vec::new();
    for query in queries.iter().cycle() {
        if Until::Measured.is_reached(began) {
            break;
        }
        let due = SINGLE_EVERY * u32::try_from(took.len()).unwrap_or(u32::MAX);
        std::thread::sleep(due.saturating_sub(began.elapsed()));
        took.push(microseconds(|| {
            black_box(tracker.candidates(std::slice::from_ref(query), NEAREST, None));
        }));
    }
    Took::of(took, 1)
}

/// Batches of pings at their pace: what one takes.
fn batches(tracker: &Fleet, until: Until<'_>) -> Took {
    // The drivers who were put online, wherever the batches before have left them.
    let mut city = City::new(11, Density::Even, DRIVERS);
    // Above those of batches before.
    let mut sequence = WallClock.now().as_micros().unsigned_abs();
    let began = Instant::now();
    let mut took = Vec::new();
    while !until.is_reached(began) {
        let sent_at: Timestamp = WallClock.now();
        let ping = |it: Move| {
            sequence += 1;
            let ping = Ping {
                sequence,
                place: place(it.to),
                sent_at,
            };
            (DriverId(u64::from(it.driver)), ping)
        };
        let pings: Vec<_> = city.moves(BATCH).into_iter().map(ping).collect();
        let due = BATCH_EVERY * u32::try_from(took.len()).unwrap_or(u32::MAX);
        std::thread::sleep(due.saturating_sub(began.elapsed()));
        took.push(microseconds(|| {
            tracker.pings(pings, |became| {
                black_box(became);
            });
        }));
    }
    Took::of(took, 1)
}

fn microseconds(work: impl FnOnce()) -> f64 {
    let begins = Instant::now();
    work();
    begins.elapsed().as_secs_f64() * 1e6
}

impl Took {
    /// Of `each` in one that was timed.
    fn of(mut took: Vec<f64>, each: usize) -> Self {
        took.sort_unstable_by(f64::total_cmp);
        let at = |share: usize| took.get(took.len() * share / 100).copied();
        let per = |time: Option<f64>| time.unwrap_or(f64::NAN) / each as f64;
        Self {
            median: per(at(50)),
            p99: per(at(99)),
        }
    }
}
