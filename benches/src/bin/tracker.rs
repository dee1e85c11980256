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

fn main() -> anyhow::Result<ExitCode> {
    if std::env::args().nth(1).as_deref() == Some("serve") {
        tracker::serve()?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut rows = Comparison::default();
    match peers::debian("redis-server", "/usr/bin/redis-server") {
        Ok(()) => compare(&Ours::start()?, &Theirs::start()?, &mut rows)?,
        Err(why) => rows.add(Figure::skipped("over the wire", &why)),
    }
    Ok(rows.finish())
}

/// Measures both by turns, so that both meet the same minutes, and keeps what was cheapest of each.
fn compare(ours: &Ours, theirs: &Theirs, rows: &mut Comparison) -> anyhow::Result<()> {
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
    // By what it took over all turns.
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
        .min_by(|a, b| a.until_enough.total_cmp(&b.until_enough));
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
}

impl Within {
    /// Before anything was measured.
    const fn none(radius_m: f64) -> Self {
        Self {
            radius_m,
            fewer: 0.0,
            once: f64::INFINITY,
            until_enough: f64::INFINITY,
        }
    }

    /// Of two times that the same was measured the cheaper.
    fn keep_cheaper(&mut self, again: Self) {
        self.fewer = again.fewer;
        self.once = self.once.min(again.once);
        self.until_enough = self.until_enough.min(again.until_enough);
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

/// Drivers, drawn at random, and where they are.
fn moves(seed: u64) -> impl Iterator<Item = (u64, (f64, f64))> {
    let mut random = Random::new(seed);
    places(seed ^ 1).map(move |place| (random.bits() % DRIVERS, place))
}

/// The tracker, with clients over gRPC and clients of Redis' protocol.
struct Ours {
    server: Server,
    client: tracker::Client,
    clients: redis::Clients,
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
        client.report((0..DRIVERS).zip(places(3)).collect(), BATCH)?;
        let clients = redis::Clients {
            address: in_redis,
            token: Some(tracker::SERVICE_TOKEN),
            connections: CONNECTIONS,
        };
        Ok(Self {
            server,
            client,
            clients,
        })
    }

    fn over_grpc(&self) -> anyhow::Result<Costs> {
        let Self { server, client, .. } = self;
        let updates: Vec<_> = moves(5).take(4_000_000).collect();
        let batched = server.cost(updates.len(), || client.report(updates, BATCH))?;
        let updates = 100_000;
        let drivers = client.streams(125)?;
        let single = server.cost(updates, || client.ping(drivers, places(7), updates))?;
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

    fn in_redis(&self) -> anyhow::Result<Costs> {
        let Self {
            server, clients, ..
        } = self;
        let (batched, single, nothing) = updates_of(server, *clients, 2_000_000)?;
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
    batched: usize,
) -> anyhow::Result<(f64, f64, f64)> {
    let add = |updates: &[(u64, (f64, f64))]| redis::geo_add(updates);
    let cost = |count, commands| server.cost(count, || clients.ask(commands, 1).map(drop));
    let updates: Vec<_> = moves(5).take(batched).collect();
    let batched = cost(updates.len(), updates.chunks(BATCH).map(add).collect())?;
    let updates: Vec<_> = moves(7).take(100_000).collect();
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
        let all: Vec<_> = (0..DRIVERS).zip(places(3)).collect();
        let all = all.chunks(BATCH).map(redis::geo_add);
        clients.ask(all.collect(), 1)?;
        Ok(Self { server, clients })
    }

    /// Its search within each radius.
    fn searches(&self) -> anyhow::Result<Vec<Within>> {
        let Self { server, clients } = self;
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
            })
        };
        RADII_M.into_iter().map(try_within).collect()
    }

    /// All else, and its searches in pipelines, within the best radius.
    fn costs(&self, best: Within) -> anyhow::Result<Costs> {
        let Self { server, clients } = self;
        let (batched, single, nothing) = updates_of(server, *clients, 1_000_000)?;
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
