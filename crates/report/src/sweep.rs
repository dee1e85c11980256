//! A sweep: a scenario predicted for every combination of some of its keys' values, as one table, one CSV
//! and one JSON.

use std::fmt::Write as _;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::replicas::{FOLLOWED, Followed, Replicas};
use crate::text::printable;

/// The value of [`Sweep::schema`] that this version writes.
pub const SCHEMA: &str = "rushhour.sweep/1";
/// The figures of the table; the CSV has all.
const SHOWN: [&str; 9] = [
    "rides_requested",
    "rides_completed",
    "served_share",
    "wait_mean_s",
    "pickup_distance_mean_m",
    "utilisation",
    "pay_per_online_hour",
    "request_to_accept_p99_ms",
    "cost_per_month_usd",
];

/// All that is told of a sweep.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(title = "Rushhour sweep of a scenario")]
pub struct Sweep {
    /// Name and version of this layout: `rushhour.sweep/1`.
    pub schema: String,
    /// Name of the scenario.
    pub scenario: String,
    /// The first seed.
    pub seed: u64,
    /// The keys that were varied.
    pub keys: Vec<String>,
    /// A point for each combination, the last key varying first.
    pub points: Vec<Point>,
}

/// A combination, and what it came to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Point {
    /// A value for each key.
    pub values: Vec<String>,
    /// Its figures; the half-widths of a single replica are not known, and 0.
    pub replicas: Replicas,
}

impl Sweep {
    /// As JSON: indented, with a line end at the end.
    #[must_use]
    pub fn to_json(&self) -> String {
        let mut text = serde_json::to_string_pretty(self)
            .expect("a sweep holds only strings, numbers and maps with string keys");
        text.push('\n');
        text
    }

    /// The heading and the rows of the CSV: the keys, the number of replicas, then each figure and its half-width.
    #[must_use]
    pub fn records(&self) -> Vec<Vec<String>> {
        let figures = || {
            FOLLOWED
                .iter()
                .flat_map(|f| [f.key.to_owned(), format!("{}_ci95", f.key)])
        };
        let heading = self
            .keys
            .iter()
            .cloned()
            .chain(["replicas".to_owned()])
            .chain(figures());
        let mut records: Vec<Vec<String>> = vec![heading.collect()];
        for point in &self.points {
            let replicas = &point.replicas;
            let mut record = point.values.clone();
            record.push(replicas.n.to_string());
            for followed in FOLLOWED {
                match replicas.figures.get(followed.key) {
                    Some(interval) => {
                        record.push(interval.mean.to_string());
                        record.push(if replicas.n > 1 {
                            interval.ci95.to_string()
                        } else {
                            String::new()
                        });
                    }
                    None => record.extend([String::new(), String::new()]),
                }
            }
            records.push(record);
        }
        records
    }

    /// As one table in plain text.
    #[must_use]
    pub fn text(&self) -> String {
        let shown: Vec<&Followed> = SHOWN
            .iter()
            .filter_map(|key| FOLLOWED.iter().find(|followed| followed.key == *key))
            .collect();
        let heading = self.keys.iter().map(|key| printable(key));
        let mut table: Vec<Vec<String>> = vec![
            heading
                .chain(shown.iter().map(|followed| followed.words.to_owned()))
                .collect(),
        ];
        for point in &self.points {
            let values = point.values.iter().map(|value| printable(value));
            let figures =
                shown
                    .iter()
                    .map(|followed| match point.replicas.figures.get(followed.key) {
                        Some(interval) if point.replicas.n > 1 => interval.show(followed.unit),
                        Some(interval) => crate::format::show(interval.mean, followed.unit),
                        None => "–".to_owned(),
                    });
            table.push(values.chain(figures).collect());
        }
        let width = |column: usize| {
            table
                .iter()
                .map(|row| row[column].chars().count())
                .max()
                .unwrap_or(0)
        };
        let widths: Vec<usize> = (0..table[0].len()).map(width).collect();
        let mut out = format!("{} · seed {}\n\n", printable(&self.scenario), self.seed);
        for row in &table {
            for (cell, width) in row.iter().zip(&widths) {
                // Writing to a String cannot fail.
                let _ = write!(out, "{cell:>width$}  ");
            }
            out.truncate(out.trim_end().len());
            out.push('\n');
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replicas::Interval;

    #[test]
    fn a_table_and_a_csv_with_a_row_for_each_point() {
        let point = |value: &str, mean| Point {
            values: vec![value.to_owned()],
            replicas: Replicas {
                n: 2,
                figures: [("wait_mean_s".to_owned(), Interval { mean, ci95: 1.5 })].into(),
            },
        };
        let sweep = Sweep {
            schema: SCHEMA.to_owned(),
            scenario: "peak".into(),
            seed: 3,
            keys: vec!["dispatch.window".into()],
            points: vec![point("1s", 60.0), point("8s", 61.0)],
        };
        let text = sweep.text();
        assert!(
            text.contains("60.0 s ± 1.5 s") && text.contains("61.0 s ± 1.5 s"),
            "{text}"
        );
        assert_eq!(text.lines().count(), 5);
        let records = sweep.records();
        let column = records[0]
            .iter()
            .position(|name| name == "wait_mean_s_ci95")
            .unwrap();
        assert_eq!(
            (records[1][0].as_str(), records[1][column].as_str()),
            ("1s", "1.5")
        );
        assert!(
            records
                .iter()
                .all(|record| record.len() == 2 + 2 * FOLLOWED.len())
        );
    }
}
