//! A sweep: a scenario predicted for every combination of some of its keys' values, as one table, one CSV
//! and one JSON.

use std::fmt::Write as _;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::format::show;
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
    /// Seeds under which a limit of the scenario or the audit was broken. Absent in sweeps of before the field.
    #[serde(default)]
    pub failed: u64,
    /// Its figures; the half-widths of a single replica are not known, and 0.
    pub replicas: Replicas,
    /// Its figures less those of the first point, seed by seed; null for the first, and without replicas.
    pub less_first: Option<Replicas>,
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

    /// The heading and the rows of the CSV: the keys, the number of replicas, then each figure, its half-width,
    /// its difference to that of the first row, and the half-width of that; last the number of replicas that broke a limit
    /// or the audit.
    #[must_use]
    pub fn records(&self) -> Vec<Vec<String>> {
        let figures = FOLLOWED.iter().flat_map(|followed| {
            let kinds = ["", "_ci95", "_less_first", "_less_first_ci95"];
            kinds.map(|kind| format!("{}{kind}", followed.key))
        });
        let keys = self.keys.iter().cloned();
        let mut records = vec![
            keys.chain(["replicas".to_owned()])
                .chain(figures)
                .chain(["failed".to_owned()])
                .collect(),
        ];
        for point in &self.points {
            let mut record = point.values.clone();
            record.push(point.replicas.n.to_string());
            let several = point.replicas.n > 1;
            for followed in FOLLOWED {
                let own = point.replicas.figures.get(followed.key);
                let less = point.less_first.as_ref();
                let less = less.and_then(|less| less.figures.get(followed.key));
                let some = |value: Option<f64>| value.map_or_else(String::new, |v| v.to_string());
                record.push(some(own.map(|interval| interval.mean)));
                record.push(some(own.filter(|_| several).map(|interval| interval.ci95)));
                record.push(some(less.map(|interval| interval.mean)));
                record.push(some(less.map(|interval| interval.ci95)));
            }
            record.push(point.failed.to_string());
            records.push(record);
        }
        records
    }

    /// As plain text: a table of the points, and with replicas one of their differences to the first.
    #[must_use]
    pub fn text(&self) -> String {
        let mut out = format!("{} · seed {}\n\n", printable(&self.scenario), self.seed);
        let own = |point: &Point, followed: &Followed| {
            let interval = point.replicas.figures.get(followed.key)?;
            Some(match point.replicas.n {
                1 => show(interval.mean, followed.unit),
                _ => interval.show(followed.unit),
            })
        };
        self.table(&self.points, own, &mut out);
        let failed = self.points.iter().filter(|point| point.failed > 0);
        for point in failed {
            let (values, n) = (point.values.join(" "), point.replicas.n);
            let _ = writeln!(
                out,
                "  {} broke a limit or the audit under {} of {n} seeds",
                printable(&values),
                point.failed
            );
        }
        let others = self.points.get(1..).unwrap_or_default();
        if others.iter().any(|point| point.less_first.is_some()) {
            out.push_str("\nLess the first, seed by seed (?: the interval holds zero, so that there may be no difference)\n\n");
            let less = |point: &Point, followed: &Followed| {
                let interval = point.less_first.as_ref()?.figures.get(followed.key)?;
                let doubt = if interval.is_clear() { "" } else { " ?" };
                Some(format!("{}{doubt}", interval.show(followed.unit)))
            };
            self.table(others, less, &mut out);
        }
        out
    }

    /// A row for each point: its values, then the figures that are shown.
    fn table(
        &self,
        points: &[Point],
        cell: impl Fn(&Point, &Followed) -> Option<String>,
        out: &mut String,
    ) {
        let shown: Vec<&Followed> = SHOWN
            .iter()
            .filter_map(|key| FOLLOWED.iter().find(|followed| followed.key == *key))
            .collect();
        let keys = self.keys.iter().map(|key| printable(key));
        let names = shown.iter().map(|followed| followed.words.to_owned());
        let mut rows: Vec<Vec<String>> = vec![keys.chain(names).collect()];
        for point in points {
            let values = point.values.iter().map(|value| printable(value));
            let cells = shown
                .iter()
                .map(|followed| cell(point, followed).unwrap_or_else(|| "–".to_owned()));
            rows.push(values.chain(cells).collect());
        }
        let width = |column: usize| {
            let cells = rows.iter().map(|row| row[column].chars().count());
            cells.max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..rows[0].len()).map(width).collect();
        for row in &rows {
            for (cell, width) in row.iter().zip(&widths) {
                // Writing to a String cannot fail.
                let _ = write!(out, "{cell:>width$}  ");
            }
            out.truncate(out.trim_end().len());
            out.push('\n');
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replicas::Interval;

    #[test]
    fn a_table_and_a_csv_with_a_row_for_each_point() {
        let less = |mean| Replicas {
            n: 2,
            figures: [("wait_mean_s".to_owned(), Interval { mean, ci95: 1.25 })].into(),
        };
        let point = |value: &str, mean, less_first| Point {
            less_first,
            failed: 0,
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
            points: vec![
                point("1s", 60.0, None),
                point("4s", 60.5, Some(less(0.5))),
                point("8s", 63.0, Some(less(3.0))),
            ],
        };
        let text = sweep.text();
        assert!(
            text.contains("60.0 s ± 1.5 s") && text.contains("63.0 s ± 1.5 s"),
            "{text}"
        );
        assert!(
            text.contains("0.5 s ± 1.2 s ?") && text.contains("3.0 s ± 1.2 s  "),
            "{text}"
        );
        assert_eq!(text.lines().count(), 12);
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
                .all(|record| record.len() == 3 + 4 * FOLLOWED.len())
        );
    }
}
