//! City profiles: what is known of a city's rides, as plain data that a scenario draws from.
//!
//! A profile holds, hour by hour, how many trips there are, how long and how fast; how trip lengths vary
//! about their mean; and where trips begin and end, as weights of H3 cells. A scenario draws an origin
//! by weight, a distance from [`TripLengths`] scaled to the hour's mean, and a destination about that
//! far away. Each part names its source. Shipped profiles are made from published data by the example
//! `make_profile`.

use domain::{Cell, Resolution};

#[cfg(feature = "formats")]
mod toml_file;
#[cfg(feature = "formats")]
pub use toml_file::{NEW_YORK_PEAK, PROFILE_SCHEMA, ProfileError};

/// Metres in a mile: the profiles keep their sources' units.
pub const METRES_PER_MILE: f64 = 1_609.344;

/// What is known of a city's rides.
#[derive(Debug, Clone, PartialEq)]
pub struct Profile {
    /// The profile's name.
    pub name: String,
    /// Where the hourly figures come from, and what they are and are not.
    pub demand_source: String,
    /// The mean day, hour by hour of local time, from midnight.
    pub hours: [ProfileHour; 24],
    /// Where the trip lengths come from.
    pub lengths_source: String,
    /// How trip lengths vary about their mean.
    pub lengths: TripLengths,
    /// Where the weights of the cells come from.
    pub places_source: String,
    /// How much longer a trip's way is than the straight line between its ends, over all trips.
    pub circuity: f64,
    /// The resolution of the cells.
    pub resolution: Resolution,
    /// Where trips begin: a weight for each cell, ascending by cell.
    pub origins: Vec<(Cell, f64)>,
    /// Where trips end.
    pub destinations: Vec<(Cell, f64)>,
}

/// One hour of the mean day.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ProfileHour {
    /// Trips that begin in it.
    pub trips: f64,
    /// Their mean distance, in miles.
    pub mean_miles: f64,
    /// Their mean duration, in minutes.
    pub mean_minutes: f64,
    /// The mean speed on trip, in miles per hour.
    pub mph: f64,
    /// Vehicles on trip at one time.
    pub on_trip_vehicles: f64,
}

impl ProfileHour {
    /// The mean distance of its trips, in metres.
    #[must_use]
    pub fn mean_distance_m(&self) -> f64 {
        self.mean_miles * METRES_PER_MILE
    }

    /// The mean speed on trip, in metres per second.
    #[must_use]
    pub fn speed_m_per_s(&self) -> f64 {
        self.mph * METRES_PER_MILE / 3_600.0
    }
}

/// How trip lengths vary: quantiles, each as a multiple of the mean, joined by straight lines.
#[derive(Debug, Clone, PartialEq)]
pub struct TripLengths {
    /// (probability, multiple of the mean), ascending in both, from probability 0 to 1.
    points: Vec<(f64, f64)>,
}

impl TripLengths {
    /// A distribution through these quantiles, scaled so that its mean is exactly 1. None unless the
    /// probabilities ascend from 0 to 1 and the multiples are positive and never descend.
    #[must_use]
    pub fn new(mut points: Vec<(f64, f64)>) -> Option<Self> {
        let ends = (points.first()?.0, points.last()?.0);
        let ascends = |pair: &[(f64, f64)]| pair[0].0 < pair[1].0 && pair[0].1 <= pair[1].1;
        let is_positive = points
            .iter()
            .all(|(_, multiple)| *multiple > 0.0 && multiple.is_finite());
        if ends != (0.0, 1.0) || !is_positive || !points.windows(2).all(ascends) {
            return None;
        }
        let mean = mean(&points);
        for (_, multiple) in &mut points {
            *multiple /= mean;
        }
        Some(Self { points })
    }

    /// The multiple of the mean that a uniform draw in [0, 1] falls on.
    #[must_use]
    pub fn multiple(&self, uniform: f64) -> f64 {
        let after = self
            .points
            .partition_point(|(probability, _)| *probability <= uniform);
        let after = after.clamp(1, self.points.len() - 1);
        let ((low, from), (high, to)) = (self.points[after - 1], self.points[after]);
        from + (to - from) * ((uniform - low) / (high - low)).clamp(0.0, 1.0)
    }

    /// The quantiles: (probability, multiple of the mean).
    #[must_use]
    pub fn points(&self) -> &[(f64, f64)] {
        &self.points
    }
}

/// The mean of a distribution whose quantiles are joined by straight lines.
fn mean(points: &[(f64, f64)]) -> f64 {
    points
        .windows(2)
        .map(|pair| (pair[1].0 - pair[0].0) * f64::midpoint(pair[0].1, pair[1].1))
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_have_mean_one_and_pass_through_their_quantiles() {
        let lengths =
            TripLengths::new(vec![(0.0, 1.0), (0.5, 3.0), (0.9, 9.0), (1.0, 30.0)]).unwrap();
        let draws = 100_000;
        let mean: f64 = (0..draws)
            .map(|i| lengths.multiple((f64::from(i) + 0.5) / f64::from(draws)))
            .sum::<f64>()
            / f64::from(draws);
        assert!((mean - 1.0).abs() < 1e-6, "{mean}");
        assert!((lengths.multiple(0.9) / lengths.multiple(0.5) - 3.0).abs() < 1e-12);
        assert!((lengths.multiple(1.0) / lengths.multiple(0.0) - 30.0).abs() < 1e-12);
        assert!(lengths.multiple(0.25) > lengths.multiple(0.24));
    }

    #[test]
    fn quantiles_that_are_none_are_refused() {
        for points in [
            vec![],
            vec![(0.0, 1.0)],
            vec![(0.1, 1.0), (1.0, 2.0)],
            vec![(0.0, 1.0), (0.9, 2.0)],
            vec![(0.0, 2.0), (1.0, 1.0)],
            vec![(0.0, 0.0), (1.0, 1.0)],
            vec![(0.0, 1.0), (1.0, f64::INFINITY)],
            vec![(0.0, 1.0), (0.5, f64::NAN), (1.0, 3.0)],
        ] {
            assert_eq!(TripLengths::new(points.clone()), None, "{points:?}");
        }
    }
}
