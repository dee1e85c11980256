//! Latencies by step in mergeable histograms.
//!
//! Values are kept in microseconds with three significant digits between [`LOWEST_US`] and
//! [`HIGHEST_US`]; what lies outside is clamped and counted. The whole set is written in the interval
//! log of HdrHistogram (`latency.hlog`), one tagged line a step, so that runs can be merged, also by
//! the tools that others have for that format.

use std::collections::BTreeMap;
use std::io::Write;
use std::time::Duration;

use hdrhistogram::Histogram;
use hdrhistogram::serialization::interval_log::{
    IntervalLogIterator, IntervalLogWriterBuilder, LogEntry, Tag,
};
use hdrhistogram::serialization::{Deserializer, V2DeflateSerializer};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::summary::{figure, rounded};

/// The shortest latency told apart, in microseconds.
pub const LOWEST_US: u64 = 1;
/// The longest latency told apart, in microseconds: an hour.
pub const HIGHEST_US: u64 = 3_600_000_000;
/// Significant decimal digits kept.
pub const DIGITS: u8 = 3;

/// The names of steps. Hosts may record others beside them.
pub mod step {
    /// `POST /quotes`, answered.
    pub const QUOTE: &str = "quote";
    /// `POST /trips`, answered.
    pub const REQUEST: &str = "request";
    /// Request scheduled → first offer received by a driver's stream.
    pub const REQUEST_TO_OFFER: &str = "request_to_offer";
    /// Request scheduled → accept of the driver who takes the ride, as the store has it.
    pub const REQUEST_TO_ACCEPT: &str = "request_to_accept";
    /// Ping due → its driver acknowledged, with this ping or a later one.
    pub const PING_ACK: &str = "ping_ack";
    /// Offer made → received by the driver's stream.
    pub const OFFER_DELIVERY: &str = "offer_delivery";
    /// `GET /trips/{id}`, answered.
    pub const READ: &str = "read";
    /// `POST /trips/{id}/cancel`, answered.
    pub const CANCEL: &str = "cancel";
    /// Scheduled → sent.
    pub const SCHEDULE_LAG: &str = "schedule_lag";

    /// The steps that every summary names.
    pub const ALWAYS: [&str; 6] = [
        QUOTE,
        REQUEST,
        REQUEST_TO_OFFER,
        REQUEST_TO_ACCEPT,
        PING_ACK,
        OFFER_DELIVERY,
    ];

    /// The steps of a run, which a limit may be set to.
    pub const OF_A_RUN: [&str; 9] = [
        QUOTE,
        REQUEST,
        REQUEST_TO_OFFER,
        REQUEST_TO_ACCEPT,
        PING_ACK,
        OFFER_DELIVERY,
        READ,
        CANCEL,
        SCHEDULE_LAG,
    ];
}

/// What a latency histogram comes to, in milliseconds. All but `count` are null where it is 0.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct LatencyFigures {
    /// How many were measured.
    pub count: u64,
    /// The mean.
    pub mean: Option<f64>,
    /// The median.
    pub p50: Option<f64>,
    /// The 90th percentile.
    pub p90: Option<f64>,
    /// The 99th percentile.
    pub p99: Option<f64>,
    /// The 99.9th percentile.
    pub p999: Option<f64>,
    /// The longest.
    pub max: Option<f64>,
}

/// The latencies of one step.
#[derive(Debug, Clone, PartialEq)]
pub struct LatencyHistogram {
    histogram: Histogram<u64>,
    clamped: u64,
}

impl Default for LatencyHistogram {
    fn default() -> Self {
        let mut histogram = Histogram::new_with_bounds(LOWEST_US, 2 * LOWEST_US, DIGITS)
            .expect("the bounds are a factor of two apart and the digits below six");
        // Grows as needed, up to HIGHEST_US: most steps never see a second.
        histogram.auto(true);
        Self {
            histogram,
            clamped: 0,
        }
    }
}

impl LatencyHistogram {
    /// Records one latency.
    pub fn record(&mut self, latency: Duration) {
        self.record_n(latency, 1);
    }

    /// Records a latency that was met `count` times.
    pub fn record_n(&mut self, latency: Duration, count: u64) {
        let us = u64::try_from(latency.as_micros()).unwrap_or(u64::MAX);
        self.record_us_n(us, count);
    }

    /// Records one latency in microseconds.
    pub fn record_us(&mut self, us: u64) {
        self.record_us_n(us, 1);
    }

    fn record_us_n(&mut self, us: u64, count: u64) {
        let kept = us.clamp(LOWEST_US, HIGHEST_US);
        // Below a microsecond is as good as one; above an hour something was lost.
        if us > HIGHEST_US {
            self.clamped += count;
        }
        self.histogram
            .record_n(kept, count)
            .expect("the histogram grows to every value up to HIGHEST_US");
    }

    /// Adds all that another holds.
    pub fn merge(&mut self, other: &Self) {
        self.histogram
            .add(&other.histogram)
            .expect("the histogram grows to every value up to HIGHEST_US");
        self.clamped += other.clamped;
    }

    /// How many were recorded.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.histogram.len()
    }

    /// How many were longer than [`HIGHEST_US`] and kept as that.
    #[must_use]
    pub fn clamped(&self) -> u64 {
        self.clamped
    }

    /// The latency that this share (0 to 1) does not exceed, in milliseconds.
    #[must_use]
    pub fn quantile_ms(&self, share: f64) -> Option<f64> {
        (self.count() > 0).then(|| milliseconds(self.histogram.value_at_quantile(share)))
    }

    /// The figures of the summary.
    #[must_use]
    pub fn figures(&self) -> LatencyFigures {
        if self.count() == 0 {
            return LatencyFigures::default();
        }
        LatencyFigures {
            count: self.count(),
            mean: figure(self.histogram.mean() / 1_000.0, 3),
            p50: self.quantile_ms(0.5),
            p90: self.quantile_ms(0.9),
            p99: self.quantile_ms(0.99),
            p999: self.quantile_ms(0.999),
            max: Some(milliseconds(self.histogram.max())),
        }
    }
}

fn milliseconds(us: u64) -> f64 {
    rounded(us as f64 / 1_000.0, 3)
}

/// The latencies of all steps.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Latencies {
    steps: BTreeMap<String, LatencyHistogram>,
}

/// Why a log of latencies cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum LatencyLogError {
    /// The log itself is malformed.
    #[error("after {intervals} histograms: found a malformed line, expected an interval log")]
    Log {
        /// Histograms read before.
        intervals: usize,
    },
    /// A histogram in it is malformed.
    #[error("step {step:?}: found {found}, expected a histogram of microseconds with 3 digits")]
    Histogram {
        /// The step.
        step: String,
        /// What was found.
        found: String,
    },
    /// It could not be written.
    #[error("writing the log: {0}")]
    Write(String),
}

impl Latencies {
    /// Records one latency of a step.
    pub fn record(&mut self, step: &str, latency: Duration) {
        self.record_n(step, latency, 1);
    }

    /// Records a latency of a step that was met `count` times.
    pub fn record_n(&mut self, step: &str, latency: Duration, count: u64) {
        match self.steps.get_mut(step) {
            Some(histogram) => histogram.record_n(latency, count),
            None => self.step_mut(step).record_n(latency, count),
        }
    }

    /// The histogram of a step, made if there is none: keep it at hand where much is recorded.
    pub fn step_mut(&mut self, step: &str) -> &mut LatencyHistogram {
        if !self.steps.contains_key(step) {
            self.steps
                .insert(step.to_owned(), LatencyHistogram::default());
        }
        self.steps
            .get_mut(step)
            .expect("the step was inserted if it was missing")
    }

    /// The histogram of a step, if anything was recorded.
    #[must_use]
    pub fn step(&self, step: &str) -> Option<&LatencyHistogram> {
        self.steps.get(step)
    }

    /// Every step with its histogram, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &LatencyHistogram)> {
        self.steps.iter().map(|(name, step)| (name.as_str(), step))
    }

    /// Adds all that another holds.
    pub fn merge(&mut self, other: &Self) {
        for (name, step) in &other.steps {
            self.step_mut(name).merge(step);
        }
    }

    /// The figures of every step; those that every summary names are there even if empty.
    #[must_use]
    pub fn figures(&self) -> BTreeMap<String, LatencyFigures> {
        let mut figures: BTreeMap<_, _> = step::ALWAYS
            .iter()
            .map(|name| ((*name).to_owned(), LatencyFigures::default()))
            .collect();
        figures.extend(
            self.steps
                .iter()
                .map(|(name, step)| (name.clone(), step.figures())),
        );
        figures
    }

    /// Writes `latency.hlog`: a tagged interval a step, all of the same span.
    ///
    /// # Errors
    /// If the writer fails, or a step's name holds a comma, a blank or a line end.
    pub fn write_hlog<W: Write>(
        &self,
        mut writer: W,
        span: Duration,
    ) -> Result<(), LatencyLogError> {
        let failed = |error: &dyn std::fmt::Display| LatencyLogError::Write(error.to_string());
        let mut serializer = V2DeflateSerializer::new();
        let mut log = IntervalLogWriterBuilder::new()
            .add_comment("[Histogram log format version 1.3]")
            .add_comment("latencies of a rushhour run in microseconds, a line a step")
            .begin_log_with(&mut writer, &mut serializer)
            .map_err(|error| failed(&error))?;
        for (name, step) in &self.steps {
            if step.clamped > 0 {
                log.write_comment(&format!("clamped {name} {}", step.clamped))
                    .map_err(|error| failed(&error))?;
            }
            let tag = Tag::new(name)
                .ok_or_else(|| failed(&format!("found step name {name:?}, expected no blanks")))?;
            log.write_histogram(&step.histogram, Duration::ZERO, span, Some(tag))
                .map_err(|error| failed(&error))?;
        }
        Ok(())
    }

    /// Reads what [`Self::write_hlog`] wrote; several logs one after another are merged.
    ///
    /// # Errors
    /// If the log or a histogram in it is malformed.
    pub fn read_hlog(log: &[u8]) -> Result<Self, LatencyLogError> {
        let mut latencies = Self::default();
        let mut deserializer = Deserializer::new();
        for (intervals, entry) in IntervalLogIterator::new(log).enumerate() {
            let LogEntry::Interval(interval) =
                entry.map_err(|_| LatencyLogError::Log { intervals })?
            else {
                continue;
            };
            let name = interval.tag().map_or("untagged", |tag| tag.as_str());
            let malformed = |found: String| LatencyLogError::Histogram {
                step: name.to_owned(),
                found,
            };
            let bytes = decode_base64(interval.encoded_histogram())
                .ok_or_else(|| malformed("text that is not base64".to_owned()))?;
            let histogram: Histogram<u64> = deserializer
                .deserialize(&mut bytes.as_slice())
                .map_err(|error| malformed(format!("{error:?}")))?;
            if histogram.max() > 2 * HIGHEST_US || histogram.sigfig() != DIGITS {
                let found = format!(
                    "a maximum of {} and {} digits",
                    histogram.max(),
                    histogram.sigfig()
                );
                return Err(malformed(found));
            }
            let step = latencies.step_mut(name);
            step.histogram
                .add(&histogram)
                .map_err(|error| malformed(format!("{error:?}")))?;
        }
        for (name, clamped) in clamped_in(log) {
            latencies.step_mut(name).clamped += clamped;
        }
        Ok(latencies)
    }
}

/// The comments in which [`Latencies::write_hlog`] says how many were clamped.
fn clamped_in(log: &[u8]) -> impl Iterator<Item = (&str, u64)> {
    std::str::from_utf8(log)
        .unwrap_or_default()
        .lines()
        .filter_map(|line| line.strip_prefix("#clamped "))
        .filter_map(|rest| rest.split_once(' '))
        .filter_map(|(name, count)| Some((name, count.parse().ok()?)))
}

/// Standard base64 with padding, as interval logs use it.
fn decode_base64(text: &str) -> Option<Vec<u8>> {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.decode(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Latencies {
        let mut latencies = Latencies::default();
        for us in 1..=10_000u64 {
            latencies.record(step::QUOTE, Duration::from_micros(us * 10));
        }
        latencies.record(step::PING_ACK, Duration::from_secs(2 * 3_600));
        latencies
    }

    #[test]
    fn figures_are_exact_to_three_digits() {
        let figures = sample().figures();
        let quote = figures[step::QUOTE];
        assert_eq!(quote.count, 10_000);
        for (found, expected) in [
            (quote.mean, 50.0),
            (quote.p50, 50.0),
            (quote.p90, 90.0),
            (quote.p99, 99.0),
            (quote.p999, 99.9),
            (quote.max, 100.0),
        ] {
            let found = found.unwrap();
            assert!((found / expected - 1.0).abs() < 2e-3, "{found} {expected}");
        }
    }

    #[test]
    fn what_is_too_long_is_clamped_and_counted() {
        let latencies = sample();
        let ping = latencies.step(step::PING_ACK).unwrap();
        assert_eq!(ping.clamped(), 1);
        let max = ping.figures().max.unwrap();
        assert!((max / 3_600_000.0 - 1.0).abs() < 1e-3, "{max}");
    }

    #[test]
    fn a_weight_counts_as_that_many_records() {
        let (mut weighed, mut one_by_one) =
            (LatencyHistogram::default(), LatencyHistogram::default());
        for seconds in [1, 5_000] {
            let latency = Duration::from_secs(seconds);
            weighed.record_n(latency, 3);
            weighed.record_n(latency * 2, 0);
            (0..3).for_each(|_| one_by_one.record(latency));
        }
        assert_eq!(weighed.figures(), one_by_one.figures());
        assert_eq!((weighed.count(), weighed.clamped()), (6, 3));
    }

    #[test]
    fn steps_that_never_happened_are_named_with_nulls() {
        let figures = Latencies::default().figures();
        assert_eq!(figures.len(), step::ALWAYS.len());
        assert!(figures.values().all(|f| *f == LatencyFigures::default()));
    }

    #[test]
    fn a_log_reads_back_and_two_logs_merge() {
        let latencies = sample();
        let mut log = Vec::new();
        latencies
            .write_hlog(&mut log, Duration::from_secs(120))
            .unwrap();
        let back = Latencies::read_hlog(&log).unwrap();
        assert_eq!(back.figures(), latencies.figures());
        assert_eq!(back.step(step::PING_ACK).unwrap().clamped(), 1);

        let twice = [log.clone(), log].concat();
        let merged = Latencies::read_hlog(&twice).unwrap();
        let mut expected = latencies.clone();
        expected.merge(&latencies);
        assert_eq!(merged.figures(), expected.figures());
        assert_eq!(merged.step(step::QUOTE).unwrap().count(), 20_000);
    }

    #[test]
    fn malformed_logs_say_what_was_expected() {
        let error = Latencies::read_hlog(b"nonsense\n").unwrap_err();
        assert!(error.to_string().contains("expected an interval log"));
        let error = Latencies::read_hlog(b"Tag=quote,0.000,1.000,2.000,AAAA\n").unwrap_err();
        assert!(error.to_string().starts_with("step \"quote\""), "{error}");
    }
}
