//! The marketplace against theory: the use cases on a cloud that answers at once, in cities of textbook
//! simplicity, held against closed forms and exact calculations.
//!
//! A figure is the mean over seeds, each a run of its own, with the 95 % interval of Student's t. It must lie
//! within twice the half-width of what theory says (the seeds are fixed, and a sound interval fails so about
//! once in a thousand figures), and the half-width must be narrow enough for that to say something. Where
//! theory leaves out what the twin has, the test says what, and widens by it.

mod batched;
mod goose;
mod little;
mod loss;
mod nearest;

use std::time::Duration;

use domain::Timestamp;
use domain::trip::{Trip, TripState};
use report::replicas::student_t_95;
use rushhour_twin as twin;
use services::config::{Assignment, DispatchPolicy, Queue};
use twin::sizes::Sizes;
use twin::textbook::{Outcome, Textbook, at_once};
use workload::law::SpanLaw;

/// A mean and the half-width of its 95 % interval.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Estimate {
    pub(crate) mean: f64,
    pub(crate) ci95: f64,
}

impl Estimate {
    /// Of independent draws.
    pub(crate) fn of(draws: &[f64]) -> Self {
        let count = draws.len() as f64;
        let mean = draws.iter().sum::<f64>() / count;
        let squares: f64 = draws.iter().map(|draw| (draw - mean).powi(2)).sum();
        Self {
            mean,
            ci95: student_t_95(draws.len() - 1) * (squares / (count - 1.0) / count).sqrt(),
        }
    }

    /// It is between the two, to within twice its half-width, and known to within a share of them.
    #[track_caller]
    pub(crate) fn lies_in(self, what: &str, low: f64, high: f64, known_to: f64) {
        let Self { mean, ci95 } = self;
        assert!(
            mean >= low - 2.0 * ci95 && mean <= high + 2.0 * ci95,
            "{what}: found {mean} ± {ci95}, expected {low} to {high}"
        );
        assert!(
            ci95 <= known_to * high.abs(),
            "{what}: found {mean} ± {ci95}, expected an interval within {known_to} of {high}"
        );
    }

    /// It is what theory says, to within twice its half-width, and known to within a share of it.
    #[track_caller]
    pub(crate) fn holds(self, what: &str, expected: f64, known_to: f64) {
        self.lies_in(what, expected, expected, known_to);
    }

    /// It is above a limit by more than chance.
    #[track_caller]
    pub(crate) fn is_above(self, what: &str, limit: f64) {
        assert!(
            self.mean - self.ci95 > limit,
            "{what}: found {} ± {}, expected more than {limit}",
            self.mean,
            self.ci95
        );
    }
}

/// Five drivers in a city without distances, who serve whom they can at once.
pub(crate) fn textbook() -> Textbook {
    Textbook {
        seed: 1,
        side_m: 10.0,
        speed_kmh: 900.0,
        drivers: 5,
        rides_per_hour: 240.0,
        ride: Some(law("exponential 60s")),
        patience: Duration::from_secs(3_600),
        reaction: SpanLaw::ZERO,
        dispatch: DispatchPolicy {
            assignment: Assignment::Nearest,
            window: Duration::ZERO,
            radius_m: None,
            candidates: 20,
            offer_timeout: Duration::from_secs(15),
            queue: Queue::Lose,
        },
        surge: false,
        span: Duration::from_secs(6 * 3_600),
        warmup: Duration::from_secs(900),
        profile: at_once(),
        sizes: Sizes::hybrid(),
    }
}

/// A law, as scenarios state it.
pub(crate) fn law(text: &str) -> SpanLaw {
    text.parse().expect("a law")
}

/// Runs a marketplace with each of so many seeds.
pub(crate) fn runs(textbook: &Textbook, seeds: u64) -> Vec<Outcome> {
    let with = |seed| Textbook {
        seed,
        ..textbook.clone()
    };
    (1..=seeds).map(|seed| with(seed).run()).collect()
}

/// A figure of each run, as one with its interval.
#[track_caller]
pub(crate) fn figure(runs: &[Outcome], of: impl Fn(&Outcome) -> f64) -> Estimate {
    Estimate::of(&runs.iter().map(of).collect::<Vec<_>>())
}

/// Whether a moment counts.
pub(crate) fn counts(outcome: &Outcome, at: Timestamp) -> bool {
    (outcome.counted_from..outcome.counted_from + outcome.counted).contains(&at)
}

/// Trips that were requested while things counted.
pub(crate) fn requested(outcome: &Outcome) -> Vec<&Trip> {
    let trips = outcome.left.trips.iter();
    trips
        .filter(|trip| counts(outcome, trip.requested_at))
        .collect()
}

/// Rides completed an hour.
pub(crate) fn per_hour(outcome: &Outcome) -> f64 {
    let ended = |trip: &&Trip| {
        let at = trip.stamps.dropped_off_at;
        trip.state == TripState::Completed && at.is_some_and(|at| counts(outcome, at))
    };
    let rides = outcome.left.trips.iter().filter(ended).count();
    rides as f64 / (outcome.counted.as_secs_f64() / 3_600.0)
}

/// The mean way to pick-ups, in metres, of rides that were taken while things counted.
pub(crate) fn pickup_m(outcome: &Outcome) -> f64 {
    let seen = outcome.recorded.seen.iter().map(|(_, seen)| seen);
    let taken = seen.filter(|seen| {
        let mut accepts = seen.accepts.iter();
        accepts.any(|accept| counts(outcome, accept.at))
    });
    mean(taken.filter_map(|seen| seen.pickup_distance_m))
}

/// The mean of some numbers.
pub(crate) fn mean(of: impl Iterator<Item = f64>) -> f64 {
    let (mut sum, mut count) = (0.0, 0.0);
    for value in of {
        sum += value;
        count += 1.0;
    }
    sum / count
}
