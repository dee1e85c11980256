//! Laws that a profile draws from: [`Spans`] of time and dimensionless [`Factors`].
//!
//! A law is a constant, a lognormal, or a table of quantiles that is read by its inverse with straight
//! lines between. A draw costs one random number and one look into a guide table, however long the
//! table of quantiles is.

use std::sync::Arc;
use std::time::Duration;

use kernel::Stream;

/// The standard normal's 99th percentile.
const NORMAL_P99: f64 = 2.326_347_874_040_841;
/// Entries of the guide into a table of quantiles: the search starts where the entry points.
const GUIDE: usize = 64;
/// Most quantiles of one table.
pub const QUANTILES_MAX: usize = 1_024;
const NS_PER_MS: f64 = 1e6;

/// At which quantiles [`Spans::from_samples`] looks: each twentieth, and the tail finer.
const FITTED_AT: [f64; 29] = [
    0.0, 0.01, 0.02, 0.05, 0.10, 0.15, 0.20, 0.25, 0.30, 0.35, 0.40, 0.45, 0.50, 0.55, 0.60, 0.65,
    0.70, 0.75, 0.80, 0.85, 0.90, 0.925, 0.95, 0.97, 0.98, 0.99, 0.995, 0.999, 1.0,
];

/// Why figures are no law.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("found {found}, expected {expected}")]
pub struct LawError {
    /// What there was.
    pub found: String,
    /// What there may be.
    pub expected: String,
}

fn no_law<T>(found: impl ToString, expected: impl ToString) -> Result<T, LawError> {
    Err(LawError {
        found: found.to_string(),
        expected: expected.to_string(),
    })
}

/// From one quantile to the next.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Segment {
    from: f64,
    at: f64,
    slope: f64,
}

#[derive(Debug, Clone, PartialEq)]
struct Table {
    segments: Vec<Segment>,
    /// For each part of 0 to 1, the last segment that begins at or before the part does.
    guide: Vec<u16>,
}

impl Table {
    fn new(quantiles: &[f64], values: &[f64]) -> Result<Self, LawError> {
        if quantiles.len() != values.len() {
            let found = format!("{} quantiles and {} values", quantiles.len(), values.len());
            return no_law(found, "as many of both");
        }
        if !(2..=QUANTILES_MAX).contains(&quantiles.len()) {
            let found = format!("{} quantiles", quantiles.len());
            return no_law(found, format!("2 to {QUANTILES_MAX}"));
        }
        if let Some(outside) = quantiles.iter().find(|q| !(0.0..=1.0).contains(*q)) {
            return no_law(format!("the quantile {outside}"), "0 to 1");
        }
        if let Some(pair) = quantiles.windows(2).find(|pair| pair[1] <= pair[0]) {
            let found = format!("the quantile {} after {}", pair[1], pair[0]);
            return no_law(found, "quantiles that rise");
        }
        if let Some(bad) = values.iter().find(|v| !(**v >= 0.0 && v.is_finite())) {
            return no_law(bad, "at least 0");
        }
        if let Some(pair) = values.windows(2).find(|pair| pair[1] < pair[0]) {
            let found = format!("{} after {}", pair[1], pair[0]);
            return no_law(found, "values that do not fall");
        }
        let mut segments: Vec<Segment> = quantiles
            .windows(2)
            .zip(values.windows(2))
            .map(|(q, v)| Segment {
                from: q[0],
                at: v[0],
                slope: (v[1] - v[0]) / (q[1] - q[0]),
            })
            .collect();
        segments.push(Segment {
            from: quantiles[quantiles.len() - 1],
            at: values[values.len() - 1],
            slope: 0.0,
        });
        let begins_before = |part: usize| {
            let start = part as f64 / GUIDE as f64;
            let count = segments.partition_point(|segment| segment.from <= start);
            u16::try_from(count.saturating_sub(1)).expect("a table has at most QUANTILES_MAX rows")
        };
        let guide = (0..GUIDE).map(begins_before).collect();
        Ok(Self { segments, guide })
    }

    fn at(&self, quantile: f64) -> f64 {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a quantile of 0 to 1 times GUIDE"
        )]
        let part = (quantile * GUIDE as f64) as usize;
        let mut index = usize::from(self.guide[part.min(GUIDE - 1)]);
        while let Some(next) = self.segments.get(index + 1)
            && next.from <= quantile
        {
            index += 1;
        }
        let segment = self.segments[index];
        segment.at + (quantile - segment.from).max(0.0) * segment.slope
    }

    /// The area under the inverse; beyond the outer quantiles the outer values hold.
    fn mean(&self) -> f64 {
        let first = self.segments[0];
        let last = self.segments[self.segments.len() - 1];
        let between = self
            .segments
            .windows(2)
            .map(|pair| (pair[1].from - pair[0].from) * (pair[0].at + pair[1].at) / 2.0);
        first.from * first.at + between.sum::<f64>() + (1.0 - last.from) * last.at
    }

    fn rows(&self) -> (Vec<f64>, Vec<f64>) {
        let rows = self.segments.iter();
        rows.map(|segment| (segment.from, segment.at)).unzip()
    }
}

#[derive(Debug, Clone, PartialEq)]
enum Law {
    Constant(f64),
    Lognormal { p50: f64, p99: f64, sigma: f64 },
    Table(Arc<Table>),
}

impl Law {
    fn constant(value: f64) -> Result<Self, LawError> {
        if value >= 0.0 && value.is_finite() {
            Ok(Self::Constant(value))
        } else {
            no_law(value, "at least 0")
        }
    }

    fn lognormal(p50: f64, p99: f64) -> Result<Self, LawError> {
        if !(p50 > 0.0 && p50.is_finite()) {
            return no_law(format!("p50 = {p50}"), "more than 0");
        }
        if !(p99 >= p50 && p99.is_finite()) {
            return no_law(format!("p99 = {p99}"), format!("at least p50 = {p50}"));
        }
        let sigma = (p99 / p50).ln() / NORMAL_P99;
        Ok(Self::Lognormal { p50, p99, sigma })
    }

    fn sample(&self, stream: &mut Stream) -> f64 {
        match self {
            Self::Constant(value) => *value,
            Self::Lognormal { p50, sigma, .. } => stream.lognormal(*p50, *sigma),
            Self::Table(table) => table.at(stream.uniform()),
        }
    }

    fn mean(&self) -> f64 {
        match self {
            Self::Constant(value) => *value,
            Self::Lognormal { p50, sigma, .. } => p50 * (sigma * sigma / 2.0).exp(),
            Self::Table(table) => table.mean(),
        }
    }

    fn median(&self) -> f64 {
        match self {
            Self::Constant(value) => *value,
            Self::Lognormal { p50, .. } => *p50,
            Self::Table(table) => table.at(0.5),
        }
    }

    fn scaled(&self, factor: f64) -> Self {
        let factor = if factor.is_finite() {
            factor.max(0.0)
        } else {
            1.0
        };
        match self {
            Self::Constant(value) => Self::Constant(value * factor),
            Self::Lognormal { p50, p99, sigma } => Self::Lognormal {
                p50: p50 * factor,
                p99: p99 * factor,
                sigma: *sigma,
            },
            Self::Table(table) => {
                let scale = |segment: &Segment| Segment {
                    at: segment.at * factor,
                    slope: segment.slope * factor,
                    ..*segment
                };
                Self::Table(Arc::new(Table {
                    segments: table.segments.iter().map(scale).collect(),
                    guide: table.guide.clone(),
                }))
            }
        }
    }
}

/// The figures of a law as a file writes them.
#[derive(Debug, Clone, PartialEq)]
pub enum LawFigures {
    /// Always the same.
    Constant(f64),
    /// A lognormal by its median and its 99th percentile.
    Lognormal {
        /// The median.
        p50: f64,
        /// The 99th percentile.
        p99: f64,
    },
    /// Quantiles, and the values there.
    Table {
        /// Rising, within 0 to 1.
        quantiles: Vec<f64>,
        /// As many, and none less than the one before.
        values: Vec<f64>,
    },
}

impl LawFigures {
    fn law(&self, scale: f64) -> Result<Law, LawError> {
        match self {
            Self::Constant(value) => Law::constant(value * scale),
            Self::Lognormal { p50, p99 } => Law::lognormal(p50 * scale, p99 * scale),
            Self::Table { quantiles, values } => {
                let values: Vec<f64> = values.iter().map(|value| value * scale).collect();
                Ok(Law::Table(Arc::new(Table::new(quantiles, &values)?)))
            }
        }
    }

    fn of(law: &Law, scale: f64) -> Self {
        match law {
            Law::Constant(value) => Self::Constant(value / scale),
            Law::Lognormal { p50, p99, .. } => Self::Lognormal {
                p50: p50 / scale,
                p99: p99 / scale,
            },
            Law::Table(table) => {
                let (quantiles, mut values) = table.rows();
                values.iter_mut().for_each(|value| *value /= scale);
                Self::Table { quantiles, values }
            }
        }
    }
}

/// A law of spans of time.
///
/// ```
/// use std::time::Duration;
/// use rushhour_cloud::profile::Spans;
/// use kernel::Streams;
///
/// let ms = Duration::from_millis;
/// let idle = Spans::from_quantiles(&[0.0, 1.0], &[ms(300), ms(420)])?;
/// assert_eq!((idle.mean(), idle.median()), (ms(360), ms(360)));
/// let drawn = idle.sample(&mut Streams::new(1).stream("idle", 0));
/// assert!((ms(300)..ms(420)).contains(&drawn));
/// # Ok::<(), rushhour_cloud::profile::LawError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Spans(Law);

impl Spans {
    /// No time at all.
    pub const ZERO: Self = Self(Law::Constant(0.0));

    /// Always the same span.
    #[must_use]
    pub fn constant(span: Duration) -> Self {
        Self(Law::Constant(nanoseconds(span)))
    }

    /// A lognormal by its median and its 99th percentile.
    ///
    /// # Errors
    /// If the median is zero or the percentile below it.
    pub fn lognormal(p50: Duration, p99: Duration) -> Result<Self, LawError> {
        Law::lognormal(nanoseconds(p50), nanoseconds(p99)).map(Self)
    }

    /// A table of quantiles: straight lines between them; beyond the outer ones the outer spans hold.
    ///
    /// # Errors
    /// If quantiles do not rise within 0 to 1, spans fall, or there are not as many of both.
    pub fn from_quantiles(quantiles: &[f64], at: &[Duration]) -> Result<Self, LawError> {
        let values: Vec<f64> = at.iter().copied().map(nanoseconds).collect();
        let table = Table::new(quantiles, &values)?;
        Ok(Self(Law::Table(Arc::new(table))))
    }

    /// The law of measured spans, in any order: their quantiles, the last stretch set so that the mean
    /// of the samples in it is kept, for a single straggler must not raise the mean.
    ///
    /// # Errors
    /// If there are none.
    pub fn from_samples(samples: &[Duration]) -> Result<Self, LawError> {
        let mut sorted: Vec<f64> = samples.iter().copied().map(nanoseconds).collect();
        sorted.sort_unstable_by(f64::total_cmp);
        let Some(last) = sorted.len().checked_sub(1) else {
            return no_law("no samples", "at least one");
        };
        let at = |quantile: f64| {
            let place = quantile * last as f64;
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "a quantile of 0 to 1 times an index"
            )]
            let below = place as usize;
            let above = sorted[(below + 1).min(last)];
            sorted[below] + (above - sorted[below]) * place.fract()
        };
        let mut values = FITTED_AT.map(at);
        let [.., before, end] = &mut values;
        let tail: Vec<f64> = sorted
            .iter()
            .copied()
            .filter(|value| value > before)
            .collect();
        if !tail.is_empty() {
            let mean = tail.iter().sum::<f64>() / tail.len() as f64;
            *end = (2.0 * mean - *before).max(*before);
        }
        let table = Table::new(&FITTED_AT, &values)?;
        Ok(Self(Law::Table(Arc::new(table))))
    }

    /// From figures in milliseconds.
    ///
    /// # Errors
    /// If they are negative or contradict each other.
    pub fn from_figures_ms(figures: &LawFigures) -> Result<Self, LawError> {
        figures.law(NS_PER_MS).map(Self)
    }

    /// The figures in milliseconds.
    #[must_use]
    pub fn figures_ms(&self) -> LawFigures {
        LawFigures::of(&self.0, NS_PER_MS)
    }

    /// Draws a span, to the nanosecond.
    #[inline]
    pub fn sample(&self, stream: &mut Stream) -> Duration {
        span(self.0.sample(stream))
    }

    /// The mean.
    #[must_use]
    pub fn mean(&self) -> Duration {
        span(self.0.mean())
    }

    /// The median.
    #[must_use]
    pub fn median(&self) -> Duration {
        span(self.0.median())
    }

    /// The same law with all spans so many times as long; a negative factor counts as none.
    #[must_use]
    pub fn scaled(&self, factor: f64) -> Self {
        Self(self.0.scaled(factor))
    }

    /// The span itself, if the law is a constant.
    #[must_use]
    pub fn as_constant(&self) -> Option<Duration> {
        match self.0 {
            Law::Constant(value) => Some(span(value)),
            Law::Lognormal { .. } | Law::Table(_) => None,
        }
    }
}

/// A law of dimensionless factors.
#[derive(Debug, Clone, PartialEq)]
pub struct Factors(Law);

impl Factors {
    /// From figures.
    ///
    /// # Errors
    /// If they are negative or contradict each other.
    pub fn from_figures(figures: &LawFigures) -> Result<Self, LawError> {
        figures.law(1.0).map(Self)
    }

    /// The figures.
    #[must_use]
    pub fn figures(&self) -> LawFigures {
        LawFigures::of(&self.0, 1.0)
    }

    /// Draws a factor.
    pub fn sample(&self, stream: &mut Stream) -> f64 {
        self.0.sample(stream)
    }

    /// The mean.
    #[must_use]
    pub fn mean(&self) -> f64 {
        self.0.mean()
    }
}

fn nanoseconds(span: Duration) -> f64 {
    span.as_nanos() as f64
}

/// Rounded to the nanosecond; beyond the range of 64 bits (584 years) the greatest.
fn span(nanoseconds: f64) -> Duration {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "laws give no negative values, and the cast saturates"
    )]
    let whole = (nanoseconds + 0.5) as u64;
    Duration::from_nanos(whole)
}
