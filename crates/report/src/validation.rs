//! How what the twin predicts stands against what was measured: the document of `rushhour validate`.

use std::fmt::Write as _;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Name and version of the layout.
pub const SCHEMA: &str = "rushhour.validation/1";

/// What kind a figure is: how far a prediction may be off depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Rides or calls a second.
    Throughput,
    /// Calls under way, on average.
    Concurrency,
    /// A median.
    P50,
    /// A 99th percentile.
    P99,
    /// Told, and nothing is asked of it.
    Told,
}

impl Kind {
    /// The most that a prediction may be off, as a share of what was measured.
    #[must_use]
    pub const fn target(self) -> Option<f64> {
        match self {
            Self::Throughput | Self::Concurrency => Some(0.03),
            Self::P50 => Some(0.10),
            Self::P99 => Some(0.20),
            Self::Told => None,
        }
    }
}

/// One figure.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Row {
    /// Which, such as `quote p50` or `trips calls`.
    pub name: String,
    /// What it is in: `ms`, `/s`, or nothing for counts.
    pub unit: String,
    /// What kind it is.
    pub kind: Kind,
    /// What the twin says.
    pub predicted: Option<f64>,
    /// The median of the runs.
    pub measured: Option<f64>,
    /// The least and the most of the runs.
    pub spread: Option<(f64, f64)>,
    /// How far the prediction is off, as a share of what was measured.
    pub error: Option<f64>,
    /// Whether that is within the target; null where there is none, or nothing was measured.
    pub within: Option<bool>,
}

impl Row {
    /// A figure, of one prediction and of some runs.
    #[must_use]
    pub fn new(name: &str, unit: &str, kind: Kind, predicted: Option<f64>, runs: &[f64]) -> Self {
        let mut sorted = runs.to_vec();
        sorted.sort_unstable_by(f64::total_cmp);
        let measured = median(&sorted);
        let spread = sorted.first().copied().zip(sorted.last().copied());
        let error = match (predicted, measured) {
            (Some(predicted), Some(measured)) if measured != 0.0 => {
                Some((predicted - measured) / measured)
            }
            (Some(0.0), Some(_)) => Some(0.0),
            _ => None,
        };
        let within = kind
            .target()
            .filter(|_| measured.is_some())
            .map(|target| error.is_some_and(|error| error.abs() <= target));
        Self {
            name: name.to_owned(),
            unit: unit.to_owned(),
            kind,
            predicted,
            measured,
            spread,
            error,
            within,
        }
    }
}

/// The middle one; of an even number the mean of the two.
fn median(sorted: &[f64]) -> Option<f64> {
    let last = sorted.len().checked_sub(1)?;
    Some(f64::midpoint(sorted[last / 2], sorted[last.div_ceil(2)]))
}

/// One load.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LoadOutcome {
    /// The scenario's demand and drivers, so many times.
    pub load: f64,
    /// Measured runs.
    pub runs: u64,
    /// Whether the profile was calibrated on these very runs: then it is a fit and no prediction.
    pub calibrated_on: bool,
    /// The share of this machine's processors that the runs used, on average; null where it is not known.
    pub cpu_share: Option<f64>,
    /// The figures.
    pub rows: Vec<Row>,
}

impl LoadOutcome {
    /// Figures that have a target, and of those the ones within.
    #[must_use]
    pub fn judged(&self) -> (usize, usize) {
        let judged = self.rows.iter().filter_map(|row| row.within);
        let within = judged.clone().filter(|within| *within).count();
        (judged.count(), within)
    }
}

/// The document.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(title = "Rushhour validation")]
pub struct Validation {
    /// Name and version of this layout: `rushhour.validation/1`.
    pub schema: String,
    /// Version of the program.
    pub version: String,
    /// Name of the scenario.
    pub scenario: String,
    /// The seed that replays it.
    pub seed: u64,
    /// When the runs were made, `YYYY-MM-DD`.
    pub measured_on: String,
    /// The machine.
    pub machine: String,
    /// The profile that the twin predicted on, and what it was calibrated on.
    pub profile: String,
    /// Figures of which there were too few samples to calibrate.
    pub uncalibrated: Vec<String>,
    /// Each load.
    pub loads: Vec<LoadOutcome>,
    /// Whether every prediction is within its target.
    pub within: bool,
}

impl Validation {
    /// The document as JSON, indented, with a line end at the end.
    #[must_use]
    pub fn to_json(&self) -> String {
        let mut json =
            serde_json::to_string_pretty(self).expect("it holds only strings, numbers and lists");
        json.push('\n');
        json
    }

    /// The document as a table of Markdown for each load.
    #[must_use]
    pub fn to_markdown(&self) -> String {
        let mut text = format!(
            "Scenario `{}`, seed {}, measured {} on {}. Profile: {}.\n",
            self.scenario, self.seed, self.measured_on, self.machine, self.profile
        );
        if !self.uncalibrated.is_empty() {
            let keys = self.uncalibrated.join("`, `");
            let _ = writeln!(text, "Too few samples to calibrate: `{keys}`.");
        }
        for load in &self.loads {
            load_markdown(load, &mut text);
        }
        text
    }
}

fn load_markdown(load: &LoadOutcome, text: &mut String) {
    let runs = if load.runs == 1 { "run" } else { "runs" };
    let what = if load.calibrated_on {
        "calibrated on these: a fit, no prediction"
    } else {
        "predicted"
    };
    let (judged, within) = load.judged();
    let cpu = load.cpu_share.map_or(String::new(), |share| {
        format!(", {:.0} % of the processors in use", share * 100.0)
    });
    // Writing to a String cannot fail.
    let _ = write!(
        text,
        "\n**Load {}** ({} {runs}, {what}{cpu}; {within} of {judged} within target)\n\n\
         | figure | predicted | measured (least to most) | error | target |\n\
         | --- | ---: | ---: | ---: | ---: |\n",
        load.load, load.runs
    );
    for row in &load.rows {
        let spread = match row.spread {
            Some((least, most)) if load.runs > 1 => {
                format!(" ({} to {})", number(least), number(most))
            }
            _ => String::new(),
        };
        let some = |value: Option<f64>| value.map_or("–".to_owned(), number);
        let error = row
            .error
            .map_or("–".to_owned(), |error| format!("{:+.1} %", error * 100.0));
        let error = match row.within {
            Some(false) => format!("**{error}**"),
            _ => error,
        };
        let target = row
            .kind
            .target()
            .map_or(String::new(), |target| format!("{:.0} %", target * 100.0));
        let unit = if row.unit.is_empty() {
            String::new()
        } else {
            format!(", {}", row.unit)
        };
        let _ = writeln!(
            text,
            "| {}{unit} | {} | {}{spread} | {error} | {target} |",
            row.name,
            some(row.predicted),
            some(row.measured),
        );
    }
}

/// Three digits that count.
fn number(value: f64) -> String {
    match value.abs() {
        0.0 => "0".to_owned(),
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        size if size >= 1.0 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_takes_the_median_and_judges_by_its_kind() {
        let row = Row::new("quote p50", "ms", Kind::P50, Some(10.9), &[12.0, 10.0, 9.0]);
        assert_eq!((row.measured, row.spread), (Some(10.0), Some((9.0, 12.0))));
        assert_eq!(row.within, Some(true));
        let row = Row::new("quotes", "/s", Kind::Throughput, Some(10.9), &[10.0]);
        assert_eq!(row.within, Some(false));
        let row = Row::new("quote p50", "ms", Kind::P50, None, &[10.0]);
        assert_eq!((row.error, row.within), (None, Some(false)));
        let row = Row::new("quote p50", "ms", Kind::P50, Some(1.0), &[]);
        assert_eq!((row.error, row.within), (None, None));
        let row = Row::new("throttles", "", Kind::Told, Some(1.0), &[2.0, 4.0]);
        assert_eq!((row.measured, row.within), (Some(3.0), None));
        let row = Row::new("calls", "/s", Kind::Throughput, Some(0.0), &[0.0]);
        assert_eq!(row.within, Some(true));
    }

    #[test]
    fn the_table_marks_what_is_off() {
        let rows = vec![
            Row::new("quote p50", "ms", Kind::P50, Some(13.0), &[10.0, 10.0]),
            Row::new("throttles", "", Kind::Told, Some(1.0), &[2.0, 4.0]),
        ];
        let load = LoadOutcome {
            load: 2.0,
            runs: 2,
            calibrated_on: false,
            cpu_share: Some(0.25),
            rows,
        };
        let mut text = String::new();
        load_markdown(&load, &mut text);
        for expected in [
            "**Load 2** (2 runs, predicted, 25 % of the processors in use; 0 of 1 within target)",
            "| quote p50, ms | 13.0 | 10.0 (10.0 to 10.0) | **+30.0 %** | 10 % |",
            "| throttles | 1.00 | 3.00 (2.00 to 4.00) | -66.7 % |  |",
        ] {
            assert!(text.contains(expected), "{expected}\n{text}");
        }
    }
}
