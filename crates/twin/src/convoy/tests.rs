//! A tracker that is told of drivers on the move when it is asked knows what one knows that hears every ping.

use std::time::Duration;

use domain::{Place, Resolution};
use fleet::{Fleet, FleetPolicy};
use kernel::{Stream, Streams};
use workload::city::{City, CitySpec, Ground};
use workload::driver::{Driver, DriverAction, DriverEvent};
use workload::law::{SpanLaw, Willingness};
use workload::pace::Pace;
use workload::supply::DriverPlan;
use workload::world::{
    Cancellation, DriverRules, Idle, RideRules, RiderRules, TripDuration, World,
};

use super::*;

const DRIVERS: u64 = 80;
const SIDE_M: f64 = 10_000.0;
/// Between events, on average.
const APART_S: f64 = 0.3;

fn world() -> World {
    let city = CitySpec {
        ground: Ground::Plane {
            width_m: SIDE_M,
            height_m: SIDE_M,
            wraps: true,
        },
        speed_kmh: [36.0; 24],
        circuity: 1.0,
    };
    World {
        city: City::new(city).unwrap(),
        pace: Pace::new(1.0, Timestamp::ZERO, Duration::ZERO).unwrap(),
        streams: Streams::new(3),
        rides: RideRules {
            duration: TripDuration::FromDistance,
            boarding: Duration::ZERO,
        },
        riders: RiderRules {
            quote_acceptance: Willingness::Constant(1.0),
            cancellation: Cancellation::Constant(0.0),
            poll_every: Duration::from_secs(5),
        },
        drivers: DriverRules {
            ping_every: Duration::from_secs(4),
            acceptance: Willingness::Constant(1.0),
            reaction: SpanLaw::ZERO,
            idle: Idle::Surge,
            lead: Duration::ZERO,
        },
    }
}

/// A driver's app and the tracker that it talks to.
struct Side {
    drivers: Vec<Driver>,
    seats: Vec<Option<Seat>>,
    convoy: Convoy,
    fleet: Fleet,
    pings: u32,
}

impl Side {
    fn new(world: &World, sparing: bool) -> Self {
        let mut phases = Streams::new(1).stream("phases", 0);
        let driver = |id| {
            let plan = DriverPlan {
                driver: DriverId(id),
                place: anywhere(&mut phases),
                shift_starts: Duration::ZERO,
                shift_ends: None,
                ping_phase: phases.uniform(),
                under_way: None,
            };
            let driver = Driver::new(world, &plan);
            if sparing {
                driver.sparing_pings()
            } else {
                driver
            }
        };
        Self {
            drivers: (0..DRIVERS).map(driver).collect(),
            seats: (0..DRIVERS).map(|_| None).collect(),
            convoy: Convoy::new(*world.city.space()),
            fleet: Fleet::new(*world.city.space(), FleetPolicy::default()),
            pings: 0,
        }
    }

    /// As a host does it.
    fn step(&mut self, world: &World, who: usize, event: DriverEvent, now: Timestamp) {
        let driver = &mut self.drivers[who];
        if let Some(seat) = self.seats[who].take()
            && let Some((id, ping)) = self.convoy.leave(seat, now)
        {
            self.fleet.ping(id, ping, now);
        }
        let mut events = vec![event];
        while let Some(event) = events.pop() {
            let mut actions = Vec::new();
            driver.step(world, event, now, &mut actions);
            for action in actions {
                match action {
                    DriverAction::Connect => events.push(DriverEvent::Connected),
                    DriverAction::GoOnline { place } => {
                        self.fleet.go_online(driver.id(), place, now);
                    }
                    DriverAction::Ping {
                        sequence, place, ..
                    } => {
                        let sent_at = now;
                        let ping = Ping {
                            sequence,
                            place,
                            sent_at,
                        };
                        self.fleet.ping(driver.id(), ping, now);
                        self.pings += 1;
                    }
                    _ => {}
                }
            }
        }
        let course = driver.course();
        self.seats[who] = course.map(|course| self.convoy.join(driver.id(), course));
    }

    /// Wakes drivers at their times.
    fn run_until(&mut self, world: &World, now: Timestamp) {
        for who in 0..self.drivers.len() {
            while let Some(at) = self.drivers[who].wake_at().filter(|at| *at <= now) {
                self.step(world, who, DriverEvent::Wake, at);
            }
        }
    }

    fn asked(&mut self, near: Place, now: Timestamp) -> String {
        let fleet = &mut self.fleet;
        self.convoy.tell_all(now, |pings| {
            for (driver, ping) in pings {
                fleet.ping(driver, ping, now);
            }
        });
        let zones = fleet.available_by_cell(Resolution::new(8).unwrap());
        let all = fleet.nearest(near, DRIVERS as usize, None, &[]);
        format!(
            "{:?} {zones:?} {all:?}",
            fleet.nearest(near, 5, Some(2_000.0), &[])
        )
    }
}

fn anywhere(stream: &mut Stream) -> Place {
    Place::from_metres(
        stream.uniform_in(0.0, SIDE_M),
        stream.uniform_in(0.0, SIDE_M),
    )
}

#[test]
fn whenever_asked_the_tracker_knows_what_every_ping_would_have_told_it() {
    let world = world();
    let (mut every, mut spared) = (Side::new(&world, false), Side::new(&world, true));
    let mut stream = Streams::new(2).stream("script", 0);
    let mut now = Timestamp::ZERO;
    let mut answers = 0;
    while now < Timestamp::ZERO + Duration::from_secs(1_200) {
        now = now + Duration::from_secs_f64(stream.uniform_in(0.0, 2.0 * APART_S));
        let place = anywhere(&mut stream);
        let who = stream.below(DRIVERS as usize);
        let asks = stream.chance(0.4);
        for side in [&mut every, &mut spared] {
            side.run_until(&world, now);
            if !asks {
                side.step(&world, who, DriverEvent::SurgeAt(place), now);
            }
        }
        if asks {
            answers += 1;
            assert_eq!(
                every.asked(place, now),
                spared.asked(place, now),
                "at {now}"
            );
        }
    }
    assert!(answers > 1_000);
    // Those with which drivers look at the heat map.
    assert!(
        spared.pings * 5 < every.pings,
        "{} of {}",
        spared.pings,
        every.pings
    );
}
