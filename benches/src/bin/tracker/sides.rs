//! The two sides, each a process of its own, their clients, and the city that both are told of.

use std::net::Ipv4Addr;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::Context as _;
use rushhour_benches::cpu;
use rushhour_benches::random::Random;
use rushhour_benches::wire::{redis, tracker};

use crate::costs::{Costs, Within};

/// Drivers in each.
const DRIVERS: u64 = 200_000;
/// Connections of clients.
const CONNECTIONS: usize = 16;
/// What one command carries where it carries many.
const BATCH: usize = 100;
/// What a request of a match round carries at a peak.
const ROUND: usize = 1_000;
/// Requests that ask for nothing.
const REQUESTS_OF_NOTHING: usize = 60_000;
/// How many of the nearest are asked for.
const WANTED: usize = 10;
/// Within which Redis searches, each tried. Within the first are as many as are wanted on average.
pub(crate) const RADII_M: [f64; 6] = [160.0, 180.0, 200.0, 220.0, 260.0, 320.0];
/// Within which the tracker searches: there is no radius to guess.
const ANY_DISTANCE_M: f64 = 20_000_000.0;
/// How much wider Redis searches again where it found fewer.
const WIDER: f64 = 1.5;
/// The city: degrees of latitude and longitude of 40 km by 40 km in New York.
const SOUTH_WEST: (f64, f64) = (40.55, -74.2);
const EXTENT: (f64, f64) = (0.36, 0.474);
/// The longest way between two pings, north and east: 45 m, as a car in traffic drives.
const STEP: (f64, f64) = (0.000_405, 0.000_534);
/// Drivers with a stream of their own, on each connection.
const STREAMS: u64 = 125;

/// A server that ends with its owner.
struct Server {
    child: Child,
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Server {
    /// Microseconds of the server's CPU for each of `count` while a client works.
    fn cost(&self, count: usize, work: impl FnOnce() -> anyhow::Result<()>) -> anyhow::Result<f64> {
        let before = cpu::of_process(self.child.id())?;
        work()?;
        let spent = cpu::of_process(self.child.id())? - before;
        anyhow::ensure!(
            spent >= Duration::from_millis(200),
            "found {spent:?} of CPU spent, expected enough to tell"
        );
        Ok(spent.as_secs_f64() * 1e6 / count as f64)
    }
}

/// Latitude and longitude of places in the city.
fn places(seed: u64) -> impl Iterator<Item = (f64, f64)> {
    let mut random = Random::new(seed);
    std::iter::repeat_with(move || {
        (
            SOUTH_WEST.0 + random.unit() * EXTENT.0,
            SOUTH_WEST.1 + random.unit() * EXTENT.1,
        )
    })
}

/// Where all drivers are.
struct City {
    at: Vec<(f64, f64)>,
    random: Random,
}

impl City {
    fn new() -> Self {
        Self {
            at: places(3).take(DRIVERS as usize).collect(),
            random: Random::new(5),
        }
    }

    /// All of them.
    fn all(&self) -> Vec<(u64, (f64, f64))> {
        (0..).zip(self.at.iter().copied()).collect()
    }

    /// Where a driver is after the next step.
    fn step(&mut self, driver: u64) -> (f64, f64) {
        let at = &mut self.at[driver as usize];
        let mut step = |most| (self.random.unit() * 2.0 - 1.0) * most;
        *at = (at.0 + step(STEP.0), at.1 + step(STEP.1));
        *at
    }

    /// Steps of drivers drawn at random.
    fn moves(&mut self, count: usize) -> Vec<(u64, (f64, f64))> {
        let one = |_| {
            let driver = self.random.bits() % DRIVERS;
            (driver, self.step(driver))
        };
        (0..count).map(one).collect()
    }
}

/// The tracker, with clients over gRPC and clients of Redis' protocol.
pub(crate) struct Ours {
    server: Server,
    client: tracker::Client,
    clients: redis::Clients,
    city: City,
}

impl Ours {
    pub(crate) fn start() -> anyhow::Result<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .arg("serve")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let (grpc, in_redis) = tracker::addresses_of(&mut child)?;
        let server = Server { child };
        let client = tracker::Client::connect(grpc, CONNECTIONS)?;
        let city = City::new();
        client.report(city.all(), BATCH)?;
        let clients = redis::Clients {
            address: in_redis,
            token: Some(tracker::SERVICE_TOKEN),
            connections: CONNECTIONS,
        };
        Ok(Self {
            server,
            client,
            clients,
            city,
        })
    }

    pub(crate) fn over_grpc(&mut self) -> anyhow::Result<Costs> {
        let Self {
            server,
            client,
            city,
            ..
        } = self;
        let updates = city.moves(4_000_000);
        let batched = server.cost(updates.len(), || client.report(updates, BATCH))?;
        let drivers = client.streams(STREAMS)?;
        let mut of_connection = |connection: u64| {
            let drivers = (0..STREAMS).cycle().map(|it| connection * STREAMS + it);
            let steps = drivers.map(|driver| city.step(driver));
            steps.take(100_000 / CONNECTIONS).collect::<Vec<_>>()
        };
        let pings: Vec<_> = (0..CONNECTIONS as u64).map(&mut of_connection).collect();
        let count = pings.iter().map(Vec::len).sum();
        let single = server.cost(count, || client.ping(drivers, pings))?;
        let nearest = |count, batch| {
            let queries: Vec<_> = places(9).take(count).collect();
            server.cost(count, || client.nearest(&queries, batch))
        };
        Ok(Costs {
            batched,
            single,
            search: nearest(60_000, 1)?,
            searches: nearest(600_000, BATCH)?,
            rounds: nearest(600_000, ROUND)?,
            nothing: server.cost(REQUESTS_OF_NOTHING, || client.nothing(REQUESTS_OF_NOTHING))?,
        })
    }

    pub(crate) fn in_redis(&mut self) -> anyhow::Result<Costs> {
        let Self {
            server,
            clients,
            city,
            ..
        } = self;
        let (batched, single, nothing) = updates_of(server, *clients, city, 2_000_000)?;
        let nearest = |count, pipelined| {
            let near: Vec<_> = places(9).take(count).collect();
            server.cost(count, || {
                let found = within(*clients, &near, ANY_DISTANCE_M, pipelined)?;
                anyhow::ensure!(
                    found.iter().all(|found| *found == WANTED),
                    "found fewer than ten"
                );
                Ok(())
            })
        };
        Ok(Costs {
            batched,
            single,
            search: nearest(60_000, 1)?,
            searches: nearest(300_000, BATCH)?,
            rounds: nearest(300_000, ROUND)?,
            nothing,
        })
    }
}

/// What `GEOADD` costs in batches and one by one, and `PING`.
fn updates_of(
    server: &Server,
    clients: redis::Clients,
    city: &mut City,
    batched: usize,
) -> anyhow::Result<(f64, f64, f64)> {
    let add = |updates: &[(u64, (f64, f64))]| redis::geo_add(updates);
    let cost = |count, commands| server.cost(count, || clients.ask(commands, 1).map(drop));
    let updates = city.moves(batched);
    let batched = cost(updates.len(), updates.chunks(BATCH).map(add).collect())?;
    let updates = city.moves(100_000);
    let single = cost(updates.len(), updates.chunks(1).map(add).collect())?;
    let nothing = cost(
        REQUESTS_OF_NOTHING,
        vec![redis::ping(); REQUESTS_OF_NOTHING],
    )?;
    Ok((batched, single, nothing))
}

/// Asks for as many as are wanted near each place, and tells how many were found within the radius.
fn within(
    clients: redis::Clients,
    places: &[(f64, f64)],
    radius_m: f64,
    pipelined: usize,
) -> anyhow::Result<Vec<usize>> {
    let search = |place: &(f64, f64)| redis::geo_search(*place, radius_m, WANTED);
    clients.ask(places.iter().map(search).collect(), pipelined)
}

/// The same until they are found, which for some places takes more than one search.
fn until_enough(
    clients: redis::Clients,
    mut places: Vec<(f64, f64)>,
    mut radius_m: f64,
    pipelined: usize,
) -> anyhow::Result<()> {
    while !places.is_empty() {
        let mut found = within(clients, &places, radius_m, pipelined)?.into_iter();
        places.retain(|_| found.next().is_some_and(|found| found < WANTED));
        radius_m *= WIDER;
    }
    Ok(())
}

/// Redis.
pub(crate) struct Theirs {
    server: Server,
    clients: redis::Clients,
    city: City,
}

impl Theirs {
    pub(crate) fn start() -> anyhow::Result<Self> {
        let address = redis::free_address()?;
        let child = Command::new("/usr/bin/redis-server")
            .args(["--port", &address.port().to_string()])
            .args(["--bind", &Ipv4Addr::LOCALHOST.to_string()])
            .args(["--save", "", "--appendonly", "no"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .context("redis-server")?;
        let server = Server { child };
        redis::wait_for(address)?;
        let clients = redis::Clients {
            address,
            token: None,
            connections: CONNECTIONS,
        };
        let city = City::new();
        let all = city.all();
        clients.ask(all.chunks(BATCH).map(redis::geo_add).collect(), 1)?;
        Ok(Self {
            server,
            clients,
            city,
        })
    }

    /// Its search within each radius.
    pub(crate) fn searches(&self) -> anyhow::Result<Vec<Within>> {
        let Self {
            server, clients, ..
        } = self;
        let near: Vec<_> = places(9).take(20_000).collect();
        let try_within = |radius_m| {
            let mut found = Vec::new();
            let once = server.cost(near.len(), || {
                found = within(*clients, &near, radius_m, 1)?;
                Ok(())
            })?;
            let fewer = found.iter().filter(|found| **found < WANTED).count();
            let until_enough = server.cost(near.len(), || {
                until_enough(*clients, near.clone(), radius_m, 1)
            })?;
            Ok(Within {
                radius_m,
                fewer: fewer as f64 / near.len() as f64,
                once,
                until_enough,
                of_all_turns: until_enough,
            })
        };
        RADII_M.into_iter().map(try_within).collect()
    }

    /// All else, and its searches in pipelines, within the best radius.
    pub(crate) fn costs(&mut self, best: Within) -> anyhow::Result<Costs> {
        let Self {
            server,
            clients,
            city,
        } = self;
        let (batched, single, nothing) = updates_of(server, *clients, city, 1_000_000)?;
        let near: Vec<_> = places(9).take(20_000).collect();
        let piped = |pipelined| {
            server.cost(near.len(), || {
                until_enough(*clients, near.clone(), best.radius_m, pipelined)
            })
        };
        Ok(Costs {
            batched,
            single,
            search: best.until_enough,
            searches: piped(BATCH)?,
            rounds: piped(ROUND)?,
            nothing,
        })
    }
}
