//! The last step of a fit: the twin is run on the run's own scenario, and what a function's calls take more
//! or less there than measured is put right.
//!
//! A match round and a surge update make many calls side by side, which take longer together than a law of
//! single calls says. How much longer depends on how many there are, and is found by trying.

use std::time::Duration;

use cloud::profile::{Figure, LawFigures, Profile, Spans};
use report::summary::Summary;

use super::document::provenance;
use crate::exit::Failure;
use crate::predict;
use crate::scenario::Resolved;

/// Tries.
const TRIES: u32 = 3;

/// What was measured of a function: calls, and the sum of their durations in milliseconds.
fn ran(runs: &[&Summary], function: &str) -> (f64, f64) {
    let of = |summary: &&Summary| {
        let ran = summary.functions.get(function)?.duration_ms;
        Some((ran.count as f64, ran.count as f64 * ran.mean?))
    };
    let pairs = runs.iter().filter_map(of);
    pairs.fold((0.0, 0.0), |(calls, ms), (more, longer)| {
        (calls + more, ms + longer)
    })
}

/// How much longer a call was measured to take than it is predicted to, in milliseconds.
fn short_ms(predicted: &Summary, measured: &[&Summary], function: &str) -> Option<f64> {
    let (calls, ms) = ran(measured, function);
    let (calls_predicted, ms_predicted) = ran(&[predicted], function);
    (calls > 0.0 && calls_predicted > 0.0).then(|| ms / calls - ms_predicted / calls_predicted)
}

/// A law so much longer, nowhere below zero.
fn longer(law: &Spans, by_ms: f64) -> Option<Spans> {
    let figures = match law.figures_ms() {
        LawFigures::Table { quantiles, values } => LawFigures::Table {
            quantiles,
            values: values.iter().map(|ms| (ms + by_ms).max(0.0)).collect(),
        },
        LawFigures::Constant(ms) => LawFigures::Constant((ms + by_ms).max(0.0)),
        other => other,
    };
    Spans::from_figures_ms(&figures).ok()
}

/// Puts right what rounds take for each rider, and what an update of surge takes.
///
/// # Errors
/// If the scenario cannot be predicted, or `stop` says to end early.
pub fn settle(
    profile: &mut Profile,
    resolved: &Resolved,
    measured: &[&Summary],
    date: &str,
    stop: &dyn Fn() -> bool,
) -> Result<(), Failure> {
    for _ in 0..TRIES {
        let predicted = predict::figures(resolved, profile, stop)?;
        let mut figures = Vec::new();
        let riders = predicted
            .matching
            .round_size
            .mean
            .map_or(0.0, |mean| mean * predicted.matching.rounds as f64);
        if let Some(short) = short_ms(&predicted, measured, "matching")
            && riders > 0.0
        {
            let (calls, _) = ran(&[&predicted], "matching");
            let more_s = short * calls / riders / 1_000.0;
            let now_s = profile.service["matching.round"].per_item.as_secs_f64();
            let span = Duration::from_secs_f64((now_s + more_s).max(0.0));
            let key = "service.matching.round.per_item".to_owned();
            figures.push((key, Figure::Spans(Spans::constant(span))));
        }
        if let Some(short) = short_ms(&predicted, measured, "surge")
            && let Some(law) = longer(&profile.service["surge.update"].cpu, short)
        {
            let key = "service.surge.update.cpu".to_owned();
            figures.push((key, Figure::Spans(law)));
        }
        profile
            .set(figures, &provenance(date))
            .map_err(Failure::input)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_law_is_moved_and_stays_above_nothing() {
        let law = Spans::from_samples(&[Duration::from_millis(2), Duration::from_millis(4)]);
        let law = law.unwrap();
        let moved = longer(&law, 1.0).unwrap();
        assert_eq!(moved.median(), law.median() + Duration::from_millis(1));
        assert_eq!(longer(&law, -10.0).unwrap().mean(), Duration::ZERO);
    }
}
