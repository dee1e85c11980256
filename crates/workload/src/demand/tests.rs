use super::*;
use crate::city::{City, CitySpec, Ground};
use crate::fingerprint::fingerprint;
use crate::import::{PlaceOrigin, Provenance, TimeMeaning, Trip};
use crate::testing::{world, world_of};
use crate::world::TripDuration;
use domain::Timestamp;

const HOUR: Duration = Duration::from_secs(3_600);

fn spec(arrivals: Arrivals) -> DemandSpec {
    DemandSpec {
        arrivals,
        origins: Places::Uniform,
        destinations: Places::Uniform,
        trip_lengths: None,
        patience: SpanLaw::Exponential { mean: HOUR / 12 },
    }
}

fn poisson(rides_per_hour: f64) -> Demand {
    Demand::new(spec(Arrivals::Poisson { rides_per_hour })).unwrap()
}

/// This value is part of the product: a seed replays a run, so it never changes without a reason.
#[test]
fn a_seed_gives_the_schedule_it_always_gave() {
    let demand = poisson(600.0);
    let schedule = |seed| fingerprint(demand.schedule(&world(seed), HOUR));
    assert_eq!(schedule(7), schedule(7));
    assert_ne!(schedule(7), schedule(8));
    assert_eq!(schedule(7), 4_592_664_610_208_793_224);
}

#[test]
fn a_longer_run_begins_as_the_shorter_one() {
    let demand = poisson(600.0);
    let world = world(3);
    let short: Vec<_> = demand.schedule(&world, HOUR).collect();
    let long: Vec<_> = demand.schedule(&world, 2 * HOUR).collect();
    assert_eq!(long[..short.len()], short);
    assert!(long[short.len()..].iter().all(|plan| plan.at >= HOUR));
    // A rider of the same number is the same person at another rate.
    let denser: Vec<_> = poisson(1_200.0).schedule(&world, HOUR).collect();
    assert_eq!(denser[5].pickup, short[5].pickup);
    assert_eq!(denser[5].draws, short[5].draws);
}

#[test]
fn poisson_arrivals_have_the_mean_and_variance_of_poisson() {
    let world = world(1);
    let plans: Vec<_> = poisson(7_200.0).schedule(&world, 10 * HOUR).collect();
    assert!(plans.is_sorted_by_key(|plan| (plan.at, plan.rider)));
    // Counts in tens of seconds: mean 20, variance 20.
    let mut counts = vec![0.0; 3_600];
    for plan in &plans {
        counts[plan.at.as_secs() as usize / 10] += 1.0;
    }
    let mean = counts.iter().sum::<f64>() / 3_600.0;
    let variance = counts.iter().map(|n| (n - mean).powi(2)).sum::<f64>() / 3_600.0;
    assert!((mean - 20.0).abs() < 0.3, "{mean}");
    assert!((variance - 20.0).abs() < 1.8, "{variance}");
    let patience: f64 = plans.iter().map(|plan| plan.patience.as_secs_f64()).sum();
    assert!((patience / plans.len() as f64 - 300.0).abs() < 5.0);
}

#[test]
fn hourly_arrivals_follow_the_hours() {
    let rides_per_hour =
        std::array::from_fn(|hour| if hour == 3 { 0.0 } else { 100.0 * hour as f64 });
    let demand = Demand::new(spec(Arrivals::Hourly { rides_per_hour })).unwrap();
    let world = world(1);
    let mut counts = [0.0; 24];
    for plan in demand.schedule(&world, 48 * HOUR) {
        counts[plan.at.as_secs() as usize / 3_600 % 24] += 0.5;
    }
    for (hour, count) in counts.into_iter().enumerate() {
        let expected = rides_per_hour[hour];
        assert!(
            (count - expected).abs() <= 5.0 * expected.sqrt(),
            "{hour}: {count}"
        );
    }
    assert!((demand.rides_per_hour(&world, 28 * HOUR) - 400.0).abs() < 1e-9);
}

#[test]
fn given_durations_belong_to_the_rider() {
    let mut world = world(1);
    let law = SpanLaw::Exponential { mean: HOUR / 5 };
    world.rides.duration = TripDuration::Law(law);
    let plans: Vec<_> = poisson(3_600.0).schedule(&world, 5 * HOUR).collect();
    for plan in &plans {
        assert_eq!(
            plan.trip_duration,
            world.rides.duration_of(&world.streams, plan.rider)
        );
    }
    let total: f64 = plans
        .iter()
        .map(|plan| plan.trip_duration.unwrap().as_secs_f64())
        .sum();
    assert!((total / plans.len() as f64 - 720.0).abs() < 25.0);
}

fn recorded(count: i64) -> Trips {
    let provenance = Provenance {
        time: TimeMeaning::Request,
        places: PlaceOrigin::Stated,
        seed: 0,
        sources: Vec::new(),
        dejitter: None,
    };
    let place = |metres: i64| Place::from_metres(metres as f64 % 9_000.0, 500.0);
    let trip = |i: i64| {
        // From 17:30 of a later day on, one every ten seconds.
        let at = Timestamp::from_millis((86_400 * 40 + 63_000 + 10 * i) * 1_000);
        Trip::new(at, place(37 * i), place(91 * i), 1_000.0, HOUR / 6)
    };
    Trips::new(provenance, (0..count).map(trip).collect())
}

#[test]
fn recorded_trips_come_as_they_came() {
    let trips = recorded(400);
    let patience = SpanLaw::Constant(HOUR / 12);
    let demand = Demand::recorded(&trips, 1.0, patience).unwrap();
    let world = world(1);
    let plans: Vec<_> = demand.schedule(&world, HOUR).collect();
    assert_eq!(plans.len(), 360);
    for (i, plan) in plans.iter().enumerate() {
        assert_eq!(plan.at, Duration::from_secs(10 * i as u64));
        assert_eq!(plan.pickup, trips.as_slice()[i].pickup());
        assert_eq!(plan.dropoff, trips.as_slice()[i].dropoff());
    }
    let Arrivals::Recorded(arrivals) = &demand.spec().arrivals else {
        panic!()
    };
    assert_eq!(arrivals.time_of_day(), Duration::from_secs(63_000));
    assert!((demand.rides_per_hour(&world, HOUR / 2) - 360.0).abs() < 2.0);
}

#[test]
fn recorded_trips_scale_without_moving_the_rest() {
    let trips = recorded(4_000);
    let world = world(1);
    let riders = |scale| {
        let demand = Demand::recorded(&trips, scale, SpanLaw::ZERO).unwrap();
        demand.schedule(&world, 12 * HOUR).collect::<Vec<_>>()
    };
    let whole = riders(1.0);
    let half = riders(0.5);
    assert!(
        (half.len() as f64 - 2_000.0).abs() < 160.0,
        "{}",
        half.len()
    );
    assert!(half.iter().all(|plan| whole.contains(plan)));
    let more = riders(2.5);
    assert!(
        (more.len() as f64 - 10_000.0).abs() < 200.0,
        "{}",
        more.len()
    );
    assert!(more.is_sorted_by_key(|plan| plan.at));
    assert_eq!(
        more.iter().filter(|plan| whole.contains(plan)).count(),
        4_000
    );
    let mut ids: Vec<_> = more.iter().map(|plan| plan.rider).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), more.len());
}

#[test]
fn demand_that_cannot_be_is_refused() {
    let new = |arrivals| Demand::new(spec(arrivals)).unwrap_err();
    assert_eq!(
        new(Arrivals::Poisson {
            rides_per_hour: -5.0
        }),
        DemandError::Rate(-5.0)
    );
    assert_eq!(
        new(Arrivals::Poisson {
            rides_per_hour: 0.0
        }),
        DemandError::NoRides
    );
    assert_eq!(
        new(Arrivals::Poisson {
            rides_per_hour: 1e9
        }),
        DemandError::RateTooHigh(1e9)
    );
    let mut rides_per_hour = [10.0; 24];
    rides_per_hour[7] = f64::NEG_INFINITY;
    let error = new(Arrivals::Hourly { rides_per_hour });
    assert_eq!(
        error.to_string(),
        "found a rate of -inf rides an hour, expected a number of at least 0"
    );
    let scaled = |scale| Demand::recorded(&recorded(3), scale, SpanLaw::ZERO).unwrap_err();
    assert_eq!(scaled(0.0), DemandError::Scale(0.0));
    assert!(matches!(scaled(f64::NAN), DemandError::Scale(_)));
    let none = Demand::recorded(&recorded(0), 1.0, SpanLaw::ZERO).unwrap_err();
    assert_eq!(none, DemandError::NoTrips);
}

#[cfg(feature = "formats")]
#[test]
fn new_york_rides_as_far_and_as_long_as_its_profile_says() {
    let profile = Profile::new_york_peak();
    let city = City::new(CitySpec::of_profile(&profile)).unwrap();
    let mut world = world_of(9, city);
    world.pace = crate::pace::Pace::new(1.0, Timestamp::ZERO, 18 * HOUR).unwrap();
    let demand = Demand::new(DemandSpec::of_profile(&profile, SpanLaw::ZERO).unwrap()).unwrap();
    let peak = &profile.hours[18];
    let plans: Vec<_> = demand.schedule(&world, HOUR / 6).collect();
    let (mut metres, mut seconds) = (0.0, 0.0);
    for plan in &plans {
        let way =
            world
                .city
                .travel()
                .way(plan.pickup, plan.dropoff, world.pace.city_time_at(plan.at));
        metres += way.distance_m / plans.len() as f64;
        seconds += way.duration.as_secs_f64() / plans.len() as f64;
    }
    assert!(
        (plans.len() as f64 * 6.0 / peak.trips - 1.0).abs() < 0.04,
        "{}",
        plans.len()
    );
    assert!(
        (metres / peak.mean_distance_m() - 1.0).abs() < 0.04,
        "{metres}"
    );
    assert!(
        (seconds / 60.0 / peak.mean_minutes - 1.0).abs() < 0.05,
        "{seconds}"
    );
}

#[test]
fn a_torus_of_uniform_places_has_its_known_mean_distance() {
    let ground = Ground::Plane {
        width_m: 10_000.0,
        height_m: 10_000.0,
        wraps: true,
    };
    let city = City::new(CitySpec {
        ground,
        speed_kmh: [36.0; 24],
        circuity: 1.0,
    })
    .unwrap();
    let world = world_of(1, city);
    let plans: Vec<_> = poisson(36_000.0).schedule(&world, HOUR).collect();
    let space = world.city.space();
    let total: f64 = plans
        .iter()
        .map(|plan| space.distance_m(plan.pickup, plan.dropoff))
        .sum();
    // On a unit torus two random points lie 0.3826 apart on average: (√2 + ln(1 + √2)) / 6.
    assert!((total / plans.len() as f64 / 10_000.0 - 0.3826).abs() < 0.005);
}
