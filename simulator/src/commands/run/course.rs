//! The course of a run: planned, started, conducted, collected.

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::{Duration, Instant};

use domain::Timestamp;
use drive::counted::Counted;
use drive::last_look::LastLook;
use drive::recorder::Recorder;
use drive::seed::{Seed, seed, seen_under_way};
use drive::watched::Watched;
use host::WallClock;
use report::summary::ClockKind;
use services::ports::Clock;
use tokio::sync::watch;
use workload::demand::RiderPlan;
use workload::fingerprint::fingerprint;
use workload::supply::DriverPlan;
use workload::world::World;

use super::interrupt::Interrupt;
use super::reads::{AtWarmup, Reads};
use super::redeploy::Redeploy;
use super::watcher::Watcher;
use crate::call_log::CallLog;
use crate::exit::Failure;
use crate::load::{self, Api, Load, LoadPlan, SETTLE_MAX};
use crate::outcome::{Ending, Outcome};
use crate::progress::Progress;
use crate::scenario::Resolved;
use crate::target::system::{Sent, System};
use crate::target::{Target, embedded};

/// What a ride under way adds to the time that a system has to start: its hold is taken over and reported again.
const HEAD_START_PER_RIDE: Duration = Duration::from_millis(3);

/// A run from its plan to what it left.
pub(super) struct Course<'a> {
    resolved: &'a Resolved,
    world: Arc<World>,
    started_at: Timestamp,
    until: Timestamp,
    riders: Vec<RiderPlan>,
    drivers: Vec<DriverPlan>,
    seeded: Seed,
    recorder: Arc<Recorder>,
    watched: Arc<Watched>,
    calls: Arc<CallLog>,
    counted: Counted,
    progress: Progress,
    redeploy: Option<Redeploy>,
    reads: Reads,
}

impl<'a> Course<'a> {
    /// Works out who comes when, and when the run begins: soon, once the rides under way are taken over and
    /// the drivers are connected.
    pub(super) fn plan(
        resolved: &'a Resolved,
        target: &Target,
        quiet: bool,
    ) -> Result<Self, Failure> {
        let scenario = &resolved.scenario;
        let span = scenario.duration.0;
        let world = &resolved.world;
        let mut riders: Vec<RiderPlan> = resolved.demand.schedule(world, span).collect();
        let drivers = resolved.fleet.plans(world, &resolved.demand, span);
        let under_way = drivers
            .iter()
            .filter(|plan| plan.under_way.is_some())
            .count();
        let head_start = target.head_start()
            + HEAD_START_PER_RIDE * u32::try_from(under_way).unwrap_or(u32::MAX)
            + world.drivers.lead;
        let warmup = world.pace.in_run(scenario.warmup.0);
        let started_at = target.begins(WallClock.now() + head_start, warmup);
        if target.outlives_the_run() {
            // The same seed again asks for other rides, not for those of the last run.
            let run = u128::from(started_at.as_micros().unsigned_abs());
            for rider in &mut riders {
                rider.idempotency_key ^= run;
            }
        }
        let world = Arc::new(world.clone().starting(started_at));
        let until = world.pace.run_time(span);
        let total = until.since(started_at);
        let progress = Progress::new(total, quiet);
        progress.say(&format!(
            "{}: {} riders and {} drivers ({under_way} with a ride) in {:.0} s, seed {}, schedule {:016x}",
            scenario.name,
            riders.len(),
            drivers.len(),
            total.as_secs_f64(),
            scenario.seed,
            fingerprint([fingerprint(&riders), fingerprint(&drivers)])
        ));
        let market = embedded::market_of(resolved, started_at)?;
        Ok(Self {
            resolved,
            seeded: seed(&world, &market, &drivers),
            recorder: Arc::new(Recorder::new(started_at, warmup, until)),
            watched: Watched::new(),
            calls: CallLog::new(),
            counted: Counted::default(),
            world,
            started_at,
            until,
            riders,
            drivers,
            progress,
            redeploy: None,
            reads: Reads::default(),
        })
    }

    /// The same with a redeploy of the fleet tracker in it.
    pub(super) fn with_redeploy(self, redeploy: Option<Redeploy>) -> Self {
        Self { redeploy, ..self }
    }

    /// Starts the system, on tables that hold the rides under way.
    pub(super) async fn start(&self, target: &mut Target) -> Result<System, Failure> {
        let observers = (&self.watched, self.calls.listen());
        let system = target
            .start(self.resolved, self.started_at, &self.seeded, observers)
            .await?;
        self.progress.say(&format!(
            "the system serves at {} and {}",
            system.http_url(),
            system.tracker_url()
        ));
        Ok(system)
    }

    /// Drives the load, lets what was sent be worked off, and stops all but the HTTP front. Says how it ended.
    pub(super) async fn conduct(
        &mut self,
        system: &mut System,
        interrupt: &Interrupt,
    ) -> Result<Ending, Failure> {
        let plan = self.load_plan(system);
        let all_drivers = plan.drivers.len() as u64;
        let load = Load::connect(plan, self.recorder.clone())
            .await
            .map_err(Failure::target)?;
        let (stop, stopped) = watch::channel(false);
        let (quieten, quiet) = watch::channel(false);
        let load = tokio::spawn(load.run(stopped, quiet));

        let mut watcher = Watcher {
            system,
            recorder: &self.recorder,
            watched: &self.watched,
            calls: &self.calls,
            progress: &mut self.progress,
            started_at: self.started_at,
            until: self.until,
            all_drivers,
            at_warmup: AtWarmup::default(),
            most: Counted::default(),
            redeploy: self.redeploy.as_mut(),
        };
        let ended = watcher.watch(interrupt).await;
        let at_warmup = std::mem::take(&mut watcher.at_warmup);
        let depth_max = std::mem::take(&mut watcher.most).depth_max;
        self.watched.count(false);
        self.calls.count(false);
        let now = WallClock.now();
        self.recorder.cut_short(now);
        self.until = self.recorder.counted_until();
        let ran = now.since(self.started_at);
        let at_end = system.counted(ran).await;
        self.counted = self.reads.counted(at_warmup, at_end, system.counts());
        self.counted.depth_max = depth_max;

        self.progress
            .say("riders have stopped coming: letting the queues run empty");
        // Nobody listens any more only if the load has ended, which is as good.
        let _ = stop.send(true);
        settle(system).await;
        let _ = quieten.send(true);
        load.await
            .map_err(|error| Failure::target(format!("the load generator died: {error}")))?;
        settle(system).await;
        system.quiesce().await;
        let sent = Sent {
            from: self.recorder.counted_from(),
            until: self.recorder.counted_until(),
            requests: self.recorder.glance().counts.sent,
        };
        let counted = std::mem::take(&mut self.counted);
        self.counted = system.measured(counted, sent, interrupt).await;
        Ok(ended)
    }

    fn load_plan(&mut self, system: &System) -> LoadPlan {
        LoadPlan {
            world: self.world.clone(),
            riders: std::mem::take(&mut self.riders),
            drivers: std::mem::take(&mut self.drivers),
            under_way: self.seeded.rides.clone(),
            api: system.http_url(),
            tracker: system.tracker_url(),
            streams_per_connection: self.resolved.scenario.fleet.streams_per_connection,
            zones: system.zones(),
            issuer: system.issuer().clone(),
            token_ttl: load::TOKEN_TTL,
            calls: self.calls.listen(),
            until: self.until,
        }
    }

    /// Lets every rider look once more, reads the store, and ends the system. Says how the run ended, all in all.
    pub(super) async fn collect(
        mut self,
        system: System,
        began: Instant,
        ended: Ending,
    ) -> Result<(Outcome<'a>, Ending), Failure> {
        let mut recorded = self.recorder.finish();
        let under_way = seen_under_way(&self.seeded, self.started_at);
        recorded.seen.extend(under_way.clone());
        let api = Api::new(&system.http_url(), calls::Calls::default()).map_err(Failure::target)?;
        let last_look = load::look(&api, system.issuer(), &mut recorded.seen).await;
        let ended_at = WallClock.now();
        let store = self.reads.store(&system, self.started_at).await;
        let target = system.name();
        let redeployed = self.redeploy.as_ref().map(Redeploy::note);
        let unanswered = unanswered(&last_look);
        let notes = [ended.notes(), redeployed, unanswered]
            .into_iter()
            .flatten();
        let notes = notes.chain(self.reads.notes).chain(system.notes());
        let notes = notes.collect();
        system.stop().await;
        self.progress.finish();
        let ended = match ended {
            Ending::Whole if self.reads.is_lacking => Ending::Unread,
            ended => ended,
        };
        let outcome = Outcome {
            resolved: self.resolved,
            target,
            clock: ClockKind::Wall,
            started_at: self.started_at,
            until: self.until,
            ended_at,
            recorded,
            last_look,
            under_way,
            trips: store.trips.into_iter().collect(),
            holds: store.holds,
            trips_unread: store.trips_unread,
            holds_unread: store.holds_unread,
            counted: self.counted,
            watched: self.watched,
            rests_on: Vec::new(),
            calls: Some(self.calls.finish()),
            wall_s: began.elapsed().as_secs_f64(),
            notes,
        };
        Ok((outcome, ended))
    }
}

/// What a reader of the figures must know of riders whose last look was not answered.
fn unanswered(last_look: &LastLook) -> Option<String> {
    let riders = last_look.unanswered.len();
    (riders > 0).then(|| {
        format!(
            "{riders} riders were not answered when they asked for the last time: how their rides stand is told by the store alone, and the audit leaves it open."
        )
    })
}

/// Waits until the events of trips have been worked off, within bounds.
async fn settle(system: &System) {
    let give_up = Instant::now() + SETTLE_MAX;
    let mut empty = 0;
    while Instant::now() < give_up && empty < 2 {
        tokio::time::sleep(Duration::from_millis(300)).await;
        let waiting = match system.queues().await {
            Ok(queues) => queues
                .get("trip-events")
                .map_or(0, |used| used.depth_visible + used.depth_in_flight),
            Err(_) => 1,
        };
        empty = if waiting == 0 { empty + 1 } else { 0 };
    }
}
