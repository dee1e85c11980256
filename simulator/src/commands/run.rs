//! `rushhour run`: starts a stack, drives the scenario against it, audits, reports. What happens between
//! is a [`Course`].

mod course;
mod interrupt;
mod watcher;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use domain::Timestamp;
use host::WallClock;
use services::ports::Clock;

use crate::cli::{RunArgs, Target};
use crate::exit::{Exit, Failure};
use crate::outcome::Told;
use crate::run_dir::{REPORT, RunDir};
use crate::scenario::{self, Resolved};
use crate::tell;
use course::Course;
use interrupt::Interrupt;

/// Threads of the runtime: the machine's cores, at least two.
const WORKERS_MIN: usize = 2;

/// Runs.
///
/// # Errors
/// If the scenario is wrong, the stack does not start, or what was measured cannot be written.
pub fn run(args: &RunArgs) -> Result<Exit, Failure> {
    let began = Instant::now();
    let Target::Embedded = args.target;
    let resolved =
        scenario::load(args.scenario.as_deref(), &args.sets()).map_err(Failure::input)?;
    for name in resolved.scenario.slo.keys() {
        report::slo::known(name).map_err(Failure::input)?;
    }
    let directory = RunDir::create(&out(args, &resolved))?;
    let workers = std::thread::available_parallelism()
        .map_or(WORKERS_MIN, |cores| cores.get().max(WORKERS_MIN));
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(workers)
        .enable_all()
        .build()
        .map_err(Failure::target)?;
    let ended = runtime.block_on(drive(args, &resolved, began));
    runtime.shutdown_timeout(Duration::from_secs(2));
    let (told, interrupted) = ended?;
    told.write(&directory, &resolved)?;
    show(args, &told, &directory)?;
    Ok(verdict(&told, interrupted))
}

fn out(args: &RunArgs, resolved: &Resolved) -> PathBuf {
    args.out.clone().unwrap_or_else(|| {
        let name = &resolved.scenario.name;
        Path::new("runs").join(format!("{name}-{}", stamp(WallClock.now())))
    })
}

/// A moment as `20260923-181500`, UTC.
fn stamp(at: Timestamp) -> String {
    let text = workload::import::local_time_text(at);
    let digits = |text: &str| {
        text.chars()
            .filter(char::is_ascii_digit)
            .collect::<String>()
    };
    match text.split_once('T') {
        Some((day, time)) => format!("{}-{}", digits(day), digits(time)),
        None => digits(&text),
    }
}

fn verdict(told: &Told, interrupted: bool) -> Exit {
    if interrupted {
        return Exit::Interrupted;
    }
    let kept = told.summary.slo.iter().all(|slo| slo.passed);
    if kept && told.summary.audit.violations_count() == 0 {
        Exit::Well
    } else {
        Exit::Failed
    }
}

fn show(args: &RunArgs, told: &Told, directory: &RunDir) -> Result<(), Failure> {
    let text = report::text::text(&told.summary);
    let page = directory.path().join(REPORT);
    if args.json {
        tell::print(&told.json()?)?;
        eprint!("{text}");
    } else {
        tell::print(&text)?;
    }
    eprintln!("\nreport: {}", page.display());
    Ok(())
}

async fn drive(
    args: &RunArgs,
    resolved: &Resolved,
    began: Instant,
) -> Result<(Told, bool), Failure> {
    let interrupt = Interrupt::listen();
    let mut course = Course::plan(resolved, args.quiet)?;
    let mut stack = course.start(args.port).await?;
    let interrupted = course.conduct(&mut stack, &interrupt).await?;
    let outcome = course.collect(stack, began, interrupted).await?;
    Ok((outcome.tell()?, interrupted))
}
