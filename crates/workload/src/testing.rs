//! A small world for this crate's tests.

use std::time::Duration;

use domain::Timestamp;
use kernel::Streams;

use crate::city::{City, CitySpec, Ground};
use crate::law::{SpanLaw, Willingness};
use crate::pace::Pace;
use crate::products::Products;
use crate::world::{Cancellation, DriverRules, Idle, RideRules, RiderRules, TripDuration, World};

/// A torus of 10 km, 36 km/h, at real pace from midnight at the epoch; everybody says yes at once.
pub(crate) fn world(seed: u64) -> World {
    let ground = Ground::Plane {
        width_m: 10_000.0,
        height_m: 10_000.0,
        wraps: true,
    };
    let city = CitySpec {
        ground,
        speed_kmh: [36.0; 24],
        circuity: 1.0,
    };
    world_of(seed, City::new(city).unwrap())
}

pub(crate) fn world_of(seed: u64, city: City) -> World {
    World {
        city,
        pace: Pace::new(1.0, Timestamp::ZERO, Duration::ZERO).unwrap(),
        streams: Streams::new(seed),
        products: Products::default(),
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
            reaction: SpanLaw::Constant(Duration::from_secs(2)),
            idle: Idle::Stay,
            lead: Duration::ZERO,
        },
    }
}
