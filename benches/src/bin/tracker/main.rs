//! The fleet tracker over the wire against Redis with its geo index: 200,000 drivers, server CPU for each update and
//! each search for the nearest 10, on loopback. Both are processes of their own, and their clients are not counted.
//! Redis stores a place for each member and nothing else; the tracker judges each ping, knows who is online, kept and
//! silent, answers each, and finds exactly the nearest 10 with no radius to guess.

mod costs;
mod sides;

use std::process::ExitCode;

use rushhour_benches::wire::tracker;
use rushhour_benches::{Comparison, Figure, peers};

use costs::{Costs, Within, best_of};
use sides::{Ours, RADII_M, Theirs};

/// As the tracker that is deployed has it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// How often everything is measured, the cheapest time counting: one minute differs from another.
const TRIES: usize = 3;

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
    let case = "update, 100 in a batch, 4 batches in a pipeline, gRPC, Redis too";
    row(case, grpc.batches, redis.batches, Some(8.0));
    let case = "update, 100 in a GEOADD";
    row(case, geo.batched, redis.batched, None);
    let case = "update, 100 in a GEOADD, 4 in a pipeline, both";
    row(case, geo.batches, redis.batches, None);
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
