//! The fleet tracker over the wire against Redis with its geo index: 200,000 drivers, server CPU for each update and
//! each search for the nearest 10, on loopback. Both are processes of their own, and their clients are not counted.
//! Redis stores a place for each member and nothing else; the tracker judges each ping, knows who is online, kept and
//! silent, answers each, and finds exactly the nearest 10 with no radius to guess.

use std::net::Ipv4Addr;
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::Duration;

use anyhow::Context as _;
use rushhour_benches::random::Random;
use rushhour_benches::wire::{redis, tracker};
use rushhour_benches::{Comparison, Figure, cpu, peers};

/// As the tracker that is deployed has it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

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
const RADII_M: [f64; 6] = [160.0, 180.0, 200.0, 220.0, 260.0, 320.0];
/// How often everything is measured, the cheapest time counting: one minute differs from another.
const TRIES: usize = 3;
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

fn main() -> anyhow::Result<ExitCode> {
    if std::env::args().nth(1).as_deref() == Some("serve") {
        tracker::serve()?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut rows = Comparison::default();
    match peers::debian("redis-server", "/usr/bin/redis-server") {
        Ok(()) => compare(&mut Ours::start()?, &mut Theirs::start()?, &mut rows)?,
        Err(why) => rows.add(Figure::skipped("over the wire", &why)),
    }
    Ok(rows.finish())
}

/// Measures both by turns, so that both meet the same minutes, and keeps what was cheapest of each.
fn compare(ours: &mut Ours, theirs: &mut Theirs, rows: &mut Comparison) -> anyhow::Result<()> {
    let (mut grpc, mut geo, mut redis) = (Costs::NONE, Costs::NONE, Costs::NONE);
    let mut tried = RADII_M.map(Within::none);
    for _ in 0..TRIES {
        grpc.keep_cheaper(ours.over_grpc()?);
        for (within, again) in tried.iter_mut().zip(theirs.searches()?) {
            within.keep_cheaper(again);
        }
        geo.keep_cheaper(ours.in_redis()?);
        redis.keep_cheaper(theirs.costs(best_of(&tried))?);
    }
    let best = best_of(&tried);
    redis.search = best.until_enough;

    let mut row = |case: &str, ours: f64, theirs: f64, wanted: Option<f64>| {
        rows.add(match wanted {
            Some(wanted) => Figure::cost(case, ours, "Redis", theirs, "µs", wanted),
            None => Figure::told(case, ours, "Redis", theirs, "µs"),
        });
    };
    let case = "update, 100 in a batch, gRPC";
    row(case, grpc.batched, redis.batched, Some(8.0));
    let case = "update, 100 in a GEOADD";
    row(case, geo.batched, redis.batched, None);
    let case = "update, one in a message of a stream, gRPC";
    row(case, grpc.single, redis.single, None);
    let case = "update, one in a GEOADD";
    row(case, geo.single, redis.single, Some(1.0));
    let until = format!("Redis within {} m, then wider", best.radius_m);
    let case = format!("nearest 10, one in a GEOSEARCH, {until}");
    row(&case, geo.search, redis.search, Some(4.0));
    let case = format!("nearest 10, one in a request, gRPC, {until}");
    row(&case, grpc.search, redis.search, None);
    let case = "nearest 10, 1,000 in a request, gRPC, Redis one in a request";
    row(case, grpc.rounds, redis.search, Some(30.0));
    let case = "nearest 10, 100 in a request, gRPC, Redis one in a request";
    row(case, grpc.searches, redis.search, None);
    let case = "nearest 10, 100 GEOSEARCH in a pipeline, Redis one in a request";
    row(case, geo.searches, redis.search, None);
    let case = "nearest 10, 1,000 in a request, gRPC, Redis 1,000 in a pipeline";
    row(case, grpc.rounds, redis.rounds, None);
    let case = "nearest 10, 100 GEOSEARCH in a pipeline, both";
    row(case, geo.searches, redis.searches, None);
    let mut told = vec![tried[0], best];
    told.dedup_by_key(|within| within.radius_m);
    for within in told {
        let case = format!(
            "nearest 10, one in a GEOSEARCH, Redis within {} m, fewer for {:.0} % of places",
            within.radius_m,
            within.fewer * 100.0,
        );
        row(&case, geo.search, within.once, None);
    }
    row("PING, which does nothing", geo.nothing, redis.nothing, None);
    let case = "a request of gRPC that does nothing, Redis PING";
    row(case, grpc.nothing, redis.nothing, None);
    Ok(())
}

/// By which enough are found at the least cost.
fn best_of(tried: &[Within; RADII_M.len()]) -> Within {
    let cheapest = tried
        .iter()
        .min_by(|a, b| a.of_all_turns.total_cmp(&b.of_all_turns));
    *cheapest.expect("some radius was tried")
}

/// Microseconds of server CPU.
#[derive(Debug, Clone, Copy)]
struct Costs {
    batched: f64,
    single: f64,
    search: f64,
    searches: f64,
    /// A search of a round's request, or in a pipeline of as many.
    rounds: f64,
    /// A request that asks for nothing, or nearly: what the wire costs.
    nothing: f64,
}

impl Costs {
    /// Before anything was measured.
    const NONE: Self = Self {
        batched: f64::INFINITY,
        single: f64::INFINITY,
        search: f64::INFINITY,
        searches: f64::INFINITY,
        rounds: f64::INFINITY,
        nothing: f64::INFINITY,
    };

    /// Of two times that the same was measured the cheaper.
    fn keep_cheaper(&mut self, again: Self) {
        let Self {
            batched,
            single,
            search,
            searches,
            rounds,
            nothing,
        } = self;
        for (cost, again) in [
            (batched, again.batched),
            (single, again.single),
            (search, again.search),
            (searches, again.searches),
            (rounds, again.rounds),
            (nothing, again.nothing),
        ] {
            *cost = cost.min(again);
        }
    }
}

/// Redis' search within a radius, one in a request.
#[derive(Debug, Clone, Copy)]
struct Within {
    radius_m: f64,
    /// The share of places that have fewer than are wanted within it.
    fewer: f64,
    /// Microseconds of server CPU for a search that leaves it at that.
    once: f64,
    /// For one that goes on, wider, until it has as many as are wanted.
    until_enough: f64,
    /// The same of all turns together, by which the best radius is chosen: the cheapest of many would be chosen by chance.
    of_all_turns: f64,
}

impl Within {
    /// Before anything was measured.
    const fn none(radius_m: f64) -> Self {
        Self {
            radius_m,
            fewer: 0.0,
            once: f64::INFINITY,
            until_enough: f64::INFINITY,
            of_all_turns: 0.0,
        }
    }

    /// Of two times that the same was measured the cheaper.
    fn keep_cheaper(&mut self, again: Self) {
        self.fewer = again.fewer;
        self.once = self.once.min(again.once);
        self.until_enough = self.until_enough.min(again.until_enough);
        self.of_all_turns += again.of_all_turns;
    }
}

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
struct Ours {
    server: Server,
    client: tracker::Client,
    clients: redis::Clients,
    city: City,
}

impl Ours {
    fn start() -> anyhow::Result<Self> {
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

    fn over_grpc(&mut self) -> anyhow::Result<Costs> {
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

    fn in_redis(&mut self) -> anyhow::Result<Costs> {
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
struct Theirs {
    server: Server,
    clients: redis::Clients,
    city: City,
}

impl Theirs {
    fn start() -> anyhow::Result<Self> {
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
    fn searches(&self) -> anyhow::Result<Vec<Within>> {
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
    fn costs(&mut self, best: Within) -> anyhow::Result<Costs> {
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
