//! The steady state that a scenario may begin in, so that nothing has to be waited for until it is typical.
//!
//! By Little's law the drivers on trip are the riders who come in an hour times the hours of a trip; the
//! same holds for boarding and for the way to the pick-up. The way is short where idle drivers are many:
//! of drivers scattered at random, the nearest lies at a mean distance of 1 / (2 √density), so that the
//! share on the way and the number idle are worked out together. Spans under way at a moment are
//! length-biased, and a moment falls anywhere within them.

use std::time::Duration;

use domain::{Place, Timestamp};
use kernel::Stream;
use kernel::random::span;

use super::{DriverPlan, RideUnderWay, rider_under_way};
use crate::city::City;
use crate::demand::{Arrival, Demand, RiderPlan};
use crate::places::Weights;
use crate::world::{TripDuration, World};

/// Trips that stand for all that demand may make.
const SAMPLE: u64 = 8_192;
/// Steps to the fixed point of drivers idle and on the way; each halves the interval.
const BISECTIONS: u32 = 60;
/// Directions that are tried for the way of a driver who comes from within the city.
const TURNS: u32 = 16;

/// How many drivers are at what in the steady state, as shares of those on shift.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Shares {
    /// On the way to a pick-up.
    pub to_pickup: f64,
    /// Waiting at a pick-up.
    pub waiting: f64,
    /// On trip.
    pub on_trip: f64,
}

impl Shares {
    /// Without a ride.
    #[must_use]
    pub fn idle(&self) -> f64 {
        1.0 - self.to_pickup - self.waiting - self.on_trip
    }
}

/// What the steady state is worked out from.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct UnderWayFrom {
    /// Drivers on shift.
    pub drivers: f64,
    /// Rides that begin each second of city time.
    pub rides_per_second: f64,
    /// The mean trip, city time.
    pub trip: Duration,
    /// Boarding, city time.
    pub boarding: Duration,
    /// The time it takes to drive one metre straight, in seconds of city time.
    pub seconds_per_metre: f64,
    /// The city's area in square metres.
    pub area_m2: f64,
}

/// The shares of the steady state. Where demand is more than the drivers can serve, nobody is idle and the
/// shares stand in the proportion in which a busy driver's time goes.
#[must_use]
pub fn shares(from: &UnderWayFrom) -> Shares {
    let (trip, boarding) = (from.trip.as_secs_f64(), from.boarding.as_secs_f64());
    let pickup = |idle: f64| mean_pickup_m(idle, from.area_m2) * from.seconds_per_metre;
    let busy = |idle: f64| from.rides_per_second * (trip + boarding + pickup(idle));
    // The more are idle the fewer are busy: idle + busy(idle) has its least value somewhere below, and of the
    // two states that fit, the one with more idle drivers is the stable one.
    let least = (from.rides_per_second * from.seconds_per_metre * from.area_m2.sqrt() / 4.0)
        .powf(2.0 / 3.0);
    let (mut low, mut high) = (least, from.drivers);
    if !(low < high && low + busy(low) < from.drivers) {
        let idle = (from.drivers * 0.01).max(1.0);
        let whole = trip + boarding + pickup(idle);
        return if whole > 0.0 && from.rides_per_second > 0.0 {
            Shares {
                to_pickup: pickup(idle) / whole,
                waiting: boarding / whole,
                on_trip: trip / whole,
            }
        } else {
            Shares {
                to_pickup: 0.0,
                waiting: 0.0,
                on_trip: 0.0,
            }
        };
    }
    for _ in 0..BISECTIONS {
        let idle = f64::midpoint(low, high);
        if idle + busy(idle) < from.drivers {
            low = idle;
        } else {
            high = idle;
        }
    }
    let per_driver = from.rides_per_second / from.drivers;
    Shares {
        to_pickup: per_driver * pickup(low),
        waiting: per_driver * boarding,
        on_trip: per_driver * trip,
    }
}

/// The mean straight distance to the nearest of `idle` drivers scattered over an area, in metres.
fn mean_pickup_m(idle: f64, area_m2: f64) -> f64 {
    0.5 * (area_m2 / idle.max(1.0)).sqrt()
}

/// A sample of the trips that demand makes, to draw from by their durations.
struct Sample {
    trips: Vec<(RiderPlan, f64)>,
    by_duration: Weights,
    mean: Duration,
}

impl Sample {
    fn new(world: &World, demand: &Demand) -> Option<Self> {
        let city_time = world.pace.city_time_at(Duration::ZERO);
        let plans: Vec<_> = match &demand.spec().arrivals {
            crate::demand::Arrivals::Recorded(recorded) => {
                // The first trips of the file: those that come next are most like those under way.
                let places = recorded.places().take(SAMPLE as usize);
                places
                    .enumerate()
                    .map(|(i, places)| arrival(i as u64, Some(places)))
                    .collect()
            }
            _ => (0..SAMPLE).map(|i| arrival(i, None)).collect::<Vec<_>>(),
        };
        let trips: Vec<_> = plans
            .iter()
            .map(|arrival| {
                let plan = demand.rider(world, arrival);
                let duration = plan.trip_duration.unwrap_or_else(|| {
                    world
                        .city
                        .travel()
                        .way(plan.pickup, plan.dropoff, city_time)
                        .duration
                });
                (plan, duration.as_secs_f64())
            })
            .collect();
        let by_duration = Weights::new(trips.iter().map(|(_, seconds)| *seconds)).ok()?;
        let mean = match world.rides.duration {
            TripDuration::Law(law) => law.mean(),
            TripDuration::FromDistance => span(by_duration.total() / trips.len() as f64),
        };
        Some(Self {
            trips,
            by_duration,
            mean,
        })
    }

    /// A trip that is under way at a random moment, and how long it takes as a whole.
    fn draw(&self, rule: &TripDuration, stream: &mut Stream) -> (RiderPlan, Duration) {
        match rule {
            TripDuration::FromDistance => {
                let (plan, seconds) = self.trips[self.by_duration.pick(stream.uniform())];
                (plan, span(seconds))
            }
            // Places and duration have nothing to do with each other.
            TripDuration::Law(law) => {
                let (plan, _) = self.trips[stream.below(self.trips.len())];
                (plan, law.sample_under_way(stream))
            }
        }
    }

    /// A trip that has not begun.
    fn any(&self, stream: &mut Stream) -> RiderPlan {
        self.trips[stream.below(self.trips.len())].0
    }
}

fn arrival(number: u64, places: Option<(Place, Place)>) -> Arrival {
    Arrival {
        // Numbers of their own, so that nobody comes twice from the same place.
        rider: domain::RiderId(super::RIDERS_UNDER_WAY_FROM * 2 + number),
        at: Duration::ZERO,
        places,
    }
}

/// Gives the first drivers trips, the next ones boarding riders, the next ones pick-ups to drive to: as
/// many as the shares say, rounded; whose vehicles nobody chooses have none. By number, so that a larger fleet changes nobody's ride but at the edges.
pub(super) fn set_under_way(world: &World, demand: &Demand, on_shift: Vec<&mut DriverPlan>) {
    let Some(sample) = Sample::new(world, demand) else {
        return;
    };
    let acceptance = match world.riders.quote_acceptance {
        crate::law::Willingness::Constant(probability) => probability,
        // Prices are not known here: those who look are taken for those who ride.
        crate::law::Willingness::Curve(_) => 1.0,
    };
    let drivers = on_shift.len() as f64;
    let area_m2 = world.city.area_m2();
    let seconds_per_metre = seconds_per_metre(world);
    let shares = shares(&UnderWayFrom {
        drivers,
        rides_per_second: acceptance * demand.rides_per_hour(world, Duration::ZERO) / 3_600.0,
        trip: sample.mean,
        boarding: world.rides.boarding,
        seconds_per_metre,
        area_m2,
    });
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a share of the drivers"
    )]
    let until = |share: f64| (share * drivers).round() as usize;
    let trips = until(shares.on_trip);
    let waiting = until(shares.on_trip + shares.waiting);
    let pickups = until(1.0 - shares.idle());
    let density = (shares.idle() * drivers).max(1.0) / area_m2;
    let pickup = Pickup {
        city: &world.city,
        density,
        seconds_per_metre,
        leaving: world.pace.city_time_at(Duration::ZERO),
    };
    for (index, plan) in on_shift.into_iter().take(pickups).enumerate() {
        let rider = rider_under_way(plan.driver);
        let product = (world.products).of_rider_with(plan.vehicle, &world.streams, rider);
        let Ok(product) = product else {
            continue;
        };
        let mut stream = world.streams.stream("under-way", plan.driver.0);
        let mut under_way = if index < trips {
            on_trip(world, &sample, &pickup, &mut stream)
        } else if index < waiting {
            boarding(world, &sample, &pickup, &mut stream)
        } else {
            pickup.on_the_way(sample.any(&mut stream), &mut stream)
        };
        under_way.rider.rider = rider;
        under_way.rider.product = product;
        under_way.rider.at = Duration::ZERO;
        plan.place = place_at_start(world, &under_way);
        plan.under_way = Some(Box::new(under_way));
    }
}

fn seconds_per_metre(world: &World) -> f64 {
    let leaving: Timestamp = world.pace.city_time_at(Duration::ZERO);
    // A long way, because spans are whole nanoseconds.
    let metres = 1e6;
    let way = world
        .city
        .travel()
        .way_of(metres * world.city.circuity(), leaving);
    way.duration.as_secs_f64() / metres
}

fn on_trip(
    world: &World,
    sample: &Sample,
    pickup: &Pickup<'_>,
    stream: &mut Stream,
) -> RideUnderWay {
    let (mut rider, whole) = sample.draw(&world.rides.duration, stream);
    let driven = stream.uniform_span(whole);
    let arrived = driven + world.rides.boarding;
    let (from, way) = pickup.behind(rider.pickup, stream);
    rider.trip_duration = rider.trip_duration.map(|_| whole);
    RideUnderWay {
        rider,
        from,
        accepted_before: arrived + way,
        arrived_before: Some(arrived),
        picked_up_before: Some(driven),
        remaining: whole.saturating_sub(driven),
    }
}

fn boarding(
    world: &World,
    sample: &Sample,
    pickup: &Pickup<'_>,
    stream: &mut Stream,
) -> RideUnderWay {
    let rider = sample.any(stream);
    let waited = stream.uniform_span(world.rides.boarding);
    let (from, way) = pickup.behind(rider.pickup, stream);
    RideUnderWay {
        rider,
        from,
        accepted_before: waited + way,
        arrived_before: Some(waited),
        picked_up_before: None,
        remaining: world.rides.boarding.saturating_sub(waited),
    }
}

fn place_at_start(world: &World, under_way: &RideUnderWay) -> Place {
    let city = &world.city;
    let (from, to, since) = match (under_way.picked_up_before, under_way.arrived_before) {
        (Some(driven), _) => (under_way.rider.pickup, under_way.rider.dropoff, driven),
        (None, Some(_)) => return under_way.rider.pickup,
        (None, None) => (
            under_way.from,
            under_way.rider.pickup,
            under_way.accepted_before,
        ),
    };
    let whole = (since + under_way.remaining).as_secs_f64();
    let share = if whole > 0.0 {
        since.as_secs_f64() / whole
    } else {
        1.0
    };
    let leaving = world.pace.city_time_at(Duration::ZERO);
    match city.travel().route(from, to, leaving).path {
        Some(path) => path.place_at(city.space(), share),
        None => city.space().along(from, to, share),
    }
}

/// Ways to pick-ups, among idle drivers scattered at random.
struct Pickup<'a> {
    city: &'a City,
    /// Idle drivers on a square metre.
    density: f64,
    seconds_per_metre: f64,
    /// By the city's clock.
    leaving: Timestamp,
}

impl Pickup<'_> {
    /// A way that has been driven: the distance to the nearest of scattered drivers has the distribution
    /// P(> r) = exp(-density π r²).
    fn behind(&self, pickup: Place, stream: &mut Stream) -> (Place, Duration) {
        let distance_m = (stream.exponential(1.0) / (self.density * std::f64::consts::PI)).sqrt();
        self.from(pickup, distance_m, stream)
    }

    /// A driver on the way at a random moment: the same distribution, length-biased, whose square is a
    /// gamma variable of shape 3/2, half a chi-square of three degrees of freedom.
    fn on_the_way(&self, rider: RiderPlan, stream: &mut Stream) -> RideUnderWay {
        let chi_square: f64 = (0..3).map(|_| stream.normal().powi(2)).sum();
        let distance_m = (chi_square / 2.0 / (self.density * std::f64::consts::PI)).sqrt();
        let (from, whole) = self.from(rider.pickup, distance_m, stream);
        let driven = stream.uniform_span(whole);
        RideUnderWay {
            rider,
            from,
            accepted_before: driven,
            arrived_before: None,
            picked_up_before: None,
            remaining: whole.saturating_sub(driven),
        }
    }

    /// Where a driver so far away comes from, and how long the way is. In the city, if any direction is.
    fn from(&self, pickup: Place, distance_m: f64, stream: &mut Stream) -> (Place, Duration) {
        let mut from = self.city.towards(pickup, stream.uniform(), distance_m);
        for _ in 1..TURNS {
            if self.city.contains(from) {
                break;
            }
            from = self.city.towards(pickup, stream.uniform(), distance_m);
        }
        let travel = self.city.travel();
        let way = match travel.streets() {
            Some(_) => travel.way(from, pickup, self.leaving).duration,
            None => {
                let straight_m = self.city.space().distance_m(from, pickup);
                span(straight_m * self.seconds_per_metre)
            }
        };
        (from, way)
    }
}
