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
    let ours = ours()?;
    match peers::debian("redis-server", "/usr/bin/redis-server") {
        Ok(()) => {
            let (theirs, within) = theirs()?;
            let row = |case, wanted, of: fn(&Costs) -> f64| {
                Figure::cost(case, of(&ours), "Redis", of(&theirs), "µs", wanted)
            };
            rows.add(row("update, 100 in a batch", 8.0, |costs| costs.batched));
            rows.add(row("update, one in a request", 1.0, |costs| costs.single));
            let best = within.best.radius_m;
            let case = format!("nearest 10, one in a request, Redis within {best} m, then wider");
            rows.add(row(&case, 4.0, |costs| costs.search));
            let case = "nearest 10, 100 in a request, Redis one in a request";
            let one = theirs.search;
            rows.add(Figure::cost(case, ours.searches, "Redis", one, "µs", 30.0));
            let case = "nearest 10, 100 in a request, Redis 100 in a pipeline";
            let all = theirs.searches;
            rows.add(Figure::told(case, ours.searches, "Redis", all, "µs"));
            let mut told = vec![within.narrowest, within.best];
            told.dedup_by_key(|within| within.radius_m);
            for within in told {
                let case = format!(
                    "nearest 10, one in a request, Redis within {} m, fewer for {:.0} % of places",
                    within.radius_m,
                    within.fewer * 100.0,
                );
                rows.add(Figure::told(&case, ours.search, "Redis", within.once, "µs"));
            }
            let case = "a request that does nothing, of those";
            let (empty, ping) = (ours.nothing, theirs.nothing);
            rows.add(Figure::told(case, empty, "Redis, PING", ping, "µs"));
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

fn ours() -> anyhow::Result<Costs> {
    let mut child = Command::new(std::env::current_exe()?)
        .arg("serve")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let address = tracker::address_of(&mut child)?;
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
    Ok(Costs {
        batched,
        single,
        search,
        searches,
        nothing,
    })
}

/// Asks Redis for as many as are wanted near each place, and tells how many it found within the radius.
fn within_of_redis(
    address: SocketAddr,
    places: &[(f64, f64)],
    radius_m: f64,
    pipelined: usize,
) -> anyhow::Result<Vec<usize>> {
    let search = |place: &(f64, f64)| redis::geo_search(*place, radius_m, WANTED);
    let commands = places.iter().map(search).collect();
    redis::ask(address, CONNECTIONS, commands, pipelined)
}

/// The same until it has found them, which for some places takes more than one search.
fn nearest_of_redis(
    address: SocketAddr,
    mut places: Vec<(f64, f64)>,
    mut radius_m: f64,
    pipelined: usize,
) -> anyhow::Result<()> {
    while !places.is_empty() {
        let mut found = within_of_redis(address, &places, radius_m, pipelined)?.into_iter();
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
    let add = |updates: &[(u64, (f64, f64))]| redis::geo_add(updates);
    let all: Vec<_> = (0..DRIVERS).zip(places(3)).collect();
    redis::ask(
        server.address,
        CONNECTIONS,
        all.chunks(BATCH).map(add).collect(),
        1,
    )?;

    let updates: Vec<_> = moves(5).take(1_000_000).collect();
    let commands = updates.chunks(BATCH).map(add).collect();
    let ask = |commands, pipelined| {
        redis::ask(server.address, CONNECTIONS, commands, pipelined).map(drop)
    };
    let batched = server.cost(updates.len(), || ask(commands, 1))?;
    let updates: Vec<_> = moves(7).take(100_000).collect();
    let commands = updates.chunks(1).map(add).collect();
    let single = server.cost(updates.len(), || ask(commands, 1))?;
    let near: Vec<_> = places(9).take(20_000).collect();
    let within = |radius_m| {
        let mut found = Vec::new();
        let once = server.cost(near.len(), || {
            found = within_of_redis(server.address, &near, radius_m, 1)?;
            Ok(())
        })?;
        let fewer = found.iter().filter(|found| **found < WANTED).count();
        let until_enough = server.cost(near.len(), || {
            nearest_of_redis(server.address, near.clone(), radius_m, 1)
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
            let again = within(radius_m)?;
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
        nearest_of_redis(server.address, near.clone(), best.radius_m, BATCH)
    })?;
    let pings = vec![redis::ping(); REQUESTS_OF_NOTHING];
    let nothing = server.cost(pings.len(), || ask(pings, 1))?;
    let costs = Costs {
        batched,
        single,
        search: best.until_enough,
        searches,
        nothing,
    };
    Ok((costs, Tried { narrowest, best }))
}
