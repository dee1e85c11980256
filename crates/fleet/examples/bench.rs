//! Times the index and the fleet at 200,000 drivers: `cargo run --release -p rushhour-fleet --example bench`.
//!
//! Drivers are uniform over a city of 40 × 40 km; each update moves one of them, drawn at random, by up to
//! 45 m either way, as a car in traffic moves between two pings. Three rounds; the best counts, because
//! what else runs on the machine only ever adds.

use std::hint::black_box;
use std::time::Duration;

use domain::{DriverId, Place, Space, Timestamp};
use rushhour_fleet::index::{CELL_M_DEFAULT, Index, Nearby};
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

fn index(city: City) {
    let mut moves = Moves::new(city);
    let mut index = Index::new(city.space, CELL_M_DEFAULT);
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
    let before = resident_bytes();
    let policy = FleetPolicy {
        ping_expiry: Duration::from_secs(20),
        ..FleetPolicy::default()
    };
    let mut fleet = Fleet::new(city.space, policy);
    for (id, at) in (0u64..).zip(&moves.at) {
        // Ids as an identity provider might give them: not dense.
        fleet.go_online(DriverId(id * 7_919), city.place(*at), Timestamp::ZERO);
    }
    let after = resident_bytes();
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
    print!(
        "fleet, {:6}  ping   {update:7.1} ns   nearest 10 {nearest:8.1} ns",
        city.name
    );
    match before.zip(after) {
        Some((before, after)) => {
            println!(
                "   {} bytes per driver",
                after.saturating_sub(before) / u64::from(DRIVERS)
            );
        }
        None => println!(),
    }
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
    println!("{DRIVERS} drivers, cells of {CELL_M_DEFAULT} m");
    cities.into_iter().for_each(fleet);
    cities.into_iter().for_each(index);
}
