//! One prediction: a resolved scenario in virtual time, told by the same code as a live run.

use std::sync::Arc;
use std::time::{Duration, Instant};

use calls::Calls;
use cloud::profile::Profile;
use domain::Timestamp;
use drive::last_look::look_into;
use drive::recorder::Recorder;
use drive::seed::{seed, seen_under_way};
use drive::watched::Watched;
use report::summary::{ClockKind, Summary};
use twin::{Left, Plan, Twin};

use crate::cores::ahead;
use crate::exit::{Exit, Failure};
use crate::outcome::{Ending, Outcome, Told, costs};
use crate::progress::{Progress, of_rides};
use crate::scenario::Resolved;
use crate::target::{embedded, twin as twin_of};

/// Midnight, UTC, of the Saturday on which every prediction begins: 3 January 2026.
const DAY: Timestamp = Timestamp::from_millis(1_767_398_400_000);
/// Looks at a prediction under way.
const LOOKS: u32 = 400;

/// Predicts. `stop` is asked now and then whether to end early; the second value says that it did.
///
/// # Errors
/// If a value of the scenario cannot be.
pub fn predict(
    resolved: &Resolved,
    profile: &Profile,
    quiet: bool,
    stop: &dyn Fn() -> bool,
) -> Result<(Told, bool), Failure> {
    let began = Instant::now();
    let scenario = &resolved.scenario;
    let started_at = DAY + scenario.starts_at.0;
    let world = Arc::new(resolved.world.clone().starting(started_at));
    let span = scenario.duration.0;
    let until = world.pace.run_time(span);
    let warmup = world.pace.in_run(scenario.warmup.0);
    let drivers = resolved.fleet.plans(&world, &resolved.demand, span);
    let market = Arc::new(embedded::market_of(resolved, started_at)?);
    let seeded = seed(&world, &market, &drivers);
    let watched = Watched::new();
    let stack = embedded::config(resolved, started_at, None, &watched, Calls::default())?;
    let total = until.since(started_at);
    let all_drivers = drivers.len() as u64;
    let mut progress = Progress::new(total, quiet);
    progress.say(&format!(
        "{}: {} riders and {} drivers ({} with a ride), {:.0} s of virtual time on {}, seed {}",
        scenario.name,
        resolved.demand.riders(&world, span),
        drivers.len(),
        seeded.trips.len(),
        total.as_secs_f64(),
        profile.name(),
        scenario.seed,
    ));
    let recorder = Arc::new(Recorder::new(started_at, warmup, until));
    let under_way = seen_under_way(&seeded, started_at);
    let sizes = twin_of::sizes(resolved, &stack)?;
    let (left, ended) = std::thread::scope(|scope| -> Result<_, Failure> {
        let plan = Plan {
            world: world.clone(),
            market,
            riders: ahead(scope, resolved.demand.schedule(&world, span)),
            drivers,
            seeded,
            until,
            profile: twin_of::limited(profile, scenario),
            sizes,
        };
        let twin = Twin::new(plan, recorder.clone(), watched.clone()).map_err(Failure::input)?;
        let slice = (total / LOOKS).max(Duration::from_millis(100));
        let show = |now: Timestamp| {
            if now >= started_at {
                let elapsed = now.since(started_at);
                progress.show(elapsed, || of_rides(elapsed, &recorder, all_drivers));
            }
        };
        Ok(run(twin, slice, show, stop))
    })?;
    progress.finish();
    let mut recorded = recorder.finish();
    recorded.seen.extend(under_way.clone());
    let last_look = look_into(&left.trips, left.ended_at, &mut recorded.seen);
    let outcome = Outcome {
        resolved,
        target: "twin",
        clock: ClockKind::Virtual,
        started_at,
        until,
        ended_at: left.ended_at,
        recorded,
        last_look,
        under_way,
        trips: left.trips,
        holds: left.holds,
        trips_unread: None,
        holds_unread: None,
        counted: left.counted,
        watched,
        rests_on: costs::rests_on(profile, scenario),
        wall_s: began.elapsed().as_secs_f64(),
        notes: ended.notes().into_iter().collect(),
        calls: None,
    };
    Ok((outcome.tell()?, ended == Ending::Interrupted))
}

/// The figures of a prediction, without a word on the way.
///
/// # Errors
/// If a value of the scenario cannot be, or `stop` said to end early: half a prediction says nothing.
pub fn figures(
    resolved: &Resolved,
    profile: &Profile,
    stop: &dyn Fn() -> bool,
) -> Result<Summary, Failure> {
    let (told, stopped) = predict(resolved, profile, true, stop)?;
    if stopped {
        return Err(Failure {
            exit: Exit::Interrupted,
            message:
                "interrupted in a prediction: what was measured is kept, and held against nothing"
                    .to_owned(),
        });
    }
    Ok(told.summary)
}

/// Runs a twin to its end, or until it is to stop: that is asked, and shown how it stands, after each slice.
fn run(
    mut twin: Twin,
    slice: Duration,
    mut show: impl FnMut(Timestamp),
    stop: &dyn Fn() -> bool,
) -> (Left, Ending) {
    let mut ended = Ending::Whole;
    while !twin.run_until(twin.now() + slice) {
        show(twin.now());
        if stop() {
            ended = Ending::Interrupted;
            break;
        }
    }
    (twin.finish(), ended)
}
