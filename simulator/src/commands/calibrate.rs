//! `rushhour calibrate`: how long the calls of a live run took → a cloud profile.

use crate::cli::CalibrateArgs;
use crate::exit::{Exit, Failure};
use crate::run_dir::{CALLS, RunDir, write_whole};
use crate::scenario::{self, Resolved};
use crate::validation::document::{Origin, calibrated};
use crate::validation::settle::settle;

/// Calibrates.
///
/// # Errors
/// If the directory holds no live run, calls are too few, or the profile cannot be written.
pub fn run(args: &CalibrateArgs) -> Result<Exit, Failure> {
    let directory = RunDir::open(&args.run)?;
    let calls = directory.calls()?.ok_or_else(|| {
        Failure::input(format!(
            "{}: found no {CALLS}, expected a run of the embedded stack (`rushhour run`)",
            directory.path().display()
        ))
    })?;
    let origin = origin(&directory)?;
    let whose = directory.path().display().to_string();
    let (mut profile, kept) = calibrated(&calls, &directory.latencies()?, &origin, &whose)?;
    let resolved = measured_scenario(&directory)?;
    let summary = directory.summary()?;
    let date = origin.date();
    settle(&mut profile, &resolved, &[&summary], &date, &|| false)?;
    write_whole(&args.output, profile.to_toml().as_bytes())?;
    for key in kept {
        eprintln!("{key}: too few samples, the figure of the embedded profile stays");
    }
    eprintln!("profile: {}", args.output.display());
    Ok(Exit::Well)
}

/// The scenario of a run directory, with every default that it was run with.
///
/// # Errors
/// If it cannot be read.
pub fn measured_scenario(directory: &RunDir) -> Result<Resolved, Failure> {
    scenario::load(directory.scenario_path().to_str(), &[]).map_err(Failure::input)
}

/// What a run directory was measured on.
///
/// # Errors
/// If a file of it cannot be read.
pub fn origin(directory: &RunDir) -> Result<Origin, Failure> {
    Ok(Origin {
        scenario: directory.summary()?.scenario,
        at: directory.evidence()?.started_at,
        remark: String::new(),
    })
}
