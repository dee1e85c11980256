//! Places, and how far apart they are.
//!
//! Every place speaks latitude and longitude, so every interface is the same; a [`Space`] says which
//! metric holds. Plane and torus cities, used to hold dispatch against theory, lie at null island,
//! where one degree is [`PLANE_METRES_PER_DEGREE`] both ways by definition.

use crate::sphere::{EARTH_RADIUS_M, Viewpoint};

/// Metres in one degree of a great circle.
pub const METRES_PER_DEGREE: f64 = EARTH_RADIUS_M * std::f64::consts::PI / 180.0;

/// Metres in one degree of a plane city: a place of one is a whole number of centimetres.
pub const PLANE_METRES_PER_DEGREE: f64 = 100_000.0;

/// Metres in the step from one place of a plane city to the next.
pub const PLANE_METRES_PER_E7: f64 = PLANE_METRES_PER_DEGREE / 1e7;

/// A point on the ground, to 1e-7 degrees (about 1 cm): the resolution of the wire, so that a place is the same
/// wherever it is told. Always in range.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    lat_e7: i32,
    lon_e7: i32,
}

/// Why two numbers are not a place.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[error("found latitude {lat} and longitude {lon}, expected -90 to 90 and -180 to 180 degrees")]
pub struct PlaceError {
    /// The latitude found, in degrees.
    pub lat: f64,
    /// The longitude found, in degrees.
    pub lon: f64,
}

/// The greatest latitude there is, in 1e-7 degrees.
pub const LAT_E7_MAX: i32 = 900_000_000;
/// The greatest longitude there is, in 1e-7 degrees.
pub const LON_E7_MAX: i32 = 1_800_000_000;

impl Place {
    /// The place nearest to a point in degrees.
    ///
    /// # Errors
    /// If either number is not finite or out of range.
    pub fn new(lat: f64, lon: f64) -> Result<Self, PlaceError> {
        // NaN fails both comparisons.
        if (-90.0..=90.0).contains(&lat) && (-180.0..=180.0).contains(&lon) {
            Ok(Self::nearest(lat, lon))
        } else {
            Err(PlaceError { lat, lon })
        }
    }

    /// The place nearest to a point in degrees, which is 0 where it is not a number and the limit where it is beyond.
    fn nearest(lat: f64, lon: f64) -> Self {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "a float's cast saturates, and what is no number becomes 0"
        )]
        let e7 = |degrees: f64, max: i32| {
            let steps = degrees * 1e7;
            ((steps + 0.5_f64.copysign(steps)) as i32).clamp(-max, max)
        };
        Self {
            lat_e7: e7(lat, LAT_E7_MAX),
            lon_e7: e7(lon, LON_E7_MAX),
        }
    }

    /// The place nearest to a point by its metres east and north of null island, clamped to the globe.
    #[must_use]
    pub fn from_metres(east_m: f64, north_m: f64) -> Self {
        Self::nearest(
            north_m / PLANE_METRES_PER_DEGREE,
            east_m / PLANE_METRES_PER_DEGREE,
        )
    }

    /// Latitude in degrees.
    #[must_use]
    pub fn lat(self) -> f64 {
        f64::from(self.lat_e7) / 1e7
    }

    /// Longitude in degrees.
    #[must_use]
    pub fn lon(self) -> f64 {
        f64::from(self.lon_e7) / 1e7
    }

    /// Metres east of null island, where the plane cities lie.
    #[must_use]
    #[inline]
    pub fn east_m(self) -> f64 {
        f64::from(self.lon_e7) * PLANE_METRES_PER_E7
    }

    /// Metres north of null island, where the plane cities lie.
    #[must_use]
    #[inline]
    pub fn north_m(self) -> f64 {
        f64::from(self.lat_e7) * PLANE_METRES_PER_E7
    }

    /// Latitude and longitude in 1e-7 degrees.
    #[must_use]
    #[inline]
    pub fn to_e7(self) -> (i32, i32) {
        (self.lat_e7, self.lon_e7)
    }

    /// A place by its latitude and longitude in 1e-7 degrees.
    ///
    /// # Errors
    /// If either number is out of range.
    #[inline]
    pub fn from_e7(lat: i32, lon: i32) -> Result<Self, PlaceError> {
        let in_range =
            (-LAT_E7_MAX..=LAT_E7_MAX).contains(&lat) && (-LON_E7_MAX..=LON_E7_MAX).contains(&lon);
        let place = Self {
            lat_e7: lat,
            lon_e7: lon,
        };
        in_range.then_some(place).ok_or_else(|| PlaceError {
            lat: place.lat(),
            lon: place.lon(),
        })
    }
}

/// Which metric holds between places.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Space {
    /// The Earth: great-circle distance.
    Sphere,
    /// A flat rectangle with its south-west corner at null island.
    Plane {
        /// Extent east, in metres.
        width_m: f64,
        /// Extent north, in metres.
        height_m: f64,
    },
    /// The same rectangle with opposite edges joined: no boundary, as theory likes it.
    Torus {
        /// Extent east, in metres.
        width_m: f64,
        /// Extent north, in metres.
        height_m: f64,
    },
}

impl Space {
    /// The straight-line distance in metres.
    #[must_use]
    #[inline]
    pub fn distance_m(&self, from: Place, to: Place) -> f64 {
        match *self {
            Self::Sphere => Viewpoint::new(from).distance_m(to),
            Self::Plane { .. } | Self::Torus { .. } => {
                let (east, north) = self.offset_m(from, to);
                (east * east + north * north).sqrt()
            }
        }
    }

    /// Metres east and north from one place to another, the shorter way round where there are two.
    /// On the sphere this is the equirectangular approximation, good to 1e-4 within a city.
    #[must_use]
    #[inline]
    pub fn offset_m(&self, from: Place, to: Place) -> (f64, f64) {
        match *self {
            Self::Sphere => {
                let north = (to.lat() - from.lat()) * METRES_PER_DEGREE;
                let shrink = f64::midpoint(from.lat(), to.lat()).to_radians().cos();
                (lon_span(from, to) * METRES_PER_DEGREE * shrink, north)
            }
            Self::Plane { .. } => (to.east_m() - from.east_m(), to.north_m() - from.north_m()),
            Self::Torus { width_m, height_m } => (
                shorter_way(to.east_m() - from.east_m(), width_m),
                shorter_way(to.north_m() - from.north_m(), height_m),
            ),
        }
    }

    /// The point that lies `share` (0 to 1) of the straight way from one place to another.
    #[must_use]
    pub fn along(&self, from: Place, to: Place, share: f64) -> Place {
        let share = if share.is_nan() {
            0.0
        } else {
            share.clamp(0.0, 1.0)
        };
        match *self {
            Self::Sphere => {
                // Straight in degrees: within a city this is the great circle to centimetres.
                let mut lon = from.lon() + lon_span(from, to) * share;
                if lon > 180.0 {
                    lon -= 360.0;
                } else if lon < -180.0 {
                    lon += 360.0;
                }
                Place::nearest(from.lat() + (to.lat() - from.lat()) * share, lon)
            }
            Self::Plane { .. } | Self::Torus { .. } => {
                let (east, north) = self.offset_m(from, to);
                self.wrap(Place::from_metres(
                    from.east_m() + east * share,
                    from.north_m() + north * share,
                ))
            }
        }
    }

    /// Brings a place that left a torus back onto it; elsewhere the place itself.
    #[must_use]
    pub fn wrap(&self, place: Place) -> Place {
        match *self {
            Self::Torus { width_m, height_m } => Place::from_metres(
                place.east_m().rem_euclid(width_m),
                place.north_m().rem_euclid(height_m),
            ),
            Self::Sphere | Self::Plane { .. } => place,
        }
    }
}

/// Degrees of longitude from one place to another, the shorter way round the globe.
fn lon_span(from: Place, to: Place) -> f64 {
    let span = to.lon() - from.lon();
    if span > 180.0 {
        span - 360.0
    } else if span < -180.0 {
        span + 360.0
    } else {
        span
    }
}

fn shorter_way(offset: f64, extent: f64) -> f64 {
    let offset = offset.rem_euclid(extent);
    if offset > extent / 2.0 {
        offset - extent
    } else {
        offset
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TORUS: Space = Space::Torus {
        width_m: 10_000.0,
        height_m: 8_000.0,
    };

    #[test]
    fn absurd_coordinates_are_refused() {
        for (lat, lon) in [
            (f64::NAN, 0.0),
            (0.0, f64::INFINITY),
            (90.1, 0.0),
            (0.0, -180.5),
        ] {
            assert!(Place::new(lat, lon).is_err(), "{lat} {lon}");
        }
    }

    #[test]
    fn a_known_great_circle() {
        // Times Square to JFK terminal 4: 20.9 km by any geodesic calculator.
        let times_square = Place::new(40.7580, -73.9855).unwrap();
        let jfk = Place::new(40.6446, -73.7822).unwrap();
        let distance = Space::Sphere.distance_m(times_square, jfk);
        assert!((distance - 21_280.0).abs() < 150.0, "{distance}");
    }

    fn on_torus() -> impl Strategy<Value = Place> {
        (0.0..10_000.0f64, 0.0..8_000.0f64).prop_map(|(e, n)| Place::from_metres(e, n))
    }

    fn in_city() -> impl Strategy<Value = Place> {
        (40.5..40.9f64, -74.3..-73.7f64).prop_map(|(lat, lon)| Place::new(lat, lon).unwrap())
    }

    proptest! {
        #[test]
        fn torus_is_a_metric(a in on_torus(), b in on_torus(), c in on_torus()) {
            let d = |x, y| TORUS.distance_m(x, y);
            prop_assert!((d(a, b) - d(b, a)).abs() < 1e-6);
            prop_assert!(d(a, c) <= d(a, b) + d(b, c) + 1e-6);
            prop_assert!(d(a, b) <= 5_000f64.hypot(4_000.0) + 1e-6);
        }

        #[test]
        fn going_along_covers_the_share(a in in_city(), b in in_city(), share in 0.0..1.0f64) {
            let mid = Space::Sphere.along(a, b, share);
            let whole = Space::Sphere.distance_m(a, b);
            prop_assert!((Space::Sphere.distance_m(a, mid) - whole * share).abs() <= 1e-3 * whole + 0.01);
        }

        #[test]
        fn going_along_a_torus_covers_the_share(a in on_torus(), b in on_torus(), share in 0.0..1.0f64) {
            let mid = TORUS.along(a, b, share);
            let whole = TORUS.distance_m(a, b);
            prop_assert!((TORUS.distance_m(a, mid) - whole * share).abs() <= 0.02);
        }

        #[test]
        fn a_place_is_within_a_centimetre_and_the_same_again(lat in -90.0..90.0f64, lon in -180.0..180.0f64) {
            let place = Place::new(lat, lon).unwrap();
            prop_assert!((place.lat() - lat).abs() <= 0.51e-7 && (place.lon() - lon).abs() <= 0.51e-7);
            prop_assert_eq!(Place::new(place.lat(), place.lon()).unwrap(), place);
            let (lat_e7, lon_e7) = place.to_e7();
            prop_assert_eq!(Place::from_e7(lat_e7, lon_e7).unwrap(), place);
        }
    }
}
