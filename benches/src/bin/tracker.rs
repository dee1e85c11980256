//! The fleet tracker over the wire against Redis with its geo index: 200,000 drivers, server CPU for each update and
//! each search for the nearest 10, on loopback. Both are processes of their own, and their clients are not counted.
//! Redis stores a place for each member and nothing else; the tracker judges each ping, knows who is online, kept and
//! silent, answers each, and finds exactly the nearest 10 with no radius to guess.

use std::net::{Ipv4Addr, SocketAddr};
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
/// Requests that ask for nothing.
const REQUESTS_OF_NOTHING: usize = 60_000;
/// How many of the nearest are asked for.
const WANTED: usize = 10;
/// Within which Redis searches, each tried: within the first are as many as are wanted on average.
const RADII_M: [f64; 6] = [160.0, 180.0, 200.0, 220.0, 260.0, 320.0];
/// How often each is tried, its cheapest time counting: one from the next differs by less than one run from another.
const TRIES: usize = 2;
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
    let (ours, in_redis) = ours()?;
    match peers::debian("redis-server", "/usr/bin/redis-server") {
        Ok(()) => {
            let (theirs, within) = theirs()?;
            let mut row = |case: &str, ours: f64, theirs: f64, wanted: Option<f64>| {
                rows.add(match wanted {
                    Some(wanted) => Figure::cost(case, ours, "Redis", theirs, "µs", wanted),
                    None => Figure::told(case, ours, "Redis", theirs, "µs"),
                });
            };
            let batch = theirs.batched;
            row(
                "update, 100 in a batch, gRPC",
                ours.batched,
                batch,
                Some(8.0),
            );
            let case = "update, 100 in a GEOADD";
            row(case, in_redis.batched, batch, Some(8.0));
            let one = theirs.single;
            row(
                "update, one in a message of a stream, gRPC",
                ours.single,
                one,
                Some(1.0),
            );
            row("update, one in a GEOADD", in_redis.single, one, Some(1.0));
            let best = within.best.radius_m;
            let until = format!("Redis within {best} m, then wider");
            let case = format!("nearest 10, one in a GEOSEARCH, {until}");
            row(&case, in_redis.search, theirs.search, Some(4.0));
            let case = format!("nearest 10, one in a request, gRPC, {until}");
            row(&case, ours.search, theirs.search, None);
            let case = "nearest 10, 100 GEOSEARCH in a pipeline, Redis one in a request";
            row(case, in_redis.searches, theirs.search, Some(30.0));
            let case = "nearest 10, 100 in a request, gRPC, Redis one in a request";
            row(case, ours.searches, theirs.search, Some(30.0));
            let case = "nearest 10, 100 GEOSEARCH in a pipeline, both";
            row(case, in_redis.searches, theirs.searches, None);
            let mut told = vec![within.narrowest, within.best];
            told.dedup_by_key(|within| within.radius_m);
            for within in told {
                let case = format!(
                    "nearest 10, one in a GEOSEARCH, Redis within {} m, fewer for {:.0} % of places",
                    within.radius_m,
                    within.fewer * 100.0,
                );
                row(&case, in_redis.search, within.once, None);
            }
            row(
                "PING, which does nothing",
                in_redis.nothing,
                theirs.nothing,
                None,
            );
            let case = "a request of gRPC that does nothing, Redis PING";
            row(case, ours.nothing, theirs.nothing, None);
        }
        Err(why) => rows.add(Figure::skipped("over the wire", &why)),
    }
    Ok(rows.finish())
}

/// Microseconds of server CPU.
#[derive(Debug, Clone, Copy)]
struct Costs {
    batched: f64,
    single: f64,
    search: f64,
    searches: f64,
    /// A request that asks for nothing, or nearly: what the wire costs.
    nothing: f64,
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
    /// Of two times that the same was measured the cheaper.
    fn keep_cheaper(&mut self, again: Self) {
        self.once = self.once.min(again.once);
        self.until_enough = self.until_enough.min(again.until_enough);
    }
}

/// Of all radii that were tried.
#[derive(Debug, Clone, Copy)]
struct Tried {
    narrowest: Within,
    /// The one by which enough are found at the least cost.
    best: Within,
}

/// A server that ends with its owner.
struct Server {
    child: Child,
    address: SocketAddr,
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

/// Costs of the tracker: over gRPC, and in Redis' protocol.
fn ours() -> anyhow::Result<(Costs, Costs)> {
    let mut child = Command::new(std::env::current_exe()?)
        .arg("serve")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let (address, in_redis) = tracker::addresses_of(&mut child)?;
    let server = Server { child, address };
    let client = tracker::Client::connect(server.address, CONNECTIONS)?;
    client.report((0..DRIVERS).zip(places(3)).collect(), BATCH)?;

    let updates: Vec<_> = moves(5).take(4_000_000).collect();
    let batched = server.cost(updates.len(), || client.report(updates, BATCH))?;
    let updates = 100_000;
    let drivers = client.streams(125)?;
    let single = server.cost(updates, || client.ping(drivers, places(7), updates))?;
    let queries: Vec<_> = places(9).take(60_000).collect();
    let search = server.cost(queries.len(), || client.nearest(&queries, 1))?;
    let queries: Vec<_> = places(11).take(600_000).collect();
    let searches = server.cost(queries.len(), || client.nearest(&queries, BATCH))?;
    let nothing = server.cost(REQUESTS_OF_NOTHING, || client.nothing(REQUESTS_OF_NOTHING))?;
    let costs = Costs {
        batched,
        single,
        search,
        searches,
        nothing,
    };

    let clients = redis::Clients {
        address: in_redis,
        token: Some(tracker::SERVICE_TOKEN),
        connections: CONNECTIONS,
    };
    let (batched, single, nothing) = updates_of(&server, clients, 2_000_000)?;
    let nearest = |count, pipelined| {
        let near: Vec<_> = places(9).take(count).collect();
        server.cost(count, || {
            let found = within(clients, &near, ANY_DISTANCE_M, pipelined)?;
            anyhow::ensure!(
                found.iter().all(|found| *found == WANTED),
                "found fewer than ten"
            );
            Ok(())
        })
    };
    let in_redis = Costs {
        batched,
        single,
        search: nearest(60_000, 1)?,
        searches: nearest(600_000, BATCH)?,
        nothing,
    };
    Ok((costs, in_redis))
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

fn theirs() -> anyhow::Result<(Costs, Tried)> {
    let address = redis::free_address()?;
    let child = Command::new("/usr/bin/redis-server")
        .args(["--port", &address.port().to_string()])
        .args(["--bind", &Ipv4Addr::LOCALHOST.to_string()])
        .args(["--save", "", "--appendonly", "no"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .context("redis-server")?;
    let server = Server { child, address };
    redis::wait_for(server.address)?;
    let clients = redis::Clients {
        address,
        token: None,
        connections: CONNECTIONS,
    };
    let all: Vec<_> = (0..DRIVERS).zip(places(3)).collect();
    let all = all.chunks(BATCH).map(redis::geo_add);
    clients.ask(all.collect(), 1)?;

    let (batched, single, nothing) = updates_of(&server, clients, 1_000_000)?;
    let near: Vec<_> = places(9).take(20_000).collect();
    let try_within = |radius_m| {
        let mut found = Vec::new();
        let once = server.cost(near.len(), || {
            found = within(clients, &near, radius_m, 1)?;
            Ok(())
        })?;
        let fewer = found.iter().filter(|found| **found < WANTED).count();
        let until_enough = server.cost(near.len(), || {
            until_enough(clients, near.clone(), radius_m, 1)
        })?;
        anyhow::Ok(Within {
            radius_m,
            fewer: fewer as f64 / near.len() as f64,
            once,
            until_enough,
        })
    };
    let mut tried: Vec<Within> = Vec::new();
    for _ in 0..TRIES {
        for (number, radius_m) in RADII_M.into_iter().enumerate() {
            let again = try_within(radius_m)?;
            match tried.get_mut(number) {
                Some(before) => before.keep_cheaper(again),
                None => tried.push(again),
            }
        }
    }
    let narrowest = tried[0];
    let cheapest = tried
        .into_iter()
        .min_by(|a, b| a.until_enough.total_cmp(&b.until_enough));
    let best = cheapest.context("no radius was tried")?;
    let searches = server.cost(near.len(), || {
        until_enough(clients, near.clone(), best.radius_m, BATCH)
    })?;
    let costs = Costs {
        batched,
        single,
        search: best.until_enough,
        searches,
        nothing,
    };
    Ok((costs, Tried { narrowest, best }))
}
