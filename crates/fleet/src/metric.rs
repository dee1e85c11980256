//! Ranks: for each space a function of the distance that is cheap for many places at once and grows with it, and
//! lower bounds of it for whole cells.
//!
//! Ranks agree with [`domain::Space::distance_m`] to a millionth; [`slackened`] widens a limit by more than that, so
//! that a search by rank never loses what the exact distance would have kept.

use std::f64::consts::FRAC_PI_2;

use domain::place::PLANE_METRES_PER_E7;
use domain::sphere::{EARTH_RADIUS_M, NEAR, RADIANS_PER_E7, Viewpoint};
use domain::{Place, Space};

use crate::grid::wrapped;
use crate::index::chunk::ROOM;

/// A rank below which everything lies that could be as near as `rank` by the exact distance: more than a
/// micrometre and three millionths farther. With `r` metres for the rank of `r²`, `(r (1 + 3e-6) + 1e-6)²` is below
/// it for any `r`, and it takes no root.
#[inline]
pub(crate) fn slackened(rank: f64) -> f64 {
    rank * (1.0 + 1e-5) + 1e-5
}

/// Ranks as seen from one place: square metres, unless a space has something better.
pub(crate) trait Metric {
    /// The rank of a distance in metres.
    fn rank_of(&self, distance_m: f64) -> f64 {
        distance_m * distance_m
    }

    /// The distance to a place in metres, exactly as [`domain::Space::distance_m`] has it.
    fn distance_m(&self, to: Place) -> f64;

    /// The ranks of places.
    fn ranks(&self, places: &[Place; ROOM]) -> [f32; ROOM];

    /// At most the rank of anything at least `gap` away along x.
    fn floor_beyond_x(&self, gap: f64) -> f64 {
        gap * gap
    }

    /// At most the rank of anything at least `gap` away along y.
    fn floor_beyond_y(&self, gap: f64) -> f64 {
        gap * gap
    }

    /// What a row of the grid `gap` away and `height` high contributes to floors.
    #[inline]
    fn row(&self, gap: f64, _height: f64) -> Row {
        Row {
            floor: gap * gap,
            weight: 1.0,
        }
    }

    /// What a column `gap` away does.
    #[inline]
    fn column(&self, gap: f64) -> f64 {
        gap * gap
    }
}

/// What a row of the grid contributes to the floors of its pieces.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Row {
    floor: f64,
    weight: f64,
}

impl Row {
    /// At most the rank of anything in the row's piece in a column.
    #[inline]
    pub(crate) fn floor_in(self, column: f64) -> f64 {
        self.floor + self.weight * column
    }
}

/// Steps of 1e-7 degrees that are near: [`NEAR`] radians.
#[expect(clippy::cast_possible_truncation, reason = "a few degrees")]
const NEAR_STEPS: i32 = (NEAR / RADIANS_PER_E7) as i32;

/// Steps north and east from one place to others.
struct Steps {
    north: [i32; ROOM],
    east: [i32; ROOM],
    /// Whether all are near: elsewhere longitudes may lie on two sides of where they begin.
    are_near: bool,
}

impl Steps {
    #[inline(always)]
    fn new(from: Place, places: &[Place; ROOM]) -> Self {
        let (from_lat, from_lon) = from.to_e7();
        let north = places.map(|place| place.to_e7().0.wrapping_sub(from_lat));
        let east = places.map(|place| place.to_e7().1.wrapping_sub(from_lon));
        // Without a way out early, which is slower for so few.
        let is_far = |far: i32, way: &i32| {
            far | NEAR_STEPS.wrapping_sub(*way) | NEAR_STEPS.wrapping_add(*way)
        };
        let far = north.iter().chain(&east).fold(0, is_far);
        Self {
            north,
            east,
            are_near: far >= 0,
        }
    }

    /// A rank for each.
    #[inline(always)]
    fn ranks(&self, rank: impl Fn(i32, i32) -> f32) -> [f32; ROOM] {
        std::array::from_fn(|at| rank(self.north[at], self.east[at]))
    }
}

/// A plane.
pub(crate) struct Plane {
    pub(crate) space: Space,
    pub(crate) from: Place,
}

impl Plane {
    #[cold]
    fn ranks_far(&self, places: &[Place; ROOM]) -> [f32; ROOM] {
        places.map(|place| self.rank_of(self.distance_m(place)) as f32)
    }
}

impl Metric for Plane {
    fn distance_m(&self, to: Place) -> f64 {
        self.space.distance_m(self.from, to)
    }

    #[inline]
    fn ranks(&self, places: &[Place; ROOM]) -> [f32; ROOM] {
        let steps = Steps::new(self.from, places);
        if !steps.are_near {
            return self.ranks_far(places);
        }
        let metres = |steps: i32| steps as f32 * PLANE_METRES_PER_E7 as f32;
        steps.ranks(|north, east| {
            let (north, east) = (metres(north), metres(east));
            east * east + north * north
        })
    }
}

/// A torus: the same, the shorter way round.
pub(crate) struct Torus {
    space: Space,
    from: Place,
    east_m: f64,
    north_m: f64,
    width_m: f64,
    height_m: f64,
}

impl Torus {
    pub(crate) fn new(from: Place, width_m: f64, height_m: f64) -> Self {
        Self {
            space: Space::Torus { width_m, height_m },
            from,
            east_m: wrapped(from.east_m(), width_m),
            north_m: wrapped(from.north_m(), height_m),
            width_m,
            height_m,
        }
    }
}

impl Metric for Torus {
    fn distance_m(&self, to: Place) -> f64 {
        self.space.distance_m(self.from, to)
    }

    #[inline]
    fn ranks(&self, places: &[Place; ROOM]) -> [f32; ROOM] {
        let way = |at_m: f64, from_m: f64, extent_m: f64| {
            let direct = (wrapped(at_m, extent_m) - from_m).abs();
            direct.min(extent_m - direct)
        };
        places.map(|place| {
            let north = way(place.north_m(), self.north_m, self.height_m);
            let east = way(place.east_m(), self.east_m, self.width_m);
            (east * east + north * north) as f32
        })
    }
}

/// The sphere: ranks are squares of the straight line through the Earth, which grows with the great circle.
pub(crate) struct Globe {
    place: Place,
    from: Viewpoint,
    cos_squared: f32,
    cos_sin: f32,
}

impl Globe {
    pub(crate) fn new(place: Place) -> Self {
        let from = Viewpoint::new(place);
        let cos = from.cos_lat();
        Self {
            place,
            cos_squared: (cos * cos) as f32,
            cos_sin: (cos * from.sin_lat()) as f32,
            from,
        }
    }

    #[cold]
    fn ranks_far(&self, places: &[Place; ROOM]) -> [f32; ROOM] {
        places.map(|place| {
            let (north, east) = self.from.angles(place);
            chord_squared(self.from.far(north, east)) as f32
        })
    }

    /// The rank of what lies near: sines and cosines by the first terms of their series.
    #[inline]
    fn rank_near(&self, north: i32, east: i32) -> f32 {
        let radians = |steps: i32| steps as f32 * RADIANS_PER_E7 as f32;
        let (north, east) = (radians(north), radians(east));
        let (north_2, east_2) = (north * north, east * east);
        let cos_cos = self.cos_squared * (1.0 - north_2 * (1.0 / 2.0 - north_2 * (1.0 / 24.0)))
            - self.cos_sin * north * (1.0 - north_2 * (1.0 / 6.0));
        let half_north = north_2 * (1.0 - north_2 * (1.0 / 12.0));
        let half_east = east_2 * (1.0 - east_2 * (1.0 / 12.0));
        (half_north + cos_cos * half_east) * (EARTH_RADIUS_M * EARTH_RADIUS_M) as f32
    }
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

    fn distance_m(&self, to: Place) -> f64 {
        self.from.distance_m(to)
    }

    #[inline]
    fn ranks(&self, places: &[Place; ROOM]) -> [f32; ROOM] {
        let steps = Steps::new(self.place, places);
        if !steps.are_near {
            return self.ranks_far(places);
        }
        steps.ranks(|north, east| self.rank_near(north, east))
    }

    /// The way to a meridian `gap` away meets it at a right angle, where the sine of the angle travelled
    /// is the cosine of the latitude times the sine of the gap; a chord is never shorter than the radius
    /// times that sine. From a right angle on the pole is nearest, and farther than one radian's bound.
    fn floor_beyond_x(&self, gap: f64) -> f64 {
        let chord = EARTH_RADIUS_M * self.from.cos_lat() * sin_at_least(gap.min(1.0));
        chord * chord
    }

    fn floor_beyond_y(&self, gap: f64) -> f64 {
        let half = sin_at_least(gap / 2.0);
        chord_squared(half * half)
    }

    /// The haversine formula with each factor at its least. No latitude in the row is farther than the gap and its
    /// height, and a cosine changes no faster than its angle.
    #[inline]
    fn row(&self, gap: f64, height: f64) -> Row {
        let cos_lat = (self.from.cos_lat() - gap - height).max(0.0);
        let north = sin_at_least(gap / 2.0);
        Row {
            floor: chord_squared(north * north),
            weight: chord_squared(self.from.cos_lat() * cos_lat),
        }
    }

    #[inline]
    fn column(&self, gap: f64) -> f64 {
        let east = sin_at_least(gap / 2.0);
        east * east
    }
}

#[cfg(test)]
mod tests {
    use std::f64::consts::TAU;

    use proptest::prelude::*;

    use super::*;

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
            let north = (to.lat() - from.lat()).abs().to_radians();
            let east = (to.lon() - from.lon()).abs().to_radians();
            let east = east.min(TAU - east);
            // The spot lies somewhere in a cell that begins at the gaps.
            let (gap_x, gap_y) = (east * share_x, north * share_y);
            let globe = Globe::new(from);
            let rank = f64::from(globe.ranks(&[to; ROOM])[0]);
            // Beside one that is far away it is ranked in the other way.
            let mut places = [Place::new(-lat, -lon).unwrap(); ROOM];
            places[3] = to;
            let beside = f64::from(globe.ranks(&places)[3]);
            prop_assert!(rank <= slackened(beside) && beside <= slackened(rank));

            let distance_m = Space::Sphere.distance_m(from, to);
            prop_assert!(rank <= slackened(globe.rank_of(distance_m)));
            prop_assert!(globe.rank_of(distance_m) <= slackened(rank));
            let above = slackened(rank);
            let row = globe.row(gap_y, north - gap_y);
            prop_assert!(row.floor_in(globe.column(gap_x)) <= above);
            prop_assert!(globe.floor_beyond_x(gap_x) <= above);
            prop_assert!(globe.floor_beyond_y(gap_y) <= above);
        }
    }
}
