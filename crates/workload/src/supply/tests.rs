use super::*;
use crate::demand::{Arrivals, DemandSpec};
use crate::driver::{Activity, Driver, DriverEvent};
use crate::fingerprint::fingerprint;
use crate::pace::Pace;
use crate::testing::world;
use crate::world::TripDuration;
use domain::hold::{HoldKey, Offer};
use domain::path::{Path, Waypoint};
use domain::travel::{Streets, Way};
use domain::{Attempt, Money, Space, Timestamp, TripId};
use std::sync::Arc;

fn demand(rides_per_hour: f64) -> Demand {
    Demand::new(DemandSpec {
        arrivals: Arrivals::Poisson { rides_per_hour },
        origins: Places::Uniform,
        destinations: Places::Uniform,
        trip_lengths: None,
        patience: SpanLaw::Constant(HOUR / 12),
    })
    .unwrap()
}

fn fleet(drivers: Drivers, shifts: Shifts, start: Start) -> Fleet {
    Fleet::new(FleetSpec {
        drivers,
        placement: Places::Uniform,
        shifts,
        start,
    })
    .unwrap()
}

fn idle(count: u32) -> Fleet {
    fleet(Drivers::Count(count), Shifts::Throughout, Start::Idle)
}

/// This value is part of the product: a seed replays a run, so it never changes without a reason.
#[test]
fn a_seed_gives_the_drivers_it_always_gave() {
    let stationary = fleet(Drivers::Count(200), Shifts::Throughout, Start::Stationary);
    let of = |seed| fingerprint(stationary.plans(&world(seed), &demand(600.0), HOUR));
    assert_eq!(of(7), of(7));
    assert_ne!(of(7), of(8));
    assert_eq!(of(7), 12_924_832_371_747_014_180);
}

#[test]
fn one_more_driver_changes_none_of_the_others() {
    let world = world(1);
    let demand = demand(600.0);
    let some = idle(300).plans(&world, &demand, HOUR);
    let more = idle(301).plans(&world, &demand, HOUR);
    assert_eq!(more[..300], some);
    let stationary = |count| {
        let fleet = fleet(Drivers::Count(count), Shifts::Throughout, Start::Stationary);
        fleet.plans(&world, &demand, HOUR)
    };
    let (some, more) = (stationary(300), stationary(301));
    let same = |plans: &[DriverPlan]| {
        plans
            .iter()
            .filter(|p| {
                p.under_way
                    .as_ref()
                    .is_some_and(|u| u.picked_up_before.is_some())
            })
            .cloned()
            .collect::<Vec<_>>()
    };
    assert_eq!(
        same(&some).iter().map(|p| p.driver).collect::<Vec<_>>(),
        same(&more).iter().map(|p| p.driver).collect::<Vec<_>>()
    );
    let shifts = |count| {
        let lasting = Shifts::Lasting(SpanLaw::Exponential { mean: HOUR });
        fleet(Drivers::Count(count), lasting, Start::Idle).plans(&world, &demand, 6 * HOUR)
    };
    let more = shifts(51);
    assert!(shifts(50).iter().all(|plan| more.contains(plan)));
}

#[test]
fn ping_phases_spread_over_the_interval() {
    let plans = idle(4_000).plans(&world(1), &demand(1.0), HOUR);
    let mut counts = [0; 4];
    for plan in &plans {
        counts[(plan.ping_phase * 4.0) as usize] += 1;
    }
    assert!(
        counts.iter().all(|n| (850..1_150).contains(n)),
        "{counts:?}"
    );
}

#[test]
fn a_driver_who_ends_a_shift_is_followed_by_another() {
    let lasting = Shifts::Lasting(SpanLaw::Exponential { mean: 2 * HOUR });
    let plans =
        fleet(Drivers::Count(400), lasting, Start::Idle).plans(&world(1), &demand(1.0), 8 * HOUR);
    for moment in [Duration::ZERO, 3 * HOUR, 8 * HOUR - HOUR / 60] {
        let at_work = |plan: &&DriverPlan| {
            plan.shift_starts <= moment && plan.shift_ends.is_none_or(|ends| ends > moment)
        };
        let count = plans.iter().filter(at_work).count();
        assert!((399..=400).contains(&count), "{count} at {moment:?}");
    }
    // Of an exponential shift the rest is exponential: 400 ends in each two hours.
    let ends = plans
        .iter()
        .filter(|p| p.shift_ends.is_some_and(|ends| ends < 2 * HOUR))
        .count();
    assert!((330..470).contains(&ends), "{ends}");
    let mut ids: Vec<_> = plans.iter().map(|plan| plan.driver).collect();
    ids.dedup();
    assert_eq!(ids.len(), plans.len());
}

#[test]
fn drivers_by_hour_come_and_go_with_the_counts() {
    let counts = std::array::from_fn(|hour| [100, 160, 40, 40, 90][hour.min(4)]);
    let mut world = world(1);
    // The scenario begins at half past midnight.
    world.pace = crate::pace::Pace::new(1.0, Timestamp::ZERO, HOUR / 2).unwrap();
    let plans = fleet(Drivers::ByHour(counts), Shifts::Throughout, Start::Idle).plans(
        &world,
        &demand(1.0),
        5 * HOUR,
    );
    for (minutes, expected) in [
        (0, 100),
        (29, 100),
        (41, 160),
        (89, 160),
        (101, 40),
        (150, 40),
        (222, 90),
    ] {
        let moment = Duration::from_secs(60 * minutes);
        let at_work = |plan: &&DriverPlan| {
            plan.shift_starts <= moment && plan.shift_ends.is_none_or(|ends| ends > moment)
        };
        assert_eq!(
            plans.iter().filter(at_work).count(),
            expected,
            "after {minutes} min"
        );
    }
    assert!(
        plans
            .iter()
            .all(|plan| plan.shift_ends.is_none_or(|ends| ends >= plan.shift_starts))
    );
}

fn by_stage(plans: &[DriverPlan]) -> [usize; 3] {
    let mut counts = [0; 3];
    for under_way in plans.iter().filter_map(|plan| plan.under_way.as_ref()) {
        let stage = match (under_way.arrived_before, under_way.picked_up_before) {
            (None, _) => 0,
            (_, None) => 1,
            _ => 2,
        };
        counts[stage] += 1;
    }
    counts
}

#[test]
fn a_stationary_start_has_the_shares_of_littles_law() {
    let mut world = world(1);
    let mean = HOUR / 5;
    world.rides.duration = TripDuration::Law(SpanLaw::Exponential { mean });
    world.rides.boarding = HOUR / 60;
    let stationary = fleet(Drivers::Count(2_000), Shifts::Throughout, Start::Stationary);
    let plans = stationary.plans(&world, &demand(5_000.0), HOUR);
    let [to_pickup, waiting, on_trip] = by_stage(&plans);
    // 5,000 an hour, of 12 minutes and of one minute.
    assert!((999..=1_001).contains(&on_trip), "{on_trip}");
    assert!((82..=85).contains(&waiting), "{waiting}");
    // The way agrees with the drivers who are left: half the root of the area each has, at 10 m/s.
    let free = 2_000.0 - (to_pickup + waiting + on_trip) as f64;
    let expected = 5_000.0 / 3_600.0 * 0.5 * (1e8 / free).sqrt() / 10.0;
    assert!(
        (to_pickup as f64 - expected).abs() < 2.0,
        "{to_pickup} {expected}"
    );

    let rest = |stage: usize| {
        let rests: Vec<f64> = plans
            .iter()
            .filter_map(|plan| plan.under_way.as_ref())
            .filter(|u| {
                stage
                    == usize::from(u.arrived_before.is_some())
                        + usize::from(u.picked_up_before.is_some())
            })
            .map(|u| u.remaining.as_secs_f64())
            .collect();
        rests.iter().sum::<f64>() / rests.len() as f64
    };
    // The rest of an exponential is as long as the whole; of a constant, half.
    assert!((rest(2) / 720.0 - 1.0).abs() < 0.1, "{}", rest(2));
    assert!((rest(1) / 30.0 - 1.0).abs() < 0.25, "{}", rest(1));
}

#[test]
fn trips_under_way_are_longer_than_trips() {
    let world = world(1);
    let demand = demand(5_000.0);
    let stationary = fleet(Drivers::Count(2_000), Shifts::Throughout, Start::Stationary);
    let plans = stationary.plans(&world, &demand, HOUR);
    let way_s = |from, to| world.city.space().distance_m(from, to) / 10.0;
    let trips: Vec<f64> = demand
        .schedule(&world, 2 * HOUR)
        .map(|p| way_s(p.pickup, p.dropoff))
        .collect();
    let mean = trips.iter().sum::<f64>() / trips.len() as f64;
    let square = trips.iter().map(|s| s * s).sum::<f64>() / trips.len() as f64;
    let under_way: Vec<_> = plans
        .iter()
        .filter_map(|plan| plan.under_way.as_ref())
        .filter(|u| u.picked_up_before.is_some())
        .collect();
    assert!(
        (under_way.len() as f64 - 5_000.0 / 3_600.0 * mean).abs() < 12.0,
        "{}",
        under_way.len()
    );
    let rest = under_way
        .iter()
        .map(|u| u.remaining.as_secs_f64())
        .sum::<f64>()
        / under_way.len() as f64;
    // The mean rest is E[T²] / 2 E[T].
    assert!((rest / (square / mean / 2.0) - 1.0).abs() < 0.12, "{rest}");
    for plan in &plans {
        let Some(u) = plan
            .under_way
            .as_ref()
            .filter(|u| u.picked_up_before.is_some())
        else {
            continue;
        };
        assert!((way_s(plan.place, u.rider.dropoff) - u.remaining.as_secs_f64()).abs() < 0.01);
        assert!(u.rider.rider.0 >= RIDERS_UNDER_WAY_FROM);
    }
}

#[test]
fn more_demand_than_drivers_leaves_nobody_idle() {
    let from = UnderWayFrom {
        drivers: 100.0,
        rides_per_second: 1.0,
        trip: HOUR / 6,
        boarding: Duration::ZERO,
        seconds_per_metre: 0.1,
        area_m2: 1e8,
    };
    let overloaded = shares(&from);
    assert!(overloaded.idle().abs() < 1e-9 && overloaded.on_trip > 0.5);
    let quiet = shares(&UnderWayFrom {
        rides_per_second: 0.0,
        ..from
    });
    assert!((quiet.idle() - 1.0).abs() < 1e-9);
    let light = shares(&UnderWayFrom {
        drivers: 10_000.0,
        ..from
    });
    assert!((light.on_trip - 0.06).abs() < 1e-9);
}

fn driver_under_way(world: &World, plan: &DriverPlan, under_way: &RideUnderWay) -> Driver {
    let key = HoldKey {
        trip: TripId(plan.driver.0.into()),
        attempt: Attempt(1),
        driver: plan.driver,
    };
    let rider = &under_way.rider;
    let offer = Offer {
        rider: rider.rider,
        pickup: rider.pickup,
        dropoff: rider.dropoff,
        driver_pay: Money::from_minor(700),
        pickup_distance_m: 0.0,
    };
    Driver::under_way(world, plan, under_way, key, offer)
}

#[test]
fn a_driver_with_a_ride_goes_on_with_it() {
    let mut world = world(1);
    world.rides.boarding = HOUR / 60;
    let stationary = fleet(Drivers::Count(400), Shifts::Throughout, Start::Stationary);
    let plans = stationary.plans(&world, &demand(2_000.0), HOUR);
    let mut met = [0; 3];
    for plan in &plans {
        let Some(under_way) = &plan.under_way else {
            continue;
        };
        let mut driver = driver_under_way(&world, plan, under_way);
        let start = world.pace.started_at();
        let apart_m = world
            .city
            .space()
            .distance_m(driver.place(&world, start), plan.place);
        assert!(apart_m < 1.0, "{apart_m}");
        let activity = driver.activity().unwrap();
        met[activity as usize - 1] += 1;
        let ends_at = start + under_way.remaining;
        assert_eq!(
            driver.wake_at().unwrap().min(ends_at),
            driver.wake_at().unwrap()
        );
        let mut actions = Vec::new();
        driver.step(&world, DriverEvent::Connected, start, &mut actions);
        driver.step(&world, DriverEvent::Wake, ends_at + 3 * HOUR, &mut actions);
        let account = driver.account(&world, ends_at + 3 * HOUR);
        assert_eq!(
            (account.counts.completed, account.pay),
            (1, Money::from_minor(700))
        );
        if activity == Activity::OnTrip {
            assert!(
                (account.on_trip.as_secs_f64() - under_way.remaining.as_secs_f64()).abs() < 1e-3
            );
            assert!((account.trip_m / 10.0 - under_way.remaining.as_secs_f64()).abs() < 0.1);
        }
    }
    assert!(met.iter().all(|n| *n > 3), "{met:?}");
}

/// When the ways of [`ByTheHour`] are another.
const EIGHT: usize = 8;

/// Ways everywhere, straight and at 36 km/h; at eight by a point aside from the middle, in as much time.
#[derive(Debug)]
struct ByTheHour(Space);

impl Streets for ByTheHour {
    fn mean_speed_mps(&self) -> f64 {
        10.0
    }

    fn speed_share(&self, _: usize) -> f64 {
        1.0
    }

    fn kerb(&self, place: Place) -> Option<Place> {
        Some(place)
    }

    fn way(&self, from: Place, to: Place, _: usize) -> Option<Way> {
        let distance_m = self.0.distance_m(from, to);
        Some(Way {
            distance_m,
            duration: Duration::from_secs_f64(distance_m / 10.0),
        })
    }

    fn ways_to(&self, to: Place, from: &[Place], hour: usize) -> Vec<Option<Way>> {
        from.iter().map(|from| self.way(*from, to, hour)).collect()
    }

    fn path(&self, from: Place, to: Place, hour: usize) -> Option<(Way, Path)> {
        let way = self.way(from, to, hour)?;
        let middle = self.0.along(from, to, 0.5);
        let aside = Place::from_metres(middle.east_m(), (middle.north_m() + 700.0) % 10_000.0);
        let middle = if hour == EIGHT { aside } else { middle };
        let points = [(from, 0.0), (middle, 0.5), (to, 1.0)].map(|(place, share)| Waypoint {
            place,
            share,
            metres: way.distance_m * share,
        });
        Some((way, Path::new(points.to_vec())?))
    }
}

#[test]
fn a_driver_with_a_ride_is_on_the_way_of_the_hour() {
    let mut world = world(1);
    let streets = ByTheHour(*world.city.space());
    world.city = world.city.along(Arc::new(streets));
    let starts_at = HOUR * EIGHT as u32;
    world.pace = Pace::new(1.0, Timestamp::ZERO, starts_at).unwrap();
    let stationary = fleet(Drivers::Count(100), Shifts::Throughout, Start::Stationary);
    let plans = stationary.plans(&world, &demand(1_000.0), HOUR);
    let mut on_the_way = 0;
    for plan in &plans {
        let Some(under_way) = &plan.under_way else {
            continue;
        };
        let driver = driver_under_way(&world, plan, under_way);
        let here = driver.place(&world, world.pace.started_at());
        let apart_m = world.city.space().distance_m(here, plan.place);
        assert!(apart_m < 1.0, "{apart_m}");
        on_the_way += 1;
    }
    assert!(on_the_way > 20, "{on_the_way}");
}

#[test]
fn a_fleet_that_cannot_be_is_refused() {
    let new = |drivers, shifts| {
        Fleet::new(FleetSpec {
            drivers,
            placement: Places::Uniform,
            shifts,
            start: Start::Idle,
        })
        .unwrap_err()
    };
    assert_eq!(
        new(Drivers::Count(0), Shifts::Throughout),
        FleetError::NoDrivers
    );
    assert_eq!(
        new(Drivers::ByHour([0; 24]), Shifts::Throughout),
        FleetError::NoDrivers
    );
    assert_eq!(
        new(Drivers::Count(2_000_000), Shifts::Throughout),
        FleetError::TooMany(2_000_000)
    );
    let short = Shifts::Lasting(SpanLaw::ZERO);
    assert_eq!(
        new(Drivers::Count(1), short),
        FleetError::Shifts(Duration::ZERO)
    );
}

#[cfg(feature = "formats")]
#[test]
fn new_york_begins_its_peak_with_the_drivers_it_has_on_trip() {
    use crate::city::{City, CitySpec};
    let profile = crate::profile::Profile::new_york_peak();
    let city = City::new(CitySpec::of_profile(&profile)).unwrap();
    let mut world = crate::testing::world_of(5, city);
    world.pace = crate::pace::Pace::new(1.0, Timestamp::ZERO, 18 * HOUR).unwrap();
    let spec = DemandSpec::of_profile(&profile, SpanLaw::Constant(HOUR / 12)).unwrap();
    let placement = spec.origins.clone();
    let demand = Demand::new(spec).unwrap();
    let drivers = Drivers::Count(23_500);
    let (shifts, start) = (Shifts::Throughout, Start::Stationary);
    let fleet = Fleet::new(FleetSpec {
        drivers,
        placement,
        shifts,
        start,
    })
    .unwrap();
    let [to_pickup, _, on_trip] = by_stage(&fleet.plans(&world, &demand, HOUR));
    // The profile counts 12,908 on trip; what is on the way follows from the 10,000 idle.
    assert!((on_trip as f64 / 23_500.0 - 0.55).abs() < 0.02, "{on_trip}");
    assert!((100..1_500).contains(&to_pickup), "{to_pickup}");
}
