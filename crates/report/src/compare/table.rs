//! The comparison as one table: a row for each figure, a column for each placement.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::Comparison;
use crate::format::{Unit, count, show_some, words};
use crate::latency::step;
use crate::replicas::{FOLLOWED, Followed, cold_starts, throttles};
use crate::summary::{Cost, Summary};
use crate::text::printable;

/// The steps that are compared.
pub(crate) const STEPS: [&str; 4] = [
    step::QUOTE,
    step::REQUEST_TO_OFFER,
    step::REQUEST_TO_ACCEPT,
    step::PING_ACK,
];

/// A row of the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Under which heading it stands.
    pub group: &'static str,
    /// What it is.
    pub name: String,
    /// Its value for each placement, in their order.
    pub values: Vec<String>,
}

/// The rows of the table, in the order of reading. Figures over replicas stand with their half-widths.
#[must_use]
pub fn rows(comparison: &Comparison) -> Vec<Row> {
    let mut rows = Vec::new();
    let mut add = |group, name: String, value: &dyn Fn(&Summary) -> String| {
        let values = comparison
            .placements()
            .map(|(_, summary)| value(summary))
            .collect();
        rows.push(Row {
            group,
            name,
            values,
        });
    };
    let followed = |key: &'static str| move |summary: &Summary| over_replicas(summary, key);
    for step in STEPS {
        for (quantile, of) in [("p50", LatencyOf::P50), ("p99", LatencyOf::P99)] {
            let key = format!("{step}_{quantile}_ms");
            add(
                "Latency",
                format!("{} {quantile}", words(step)),
                &|summary| {
                    let figures = summary.latency_ms.get(step).copied().unwrap_or_default();
                    let value = match of {
                        LatencyOf::P50 => figures.p50,
                        LatencyOf::P99 => figures.p99,
                    };
                    interval(summary, &key, Unit::Milliseconds)
                        .unwrap_or_else(|| show_some(value, Unit::Milliseconds))
                },
            );
        }
    }
    const RIDES: &str = "Rides";
    add(RIDES, "requested".into(), &followed("rides_requested"));
    add(RIDES, "driver found".into(), &followed("served_share"));
    add(RIDES, "completed".into(), &followed("rides_completed"));
    add(
        RIDES,
        "wait for the car, mean".into(),
        &followed("wait_mean_s"),
    );
    const SYSTEM: &str = "System";
    add(SYSTEM, "throttles".into(), &|summary| {
        count(throttles(summary))
    });
    add(SYSTEM, "cold starts".into(), &|summary| {
        count(cold_starts(summary))
    });
    add(SYSTEM, "failed requests".into(), &|summary| {
        count(summary.load.errors)
    });
    add(SYSTEM, "container tasks, most".into(), &|summary| {
        count(
            summary
                .containers
                .values()
                .map(|container| container.tasks_max)
                .sum(),
        )
    });
    add(SYSTEM, "limits kept".into(), &|summary| {
        let kept = summary.slo.iter().filter(|slo| slo.passed).count();
        format!("{kept} of {}", summary.slo.len())
    });
    add(
        SYSTEM,
        "audit".into(),
        &|summary| match summary.audit.violations_count() {
            0 => "clean".into(),
            violations => format!("{} VIOLATIONS", count(violations)),
        },
    );
    const COST: &str = "Cost";
    add(COST, "a month at this load".into(), &|summary| {
        dollars(summary, "cost_per_month_usd", |cost| {
            cost.per_month_at_this_load
        })
    });
    add(COST, "a completed ride".into(), &|summary| {
        dollars(summary, "cost_per_completed_ride_usd", |cost| {
            cost.per_completed_ride
        })
    });
    for component in components(comparison) {
        add("A month, by component", words(&component), &|summary| {
            let cost = summary.cost_usd.as_ref();
            show_some(
                cost.and_then(|cost| cost.per_month_by_component.get(&component).copied()),
                Unit::Dollars,
            )
        });
    }
    rows
}

#[derive(Clone, Copy)]
enum LatencyOf {
    P50,
    P99,
}

/// Components that any placement pays for, the dearest first.
pub(crate) fn components(comparison: &Comparison) -> Vec<String> {
    let costs = || {
        comparison
            .placements()
            .filter_map(|(_, summary)| summary.cost_usd.as_ref())
    };
    let names: BTreeSet<&String> = costs()
        .flat_map(|cost| cost.per_month_by_component.keys())
        .collect();
    let most = |name: &String| {
        let of_each = costs().filter_map(|cost| cost.per_month_by_component.get(name));
        of_each.copied().fold(0.0, f64::max)
    };
    let mut names: Vec<(f64, String)> = names
        .into_iter()
        .map(|name| (most(name), name.clone()))
        .collect();
    names.retain(|(usd, _)| *usd > 0.0);
    names.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
    names.into_iter().map(|(_, name)| name).collect()
}

fn known(key: &str) -> Option<&'static Followed> {
    FOLLOWED.iter().find(|followed| followed.key == key)
}

fn interval(summary: &Summary, key: &str, unit: Unit) -> Option<String> {
    Some(summary.replicas.as_ref()?.figures.get(key)?.show(unit))
}

fn over_replicas(summary: &Summary, key: &str) -> String {
    let Some(followed) = known(key) else {
        return show_some(None, Unit::Number);
    };
    interval(summary, key, followed.unit)
        .unwrap_or_else(|| show_some(followed.of(summary), followed.unit))
}

fn dollars(summary: &Summary, key: &str, of: fn(&Cost) -> Option<f64>) -> String {
    let Some(cost) = &summary.cost_usd else {
        return show_some(None, Unit::Dollars);
    };
    let mark = if cost.unverified.is_empty() { "" } else { " *" };
    match interval(summary, key, Unit::Dollars) {
        Some(interval) => format!("{interval}{mark}"),
        None => cost.show(of(cost)),
    }
}

/// The comparison as plain text.
#[must_use]
pub fn text(comparison: &Comparison) -> String {
    let mut out = String::new();
    // Writing to a String cannot fail, here and below.
    let _ = writeln!(
        out,
        "{} by placement · seed {}",
        printable(&comparison.scenario),
        comparison.seed
    );
    for note in &comparison.notes {
        let _ = writeln!(out, "  note: {}", printable(note));
    }
    let rows = rows(comparison);
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row.values[column].chars().count());
        let heading = comparison.order[column].chars().count();
        cells.chain([heading]).max().unwrap_or(0)
    };
    let columns = comparison.placements().count();
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut group = "";
    for row in &rows {
        if row.group != group {
            let _ = write!(out, "\n{:<28}", row.group);
            for ((name, _), width) in comparison.placements().zip(&widths) {
                let heading = if group.is_empty() {
                    printable(name)
                } else {
                    String::new()
                };
                let _ = write!(out, "  {heading:>width$}");
            }
            while out.ends_with(' ') {
                out.pop();
            }
            out.push('\n');
            group = row.group;
        }
        let _ = write!(out, "  {:<26}", printable(&row.name));
        for (value, width) in row.values.iter().zip(&widths) {
            let _ = write!(out, "  {value:>width$}");
        }
        out.push('\n');
    }
    for note in footnotes(comparison) {
        let _ = writeln!(out, "  {}", printable(&note));
    }
    differences(comparison, &mut out);
    let _ = writeln!(out, "\nBreak-even");
    for sentence in comparison.break_even.sentences() {
        let _ = writeln!(out, "  {}", printable(&sentence));
    }
    out
}

/// What the marks at dollars mean.
pub(crate) fn footnotes(comparison: &Comparison) -> Vec<String> {
    let costs = comparison
        .placements()
        .filter_map(|(_, summary)| summary.cost_usd.as_ref());
    let all: BTreeSet<String> = costs
        .flat_map(|cost| cost.unverified.iter().cloned())
        .collect();
    let cost = Cost {
        unverified: all.into_iter().collect(),
        ..Cost::default()
    };
    cost.footnote().into_iter().collect()
}

fn differences(comparison: &Comparison, out: &mut String) {
    let (Some(differences), Some(first)) = (&comparison.differences, comparison.order.first())
    else {
        return;
    };
    for name in &comparison.order[1..] {
        let Some(replicas) = differences.get(name) else {
            continue;
        };
        let _ = writeln!(
            out,
            "\n{} less {}, over {} paired seeds",
            printable(name),
            printable(first),
            replicas.n
        );
        for followed in FOLLOWED {
            let Some(interval) = replicas.figures.get(followed.key) else {
                continue;
            };
            let clear = if interval.is_clear() {
                ""
            } else {
                "   no clear difference"
            };
            let shown = interval.show(followed.unit);
            let _ = writeln!(out, "  {:<26}  {shown:>26}{clear}", followed.words);
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::compare::{BreakEven, SCHEMA};
    use crate::replicas::{Interval, Replicas};
    use crate::summary::ClockKind;

    /// Two placements, of which the second costs less, with and without replicas.
    pub(crate) fn comparison(replicas: bool) -> Comparison {
        let placement = |usd: f64| {
            let mut summary = Summary::new("peak", 7, "twin", ClockKind::Virtual);
            summary.cost_usd = Some(Cost {
                total: usd / 730.0,
                per_month_at_this_load: Some(usd),
                per_month_by_component: [
                    ("fargate".to_owned(), usd),
                    ("schedules".to_owned(), 0.0),
                ]
                .into(),
                unverified: vec!["profile.table.get".into()],
                ..Cost::default()
            });
            let mean = Interval {
                mean: usd,
                ci95: 2.0,
            };
            summary.replicas = replicas.then(|| Replicas {
                n: 3,
                figures: [("cost_per_month_usd".to_owned(), mean)].into(),
            });
            summary
        };
        let difference = Replicas {
            n: 3,
            figures: [(
                "cost_per_month_usd".to_owned(),
                Interval {
                    mean: -40.0,
                    ci95: 50.0,
                },
            )]
            .into(),
        };
        let curves = [
            ("hybrid".to_owned(), vec![100.0, 200.0]),
            ("all-<b>".to_owned(), vec![140.0, 160.0]),
        ];
        Comparison {
            schema: SCHEMA.to_owned(),
            scenario: "peak".into(),
            seed: 7,
            order: vec!["hybrid".into(), "all-<b>".into()],
            placements: [
                ("hybrid".to_owned(), placement(200.0)),
                ("all-<b>".to_owned(), placement(160.0)),
            ]
            .into(),
            parts: std::collections::BTreeMap::new(),
            differences: replicas.then(|| [("all-<b>".to_owned(), difference)].into()),
            break_even: BreakEven::of(vec![100.0, 1_000.0], vec![10.0, 100.0], &curves),
            notes: vec!["a note".into()],
        }
    }

    #[test]
    fn one_table_with_columns_in_the_order_asked_for() {
        let text = text(&comparison(false));
        let heading = text
            .lines()
            .find(|line| line.starts_with("Latency"))
            .unwrap();
        assert!(
            heading.ends_with("all-<b>") && heading.contains("  hybrid"),
            "{text}"
        );
        assert!(text.contains("$200.00 *"), "{text}");
        assert!(text.contains("* rests on a figure that nobody has checked: profile.table.get"));
        assert!(
            text.contains("hybrid is cheaper than all-<b> below 550 rides an hour"),
            "{text}"
        );
        assert!(
            text.contains("fargate") && !text.contains("schedules"),
            "{text}"
        );
    }

    #[test]
    fn replicas_stand_with_their_half_widths() {
        let text = text(&comparison(true));
        assert!(text.contains("$200.00 ± $2.00 *"), "{text}");
        assert!(
            text.contains("all-<b> less hybrid, over 3 paired seeds"),
            "{text}"
        );
        assert!(
            text.contains("$-40.00 ± $50.00   no clear difference"),
            "{text}"
        );
    }
}
