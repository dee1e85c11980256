//! `rushhour validate`: what the twin predicts, held against measured runs.

use std::path::Path;

use ::report::latency::Latencies;
use ::report::summary::Summary;
use ::report::validation::{LoadOutcome, SCHEMA, Validation};
use cloud::profile::Profile;
use host::WallClock;
use services::ports::Clock;

use crate::cli::ValidateArgs;
use crate::commands::calibrate::{measured_scenario, origin};
use crate::commands::run::{check_placement, once};
use crate::exit::{Exit, Failure};
use crate::predict::predict;
use crate::run_dir::{self, CALLS, RunDir, SUMMARY, VALIDATION, VALIDATION_TABLE};
use crate::scenario::Resolved;
use crate::target::Target;
use crate::target::twin::profile_file;
use crate::tell;
use crate::validation::compare::rows;
use crate::validation::document::{Origin, calibrated, machine};
use crate::validation::runs::{MeasuredRun, RUNS_MAX, at_load, counted_s, cpu_share, loads};
use crate::validation::settle::settle;

/// The scenario that is validated if none is named.
const DEFAULT: &str = "validation";
/// The profile's file beside the outcome.
const PROFILE: &str = "profile.toml";

/// Validates.
///
/// # Errors
/// If input is wrong, the stack does not start, or the outcome cannot be written.
pub fn run(args: &ValidateArgs) -> Result<Exit, Failure> {
    let named = args.driven.scenario.as_deref().unwrap_or(DEFAULT);
    let measured = Path::new(named);
    if measured.join(SUMMARY).is_file() {
        return of_run(args, measured);
    }
    of_scenario(args, named)
}

/// The twin's figures of a scenario, at the run's own pace.
fn predicted(resolved: &Resolved, profile: &Profile) -> Result<Summary, Failure> {
    let (told, _) = predict(resolved, profile, true, &|| false)?;
    Ok(told.summary)
}

/// Holds one run against its prediction.
fn of_run(args: &ValidateArgs, path: &Path) -> Result<Exit, Failure> {
    let directory = RunDir::open(path)?;
    let summary = directory.summary()?;
    let origin = origin(&directory)?;
    let resolved = measured_scenario(&directory)?;
    let whose = path.display().to_string();
    let (profile, uncalibrated, basis) = match &args.profile {
        Some(file) => (profile_file(file)?, Vec::new(), file.display().to_string()),
        None => {
            let calls = directory.calls()?.ok_or_else(|| {
                Failure::input(format!(
                    "{whose}: found no {CALLS}, expected a run of the embedded stack, or --profile FILE"
                ))
            })?;
            let (mut profile, kept) = calibrated(&calls, &directory.latencies()?, &origin, &whose)?;
            settle(&mut profile, &resolved, &[&summary], &origin.date())?;
            (profile, kept, "calibrated on the run itself".to_owned())
        }
    };
    let outcome = LoadOutcome {
        load: 1.0,
        runs: 1,
        calibrated_on: args.profile.is_none(),
        cpu_share: cpu_share(&[(summary.seconds.cpu, summary.seconds.wall)]),
        rows: rows(
            &predicted(&resolved, &profile)?,
            &[&summary],
            counted_s(&resolved),
        ),
    };
    let validation = document(
        &origin,
        resolved.scenario.seed,
        basis,
        uncalibrated,
        vec![outcome],
    );
    let out = match &args.driven.out {
        Some(out) => RunDir::create(out)?,
        None => directory,
    };
    tell_of(args, &validation, &out)
}

/// Runs a scenario at several loads, calibrates on the lowest and predicts the others.
fn of_scenario(args: &ValidateArgs, named: &str) -> Result<Exit, Failure> {
    let loads = loads(&args.loads)?;
    if !(1..=RUNS_MAX).contains(&args.runs) {
        let found = args.runs;
        return Err(Failure::input(format!(
            "--runs: found {found}, expected 1 to {RUNS_MAX}"
        )));
    }
    let sets = args.driven.sets();
    let given = args.profile.as_deref().map(profile_file).transpose()?;
    let resolved: Vec<Resolved> = loads
        .iter()
        .map(|load| at_load(Some(named), &sets, *load))
        .collect::<Result<_, _>>()?;
    for at_load in &resolved {
        check_placement(&at_load.scenario.placement)?;
    }
    let out = args.driven.out.clone();
    let out = RunDir::create(&out.unwrap_or_else(|| run_dir::fresh("validation")))?;
    let started_at = WallClock.now();
    let (mut at_lowest, mut seen) = (Latencies::default(), Latencies::default());
    let mut measured: Vec<Vec<MeasuredRun>> = Vec::new();
    for (place, (load, resolved)) in loads.iter().zip(&resolved).enumerate() {
        let mut runs = Vec::new();
        for run in 1..=args.runs {
            eprintln!("load {load}, run {run} of {}", args.runs);
            let directory = RunDir::create(&out.path().join(format!("load-{load}-run-{run}")))?;
            let cpu_before_s = crate::process::cpu_seconds().unwrap_or(0.0);
            let mut target = Target::Embedded { port: None };
            let (told, ended) = once(resolved, &mut target, None, args.driven.quiet)?;
            let cpu_s = crate::process::cpu_seconds().unwrap_or(0.0) - cpu_before_s;
            told.write(&directory, resolved)?;
            if let Some(exit) = ended.exit() {
                return Ok(exit);
            }
            if place == 0
                && let Some(calls) = &told.calls
            {
                at_lowest.merge(calls);
                seen.merge(&told.latencies);
            }
            runs.push(MeasuredRun {
                cpu_and_wall_s: (cpu_s, told.summary.seconds.wall),
                summary: told.summary,
            });
        }
        measured.push(runs);
    }
    let origin = Origin {
        scenario: resolved[0].scenario.name.clone(),
        at: started_at,
        remark: format!(" at load {}, {} runs", loads[0], args.runs),
    };
    let (profile, uncalibrated, basis) = match (given, &args.profile) {
        (Some(profile), Some(file)) => (profile, Vec::new(), file.display().to_string()),
        _ => {
            let (mut profile, kept) = calibrated(&at_lowest, &seen, &origin, named)?;
            let lowest: Vec<&Summary> = measured[0].iter().map(|run| &run.summary).collect();
            settle(&mut profile, &resolved[0], &lowest, &origin.date())?;
            let basis = format!("calibrated on load {}", loads[0]);
            (profile, kept, basis)
        }
    };
    out.write(PROFILE, profile.to_toml().as_bytes())?;
    let mut outcomes = Vec::new();
    for (place, (load, runs)) in loads.iter().zip(&measured).enumerate() {
        let resolved = &resolved[place];
        let summaries: Vec<&Summary> = runs.iter().map(|run| &run.summary).collect();
        let used: Vec<(f64, f64)> = runs.iter().map(|run| run.cpu_and_wall_s).collect();
        outcomes.push(LoadOutcome {
            load: *load,
            runs: summaries.len() as u64,
            calibrated_on: place == 0 && args.profile.is_none(),
            cpu_share: cpu_share(&used),
            rows: rows(
                &predicted(resolved, &profile)?,
                &summaries,
                counted_s(resolved),
            ),
        });
    }
    let seed = resolved[0].scenario.seed;
    let validation = document(&origin, seed, basis, uncalibrated, outcomes);
    tell_of(args, &validation, &out)
}

fn document(
    origin: &Origin,
    seed: u64,
    profile: String,
    uncalibrated: Vec<String>,
    loads: Vec<LoadOutcome>,
) -> Validation {
    // What was calibrated on a run fits it, which proves nothing; alone it is all there is to judge.
    let alone = loads.len() == 1;
    let within = loads
        .iter()
        .filter(|load| alone || !load.calibrated_on)
        .flat_map(|load| &load.rows)
        .all(|row| row.within != Some(false));
    Validation {
        schema: SCHEMA.to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        scenario: origin.scenario.clone(),
        seed,
        measured_on: origin.date(),
        machine: machine(),
        profile,
        uncalibrated,
        loads,
        within,
    }
}

/// Writes and prints the outcome.
fn tell_of(args: &ValidateArgs, validation: &Validation, out: &RunDir) -> Result<Exit, Failure> {
    let (json, table) = (validation.to_json(), validation.to_markdown());
    out.write(VALIDATION, json.as_bytes())?;
    out.write(VALIDATION_TABLE, table.as_bytes())?;
    if args.driven.json {
        tell::print(&json)?;
        eprint!("{table}");
    } else {
        tell::print(&table)?;
    }
    eprintln!("\nvalidation: {}", out.path().join(VALIDATION).display());
    Ok(if validation.within {
        Exit::Well
    } else {
        Exit::Failed
    })
}
