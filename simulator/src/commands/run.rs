//! `rushhour run`: starts or finds a system, drives the scenario against it, audits, reports. What happens between
//! is a [`Course`].

mod course;
pub(crate) mod interrupt;
mod reads;
mod redeploy;
mod watcher;

use std::time::{Duration, Instant};

use calls::Calls;
use drive::watched::Watched;
use host::WallClock;
use services::ports::Clock;

use crate::cli::RunArgs;
use crate::exit::{Exit, Failure};
use crate::outcome::{Ending, Told};
use crate::scenario::model::{FleetStart, Placement};
use crate::scenario::{self, Resolved};
use crate::target::watch::{Briefing, HEAD_START, Watch};
use crate::target::{Target, embedded};
use crate::tell;
use course::Course;
use interrupt::Interrupt;
use redeploy::Redeploy;

/// Threads of the runtime: the machine's cores, at least two.
const WORKERS_MIN: usize = 2;

/// A live system is put up in one way.
pub(crate) fn check_placement(found: &Placement) -> Result<(), Failure> {
    if *found == Placement::default() {
        return Ok(());
    }
    Err(Failure::input(
        "placement: found parts placed otherwise, expected pricing, surge, trips and matching on Lambda and the fleet \
         tracker in a container, as a live system runs: `rushhour predict` and `rushhour compare` know other placements",
    ))
}

/// Runs.
///
/// # Errors
/// If the scenario is wrong, the stack does not start, or what was measured cannot be written.
pub fn run(args: &RunArgs) -> Result<Exit, Failure> {
    let mut target = Target::of(args)?;
    let resolved = resolved(args, &target)?;
    if let Target::Watch { watch, .. } = &target
        && args.watch.print_settings
    {
        return print_settings(watch, &resolved);
    }
    check_placement(&resolved.scenario.placement)?;
    let run = resolved.world.pace.in_run(resolved.scenario.duration.0);
    let redeploy = Redeploy::of(args, run)?;
    target.prepare(&resolved)?;
    let directory = super::directory(&args.driven, &resolved)?;
    let interrupt = Interrupt::in_background()?;
    let (told, ended) = once(
        &resolved,
        &mut target,
        redeploy,
        &interrupt,
        args.driven.quiet,
    )?;
    told.write(&directory, &resolved)?;
    super::show(&args.driven, &told, &directory)?;
    let verdict = || super::verdict(told.summary.passed(), false);
    Ok(ended.exit().unwrap_or_else(verdict))
}

/// The scenario, as far as the target can have it: rides under way cannot be put into the tracker's memory of a
/// system that runs.
fn resolved(args: &RunArgs, target: &Target) -> Result<Resolved, Failure> {
    let name = args.driven.scenario.as_deref();
    let mut source = scenario::read(name, &args.sets()).map_err(Failure::input)?;
    let idle = target.outlives_the_run() && source.scenario.fleet.start == FleetStart::Stationary;
    if idle {
        source.scenario.fleet.start = FleetStart::Idle;
    }
    let is_left = source.leave_to_target();
    let mut resolved = source.resolve().map_err(Failure::input)?;
    if idle {
        resolved.notes.push(
            "Drivers began idle: rides under way cannot be put into the memory of a tracker that runs.".to_owned(),
        );
    }
    if is_left {
        resolved.notes.push(
            "The target's own limits stand: [api], visibility_timeout, receives_max and provisioned_concurrency are of \
             predictions."
                .to_owned(),
        );
    }
    Ok(resolved)
}

/// Prints what functions and tracker of a run that begins now would find in their environment, and writes the streets
/// that it names.
fn print_settings(watch: &Watch, resolved: &Resolved) -> Result<Exit, Failure> {
    let starts_at = WallClock.now() + HEAD_START;
    let (watched, calls) = (Watched::new(), Calls::default());
    let config = embedded::config(resolved, starts_at, None, &watched, calls)?;
    let briefing = Briefing::of(resolved, starts_at)?;
    tell::print(&watch.settings(&config, &briefing)?)?;
    Ok(Exit::Well)
}

/// Drives a scenario against a target once, or until it is interrupted; the second value says how it ended.
///
/// # Errors
/// If the target does not start.
pub fn once(
    resolved: &Resolved,
    target: &mut Target,
    redeploy: Option<Redeploy>,
    interrupt: &Interrupt,
    quiet: bool,
) -> Result<(Told, Ending), Failure> {
    let began = Instant::now();
    let workers = std::thread::available_parallelism()
        .map_or(WORKERS_MIN, |cores| cores.get().max(WORKERS_MIN));
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(workers)
        .enable_all()
        .build()
        .map_err(Failure::target)?;
    let planned = Course::plan(resolved, target, quiet)?.with_redeploy(redeploy);
    let ended = runtime.block_on(Box::pin(drive(planned, target, interrupt, began)));
    runtime.shutdown_timeout(Duration::from_secs(2));
    ended
}

async fn drive(
    mut course: Course<'_>,
    target: &mut Target,
    interrupt: &Interrupt,
    began: Instant,
) -> Result<(Told, Ending), Failure> {
    let mut system = course.start(target).await?;
    let ended = course.conduct(&mut system, interrupt).await?;
    let (outcome, ended) = course.collect(system, began, ended).await?;
    Ok((outcome.tell()?, ended))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::{Cli, Command};

    fn planned(set: &str) -> Resolved {
        let Command::Run(args) = Cli::parse_from(["rushhour", "run", "--set", set]).command else {
            panic!("the command is run");
        };
        resolved(&args, &Target::of(&args).unwrap()).unwrap()
    }

    #[test]
    fn what_is_of_predictions_alone_is_left_out_and_told() {
        for set in [
            "api.burst=5",
            "functions.trips.visibility_timeout=90s",
            "functions.trips.receives_max=7",
            "functions.trips.provisioned_concurrency=4",
        ] {
            let resolved = planned(set);
            let (key, _) = set.split_once('=').unwrap();
            let key = key.rsplit('.').next().unwrap();
            let stated = toml::to_string(&resolved.scenario).unwrap();
            assert!(!stated.contains(key), "{stated}");
            let told = |note: &String| note.starts_with("The target's own limits stand: [api]");
            assert!(resolved.notes.iter().any(told), "{:?}", resolved.notes);
        }
        let told = planned("functions.trips.memory_mb=512").notes;
        assert!(
            !told.iter().any(|note| note.contains("own limits")),
            "{told:?}"
        );
    }
}
