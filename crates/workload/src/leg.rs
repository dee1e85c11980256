//! A leg of a driver's way: where a car is at any time is a pure function of it.

use std::sync::Arc;
use std::time::Duration;

use domain::path::Path;
use domain::travel::Route;
use domain::{Place, Space, Timestamp};

/// A way along streets, or a straight one at constant speed, in the run's time; or a car that stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Leg {
    /// Where it begins.
    pub from: Place,
    /// Where it ends.
    pub to: Place,
    /// When the car leaves.
    pub left_at: Timestamp,
    /// When it is there.
    pub arrives_at: Timestamp,
    /// Length along the streets, in metres.
    pub distance_m: f64,
    /// What the car passes; none where it drives straight from one place to the other.
    pub path: Option<Arc<Path>>,
}

impl Leg {
    /// A car on a route between two places. Along streets it goes from kerb to kerb.
    #[must_use]
    pub fn on(
        route: Route,
        (from, to): (Place, Place),
        left_at: Timestamp,
        arrives_at: Timestamp,
    ) -> Self {
        let Route { way, path } = route;
        Self {
            from: path.as_ref().map_or(from, |path| path.begins()),
            to: path.as_ref().map_or(to, |path| path.ends()),
            left_at,
            arrives_at,
            distance_m: way.distance_m,
            path,
        }
    }

    /// A car that stands at a place from a time on.
    #[must_use]
    pub fn parked(place: Place, at: Timestamp) -> Self {
        Self {
            from: place,
            to: place,
            left_at: at,
            arrives_at: at,
            distance_m: 0.0,
            path: None,
        }
    }

    /// The share of the way that is behind the car, 0 to 1.
    #[must_use]
    pub fn share_at(&self, now: Timestamp) -> f64 {
        let whole = self.arrives_at.since(self.left_at);
        if now >= self.arrives_at || whole == Duration::ZERO {
            1.0
        } else {
            now.since(self.left_at).as_secs_f64() / whole.as_secs_f64()
        }
    }

    /// Where the car is.
    #[must_use]
    pub fn place_at(&self, space: &Space, now: Timestamp) -> Place {
        if self.distance_m == 0.0 || now >= self.arrives_at {
            self.to
        } else {
            let share = self.share_at(now);
            match &self.path {
                Some(path) => path.place_at(space, share),
                None => space.along(self.from, self.to, share),
            }
        }
    }

    /// How far the car has come on this leg, in metres along the streets.
    #[must_use]
    pub fn metres_at(&self, now: Timestamp) -> f64 {
        let share = self.share_at(now);
        match &self.path {
            Some(path) => path.metres_at(share),
            None => self.distance_m * share,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::path::Waypoint;
    use domain::travel::Way;

    #[test]
    fn a_car_is_where_its_leg_says() {
        let space = Space::Plane {
            width_m: 1e4,
            height_m: 1e4,
        };
        let at = Timestamp::from_millis;
        let leg = Leg {
            from: Place::from_metres(0.0, 0.0),
            to: Place::from_metres(3_000.0, 4_000.0),
            left_at: at(1_000),
            arrives_at: at(11_000),
            distance_m: 6_500.0,
            path: None,
        };
        let place = leg.place_at(&space, at(3_000));
        assert!((place.east_m() - 600.0).abs() < 1e-6 && (place.north_m() - 800.0).abs() < 1e-6);
        assert!((leg.metres_at(at(3_000)) - 1_300.0).abs() < 1e-9);
        assert_eq!(leg.place_at(&space, at(0)), leg.from);
        assert_eq!(leg.place_at(&space, at(11_000)), leg.to);
        assert!((leg.metres_at(at(99_000)) - 6_500.0).abs() < 1e-9);
        let parked = Leg::parked(leg.to, at(5));
        assert_eq!(parked.place_at(&space, at(0)), leg.to);
        assert!(parked.metres_at(at(9)).abs() < 1e-12);
    }

    #[test]
    fn a_car_on_streets_follows_them() {
        let space = Space::Plane {
            width_m: 1e4,
            height_m: 1e4,
        };
        let point = |east_m, north_m, share, metres| Waypoint {
            place: Place::from_metres(east_m, north_m),
            share,
            metres,
        };
        let path = Path::new(vec![
            point(0.0, 0.0, 0.0, 0.0),
            point(1_000.0, 0.0, 0.5, 1_000.0),
            point(1_000.0, 3_000.0, 1.0, 4_000.0),
        ]);
        let at = Timestamp::from_millis;
        let way = Way {
            distance_m: 4_000.0,
            duration: Duration::from_secs(10),
        };
        let route = Route {
            way,
            path: path.map(Arc::new),
        };
        // The places themselves lie some way off the streets.
        let ends = (
            Place::from_metres(0.0, -20.0),
            Place::from_metres(1_030.0, 3_000.0),
        );
        let leg = Leg::on(route, ends, at(0), at(10_000));
        for (millis, east_m, north_m, metres) in [
            (0, 0.0, 0.0, 0.0),
            (2_500, 500.0, 0.0, 500.0),
            (7_500, 1_000.0, 1_500.0, 2_500.0),
            (10_000, 1_000.0, 3_000.0, 4_000.0),
        ] {
            let place = leg.place_at(&space, at(millis));
            assert!((place.east_m() - east_m).abs() < 1e-6, "{millis}");
            assert!((place.north_m() - north_m).abs() < 1e-6, "{millis}");
            assert!((leg.metres_at(at(millis)) - metres).abs() < 1e-6);
        }
    }
}
