//! `rushhour run`: starts a stack, drives the scenario against it, audits, reports.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use domain::{Timestamp, TripId};
use host::WallClock;
use local::stack::Stack;
use report::trips::Seen;
use services::ports::Clock;
use tokio::sync::watch;
use workload::demand::RiderPlan;
use workload::fingerprint::fingerprint;
use workload::supply::DriverPlan;

use crate::cli::{RunArgs, Target};
use crate::counted::{Counted, Watched};
use crate::exit::{Exit, Failure};
use crate::load::{self, Load, LoadPlan, Recorder, SETTLE_MAX};
use crate::outcome::{Outcome, Told};
use crate::progress::Progress;
use crate::run_dir::{REPORT, RunDir};
use crate::scenario::{self, Resolved};
use crate::seed::{Seed, seed};
use crate::target::embedded;
use crate::tell;

/// From the start of the stack to the start of the run, at the least.
const HEAD_START: Duration = Duration::from_secs(2);
/// What a ride under way adds to it: its hold is taken over and reported again.
const HEAD_START_PER_RIDE: Duration = Duration::from_millis(3);
/// How often queues are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Environment threads of the runtime: the machine's cores, at least two.
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

/// Who comes when, worked out before the run.
struct Schedule {
    riders: Vec<RiderPlan>,
    drivers: Vec<DriverPlan>,
}

fn schedule(resolved: &Resolved) -> Schedule {
    let span = resolved.scenario.duration.0;
    Schedule {
        riders: resolved.demand.schedule(&resolved.world, span).collect(),
        drivers: resolved
            .fleet
            .plans(&resolved.world, &resolved.demand, span),
    }
}

async fn drive(
    args: &RunArgs,
    resolved: &Resolved,
    began: Instant,
) -> Result<(Told, bool), Failure> {
    let interrupt = Interrupt::listen();
    let Schedule { riders, drivers } = schedule(resolved);
    let under_way = drivers
        .iter()
        .filter(|plan| plan.under_way.is_some())
        .count();
    let world = &resolved.world;
    let head_start = HEAD_START
        + HEAD_START_PER_RIDE * u32::try_from(under_way).unwrap_or(u32::MAX)
        + world.drivers.lead;
    let started_at = WallClock.now() + head_start;
    let world = Arc::new(world.clone().starting(started_at));
    let until = world.pace.run_time(resolved.scenario.duration.0);
    let total = until.since(started_at);
    let mut progress = Progress::new(total, drivers.len() as u64, args.quiet);
    progress.say(&format!(
        "{}: {} riders and {} drivers ({under_way} with a ride) in {:.0} s, seed {}, schedule {:016x}",
        resolved.scenario.name,
        riders.len(),
        drivers.len(),
        total.as_secs_f64(),
        resolved.scenario.seed,
        fingerprint([fingerprint(&riders), fingerprint(&drivers)])
    ));

    let watched = Watched::new();
    let seeded = seed(
        &world,
        &embedded::market_of(&resolved.scenario, started_at)?,
        &drivers,
    );
    let config = embedded::config(&resolved.scenario, started_at, args.port, &watched)?;
    let mut stack = embedded::start(config, &seeded).await?;
    progress.say(&format!(
        "the stack serves at {} and {}",
        stack.http_url(),
        stack.tracker_url()
    ));

    let recorder = Arc::new(Recorder::new(
        started_at,
        world.pace.in_run(resolved.scenario.warmup.0),
        until,
    ));
    let plan = LoadPlan {
        world: world.clone(),
        riders,
        drivers,
        under_way: seeded.rides.clone(),
        api: stack.http_url(),
        tracker: stack.tracker_url(),
        streams_per_connection: resolved.scenario.fleet.streams_per_connection,
        zones: stack.market().resolution,
        issuer: stack.issuer().clone(),
        until,
    };
    let all_drivers = plan.drivers.len() as u64;
    let load = Load::connect(plan, recorder.clone())
        .await
        .map_err(Failure::target)?;

    let (stop, stopped) = watch::channel(false);
    let (quieten, quiet) = watch::channel(false);
    let load = tokio::spawn(load.run(stopped, quiet));
    let mut watcher = Watcher {
        stack: &stack,
        recorder: &recorder,
        watched: &watched,
        progress: &mut progress,
        started_at,
        until,
        all_drivers,
        at_warmup: None,
        most: Counted::default(),
    };
    let interrupted = watcher.watch(&interrupt).await?;
    let at_warmup = watcher.at_warmup.take().unwrap_or_default();
    let most = std::mem::take(&mut watcher.most);
    watched.count(false);
    let mut counted = Counted::now(&stack)
        .await
        .map_err(Failure::target)?
        .since(&at_warmup);
    counted.depth_max = most.depth_max;

    progress.say("riders have stopped coming: letting the queues run empty");
    // Nobody listens any more only if the load has ended, which is as good.
    let _ = stop.send(true);
    settle(&stack).await;
    let _ = quieten.send(true);
    load.await
        .map_err(|error| Failure::target(format!("the load generator died: {error}")))?;
    settle(&stack).await;
    stack.quiesce().await;

    let mut recorded = recorder.finish();
    let under_way = seen_under_way(&seeded, started_at);
    recorded
        .seen
        .extend(under_way.iter().map(|(trip, seen)| (*trip, seen.clone())));
    let last_look = load::look(&stack.http_url(), stack.issuer(), &mut recorded.seen).await;
    let ended_at = WallClock.now();
    let trips = stack.trips().all_trips().await.map_err(Failure::target)?;
    let holds = stack.holds().all_holds().await.map_err(Failure::target)?;
    stack.stop().await;
    progress.finish();
    let outcome = Outcome {
        resolved,
        target: "embedded",
        started_at,
        until,
        ended_at,
        recorded,
        last_look,
        under_way,
        trips,
        holds,
        counted,
        watched,
        wall_s: began.elapsed().as_secs_f64(),
        interrupted,
    };
    Ok((outcome.tell()?, interrupted))
}

/// Rides under way at the start, as their riders know them.
fn seen_under_way(seeded: &Seed, started_at: Timestamp) -> BTreeMap<TripId, Seen> {
    seeded
        .trips
        .iter()
        .map(|trip| {
            let mut seen = Seen::scheduled(trip.rider, trip.requested_at.min(started_at));
            seen.answered_at = Some(trip.requested_at);
            seen.quoted_total = Some(trip.fare.total());
            (trip.id, seen)
        })
        .collect()
}

/// Waits until the events of trips have been worked off, within bounds.
async fn settle(stack: &Stack) {
    let give_up = Instant::now() + SETTLE_MAX;
    let mut empty = 0;
    while Instant::now() < give_up && empty < 2 {
        tokio::time::sleep(Duration::from_millis(300)).await;
        let waiting = match stack.queue_accounts().await {
            Ok(accounts) => accounts
                .get("trip-events")
                .map_or(0, |a| a.depth.visible + a.depth.in_flight),
            Err(_) => 1,
        };
        empty = if waiting == 0 { empty + 1 } else { 0 };
    }
}

/// Control-C, from the first moment on: once drains and writes, twice ends at once.
struct Interrupt(watch::Receiver<bool>);

impl Interrupt {
    fn listen() -> Self {
        let (sender, receiver) = watch::channel(false);
        tokio::spawn(async move {
            if tokio::signal::ctrl_c().await.is_ok() {
                // Nobody listens any more only if the run is over.
                let _ = sender.send(true);
            }
            if tokio::signal::ctrl_c().await.is_ok() {
                eprintln!("rushhour: interrupted again: ended without writing the run");
                std::process::exit(Exit::Interrupted as i32);
            }
        });
        Self(receiver)
    }

    fn came(&self) -> bool {
        *self.0.borrow()
    }
}

/// Looks at a run while it goes on.
struct Watcher<'a> {
    stack: &'a Stack,
    recorder: &'a Recorder,
    watched: &'a Watched,
    progress: &'a mut Progress,
    started_at: Timestamp,
    until: Timestamp,
    all_drivers: u64,
    at_warmup: Option<Counted>,
    most: Counted,
}

impl Watcher<'_> {
    /// Watches until the run's time is over; true if it was interrupted.
    async fn watch(&mut self, interrupt: &Interrupt) -> Result<bool, Failure> {
        loop {
            let now = WallClock.now();
            if now >= self.until {
                return Ok(false);
            }
            if interrupt.came() {
                return Ok(true);
            }
            if self.at_warmup.is_none() && now >= self.recorder.counted_from() {
                self.at_warmup = Some(Counted::now(self.stack).await.map_err(Failure::target)?);
                self.watched.count(true);
            }
            if now >= self.started_at {
                self.recorder.sample_drivers(now, self.all_drivers);
                self.progress
                    .show(now.since(self.started_at), self.recorder);
            }
            if let Ok(accounts) = self.stack.queue_accounts().await {
                self.most.note_depth(&accounts);
            }
            let next = LOOK_EVERY.min(self.until.since(now));
            tokio::time::sleep(next.max(Duration::from_millis(1))).await;
        }
    }
}
