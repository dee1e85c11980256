//! Limits that a scenario sets, held against what was measured.

use crate::latency::step;
use crate::summary::{Slo, Summary};

/// What is known of a step's latencies.
const PARTS: [&str; 6] = ["p50", "p90", "p99", "p999", "mean", "max"];

/// Shares that a limit may be set to.
const SHARES: [&str; 3] = ["served_share", "error_share", "drop_share"];

/// A name that is no limit's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("slo: found {0:?}, expected one of {known}", known = known())]
pub struct SloError(pub String);

/// What a limit is a limit of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Milliseconds of a latency.
    Milliseconds,
    /// A share, from 0 to 1.
    Share,
}

/// What a name measures.
enum Measure<'a> {
    Latency { step: &'a str, part: &'a str },
    ServedShare,
    ErrorShare,
    DropShare,
}

impl Measure<'_> {
    fn unit(&self) -> Unit {
        match self {
            Self::Latency { .. } => Unit::Milliseconds,
            Self::ServedShare | Self::ErrorShare | Self::DropShare => Unit::Share,
        }
    }
}

fn measure(name: &str) -> Result<Measure<'_>, SloError> {
    match name {
        "served_share" => return Ok(Measure::ServedShare),
        "error_share" => return Ok(Measure::ErrorShare),
        "drop_share" => return Ok(Measure::DropShare),
        _ => {}
    }
    match name.rsplit_once('_') {
        Some((step, part)) if step::OF_A_RUN.contains(&step) && PARTS.contains(&part) => {
            Ok(Measure::Latency { step, part })
        }
        _ => Err(SloError(name.to_owned())),
    }
}

/// Every name of a limit.
#[must_use]
pub fn names() -> Vec<String> {
    let of_step = |step| PARTS.map(|part| format!("{step}_{part}"));
    let latencies = step::OF_A_RUN.into_iter().flat_map(of_step);
    SHARES
        .map(str::to_owned)
        .into_iter()
        .chain(latencies)
        .collect()
}

/// Every name of a limit in few words, for messages.
#[must_use]
pub fn known() -> String {
    format!(
        "{}, and each of {} with one of _{} after it",
        SHARES.join(", "),
        step::OF_A_RUN.join(", "),
        PARTS.join(", _")
    )
}

/// What a name is a limit of: scenarios are checked before the run.
///
/// # Errors
/// If the name is no limit's.
pub fn unit(name: &str) -> Result<Unit, SloError> {
    measure(name).map(|measure| measure.unit())
}

/// Holds limits against a summary: latencies in milliseconds and shares of errors and drops may not
/// exceed them, the share served may not fall below. What was not measured has failed.
///
/// # Errors
/// If a name is no limit's.
pub fn evaluate(limits: &[(String, f64)], summary: &Summary) -> Result<Vec<Slo>, SloError> {
    limits
        .iter()
        .map(|(name, limit)| {
            let measure = measure(name)?;
            let actual = actual(&measure, summary);
            let passed = actual.is_some_and(|actual| match measure {
                Measure::ServedShare => actual >= *limit,
                _ => actual <= *limit,
            });
            Ok(Slo {
                name: name.clone(),
                limit: *limit,
                actual,
                passed,
            })
        })
        .collect()
}

fn actual(measure: &Measure<'_>, summary: &Summary) -> Option<f64> {
    let load = &summary.load;
    let share = |part: u64, whole: u64| (whole > 0).then(|| part as f64 / whole as f64);
    match measure {
        Measure::ServedShare => summary.served_share(),
        Measure::ErrorShare => share(load.errors, load.sent),
        Measure::DropShare => share(load.dropped, load.offered),
        Measure::Latency { step, part } => {
            let figures = if *step == step::SCHEDULE_LAG {
                &load.schedule_lag_ms
            } else {
                summary.latency_ms.get(*step)?
            };
            match *part {
                "p50" => figures.p50,
                "p90" => figures.p90,
                "p99" => figures.p99,
                "p999" => figures.p999,
                "mean" => figures.mean,
                _ => figures.max,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::summary::ClockKind;

    #[test]
    fn limits_are_kept_broken_or_not_measured() {
        let mut summary = Summary::new("s", 1, "twin", ClockKind::Virtual);
        summary.latency_ms.get_mut("quote").unwrap().p99 = Some(40.0);
        summary.rides.served_share = Some(0.95);
        summary.load.schedule_lag_ms.p99 = Some(60.0);
        let limits = [
            ("quote_p99", 50.0),
            ("served_share", 0.95),
            ("schedule_lag_p99", 50.0),
            ("request_to_offer_p99", 4_000.0),
        ]
        .map(|(name, limit)| (name.to_owned(), limit));
        let slos = evaluate(&limits, &summary).unwrap();
        let passed: Vec<_> = slos.iter().map(|slo| slo.passed).collect();
        assert_eq!(passed, [true, true, false, false]);
        assert_eq!(slos[3].actual, None);
    }

    #[test]
    fn unknown_names_are_refused() {
        for name in ["quote_p98", "qoute_p99", "_p99", "quote", "served"] {
            let error = unit(name).unwrap_err().to_string();
            let expected = format!("slo: found {name:?}, expected one of served_share, ");
            assert!(error.starts_with(&expected), "{error}");
        }
        assert_eq!(unit("ping_ack_p99"), Ok(Unit::Milliseconds));
        assert_eq!(unit("drop_share"), Ok(Unit::Share));
        assert!(names().iter().all(|name| unit(name).is_ok()));
    }

    /// Whatever may be limited can be kept once it was measured.
    #[test]
    fn every_name_is_of_something_that_a_run_measures() {
        let mut latencies = crate::latency::Latencies::default();
        for step in step::OF_A_RUN {
            latencies.record(step, std::time::Duration::from_millis(3));
        }
        let mut summary = Summary::new("s", 1, "twin", ClockKind::Virtual);
        summary.latency_ms = latencies.figures();
        summary.load.schedule_lag_ms = summary.latency_ms[step::SCHEDULE_LAG];
        summary.rides.served_share = Some(1.0);
        (summary.load.sent, summary.load.offered) = (1, 1);
        let limits: Vec<_> = names().into_iter().map(|name| (name, 1.0)).collect();
        for slo in evaluate(&limits, &summary).unwrap() {
            assert!(slo.actual.is_some(), "{}", slo.name);
        }
    }
}
