//! Times the index and the fleet at 200,000 drivers: `cargo run --release -p rushhour-fleet --example fleet_bench`.
//!
//! Drivers are uniform over a city of 40 × 40 km; each update moves one of them, drawn at random, by up to
//! 45 m either way, as a car in traffic moves between two pings. Three rounds; the best counts, because
//! what else runs on the machine only ever adds. The bare grid is the least that any grid must do, on a
//! plane with nothing around it: compare with its times of the same run, not with another machine's.

use std::hint::black_box;
use std::time::Duration;

use domain::{DriverId, Place, Space, Timestamp};
use rushhour_fleet::index::{Index, Nearby};
use rushhour_fleet::{Fleet, FleetPolicy, Ping};

const DRIVERS: u32 = 200_000;
const UPDATES: u32 = 2_000_000;
const QUERIES: u32 = 100_000;
const ROUNDS: usize = 3;
const SIDE_M: f64 = 40_000.0;
const STEP_M: f64 = 45.0;

/// A small generator of numbers, so that the benchmark needs no crate. Marsaglia's xorshift.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    #[expect(clippy::cast_precision_loss, reason = "53 bits fit")]
    fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    fn below(&mut self, bound: u32) -> u32 {
        u32::try_from(self.next() % u64::from(bound)).expect("below a u32")
    }
}

/// A city of the benchmark: east and north in metres of its south-west corner, on a space.
#[derive(Clone, Copy)]
struct City {
    name: &'static str,
    space: Space,
}

impl City {
    fn place(self, (east_m, north_m): (f64, f64)) -> Place {
        if self.space == Space::Sphere {
            let degrees = domain::place::METRES_PER_DEGREE;
            let (lat, lon) = (40.55 + north_m / degrees, -74.2 + east_m / degrees / 0.759);
            Place::new(lat, lon).expect("New York is on the globe")
        } else {
            Place::from_metres(east_m, north_m)
        }
    }
}

struct Moves {
    city: City,
    random: Random,
    at: Vec<(f64, f64)>,
}

impl Moves {
    fn new(city: City) -> Self {
        let mut random = Random(0x9e37_79b9_7f4a_7c15);
        let at = (0..DRIVERS)
            .map(|_| (random.unit() * SIDE_M, random.unit() * SIDE_M))
            .collect();
        Self { city, random, at }
    }

    fn draw(&mut self) -> Vec<(u32, Place)> {
        (0..UPDATES)
            .map(|_| {
                let slot = self.random.below(DRIVERS);
                let (east, north) = self.at[slot as usize];
                let mut step = || (self.random.unit() * 2.0 - 1.0) * STEP_M;
                let to = (
                    (east + step()).clamp(0.0, SIDE_M),
                    (north + step()).clamp(0.0, SIDE_M),
                );
                self.at[slot as usize] = to;
                (slot, self.city.place(to))
            })
            .collect()
    }

    fn anywhere(&mut self) -> Vec<Place> {
        (0..QUERIES)
            .map(|_| {
                self.city
                    .place((self.random.unit() * SIDE_M, self.random.unit() * SIDE_M))
            })
            .collect()
    }
}

#[expect(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "a benchmark reads the clock"
)]
fn nanoseconds_each(count: u32, work: impl FnOnce()) -> f64 {
    let start = std::time::Instant::now();
    work();
    start.elapsed().as_secs_f64() * 1e9 / f64::from(count)
}

fn resident_bytes() -> Option<u64> {
    let statm = std::fs::read_to_string("/proc/self/statm").ok()?;
    let pages: u64 = statm.split(' ').nth(1)?.parse().ok()?;
    Some(pages * 4_096)
}

/// A bare grid of buckets on a plane: cells of 250 m, no status, no removal, nothing left out.
struct Bare {
    buckets: Vec<Vec<(f64, f64, u32)>>,
    located: Vec<(usize, usize)>,
}

const BARE_SIDE: usize = 161;
const BARE_CELL_M: f64 = 250.0;

impl Bare {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "cells of the city"
    )]
    fn axis(at: f64) -> usize {
        (at / BARE_CELL_M) as usize
    }

    fn put(&mut self, slot: u32, (x, y): (f64, f64)) {
        let bucket = Self::axis(y) * BARE_SIDE + Self::axis(x);
        let (before, position) = self.located[slot as usize];
        if before == bucket {
            self.buckets[bucket][position] = (x, y, slot);
            return;
        }
        if before != usize::MAX {
            self.buckets[before].swap_remove(position);
            if let Some(moved) = self.buckets[before].get(position) {
                self.located[moved.2 as usize].1 = position;
            }
        }
        self.located[slot as usize] = (bucket, self.buckets[bucket].len());
        self.buckets[bucket].push((x, y, slot));
    }

    fn nearest(&self, (x, y): (f64, f64), found: &mut Vec<(f64, u32)>) {
        let mut reach_m = 0.0;
        for ring in 1.. {
            found.clear();
            reach_m += BARE_CELL_M;
            let span = |at: f64| {
                let cell = Self::axis(at);
                cell.saturating_sub(ring)..=(cell + ring).min(BARE_SIDE - 1)
            };
            for row in span(y) {
                for column in span(x) {
                    let bucket = &self.buckets[row * BARE_SIDE + column];
                    found.extend(bucket.iter().map(|(east, north, slot)| {
                        ((east - x) * (east - x) + (north - y) * (north - y), *slot)
                    }));
                }
            }
            if found.len() > 10 {
                found.select_nth_unstable_by(9, |a, b| a.0.total_cmp(&b.0));
                found.truncate(10);
                found.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
                if found[9].0.sqrt() <= reach_m {
                    return;
                }
            }
        }
    }
}

fn bare(city: City) {
    let mut moves = Moves::new(city);
    let buckets = vec![Vec::new(); BARE_SIDE * BARE_SIDE];
    let mut bare = Bare {
        buckets,
        located: vec![(usize::MAX, 0); DRIVERS as usize],
    };
    let metres = |place: Place| (place.east_m(), place.north_m());
    for (slot, at) in (0u32..).zip(&moves.at) {
        bare.put(slot, *at);
    }
    let (mut update, mut nearest, mut found) = (f64::INFINITY, f64::INFINITY, Vec::new());
    for _ in 0..ROUNDS {
        let drawn = moves.draw();
        update = update.min(nanoseconds_each(UPDATES, || {
            for (slot, place) in &drawn {
                bare.put(*slot, metres(*place));
            }
        }));
        let queries = moves.anywhere();
        nearest = nearest.min(nanoseconds_each(QUERIES, || {
            for place in &queries {
                bare.nearest(metres(*place), &mut found);
                black_box(&found);
            }
        }));
    }
    println!("bare grid      update {update:7.1} ns   nearest 10 {nearest:8.1} ns");
}

fn index(city: City) {
    let mut moves = Moves::new(city);
    let mut index = Index::new(city.space);
    for (slot, at) in (0u32..).zip(&moves.at) {
        index.put(slot, DriverId(u64::from(slot)), city.place(*at));
    }
    let (mut update, mut nearest) = (f64::INFINITY, f64::INFINITY);
    for _ in 0..ROUNDS {
        let drawn = moves.draw();
        update = update.min(nanoseconds_each(UPDATES, || {
            for (slot, place) in &drawn {
                index.put(*slot, DriverId(u64::from(*slot)), *place);
            }
        }));
        let queries = moves.anywhere();
        nearest = nearest.min(nanoseconds_each(QUERIES, || {
            for place in &queries {
                let nearby = Nearby {
                    place: *place,
                    k: 10,
                    radius_m: None,
                    excluded: &[],
                };
                black_box(index.nearest(nearby));
            }
        }));
    }
    println!(
        "index, {:6}  update {update:7.1} ns   nearest 10 {nearest:8.1} ns",
        city.name
    );
}

fn fleet(city: City) {
    let mut moves = Moves::new(city);
    let policy = FleetPolicy {
        ping_expiry: Duration::from_secs(20),
        ..FleetPolicy::default()
    };
    let mut fleet = Fleet::new(city.space, policy);
    for (id, at) in (0u64..).zip(&moves.at) {
        // Ids as an identity provider might give them: not dense.
        fleet.go_online(DriverId(id * 7_919), city.place(*at), Timestamp::ZERO);
    }
    let (mut update, mut nearest, mut sequence) = (f64::INFINITY, f64::INFINITY, 0);
    for round in 0..ROUNDS {
        let drawn = moves.draw();
        let now = Timestamp::from_millis(i64::try_from(round).expect("few rounds") * 4_000);
        update = update.min(nanoseconds_each(UPDATES, || {
            for (slot, place) in &drawn {
                sequence += 1;
                let ping = Ping {
                    sequence,
                    place: *place,
                    sent_at: now,
                };
                black_box(fleet.ping(DriverId(u64::from(*slot) * 7_919), ping, now));
            }
            black_box(fleet.expire(now));
        }));
        let queries = moves.anywhere();
        nearest = nearest.min(nanoseconds_each(QUERIES, || {
            for place in &queries {
                black_box(fleet.nearest(*place, 10, None, &[]));
            }
        }));
    }
    println!(
        "fleet, {:6}  ping   {update:7.1} ns   nearest 10 {nearest:8.1} ns",
        city.name
    );
}

/// Fills one fleet before anything was freed, and says what it takes.
fn memory(city: City) {
    let moves = Moves::new(city);
    let before = resident_bytes();
    let mut fleet = Fleet::new(city.space, FleetPolicy::default());
    for (id, at) in (0u64..).zip(&moves.at) {
        fleet.go_online(DriverId(id), city.place(*at), Timestamp::ZERO);
    }
    if let Some((before, after)) = before.zip(resident_bytes()) {
        println!(
            "{} bytes per driver",
            after.saturating_sub(before) / u64::from(DRIVERS)
        );
    }
    black_box(fleet);
}

fn main() {
    let (width_m, height_m) = (SIDE_M, SIDE_M);
    let cities = [
        City {
            name: "sphere",
            space: Space::Sphere,
        },
        City {
            name: "plane",
            space: Space::Plane { width_m, height_m },
        },
        City {
            name: "torus",
            space: Space::Torus { width_m, height_m },
        },
    ];
    println!("{DRIVERS} drivers");
    memory(cities[0]);
    bare(cities[1]);
    cities.into_iter().for_each(index);
    cities.into_iter().for_each(fleet);
}
