//! The two sides, each a process of its own, their clients, and the city that both are told of.

use std::net::Ipv4Addr;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::Context as _;
use rushhour_benches::city::{City, Density, Spot, degrees};
use rushhour_benches::cpu;
use rushhour_benches::wire::{redis, tracker};

use crate::costs::{Costs, Within};

/// Drivers in each.
const DRIVERS: u32 = 200_000;
/// Connections of clients.
const CONNECTIONS: usize = 16;
/// What one command carries where it carries many.
const BATCH: usize = 100;
/// Batches that gateways send before they read the answers, where they do not wait for each.
const BATCHES: usize = 4;
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
/// Drivers with a stream of their own, on each connection.
const STREAMS: u32 = 125;

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

/// A driver's number, latitude and longitude.
type Update = (u64, (f64, f64));

fn update((driver, at): (u32, Spot)) -> Update {
    (u64::from(driver), degrees(at))
}

fn city() -> City {
    City::new(3, Density::Even, DRIVERS)
}

/// All drivers of the city.
fn all(city: &City) -> Vec<Update> {
    (0..).zip(city.at().iter().copied()).map(update).collect()
}

/// Steps of drivers drawn at random.
fn moves(city: &mut City, count: u32) -> Vec<Update> {
    let moves = city.moves(count).into_iter();
    moves.map(|it| update((it.driver, it.to))).collect()
}

/// Latitude and longitude of places in the city.
fn places(count: usize) -> Vec<(f64, f64)> {
    let mut city = City::new(9, Density::Even, 0);
    (0..count).map(|_| degrees(city.anywhere())).collect()
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
        let city = city();
        client.report(all(&city), BATCH, 1)?;
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
        let mut report = |pipelined| {
            let updates = moves(city, 4_000_000);
            server.cost(updates.len(), || client.report(updates, BATCH, pipelined))
        };
        let (batched, batches) = (report(1)?, report(BATCHES)?);
        let drivers = client.streams(u64::from(STREAMS))?;
        let mut of_connection = |connection: u32| {
            let drivers = (0..STREAMS).cycle().map(|it| connection * STREAMS + it);
            let steps = drivers.map(|driver| degrees(city.step(driver)));
            steps.take(100_000 / CONNECTIONS).collect::<Vec<_>>()
        };
        let pings: Vec<_> = (0..CONNECTIONS as u32).map(&mut of_connection).collect();
        let count = pings.iter().map(Vec::len).sum();
        let single = server.cost(count, || client.ping(drivers, pings))?;
        let nearest = |count, batch| {
            let queries = places(count);
            server.cost(count, || client.nearest(&queries, batch))
        };
        Ok(Costs {
            batched,
            batches,
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
        let updates = updates_of(server, *clients, city, 2_000_000)?;
        let nearest = |count, pipelined| {
            let near = places(count);
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
            search: nearest(60_000, 1)?,
            searches: nearest(300_000, BATCH)?,
            rounds: nearest(300_000, ROUND)?,
            ..updates
        })
    }
}

/// What `GEOADD` costs in batches and one by one, and `PING`: no searches.
fn updates_of(
    server: &Server,
    clients: redis::Clients,
    city: &mut City,
    batched: u32,
) -> anyhow::Result<Costs> {
    let mut add = |count, batch, pipelined| {
        let updates = moves(city, count);
        let commands = updates.chunks(batch).map(redis::geo_add).collect();
        server.cost(updates.len(), || clients.ask(commands, pipelined).map(drop))
    };
    let (batched, batches) = (add(batched, BATCH, 1)?, add(batched, BATCH, BATCHES)?);
    let single = add(100_000, 1, 1)?;
    let pings = vec![redis::ping(); REQUESTS_OF_NOTHING];
    let nothing = server.cost(pings.len(), || clients.ask(pings, 1).map(drop))?;
    Ok(Costs {
        batched,
        batches,
        single,
        nothing,
        ..Costs::NONE
    })
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
        let city = city();
        let all = all(&city);
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
        let near = places(20_000);
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

    /// All else, and its searches in pipelines, within the best radius: no searches one by one.
    pub(crate) fn costs(&mut self, best: Within) -> anyhow::Result<Costs> {
        let Self {
            server,
            clients,
            city,
        } = self;
        let updates = updates_of(server, *clients, city, 1_000_000)?;
        let near = places(20_000);
        let piped = |pipelined| {
            server.cost(near.len(), || {
                until_enough(*clients, near.clone(), best.radius_m, pipelined)
            })
        };
        Ok(Costs {
            searches: piped(BATCH)?,
            rounds: piped(ROUND)?,
            ..updates
        })
    }
}
