//! Measured laws: what a histogram says, as sorted samples that can be shifted, subtracted and mixed.

use std::time::Duration;

use cloud::profile::{LawError, Spans};
use report::latency::LatencyHistogram;

/// Samples that stand for a histogram, at equal steps of its quantiles.
const SAMPLES: u32 = 4_000;

/// Spans in milliseconds that rise, each as likely as the others.
#[derive(Debug, Clone, PartialEq)]
pub struct Measured {
    ms: Vec<f64>,
    /// How many were measured.
    pub count: u64,
}

impl Measured {
    /// What a histogram holds; none if it holds nothing.
    pub fn of(histogram: &LatencyHistogram) -> Option<Self> {
        let middle = |step: u32| (f64::from(step) + 0.5) / f64::from(SAMPLES);
        let ms: Option<Vec<f64>> = (0..SAMPLES)
            .map(|step| histogram.quantile_ms(middle(step)))
            .collect();
        Some(Self {
            ms: ms?,
            count: histogram.count(),
        })
    }

    /// The mean, in milliseconds.
    pub fn mean_ms(&self) -> f64 {
        self.ms.iter().sum::<f64>() / self.ms.len() as f64
    }

    /// The median, in milliseconds.
    pub fn median_ms(&self) -> f64 {
        self.ms[self.ms.len() / 2]
    }

    /// Each span so much shorter, none below zero.
    pub fn less(&self, ms: f64) -> Self {
        self.map(|span| span - ms)
    }

    fn map(&self, change: impl Fn(f64) -> f64) -> Self {
        let ms = self.ms.iter().map(|span| change(*span).max(0.0)).collect();
        Self { ms, ..*self }
    }

    /// What is left when a part is taken off: the short ones' part off the short ones, the long ones' off the
    /// long ones, for what slows the part slows the whole.
    pub fn without(&self, part: &Self) -> Self {
        let pairs = self.ms.iter().zip(&part.ms);
        let mut ms: Vec<f64> = pairs.map(|(whole, part)| (whole - part).max(0.0)).collect();
        ms.sort_unstable_by(f64::total_cmp);
        Self { ms, ..*self }
    }

    /// All of several, each as often as it was measured.
    pub fn mixed(parts: &[Self]) -> Option<Self> {
        let count: u64 = parts.iter().map(|part| part.count).sum();
        if count == 0 {
            return None;
        }
        let mut weighted: Vec<(f64, f64)> = Vec::new();
        for part in parts {
            let weight = part.count as f64 / part.ms.len() as f64;
            weighted.extend(part.ms.iter().map(|span| (*span, weight)));
        }
        weighted.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
        let step = count as f64 / f64::from(SAMPLES);
        let (mut ms, mut passed) = (Vec::new(), 0.0);
        for (span, weight) in weighted {
            passed += weight;
            while ms.len() < SAMPLES as usize && passed >= (ms.len() as f64 + 0.5) * step {
                ms.push(span);
            }
        }
        (!ms.is_empty()).then_some(Self { ms, count })
    }

    /// The law that a profile draws from.
    ///
    /// # Errors
    /// Never in practice: spans are positive and there are some.
    pub fn spans(&self) -> Result<Spans, LawError> {
        let span = |ms: &f64| Duration::from_secs_f64(ms / 1_000.0);
        let samples: Vec<Duration> = self.ms.iter().map(span).collect();
        Spans::from_samples(&samples)
    }
}

/// The straight line through means of items: `(what no item takes, what each takes besides)`, in
/// milliseconds, neither below zero. `points` are items, mean, and how often they were measured.
pub fn line(points: &[(f64, f64, f64)]) -> Option<(f64, f64)> {
    let weight: f64 = points.iter().map(|(_, _, w)| w).sum();
    if weight <= 0.0 {
        return None;
    }
    let mean = |of: fn(&(f64, f64, f64)) -> f64| {
        points.iter().map(|point| of(point) * point.2).sum::<f64>() / weight
    };
    let (x, y) = (mean(|p| p.0), mean(|p| p.1));
    let spread: f64 = points.iter().map(|p| p.2 * (p.0 - x).powi(2)).sum();
    let along: f64 = points.iter().map(|p| p.2 * (p.0 - x) * (p.1 - y)).sum();
    if spread <= 0.0 {
        return Some((y, 0.0));
    }
    // A line that would start below nothing is laid through nothing.
    let slope = (along / spread).clamp(0.0, if x > 0.0 { y / x } else { 0.0 });
    Some((y - slope * x, slope))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn histogram(us: impl Iterator<Item = u64>) -> LatencyHistogram {
        let mut histogram = LatencyHistogram::default();
        us.for_each(|us| histogram.record_us(us));
        histogram
    }

    fn close(found: f64, expected: f64) {
        assert!(
            (found / expected - 1.0).abs() < 0.01,
            "found {found}, expected {expected}"
        );
    }

    #[test]
    fn a_histogram_becomes_a_law_with_its_mean_and_median() {
        let measured = Measured::of(&histogram((1..=2_000).map(|n| n * 5))).unwrap();
        assert_eq!(measured.count, 2_000);
        close(measured.mean_ms(), 5.0);
        close(measured.median_ms(), 5.0);
        close(measured.spans().unwrap().mean().as_secs_f64(), 0.005);
        assert_eq!(Measured::of(&LatencyHistogram::default()), None);
    }

    #[test]
    fn a_part_is_taken_off_and_nothing_falls_below_zero() {
        let whole = Measured::of(&histogram((1..=1_000).map(|n| n + 1_000))).unwrap();
        let part = Measured::of(&histogram(1..=1_000)).unwrap();
        close(whole.without(&part).mean_ms(), 1.0);
        assert_eq!(part.without(&whole).mean_ms(), 0.0);
        close(whole.less(1.0).mean_ms(), 0.5);
    }

    #[test]
    fn a_mixture_weighs_parts_by_how_often_they_were_measured() {
        let short = Measured::of(&histogram((0..3_000).map(|_| 100))).unwrap();
        let long = Measured::of(&histogram((0..1_000).map(|_| 500))).unwrap();
        let mixed = Measured::mixed(&[short, long]).unwrap();
        assert_eq!(mixed.count, 4_000);
        close(mixed.mean_ms(), 0.2);
        assert_eq!(Measured::mixed(&[]), None);
    }

    #[test]
    fn a_line_is_found_again_and_never_starts_below_nothing() {
        let exact: Vec<_> = (1..6)
            .map(f64::from)
            .map(|x| (x, 2.0 + 0.5 * x, x))
            .collect();
        let (at_none, slope) = line(&exact).unwrap();
        close(at_none, 2.0);
        close(slope, 0.5);
        let steep = [(1.0, 0.1, 1.0), (2.0, 2.0, 1.0)];
        let (at_none, slope) = line(&steep).unwrap();
        assert!(at_none >= 0.0 && slope > 0.0);
        let falling = [(1.0, 2.0, 1.0), (2.0, 1.0, 1.0)];
        assert_eq!(line(&falling), Some((1.5, 0.0)));
        assert_eq!(line(&[(3.0, 6.0, 2.0)]), Some((6.0, 0.0)));
        assert_eq!(line(&[]), None);
    }
}
