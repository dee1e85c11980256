//! Thresholds: what a load's figures must keep to, written as `p99<200ms`, `errors<1%` or `rate>950/s`.

use std::fmt::{self, Display, Formatter};
use std::str::FromStr;

use workload::law::parse_span;

use crate::document::Document;

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Metric {
    /// The latency that this share of requests does not exceed.
    Quantile(f64),
    Mean,
    Max,
    /// How late requests were looked after, that share of them at most.
    Lag(f64),
    /// The share of sent requests that failed, or were answered with an error.
    Errors,
    /// The share of due requests that were dropped.
    Dropped,
    /// Answers a second.
    Rate,
}

/// How it is held against its limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Relation {
    Below,
    AtMost,
    Above,
    AtLeast,
}

impl Relation {
    /// The longer signs first, because the shorter ones begin them.
    const ALL: [(&'static str, Self); 4] = [
        ("<=", Self::AtMost),
        (">=", Self::AtLeast),
        ("<", Self::Below),
        (">", Self::Above),
    ];

    fn holds(self, value: f64, limit: f64) -> bool {
        match self {
            Self::Below => value < limit,
            Self::AtMost => value <= limit,
            Self::Above => value > limit,
            Self::AtLeast => value >= limit,
        }
    }
}

/// A limit.
#[derive(Debug, Clone, PartialEq)]
pub struct Threshold {
    text: String,
    metric: Metric,
    relation: Relation,
    /// Milliseconds, a share of 1, or requests a second.
    limit: f64,
}

/// A text that is no threshold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "found threshold {0:?}, expected METRIC, one of < <= > >=, and a value: p50, p99, p99.9, mean, max or lag-p99 with a span (p99<200ms), errors or dropped with a percentage (errors<1%), rate with requests a second (rate>950/s)"
)]
pub struct ThresholdError(pub String);

/// A threshold held against what was measured.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdict {
    /// The threshold as it was written.
    pub threshold: String,
    /// What was measured, in words.
    pub found: String,
    /// Whether it was kept. What was not measured was not.
    pub kept: bool,
}

impl FromStr for Threshold {
    type Err = ThresholdError;

    fn from_str(text: &str) -> Result<Self, ThresholdError> {
        let read = || {
            let (sign, relation) = Relation::ALL
                .into_iter()
                .find(|(sign, _)| text.contains(sign))?;
            let (metric, limit) = text.split_once(sign)?;
            let (metric, limit) = (metric_of(metric.trim())?, limit.trim());
            let limit = match metric {
                Metric::Quantile(_) | Metric::Lag(_) | Metric::Mean | Metric::Max => {
                    parse_span(limit).ok()?.as_secs_f64() * 1_000.0
                }
                Metric::Errors | Metric::Dropped => {
                    plain(limit.strip_suffix('%')?).filter(|share| *share <= 100.0)? / 100.0
                }
                Metric::Rate => plain(limit.strip_suffix("/s").unwrap_or(limit))?,
            };
            Some((metric, relation, limit))
        };
        let (metric, relation, limit) = read().ok_or_else(|| ThresholdError(text.to_owned()))?;
        Ok(Self {
            text: text.to_owned(),
            metric,
            relation,
            limit,
        })
    }
}

impl Display for Threshold {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

fn plain(number: &str) -> Option<f64> {
    let number: f64 = number.trim().parse().ok()?;
    (number >= 0.0 && number.is_finite()).then_some(number)
}

fn metric_of(name: &str) -> Option<Metric> {
    let share = |percent: &str| {
        plain(percent)
            .filter(|percent| *percent > 0.0 && *percent <= 100.0)
            .map(|percent| percent / 100.0)
    };
    Some(match name {
        "mean" => Metric::Mean,
        "max" => Metric::Max,
        "errors" => Metric::Errors,
        "dropped" => Metric::Dropped,
        "rate" => Metric::Rate,
        _ => match name.strip_prefix("lag-p") {
            Some(percent) => Metric::Lag(share(percent)?),
            None => Metric::Quantile(share(name.strip_prefix('p')?)?),
        },
    })
}

impl Threshold {
    /// Holds it against what was measured.
    #[must_use]
    pub fn judge(&self, measured: &Document) -> Verdict {
        let figure = self.figure(measured);
        let kept = figure.is_some_and(|figure| self.relation.holds(figure, self.limit));
        let found = figure.map(|figure| match self.metric {
            Metric::Errors | Metric::Dropped => format!("{:.3} %", figure * 100.0),
            Metric::Rate => format!("{figure:.1}/s"),
            _ => format!("{figure:.3} ms"),
        });
        Verdict {
            threshold: self.text.clone(),
            found: found.unwrap_or_else(|| "nothing measured".to_owned()),
            kept,
        }
    }

    fn figure(&self, measured: &Document) -> Option<f64> {
        match self.metric {
            Metric::Quantile(share) => measured.latency()?.quantile_ms(share),
            Metric::Mean => measured.latency()?.figures().mean,
            Metric::Max => measured.latency()?.figures().max,
            Metric::Lag(share) => measured.lag()?.quantile_ms(share),
            Metric::Errors => measured.error_share(),
            Metric::Dropped => measured.drop_share(),
            Metric::Rate => Some(measured.rate_per_s),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::tests::sample;
    use proptest::prelude::*;

    fn judged(text: &str) -> bool {
        let threshold: Threshold = text.parse().unwrap();
        threshold.judge(&sample()).kept
    }

    #[test]
    fn figures_are_held_against_limits() {
        // 1,000 answers within 1 to 1,000 ms, 10 of them errors, 10 more failed and 10 dropped, over 10 s.
        for (text, kept) in [
            ("p50<501ms", true),
            ("p50 < 499ms", false),
            ("p99<=0.991s", true),
            ("p99>1s", false),
            ("p99.9>990ms", true),
            ("max<1001ms", true),
            ("mean<400ms", false),
            ("lag-p99<2ms", true),
            ("lag-p99<1us", false),
            ("errors<2%", true),
            ("errors<1.9%", false),
            ("dropped<=1%", true),
            ("dropped<0.1%", false),
            ("rate>99/s", true),
            ("rate>=100", true),
            ("rate>100/s", false),
        ] {
            assert_eq!(judged(text), kept, "{text}");
        }
        let threshold: Threshold = "p99<1s".parse().unwrap();
        let verdict = threshold.judge(&Document::default());
        assert_eq!(
            (verdict.kept, verdict.found.as_str()),
            (false, "nothing measured")
        );
    }

    #[test]
    fn what_is_no_threshold_is_refused() {
        for text in [
            "",
            "p99",
            "p99<",
            "<5ms",
            "p99=5ms",
            "p0<5ms",
            "p101<5ms",
            "pp<5ms",
            "p99<5",
            "p99<-5ms",
            "errors<1",
            "errors<101%",
            "errors<nan%",
            "rate>fast",
            "rate>-1/s",
            "speed>1",
            "p99<5%",
            "lag<5ms",
        ] {
            let error = text.parse::<Threshold>().unwrap_err().to_string();
            assert!(
                error.starts_with(&format!("found threshold {text:?}, expected METRIC")),
                "{error}"
            );
        }
    }

    proptest! {
        #[test]
        fn a_limit_and_its_opposite_are_never_both_kept(percent in 1u32..=1000, ms in 0u32..2_000) {
            let percent = f64::from(percent) / 10.0;
            let below = judged(&format!("p{percent}<{ms}ms"));
            let at_least = judged(&format!("p{percent}>={ms}ms"));
            prop_assert!(below != at_least);
            // What keeps a limit keeps a wider one.
            let wider = judged(&format!("p{percent}<={}ms", ms + 1));
            prop_assert!(!below || wider);
        }

        #[test]
        fn any_text_is_read_or_refused(text in ".{0,12}") {
            let _ = text.parse::<Threshold>();
        }
    }
}
