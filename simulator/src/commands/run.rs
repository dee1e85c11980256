//! `rushhour run`: starts a stack, drives the scenario against it, audits, reports. What happens between
//! is a [`Course`].

mod course;
pub(crate) mod interrupt;
mod watcher;

use std::time::{Duration, Instant};

use crate::cli::{RunArgs, Target};
use crate::exit::{Exit, Failure};
use crate::outcome::Told;
use crate::scenario::{self, Resolved};
use course::Course;
use interrupt::Interrupt;

/// Threads of the runtime: the machine's cores, at least two.
const WORKERS_MIN: usize = 2;

/// Runs.
///
/// # Errors
/// If the scenario is wrong, the stack does not start, or what was measured cannot be written.
pub fn run(args: &RunArgs) -> Result<Exit, Failure> {
    let Target::Embedded = args.target;
    let resolved =
        scenario::load(args.driven.scenario.as_deref(), &args.sets()).map_err(Failure::input)?;
    for name in resolved.scenario.slo.keys() {
        report::slo::known(name).map_err(Failure::input)?;
    }
    let directory = super::directory(&args.driven, &resolved)?;
    let (told, interrupted) = once(&resolved, args.port, args.driven.quiet)?;
    told.write(&directory, &resolved)?;
    super::show(&args.driven, &told, &directory)?;
    Ok(super::verdict(&told, interrupted))
}

/// Drives a scenario against the embedded stack once; the second value says whether it was interrupted.
///
/// # Errors
/// If the stack does not start or dies.
pub fn once(resolved: &Resolved, port: Option<u16>, quiet: bool) -> Result<(Told, bool), Failure> {
    let began = Instant::now();
    let workers = std::thread::available_parallelism()
        .map_or(WORKERS_MIN, |cores| cores.get().max(WORKERS_MIN));
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(workers)
        .enable_all()
        .build()
        .map_err(Failure::target)?;
    let ended = runtime.block_on(Box::pin(drive(resolved, port, quiet, began)));
    runtime.shutdown_timeout(Duration::from_secs(2));
    ended
}

async fn drive(
    resolved: &Resolved,
    port: Option<u16>,
    quiet: bool,
    began: Instant,
) -> Result<(Told, bool), Failure> {
    let interrupt = Interrupt::listen();
    let mut course = Course::plan(resolved, quiet)?;
    let mut stack = course.start(port).await?;
    let interrupted = course.conduct(&mut stack, &interrupt).await?;
    let outcome = course.collect(stack, began, interrupted).await?;
    Ok((outcome.tell()?, interrupted))
}
