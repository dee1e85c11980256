//! Times the schedule of a city-day and the life cycles of riders and drivers, as a host in virtual time has
//! them: `cargo run --release -p rushhour-workload --features formats --example workload_bench`.
//!
//! The city is New York by the shipped profile: a day of 700,000 riders, 23,500 drivers. A host that does
//! nothing stands in for the system; it answers at once. Times are CPU time of this thread, as Linux counts
//! it, and the best of three rounds, because what else runs on the machine only ever adds.

use std::hint::black_box;
use std::time::Duration;

use domain::hold::{HoldKey, Offer};
use domain::trip::{TripEventKind, TripState};
use domain::{Attempt, DriverId, Money, Timestamp, TripId};
use kernel::Streams;
use rushhour_workload as workload;
use workload::city::{City, CitySpec};
use workload::demand::{Demand, DemandSpec, RiderPlan};
use workload::driver::{AnswerOutcome, Driver, DriverAction, DriverEvent, ReportOutcome};
use workload::fingerprint::fingerprint;
use workload::law::{SpanLaw, Willingness};
use workload::pace::Pace;
use workload::places::{CellWeights, Places};
use workload::profile::Profile;
use workload::rider::{Rider, RiderAction, RiderEvent};
use workload::supply::{DriverPlan, Drivers, Fleet, FleetSpec, Shifts, Start};
use workload::world::{
    Cancellation, DriverRules, Idle, RideRules, RiderRules, TripDuration, World,
};

const HOUR: Duration = Duration::from_secs(3_600);
const DRIVERS: u32 = 23_500;
const ROUNDS: usize = 3;

fn world(profile: &Profile) -> World {
    World {
        city: City::new(CitySpec::of_profile(profile)).expect("the shipped profile is a city"),
        pace: Pace::new(1.0, Timestamp::ZERO, Duration::ZERO).expect("real time is a pace"),
        streams: Streams::new(42),
        products: rushhour_workload::products::Products::default(),
        rides: RideRules {
            duration: TripDuration::FromDistance,
            boarding: Duration::from_secs(30),
        },
        riders: RiderRules {
            quote_acceptance: Willingness::Constant(1.0),
            cancellation: Cancellation::Constant(0.02),
            poll_every: Duration::from_secs(5),
        },
        drivers: DriverRules {
            ping_every: Duration::from_secs(4),
            acceptance: Willingness::Constant(1.0),
            reaction: "lognormal 5s 0.5".parse().expect("a law"),
            idle: Idle::Stay,
            lead: Duration::ZERO,
        },
    }
}

fn cpu_ns() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").expect("Linux has it");
    let first = text.split(' ').next().expect("the time on CPU comes first");
    first.parse().expect("nanoseconds")
}

/// What a run gives, and the least CPU time of some rounds in nanoseconds.
fn timed<T>(mut run: impl FnMut() -> T) -> (T, f64) {
    let mut best = f64::INFINITY;
    let mut result = None;
    for _ in 0..ROUNDS {
        let before = cpu_ns();
        result = Some(black_box(run()));
        best = best.min(cpu_ns() - before);
    }
    (result.expect("some rounds were run"), best)
}

fn tell(what: &str, count: usize, ns: f64, of: &str) {
    println!(
        "{what:<44} {:>8.2} s  {:>9.0} ns a {of} ({count})",
        ns / 1e9,
        ns / count as f64
    );
}

/// A rider who waits for a driver for three polls, follows the car, and asks once more. Returns the steps.
fn ride(world: &World, plan: &RiderPlan, actions: &mut Vec<RiderAction>) -> usize {
    let mut rider = Rider::new(world, *plan);
    let (mut steps, mut polls) = (0, 0);
    let mut now = rider.scheduled_at(world);
    let mut event = RiderEvent::Wake;
    loop {
        actions.clear();
        rider.step(world, event, now, actions);
        steps += 1;
        event = match actions.last() {
            Some(RiderAction::RequestQuote) => RiderEvent::Quoted {
                price: Money::from_minor(1_800),
                pickup_eta: Some(Duration::from_secs(240)),
            },
            Some(RiderAction::RequestRide { .. }) => RiderEvent::Requested {
                trip: TripId(u128::from(plan.rider.0)),
            },
            Some(RiderAction::Poll { .. }) => {
                polls += 1;
                RiderEvent::Seen(match polls {
                    1..=3 => TripState::Requested,
                    4 => TripState::Accepted,
                    _ => TripState::Completed,
                })
            }
            Some(RiderAction::Cancel { .. }) => RiderEvent::CancelRefused,
            Some(RiderAction::Follow { .. }) => RiderEvent::FollowEnded,
            Some(RiderAction::Leave(_)) => return steps,
            None => match rider.wake_at() {
                Some(at) => {
                    now = at;
                    RiderEvent::Wake
                }
                None => return steps,
            },
        };
    }
}

/// A driver who is offered one ride after the other for an hour. Returns the steps and the rides.
fn drive(
    world: &World,
    plan: &DriverPlan,
    riders: &[RiderPlan],
    sparing: bool,
    actions: &mut Vec<DriverAction>,
) -> (usize, usize) {
    let mut driver = Driver::new(world, plan);
    if sparing {
        driver = driver.sparing_pings();
    }
    let (mut steps, mut rides, mut busy) = (0, 0, false);
    let mut now = Timestamp::ZERO;
    let mut events = vec![DriverEvent::Wake];
    while now < Timestamp::ZERO + HOUR {
        let event = events.pop().unwrap_or_else(|| {
            if !busy && rides < riders.len() {
                busy = true;
                let rider = &riders[rides];
                rides += 1;
                let key = key(plan.driver, rides);
                let offer = Offer {
                    rider: rider.rider,
                    pickup: rider.pickup,
                    dropoff: rider.dropoff,
                    driver_pay: Money::from_minor(1_200),
                    pickup_distance_m: 900.0,
                };
                let deadline = now + Duration::from_secs(15);
                return DriverEvent::Offered {
                    key,
                    offer,
                    deadline,
                };
            }
            now = driver.wake_at().unwrap_or(Timestamp::MAX).max(now);
            DriverEvent::Wake
        });
        driver.step(world, event, now, actions);
        steps += 1;
        for action in actions.drain(..) {
            match action {
                DriverAction::Connect => events.push(DriverEvent::Connected),
                DriverAction::Answer { key, .. } => events.push(DriverEvent::Answered {
                    key,
                    outcome: AnswerOutcome::Accepted { at: now },
                }),
                DriverAction::Report(report) => {
                    busy = report.kind != TripEventKind::DroppedOff;
                    events.push(DriverEvent::Reported {
                        key: report.key,
                        sequence: report.sequence,
                        outcome: ReportOutcome::Recorded,
                    });
                }
                _ => {}
            }
        }
    }
    (steps, rides)
}

fn key(driver: DriverId, ride: usize) -> HoldKey {
    HoldKey {
        trip: TripId(u128::from(driver.0) << 64 | ride as u128),
        attempt: Attempt(1),
        driver,
    }
}

fn main() {
    let profile = Profile::new_york_peak();
    let world = world(&profile);
    let patience = SpanLaw::Constant(Duration::from_secs(600));
    let spec = DemandSpec::of_profile(&profile, patience).expect("the shipped profile has demand");
    let demand = Demand::new(spec).expect("the shipped profile has demand");
    let placement = Places::Cells(CellWeights::new(&profile.origins).expect("weights"));
    let fleet = Fleet::new(FleetSpec {
        drivers: Drivers::Count(DRIVERS),
        placement,
        shifts: Shifts::Throughout,
        start: Start::Stationary,
    })
    .expect("a fleet");
    println!(
        "bytes: RiderPlan {}, Rider {}, DriverPlan {}, Driver {}; {} cells",
        size_of::<RiderPlan>(),
        size_of::<Rider>(),
        size_of::<DriverPlan>(),
        size_of::<Driver>(),
        profile.origins.len(),
    );

    let (riders, ns) = timed(|| {
        demand
            .schedule(&world, 24 * HOUR)
            .collect::<Vec<RiderPlan>>()
    });
    tell("Demand::schedule, a day", riders.len(), ns, "rider");
    let (hash, ns) = timed(|| fingerprint(&riders));
    tell(
        &format!("fingerprint {hash:016x}"),
        riders.len(),
        ns,
        "rider",
    );
    let (drivers, ns) = timed(|| fleet.plans(&world, &demand, 24 * HOUR));
    tell("Fleet::plans, stationary", drivers.len(), ns, "driver");

    let mut actions = Vec::new();
    let (steps, ns) = timed(|| -> usize {
        let lives = riders.iter().map(|plan| ride(&world, plan, &mut actions));
        lives.sum()
    });
    tell("riders from quote to end", riders.len(), ns, "rider");
    tell("  their steps", steps, ns, "step");

    for sparing in [true, false] {
        let mut actions = Vec::new();
        let ((steps, rides), ns) = timed(|| {
            let mut sum = (0, 0);
            for (index, plan) in drivers.iter().enumerate() {
                let riders = &riders[index * 8..index * 8 + 8];
                let (steps, rides) = drive(&world, plan, riders, sparing, &mut actions);
                sum = (sum.0 + steps, sum.1 + rides);
            }
            sum
        });
        let name = if sparing {
            "drivers for an hour, sparing pings"
        } else {
            "drivers for an hour, every ping"
        };
        tell(name, rides, ns, "ride");
        tell("  their steps", steps, ns, "step");
    }
}
