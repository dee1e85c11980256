//! How long a way takes: straight-line distance, circuity, and a speed by hour of day.

use std::time::Duration;

use crate::place::{Place, Space};
use crate::time::Timestamp;

/// The way between two places.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Way {
    /// Length along the streets, in metres.
    pub distance_m: f64,
    /// Time to drive it.
    pub duration: Duration,
}

/// The one rule by which quotes, matching, drivers and the twin turn places into metres and minutes.
#[derive(Debug, Clone, PartialEq)]
pub struct Travel {
    space: Space,
    circuity: f64,
    speed_mps_by_hour: [f64; 24],
}

/// Why a travel rule cannot be.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum TravelError {
    /// Circuity is below 1 or not finite.
    #[error("found circuity {0}, expected a number of at least 1")]
    Circuity(f64),
    /// A speed is not positive and finite.
    #[error("found a speed of {0} km/h, expected a positive number")]
    Speed(f64),
}

impl Travel {
    /// A rule from a space, the ratio of street to straight distance, and km/h for each hour of the day (UTC).
    ///
    /// # Errors
    /// If circuity is below 1, or a speed is not positive.
    pub fn new(space: Space, circuity: f64, speed_kmh: [f64; 24]) -> Result<Self, TravelError> {
        if !circuity.is_finite() || circuity < 1.0 {
            return Err(TravelError::Circuity(circuity));
        }
        if let Some(&speed) = speed_kmh.iter().find(|s| !s.is_finite() || **s <= 0.0) {
            return Err(TravelError::Speed(speed));
        }
        Ok(Self {
            space,
            circuity,
            speed_mps_by_hour: speed_kmh.map(|kmh| kmh / 3.6),
        })
    }

    /// The metric underneath.
    #[must_use]
    pub fn space(&self) -> &Space {
        &self.space
    }

    /// Street metres for each straight metre.
    #[must_use]
    pub fn circuity(&self) -> f64 {
        self.circuity
    }

    /// The way from one place to another, leaving at a time.
    #[must_use]
    pub fn way(&self, from: Place, to: Place, leaving: Timestamp) -> Way {
        self.way_of(self.space.distance_m(from, to) * self.circuity, leaving)
    }

    /// The way of a known length along the streets, in metres, leaving at a time.
    #[must_use]
    pub fn way_of(&self, distance_m: f64, leaving: Timestamp) -> Way {
        let seconds = distance_m / self.speed_mps_by_hour[leaving.hour_of_day()];
        Way {
            distance_m,
            duration: Duration::from_secs_f64(seconds.clamp(0.0, 1e9)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_way_is_circuity_and_speed() {
        let space = Space::Plane {
            width_m: 10_000.0,
            height_m: 10_000.0,
        };
        let travel = Travel::new(space, 1.5, [36.0; 24]).unwrap();
        let way = travel.way(
            Place::from_metres(0.0, 0.0),
            Place::from_metres(3_000.0, 4_000.0),
            Timestamp::ZERO,
        );
        assert!((way.distance_m - 7_500.0).abs() < 1e-6);
        assert!((way.duration.as_secs_f64() - 750.0).abs() < 1e-3);
    }

    #[test]
    fn a_standing_city_is_refused() {
        assert_eq!(
            Travel::new(Space::Sphere, 1.3, [0.0; 24]),
            Err(TravelError::Speed(0.0))
        );
        assert!(Travel::new(Space::Sphere, 0.9, [20.0; 24]).is_err());
    }
}
