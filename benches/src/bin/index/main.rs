//! The fleet's index within a process, against the R*-tree `rstar`, the k-d tree `kiddo` and a bare grid: 200,000
//! drivers over 40 × 40 km, alike everywhere or around a centre. Each update moves one of them, drawn at random, by up to
//! 45 m either way, as a car in traffic moves between two pings. Ours is the whole of [`SharedFleet`]: status, sequence and
//! expiry included, drivers known by ids that are not dense. Nanoseconds of CPU; of a few turns in which all sides are
//! measured one after the other the best of each, for what else the machine does only ever adds.

mod contention;
mod others;

use std::hint::black_box;
use std::process::ExitCode;
use std::time::Duration;

use domain::{DriverId, Place, Space, Timestamp};
use fleet::index::{CandidateLists, Change, Index};
use fleet::{FleetPolicy, Nearby, Ping, SharedFleet};
use rushhour_benches::city::{City, Density, Move, SIDE_M, Spot, degrees};
use rushhour_benches::{Comparison, Figure, cpu};
use services::limits::DRIVERS_AT_ONCE;

use others::{bare_grid, kiddo, rstar};

const DRIVERS: u32 = 200_000;
const UPDATES: u32 = 1_000_000;
/// Of these, as many as are told between two looks at the clock: so few that they are in the cache, as those are that come
/// over a network.
const PIECE: u32 = 10_000;
/// In which so many come of 200,000 drivers who ping each four seconds.
const PIECE_SPAN: Duration = Duration::from_millis(200);
const QUERIES: u32 = 100_000;
/// How often all sides have their turn.
const TURNS: usize = 3;
/// Rounds of a side in its turn.
const ROUNDS: usize = 2;
const NEAREST: usize = 10;
/// Updates between one query and the next: a ping each four seconds of 200,000 drivers, and 5,000 queries a second.
const UPDATES_PER_QUERY: usize = 10;
/// A city that nobody's process has yet.
const MILLION: u32 = 1_000_000;

const PLANE: Space = Space::Plane {
    width_m: SIDE_M,
    height_m: SIDE_M,
};

fn main() -> anyhow::Result<ExitCode> {
    let mut rows = Comparison::default();
    rows.add(memory());
    let mut best = Sides::measure();
    for _ in 1..TURNS {
        best = best.least(Sides::measure());
    }
    let Sides {
        plane,
        globe,
        alone,
        grid: (grid_update, grid_nearest),
        rstar: (rstar_update, rstar_nearest),
        kiddo: (kiddo_rebuild, kiddo_nearest),
        centred,
        kiddo_centred: (_, kiddo_centred),
    } = best;
    let case = "update of the index alone, of a batch";
    rows.add(Figure::cost(case, alone, "rstar", rstar_update, "ns", 50.0));
    let case = "update, status and expiry included, of a batch";
    rows.add(Figure::told(
        case,
        plane.batched,
        "rstar",
        rstar_update,
        "ns",
    ));
    let anew = "kiddo, by building it anew for 200,000";
    rows.add(Figure::told(case, plane.batched, anew, kiddo_rebuild, "ns"));
    let bare = "bare grid: no ids, status, expiry";
    rows.add(Figure::told(case, plane.batched, bare, grid_update, "ns"));
    rows.add(Figure::told(
        "the same, each by itself",
        plane.update,
        "rstar",
        rstar_update,
        "ns",
    ));
    let case = "nearest 10, between updates, 10 for each, asked a round of 1,000 at once";
    let none = "kiddo, which takes none";
    rows.add(Figure::cost(
        case,
        plane.nearest,
        none,
        kiddo_nearest,
        "ns",
        1.0,
    ));
    rows.add(Figure::told(
        case,
        plane.nearest,
        "rstar, taking none",
        rstar_nearest,
        "ns",
    ));
    rows.add(Figure::told(
        case,
        plane.nearest,
        "bare grid, taking none",
        grid_nearest,
        "ns",
    ));
    let case = "nearest 10, the same, each asked by itself";
    for (other, theirs) in [(none, kiddo_nearest), ("rstar, taking none", rstar_nearest)] {
        rows.add(Figure::told(case, plane.single, other, theirs, "ns"));
    }
    let case = "nearest 10, a round at once, in a city with a centre";
    rows.add(Figure::told(
        case,
        centred.nearest,
        none,
        kiddo_centred,
        "ns",
    ));
    let (even, centre) = ("an even one", "a city with a centre");
    rows.add(Figure::told(
        &format!("update in {centre}, of a batch"),
        centred.batched,
        even,
        plane.batched,
        "ns",
    ));
    let (flat, round) = ("on a plane", "on the globe");
    rows.add(Figure::told(
        &format!("update {round}, of a batch"),
        globe.batched,
        flat,
        plane.batched,
        "ns",
    ));
    rows.add(Figure::told(
        &format!("nearest 10 {round}, a round at once"),
        globe.nearest,
        flat,
        plane.nearest,
        "ns",
    ));
    let waits = contention::measure()?;
    let query = "wall time of a query of a round's 1,000 while 250,000 pings a second come";
    let batch = "wall time of a batch of 100 of these pings while rounds are asked without a pause";
    let beside =
        "wall time of a query of a round's 1,000 while other rounds are asked without a pause";
    let single = "wall time of a query by itself while rounds are asked without a pause";
    for (case, between, alone) in [
        (query, waits.query_between, waits.query_alone),
        (beside, waits.query_beside_rounds, waits.query_alone),
        (single, waits.single_beside_rounds, waits.single_alone),
        (batch, waits.batch_between, waits.batch_alone),
    ] {
        for (which, between, alone) in [
            ("median", between.median, alone.median),
            ("p99", between.p99, alone.p99),
        ] {
            let case = format!("{case}, {which}");
            rows.add(Figure::told(
                &case,
                between,
                "nobody else there",
                alone,
                "µs",
            ));
        }
    }
    Ok(rows.finish())
}

/// What each side took: nanoseconds of CPU.
#[derive(Debug, Clone, Copy)]
struct Sides {
    plane: Took,
    globe: Took,
    /// An update of a batch of the index by itself.
    alone: f64,
    /// Of these an update, or its share of building anew, and a query.
    grid: (f64, f64),
    rstar: (f64, f64),
    kiddo: (f64, f64),
    /// In a city with a centre.
    centred: Took,
    kiddo_centred: (f64, f64),
}

impl Sides {
    fn measure() -> Self {
        Self {
            alone: index_alone(PLANE),
            rstar: rstar(),
            plane: ours(PLANE, Density::Even),
            kiddo: kiddo(Density::Even),
            centred: ours(PLANE, Density::Centred),
            kiddo_centred: kiddo(Density::Centred),
            grid: bare_grid(),
            globe: ours(Space::Sphere, Density::Even),
        }
    }

    fn least(self, other: Self) -> Self {
        let both = |one: (f64, f64), other: (f64, f64)| (one.0.min(other.0), one.1.min(other.1));
        Self {
            plane: self.plane.least(other.plane),
            globe: self.globe.least(other.globe),
            alone: self.alone.min(other.alone),
            grid: both(self.grid, other.grid),
            rstar: both(self.rstar, other.rstar),
            kiddo: both(self.kiddo, other.kiddo),
            centred: self.centred.least(other.centred),
            kiddo_centred: both(self.kiddo_centred, other.kiddo_centred),
        }
    }
}

/// A spot of the city on a space: on the globe it is New York.
fn place(space: Space, (east_m, north_m): Spot) -> Place {
    if space == Space::Sphere {
        let (lat, lon) = degrees((east_m, north_m));
        Place::new(lat, lon).expect("New York is on the globe")
    } else {
        Place::from_metres(east_m, north_m)
    }
}

/// Ids as an identity provider might give them: not dense.
fn id(driver: u32) -> DriverId {
    DriverId(u64::from(driver) * 7_919)
}

/// The seed of the city, whoever is told of it.
fn city(density: Density, drivers: u32) -> City {
    City::new(7, density, drivers)
}

fn anywhere(city: &mut City) -> Vec<Spot> {
    (0..QUERIES).map(|_| city.anywhere()).collect()
}

/// Nanoseconds that an update takes of those who are told, piece by piece, of so many.
fn update_ns(city: &mut City, mut tell: impl FnMut(Vec<Move>) -> Duration) -> f64 {
    let pieces = (0..UPDATES / PIECE).map(|_| tell(city.moves(PIECE)));
    nanoseconds(pieces.sum(), UPDATES)
}

fn spent(work: impl FnOnce()) -> Duration {
    let before = cpu::of_this_thread();
    work();
    cpu::of_this_thread() - before
}

fn nanoseconds(spent: Duration, count: u32) -> f64 {
    spent.as_secs_f64() * 1e9 / f64::from(count)
}

/// Nanoseconds of CPU.
#[derive(Debug, Clone, Copy)]
struct Took {
    /// An update, each told by itself.
    update: f64,
    /// An update of a batch.
    batched: f64,
    /// A query of a round that is asked at once, between updates.
    nearest: f64,
    /// A query that is asked by itself, between as many.
    single: f64,
}

impl Took {
    const NONE: Self = Self {
        update: f64::INFINITY,
        batched: f64::INFINITY,
        nearest: f64::INFINITY,
        single: f64::INFINITY,
    };

    fn least(self, other: Self) -> Self {
        Self {
            update: self.update.min(other.update),
            batched: self.batched.min(other.batched),
            nearest: self.nearest.min(other.nearest),
            single: self.single.min(other.single),
        }
    }
}

/// The fleet on a space.
fn ours(space: Space, density: Density) -> Took {
    let mut city = city(density, DRIVERS);
    let policy = FleetPolicy {
        ping_expiry: Duration::from_secs(20),
        ..FleetPolicy::default()
    };
    let fleet = SharedFleet::new(space, policy);
    for (driver, at) in (0..).zip(city.at()) {
        fleet
            .lock()
            .go_online(id(driver), place(space, *at), Timestamp::ZERO);
    }
    let (mut sequence, mut now) = (0, Timestamp::ZERO);
    let mut took = Took::NONE;
    // The first is not counted: all came online at once, and are looked at again at once.
    for round in 0..=ROUNDS {
        let mut pings = |moves: Vec<Move>| -> (Timestamp, Vec<(DriverId, Ping)>) {
            now = now + PIECE_SPAN;
            let ping = |it: &Move| {
                sequence += 1;
                let ping = Ping {
                    sequence,
                    place: place(space, it.to),
                    sent_at: now,
                };
                (id(it.driver), ping)
            };
            (now, moves.iter().map(ping).collect())
        };
        let update = update_ns(&mut city, |moves| {
            let (now, told) = pings(moves);
            spent(|| {
                for (driver, ping) in told {
                    black_box(fleet.lock().ping(driver, ping, now));
                }
                expire(&fleet, now);
            })
        });
        let batched = update_ns(&mut city, |moves| {
            let (now, told) = pings(moves);
            spent(|| {
                tell(&fleet, &told, now);
                expire(&fleet, now);
            })
        });

        let queries: Vec<Place> = anywhere(&mut city)
            .iter()
            .map(|at| place(space, *at))
            .collect();
        let mut between = |search: &mut dyn FnMut(&[Place])| {
            let mut spent_on = Duration::ZERO;
            for queries in queries.chunks(PIECE as usize / UPDATES_PER_QUERY) {
                let (now, told) = pings(city.moves(PIECE));
                tell(&fleet, &told, now);
                expire(&fleet, now);
                spent_on += spent(|| search(queries));
            }
            nanoseconds(spent_on, QUERIES)
        };
        let nearest = between(&mut |queries| {
            let queries = queries.iter().map(|at| Nearby::any(*at, NEAREST));
            let mut found = CandidateLists::with_room(queries.len(), NEAREST);
            fleet.nearest_of_each(queries, &mut found);
            black_box(&found);
        });
        let single = between(&mut |queries| {
            for at in queries {
                black_box(fleet.nearest(Nearby::any(*at, NEAREST)));
            }
        });
        if round > 0 {
            took = took.least(Took {
                update,
                batched,
                nearest,
                single,
            });
        }
    }
    took
}

/// Batches of pings, as the tracker tells the fleet of them.
fn tell(fleet: &SharedFleet, pings: &[(DriverId, Ping)], now: Timestamp) {
    for pings in pings.chunks(DRIVERS_AT_ONCE) {
        let mut fleet = fleet.lock();
        fleet.pings(pings.iter().copied(), now, |became| {
            black_box(became);
        });
    }
}

/// What the tracker does about time, as often as it has this many pings or more often.
fn expire(fleet: &SharedFleet, now: Timestamp) {
    black_box(fleet.lock().expire(now));
    black_box(fleet.lock().next_deadline());
}

/// The index alone, which knows of no status: nanoseconds of an update of a batch.
fn index_alone(space: Space) -> f64 {
    let mut city = city(Density::Even, DRIVERS);
    let mut index = Index::new(space);
    for (driver, at) in (0..).zip(city.at()) {
        index.put(driver, id(driver), place(space, *at));
    }
    let mut update = f64::INFINITY;
    let change = |it: &Move| Change::Put {
        slot: it.driver,
        driver: id(it.driver),
        place: place(space, it.to),
    };
    for _ in 0..ROUNDS {
        let took = update_ns(&mut city, |moves| {
            let changes: Vec<Change> = moves.iter().map(change).collect();
            spent(|| {
                for changes in changes.chunks(DRIVERS_AT_ONCE) {
                    index.follow(changes);
                }
            })
        });
        update = update.min(took);
    }
    update
}

/// What a million drivers take, all online and in the index, in a process that holds nothing else.
fn memory() -> Figure {
    let city = city(Density::Even, MILLION);
    let before = resident_mb();
    let fleet = SharedFleet::new(Space::Sphere, FleetPolicy::default());
    for (driver, at) in (0..).zip(city.at()) {
        fleet
            .lock()
            .go_online(id(driver), place(Space::Sphere, *at), Timestamp::ZERO);
    }
    let after = resident_mb();
    black_box(&fleet);
    Figure::at_most("memory of 1,000,000 drivers", after - before, "MB", 200.0)
}

/// Linux only.
fn resident_mb() -> f64 {
    let statm = std::fs::read_to_string("/proc/self/statm").expect("Linux has it");
    let pages = statm
        .split(' ')
        .nth(1)
        .and_then(|pages| pages.parse::<f64>().ok());
    pages.expect("resident pages come second") * 4_096.0 / 1e6
}
