//! When requests are due: stages of constant or changing rate, evenly spaced or as a Poisson process.
//!
//! Pure: a schedule is a function of its stages and, if random, of a seed. It never looks at a clock, so that it cannot
//! wait for a target that is slow.

use std::fmt::{self, Display, Formatter};
use std::str::FromStr;
use std::time::Duration;

use kernel::Stream;
use kernel::random::Streams;
use workload::law::parse_span;

use crate::limits::{RATE_MAX, SPAN_MAX};

/// A time in which the rate is constant, or changes evenly.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stage {
    span: Duration,
    from: f64,
    to: f64,
}

/// Why there is no such schedule.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ScheduleError {
    /// The text of a stage.
    #[error(
        "found stage {0:?}, expected SPAN:RATE or SPAN:FROM..TO, such as 30s:100 or 1m:100..2000"
    )]
    Stage(String),
    /// A rate.
    #[error("found a rate of {0} requests a second, expected from 0 to {RATE_MAX}")]
    Rate(f64),
    /// The time of all stages.
    #[error("found a duration of {0:?}, expected more than nothing and at most {SPAN_MAX:?}")]
    Span(Duration),
    /// Nothing is ever due.
    #[error(
        "found no request due in {0:?}, expected one at least: a higher rate, or a longer time"
    )]
    Nothing(Duration),
}

fn checked(rate: f64) -> Result<f64, ScheduleError> {
    if (0.0..=RATE_MAX).contains(&rate) {
        Ok(rate)
    } else {
        Err(ScheduleError::Rate(rate))
    }
}

impl Stage {
    /// A stage that goes from one rate to another, in requests a second.
    ///
    /// # Errors
    /// If a rate is none, or the span is longer than [`SPAN_MAX`].
    pub fn new(span: Duration, from: f64, to: f64) -> Result<Self, ScheduleError> {
        let (from, to) = (checked(from)?, checked(to)?);
        if span > SPAN_MAX {
            return Err(ScheduleError::Span(span));
        }
        Ok(Self { span, from, to })
    }

    /// How many requests are due in it.
    fn requests(&self) -> f64 {
        self.span.as_secs_f64() * f64::midpoint(self.from, self.to)
    }

    /// When so many of its requests were due, in seconds after it began: the inverse of the integral of the rate, in
    /// the form that loses no digits where the rate hardly changes.
    fn after_s(&self, requests: f64) -> f64 {
        let slope = (self.to - self.from) / self.span.as_secs_f64();
        let rate_then = (self.from * self.from + 2.0 * slope * requests)
            .max(0.0)
            .sqrt();
        let after = 2.0 * requests / (self.from + rate_then);
        if after.is_finite() { after } else { 0.0 }
    }
}

impl FromStr for Stage {
    type Err = ScheduleError;

    fn from_str(text: &str) -> Result<Self, ScheduleError> {
        let malformed = || ScheduleError::Stage(text.to_owned());
        let rate = |text: &str| text.trim().parse::<f64>().map_err(|_| malformed());
        let (span, rates) = text.split_once(':').ok_or_else(malformed)?;
        let span = parse_span(span).map_err(|_| malformed())?;
        let (from, to) = match rates.split_once("..") {
            Some((from, to)) => (rate(from)?, rate(to)?),
            None => (rate(rates)?, rate(rates)?),
        };
        Self::new(span, from, to)
    }
}

impl Display for Stage {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if self.from.to_bits() == self.to.to_bits() {
            write!(f, "{:?} at {}/s", self.span, self.from)
        } else {
            write!(f, "{:?} from {} to {}/s", self.span, self.from, self.to)
        }
    }
}

/// How requests lie in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrivals {
    /// Evenly.
    Constant,
    /// As those of many who know nothing of each other: a Poisson process.
    Poisson {
        /// Replays the same times.
        seed: u64,
    },
}

/// When requests are due.
#[derive(Debug, Clone, PartialEq)]
pub struct Schedule {
    stages: Vec<Stage>,
    arrivals: Arrivals,
}

impl Schedule {
    /// The stages one after the other.
    ///
    /// # Errors
    /// If they take no time or longer than [`SPAN_MAX`], or nothing is due in them.
    pub fn new(stages: Vec<Stage>, arrivals: Arrivals) -> Result<Self, ScheduleError> {
        let schedule = Self { stages, arrivals };
        let span = schedule.span();
        if span.is_zero() || span > SPAN_MAX {
            return Err(ScheduleError::Span(span));
        }
        if schedule.due().next().is_none() {
            return Err(ScheduleError::Nothing(span));
        }
        Ok(schedule)
    }

    /// How long it takes.
    #[must_use]
    pub fn span(&self) -> Duration {
        let spans = self.stages.iter().map(|stage| stage.span);
        spans.fold(Duration::ZERO, Duration::saturating_add)
    }

    /// The highest rate, in requests a second.
    #[must_use]
    pub fn peak(&self) -> f64 {
        let rates = self.stages.iter().flat_map(|stage| [stage.from, stage.to]);
        rates.fold(0.0, f64::max)
    }

    /// When each request is due, counted from the start, in order.
    #[must_use]
    pub fn due(&self) -> Due<'_> {
        let mut gaps = match self.arrivals {
            Arrivals::Constant => None,
            Arrivals::Poisson { seed } => Some(Streams::new(seed).stream("load", 0)),
        };
        let first = gaps.as_mut().map_or(0.0, |gaps| gaps.exponential(1.0));
        Due {
            stages: &self.stages,
            began: Duration::ZERO,
            before: 0.0,
            at: first,
            gaps,
        }
    }
}

impl Display for Schedule {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let stages: Vec<String> = self.stages.iter().map(Stage::to_string).collect();
        write!(f, "{}", stages.join(", then "))?;
        match self.arrivals {
            Arrivals::Constant => write!(f, ", evenly spaced"),
            Arrivals::Poisson { seed } => write!(f, ", Poisson arrivals of seed {seed}"),
        }
    }
}

/// The times of a [`Schedule`].
///
/// Times are told by how many requests are due until then (the integral of the rate): in that measure neighbours lie 1
/// apart, or as an exponential variable of mean 1 says, whatever the stages are.
#[derive(Debug)]
pub struct Due<'a> {
    /// The stage that goes on, and those after it.
    stages: &'a [Stage],
    /// When it began.
    began: Duration,
    /// Requests due before it.
    before: f64,
    /// Requests due before the next one.
    at: f64,
    gaps: Option<Stream>,
}

impl Iterator for Due<'_> {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        loop {
            let (stage, later) = self.stages.split_first()?;
            let within = self.at - self.before;
            if within < stage.requests() {
                let gap = self.gaps.as_mut().map_or(1.0, |gaps| gaps.exponential(1.0));
                self.at += gap;
                let after = Duration::from_secs_f64(stage.after_s(within));
                return Some(self.began + after.min(stage.span));
            }
            self.before += stage.requests();
            self.began += stage.span;
            self.stages = later;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn schedule(stages: &[&str], arrivals: Arrivals) -> Schedule {
        let stages = stages.iter().map(|text| text.parse().unwrap()).collect();
        Schedule::new(stages, arrivals).unwrap()
    }

    fn seconds(schedule: &Schedule) -> Vec<f64> {
        schedule.due().map(|due| due.as_secs_f64()).collect()
    }

    #[test]
    fn a_constant_rate_is_evenly_spaced_from_the_start_on() {
        let due = seconds(&schedule(&["2s:4"], Arrivals::Constant));
        assert_eq!(due, [0.0, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 1.75]);
        let million = schedule(&["1000s:1000"], Arrivals::Constant);
        assert_eq!(million.due().count(), 1_000_000);
        assert_eq!(million.due().last(), Some(Duration::from_millis(999_999)));
    }

    #[test]
    fn a_ramp_is_due_by_the_integral_of_its_rate() {
        // From 0 to 10 a second over 10 s: the kth at sqrt(2 k).
        let due = seconds(&schedule(&["10s:0..10"], Arrivals::Constant));
        assert_eq!(due.len(), 50);
        for (k, due) in due.iter().enumerate() {
            assert!((due - (2.0 * k as f64).sqrt()).abs() < 1e-8, "{k}: {due}");
        }
        let down = seconds(&schedule(&["10s:10..0"], Arrivals::Constant));
        assert!(down.len() == 50 && down[1] - down[0] < 0.101);
    }

    #[test]
    fn stages_follow_each_other_and_the_space_between_goes_across() {
        // One and a half requests, then one each half second: the third falls a quarter second into the second stage.
        let due = seconds(&schedule(&["1.5s:1", "1s:0", "1s:2"], Arrivals::Constant));
        assert_eq!(due, [0.0, 1.0, 2.75, 3.25]);
    }

    #[test]
    fn poisson_arrivals_have_the_mean_and_the_variance_of_their_law_and_replay() {
        let stages = ["100s:1000", "100s:1000..3000"];
        let poisson = schedule(&stages, Arrivals::Poisson { seed: 7 });
        let due = seconds(&poisson);
        // 300,000 expected, with a standard deviation of 548.
        assert!(due.len().abs_diff(300_000) < 5 * 548, "{}", due.len());
        assert_eq!(due, seconds(&poisson));
        assert_ne!(
            due,
            seconds(&schedule(&stages, Arrivals::Poisson { seed: 8 }))
        );
        let mut counts = vec![0.0; 100];
        for due in due.iter().filter(|due| **due < 100.0) {
            counts[*due as usize] += 1.0;
        }
        let mean = counts.iter().sum::<f64>() / 100.0;
        let variance = counts
            .iter()
            .map(|count: &f64| (count - mean).powi(2))
            .sum::<f64>()
            / 99.0;
        // Of a Poisson law they are equal; a quotient of 100 counts has a standard deviation of 0.14.
        assert!((variance / mean - 1.0).abs() < 0.7, "{variance} {mean}");
    }

    #[test]
    fn what_cannot_be_is_refused() {
        for text in [
            "", "10s", "10:5", "soon:5", "10s:fast", "10s:1..", "10s:..2", ":",
        ] {
            let error = text.parse::<Stage>().unwrap_err().to_string();
            assert!(
                error.contains(&format!("{text:?}")) && error.contains("expected"),
                "{error}"
            );
        }
        for text in ["10s:-1", "10s:nan", "10s:1e9", "10s:inf"] {
            assert!(
                matches!(text.parse::<Stage>(), Err(ScheduleError::Rate(_))),
                "{text}"
            );
        }
        let of = |texts: &[&str]| {
            let stages = texts.iter().map(|text| text.parse().unwrap()).collect();
            Schedule::new(stages, Arrivals::Constant).unwrap_err()
        };
        assert_eq!(of(&[]), ScheduleError::Span(Duration::ZERO));
        assert_eq!(of(&["0s:5"]), ScheduleError::Span(Duration::ZERO));
        assert_eq!(
            of(&["9s:0"]),
            ScheduleError::Nothing(Duration::from_secs(9))
        );
        assert!(matches!(of(&["5d:1", "5d:1"]), ScheduleError::Span(_)));
    }

    proptest! {
        #[test]
        fn times_rise_lie_within_and_are_as_many_as_the_rates_say(
            stages in prop::collection::vec((1u64..20_000, 0.0..300.0f64, 0.0..300.0f64), 1..5),
            seed in prop::option::of(any::<u64>()),
        ) {
            let stages: Vec<Stage> = stages
                .into_iter()
                .map(|(ms, from, to)| Stage::new(Duration::from_millis(ms), from, to).unwrap())
                .collect();
            let wanted: f64 = stages.iter().map(Stage::requests).sum();
            let arrivals = seed.map_or(Arrivals::Constant, |seed| Arrivals::Poisson { seed });
            if let Ok(schedule) = Schedule::new(stages, arrivals) {
                let due: Vec<Duration> = schedule.due().collect();
                prop_assert!(due.is_sorted());
                prop_assert!(due.iter().all(|due| *due <= schedule.span()));
                let tolerated = if seed.is_some() { 6.0 * wanted.sqrt() + 6.0 } else { 1.0 };
                prop_assert!((due.len() as f64 - wanted).abs() <= tolerated);
            }
        }
    }
}
