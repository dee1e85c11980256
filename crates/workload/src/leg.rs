//! A leg of a driver's way: where a car is at any time is a pure function of it.

use std::time::Duration;

use domain::{Place, Space, Timestamp};

/// A straight way at constant speed, in the run's time; or a car that stands.
#[derive(Debug, Clone, Copy, PartialEq)]
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
}

impl Leg {
    /// A car that stands at a place from a time on.
    #[must_use]
    pub fn parked(place: Place, at: Timestamp) -> Self {
        Self {
            from: place,
            to: place,
            left_at: at,
            arrives_at: at,
            distance_m: 0.0,
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
            space.along(self.from, self.to, self.share_at(now))
        }
    }

    /// How far the car has come on this leg, in metres along the streets.
    #[must_use]
    pub fn metres_at(&self, now: Timestamp) -> f64 {
        self.distance_m * self.share_at(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
}
