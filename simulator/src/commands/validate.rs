//! `rushhour validate`: what the twin predicts, held against measured runs.

use std::path::Path;

use ::report::latency::Latencies;
use ::report::summary::Summary;
use ::report::validation::{LoadOutcome, SCHEMA, Validation};
use host::WallClock;
use services::ports::Clock;

use crate::cli::ValidateArgs;
use crate::commands::calibrate::{measured_scenario, origin};
use crate::commands::run::interrupt::Interrupt;
use crate::commands::run::{check_placement, once};
use crate::exit::{Exit, Failure};
use crate::predict;
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
    let interrupt = Interrupt::in_background()?;
    let named = args.driven.scenario.as_deref().unwrap_or(DEFAULT);
    let measured = Path::new(named);
    if measured.join(SUMMARY).is_file() {
        return of_run(args, measured, &interrupt);
    }
    of_scenario(args, named, &interrupt)
}

/// A directory for an outcome, which has none yet.
fn directory(path: &Path) -> Result<RunDir, Failure> {
    let directory = RunDir::create(path)?;
    directory.holds_no(VALIDATION)?;
    Ok(directory)
}

/// Holds one run against its prediction.
fn of_run(args: &ValidateArgs, path: &Path, interrupt: &Interrupt) -> Result<Exit, Failure> {
    let measured = RunDir::open(path)?;
    let out = match &args.driven.out {
        Some(out) => directory(out)?,
        None => measured.clone(),
    };
    let summary = measured.summary()?;
    let origin = origin(&measured)?;
    let resolved = measured_scenario(&measured)?;
    let stop = || interrupt.came();
    let whose = path.display().to_string();
    let (profile, uncalibrated, basis) = match &args.profile {
        Some(file) => (profile_file(file)?, Vec::new(), file.display().to_string()),
        None => {
            let calls = measured.calls()?.ok_or_else(|| {
                Failure::input(format!(
                    "{whose}: found no {CALLS}, expected a run of the embedded stack, or --profile FILE"
                ))
            })?;
            let (mut profile, kept) = calibrated(&calls, &measured.latencies()?, &origin, &whose)?;
            let date = origin.date();
            settle(&mut profile, &resolved, &[&summary], &date, &stop)?;
            (profile, kept, "calibrated on the run itself".to_owned())
        }
    };
    let outcome = LoadOutcome {
        load: 1.0,
        runs: 1,
        calibrated_on: args.profile.is_none(),
        cpu_share: cpu_share(&[(summary.seconds.cpu, summary.seconds.wall)]),
        rows: rows(
            &predict::figures(&resolved, &profile, &stop)?,
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
    tell_of(args, &validation, &out)
}

/// Runs a scenario at several loads, calibrates on the lowest and predicts the others.
fn of_scenario(args: &ValidateArgs, named: &str, interrupt: &Interrupt) -> Result<Exit, Failure> {
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
    let out = directory(&out.unwrap_or_else(|| run_dir::fresh("validation")))?;
    let stop = || interrupt.came();
    let started_at = WallClock.now();
    let (mut at_lowest, mut seen) = (Latencies::default(), Latencies::default());
    let mut measured: Vec<Vec<MeasuredRun>> = Vec::new();
    for (place, (load, resolved)) in loads.iter().zip(&resolved).enumerate() {
        let mut runs = Vec::new();
        for run in 1..=args.runs {
            if stop() {
                return Ok(cut_short(Exit::Interrupted, &out));
            }
            eprintln!("load {load}, run {run} of {}", args.runs);
            let directory = RunDir::create(&out.path().join(format!("load-{load}-run-{run}")))?;
            let cpu_before_s = crate::process::cpu_seconds().unwrap_or(0.0);
            let mut target = Target::Embedded { port: None };
            let (told, ended) = once(resolved, &mut target, None, interrupt, args.driven.quiet)?;
            let cpu_s = crate::process::cpu_seconds().unwrap_or(0.0) - cpu_before_s;
            told.write(&directory, resolved)?;
            if let Some(exit) = ended.exit() {
                return Ok(cut_short(exit, &out));
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
            let date = origin.date();
            settle(&mut profile, &resolved[0], &lowest, &date, &stop)?;
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
                &predict::figures(resolved, &profile, &stop)?,
                &summaries,
                counted_s(resolved),
            ),
        });
    }
    let seed = resolved[0].scenario.seed;
    let validation = document(&origin, seed, basis, uncalibrated, outcomes);
    tell_of(args, &validation, &out)
}

/// Not every load was measured: says where those runs are that were.
fn cut_short(exit: Exit, out: &RunDir) -> Exit {
    eprintln!(
        "rushhour: ended before every load was measured, with what was in {}",
        out.path().display()
    );
    exit
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

#[cfg(test)]
mod tests {
    use clap::Parser;
    use cloud::profile::Profile;

    use super::*;
    use crate::cli::{Cli, Command};
    use crate::scenario;

    fn of(out: &Path, interrupt: &Interrupt) -> Result<Exit, Failure> {
        let line = ["rushhour", "validate", "--out", out.to_str().unwrap()];
        match Cli::try_parse_from(line).unwrap().command {
            Command::Validate(args) => of_scenario(&args, DEFAULT, interrupt),
            _ => panic!("it is a validation"),
        }
    }

    #[test]
    fn no_run_begins_and_no_prediction_ends_after_an_interrupt() {
        let folder = tempfile::tempdir().unwrap();
        let pressed = Interrupt::stands(true);
        assert_eq!(of(folder.path(), &pressed).unwrap(), Exit::Interrupted);
        assert_eq!(folder.path().read_dir().unwrap().count(), 0);

        let resolved = scenario::load(None, &["duration=20m".to_owned()]).unwrap();
        let profile = Profile::embedded();
        let ended = predict::figures(&resolved, &profile, &|| pressed.came()).unwrap_err();
        assert_eq!(ended.exit, Exit::Interrupted);
    }

    #[test]
    fn an_outcome_is_not_written_over() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(VALIDATION), "{}").unwrap();
        let refused = of(folder.path(), &Interrupt::stands(true)).unwrap_err();
        assert_eq!(refused.exit, Exit::BadInput);
        let said = "found validation.json there, expected an empty directory";
        assert!(refused.message.contains(said), "{}", refused.message);
    }
}
