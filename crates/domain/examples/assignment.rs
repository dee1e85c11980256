//! How long an optimal match round takes, in CPU milliseconds: 10,000 riders with their 20 nearest
//! drivers, from twice as many drivers as riders to too few, and a dense round.
//!
//! ```text
//! cargo run --release -p rushhour-domain --example assignment
//! ```
//!
//! Each optimum is certified before its time is printed. Linux only, for it reads the CPU time of the
//! thread from `/proc`. The mean pick-up distance of the optimum and of first come, nearest available, is
//! in metres. On a shared two-core Intel Xeon virtual machine:
//!
//! ```text
//! riders drivers   pairs  served/nearest  optimum/nearest  solve ms  build ms
//!  10000   20000  200000   10000/9993         41/45           0.60      6.09
//!  10000   15000  200000   10000/9952         52/60           1.92      5.70
//!  10000   12000  200000   10000/9719         67/74           7.41      5.63
//!  10000   10500  200000   10000/9352         89/85          82.32      5.48
//!  10000   10000  209975   10000/9261        133/160         80.75      5.19
//!  10000   10000  200000    9979/9162        125/89         187.33      5.46
//!  10000    8000  200000    8000/7889         72/104        466.89      5.38
//!   2000    2000 4000000    2000/2000        243/393         97.63     30.53
//! ```
#![expect(clippy::print_stdout, reason = "a benchmark prints")]

use rushhour_domain::assign::{CostGraph, CostGraphBuilder, Nearest, Policy, Solver, certify};

/// The city is a square of ten kilometres; costs are straight distances in centimetres.
const SIDE_CM: f64 = 1_000_000.0;
const RUNS: u32 = 20;

fn main() {
    println!("riders drivers   pairs  served/nearest  optimum/nearest  solve ms  build ms");
    for (riders, drivers, candidates, planted) in [
        (10_000, 20_000, 20, false),
        (10_000, 15_000, 20, false),
        (10_000, 12_000, 20, false),
        (10_000, 10_500, 20, false),
        (10_000, 10_000, 20, true),
        (10_000, 10_000, 20, false),
        (10_000, 8_000, 20, false),
        (2_000, 2_000, 2_000, false),
    ] {
        let edges = edges(riders, drivers, candidates, planted);
        measure(drivers, &edges);
    }
}

fn measure(drivers: usize, edges: &[Vec<(u32, i64)>]) {
    let (graph, build_ms) = timed(|| build(drivers, edges));
    let mut solver = Solver::new();
    let (assignment, duals) = solver.solve_with_duals(&graph);
    certify(&graph, &assignment, &duals).expect("the optimum is proven");
    let (again, solve_ms) = timed(|| solver.solve(&graph));
    assert_eq!(
        again, assignment,
        "the same graph gives the same assignment"
    );
    let nearest = Nearest.assign(&graph);
    println!(
        "{:>6} {:>7} {:>7} {:>7}/{:<7} {:>7.0}/{:<7.0} {:>9.2} {:>9.2}",
        graph.rider_count(),
        graph.driver_count(),
        graph.edge_count(),
        assignment.served(),
        nearest.served(),
        assignment.cost as f64 / 100.0 / assignment.served() as f64,
        nearest.cost as f64 / 100.0 / nearest.served() as f64,
        solve_ms,
        build_ms,
    );
}

fn build(drivers: usize, edges: &[Vec<(u32, i64)>]) -> CostGraph {
    let mut builder = CostGraphBuilder::new(drivers).expect("few drivers");
    for row in edges {
        builder
            .rider(row.iter().copied(), None)
            .expect("candidates are drivers");
    }
    builder.build().expect("costs are small")
}

/// The mean CPU time of a run in milliseconds, after one to warm up.
fn timed<T>(mut run: impl FnMut() -> T) -> (T, f64) {
    let mut result = run();
    let before = cpu_ms();
    for _ in 0..RUNS {
        result = run();
    }
    (result, (cpu_ms() - before) / f64::from(RUNS))
}

fn cpu_ms() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").expect("Linux has it");
    let first = text.split(' ').next().expect("the time on CPU comes first");
    first.parse::<f64>().expect("nanoseconds") / 1e6
}

/// Each rider's nearest drivers, places uniform over the city. Planted: rider i may also have driver i,
/// so that all can be served.
fn edges(riders: usize, drivers: usize, candidates: usize, planted: bool) -> Vec<Vec<(u32, i64)>> {
    let mut random = SplitMix(1);
    let mut places = |count: usize| -> Vec<(f64, f64)> {
        (0..count)
            .map(|_| (random.next() * SIDE_CM, random.next() * SIDE_CM))
            .collect()
    };
    let (riders, drivers) = (places(riders), places(drivers));
    let row = |(at, rider): (usize, &(f64, f64))| {
        let cost_to = |driver: &(f64, f64)| {
            ((rider.0 - driver.0).powi(2) + (rider.1 - driver.1).powi(2)).sqrt() as i64
        };
        let mut all: Vec<(u32, i64)> = (0..).zip(drivers.iter().map(cost_to)).collect();
        let own = all[at % all.len()];
        all.select_nth_unstable_by_key(candidates - 1, |(_, cost)| *cost);
        all.truncate(candidates);
        if planted && !all.contains(&own) {
            all.push(own);
        }
        all.sort_unstable_by_key(|(driver, cost)| (*cost, *driver));
        all
    };
    riders.iter().enumerate().map(row).collect()
}

/// Steele, Lea and Flood's SplitMix64: enough randomness for places.
struct SplitMix(u64);

impl SplitMix {
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((bits ^ (bits >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }
}
