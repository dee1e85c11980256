//! The Earth as a sphere: great circles by the haversine formula, fast where places are near each other.
//!
//! Within [`NEAR`] radians sines and cosines of differences are short series, exact to a float's precision, so that
//! the one expensive function of a distance is the sine and cosine of the place that it is seen from, and many
//! distances from one place cost hardly more than on a plane.

use std::f64::consts::{FRAC_PI_2, PI, TAU};

use crate::place::Place;

/// The mean Earth radius in metres, R₁ of the IUGG.
pub const EARTH_RADIUS_M: f64 = 6_371_008.8;

/// Radians in a step of a place's numbers.
pub const RADIANS_PER_E7: f64 = PI / 180.0 / 1e7;

/// Up to this many radians either way the series are exact to a float's precision; 318 km.
pub const NEAR: f64 = 0.05;

/// The Earth as seen from a place.
#[derive(Debug, Clone, Copy)]
pub struct Viewpoint {
    lat_e7: f64,
    lon_e7: f64,
    sin_lat: f64,
    cos_lat: f64,
}

impl Viewpoint {
    /// From a place.
    #[must_use]
    pub fn new(from: Place) -> Self {
        let (lat_e7, lon_e7) = from.to_e7();
        let (sin_lat, cos_lat) = (f64::from(lat_e7) * RADIANS_PER_E7).sin_cos();
        Self {
            lat_e7: f64::from(lat_e7),
            lon_e7: f64::from(lon_e7),
            sin_lat,
            cos_lat: cos_lat.max(0.0),
        }
    }

    /// The sine of the latitude.
    #[must_use]
    pub fn sin_lat(&self) -> f64 {
        self.sin_lat
    }

    /// The cosine of the latitude, 0 or more.
    #[must_use]
    pub fn cos_lat(&self) -> f64 {
        self.cos_lat
    }

    /// Radians north, and radians of longitude east or west the shorter way round, to a place.
    #[inline]
    #[must_use]
    pub fn angles(&self, to: Place) -> (f64, f64) {
        let (lat_e7, lon_e7) = to.to_e7();
        let north = (f64::from(lat_e7) - self.lat_e7) * RADIANS_PER_E7;
        let east = ((f64::from(lon_e7) - self.lon_e7) * RADIANS_PER_E7).abs();
        (north, if east < PI { east } else { TAU - east })
    }

    /// The square of half the chord to what lies at these [`angles`](Self::angles), where the radius is one: the
    /// haversine formula but for its last step. Neither angle may be more than [`NEAR`].
    #[inline]
    fn near(&self, north: f64, east: f64) -> f64 {
        let half_north = sin_of_half_squared(north);
        let cos_lat = self.cos_lat * (1.0 - 2.0 * half_north) - self.sin_lat * sin_near_zero(north);
        half_north + self.cos_lat * cos_lat * sin_of_half_squared(east)
    }

    /// The same, however far it lies.
    #[must_use]
    pub fn far(&self, north: f64, east: f64) -> f64 {
        let (half_north, half_east) = ((north / 2.0).sin(), (east / 2.0).sin());
        let cos_lat = (self.lat_e7 * RADIANS_PER_E7 + north).cos().max(0.0);
        half_north * half_north + self.cos_lat * cos_lat * half_east * half_east
    }

    /// The great circle to a place, in metres.
    #[inline]
    #[must_use]
    pub fn distance_m(&self, to: Place) -> f64 {
        let (north, east) = self.angles(to);
        if north.abs() < NEAR && east < NEAR {
            let square = self.near(north, east);
            return 2.0 * EARTH_RADIUS_M * arcsin_of_root_near_zero(square);
        }
        let square = self.far(north, east).min(1.0);
        2.0 * EARTH_RADIUS_M * square.sqrt().asin().min(FRAC_PI_2)
    }
}

/// The sine, up to [`NEAR`].
#[inline]
fn sin_near_zero(x: f64) -> f64 {
    let square = x * x;
    x * (1.0 + square * (-1.0 / 6.0 + square * (1.0 / 120.0 + square * (-1.0 / 5_040.0))))
}

/// The square of the sine of half an angle up to [`NEAR`].
#[inline]
fn sin_of_half_squared(x: f64) -> f64 {
    let square = x * x;
    let series =
        1.0 / 4.0 + square * (-1.0 / 48.0 + square * (1.0 / 1_440.0 + square * (-1.0 / 80_640.0)));
    square * series
}

/// The arcsine of the root of a number up to the square of [`NEAR`].
#[inline]
fn arcsin_of_root_near_zero(square: f64) -> f64 {
    const TERMS: [f64; 5] = [
        1.0 / 6.0,
        3.0 / 40.0,
        15.0 / 336.0,
        105.0 / 3_456.0,
        945.0 / 42_240.0,
    ];
    let [a, b, c, d, e] = TERMS;
    let series = 1.0 + square * (a + square * (b + square * (c + square * (d + square * e))));
    square.sqrt() * series
}

#[cfg(test)]
mod tests {
    use geo::{Distance, Haversine, Point};
    use proptest::prelude::*;

    use super::*;

    /// Degrees of every size up to a limit, small ones as often as large.
    fn offset(limit: f64) -> impl Strategy<Value = f64> {
        (-9.0..0.0f64, any::<bool>()).prop_map(move |(exponent, negative)| {
            let size = limit * 10f64.powf(exponent);
            if negative { -size } else { size }
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(10_000))]

        #[test]
        fn it_is_the_great_circle(
            lat in -90.0..=90.0f64,
            lon in -180.0..=180.0f64,
            (north, east) in (offset(180.0), offset(180.0)),
        ) {
            let to_lon = (lon + east + 540.0).rem_euclid(360.0) - 180.0;
            let from = Place::new(lat, lon).unwrap();
            let to = Place::new((lat + north).clamp(-90.0, 90.0), to_lon).unwrap();
            let point = |place: Place| Point::new(place.lon(), place.lat());
            let expected = Haversine.distance(point(from), point(to));
            let found = Viewpoint::new(from).distance_m(to);
            // Near the other side of the globe the formula itself is good to a metre.
            let tolerance = if expected > 1.9e7 { 1.0 } else { 1e-6 + expected * 1e-9 };
            prop_assert!((found - expected).abs() < tolerance, "found {found}, expected {expected}");
            prop_assert!((Viewpoint::new(to).distance_m(from) - found).abs() < tolerance);
        }
    }
}
