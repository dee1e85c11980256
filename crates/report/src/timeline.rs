//! A run over time: `timeline.json`, from which the report is drawn again without the run.
//!
//! A host feeds a [`TimelineRecorder`] while it runs and, at the end, the trips. Buckets are equal spans
//! from the start; where there would be more than [`BUCKETS_MAX`], two become one and the span doubles,
//! so that a day takes no more room than a minute.

use std::collections::BTreeMap;
use std::time::Duration;

use domain::Timestamp;
use hdrhistogram::Histogram;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::distill::{Bins, Window};
use crate::summary::{figure, rounded};
use crate::trips::TripRow;
use domain::trip::TripState;

/// The value of [`Timeline::schema`] that this version writes.
pub const SCHEMA: &str = "rushhour.timeline/1";
/// Buckets kept at most.
pub const BUCKETS_MAX: usize = 480;

/// A run over time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(title = "Rushhour timeline of a run")]
pub struct Timeline {
    /// Name and version of this layout: `rushhour.timeline/1`.
    pub schema: String,
    /// When the run started, in microseconds of its clock.
    pub started_at_us: i64,
    /// Length of a bucket, in seconds of the run's clock.
    pub bucket_s: f64,
    /// Length of the warm-up, in seconds: it is shown and counts for nothing.
    pub warmup_s: f64,
    /// Length of the span that figures are of, from the end of the warm-up, in seconds.
    pub measured_s: f64,
    /// The buckets from the start of the run, without gaps.
    pub buckets: Vec<Bucket>,
    /// How drivers' pay for an hour online spreads, in whole units of the currency.
    pub pay_per_online_hour: Bins,
}

/// What happened in one span.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Bucket {
    /// Requests that the schedule wanted.
    pub scheduled: u64,
    /// Rides requested, as the store has it.
    pub requested: u64,
    /// Rides first offered.
    pub offered: u64,
    /// Rides accepted.
    pub accepted: u64,
    /// Rides completed.
    pub completed: u64,
    /// Rides cancelled.
    pub cancelled: u64,
    /// Rides that found no driver.
    pub unserved: u64,
    /// Drivers by what they do, the last that was seen; null where nobody looked.
    pub drivers: Option<DriverCounts>,
    /// Mean surge multiplier of the quotes given.
    pub surge_mean: Option<f64>,
    /// Latency percentiles by step, in milliseconds.
    pub latency_ms: BTreeMap<String, BucketLatency>,
}

/// Drivers by what they do at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct DriverCounts {
    /// Without a ride.
    pub idle: u64,
    /// On the way to a pick-up.
    pub pickup: u64,
    /// Waiting at a pick-up.
    pub waiting: u64,
    /// With a rider in the car.
    pub on_trip: u64,
    /// Not on shift, or lost.
    pub offline: u64,
}

/// Latency of a step in one span, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct BucketLatency {
    /// How many were measured.
    pub count: u64,
    /// The median.
    pub p50: f64,
    /// The 99th percentile.
    pub p99: f64,
}

impl Timeline {
    /// When a bucket begins, in seconds from the start of the run.
    #[must_use]
    pub fn at_s(&self, bucket: usize) -> f64 {
        bucket as f64 * self.bucket_s
    }

    /// The span that figures are of.
    #[must_use]
    pub fn window(&self) -> Window {
        let span = |seconds: f64| Duration::try_from_secs_f64(seconds).unwrap_or_default();
        let from = Timestamp::from_micros(self.started_at_us) + span(self.warmup_s);
        Window {
            from,
            until: from + span(self.measured_s),
        }
    }

    /// The text of `timeline.json`.
    #[must_use]
    pub fn to_json(&self) -> String {
        let mut json = serde_json::to_string(self)
            .expect("a timeline holds only strings, numbers and maps with string keys");
        json.push('\n');
        json
    }

    /// Reads `timeline.json`.
    ///
    /// # Errors
    /// If it is malformed or of another schema.
    pub fn from_json(json: &str) -> Result<Self, TimelineError> {
        let timeline: Self = serde_json::from_str(json).map_err(TimelineError::Layout)?;
        if timeline.schema == SCHEMA {
            Ok(timeline)
        } else {
            Err(TimelineError::Schema(timeline.schema))
        }
    }
}

/// Why a text is not a timeline.
#[derive(Debug, thiserror::Error)]
pub enum TimelineError {
    /// Not JSON, or a field is missing or of the wrong kind.
    #[error("{0}")]
    Layout(serde_json::Error),
    /// Of another schema.
    #[error("found schema {0:?}, expected {SCHEMA:?}")]
    Schema(String),
}

#[derive(Debug, Default)]
struct Recorded {
    bucket: Bucket,
    surge_sum: f64,
    surge_count: u64,
    // Two digits are enough for a plot and keep a bucket small.
    latencies: BTreeMap<String, Histogram<u32>>,
}

impl Recorded {
    fn absorb(&mut self, later: Self) {
        let (mine, theirs) = (&mut self.bucket, later.bucket);
        mine.scheduled += theirs.scheduled;
        mine.requested += theirs.requested;
        mine.offered += theirs.offered;
        mine.accepted += theirs.accepted;
        mine.completed += theirs.completed;
        mine.cancelled += theirs.cancelled;
        mine.unserved += theirs.unserved;
        mine.drivers = theirs.drivers.or(mine.drivers);
        self.surge_sum += later.surge_sum;
        self.surge_count += later.surge_count;
        for (step, histogram) in later.latencies {
            match self.latencies.get_mut(&step) {
                Some(mine) => mine.add(&histogram).expect("it grows as needed"),
                None => {
                    self.latencies.insert(step, histogram);
                }
            }
        }
    }

    fn finished(self) -> Bucket {
        let mut bucket = self.bucket;
        bucket.surge_mean = figure(self.surge_sum / self.surge_count as f64, 4);
        for (step, histogram) in self.latencies {
            let at = |share| rounded(histogram.value_at_quantile(share) as f64 / 1_000.0, 3);
            let latency = BucketLatency {
                count: histogram.len(),
                p50: at(0.5),
                p99: at(0.99),
            };
            bucket.latency_ms.insert(step, latency);
        }
        bucket
    }
}

/// Gathers a timeline while a run goes on.
#[derive(Debug)]
pub struct TimelineRecorder {
    start: Timestamp,
    width: Duration,
    buckets: Vec<Recorded>,
}

impl TimelineRecorder {
    /// A recorder from the start of the run. Buckets are so wide at first; a width of zero becomes a second.
    #[must_use]
    pub fn new(start: Timestamp, width: Duration) -> Self {
        let width = if width.is_zero() {
            Duration::from_secs(1)
        } else {
            width
        };
        Self {
            start,
            width,
            buckets: Vec::new(),
        }
    }

    /// A request that the schedule wants at that time.
    pub fn scheduled(&mut self, at: Timestamp) {
        self.at(at).bucket.scheduled += 1;
    }

    /// A latency of a step that ended at that time.
    pub fn latency(&mut self, step: &str, at: Timestamp, latency: Duration) {
        self.latency_n(step, at, latency, 1);
    }

    /// A latency that `count` steps had, which ended at that time.
    pub fn latency_n(&mut self, step: &str, at: Timestamp, latency: Duration, count: u64) {
        // A bucket's counts are small; what is beyond them is beyond any plot.
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        let us = u64::try_from(latency.as_micros()).unwrap_or(u64::MAX);
        let us = us.clamp(1, crate::latency::HIGHEST_US);
        let latencies = &mut self.at(at).latencies;
        if let Some(histogram) = latencies.get_mut(step) {
            histogram.record_n(us, count).expect("it grows as needed");
            return;
        }
        let mut histogram = Histogram::new_with_bounds(1, 2, 2)
            .expect("the bounds are a factor of two apart and the digits below six");
        histogram.auto(true);
        histogram.record_n(us, count).expect("it grows as needed");
        latencies.insert(step.to_owned(), histogram);
    }

    /// What drivers do at that time.
    pub fn drivers(&mut self, at: Timestamp, counts: DriverCounts) {
        self.at(at).bucket.drivers = Some(counts);
    }

    /// The surge multiplier of a quote given at that time.
    pub fn surge(&mut self, at: Timestamp, multiplier: f64) {
        let bucket = self.at(at);
        bucket.surge_sum += multiplier;
        bucket.surge_count += 1;
    }

    /// The timeline of a run whose figures are of a window in it, with the flows of rides counted from the trips.
    #[must_use]
    pub fn finish(
        mut self,
        window: Window,
        rows: &[TripRow],
        pay_per_online_hour: Bins,
    ) -> Timeline {
        for row in rows {
            self.count_trip(row);
        }
        Timeline {
            schema: SCHEMA.to_owned(),
            started_at_us: self.start.as_micros(),
            bucket_s: rounded(self.width.as_secs_f64(), 6),
            warmup_s: rounded(window.from.since(self.start).as_secs_f64(), 6),
            measured_s: rounded(window.seconds(), 6),
            buckets: self.buckets.into_iter().map(Recorded::finished).collect(),
            pay_per_online_hour,
        }
    }

    fn count_trip(&mut self, row: &TripRow) {
        let mut count = |at: Option<Timestamp>, part: fn(&mut Bucket) -> &mut u64| {
            // What lies before the start came with a stationary start and is no flow of the run.
            if let Some(at) = at.filter(|at| *at >= self.start) {
                *part(&mut self.at(at).bucket) += 1;
            }
        };
        if !row.in_progress_at_start {
            count(Some(row.requested_at), |bucket| &mut bucket.requested);
        }
        count(row.tries.first().map(|t| t.offered_at), |bucket| {
            &mut bucket.offered
        });
        count(row.accepted_at(), |bucket| &mut bucket.accepted);
        count(
            row.ended_at(),
            match row.state {
                TripState::Completed => |bucket| &mut bucket.completed,
                TripState::Unserved { .. } => |bucket| &mut bucket.unserved,
                _ => |bucket| &mut bucket.cancelled,
            },
        );
    }

    fn at(&mut self, at: Timestamp) -> &mut Recorded {
        // In 64 bits, because this is asked for every latency.
        let us = |span: Duration| u64::try_from(span.as_micros()).unwrap_or(u64::MAX);
        let offset = us(at.since(self.start));
        let index =
            |width: Duration| usize::try_from(offset / us(width).max(1)).unwrap_or(usize::MAX);
        while index(self.width) >= BUCKETS_MAX {
            self.width *= 2;
            let mut merged: Vec<Recorded> = Vec::new();
            for (number, bucket) in std::mem::take(&mut self.buckets).into_iter().enumerate() {
                if number % 2 == 0 {
                    merged.push(bucket);
                } else if let Some(last) = merged.last_mut() {
                    last.absorb(bucket);
                }
            }
            self.buckets = merged;
        }
        let index = index(self.width);
        if self.buckets.len() <= index {
            self.buckets.resize_with(index + 1, Recorded::default);
        }
        &mut self.buckets[index]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::city::{Options, city};

    const WINDOW: Window = Window {
        from: Timestamp::ZERO,
        until: Timestamp::from_millis(5_000_000),
    };

    fn recorder() -> TimelineRecorder {
        TimelineRecorder::new(Timestamp::ZERO, Duration::from_secs(1))
    }

    #[test]
    fn buckets_double_so_that_their_number_stays_bounded() {
        let mut recorder = recorder();
        for second in 0..5_000 {
            let at = Timestamp::from_millis(second * 1_000);
            recorder.scheduled(at);
            recorder.surge(at, 1.5);
            recorder.latency("quote", at, Duration::from_millis(10));
            recorder.drivers(
                at,
                DriverCounts {
                    idle: second.unsigned_abs(),
                    ..DriverCounts::default()
                },
            );
        }
        let timeline = recorder.finish(WINDOW, &[], Bins::default());
        assert_eq!(timeline.bucket_s, 16.0);
        assert_eq!(timeline.buckets.len(), 313);
        assert_eq!(
            timeline.buckets.iter().map(|b| b.scheduled).sum::<u64>(),
            5_000
        );
        let first = &timeline.buckets[0];
        assert_eq!((first.scheduled, first.surge_mean), (16, Some(1.5)));
        assert_eq!(first.drivers.unwrap().idle, 15);
        let quote = first.latency_ms["quote"];
        assert_eq!(quote.count, 16);
        assert!((quote.p99 - 10.0).abs() < 0.1, "{quote:?}");
    }

    #[test]
    fn flows_come_from_the_trips_and_survive_the_file() {
        let city = city(Options {
            seed: 1,
            seconds: 600,
            drivers: 40,
            rides_per_second: 0.4,
        });
        let start = city.evidence.started_at;
        let window = Window {
            from: start + Duration::from_secs(60),
            until: city.evidence.ended_at,
        };
        let recorder = TimelineRecorder::new(start, Duration::from_secs(5));
        let timeline = recorder.finish(window, &city.rows, Bins::of(&[1.0, 2.0], 4));
        let sum = |part: fn(&Bucket) -> u64| timeline.buckets.iter().map(part).sum::<u64>();
        assert_eq!(timeline.window(), window);
        let load = city.evidence.load;
        assert_eq!(sum(|b| b.requested), load.requested);
        assert_eq!(sum(|b| b.completed), load.completed);
        assert_eq!(sum(|b| b.cancelled), load.cancelled);
        assert_eq!(sum(|b| b.unserved), load.unserved);
        assert_eq!(Timeline::from_json(&timeline.to_json()).unwrap(), timeline);
        let other = timeline.to_json().replace("timeline/1", "timeline/2");
        assert!(Timeline::from_json(&other).is_err());
    }

    #[test]
    fn a_moment_before_the_start_falls_into_the_first_bucket() {
        let mut recorder = recorder();
        recorder.scheduled(Timestamp::from_millis(-500));
        assert_eq!(
            recorder.finish(WINDOW, &[], Bins::default()).buckets.len(),
            1
        );
    }
}
