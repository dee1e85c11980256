//! Ranks: squared straight-line distances in metres², quick to compute and in the order of
//! [`domain::Space::distance_m`], and lower bounds of them for whole cells.
//!
//! On the sphere the straight line is the chord, which grows with the great circle. Ranks agree with the
//! exact distance to far below a micrometre; [`slackened`] widens a limit by more than that, so that a
//! search by rank never loses what the exact distance would have kept.

use std::f64::consts::{FRAC_PI_2, PI, TAU};

use crate::grid::Spot;

/// The mean Earth radius in metres, as `geo` has it.
pub(crate) const EARTH_RADIUS_M: f64 = 6_371_008.8;

/// Up to this many radians the series below are exact to a float's precision.
const SERIES_MAX: f64 = 0.05;

/// A rank below which everything lies that could be as near as `rank` by the exact distance: more than a
/// micrometre and a billionth farther. With `r` metres for the rank of `r²`, `(r (1 + 1e-9) + 1e-6)²` is below
/// it for any `r`, and it takes no root.
#[inline]
pub(crate) fn slackened(rank: f64) -> f64 {
    rank * (1.0 + 3e-6) + 3e-6
}

/// Ranks as seen from one point.
pub(crate) trait Metric {
    /// The rank of a distance in metres.
    fn rank_of(&self, distance_m: f64) -> f64;
    /// The rank of a spot.
    fn rank(&self, spot: Spot) -> f64;
    /// At most the rank of anything at least `gap` away along x.
    fn floor_beyond_x(&self, gap: f64) -> f64;
    /// At most the rank of anything at least `gap` away along y.
    fn floor_beyond_y(&self, gap: f64) -> f64;
    /// At most the rank of anything in a piece of the grid these gaps away and `height` high.
    fn floor_of(&self, gap_x: f64, gap_y: f64, height: f64) -> f64;
}

/// Plane and torus; on a plane the extents are infinite.
pub(crate) struct Flat {
    pub(crate) from: Spot,
    pub(crate) width_m: f64,
    pub(crate) height_m: f64,
}

impl Metric for Flat {
    fn rank_of(&self, distance_m: f64) -> f64 {
        distance_m * distance_m
    }

    #[inline]
    fn rank(&self, spot: Spot) -> f64 {
        let east = (spot.x - self.from.x).abs();
        let north = (spot.y - self.from.y).abs();
        let east = east.min(self.width_m - east);
        let north = north.min(self.height_m - north);
        east * east + north * north
    }

    fn floor_beyond_x(&self, gap: f64) -> f64 {
        gap * gap
    }

    fn floor_beyond_y(&self, gap: f64) -> f64 {
        gap * gap
    }

    #[inline]
    fn floor_of(&self, gap_x: f64, gap_y: f64, _height: f64) -> f64 {
        gap_x * gap_x + gap_y * gap_y
    }
}

/// The sphere, seen from a point.
pub(crate) struct Globe {
    from: Spot,
    sin_lat: f64,
    cos_lat: f64,
}

impl Globe {
    /// From a point in radians.
    pub(crate) fn new(from: Spot) -> Self {
        let (sin_lat, cos_lat) = from.y.sin_cos();
        Self {
            from,
            sin_lat,
            cos_lat: cos_lat.max(0.0),
        }
    }
}

/// The sine, exact to a float's precision up to [`SERIES_MAX`].
fn sin_near_zero(x: f64) -> f64 {
    let square = x * x;
    x * (1.0 - square / 6.0 * (1.0 - square / 20.0 * (1.0 - square / 42.0)))
}

/// The cosine, exact to a float's precision up to [`SERIES_MAX`].
fn cos_near_zero(x: f64) -> f64 {
    let square = x * x;
    1.0 - square / 2.0 * (1.0 - square / 12.0 * (1.0 - square / 30.0))
}

/// At most the sine, for any angle from 0 on: the first two terms of its alternating series.
fn sin_at_least(x: f64) -> f64 {
    (x - x * x * x / 6.0).max(0.0)
}

fn chord_squared(half_chord_squared: f64) -> f64 {
    4.0 * EARTH_RADIUS_M * EARTH_RADIUS_M * half_chord_squared
}

impl Metric for Globe {
    fn rank_of(&self, distance_m: f64) -> f64 {
        let half = (distance_m / (2.0 * EARTH_RADIUS_M)).min(FRAC_PI_2).sin();
        chord_squared(half * half)
    }

    /// The haversine formula without its last step.
    #[inline]
    fn rank(&self, spot: Spot) -> f64 {
        let north = spot.y - self.from.y;
        let east = (spot.x - self.from.x).abs();
        let east = if east > PI { TAU - east } else { east };
        let (sin_half_north, sin_half_east, cos_lat) = if north.abs().max(east) < SERIES_MAX {
            (
                sin_near_zero(north / 2.0),
                sin_near_zero(east / 2.0),
                self.cos_lat * cos_near_zero(north) - self.sin_lat * sin_near_zero(north),
            )
        } else {
            ((north / 2.0).sin(), (east / 2.0).sin(), spot.y.cos())
        };
        chord_squared(
            sin_half_north * sin_half_north
                + self.cos_lat * cos_lat * sin_half_east * sin_half_east,
        )
    }

    /// The way to a meridian `gap` away meets it at a right angle, where the sine of the angle travelled
    /// is the cosine of the latitude times the sine of the gap; a chord is never shorter than the radius
    /// times that sine. From a right angle on the pole is nearest, and farther than one radian's bound.
    fn floor_beyond_x(&self, gap: f64) -> f64 {
        let chord = EARTH_RADIUS_M * self.cos_lat * sin_at_least(gap.min(1.0));
        chord * chord
    }

    fn floor_beyond_y(&self, gap: f64) -> f64 {
        let half = sin_at_least(gap / 2.0);
        chord_squared(half * half)
    }

    /// The haversine formula with each factor at its least. No latitude in the piece is farther than the
    /// gap and its height, and a cosine changes no faster than its angle.
    #[inline]
    fn floor_of(&self, gap_x: f64, gap_y: f64, height: f64) -> f64 {
        let cos_lat = (self.cos_lat - gap_y - height).max(0.0);
        let north = sin_at_least(gap_y / 2.0);
        let east = sin_at_least(gap_x / 2.0);
        chord_squared(north * north + self.cos_lat * cos_lat * east * east)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::{Place, Space};
    use proptest::prelude::*;

    /// Angles of every size, small ones as often as large.
    fn offset(limit: f64) -> impl Strategy<Value = f64> {
        (-8.0..0.0f64, any::<bool>()).prop_map(move |(exponent, negative)| {
            let size = limit * 10f64.powf(exponent);
            if negative { -size } else { size }
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4_000))]

        #[test]
        fn ranks_follow_the_distance_and_floors_stay_below(
            lat in -90.0..=90.0f64,
            lon in -180.0..=180.0f64,
            (north, east) in (offset(180.0), offset(180.0)),
            (share_x, share_y) in (0.0..=1.0f64, 0.0..=1.0f64),
        ) {
            let to_lon = (lon + east + 540.0).rem_euclid(360.0) - 180.0;
            let (from, to) = (Place::new(lat, lon), Place::new((lat + north).clamp(-90.0, 90.0), to_lon));
            let (from, to) = (from.unwrap(), to.unwrap());
            let spot = |place: Place| Spot { x: place.lon().to_radians(), y: place.lat().to_radians() };
            let north = (spot(to).y - spot(from).y).abs();
            let east = (spot(to).x - spot(from).x).abs();
            let east = east.min(TAU - east);
            // The spot lies somewhere in a cell that begins at the gaps.
            let (gap_x, gap_y) = (east * share_x, north * share_y);
            let globe = Globe::new(spot(from));
            let rank = globe.rank(spot(to));

            let distance_m = Space::Sphere.distance_m(from, to);
            prop_assert!(rank <= slackened(globe.rank_of(distance_m)));
            prop_assert!(globe.rank_of(distance_m) <= slackened(rank));
            let above = slackened(rank);
            prop_assert!(globe.floor_of(gap_x, gap_y, north - gap_y) <= above);
            prop_assert!(globe.floor_beyond_x(gap_x) <= above);
            prop_assert!(globe.floor_beyond_y(gap_y) <= above);
        }
    }
}
