//! Laws of chance that a scenario states: how long something takes, and how willing someone is.

use std::str::FromStr;
use std::time::Duration;

use domain::Money;
use kernel::Stream;
use kernel::random::{SPAN_MAX, span};

/// What was found where a law or a number was expected.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("found {found:?}, expected {expected}")]
pub struct LawError {
    /// What was found.
    pub found: String,
    /// What should have stood there.
    pub expected: &'static str,
}

fn law_error(found: &str, expected: &'static str) -> LawError {
    let found = found.chars().take(64).collect();
    LawError { found, expected }
}

/// How long something takes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum SpanLaw {
    /// Always the same.
    Constant(Duration),
    /// Exponential.
    Exponential {
        /// The mean.
        mean: Duration,
    },
    /// Lognormal.
    Lognormal {
        /// The median.
        median: Duration,
        /// The standard deviation of the logarithm, 0 to 5.
        sigma: f64,
    },
}

impl SpanLaw {
    /// No time at all.
    pub const ZERO: Self = Self::Constant(Duration::ZERO);

    /// Draws a span.
    pub fn sample(&self, stream: &mut Stream) -> Duration {
        match *self {
            Self::Constant(span) => span,
            Self::Exponential { mean } => stream.exponential_span(mean),
            Self::Lognormal { median, sigma } => stream.lognormal_span(median, sigma),
        }
    }

    /// The mean span.
    #[must_use]
    pub fn mean(&self) -> Duration {
        match *self {
            Self::Constant(span) => span,
            Self::Exponential { mean } => mean,
            Self::Lognormal { median, sigma } => {
                span(median.as_secs_f64() * (sigma * sigma / 2.0).exp())
            }
        }
    }

    /// Draws the whole of a span that is under way at a random moment. Long spans are met more often:
    /// each counts by its length.
    pub fn sample_under_way(&self, stream: &mut Stream) -> Duration {
        match *self {
            Self::Constant(span) => span,
            // Length-biased, an exponential is the sum of two.
            Self::Exponential { mean } => {
                stream.exponential_span(mean) + stream.exponential_span(mean)
            }
            // Length-biased, a lognormal is one with its median moved by exp(sigma²).
            Self::Lognormal { median, sigma } => {
                span(stream.lognormal(median.as_secs_f64() * (sigma * sigma).exp(), sigma))
            }
        }
    }
}

impl FromStr for SpanLaw {
    type Err = LawError;

    /// Reads `5m`, `constant 5m`, `exponential 12m` (its mean) or `lognormal 12m 0.5` (its median and sigma).
    fn from_str(text: &str) -> Result<Self, LawError> {
        const EXPECTED: &str = "a span such as 5m, exponential 5m or lognormal 5m 0.5";
        let mut words = text.split_ascii_whitespace();
        let words = [words.next(), words.next(), words.next(), words.next()];
        let span_of = |word: &str| parse_span(word).map_err(|_| law_error(text, EXPECTED));
        match words {
            [Some(word), None, ..] | [Some("constant"), Some(word), None, _] => {
                span_of(word).map(Self::Constant)
            }
            [Some("exponential"), Some(mean), None, _] => {
                span_of(mean).map(|mean| Self::Exponential { mean })
            }
            [Some("lognormal"), Some(median), Some(sigma), None] => {
                let median = span_of(median)?;
                let sigma = sigma.parse().ok().filter(|s| (0.0..=5.0).contains(s));
                sigma
                    .map(|sigma| Self::Lognormal { median, sigma })
                    .ok_or_else(|| law_error(text, EXPECTED))
            }
            _ => Err(law_error(text, EXPECTED)),
        }
    }
}

/// Reads a span: a number and its unit, `us`, `ms`, `s`, `m`, `h` or `d`.
///
/// # Errors
/// If it is anything else, negative, or longer than a hundred years.
pub fn parse_span(text: &str) -> Result<Duration, LawError> {
    const EXPECTED: &str = "a span such as 250ms, 5s, 10m or 2h";
    let text = text.trim();
    let unit_at = text
        .find(|c: char| c.is_ascii_alphabetic())
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(unit_at);
    let unit_s = match unit {
        "us" => 1e-6,
        "ms" => 1e-3,
        "s" => 1.0,
        "m" => 60.0,
        "h" => 3_600.0,
        "d" => 86_400.0,
        _ => return Err(law_error(text, EXPECTED)),
    };
    number
        .trim()
        .parse::<f64>()
        .ok()
        .map(|number| number * unit_s)
        .filter(|seconds| (0.0..=SPAN_MAX.as_secs_f64()).contains(seconds))
        .map(Duration::from_secs_f64)
        .ok_or_else(|| law_error(text, EXPECTED))
}

/// How willing someone is to say yes to a wait and an amount of money.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Willingness {
    /// The same probability whatever is asked, 0 to 1.
    Constant(f64),
    /// A logistic curve.
    Curve(Curve),
}

/// A logistic curve: the probability is 1 / (1 + exp(-(intercept + `per_minute` · minutes +
/// `per_currency_unit` · money))). For a rider both slopes are negative; for a driver the fare's is positive.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Curve {
    /// The log-odds at no wait and no money.
    pub intercept: f64,
    /// What each minute adds to the log-odds.
    pub per_minute: f64,
    /// What each hundred minor units (a dollar) add to the log-odds.
    pub per_currency_unit: f64,
}

impl Willingness {
    /// The probability of a yes. The wait is in the city's time.
    #[must_use]
    pub fn probability(&self, wait: Duration, money: Money) -> f64 {
        match *self {
            Self::Constant(probability) => probability,
            Self::Curve(curve) => {
                let minutes = wait.as_secs_f64() / 60.0;
                let units = money.minor() as f64 / 100.0;
                let log_odds =
                    curve.intercept + curve.per_minute * minutes + curve.per_currency_unit * units;
                1.0 / (1.0 + (-log_odds).exp())
            }
        }
    }

    /// Checks the numbers.
    ///
    /// # Errors
    /// If a constant is no probability, or a coefficient is not finite.
    pub fn checked(self) -> Result<Self, LawError> {
        match self {
            Self::Constant(probability) => checked_probability(probability).map(|_| self),
            Self::Curve(curve) => {
                let numbers = [curve.intercept, curve.per_minute, curve.per_currency_unit];
                match numbers.iter().find(|number| !number.is_finite()) {
                    Some(number) => Err(law_error(&number.to_string(), "a finite coefficient")),
                    None => Ok(self),
                }
            }
        }
    }
}

/// The probability itself, if it is one.
///
/// # Errors
/// If it is not between 0 and 1.
pub fn checked_probability(probability: f64) -> Result<f64, LawError> {
    if (0.0..=1.0).contains(&probability) {
        Ok(probability)
    } else {
        Err(law_error(
            &probability.to_string(),
            "a probability of 0 to 1",
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kernel::Streams;

    const MINUTE: Duration = Duration::from_secs(60);

    #[test]
    fn laws_are_read_as_scenarios_write_them() {
        assert_eq!("5m".parse(), Ok(SpanLaw::Constant(5 * MINUTE)));
        assert_eq!(
            "constant 90s".parse(),
            Ok(SpanLaw::Constant(MINUTE * 3 / 2))
        );
        assert_eq!(
            " exponential 12m ".parse(),
            Ok(SpanLaw::Exponential { mean: 12 * MINUTE })
        );
        let median = Duration::from_millis(1_500);
        let lognormal = SpanLaw::Lognormal { median, sigma: 0.5 };
        assert_eq!("lognormal 1.5s 0.5".parse(), Ok(lognormal));
        for text in [
            "",
            "5",
            "m",
            "-5m",
            "5 parsecs",
            "exponential",
            "exponential 5m 6m",
            "NaNs",
            "infs",
            "lognormal 5m",
            "lognormal 5m x",
            "lognormal 5m 9",
            "1e99h",
            "gamma 5m",
        ] {
            let error = text.parse::<SpanLaw>().unwrap_err();
            assert!(error.expected.contains("exponential 5m"), "{text}");
        }
    }

    #[test]
    fn a_span_met_under_way_counts_by_its_length() {
        let mut stream = Streams::new(5).stream("law", 0);
        let count = 100_000;
        let laws = [
            SpanLaw::Constant(MINUTE),
            SpanLaw::Exponential { mean: MINUTE },
            SpanLaw::Lognormal {
                median: MINUTE,
                sigma: 0.4,
            },
        ];
        for law in laws {
            let spans = || (0..count).map(|_| ());
            let sampled: Vec<f64> = spans()
                .map(|()| law.sample(&mut stream).as_secs_f64())
                .collect();
            let mean = sampled.iter().sum::<f64>() / f64::from(count);
            let square = sampled.iter().map(|s| s * s).sum::<f64>() / f64::from(count);
            let met: f64 = spans()
                .map(|()| law.sample_under_way(&mut stream).as_secs_f64())
                .sum();
            assert!(
                (mean / law.mean().as_secs_f64() - 1.0).abs() < 0.02,
                "{law:?}"
            );
            // The mean of a length-biased law is E[X²] / E[X].
            assert!(
                (met / f64::from(count) / (square / mean) - 1.0).abs() < 0.03,
                "{law:?}"
            );
        }
    }

    #[test]
    fn curves_fall_with_what_they_are_told_to_fall_with() {
        let curve = Willingness::Curve(Curve {
            intercept: 4.0,
            per_minute: -0.2,
            per_currency_unit: -0.1,
        });
        let at = |minutes: u32, dollars: i64| {
            curve.probability(MINUTE * minutes, Money::from_minor(dollars * 100))
        };
        assert!((at(10, 20) - 0.5).abs() < 1e-12);
        assert!(at(5, 20) > at(10, 20) && at(10, 10) > at(10, 20));
        assert!(Willingness::Constant(1.1).checked().is_err());
        assert!(Willingness::Constant(f64::NAN).checked().is_err());
        assert!(curve.checked().is_ok());
    }
}
