//! What those cost each other who want the fleet at once: gateways that tell pings, and rounds that look for drivers.
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
/// Rounds of other riders before the first come again.
const ROUNDS: usize = 100;
/// How long either is measured.
const MEASURED_FOR: Duration = Duration::from_secs(2);

/// Microseconds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Took {
    pub(crate) median: f64,
    pub(crate) p99: f64,
}

/// What they take by themselves, and while the others come: rounds without a pause, pings at their pace.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Waits {
    /// A query of a round.
    pub(crate) query_alone: Took,
    pub(crate) query_between: Took,
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

    let query_alone = rounds(&tracker);
    let batch_alone = batches(&tracker, |elapsed| elapsed >= MEASURED_FOR);
    let over = AtomicBool::new(false);
    let (query_between, batch_between) = std::thread::scope(|scope| {
        let pings = scope.spawn(|| batches(&tracker, |_| over.load(Ordering::Relaxed)));
        let query = rounds(&tracker);
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

fn place(spot: Spot) -> Place {
    let (lat, lon) = degrees(spot);
    Place::new(lat, lon).expect("New York is on the globe")
}

/// Rounds one after the other: what a query of them takes.
fn rounds(tracker: &Fleet) -> Took {
    let mut city = City::new(13, Density::Even, 0);
    let query = |_| CandidateQuery {
        pickup: place(city.anywhere()),
        classes: VehicleClasses::ALL,
        excluded: Vec::new(),
    };
    let queries: Vec<CandidateQuery> = (0..ROUND * ROUNDS).map(query).collect();
    let began = Instant::now();
    let mut took = Vec::new();
    for queries in queries.chunks(ROUND).cycle() {
        if began.elapsed() >= MEASURED_FOR {
            break;
        }
        took.push(microseconds(|| {
            black_box(tracker.candidates(queries, NEAREST, None));
        }));
    }
    Took::of(took, ROUND)
}

/// Batches of pings at their pace until it is over: what one takes.
fn batches(tracker: &Fleet, is_over: impl Fn(Duration) -> bool) -> Took {
    // The drivers who were put online, wherever the batches before have left them.
    let mut city = City::new(11, Density::Even, DRIVERS);
    // Above those of batches before.
    let mut sequence = WallClock.now().as_micros().unsigned_abs();
    let began = Instant::now();
    let mut took = Vec::new();
    while !is_over(began.elapsed()) {
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
