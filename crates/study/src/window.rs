//! What of a run counts: its batches, what is counted in each, and the figures made of that.

use std::time::Duration;

use hdrhistogram::Histogram;

use crate::Span;
use crate::estimate::{BATCHES, Estimate, Term, probability, ratio};
use crate::figures::Wait;

/// What is counted in each batch.
pub(crate) type Counts = [u64; BATCHES];
/// What is summed up in each batch, mostly in ticks; wide enough for a million servers over a hundred years.
pub(crate) type Sums = [u128; BATCHES];

/// How often it is asked within a batch, and before the first, whether to go on.
const STEPS: u64 = 64;

/// Batches of equal length after the warm-up, in ticks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Window {
    from: u64,
    batch: u64,
    ticks_per_s: u64,
}

impl Window {
    /// The end gives way by less than a tick for each batch.
    pub(crate) fn new(span: Span, ticks_per_s: u64) -> Self {
        let from = ticks(span.warmup, ticks_per_s);
        let measured = ticks(span.duration, ticks_per_s).saturating_sub(from);
        Self {
            from,
            batch: (measured / BATCHES as u64).max(1),
            ticks_per_s,
        }
    }

    /// How long a batch is.
    pub(crate) fn batch_ticks(&self) -> u64 {
        self.batch
    }

    /// When the first batch begins.
    pub(crate) fn from(&self) -> u64 {
        self.from
    }

    /// When the last batch ends.
    pub(crate) fn until(&self) -> u64 {
        self.end_of(BATCHES - 1)
    }

    /// Moments up to the end of a batch, that being the last, at which a study may be stopped.
    pub(crate) fn steps(&self, batch: usize) -> impl Iterator<Item = u64> + use<> {
        steps(self.end_of(batch), self.batch)
    }

    /// The same up to the first batch.
    pub(crate) fn warm_up_steps(&self) -> impl Iterator<Item = u64> + use<> {
        steps(self.from, self.from)
    }

    pub(crate) fn end_of(&self, batch: usize) -> u64 {
        self.from
            .saturating_add(self.batch.saturating_mul(batch as u64 + 1))
    }

    /// How much of a span lies in the window.
    pub(crate) fn overlap(&self, from: u64, until: u64) -> u64 {
        let until = until.min(self.until());
        until.saturating_sub(from.max(self.from))
    }

    /// Adds a span to the batches that it lies in.
    pub(crate) fn spread(&self, from: u64, until: u64, into: &mut Sums) {
        let mut at = from.max(self.from);
        let until = until.min(self.until());
        while at < until {
            let batch = usize::try_from((at - self.from) / self.batch)
                .unwrap_or(BATCHES)
                .min(BATCHES - 1);
            let end = until.min(self.end_of(batch));
            into[batch] += u128::from(end - at);
            at = end;
        }
    }

    /// A mean over time of what was summed up in ticks.
    pub(crate) fn over_time(&self, sums: &Sums) -> Option<Estimate> {
        ratio(&std::array::from_fn(|batch| Term {
            num: sums[batch] as f64,
            den: self.batch as f64,
        }))
    }

    /// How often a second.
    pub(crate) fn per_second(&self, counts: &Counts) -> Option<Estimate> {
        let batch_s = self.batch as f64 / self.ticks_per_s as f64;
        ratio(&std::array::from_fn(|batch| Term {
            num: counts[batch] as f64,
            den: batch_s,
        }))
    }

    /// How many in all.
    pub(crate) fn total(&self, counts: &Counts) -> Option<Estimate> {
        ratio(&std::array::from_fn(|batch| Term {
            num: counts[batch] as f64,
            den: 1.0 / BATCHES as f64,
        }))
    }
}

fn steps(end: u64, length: u64) -> impl Iterator<Item = u64> {
    (0..STEPS)
        .rev()
        .map(move |left| end - length / STEPS * left)
}

fn ticks(span: Duration, ticks_per_s: u64) -> u64 {
    let ticks = span.as_nanos() * u128::from(ticks_per_s) / 1_000_000_000;
    u64::try_from(ticks).unwrap_or(u64::MAX)
}

/// Cases over draws.
pub(crate) fn share(cases: &Counts, draws: &Counts) -> Option<Estimate> {
    probability(&terms(&cases.map(u128::from), draws))
}

/// A sum over a count.
pub(crate) fn mean(sums: &Sums, counts: &Counts) -> Option<Estimate> {
    ratio(&terms(sums, counts))
}

fn terms(nums: &Sums, dens: &Counts) -> [Term; BATCHES] {
    std::array::from_fn(|batch| Term {
        num: nums[batch] as f64,
        den: dens[batch] as f64,
    })
}

/// How long those waited that were taken in.
pub(crate) struct Waits {
    ticks_per_s: f64,
    batch: usize,
    taken_in: Counts,
    waited: Counts,
    sum: Sums,
    p50: [Term; BATCHES],
    p99: [Term; BATCHES],
    of_batch: Histogram<u64>,
    of_all: Histogram<u64>,
}

/// A percentile to one part in a thousand.
const SIGNIFICANT_DIGITS: u8 = 3;

impl Waits {
    pub(crate) fn new(ticks_per_s: u64) -> Self {
        let histogram = Histogram::new(SIGNIFICANT_DIGITS).expect("three digits are allowed");
        Self {
            ticks_per_s: ticks_per_s as f64,
            batch: 0,
            taken_in: [0; BATCHES],
            waited: [0; BATCHES],
            sum: [0; BATCHES],
            p50: [Term::default(); BATCHES],
            p99: [Term::default(); BATCHES],
            of_batch: histogram.clone(),
            of_all: histogram,
        }
    }

    pub(crate) fn record(&mut self, wait: u64) {
        self.taken_in[self.batch] += 1;
        self.waited[self.batch] += u64::from(wait > 0);
        self.sum[self.batch] += u128::from(wait);
        self.of_batch
            .record(wait)
            .expect("a histogram that resizes takes every value");
    }

    /// Ends a batch; what is recorded from now on is of the next.
    pub(crate) fn end_batch(&mut self) {
        if !self.of_batch.is_empty() {
            self.p50[self.batch] = self.quantile_of_batch(0.5);
            self.p99[self.batch] = self.quantile_of_batch(0.99);
        }
        self.of_all
            .add(&self.of_batch)
            .expect("a histogram that resizes takes every value");
        self.of_batch.reset();
        self.batch = (self.batch + 1).min(BATCHES - 1);
    }

    fn quantile_of_batch(&self, quantile: f64) -> Term {
        Term {
            num: self.of_batch.value_at_quantile(quantile) as f64,
            den: 1.0,
        }
    }

    /// Those who waited over those taken in.
    pub(crate) fn probability(&self) -> Option<Estimate> {
        share(&self.waited, &self.taken_in)
    }

    /// In seconds. Percentiles are of all, their intervals of the percentiles of batches.
    pub(crate) fn figures(&self) -> Option<Wait> {
        let seconds = |ticks: Estimate| Estimate {
            value: ticks.value / self.ticks_per_s,
            ci95: ticks.ci95 / self.ticks_per_s,
        };
        let percentile = |quantile, batches| {
            let of_batches = ratio(batches)?;
            Some(seconds(Estimate {
                value: self.of_all.value_at_quantile(quantile) as f64,
                ..of_batches
            }))
        };
        Some(Wait {
            mean: seconds(mean(&self.sum, &self.taken_in)?),
            p50: percentile(0.5, &self.p50)?,
            p99: percentile(0.99, &self.p99)?,
        })
    }

    /// All waits together, in ticks.
    #[cfg(test)]
    pub(crate) fn total(&self) -> u128 {
        self.sum.iter().sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window() -> Window {
        let span = Span {
            duration: Duration::from_secs(42),
            warmup: Duration::from_secs(10),
        };
        Window::new(span, 1_000)
    }

    #[test]
    fn spans_are_cut_to_the_window_and_spread_over_its_batches() {
        let window = window();
        assert_eq!((window.from(), window.until()), (10_000, 42_000));
        for (from, until, expected) in [
            (0, 9_000, 0),
            (0, 10_500, 500),
            (9_000, 50_000, 32_000),
            (41_999, 42_001, 1),
            (43_000, 44_000, 0),
        ] {
            let mut into: Sums = [0; BATCHES];
            window.spread(from, until, &mut into);
            assert_eq!(into.iter().sum::<u128>(), u128::from(expected));
            assert_eq!(window.overlap(from, until), expected);
        }
    }

    #[test]
    fn nobody_who_waits_is_no_wait() {
        let mut waits = Waits::new(1_000);
        assert_eq!(waits.figures(), None);
        waits.record(0);
        waits.record(0);
        waits.record(3_000);
        waits.end_batch();
        let found = waits.figures().unwrap();
        assert_eq!((found.mean.value, found.p50.value), (1.0, 0.0));
        assert!((found.p99.value - 3.0).abs() < 0.003);
        assert_eq!(waits.total(), 3_000);
    }
}
