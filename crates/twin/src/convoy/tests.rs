//! A tracker that is told of drivers on the move when it is asked knows what one knows that hears every ping.

use std::sync::Arc;
use std::time::Duration;

use domain::{Place, Resolution};
use fleet::{FleetPolicy, Nearby, SharedFleet};
use kernel::{Stream, Streams};
use roads::Network;
use roads::town::Town;
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

fn city(wraps: bool) -> City {
    City::new(CitySpec {
        ground: Ground::Plane {
            width_m: SIDE_M,
            height_m: SIDE_M,
            wraps,
        },
        speed_kmh: [36.0; 24],
        circuity: 1.0,
    })
    .unwrap()
}

/// A city with streets all over it.
fn city_of_streets() -> City {
    let mut stream = Streams::new(4).stream("town", 0);
    let town = Town {
        columns: 40,
        rows: 40,
        block_m: SIDE_M / 40.0,
        centre: Place::from_metres(SIDE_M / 2.0, SIDE_M / 2.0),
        missing: 0.1,
        one_way: 0.2,
        forbidden: 0.0,
    };
    let network = Network::new(town.build(|| stream.uniform())).unwrap();
    city(false).along(Arc::new(network))
}

fn world(city: City) -> World {
    World {
        city,
        pace: Pace::new(1.0, Timestamp::ZERO, Duration::ZERO).unwrap(),
        streams: Streams::new(3),
        products: workload::products::Products::default(),
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
            idle: Idle::Surge { share: 0.75 },
            lead: Duration::ZERO,
        },
    }
}

/// A driver's app and the tracker that it talks to.
struct Side {
    drivers: Vec<Driver>,
    seats: Vec<Option<Seat>>,
    convoy: Convoy,
    fleet: SharedFleet,
    pings: u32,
}

impl Side {
    fn new(world: &World, sparing: bool) -> Self {
        let mut phases = Streams::new(1).stream("phases", 0);
        let driver = |id| {
            let plan = DriverPlan {
                driver: DriverId(id),
                vehicle: domain::VehicleClass::default(),
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
            fleet: SharedFleet::new(*world.city.space(), FleetPolicy::default()),
            pings: 0,
        }
    }

    /// As a host does it.
    fn step(&mut self, world: &World, who: usize, event: DriverEvent, now: Timestamp) {
        let driver = &mut self.drivers[who];
        if let Some(seat) = self.seats[who].take()
            && let Some((id, ping)) = self.convoy.leave(seat, now)
        {
            self.fleet.lock().ping(id, ping, now);
        }
        let mut events = vec![event];
        while let Some(event) = events.pop() {
            let mut actions = Vec::new();
            driver.step(world, event, now, &mut actions);
            for action in actions {
                match action {
                    DriverAction::Connect => events.push(DriverEvent::Connected),
                    DriverAction::GoOnline { place, .. } => {
                        self.fleet.lock().go_online(driver.id(), place, now);
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
                        self.fleet.lock().ping(driver.id(), ping, now);
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
        let fleet = &self.fleet;
        self.convoy.tell_all(now, |pings| {
            for (driver, ping) in pings {
                fleet.lock().ping(driver, ping, now);
            }
        });
        let zones = fleet.available_by_cell(Resolution::new(8).unwrap());
        let all = fleet.nearest(Nearby::any(near, DRIVERS as usize));
        let few = fleet.nearest(Nearby {
            radius_m: Some(2_000.0),
            ..Nearby::any(near, 5)
        });
        format!("{few:?} {zones:?} {all:?}")
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
    let world = world(city(true));
    compare(&world, |_, _| {});
}

#[test]
fn so_it_does_where_drivers_keep_to_streets() {
    let world = world(city_of_streets());
    let (space, travel) = (world.city.space(), world.city.travel());
    let mut on_the_move = 0;
    compare(&world, |driver, now| {
        let place = driver.place(&world, now);
        let off_m = space.distance_m(place, travel.kerb(place));
        assert!(off_m < 0.5, "{place:?} is {off_m} m off the street");
        on_the_move += u32::from(driver.course().is_some());
    });
    assert!(on_the_move > 1_000);
}

/// Drivers drive about, and the two sides answer alike; `look` sees each driver who was told something.
fn compare(world: &World, mut look: impl FnMut(&Driver, Timestamp)) {
    let (mut every, mut spared) = (Side::new(world, false), Side::new(world, true));
    let mut stream = Streams::new(2).stream("script", 0);
    let mut now = Timestamp::ZERO;
    let mut answers = 0;
    while now < Timestamp::ZERO + Duration::from_secs(1_200) {
        now = now + Duration::from_secs_f64(stream.uniform_in(0.0, 2.0 * APART_S));
        let place = anywhere(&mut stream);
        let who = stream.below(DRIVERS as usize);
        let asks = stream.chance(0.4);
        for side in [&mut every, &mut spared] {
            side.run_until(world, now);
            if !asks {
                side.step(world, who, DriverEvent::SurgeAt(place), now);
            }
        }
        look(&spared.drivers[who], now);
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
