//! `rushhour predict --sweep`: every combination of some keys' values, on all cores, as one table and one CSV.

use std::time::{Duration, Instant};

use report::replicas::{Figures, paired, replicas};
use report::sweep::{Point, SCHEMA, Sweep};

use crate::cli::PredictArgs;
use crate::commands::run::interrupt::Interrupt;
use crate::exit::{Exit, Failure};
use crate::replicas::{Batch, Job, interrupted, seeds};
use crate::run_dir::{self, RunDir, SWEEP};
use crate::scenario::values::Span;
use crate::scenario::{self, Source};
use crate::{cores, tell};

/// The most points of a grid.
const POINTS_MAX: usize = 100_000;
/// A sweep that would take longer is asked about.
const ASKED_BEYOND: Duration = Duration::from_secs(24 * 3_600);
/// Parts of a point's duration that are predicted for the estimate.
const PROBES: [u32; 2] = [60, 20];
/// The longest and the shortest of them: city time.
const PROBE: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(600));

/// A key and the values it is given.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Axis {
    key: String,
    values: Vec<String>,
}

/// A combination.
struct Combination {
    values: Vec<String>,
    source: Source,
    seeds: Vec<u64>,
}

/// Sweeps.
///
/// # Errors
/// If a key or a value is wrong, the sweep is too long, or its figures cannot be written.
pub(super) fn run(args: &PredictArgs, sets: &[String]) -> Result<Exit, Failure> {
    let axes = axes(&args.sweep)?;
    let points = points(args, sets, &axes)?;
    let first = points.first().expect("every axis has a value");
    let profile = crate::commands::checked(&first.source.scenario)?;
    for point in &points[1..] {
        if point.source.scenario.cloud != first.source.scenario.cloud {
            let message = "--sweep: found different clouds, expected cloud.profile and cloud.prices to be set with --set, not swept";
            return Err(Failure::input(message));
        }
    }
    let interrupt = Interrupt::in_background()?;
    let batch = Batch {
        profile: &profile,
        quiet: args.driven.quiet,
        interrupt: &interrupt,
    };
    if !args.yes {
        let quiet = Batch {
            quiet: true,
            ..batch
        };
        let takes = estimate(&quiet, &points)?;
        if takes > ASKED_BEYOND {
            return Err(Failure::input(format!(
                "--sweep: found {} predictions that would take about {:.1} days on {} cores, expected less than a day, or --yes",
                points.iter().map(|point| point.seeds.len()).sum::<usize>(),
                takes.as_secs_f64() / 86_400.0,
                cores::count(),
            )));
        }
    }
    let name = &first.source.scenario.name;
    let fresh = || run_dir::fresh(&format!("{name}-sweep"));
    let directory = RunDir::create(&args.driven.out.clone().unwrap_or_else(fresh))?;
    directory.holds_no(SWEEP)?;
    let swept = Sweep {
        schema: SCHEMA.to_owned(),
        scenario: name.clone(),
        seed: first.source.scenario.seed,
        keys: axes.iter().map(|axis| axis.key.clone()).collect(),
        points: predicted(&batch, &points)?,
    };
    if swept.points.is_empty() {
        return Err(interrupted(0, points.len()));
    }
    directory.write(SWEEP, &csv_of(&swept)?)?;
    let text = swept.text();
    if args.driven.json {
        tell::print(&swept.to_json())?;
        eprint!("{text}");
    } else {
        tell::print(&text)?;
    }
    eprintln!("\ntable: {}", directory.path().join(SWEEP).display());
    if interrupt.came() {
        let (found, all) = (swept.points.len(), points.len());
        eprintln!("rushhour: interrupted: the table has {found} of {all} points");
    }
    let kept = swept.points.iter().all(|point| point.failed == 0);
    Ok(crate::commands::verdict(kept, interrupt.came()))
}

/// The points whose seeds were all predicted. None is told of where the first was not, to which others are compared.
fn predicted(batch: &Batch<'_>, points: &[Combination]) -> Result<Vec<Point>, Failure> {
    let jobs_of =
        |point: &Combination| super::jobs(&point.values.join(" "), &point.source, &point.seeds);
    let jobs: Vec<Job> = points.iter().flat_map(jobs_of).collect();
    let told = batch.each(&jobs, |_, _, told| {
        Ok((Figures::of(&told.summary), told.summary.passed()))
    })?;
    let mut rest = told.into_iter();
    let mut first: Option<Vec<Figures>> = None;
    let mut made = Vec::with_capacity(points.len());
    for point in points {
        let own: Vec<_> = rest.by_ref().take(point.seeds.len()).flatten().collect();
        if own.len() < point.seeds.len() {
            if first.is_none() {
                break;
            }
            continue;
        }
        let failed = own.iter().filter(|(_, passed)| !passed).count() as u64;
        let own: Vec<Figures> = own.into_iter().map(|(figures, _)| figures).collect();
        let first = first.get_or_insert_with(|| own.clone());
        let has_less = !made.is_empty() && own.len() > 1;
        made.push(Point {
            values: point.values.clone(),
            failed,
            replicas: replicas(&own),
            less_first: has_less.then(|| paired(&own, first)),
        });
    }
    Ok(made)
}

fn csv_of(sweep: &Sweep) -> Result<Vec<u8>, Failure> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    for record in sweep.records() {
        writer.write_record(&record).map_err(Failure::target)?;
    }
    writer.into_inner().map_err(Failure::target)
}

fn axes(sweeps: &[String]) -> Result<Vec<Axis>, Failure> {
    let mut axes: Vec<Axis> = Vec::new();
    for sweep in sweeps {
        let wrong = |expected: &str| {
            Failure::input(format!("--sweep: found {sweep:?}, expected {expected}"))
        };
        let (key, values) = sweep
            .split_once('=')
            .ok_or_else(|| wrong("KEY.PATH=V1,V2,…"))?;
        let values = split(values);
        if key.trim().is_empty() || values.iter().any(String::is_empty) {
            return Err(wrong("a key, and a value between any two commas"));
        }
        if axes.iter().any(|axis| axis.key == key) {
            return Err(wrong(&format!("{key} once, with all its values")));
        }
        axes.push(Axis {
            key: key.to_owned(),
            values,
        });
    }
    let points = axes
        .iter()
        .try_fold(1usize, |points, axis| points.checked_mul(axis.values.len()));
    match points {
        Some(points) if points <= POINTS_MAX => Ok(axes),
        _ => Err(Failure::input(format!(
            "--sweep: found more combinations, expected at most {POINTS_MAX}"
        ))),
    }
}

/// Values between commas; those within brackets, braces and quotes are part of a value.
fn split(values: &str) -> Vec<String> {
    let (mut depth, mut quoted) = (0i32, false);
    let mut pieces = vec![String::new()];
    for c in values.chars() {
        match c {
            '"' => quoted = !quoted,
            '[' | '{' if !quoted => depth += 1,
            ']' | '}' if !quoted => depth -= 1,
            _ => {}
        }
        if c == ',' && depth == 0 && !quoted {
            pieces.push(String::new());
        } else if let Some(last) = pieces.last_mut() {
            last.push(c);
        }
    }
    pieces.iter().map(|piece| piece.trim().to_owned()).collect()
}

/// Every combination, the last key varying first, each seen to be possible.
fn points(args: &PredictArgs, sets: &[String], axes: &[Axis]) -> Result<Vec<Combination>, Failure> {
    let mut combinations: Vec<Vec<String>> = vec![Vec::new()];
    for axis in axes {
        let with = |combination: &Vec<String>| {
            let combination = combination.clone();
            axis.values
                .iter()
                .map(move |value| [combination.clone(), vec![value.clone()]].concat())
        };
        combinations = combinations.iter().flat_map(with).collect();
    }
    let point = |values: Vec<String>| {
        let laid = axes
            .iter()
            .zip(&values)
            .map(|(axis, value)| format!("{}={value}", axis.key));
        // The speed-up of a prediction is not the last word of who sweeps it.
        let sets: Vec<String> = sets.iter().cloned().chain(laid).collect();
        let wrong = |error: scenario::ScenarioError| {
            let message = error.to_string().replacen("--set ", "--sweep ", 1);
            Failure::input(message)
        };
        let source = scenario::read(args.driven.scenario.as_deref(), &sets).map_err(wrong)?;
        source.resolve().map_err(wrong)?;
        let seeds = seeds(source.scenario.seed, args.replicas)?;
        Ok(Combination {
            values,
            source,
            seeds,
        })
    };
    combinations.into_iter().map(point).collect()
}

/// How long all of it would take: a straight line through two short predictions of the first and of the last
/// combination, whichever is slower, carried to the duration of each.
fn estimate(batch: &Batch<'_>, points: &[Combination]) -> Result<Duration, Failure> {
    let (Some(first), Some(last)) = (points.first(), points.last()) else {
        return Ok(Duration::ZERO);
    };
    let (mut fixed_s, mut per_s) = (0.0f64, 0.0f64);
    for point in [first, last] {
        let duration = point.source.scenario.duration.0;
        let [short, long] =
            PROBES.map(|part| (duration / part).clamp(PROBE.0, PROBE.1).min(duration));
        let (short_s, long_s) = (wall(batch, point, short)?, wall(batch, point, long)?);
        let more = long.saturating_sub(short).as_secs_f64();
        let slope = if more > 0.0 {
            (long_s - short_s).max(0.0) / more
        } else {
            0.0
        };
        per_s = per_s.max(slope);
        fixed_s = fixed_s.max(short_s);
    }
    let of = |point: &Combination| {
        let duration = point.source.scenario.duration.0.as_secs_f64();
        (fixed_s + per_s * duration) * point.seeds.len() as f64
    };
    let all: f64 = points.iter().map(of).sum();
    Ok(Duration::from_secs_f64(
        (all / cores::count() as f64).min(1e12),
    ))
}

/// How long the prediction of a part of a combination takes, in seconds.
fn wall(batch: &Batch<'_>, point: &Combination, duration: Duration) -> Result<f64, Failure> {
    let mut source = point.source.clone();
    source.scenario.duration = Span(duration);
    source.scenario.warmup = Span::secs(0);
    let began = Instant::now();
    let jobs = [Job {
        name: String::new(),
        source,
    }];
    batch.each(&jobs, |_, _, _| Ok(()))?;
    Ok(began.elapsed().as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_split_outside_of_brackets() {
        assert_eq!(split("1s,2s, 4s"), ["1s", "2s", "4s"]);
        assert_eq!(split("[1,2],[3]"), ["[1,2]", "[3]"]);
        assert_eq!(split("{ a = 1, b = 2 },0.5"), ["{ a = 1, b = 2 }", "0.5"]);
        assert_eq!(split("\"a,b\",c"), ["\"a,b\"", "c"]);
        assert_eq!(split("1,,2"), ["1", "", "2"]);
    }

    #[test]
    fn wrong_axes_are_named() {
        let message = |sweeps: &[&str]| {
            let sweeps: Vec<String> = sweeps.iter().map(|sweep| (*sweep).to_owned()).collect();
            axes(&sweeps).unwrap_err().message
        };
        assert!(message(&["seed"]).contains("found \"seed\", expected KEY.PATH="));
        assert!(message(&["=1,2"]).contains("a key"));
        assert!(message(&["seed="]).contains("a value"));
        assert!(message(&["seed=1", "seed=2"]).contains("seed once"));
        let many = (0..400)
            .map(|n| n.to_string())
            .collect::<Vec<_>>()
            .join(",");
        assert!(message(&[&format!("a={many}"), &format!("b={many}")]).contains("at most 100000"));
    }
}
