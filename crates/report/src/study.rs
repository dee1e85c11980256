//! A study as plain text: each part with its figures and the half-widths of their 95 % intervals.

use std::fmt::Write as _;

use crate::format::{Unit, decimals, show};
use crate::summary::{StudyFigures, Summary};
use crate::text::printable;

/// The summary of a study as plain text.
#[must_use]
pub fn text(summary: &Summary) -> String {
    let mut out = String::new();
    // Writing to a String cannot fail, here and below.
    let _ = writeln!(
        out,
        "{} · seed {} · {} simulated in {} of computing",
        printable(&summary.scenario),
        summary.seed,
        show(summary.seconds.simulated, Unit::Seconds),
        show(summary.seconds.cpu, Unit::Seconds),
    );
    for note in &summary.notes {
        let _ = writeln!(out, "  note: {}", printable(note));
    }
    for (name, figures) in summary.study.iter().flatten() {
        let _ = writeln!(out, "\n{} ({})", printable(name), printable(&figures.kind));
        if let Some(note) = &figures.note {
            let _ = writeln!(out, "  {}", printable(note));
        }
        for row in rows(figures) {
            row.write(&mut out);
        }
    }
    out
}

struct Row {
    name: &'static str,
    value: Option<f64>,
    ci95: Option<f64>,
    scale: f64,
    unit: &'static str,
}

impl Row {
    fn write(&self, out: &mut String) {
        let (Some(value), Some(ci95)) = (self.value, self.ci95) else {
            return;
        };
        let (value, ci95) = (value * self.scale, ci95 * self.scale);
        let places = places(if ci95 > 0.0 { ci95 } else { value });
        let _ = writeln!(
            out,
            "  {:<24}{:>16} ± {}{}",
            self.name,
            decimals(value, places),
            decimals(ci95, places),
            self.unit
        );
    }
}

/// Decimals that show two digits of a half-width.
fn places(ci95: f64) -> usize {
    const MOST: usize = 9;
    (0..MOST)
        .find(|places| ci95 * 10f64.powi(i32::try_from(*places).unwrap_or(0)) >= 9.95)
        .unwrap_or(MOST)
        .min(if ci95 == 0.0 { 0 } else { MOST })
}

fn rows(of: &StudyFigures) -> [Row; 12] {
    let row = |name, value, ci95, scale, unit| Row {
        name,
        value,
        ci95,
        scale,
        unit,
    };
    let number = |name, value, ci95| row(name, value, ci95, 1.0, "");
    let share = |name, value, ci95| row(name, value, ci95, 100.0, " %");
    let seconds = |name, value, ci95| row(name, value, ci95, 1.0, " s");
    let arrivals = of.arrivals.map(|arrivals| arrivals as f64);
    let wait = &of.wait_s;
    [
        number("arrivals", arrivals, of.arrivals_ci95),
        share(
            "cold starts",
            of.cold_start_probability,
            of.cold_start_probability_ci95,
        ),
        share(
            "rejected",
            of.rejected_probability,
            of.rejected_probability_ci95,
        ),
        share("wait at all", of.wait_probability, of.wait_probability_ci95),
        seconds("wait, mean", wait.mean, wait.mean_ci95),
        seconds("wait, p50", wait.p50, wait.p50_ci95),
        seconds("wait, p99", wait.p99, wait.p99_ci95),
        number("instances, mean", of.instances_mean, of.instances_mean_ci95),
        number("  busy", of.busy_mean, of.busy_mean_ci95),
        number("  idle", of.idle_mean, of.idle_mean_ci95),
        number("batch, mean", of.batch_mean, of.batch_mean_ci95),
        number("batches a second", of.batches_per_s, of.batches_per_s_ci95),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::summary::ClockKind;

    #[test]
    fn figures_are_shown_as_exactly_as_they_are_known() {
        let mut summary = Summary::new("cold-starts", 7, "twin", ClockKind::Virtual);
        let pricing = StudyFigures {
            kind: "function".into(),
            arrivals: Some(900_123),
            arrivals_ci95: Some(1_912.4),
            cold_start_probability: Some(0.001_402_3),
            cold_start_probability_ci95: Some(0.000_081_2),
            rejected_probability: Some(0.0),
            rejected_probability_ci95: Some(0.0),
            ..StudyFigures::default()
        };
        let queue = StudyFigures {
            kind: "queue".into(),
            unstable: true,
            note: Some("unstable: found a load of 1.5, expected less than 1".into()),
            ..StudyFigures::default()
        };
        summary.study = Some([("pricing".into(), pricing), ("rings".into(), queue)].into());
        let text = text(&summary);
        for line in [
            "  arrivals                         900,123 ± 1,912\n",
            "  cold starts                       0.1402 ± 0.0081 %\n",
            "  rejected                               0 ± 0 %\n",
            "rings (queue)\n  unstable: found a load of 1.5, expected less than 1\n",
        ] {
            assert!(text.contains(line), "{line:?} in\n{text}");
        }
        assert!(!text.contains("wait"));
    }
}
