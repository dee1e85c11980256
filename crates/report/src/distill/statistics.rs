//! The few statistics that the figures need, exact over all values.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::summary::{Spread, figure};

/// The mean, if there are values.
#[must_use]
pub fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

/// The smallest value that this share (0 to 1) of all values does not exceed. The values are sorted.
#[must_use]
pub fn quantile(sorted: &[f64], share: f64) -> Option<f64> {
    let rank = (share.clamp(0.0, 1.0) * sorted.len() as f64).ceil();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a rank lies between 0 and the number of values"
    )]
    let rank = (rank as usize).max(1);
    sorted.get(rank - 1).copied()
}

/// Mean and percentiles, to so many decimals.
#[must_use]
pub fn spread(mut values: Vec<f64>, decimals: i32) -> Spread {
    values.retain(|value| value.is_finite());
    values.sort_by(f64::total_cmp);
    let at = |share| quantile(&values, share).and_then(|value| figure(value, decimals));
    Spread {
        mean: mean(&values).and_then(|mean| figure(mean, decimals)),
        p50: at(0.5),
        p90: at(0.9),
        p99: at(0.99),
    }
}

/// The Gini coefficient of values that are not negative: 0 all alike, towards 1 one has all. Nothing
/// where there are no values or all are zero.
#[must_use]
pub fn gini(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let total: f64 = sorted.iter().sum();
    if sorted.is_empty() || total <= 0.0 {
        return None;
    }
    let count = sorted.len() as f64;
    let weighted: f64 = sorted
        .iter()
        .zip(1..)
        .map(|(value, rank)| value * f64::from(rank))
        .sum();
    Some((2.0 * weighted / (count * total) - (count + 1.0) / count).max(0.0))
}

/// How values spread, in bins of equal width from zero; the last bin holds all above it.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Bins {
    /// Width of a bin, in the values' unit.
    pub width: f64,
    /// Values in each bin.
    pub counts: Vec<u64>,
}

impl Bins {
    /// Sorts values that are not negative into at most `bins_max` bins of a width that is easy to read.
    #[must_use]
    pub fn of(values: &[f64], bins_max: usize) -> Self {
        let mut sorted: Vec<f64> = values.iter().copied().filter(|v| v.is_finite()).collect();
        sorted.sort_by(f64::total_cmp);
        // A few extreme values may not squeeze all others into one bin.
        let Some(top) = quantile(&sorted, 0.995).filter(|top| *top > 0.0) else {
            let counts = if sorted.is_empty() {
                vec![]
            } else {
                vec![sorted.len() as u64]
            };
            return Self { width: 1.0, counts };
        };
        let width = readable(top / bins_max.max(1) as f64);
        let mut counts = vec![0; bins_max.max(1)];
        for value in &sorted {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "`as` saturates, and the last bin holds all above it"
            )]
            let bin = ((value / width) as usize).min(counts.len() - 1);
            counts[bin] += 1;
        }
        while counts.last() == Some(&0) {
            counts.pop();
        }
        Self { width, counts }
    }
}

/// The next number up of the form 1, 2, 2.5 or 5 times a power of ten.
fn readable(width: f64) -> f64 {
    let magnitude = 10f64.powf(width.log10().floor());
    [1.0, 2.0, 2.5, 5.0]
        .into_iter()
        .map(|step| step * magnitude)
        .find(|step| *step >= width)
        .unwrap_or(10.0 * magnitude)
}
