//! The values that stand in a scenario: spans such as `10m`, laws such as `exponential 5m`, numbers or
//! curves, one number or 24. Each reads and writes the very form the user writes.

use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use workload::law::{Curve, SpanLaw, Willingness, parse_span};

/// A span, written `250ms`, `5s`, `10m` or `2h`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span(pub Duration);

impl Span {
    /// Whole seconds.
    pub const fn secs(seconds: u64) -> Self {
        Self(Duration::from_secs(seconds))
    }

    /// Its seconds, if they are whole and in the range: what the system is told of in seconds.
    ///
    /// # Errors
    /// Says what was found, and what was expected.
    pub fn whole_seconds(self, range: &RangeInclusive<u64>) -> Result<u64, String> {
        let seconds = self.0.as_secs();
        if self.0.subsec_nanos() == 0 && range.contains(&seconds) {
            return Ok(seconds);
        }
        let (least, most) = (range.start(), range.end());
        Err(format!(
            "found {self}, expected whole seconds from {least}s to {most}s"
        ))
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&span_text(self.0))
    }
}

/// A span in its largest unit that leaves a whole number.
fn span_text(span: Duration) -> String {
    let us = span.as_micros();
    for (unit, unit_us) in [
        ("h", 3_600_000_000),
        ("m", 60_000_000),
        ("s", 1_000_000),
        ("ms", 1_000),
    ] {
        if us > 0 && us.is_multiple_of(unit_us) {
            return format!("{}{unit}", us / unit_us);
        }
    }
    if us == 0 {
        "0s".to_owned()
    } else {
        format!("{us}us")
    }
}

impl FromStr for Span {
    type Err = workload::law::LawError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        parse_span(text).map(Self)
    }
}

/// A law of how long something takes: `5m`, `exponential 5m`, `lognormal 5m 0.5`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Law(pub SpanLaw);

impl fmt::Display for Law {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            SpanLaw::Constant(span) => f.write_str(&span_text(span)),
            SpanLaw::Exponential { mean } => write!(f, "exponential {}", span_text(mean)),
            SpanLaw::Lognormal { median, sigma } => {
                write!(f, "lognormal {} {sigma}", span_text(median))
            }
        }
    }
}

impl FromStr for Law {
    type Err = workload::law::LawError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}

/// `from-distance`, or a law that holds whatever the distance.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum RideDuration {
    /// The way at the city's speed.
    FromDistance,
    /// That long, whatever the distance.
    Law(Law),
}

impl fmt::Display for RideDuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::FromDistance => f.write_str("from-distance"),
            Self::Law(law) => law.fmt(f),
        }
    }
}

impl FromStr for RideDuration {
    type Err = workload::law::LawError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "from-distance" {
            Ok(Self::FromDistance)
        } else {
            text.parse().map(Self::Law)
        }
    }
}

macro_rules! as_text {
    ($($kind:ty),+) => {$(
        impl Serialize for $kind {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }
        impl<'de> Deserialize<'de> for $kind {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
            }
        }
    )+};
}
as_text!(Span, Law, RideDuration);

/// A probability, or a curve of one over minutes and money.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(
    untagged,
    expecting = "a probability, or { intercept, per_minute, per_currency_unit }"
)]
pub enum Chance {
    /// The same for all.
    Constant(f64),
    /// Log-odds that are linear in minutes and in money.
    Curve(CurveTerms),
}

/// Log-odds = intercept + per_minute × minutes + per_currency_unit × amount.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CurveTerms {
    intercept: f64,
    #[serde(default)]
    per_minute: f64,
    #[serde(default)]
    per_currency_unit: f64,
}

impl From<Chance> for Willingness {
    fn from(chance: Chance) -> Self {
        match chance {
            Chance::Constant(probability) => Self::Constant(probability),
            Chance::Curve(terms) => Self::Curve(Curve {
                intercept: terms.intercept,
                per_minute: terms.per_minute,
                per_currency_unit: terms.per_currency_unit,
            }),
        }
    }
}

/// One number for the whole day, or 24 of them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged, expecting = "a number, or 24 of them")]
pub enum ByHour {
    /// The same all day.
    Constant(f64),
    /// One for each hour.
    Hours(Vec<f64>),
}

/// Found another number of hours than a day has.
#[derive(Debug, thiserror::Error)]
#[error("found {0} numbers, expected one, or 24: one for each hour")]
pub struct HoursError(usize);

impl ByHour {
    /// A number for each hour.
    pub fn hours(&self) -> Result<[f64; 24], HoursError> {
        match self {
            Self::Constant(number) => Ok([*number; 24]),
            Self::Hours(hours) => hours
                .as_slice()
                .try_into()
                .map_err(|_| HoursError(hours.len())),
        }
    }
}

/// A number in hundredths, rounded, if it is in the range and has no more than two digits after the point.
///
/// # Errors
/// Says what was found, and what was expected.
pub fn hundredths(found: f64, range: &RangeInclusive<f64>) -> Result<i64, String> {
    let hundredths = found * 100.0;
    if range.contains(&found) && (hundredths - hundredths.round()).abs() < 1e-6 {
        return Ok(rounded(hundredths));
    }
    let (least, most) = (range.start(), range.end());
    Err(format!(
        "found {found}, expected {least} to {most} in hundredths"
    ))
}

/// The nearest whole number.
#[expect(clippy::cast_possible_truncation, reason = "rounded; `as` saturates")]
pub fn rounded(number: f64) -> i64 {
    number.round() as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_and_laws_are_written_as_they_are_read() {
        for text in [
            "0s",
            "250ms",
            "5s",
            "10m",
            "2h",
            "exponential 5m",
            "lognormal 90s 0.5",
        ] {
            assert_eq!(text.parse::<Law>().unwrap().to_string(), text);
        }
        assert_eq!("90s".parse::<Span>().unwrap().to_string(), "90s");
        assert!("5 parsecs".parse::<Span>().is_err());
        assert_eq!(
            "from-distance".parse::<RideDuration>().unwrap(),
            RideDuration::FromDistance
        );
    }

    #[test]
    fn a_day_has_24_hours() {
        assert!(ByHour::Hours(vec![1.0; 23]).hours().is_err());
        assert_eq!(ByHour::Constant(2.0).hours().unwrap(), [2.0; 24]);
    }
}
