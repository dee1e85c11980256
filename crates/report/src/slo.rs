//! Limits that a scenario sets, held against what was measured.

use crate::summary::{Slo, Summary};

/// What a limit's name may be, for messages.
pub const NAMES: &str = "STEP_p50, _p90, _p99, _p999, _mean or _max of a step of latency_ms \
    (such as quote_p99) or of schedule_lag; served_share; error_share; drop_share";

/// A name that is no limit's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("slo: found {0:?}, expected {NAMES}")]
pub struct SloError(pub String);

/// What a name measures.
enum Measure<'a> {
    Latency { step: &'a str, part: &'a str },
    ServedShare,
    ErrorShare,
    DropShare,
}

fn measure(name: &str) -> Result<Measure<'_>, SloError> {
    match name {
        "served_share" => return Ok(Measure::ServedShare),
        "error_share" => return Ok(Measure::ErrorShare),
        "drop_share" => return Ok(Measure::DropShare),
        _ => {}
    }
    match name.rsplit_once('_') {
        Some((step, part @ ("p50" | "p90" | "p99" | "p999" | "mean" | "max")))
            if !step.is_empty() =>
        {
            Ok(Measure::Latency { step, part })
        }
        _ => Err(SloError(name.to_owned())),
    }
}

/// Whether a name is a limit's: scenarios are checked before the run.
///
/// # Errors
/// If it is not.
pub fn known(name: &str) -> Result<(), SloError> {
    measure(name).map(|_| ())
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
            let figures = if *step == "schedule_lag" {
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
        let error = known("quote_p98").unwrap_err().to_string();
        assert!(
            error.starts_with("slo: found \"quote_p98\", expected STEP_p50"),
            "{error}"
        );
        assert!(known("_p99").is_err());
        assert_eq!(known("ping_ack_p99"), Ok(()));
    }
}
