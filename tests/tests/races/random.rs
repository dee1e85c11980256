//! Random schedules: riders, drivers, faults of every kind and crashes at any point, and then time.
//!
//! A schedule is a seed and a number of steps, so a failing one is cut down to the fewest steps of the
//! same seed. `PROPTEST_CASES` says how many schedules are tried, 256 unless it is set. Replay one with `RUSHHOUR_SCHEDULE=<seed>:<steps> cargo test -p rushhour-tests --test races random`.

use std::time::Duration;

use domain::trip::TripState;
use domain::{DriverId, RiderId, TripId};
use kernel::random::{Stream, Streams};
use proptest::prelude::*;
use rushhour_tests::dispatch::drivers::Behaviour;
use rushhour_tests::dispatch::executor::ready;
use rushhour_tests::dispatch::{Dispatch, east_of_corner, market};
use services::config::Queue;
use services::request::RideRequest;

use crate::seconds;

/// Steps of a schedule at most.
const STEPS_MAX: usize = 120;
const DRIVERS: usize = 4;
/// A driver with a rider in the car may be gone for as long as a trip may be under way.
const BOUND: Duration = Duration::from_secs(8 * 3_600);

struct Schedule {
    world: Dispatch,
    draw: Stream,
    requests: Vec<RideRequest>,
}

impl Schedule {
    fn new(seed: u64) -> Self {
        let mut draw = Streams::new(seed).stream("schedule", 0);
        let mut market = market();
        if draw.chance(0.2) {
            market.dispatch.queue = Queue::Lose;
        }
        let world = Dispatch::new(market);
        for driver in 0..DRIVERS {
            let place = east_of_corner(draw.uniform_in(-4_000.0, 4_000.0));
            world.driver(DriverId(driver as u64), place, Behaviour::Takes);
        }
        // While a sweep in ten fails, a search ends when one at last succeeds.
        world.searches_end_within(BOUND);
        world
            .faults
            .at_random(draw.bits(), draw.uniform_in(0.0, 0.15));
        world.messages_at_random(draw.bits(), draw.uniform_in(0.0, 0.4));
        Self {
            world,
            draw,
            requests: Vec::new(),
        }
    }

    fn step(&mut self) {
        match self.draw.below(20) {
            0..5 => self.request(),
            5 => self.repeat(),
            6 | 7 => self.cancel(),
            8..13 => {
                let span = self.draw.exponential_span(seconds(20)).min(seconds(200));
                self.world.advance(span);
            }
            13 | 14 => self.behave(),
            15 => self.world.kill_next_round_after(self.draw.below(40)),
            16 => self
                .world
                .kill_tracker_in(self.draw.below(12), self.draw.chance(0.5)),
            17 => self.world.kill_tracker(),
            _ => {
                if self.world.link.running().is_none() {
                    self.world.start_tracker();
                }
            }
        }
    }

    fn request(&mut self) {
        let rider = RiderId(1 + self.draw.below(6) as u64);
        // A quote that fails is no request at all.
        let pickup = east_of_corner(self.draw.uniform_in(-4_000.0, 4_000.0));
        let dropoff = east_of_corner(self.draw.uniform_in(-4_000.0, 4_000.0));
        let quote = ready(self.world.quoting.quote(rider, pickup, dropoff, None))
            .expect("the market's store does not fail");
        let mut request = self
            .world
            .asking(&quote, &format!("request {}", self.requests.len()));
        request.patience = seconds(20 + self.draw.below(400) as u64);
        let _ = self.world.send(&request);
        self.requests.push(request);
    }

    fn repeat(&mut self) {
        if let Some(request) = self.any_request() {
            let _ = self.world.send(&request);
        }
    }

    fn cancel(&mut self) {
        let Some(request) = self.any_request() else {
            return;
        };
        let id: TripId = services::request::trip_id(request.rider, &request.idempotency_key);
        // The store may hear late of a ride under way or over; its rider knows, and does not cancel it.
        if self.world.was_picked_up(id) {
            return;
        }
        let _ = ready(self.world.riding.cancel(request.rider, id));
    }

    fn any_request(&mut self) -> Option<RideRequest> {
        let count = self.requests.len();
        (count > 0).then(|| self.requests[self.draw.below(count)].clone())
    }

    fn behave(&mut self) {
        let behaviours = [
            Behaviour::Takes,
            Behaviour::Takes,
            Behaviour::Declines,
            Behaviour::Ignores,
            Behaviour::Gone,
        ];
        let driver = DriverId(self.draw.below(DRIVERS) as u64);
        self.world
            .behave(driver, behaviours[self.draw.below(behaviours.len())]);
    }
}

/// Prints how to replay a schedule that fails.
struct Replay(u64, usize);

impl Drop for Replay {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let Self(seed, steps) = self;
            eprintln!(
                "replay: RUSHHOUR_SCHEDULE={seed}:{steps} cargo test -p rushhour-tests --test races random"
            );
        }
    }
}

fn run(seed: u64, steps: usize) -> Vec<TripState> {
    let _replay = Replay(seed, steps);
    let mut schedule = Schedule::new(seed);
    for _ in 0..steps {
        schedule.step();
    }
    let world = schedule.world;
    world.faults.none();
    world.messages_arrive();
    if world.link.running().is_none() {
        world.start_tracker();
    }
    world.all_take();
    world.settle(BOUND);
    world
        .cloud
        .trips
        .all()
        .iter()
        .map(|trip| trip.state)
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: None,
        max_shrink_iters: 200,
        ..ProptestConfig::default()
    })]

    #[test]
    fn random_schedules_end_well(seed in any::<u64>().no_shrink(), steps in 1..STEPS_MAX) {
        run(seed, steps);
    }
}

/// The schedule that the environment names, if it names one.
#[test]
fn random_schedule_to_replay() {
    let Ok(schedule) = std::env::var("RUSHHOUR_SCHEDULE") else {
        return;
    };
    let (seed, steps) = schedule.split_once(':').expect("<seed>:<steps>");
    let states = run(
        seed.parse().expect("a seed"),
        steps.parse().expect("a number of steps"),
    );
    eprintln!("{schedule} ended in {states:?}");
}

/// Schedules do reach every kind of end, and the same seed the same ends.
#[test]
fn random_schedules_differ_and_repeat() {
    let mut ends = std::collections::BTreeSet::new();
    for seed in 0..12 {
        let states = run(seed, STEPS_MAX);
        ends.extend(states.iter().map(|state| state.name()));
        if seed == 0 {
            assert_eq!(run(seed, STEPS_MAX), states);
        }
    }
    assert_eq!(
        ends.into_iter().collect::<Vec<_>>(),
        ["cancelled", "completed", "unserved"]
    );
}
