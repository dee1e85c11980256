//! Ways in a city of 100,000 corners: our contraction hierarchy against Dijkstra's algorithm on the same graph.
//!
//! Both run on this thread, one after the other, and give the same answers, or the benchmark fails. The city is made up,
//! from a fixed seed.

use std::hint::black_box;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use domain::Place;
use kernel::{Stream, Streams};
use roads::Network;
use roads::components::{Dropped, largest_component};
use roads::cost::Cost;
use roads::dijkstra::Dijkstra;
use roads::draft::Draft;
use roads::graph::Graph;
use roads::hierarchy::{Hierarchy, Search};
use roads::table::Table;
use roads::town::Town;
use roads::traffic::{Period, Traffic};
use rushhour_benches::{Comparison, Figure, cpu};

/// Ways that both sides find.
const WAYS: usize = 1_000;
/// How often the fast side finds them again, so that a step of the clock is nothing beside it.
const ROUNDS: usize = 20;
/// Rows and columns of the table.
const SIDE: usize = 1_000;

/// What traffic leaves of the speed of arteries and of avenues when they are full.
const WHEN_FULL: [(&str, f64); 2] = [("primary", 0.5), ("secondary", 0.6)];
/// The share of turns that are forbidden where some are.
const FORBIDDEN: f64 = 0.02;
/// Where all streets are as fast, in km/h.
const ALL_ALIKE_KMH: f64 = 30.0;

/// Just over 100,000 corners, of which some are left out, on 38 km.
fn town() -> Town {
    Town {
        columns: 320,
        rows: 320,
        block_m: 120.0,
        centre: Place::from_metres(0.0, 0.0),
        missing: 0.12,
        one_way: 0.25,
        forbidden: 0.0,
    }
}

fn main() -> anyhow::Result<ExitCode> {
    let streams = Streams::new(5);
    let mut stream = streams.stream("routing-bench", 0);
    let draft = town().build(|| stream.uniform());
    let (graph, dropped) = connected(draft.clone())?;
    eprintln!(
        "{} nodes, {} edges; {} nodes left out",
        graph.nodes(),
        graph.edges(),
        dropped.nodes
    );
    let (hierarchy, took) = timed(|| Hierarchy::of(&graph));
    eprintln!("hierarchy of {} arcs in {took:.1?}", hierarchy.arcs());
    let mut comparison = Comparison::default();
    comparison.add(Figure::at_most(
        "hierarchy made, of 100,000 nodes",
        took.as_secs_f64(),
        "s",
        30.0,
    ));
    let alike = all_alike(&draft)?;
    let traffic = when_full()?;
    let full = in_period(&traffic, &draft)?;
    let case = "network of 100,000 nodes read as it was packed";
    packed(&mut comparison, case, draft.clone(), &Traffic::default())?;
    packed(
        &mut comparison,
        "the same with a period of traffic",
        draft,
        &traffic,
    )?;
    let case = "point to point, 100,000 nodes";
    let ways = some_ways(&graph, &mut stream);
    let wanted = Some(100.0);
    point_to_point(&mut comparison, case, (&graph, &hierarchy), &ways, wanted)?;
    with_nodes(&mut comparison, &hierarchy, &ways);
    let case = "point to point when arteries and avenues are full";
    let hierarchy_then = Hierarchy::of(&full);
    point_to_point(
        &mut comparison,
        case,
        (&full, &hierarchy_then),
        &ways,
        wanted,
    )?;
    turning(&mut comparison, wanted)?;
    many_to_many(&mut comparison, &graph, &hierarchy, &mut stream)?;
    let (hierarchy, took) = timed(|| Hierarchy::of(&alike));
    let case = "hierarchy made where all streets are as fast";
    comparison.add(Figure::at_most(case, took.as_secs_f64(), "s", 30.0));
    let case = "point to point where all streets are as fast";
    point_to_point(&mut comparison, case, (&alike, &hierarchy), &ways, None)?;
    Ok(comparison.finish())
}

/// The result of some work, and its processor time.
fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let before = cpu::of_this_thread();
    let result = black_box(work());
    (result, cpu::of_this_thread() - before)
}

/// What hangs together of some streets, and what does not.
fn connected(draft: Draft) -> anyhow::Result<(Graph, Dropped)> {
    Ok(largest_component(&Graph::new(draft)?))
}

/// Arteries and avenues are full at eight.
fn when_full() -> anyhow::Result<Traffic> {
    let factors = WHEN_FULL.map(|(class, left)| (class.to_owned(), left));
    let traffic = Traffic::new(vec![Period {
        hours: vec![8],
        speed_factor: factors.into(),
    }])?;
    Ok(traffic)
}

/// The same city with all its streets as fast: none is more important than others, which is hardest for a hierarchy.
fn all_alike(draft: &Draft) -> anyhow::Result<Graph> {
    let mut alike = draft.clone();
    for street in &mut alike.streets {
        street.speed_kmh = ALL_ALIKE_KMH;
    }
    Ok(connected(alike)?.0)
}

/// The streets in the one period of traffic.
fn in_period(traffic: &Traffic, draft: &Draft) -> anyhow::Result<Graph> {
    let slowed = traffic.slow(draft)?.pop();
    Ok(connected(slowed.context("found no period")?)?.0)
}

/// The same city as a function comes by it at its start: packed, against put in order from its nodes and streets.
fn packed(
    comparison: &mut Comparison,
    case: &str,
    draft: Draft,
    traffic: &Traffic,
) -> anyhow::Result<()> {
    let (network, made) = timed(|| Network::in_traffic(draft, traffic));
    let (bytes, _) = network?.pack();
    let (read, took) = timed(|| Network::unpack(&bytes));
    ensure!(
        read?.0.pack().0 == bytes,
        "what is read is not what was packed"
    );
    eprintln!("{} bytes packed", bytes.len());
    let ms = |took: Duration| took.as_secs_f64() * 1e3;
    comparison.add(Figure::told(case, ms(took), "made anew", ms(made), "ms"));
    Ok(())
}

fn some_nodes(graph: &Graph, count: usize, stream: &mut Stream) -> Vec<u32> {
    (0..count)
        .map(|_| stream.below(graph.nodes()) as u32)
        .collect()
}

/// Ways from some nodes to others.
fn some_ways(graph: &Graph, stream: &mut Stream) -> Vec<(u32, u32)> {
    let from = some_nodes(graph, WAYS, stream);
    let to = some_nodes(graph, WAYS, stream);
    from.into_iter().zip(to).collect()
}

/// Microseconds of each way.
fn each(took: Duration, ways: usize) -> f64 {
    took.as_secs_f64() * 1e6 / ways as f64
}

fn point_to_point(
    comparison: &mut Comparison,
    case: &str,
    (graph, hierarchy): (&Graph, &Hierarchy),
    ways: &[(u32, u32)],
    wanted: Option<f64>,
) -> anyhow::Result<()> {
    let mut search = Search::new(hierarchy);
    let find = |search: &mut Search| -> Vec<Option<Cost>> {
        let costs = ways
            .iter()
            .map(|(from, to)| search.cost(hierarchy, *from, *to));
        costs.collect()
    };
    let ours = find(&mut search);
    let (_, took) = timed(|| (0..ROUNDS).for_each(|_| drop(black_box(find(&mut search)))));
    let ours_us = each(took, ROUNDS * WAYS);

    let mut plain = Dijkstra::new(graph);
    let (theirs, took) = timed(|| {
        let costs = ways.iter().map(|(from, to)| plain.cost(graph, *from, *to));
        costs.collect::<Vec<_>>()
    });
    ensure!(ours == theirs, "the hierarchy and Dijkstra disagree");
    let (other, theirs_us) = ("Dijkstra, stopped at the target", each(took, WAYS));
    comparison.add(match wanted {
        Some(wanted) => Figure::cost(case, ours_us, other, theirs_us, "µs", wanted),
        None => Figure::told(case, ours_us, other, theirs_us, "µs"),
    });
    Ok(())
}

/// The same city where some turns are forbidden, which makes several nodes of a corner.
fn turning(comparison: &mut Comparison, wanted: Option<f64>) -> anyhow::Result<()> {
    let streams = Streams::new(5);
    let mut stream = streams.stream("routing-bench", 0);
    let town = Town {
        forbidden: FORBIDDEN,
        ..town()
    };
    let (graph, _) = connected(town.build(|| stream.uniform()))?;
    let hierarchy = Hierarchy::of(&graph);
    let case = format!(
        "point to point where a turn in {:.0} is forbidden, {} nodes",
        1.0 / FORBIDDEN,
        graph.nodes(),
    );
    let ways = some_ways(&graph, &mut stream);
    point_to_point(comparison, &case, (&graph, &hierarchy), &ways, wanted)
}

fn with_nodes(comparison: &mut Comparison, hierarchy: &Hierarchy, ways: &[(u32, u32)]) {
    let mut search = Search::new(hierarchy);
    let mut paths = || {
        for (from, to) in ways {
            let found = search.between(hierarchy, [(*from, Cost::ZERO)], [(*to, Cost::ZERO)]);
            black_box(found.map(|found| search.nodes(hierarchy, &found)));
        }
    };
    let (_, took) = timed(|| (0..ROUNDS).for_each(|_| paths()));
    comparison.add(Figure::at_most(
        "point to point with all nodes of the way",
        each(took, ROUNDS * WAYS),
        "µs",
        100.0,
    ));
}

fn many_to_many(
    comparison: &mut Comparison,
    graph: &Graph,
    hierarchy: &Hierarchy,
    stream: &mut Stream,
) -> anyhow::Result<()> {
    let from = some_nodes(graph, SIDE, stream);
    let to = some_nodes(graph, SIDE, stream);
    let mut search = Search::new(hierarchy);
    let (table, ours) = timed(|| Table::new(hierarchy, &mut search, &from, &to));

    let mut plain = Dijkstra::new(graph);
    let (rows, theirs) = timed(|| {
        let rows = from.iter();
        rows.map(|from| plain.costs(graph, *from, &to))
            .collect::<Vec<_>>()
    });
    for (at, row) in rows.iter().enumerate() {
        ensure!(table.row(at) == &row[..], "row {at} of the table is wrong");
    }
    comparison.add(Figure::cost(
        "table of 1,000 × 1,000",
        ours.as_secs_f64() * 1e3,
        "Dijkstra from each source, stopped at the last target",
        theirs.as_secs_f64() * 1e3,
        "ms",
        20.0,
    ));
    Ok(())
}
