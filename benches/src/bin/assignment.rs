//! The assignment kernel against LEMON's network simplex, scipy's LAPJVsp and the crate `lapjv`: 10,000 riders with
//! their 20 nearest drivers, at two drivers per rider and at one, and a dense round. CPU milliseconds of the solver
//! alone: nobody's time to build the graph counts. Each optimum of ours is certified, and all totals are equal.

use std::fmt::Write as _;
use std::path::Path;
use std::process::{Command, ExitCode};

use anyhow::Context as _;
use domain::assign::{CostGraph, CostGraphBuilder, Nearest, Policy, Solver, certify};
use lapjv::Matrix;
use rushhour_benches::random::Random;
use rushhour_benches::{Comparison, Figure, cpu, peers};

/// The city is a square of ten kilometres; costs are straight distances in centimetres.
const SIDE_CM: f64 = 1_000_000.0;
/// Runs of each, after one of ours to warm up. The fastest counts: others only ever add.
const RUNS: usize = 9;

fn main() -> anyhow::Result<ExitCode> {
    let mut rows = Comparison::default();
    let lemon = peers::debian("liblemon-dev", "/usr/include/lemon/network_simplex.h")
        .and_then(|()| peers::debian("g++", "/usr/bin/g++"));
    let lemon = match lemon {
        Ok(()) => Ok(peers::compiled("lemon")?),
        Err(why) => Err(why),
    };
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers/scipy_sparse.py");
    let scipy = peers::python(&["numpy", "scipy"]);

    let round = Round::new(
        "10,000 riders, 20 candidates, 2 drivers per rider",
        10_000,
        20_000,
        20,
        false,
    );
    let ours = round.ours()?;
    let theirs = asked("LEMON", &lemon, |lemon| round.theirs(Command::new(lemon)));
    rows.add(row(&round, &ours, "LEMON network simplex", &theirs?, 50.0)?);
    let theirs = asked("scipy", &scipy, |python| {
        let mut command = Command::new(python);
        command.arg(&script);
        round.theirs(command)
    });
    rows.add(row(&round, &ours, "scipy LAPJVsp", &theirs?, 200.0)?);
    rows.add(first_come(&round, &ours));

    let round = Round::new(
        "10,000 riders, 20 candidates, 1 driver per rider",
        10_000,
        10_000,
        20,
        true,
    );
    let ours = round.ours()?;
    let theirs = asked("LEMON", &lemon, |lemon| round.theirs(Command::new(lemon)));
    rows.add(row(&round, &ours, "LEMON network simplex", &theirs?, 3.0)?);

    let mut round = Round::new(
        "10,000 riders, 20 candidates, 4 drivers to 5 riders, a penalty of 1 km",
        10_000,
        8_000,
        20,
        false,
    );
    round.penalty = Some(100_000);
    let ours = round.ours()?;
    let theirs = asked("LEMON", &lemon, |lemon| round.theirs(Command::new(lemon)));
    rows.add(row(&round, &ours, "LEMON network simplex", &theirs?, 1.0)?);

    for round in [
        Round::new(
            "2,000 × 2,000, straight distances",
            2_000,
            2_000,
            2_000,
            false,
        ),
        Round::uniform("2,000 × 2,000, costs at random", 2_000, 2_000),
    ] {
        let ours = round.ours()?;
        rows.add(row(&round, &ours, "lapjv", &Ok(round.lapjv()?), 1.0)?);
    }
    Ok(rows.finish())
}

/// Riders and their candidates.
struct Round {
    name: &'static str,
    drivers: usize,
    candidates: Vec<Vec<(u32, i64)>>,
    /// Of a rider left unserved; none where all are to be served.
    penalty: Option<i64>,
}

/// A solver's optimum, and the CPU time that it took.
#[derive(Debug, Clone, Copy)]
struct Solved {
    cost: i64,
    ms: f64,
}

impl Round {
    /// Each rider's nearest drivers, places uniform over the city. Planted: rider i may also have driver i, so that
    /// all can be served.
    fn new(
        name: &'static str,
        riders: usize,
        drivers: usize,
        candidates: usize,
        planted: bool,
    ) -> Self {
        let mut random = Random::new(1);
        let mut places = |count: usize| -> Vec<(f64, f64)> {
            let place = |_| (random.unit() * SIDE_CM, random.unit() * SIDE_CM);
            (0..count).map(place).collect()
        };
        let (riders, all) = (places(riders), places(drivers));
        let of_rider = |(at, rider): (usize, &(f64, f64))| {
            let cost = |driver: &(f64, f64)| (rider.0 - driver.0).hypot(rider.1 - driver.1) as i64;
            let mut near: Vec<(u32, i64)> = (0..).zip(all.iter().map(cost)).collect();
            let own = near[at % near.len()];
            near.select_nth_unstable_by_key(candidates - 1, |(_, cost)| *cost);
            near.truncate(candidates);
            if planted && !near.contains(&own) {
                near.push(own);
            }
            near.sort_unstable_by_key(|(driver, cost)| (*cost, *driver));
            near
        };
        Self {
            name,
            drivers,
            candidates: riders.iter().enumerate().map(of_rider).collect(),
            penalty: None,
        }
    }

    /// Every driver for every rider, at costs that know no geometry.
    fn uniform(name: &'static str, riders: usize, drivers: usize) -> Self {
        let mut random = Random::new(1);
        let mut costs = || {
            (0..)
                .map(|driver| (driver, i64::from(random.below(1_000_000))))
                .take(drivers)
                .collect()
        };
        Self {
            name,
            drivers,
            candidates: (0..riders).map(|_| costs()).collect(),
            penalty: None,
        }
    }

    fn graph(&self) -> anyhow::Result<CostGraph> {
        let mut builder = CostGraphBuilder::new(self.drivers)?;
        for candidates in &self.candidates {
            builder.rider(candidates.iter().copied(), self.penalty)?;
        }
        Ok(builder.build()?)
    }

    /// Ours, proven optimal, with every rider served.
    fn ours(&self) -> anyhow::Result<Solved> {
        let graph = self.graph()?;
        let mut solver = Solver::new();
        let (optimum, duals) = solver.solve_with_duals(&graph);
        certify(&graph, &optimum, &duals).context("the optimum is not proven")?;
        anyhow::ensure!(
            self.penalty.is_some() || optimum.served() == self.candidates.len(),
            "{}: found {} riders served, expected all",
            self.name,
            optimum.served()
        );
        let mut ms = f64::INFINITY;
        for _ in 0..RUNS {
            let before = cpu::of_this_thread();
            let again = solver.solve(&graph);
            ms = ms.min((cpu::of_this_thread() - before).as_secs_f64() * 1e3);
            anyhow::ensure!(again == optimum, "the same graph gave another assignment");
        }
        Ok(Solved {
            cost: optimum.cost,
            ms,
        })
    }

    /// A program that is given the graph as a file and the number of runs, and prints the optimum and the CPU
    /// milliseconds of each.
    fn theirs(&self, mut program: Command) -> anyhow::Result<Solved> {
        let penalty = self.penalty.unwrap_or(0);
        let mut text = format!("{} {} {penalty}\n", self.candidates.len(), self.drivers);
        for candidates in &self.candidates {
            write!(text, "{}", candidates.len())?;
            for (driver, cost) in candidates {
                write!(text, " {driver} {cost}")?;
            }
            text.push('\n');
        }
        let file = peers::folder()?.join("round.txt");
        std::fs::write(&file, text)?;
        let output = program.arg(&file).arg(RUNS.to_string()).output()?;
        let said = String::from_utf8_lossy(&output.stdout);
        let failed = || {
            format!(
                "found {said:?} and {}",
                String::from_utf8_lossy(&output.stderr)
            )
        };
        anyhow::ensure!(output.status.success(), "{}", failed());
        let mut runs = said.lines().map(|line| {
            let (cost, ms) = line.split_once(' ')?;
            Some(Solved {
                cost: cost.parse().ok()?,
                ms: ms.parse().ok()?,
            })
        });
        runs.try_fold(None, |best: Option<Solved>, run| {
            let run = run?;
            Some(Some(best.filter(|best| best.ms <= run.ms).unwrap_or(run)))
        })
        .flatten()
        .with_context(failed)
    }

    fn lapjv(&self) -> anyhow::Result<Solved> {
        let mut matrix = Matrix::from_elem((self.candidates.len(), self.drivers), f64::MAX);
        for (rider, candidates) in self.candidates.iter().enumerate() {
            for &(driver, cost) in candidates {
                matrix[(rider, driver as usize)] = cost as f64;
            }
        }
        let mut best = Solved {
            cost: 0,
            ms: f64::INFINITY,
        };
        for _ in 0..RUNS {
            let before = cpu::of_this_thread();
            let (rows, _) = lapjv::lapjv(&matrix)?;
            best.ms = best
                .ms
                .min((cpu::of_this_thread() - before).as_secs_f64() * 1e3);
            best.cost = lapjv::cost(&matrix, &rows) as i64;
        }
        Ok(best)
    }
}

/// Asks a peer, if it is there.
fn asked<P>(
    name: &str,
    peer: &Result<P, String>,
    ask: impl FnOnce(&P) -> anyhow::Result<Solved>,
) -> anyhow::Result<Result<Solved, String>> {
    match peer {
        Ok(peer) => Ok(Ok(ask(peer).with_context(|| name.to_owned())?)),
        Err(why) => Ok(Err(format!("{name}: {why}"))),
    }
}

fn row(
    round: &Round,
    ours: &Solved,
    peer: &str,
    theirs: &Result<Solved, String>,
    wanted: f64,
) -> anyhow::Result<Figure> {
    Ok(match theirs {
        Ok(theirs) => {
            anyhow::ensure!(
                ours.cost == theirs.cost,
                "{}: found a total of {} against {peer}'s {}, expected them equal",
                round.name,
                ours.cost,
                theirs.cost
            );
            Figure::cost(round.name, ours.ms, peer, theirs.ms, "ms", wanted)
        }
        Err(why) => Figure::skipped(round.name, why),
    })
}

/// How much further first come, nearest available, drives.
fn first_come(round: &Round, ours: &Solved) -> Figure {
    let graph = round.graph().expect("it was built before");
    let nearest = Nearest.assign(&graph);
    let mean = |cost: f64, served: usize| cost / 100.0 / served as f64;
    Figure::told(
        "the same, mean way to the pick-up",
        mean(ours.cost as f64, round.candidates.len()),
        "first come, nearest",
        mean(nearest.cost as f64, nearest.served()),
        "m",
    )
}
