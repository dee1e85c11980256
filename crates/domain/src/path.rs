//! A path along streets: where a car is after a share of the time, and how far it has come.

use crate::place::{Place, Space};

/// A point of a path.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Waypoint {
    /// Where.
    pub place: Place,
    /// How much of the time of the whole path is spent on the way there, 0 to 1.
    pub share: f64,
    /// How far it is to there along the path, in metres.
    pub metres: f64,
}

/// A way as points, straight from each to the next, at constant speed between two.
#[derive(Debug, Clone, PartialEq)]
pub struct Path(Vec<Waypoint>);

impl Path {
    /// A path through points in their order; none if there is no point, or shares or metres go back.
    #[must_use]
    pub fn new(points: Vec<Waypoint>) -> Option<Self> {
        let goes_on =
            |pair: &[Waypoint]| pair[0].share <= pair[1].share && pair[0].metres <= pair[1].metres;
        (!points.is_empty() && points.windows(2).all(goes_on)).then_some(Self(points))
    }

    /// Its points, at least one.
    #[must_use]
    pub fn points(&self) -> &[Waypoint] {
        &self.0
    }

    /// Where it begins.
    #[must_use]
    pub fn begins(&self) -> Place {
        self.0[0].place
    }

    /// Where it ends.
    #[must_use]
    pub fn ends(&self) -> Place {
        self.0[self.0.len() - 1].place
    }

    /// Where a car is after a share of the time.
    #[must_use]
    pub fn place_at(&self, space: &Space, share: f64) -> Place {
        let (from, to, part) = self.between(share);
        space.along(from.place, to.place, part)
    }

    /// How far a car has come after a share of the time, in metres.
    #[must_use]
    pub fn metres_at(&self, share: f64) -> f64 {
        let (from, to, part) = self.between(share);
        from.metres + (to.metres - from.metres) * part
    }

    /// The points before and after, and the part of the way from one to the other.
    fn between(&self, share: f64) -> (&Waypoint, &Waypoint, f64) {
        let after = self.0.partition_point(|point| point.share <= share);
        let to = &self.0[after.min(self.0.len() - 1)];
        let from = &self.0[after.saturating_sub(1)];
        let span = to.share - from.share;
        let part = if span > 0.0 {
            ((share - from.share) / span).clamp(0.0, 1.0)
        } else {
            0.0
        };
        (from, to, part)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPACE: Space = Space::Plane {
        width_m: 1e4,
        height_m: 1e4,
    };

    fn waypoint(east_m: f64, north_m: f64, share: f64, metres: f64) -> Waypoint {
        Waypoint {
            place: Place::from_metres(east_m, north_m),
            share,
            metres,
        }
    }

    #[test]
    fn a_car_goes_round_the_corner_and_faster_on_the_faster_street() {
        let path = Path::new(vec![
            waypoint(0.0, 0.0, 0.0, 0.0),
            waypoint(1_000.0, 0.0, 0.75, 1_000.0),
            waypoint(1_000.0, 1_000.0, 1.0, 2_000.0),
        ])
        .unwrap();
        for (share, east_m, north_m, metres) in [
            (-1.0, 0.0, 0.0, 0.0),
            (0.375, 500.0, 0.0, 500.0),
            (0.75, 1_000.0, 0.0, 1_000.0),
            (0.875, 1_000.0, 500.0, 1_500.0),
            (1.0, 1_000.0, 1_000.0, 2_000.0),
            (9.0, 1_000.0, 1_000.0, 2_000.0),
        ] {
            let place = path.place_at(&SPACE, share);
            assert!((place.east_m() - east_m).abs() < 1e-6, "{share} {place:?}");
            assert!((place.north_m() - north_m).abs() < 1e-6, "{share}");
            assert!((path.metres_at(share) - metres).abs() < 1e-6, "{share}");
        }
    }

    #[test]
    fn what_goes_back_or_nowhere_is_no_path() {
        assert_eq!(Path::new(Vec::new()), None);
        let back = vec![waypoint(0.0, 0.0, 0.5, 0.0), waypoint(1.0, 0.0, 0.2, 1.0)];
        assert_eq!(Path::new(back), None);
        let still = Path::new(vec![waypoint(7.0, 8.0, 0.0, 0.0)]).unwrap();
        assert_eq!(still.place_at(&SPACE, 0.5), still.begins());
        assert_eq!(still.ends(), still.begins());
    }
}
